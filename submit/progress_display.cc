#include "submit/progress_display.h"

#include <algorithm>

#include "common/base/strings.h"
#include "submit/json_views.h"

namespace mr::submit {
namespace {

constexpr size_t kBarWidthMin = 60;
constexpr std::string_view kHideCursor = "\x1b[?25l";
constexpr std::string_view kShowCursor = "\x1b[?25h";
// A job that is over sooner shows no bars at all: they would only flash.
constexpr Duration kFirstFrame = std::chrono::milliseconds(150);

}  // namespace

Result<ProgressMode> ChooseProgressMode(const Settings& settings, const Console& console) {
  MR_ASSIGN_OR_RETURN(const size_t choice,
                      settings.Choice("progress", {"auto", "bar", "plain", "json", "none"}, 0));
  if (choice > 0) return static_cast<ProgressMode>(choice - 1);
  if (console.json()) return ProgressMode::kJson;
  if (console.quiet()) return ProgressMode::kNone;
  const bool wide = console.err_is_terminal() && console.ErrWidth() >= kBarWidthMin;
  return wide ? ProgressMode::kBar : ProgressMode::kPlain;
}

void ProgressDisplay::JsonLine(const std::string& line) {
  if (console_.json() && !options_.json_to_err)
    console_.Out(line + "\n");
  else
    console_.Err(line + "\n");
}

void ProgressDisplay::Submitted(const wire::JobView& job, Now now) {
  first_ = now.mono;
  next_ = now.mono + (options_.mode == ProgressMode::kBar ? kFirstFrame : options_.interval);
  phase_ = PhaseOf(job);
  last_ = job;
  has_last_ = true;
  meter_.Add(now.mono, job);
  if (options_.mode == ProgressMode::kPlain) Say(SubmittedLine(job, now.unix_ms));
  if (options_.mode == ProgressMode::kJson) JsonLine(SubmittedJson(job, now.unix_ms));
}

void ProgressDisplay::ShowNews(const wire::JobView& job, Now now) {
  // Those after the last one shown.
  auto from = std::find(job.warnings.rbegin(), job.warnings.rend(), last_warning_);
  for (auto it = last_warning_.empty() ? job.warnings.begin() : from.base();
       it != job.warnings.end(); ++it) {
    if (options_.mode == ProgressMode::kJson) JsonLine(WarningJson(job, *it, now.unix_ms));
    if (options_.mode == ProgressMode::kPlain) {
      Say(StrCat(FormatLocalTime(now.unix_ms), " ", ToString(job.id), " ",
                 console_.err_style().warning(), " ", *it));
    }
  }
  if (!job.warnings.empty()) last_warning_ = job.warnings.back();
  if (options_.mode == ProgressMode::kJson && has_last_ && job.state != last_.state) {
    JsonLine(StateJson(job, now.unix_ms));
  }
}

void ProgressDisplay::Update(const wire::JobView& job, Now now) {
  meter_.Add(now.mono, job);
  ShowNews(job, now);
  last_ = job;
  has_last_ = true;
  if (wire::IsEnded(job.state)) return;
  if (options_.mode == ProgressMode::kBar) {
    if (now.mono >= next_) Draw(now);
    return;
  }
  const bool new_phase = PhaseOf(job) != phase_;
  // A short job would print nothing but changes of phase; the first second is kept quiet.
  const bool quiet_start = now.mono < first_ + std::chrono::seconds(1);
  if (now.mono < next_ && (!new_phase || quiet_start)) return;
  phase_ = PhaseOf(job);
  next_ = now.mono + options_.interval;
  if (options_.mode == ProgressMode::kPlain) Say(ProgressLine(job, meter_, now.unix_ms));
  if (options_.mode == ProgressMode::kJson) JsonLine(ProgressJson(job, meter_.eta(), now.unix_ms));
}

void ProgressDisplay::Draw(Now now) {
  next_ = now.mono + kRedraw;
  FrameOptions frame;
  frame.width = console_.ErrWidth();
  frame.style = console_.err_style();
  frame.page = options_.page;
  frame.now_unix_ms = now.unix_ms;
  std::vector<std::string> lines = RenderFrame(last_, meter_, frame);
  if (!question_.empty()) lines.push_back(CutToWidth(question_, frame.width));
  std::string text;
  if (!cursor_hidden_) text += kHideCursor;
  cursor_hidden_ = true;
  if (lines_drawn_ > 0) text += StrCat("\x1b[", lines_drawn_, "A");
  for (const std::string& line : lines) text += StrCat("\r", line, "\x1b[K\n");
  text += "\x1b[J";
  lines_drawn_ = lines.size();
  console_.Err(text);
}

void ProgressDisplay::SetQuestion(std::string question) {
  if (question == question_) return;
  const bool is_new = question_.empty();
  question_ = std::move(question);
  if (options_.mode != ProgressMode::kBar && is_new && !question_.empty())
    console_.Err(question_ + "\n");
}

void ProgressDisplay::Redraw(Now now) {
  if (options_.mode == ProgressMode::kBar && has_last_) Draw(now);
}

void ProgressDisplay::Say(const std::string& line) {
  Clear();
  console_.Err(line + "\n");
}

void ProgressDisplay::Result(const wire::JobView& job, int exit_code, Now now) {
  Clear();
  if (options_.mode != ProgressMode::kJson) return;
  if (job.failure) JsonLine(TaskFailedJson(job, now.unix_ms));
  JsonLine(ResultJson(job, exit_code, now.unix_ms));
}

void ProgressDisplay::Clear() {
  if (!cursor_hidden_) return;
  std::string text = "\r";
  if (lines_drawn_ > 0) text += StrCat("\x1b[", lines_drawn_, "A");
  text += StrCat("\x1b[J", kShowCursor);
  console_.Err(text);
  lines_drawn_ = 0;
  cursor_hidden_ = false;
}

}  // namespace mr::submit
