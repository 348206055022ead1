// How long somebody who watches a job puts up with a coordinator that does not answer, and when that is said. Pure.
#pragma once

#include <string>

#include "common/base/clock.h"
#include "common/base/strings.h"
#include "submit/settings.h"

namespace mr::submit {

class Outage {
 public:
  explicit Outage(Duration limit) : limit_(limit) {}

  enum class Verdict { kTryAgain, kSayAndTryAgain, kGiveUp };
  // A question was not answered. It is said at the first and then ever more rarely.
  Verdict OnSilence(Time now) {
    if (!lasts_) {
      lasts_ = true;
      since_ = now;
      say_after_ = kFirstPause;
      next_word_ = now + say_after_;
      return limit_ > Duration::zero() ? Verdict::kSayAndTryAgain : Verdict::kGiveUp;
    }
    if (now - since_ >= limit_) return Verdict::kGiveUp;
    if (now < next_word_) return Verdict::kTryAgain;
    say_after_ *= 2;
    next_word_ = now + say_after_;
    return Verdict::kSayAndTryAgain;
  }
  // True: it is over.
  bool OnAnswer() {
    const bool lasted = lasts_;
    lasts_ = false;
    return lasted;
  }
  Duration Lasted(Time now) const { return lasts_ ? now - since_ : Duration::zero(); }

 private:
  static constexpr Duration kFirstPause = std::chrono::seconds(30);

  Duration limit_;
  bool lasts_ = false;
  Time since_{};
  Duration say_after_{};
  Time next_word_{};
};

inline constexpr Duration kUnavailablePause = std::chrono::milliseconds(500);

// --outage-timeout
inline Result<Duration> OutageTimeout(const Settings& settings) {
  MR_ASSIGN_OR_RETURN(const int64_t ms, settings.DurationMs("outage-timeout", 600'000));
  return Duration(std::chrono::milliseconds(ms));
}

// "mrsubmit: coordinator tcp://… does not answer; trying again (2m 0s so far)", or what it says instead.
inline std::string OutageText(const std::string& endpoint, const Error& error, Duration lasted) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(lasted).count();
  const std::string what = error.code == ErrorCode::kUnavailable
                               ? error.text
                               : StrCat("coordinator ", endpoint, " does not answer");
  return StrCat("mrsubmit: ", what, "; trying again",
                ms < 1000 ? "" : StrCat(" (", FormatElapsed(ms), " so far)"));
}

}  // namespace mr::submit
