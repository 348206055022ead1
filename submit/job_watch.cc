#include "submit/job_watch.h"

#include <algorithm>

#include "common/base/strings.h"
#include "submit/exit_codes.h"

namespace mr::submit {
namespace {

constexpr Duration kThrottleMax = std::chrono::milliseconds(100);

InterruptRules::Setup RulesFor(const WatchOptions& options, const Console& console) {
  const bool terminal = console.in_is_terminal() && console.err_is_terminal();
  return {terminal, options.on_interrupt, options.local != nullptr};
}

}  // namespace

JobWatch::JobWatch(Cluster& cluster, Console& console, EventSource& events, WatchOptions options)
    : cluster_(cluster),
      console_(console),
      events_(events),
      options_(std::move(options)),
      display_(console, options_.display),
      rules_(RulesFor(options_, console)),
      outage_(options_.outage_timeout) {}

WatchEnd JobWatch::Run(JobId job) {
  job_ = job;
  begin_ = Read().mono;
  if (console_.in_is_terminal() && console_.err_is_terminal()) events_.WatchKeys();
  while (!exit_code_) {
    HandleEvents();
    if (exit_code_ || CheckTime()) break;
    const uint64_t version = view_ ? view_->version : 0;
    Result<wire::JobView> answer =
        cluster_.Watch(job_, version, view_ ? WaitMs() : 0, events_.descriptor());
    if (!answer) {
      OnLost(answer.error());
      continue;
    }
    if (outage_.OnAnswer()) display_.Say("mrsubmit: the coordinator answers again");
    const bool first = !view_;
    view_ = std::move(*answer);
    job_ = view_->id;
    if (first) display_.Submitted(*view_, Read());
    TellPause();
    display_.Update(*view_, Read());
    if (wire::IsEnded(view_->state))
      Finish();
    else
      Throttle();
  }
  return {exit_code_.value_or(kExitBug), view_};
}

void JobWatch::OnLost(const Error& error) {
  if (error.code == ErrorCode::kCancelled) return;  // an event: taken at the top of the loop
  if (error.code != ErrorCode::kTimeout && error.code != ErrorCode::kUnavailable) {
    Stop(ExitCodeOf(error), error.text);
    return;
  }
  const Time now = Read().mono;
  const Outage::Verdict verdict = outage_.OnSilence(now);
  if (verdict != Outage::Verdict::kGiveUp && !rules_.killing()) {
    if (verdict == Outage::Verdict::kSayAndTryAgain)
      display_.Say(OutageText(cluster_.endpoint(), error, outage_.Lasted(now)));
    // One that answers at once that it cannot answer must not be asked without a pause.
    if (error.code == ErrorCode::kUnavailable) events_.Wait(kUnavailablePause);
    return;
  }
  Stop(kExitUnreachable,
       StrCat(error.text, "\n", ToString(job_),
              " may still be running. Watch it again: mrsubmit attach ", ToString(job_)));
}

void JobWatch::Stop(int exit_code, const std::string& line) {
  display_.Clear();
  exit_code_ = exit_code;
  if (!line.empty()) console_.Error(line);
}

void JobWatch::HandleEvents() {
  for (const Event& event : events_.Take()) {
    if (event.kind == EventKind::kSuspend) {
      display_.Clear();
      events_.SuspendSelf();
      display_.Redraw(Read());
    } else if (event.kind == EventKind::kResize || event.kind == EventKind::kContinue) {
      display_.Redraw(Read());
    } else if (event.kind == EventKind::kChildEnded && options_.local != nullptr) {
      const std::string death = options_.local->DeathText();
      if (death.empty()) continue;
      options_.local->KeepLogs();
      Stop(kExitBug, StrCat(death, "\nIts logs are in ", options_.local->directory()));
    } else {
      Decide(rules_.OnEvent(event, Read().mono));
    }
    if (exit_code_) return;
  }
}

bool JobWatch::CheckTime() {
  const Time now = Read().mono;
  Decide(rules_.OnTime(now));
  if (exit_code_) return true;
  if (rules_.asking()) AskQuestion();
  if (options_.wait_timeout && now >= begin_ + *options_.wait_timeout && !rules_.killing()) {
    if (options_.local != nullptr) {
      display_.Say(
          "mrsubmit: --wait-timeout is over; a local job ends with this command: killing it");
      Decide(rules_.OnEvent({EventKind::kHangup, 0}, now));
      return false;
    }
    Stop(kExitStillRunning,
         StrCat(ToString(job_),
                " is still running after --wait-timeout. Watch it again: mrsubmit attach ",
                ToString(job_)));
    return true;
  }
  return false;
}

void JobWatch::Decide(Decision decision) {
  const std::string id = ToString(job_);
  switch (decision) {
    case Decision::kNothing:
      return;
    case Decision::kAsk:
      AskQuestion();
      return;
    case Decision::kGoOn:
      display_.SetQuestion("");
      display_.Redraw(Read());
      return;
    case Decision::kKill:
      display_.SetQuestion("");
      Kill();
      return;
    case Decision::kDetach:
      display_.Clear();
      console_.Note(StrCat("detached. Watch: mrsubmit attach ", id, "   Stop: mrsubmit kill ", id));
      exit_code_ = kExitStillRunning;
      return;
    case Decision::kLeave:
      Stop(options_.local != nullptr ? rules_.KilledExitCode() : kExitStillRunning,
           options_.local != nullptr
               ? ""
               : StrCat("left before ", id, " was reported dead; look with: mrsubmit status ", id));
      return;
  }
}

void JobWatch::AskQuestion() {
  const auto seconds =
      std::chrono::ceil<std::chrono::seconds>(rules_.AskTimeLeft(Read().mono)).count();
  std::string state;
  if (view_) {
    state = StrCat(" (map ", static_cast<int>(PhaseFraction(view_->map) * 100), " %");
    const ProgressMeter::Eta eta = display_.meter().eta();
    if (eta.kind == ProgressMeter::EtaKind::kKnown) {
      state += StrCat(", about ", FormatElapsed(static_cast<int64_t>(eta.seconds * 1000)), " left");
    }
    state += ")";
  }
  const bool local = options_.local != nullptr;
  const std::string out =
      local ? StrCat("[k] kill (in ", seconds, " s; a local job cannot be left alone)   ")
            : StrCat("[k] kill   [d] detach (in ", seconds, " s)   ");
  display_.SetQuestion(StrCat("  ", local ? "the job" : ToString(job_), " runs on", state, ".   ",
                              out, "[c] go on   Ctrl-C again: kill"));
  display_.Redraw(Read());
}

void JobWatch::Kill() {
  if (options_.local != nullptr && !rules_.asking()) {
    display_.Say("killing the job; a local job ends with this command");
  } else {
    display_.Say(StrCat("killing ", ToString(job_), " …"));
  }
  wire::KillRequest request;
  request.job = job_;
  request.reason = StrCat("interrupted by ", UserName());
  // Not interruptible: a second Ctrl-C must not keep the first one's word from arriving.
  const Result<wire::KillResponse> answer = cluster_.Ask<wire::KillResponse>(std::move(request));
  if (!answer) Stop(ExitCodeOf(answer.error()), answer.error().text);
}

// Once per pause: what happened, and what to type. The progress display goes on below.
void JobWatch::TellPause() {
  const bool paused = view_->state == wire::JobState::kPaused;
  if (paused == told_pause_) return;
  told_pause_ = paused;
  if (display_.mode() == ProgressMode::kJson) return;  // has its own line for each change of state
  if (paused) {
    display_.Clear();
    console_.Err(PausedReport(*view_, options_.report));
  } else if (!wire::IsEnded(view_->state)) {
    display_.Say(StrCat(ToString(job_), " goes on"));
  }
}

void JobWatch::Finish() {
  const bool ours = view_->state == wire::JobState::kKilled && rules_.killing();
  exit_code_ = ours ? rules_.KilledExitCode() : ExitCodeOf(view_->state);
  display_.Result(*view_, *exit_code_, Read());
  const bool failed = *exit_code_ != kExitDone;
  if (display_.mode() == ProgressMode::kJson) return;
  if (display_.mode() == ProgressMode::kPlain) {
    console_.Note(StrCat(FormatLocalTime(Read().unix_ms), " ", ToString(view_->id), " ",
                         view_->state == wire::JobState::kSucceeded ? "succeeded"
                         : view_->state == wire::JobState::kKilled  ? "KILLED"
                                                                    : "FAILED"));
  }
  if (failed || !console_.quiet()) console_.Err(EndReport(*view_, options_.report));
}

uint32_t JobWatch::WaitMs() const {
  if (rules_.asking()) return 200;
  return display_.mode() == ProgressMode::kBar ? 200 : 1000;
}

void JobWatch::Throttle() {
  // A busy job changes all the time. The longer it runs, the less it matters to hear at once; a
  // short one is asked about without a pause.
  const Duration gap = std::min(kThrottleMax, (Read().mono - begin_) / 20);
  if (gap >= std::chrono::milliseconds(1)) events_.Wait(gap);
}

}  // namespace mr::submit
