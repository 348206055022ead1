// Shows a watched job in one of the output modes: bars in place, timed lines, JSON lines, or
// nothing. One thread.
#pragma once

#include <string>
#include <vector>

#include "common/wire/control.h"
#include "submit/console.h"
#include "submit/progress.h"

namespace mr::submit {

enum class ProgressMode : uint8_t { kBar, kPlain, kJson, kNone };

// --progress, --json and --quiet together; auto is bars on a terminal of 60 columns or more, else
// lines. Errors: kInvalidArgument for an unknown mode.
Result<ProgressMode> ChooseProgressMode(const Settings& settings, const Console& console);

class ProgressDisplay {
 public:
  struct Options {
    ProgressMode mode = ProgressMode::kPlain;
    Duration interval = std::chrono::seconds(10);  // between plain or JSON lines
    std::string page;
    bool json_to_err = false;  // standard output is taken by the job's result
  };
  ProgressDisplay(Console& console, Options options)
      : console_(console), options_(std::move(options)) {}
  ~ProgressDisplay() { Clear(); }
  ProgressDisplay(const ProgressDisplay&) = delete;
  ProgressDisplay& operator=(const ProgressDisplay&) = delete;

  void Submitted(const wire::JobView& job, Now now);
  void Update(const wire::JobView& job, Now now);
  // A line that stays under the bars until changed; empty = none.
  void SetQuestion(std::string question);
  void Redraw(Now now);
  // A line of its own, above the bars.
  void Say(const std::string& line);
  void Result(const wire::JobView& job, int exit_code, Now now);
  // Removes the frame and gives the cursor back.
  void Clear();

  const ProgressMeter& meter() const { return meter_; }
  ProgressMode mode() const { return options_.mode; }

 private:
  void Draw(Now now);
  void ShowNews(const wire::JobView& job, Now now);
  void JsonLine(const std::string& line);
  static constexpr Duration kRedraw = std::chrono::milliseconds(100);
  Console& console_;
  Options options_;
  ProgressMeter meter_;
  wire::JobView last_;
  bool has_last_ = false;
  std::string question_;
  std::string last_warning_;
  size_t lines_drawn_ = 0;
  bool cursor_hidden_ = false;
  Time first_{};
  Time next_{};
  int phase_ = -1;
};

}  // namespace mr::submit
