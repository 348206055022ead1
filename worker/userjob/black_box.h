// The black box: memory that mrtask shares with its mrworker. It says where the attempt is, so
// that progress costs two plain stores and a death of any kind (SIGSEGV, exit, SIGKILL) can still be explained.
//
// Written by mrtask only (host code, the SDK through mr_where, and mrtask's signal handler); read by mrworker
// at any time, and after the task's death. Numbers are single aligned words; text may be torn while the task
// lives, never after.
#pragma once

#include <atomic>
#include <cstdint>

#include "common/abi/mr_abi.h"

namespace mr::worker {

struct BlackBox {
  static constexpr uint32_t kMagic = 0x4d524242;
  uint32_t magic = kMagic;
  mr_where where{};  // where.phase != MR_PHASE_NONE: a death now is the user code's

  // Progress. `beat` changes with every step forward, also inside long phases (sort, fetch, merge).
  std::atomic<uint64_t> beat{0};
  std::atomic<uint64_t> bytes_done{0};
  std::atomic<uint64_t> bytes_total{0};
  std::atomic<uint64_t> records_done{0};
  std::atomic<uint64_t> shuffle_bytes_done{0};

  char input_path[4096] = {};  // of the current batch, NUL-terminated
  char status[256] = {};

  // The current record's or group key's first bytes. For groups the host writes them at each group; for map
  // records the crash handler writes them, when there was time for one.
  uint32_t excerpt_size = 0;
  char excerpt[256] = {};
  uint64_t record_offset = 0;  // in the file; with excerpt
  uint64_t record_size = 0;

  // What the crash handler (or atexit) saw.
  enum Death : uint32_t { kAlive = 0, kSignal = 1, kExit = 2 };
  std::atomic<uint32_t> death{kAlive};
  int32_t signal_number = 0;
  int32_t signal_code = 0;
  uint64_t fault_address = 0;
  // What the machine was doing there; kUnknownAccess also where it does not say.
  enum Access : uint32_t { kUnknownAccess = 0, kRead = 1, kWrite = 2, kExecute = 3 };
  uint32_t fault_access = kUnknownAccess;
  int32_t exit_code = 0;
  uint32_t frame_count = 0;
  uint64_t frames[64] = {};  // return addresses, innermost first
  // "MODULE+0xOFFSET SYMBOL", filled by the handler, NUL-terminated. SYMBOL is there for exported functions only:
  // mrworker looks the others up in the module's own symbol table, by the offset. "0xADDRESS" outside of any module.
  char frame_text[64][200] = {};

  // The stack of a living task: the worker sends SIGRTMAX-1, the handler writes return addresses and then counts
  // `stacks_taken` up. They become names in the worker, by /proc/PID/maps.
  std::atomic<uint32_t> takes_stacks{0};  // 1: the handler is there; before, the signal would end the task
  std::atomic<uint32_t> stacks_taken{0};
  uint32_t live_frame_count = 0;
  uint64_t live_frames[64] = {};  // innermost first; [0] is the interrupted instruction

  // Once per group: a locked instruction would cost as much as the group. Only the attempt's thread beats.
  void Beat() { beat.store(beat.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed); }
};

static_assert(std::atomic<uint64_t>::is_always_lock_free);

}  // namespace mr::worker
