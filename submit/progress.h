// How a running job looks: rates and ETA from a window of 30 s, the bars, the plain lines. Pure.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/wire/control.h"
#include "submit/console.h"

namespace mr::submit {

// Done part of a phase, 0 … 1, by bytes where they are known: the last task is not the last
// percent.
double PhaseFraction(const wire::PhaseProgress& phase);
double ShuffleFraction(const wire::JobView& job);

// Speeds of the last 30 s.
class ProgressMeter {
 public:
  static constexpr Duration kWindow = std::chrono::seconds(30);
  static constexpr Duration kEnough = std::chrono::seconds(5);  // less than this says nothing

  void Add(Time now, const wire::JobView& job);
  double MapBytesPerSecond() const;
  double ShuffleBytesPerSecond() const;

  enum class EtaKind : uint8_t {
    kHidden,
    kUnsure,
    kKnown
  };  // unsure: it would jump by more than a factor of 2
  struct Eta {
    EtaKind kind = EtaKind::kHidden;
    double seconds = 0;
  };
  Eta eta() const { return eta_; }

 private:
  struct Sample {
    Time time{};
    uint64_t map_bytes = 0;
    uint64_t shuffle_bytes = 0;
    double fraction = 0;
  };
  double Rate(uint64_t Sample::*bytes) const;
  void UpdateEta();
  std::deque<Sample> samples_;
  Eta eta_;
  double last_seconds_ = 0;
};

struct FrameOptions {
  size_t width = 80;
  Style style;
  std::string page;  // address of the job's page, or empty
  int64_t now_unix_ms = 0;
};

// A bar of `width` columns.
std::string Bar(double fraction, size_t width, const Style& style);

// The lines of one frame, none wider than options.width.
std::vector<std::string> RenderFrame(const wire::JobView& job, const ProgressMeter& meter,
                                     const FrameOptions& options);

// "09:14:00 j43 totals submitted: 412 map, 16 reduce tasks, 25.7 GiB"
std::string SubmittedLine(const wire::JobView& job, int64_t now_unix_ms);
// "09:14:10 j43 map 72% (297/412) shuffle 31% reduce 0% eta 4s"
std::string ProgressLine(const wire::JobView& job, const ProgressMeter& meter, int64_t now_unix_ms);
// Changes when a phase begins or ends: then a plain line is due at once.
int PhaseOf(const wire::JobView& job);

}  // namespace mr::submit
