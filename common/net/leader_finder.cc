#include "common/net/leader_finder.h"

#include <algorithm>

#include "common/base/strings.h"
#include "common/net/endpoint.h"

namespace mr::net {
namespace {

using std::chrono::milliseconds;

constexpr uint32_t kHopsMax = 2;
constexpr Duration kFirstPause = milliseconds(50);
constexpr Duration kLongestPause = milliseconds(500);

}  // namespace

LeaderFinder::LeaderFinder(std::vector<std::string> endpoints, RandomBelow random)
    : endpoints_(std::move(endpoints)), random_(std::move(random)), backoff_(kFirstPause) {
  for (size_t i = endpoints_.size(); i > 1; --i) {
    std::swap(endpoints_[i - 1], endpoints_[random_(i)]);
  }
  current_ = endpoints_.front();
  next_ = 1;
}

void LeaderFinder::OnNotLeader(const std::string& leader, uint64_t term, Time now) {
  const bool fresh = term >= newest_term_;
  newest_term_ = std::max(newest_term_, term);
  ask_at_ = now;
  ++tried_;
  if (fresh && !leader.empty() && ParseEndpoint(SplitServerKey(leader).endpoint)) {
    std::string named = WithKeyOf(endpoints_, leader, SplitServerKey(current_).server_key);
    const bool known_silent = named == silent_ && term <= silent_term_;
    if (named != current_ && !known_silent && hops_ < kHopsMax) {
      ++hops_;
      current_ = std::move(named);
      return;
    }
  }
  if (tried_ >= endpoints_.size() || hops_ >= kHopsMax) Pause(now);
  Next();
}

void LeaderFinder::OnSilence() {
  ++tried_;
  silent_ = current_;
  silent_term_ = newest_term_;
  Next();
}

bool LeaderFinder::OnAnswer(uint64_t epoch) {
  if (epoch == 0) return true;  // it could not say
  if (epoch < newest_epoch_) return false;
  newest_epoch_ = epoch;
  newest_term_ = std::max(newest_term_, epoch);
  tried_ = 0;
  hops_ = 0;
  backoff_ = kFirstPause;
  silent_.clear();
  return true;
}

void LeaderFinder::Next() {
  for (size_t i = 0; i < endpoints_.size(); ++i) {
    const std::string& candidate = endpoints_[next_++ % endpoints_.size()];
    if (candidate == current_) continue;
    current_ = candidate;
    return;
  }
}

void LeaderFinder::Pause(Time now) {
  const auto half = static_cast<uint64_t>(backoff_.count()) / 2;
  ask_at_ = now + Duration(static_cast<int64_t>(half + random_(half + 1)));
  backoff_ = std::min(2 * backoff_, kLongestPause);
  tried_ = 0;
  hops_ = 0;
}

std::string WithKeyOf(const std::vector<std::string>& list, const std::string& endpoint,
                      const std::string& other_key) {
  const KeyedEndpoint wanted = SplitServerKey(endpoint);
  for (const std::string& known : list) {
    if (SplitServerKey(known).endpoint == wanted.endpoint) return known;
  }
  if (!wanted.server_key.empty() || other_key.empty()) return endpoint;
  return StrCat(endpoint, "#", other_key);
}

std::string EndpointsText(const std::vector<std::string>& endpoints) {
  std::string text;
  for (size_t i = 0; i < endpoints.size(); ++i) {
    if (i > 0) text += i + 1 == endpoints.size() ? " or " : ", ";
    text += SplitServerKey(endpoints[i]).endpoint;
  }
  return text;
}

}  // namespace mr::net
