// What Ctrl-C and its relatives mean while a job is watched. Pure: told the events and the time.
//
// At a terminal: the first Ctrl-C asks (kill, detach, go on; after 10 s: detach), the second kills,
// the third leaves at once. Without a terminal: SIGINT and SIGTERM kill the job. SIGHUP always
// detaches: a lost connection must not end hours of work. A local job cannot be left alone: there,
// detaching kills.
#pragma once

#include <optional>

#include "common/base/clock.h"
#include "submit/events.h"
#include "submit/job_request.h"

namespace mr::submit {

enum class Decision : uint8_t { kNothing, kAsk, kGoOn, kKill, kDetach, kLeave };

class InterruptRules {
 public:
  struct Setup {
    bool terminal = false;
    OnInterrupt on_interrupt = OnInterrupt::kAsk;
    bool local = false;
  };
  static constexpr Duration kAskTime = std::chrono::seconds(10);
  static constexpr Duration kKillTime =
      std::chrono::seconds(10);  // waiting for the word that it is dead

  explicit InterruptRules(Setup setup) : setup_(setup) {}

  Decision OnEvent(const Event& event, Time now);
  // Time passed: an unanswered question, or a kill without an answer.
  Decision OnTime(Time now);
  bool asking() const { return state_ == State::kAsking; }
  bool killing() const { return state_ == State::kKilling; }
  Duration AskTimeLeft(Time now) const { return deadline_ - now; }
  // For the end: 130 or 143 after a kill of ours.
  int KilledExitCode() const;

 private:
  enum class State : uint8_t { kWatching, kAsking, kKilling };
  Decision Ask(Time now);
  Decision Kill(Time now);
  Decision Detach(Time now);
  Decision OnKey(char key, Time now);
  Decision OnSignal(bool terminate, Time now);
  Setup setup_;
  State state_ = State::kWatching;
  Time deadline_{};
  bool terminated_ = false;
};

}  // namespace mr::submit
