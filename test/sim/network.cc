#include "test/sim/network.h"

namespace mr::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;

void Network::Send(HostId from, HostId to, std::function<void()> arrive) {
  Random& random = world_.random();
  const double lose = healed_ ? 0 : options_.lose;
  const double duplicate = healed_ ? 0 : options_.duplicate;
  const double delay = healed_ ? 0 : options_.delay;
  const int copies = random.Chance(lose) ? 0 : (random.Chance(duplicate) ? 2 : 1);
  for (int copy = 0; copy < copies; ++copy) {
    const Duration on_the_way = random.Chance(delay) ? world_.Uniform(milliseconds(10), milliseconds(5000))
                                                     : world_.Uniform(microseconds(100), milliseconds(3));
    world_.After(on_the_way, nullptr, [this, from, to, arrive] {
      if (Reaches(from, to)) arrive();
    });
  }
}

}  // namespace mr::sim
