// Hosts and the links between them: messages are lost, doubled, late, out of order; links are cut in one direction.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <utility>

#include "test/sim/options.h"
#include "test/sim/world.h"

namespace mr::sim {

using HostId = uint32_t;
inline constexpr HostId kCoordinatorHost = 0;  // workers are 1, 2, …
inline constexpr HostId kClientHost = 1000;

class Network {
 public:
  Network(World& world, const Options& options) : world_(world), options_(options) {}

  // `arrive` happens 0 to 2 times.
  void Send(HostId from, HostId to, std::function<void()> arrive);
  bool Reaches(HostId from, HostId to) const { return from == to || !cut_.contains({from, to}); }

  void Cut(HostId from, HostId to) { cut_.insert({from, to}); }
  void Join(HostId from, HostId to) { cut_.erase({from, to}); }
  // From now on everything arrives.
  void Heal() {
    cut_.clear();
    healed_ = true;
  }

 private:
  World& world_;
  const Options& options_;
  std::set<std::pair<HostId, HostId>> cut_;
  bool healed_ = false;
};

}  // namespace mr::sim
