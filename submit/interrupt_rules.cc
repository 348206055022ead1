#include "submit/interrupt_rules.h"

#include "submit/exit_codes.h"

namespace mr::submit {

Decision InterruptRules::Ask(Time now) {
  state_ = State::kAsking;
  deadline_ = now + kAskTime;
  return Decision::kAsk;
}

Decision InterruptRules::Kill(Time now) {
  state_ = State::kKilling;
  deadline_ = now + kKillTime;
  return Decision::kKill;
}

Decision InterruptRules::Detach(Time now) { return setup_.local ? Kill(now) : Decision::kDetach; }

Decision InterruptRules::OnKey(char key, Time now) {
  if (state_ == State::kKilling) return Decision::kNothing;
  if (state_ == State::kWatching) {
    if (key == 'd' && !setup_.local) return Detach(now);
    return key == 'k' ? Ask(now) : Decision::kNothing;
  }
  if (key == 'k') return Kill(now);
  if (key == 'd') return Detach(now);
  if (key != 'c') return Decision::kNothing;
  state_ = State::kWatching;
  return Decision::kGoOn;
}

Decision InterruptRules::OnSignal(bool terminate, Time now) {
  if (state_ == State::kKilling) return Decision::kLeave;
  terminated_ = terminate;
  if (state_ == State::kAsking) return Kill(now);
  if (setup_.on_interrupt == OnInterrupt::kDetach) return Detach(now);
  if (setup_.on_interrupt == OnInterrupt::kAsk && setup_.terminal) return Ask(now);
  return Kill(now);
}

Decision InterruptRules::OnEvent(const Event& event, Time now) {
  switch (event.kind) {
    case EventKind::kInterrupt:
      return OnSignal(false, now);
    case EventKind::kTerminate:
      return OnSignal(true, now);
    case EventKind::kHangup:
      return state_ == State::kKilling ? Decision::kLeave : Detach(now);
    case EventKind::kKey:
      return OnKey(event.key, now);
    case EventKind::kResize:
    case EventKind::kSuspend:
    case EventKind::kContinue:
    case EventKind::kChildEnded:
      return Decision::kNothing;
  }
  return Decision::kNothing;
}

Decision InterruptRules::OnTime(Time now) {
  if (state_ == State::kWatching || now < deadline_) return Decision::kNothing;
  if (state_ == State::kAsking) return Detach(now);
  return Decision::kLeave;
}

int InterruptRules::KilledExitCode() const {
  return terminated_ ? kExitTerminated : kExitInterrupted;
}

}  // namespace mr::submit
