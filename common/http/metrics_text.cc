#include "common/http/metrics_text.h"

#include "common/base/strings.h"

namespace mr::http {
namespace {

std::string Braced(std::string_view labels) {
  return labels.empty() ? std::string() : StrCat("{", labels, "}");
}

}  // namespace

void MetricsText::Family(std::string_view name, std::string_view type, std::string_view help) {
  text_ += StrCat("# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n");
}

void MetricsText::Sample(std::string_view name, std::string_view labels, uint64_t value) {
  text_ += StrCat(name, Braced(labels), " ", value, "\n");
}

void MetricsText::Seconds(std::string_view name, std::string_view labels, int64_t milliseconds) {
  const std::string rest = StrCat(1000 + milliseconds % 1000).substr(1);
  text_ += StrCat(name, Braced(labels), " ", milliseconds / 1000, ".", rest, "\n");
}

std::string Label(std::string_view name, std::string_view value) {
  std::string escaped;
  for (const char c : value) {
    if (c == '\\' || c == '"') escaped.push_back('\\');
    escaped += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return StrCat(name, "=\"", escaped, "\"");
}

}  // namespace mr::http
