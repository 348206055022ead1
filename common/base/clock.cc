#include "common/base/clock.h"

#include <cstdio>
#include <ctime>

namespace mr {

Now SystemClock::Read() const {
  const auto unix_now = std::chrono::system_clock::now().time_since_epoch();
  return Now{std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now()),
             std::chrono::duration_cast<std::chrono::milliseconds>(unix_now).count()};
}

std::string FormatUtc(int64_t unix_ms) {
  const std::time_t seconds = unix_ms / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[40];
  const size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text + length, sizeof text - length, ".%03dZ", static_cast<int>(unix_ms % 1000));
  return text;
}

std::string FormatLocalTime(int64_t unix_ms) {
  const std::time_t seconds = unix_ms / 1000;
  std::tm parts{};
  localtime_r(&seconds, &parts);
  char text[16];
  std::strftime(text, sizeof text, "%H:%M:%S", &parts);
  return text;
}

}  // namespace mr
