#include "submit/settings.h"

#include <charconv>

#include "common/base/strings.h"

namespace mr::submit {

void Settings::AddWeaker(const std::string& name, Setting setting) {
  values_.try_emplace(name, std::move(setting));
}

std::string Settings::Get(const std::string& name, std::string_view fallback) const {
  const auto it = values_.find(name);
  if (it == values_.end() || it->second.values.empty()) return std::string(fallback);
  return it->second.values.back();
}

std::vector<std::string> Settings::All(const std::string& name) const {
  const auto it = values_.find(name);
  return it == values_.end() ? std::vector<std::string>() : it->second.values;
}

bool Settings::Flag(const std::string& name) const {
  const std::string value = Get(name, "false");
  return value != "false" && value != "0" && value != "off" && value != "no";
}

tl::unexpected<Error> Settings::Bad(const std::string& name, std::string_view why) const {
  const auto it = values_.find(name);
  const std::string option = StrCat("--", name);
  std::string origin;
  if (it != values_.end() && it->second.origin != option && !it->second.origin.empty()) {
    origin = StrCat(" (from ", it->second.origin, ")");
  }
  return Fail(ErrorCode::kInvalidArgument, StrCat(option, origin, ": ", why));
}

Result<uint64_t> Settings::Number(const std::string& name, uint64_t fallback, uint64_t least,
                                  uint64_t most) const {
  if (!Has(name)) return fallback;
  const std::string text = Get(name);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) {
    return Bad(name, StrCat("'", text, "' is not a number from ", least, " to ", most));
  }
  return value;
}

Result<uint64_t> Settings::Size(const std::string& name, uint64_t fallback, uint64_t least) const {
  if (!Has(name)) return fallback;
  const Result<uint64_t> size = ParseSize(Get(name));
  if (!size) return Bad(name, size.error().text);
  if (*size < least) {
    return Bad(name, StrCat("'", Get(name), "' is too small; the least is ", FormatSize(least)));
  }
  return *size;
}

Result<int64_t> Settings::DurationMs(const std::string& name, int64_t fallback) const {
  if (!Has(name)) return fallback;
  const Result<int64_t> duration = ParseDurationMs(Get(name));
  if (!duration) return Bad(name, duration.error().text);
  return *duration;
}

Result<size_t> Settings::Choice(const std::string& name, const std::vector<std::string>& choices,
                                size_t fallback) const {
  if (!Has(name)) return fallback;
  const std::string value = Get(name);
  for (size_t i = 0; i < choices.size(); ++i) {
    if (choices[i] == value) return i;
  }
  const std::string_view near = Nearest(value, choices);
  const std::string hint = near.empty() ? "" : StrCat(". Did you mean ", near, "?");
  return Bad(name, StrCat("'", value, "' is not one of ", Join(choices, ", "), hint));
}

}  // namespace mr::submit
