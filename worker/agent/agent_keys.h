// What the agent's poller calls the things it waits for.
#pragma once

#include <cstdint>

namespace mr::worker {

inline constexpr int kKeyReport = 0;
inline constexpr int kKeyWork = 1;
inline constexpr int kKeyBlob = 2;
inline constexpr int kKeySpawner = 3;
inline constexpr int kKeySignal = 4;
inline constexpr int kKeyChores = 5;
inline constexpr int kKeyFirstTask = 16;  // two per task process, by its number

inline int LinkKey(uint64_t id) { return kKeyFirstTask + 2 * static_cast<int>(id); }
inline int LogKey(uint64_t id) { return LinkKey(id) + 1; }
inline uint64_t TaskIdOf(int key) { return static_cast<uint64_t>((key - kKeyFirstTask) / 2); }

}  // namespace mr::worker
