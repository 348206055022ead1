// The Prometheus text format (version 0.0.4), written. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mr::http {

class MetricsText {
 public:
  // Begins a metric family; its samples follow. `type`: gauge or counter.
  void Family(std::string_view name, std::string_view type, std::string_view help);
  // `labels`: as between the braces, with values already escaped; may be empty.
  void Sample(std::string_view name, std::string_view labels, uint64_t value);
  void Seconds(std::string_view name, std::string_view labels, int64_t milliseconds);
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

// name="value", with the value escaped.
std::string Label(std::string_view name, std::string_view value);

}  // namespace mr::http
