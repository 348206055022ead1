#include "common/net/endpoint.h"

#include <charconv>

#include "common/base/strings.h"

namespace mr::net {
namespace {

constexpr size_t kMaxIpcPathBytes = 107;  // sockaddr_un less its NUL

tl::unexpected<Error> Malformed(std::string_view text) {
  return Fail(ErrorCode::kInvalidArgument, StrCat("not an endpoint: \"", Printable(text, 120),
                                                  "\"; write tcp://HOST:PORT (such as "
                                                  "tcp://127.0.0.1:4610) or ipc://PATH"));
}

Result<Endpoint> ParseTcp(std::string_view text, std::string_view rest) {
  Endpoint endpoint;
  endpoint.tcp = true;
  const size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return Malformed(text);
  std::string_view host = rest.substr(0, colon);
  const std::string_view port = rest.substr(colon + 1);
  const bool bracketed = host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (host.empty() || (!bracketed && host.find(':') != std::string_view::npos))
    return Malformed(text);
  for (const char c : host) {
    const bool fits = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      c == '.' || c == '-' || c == '_' || (bracketed && (c == ':' || c == '%'));
    // A lone * means "all interfaces" when listening.
    if (!fits && host != "*") return Malformed(text);
  }
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (port.empty() || error != std::errc() || end != port.data() + port.size())
    return Malformed(text);
  endpoint.host = std::string(host);
  return endpoint;
}

}  // namespace

Result<Endpoint> ParseEndpoint(std::string_view text) {
  if (text.starts_with("tcp://")) return ParseTcp(text, text.substr(6));
  if (!text.starts_with("ipc://") || text.size() == 6) return Malformed(text);
  Endpoint endpoint;
  endpoint.path = std::string(text.substr(6));
  if (endpoint.path.find('\0') != std::string::npos || endpoint.path == "*") return Malformed(text);
  if (endpoint.path.size() > kMaxIpcPathBytes) {
    return Fail(
        ErrorCode::kInvalidArgument,
        StrCat("the socket path ", endpoint.path, " has ", endpoint.path.size(),
               " bytes, the system allows ", kMaxIpcPathBytes, ": choose a shorter directory"));
  }
  return endpoint;
}

std::string ToString(const Endpoint& endpoint) {
  if (!endpoint.tcp) return StrCat("ipc://", endpoint.path);
  const bool ipv6 = endpoint.host.find(':') != std::string::npos;
  return ipv6 ? StrCat("tcp://[", endpoint.host, "]:", endpoint.port)
              : StrCat("tcp://", endpoint.host, ":", endpoint.port);
}

KeyedEndpoint SplitServerKey(std::string_view text) {
  // The key's alphabet has a # too, so it is taken by its length.
  if (text.size() > kKeyChars + 1 && text[text.size() - kKeyChars - 1] == '#') {
    return {std::string(text.substr(0, text.size() - kKeyChars - 1)),
            std::string(text.substr(text.size() - kKeyChars))};
  }
  return {std::string(text), ""};
}

bool IsLoopbackEndpoint(std::string_view text) {
  const Result<Endpoint> endpoint = ParseEndpoint(text);
  if (!endpoint) return false;
  if (!endpoint->tcp) return true;
  const std::string& host = endpoint->host;
  if (host == "localhost" || host == "::1") return true;
  // Only as a number: a name such as 127.example.org could be anywhere.
  return host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos;
}

}  // namespace mr::net
