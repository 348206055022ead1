// Which of several coordinators to ask. Pure: no clock, socket or random device.
//
// Order: the last one that answered, then whom a member names as the leader, then the others, shuffled. A hint is
// followed only if its term is not older than one already heard of, not if it names who has just been silent in that
// term, and at most twice in a row: then it is a pause and the next member's turn, so that two members that name each
// other are no trap. Refusals come at once and are
// paced (50 ms doubling to half a second, with jitter: an election takes no longer); silence is not, as it took its time already.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/base/clock.h"

namespace mr::net {

class LeaderFinder {
 public:
  using RandomBelow = std::function<uint64_t(uint64_t bound)>;  // uniform in [0, bound)

  // Endpoints as RequestChannel::Connect takes them, at least one.
  LeaderFinder(std::vector<std::string> endpoints, RandomBelow random);

  const std::string& current() const { return current_; }  // whom to ask
  Time ask_at() const { return ask_at_; }                  // and not earlier than then
  const std::vector<std::string>& endpoints() const { return endpoints_; }

  // current() does not lead. `leader`: whom it knows to lead in `term`, without a key; or empty.
  void OnNotLeader(const std::string& leader, uint64_t term, Time now);
  // current() could not be reached, or did not answer in time.
  void OnSilence();
  // False: the answer is of an older leader than one already heard of, and must not be believed.
  bool OnAnswer(uint64_t epoch);

 private:
  void Next();
  void Pause(Time now);

  std::vector<std::string> endpoints_;  // shuffled
  RandomBelow random_;
  std::string current_;
  size_t next_ = 0;       // in endpoints_
  size_t tried_ = 0;      // members asked in vain since the last pause or answer
  uint32_t hops_ = 0;     // hints followed since then
  // Of hints and answers; a member that was cut off in a campaign may have heard of a term that nobody leads, so
  // answers are measured against answers only.
  uint64_t newest_term_ = 0;
  uint64_t newest_epoch_ = 0;
  // Who did not answer, and the newest term known then: members that have not noticed yet go on naming it.
  std::string silent_;
  uint64_t silent_term_ = 0;
  Duration backoff_{};
  Time ask_at_{};
};

// Members know each other's addresses, lists also their keys: `endpoint` with the key that `list` has for it; with
// `other_key` (or none) if it is not in the list and has none of its own.
std::string WithKeyOf(const std::vector<std::string>& list, const std::string& endpoint,
                      const std::string& other_key);

// "tcp://a:1, tcp://b:1 or tcp://c:1", without keys.
std::string EndpointsText(const std::vector<std::string>& endpoints);

}  // namespace mr::net
