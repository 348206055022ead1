#include "common/http/http_address.h"

#include <charconv>

#include "common/base/strings.h"

namespace mr::http {

Result<Address> ParseAddress(const std::string& text) {
  const size_t colon = text.rfind(':');
  Address address;
  if (colon != std::string::npos && colon > 0) {
    address.host = text.substr(0, colon);
    if (address.host.starts_with('[') && address.host.ends_with(']')) {
      address.host = address.host.substr(1, address.host.size() - 2);
    }
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data() + colon + 1, end, address.port);
    if (error == std::errc() && rest == end && address.port >= 0 && address.port <= 65535)
      return address;
  }
  return Fail(ErrorCode::kInvalidArgument,
              StrCat("--http ", text, " is not HOST:PORT or off, for instance 127.0.0.1:4611"));
}

bool IsLocalName(const std::string& host) {
  return host == "localhost" || host == "::1" || host == "[::1]" || host.starts_with("127.");
}

}  // namespace mr::http
