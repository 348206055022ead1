// The inside of the spawner process, and the messages on its socket (same program, same machine:
// plain structs).
#pragma once

#include <cstdint>

namespace mr::worker {

struct SpawnRequest {
  enum Kind : uint32_t { kSpawn = 1, kRemoveAtEnd = 2 };
  uint32_t kind;
  uint64_t id;
  char path[4096];  // of the program, or of the directory; NUL-terminated
};

struct SpawnerMessage {
  enum Kind : uint32_t { kSpawned = 1, kExited = 2 };
  uint32_t kind;
  int32_t pid;  // kSpawned: 0 = failed; else link, black box and log descriptors are attached
  uint64_t id;
  int32_t wait_status;
  int32_t error_number;
  uint64_t peak_memory_bytes;
  int64_t cpu_ms;
  char step[256];  // what failed
};

// Serves until the socket closes. Allocates nothing before exec in the children.
[[noreturn]] void RunSpawner(int socket);

}  // namespace mr::worker
