// Time as the engine sees it. Only shells read a clock; cores are told the time.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace mr {

using Duration = std::chrono::nanoseconds;
// Monotonic, for intervals and deadlines. Says nothing about the date.
using Time = std::chrono::time_point<std::chrono::steady_clock, Duration>;

// What a core is given with every event.
struct Now {
  Time mono;            // for deadlines
  int64_t unix_ms = 0;  // for people: shown and recorded, never compared
};

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Now Read() const = 0;
};

class SystemClock final : public Clock {
 public:
  Now Read() const override;
};

// A clock that stands still until told otherwise; for tests and simulation. One thread.
class ManualClock final : public Clock {
 public:
  Now Read() const override { return now_; }
  void Advance(Duration step) {
    now_.mono += step;
    now_.unix_ms += std::chrono::duration_cast<std::chrono::milliseconds>(step).count();
  }

 private:
  Now now_{Time(std::chrono::hours(1)), 1'700'000'000'000};
};

// RFC 3339 in UTC with milliseconds, as JSON carries it: 2025-11-23T09:14:10.123Z.
std::string FormatUtc(int64_t unix_ms);
// Local time of day for progress lines: 09:14:10.
std::string FormatLocalTime(int64_t unix_ms);

}  // namespace mr
