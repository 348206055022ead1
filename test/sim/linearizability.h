// Black box: could this history of concurrent operations have come from one copy that does one thing at a time? The
// search of Wing and Gong (1993), with Lowe's memory of configurations that have been seen (2017). Histories fall apart
// by key: what concerns one request, task or register says nothing of another.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace mr::test {

enum class OpKind : uint8_t {
  kSubmit,  // of the request `key`: gives its job; the first one chooses it
  kKill,    // the job of the request: 1, or 0 if there is none
  kCommit,  // of attempt `argument` of the task `key`: gives the attempt that won, the first one
  kStatus,  // gives value, and whether it was killed (kKilledBit)
  kSwap,    // sets the register `key` to `argument`: gives what was there
};

inline constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();
inline constexpr uint64_t kKilledBit = uint64_t{1} << 63;

struct Operation {
  OpKind kind = OpKind::kStatus;
  std::string key;
  uint64_t argument = 0;
  uint64_t called_at = 0;
  uint64_t returned_at = kNever;   // never: nobody knows whether it happened
  std::optional<uint64_t> result;  // none: nobody knows
};

enum class Verdict : uint8_t { kLinearizable, kNot, kTooHard };
struct Judgement {
  Verdict verdict = Verdict::kLinearizable;
  std::string reason;  // names the key, if it is not
};
// Gives up on a key after `steps_max` steps.
Judgement Judge(const std::vector<Operation>& history, uint64_t steps_max = 2'000'000);

std::string ToString(const Operation& operation);

}  // namespace mr::test
