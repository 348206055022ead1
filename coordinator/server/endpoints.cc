#include "coordinator/server/endpoints.h"

#include <algorithm>

#include "common/base/strings.h"

namespace mr::coordinator {
namespace {

constexpr std::string_view kTcp = "tcp://";

// Host and port of tcp://HOST:PORT; the port's colon is the last one.
std::pair<std::string, std::string> SplitTcp(const std::string& endpoint) {
  const std::string rest = endpoint.substr(kTcp.size());
  const size_t colon = rest.rfind(':');
  if (colon == std::string::npos) return {rest, ""};
  return {rest.substr(0, colon), rest.substr(colon + 1)};
}

bool IsLoopbackHost(const std::string& host) {
  return host == "localhost" || host == "::1" || host == "[::1]" || host.starts_with("127.");
}

bool IsWildcard(const std::string& host) {
  return host == "*" || host == "0.0.0.0" || host == "[::]" || host == "::";
}

}  // namespace

bool IsLocalEndpoint(const std::string& endpoint) {
  if (endpoint.starts_with("ipc://")) return true;
  return endpoint.starts_with(kTcp) && IsLoopbackHost(SplitTcp(endpoint).first);
}

Status CheckExposure(const std::vector<std::string>& endpoints, bool authenticated, bool insecure) {
  if (authenticated || insecure) return {};
  for (const std::string& endpoint : endpoints) {
    if (IsLocalEndpoint(endpoint)) continue;
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("--listen ", endpoint,
                       " can be reached from other machines, and --auth none lets anybody there "
                       "run code here; make keys with 'mrsubmit config keygen' and give --auth "
                       "curve --key-file, or "
                       "give --insecure"));
  }
  return {};
}

std::string AdvertisedEndpoint(const std::vector<std::string>& endpoints,
                               const std::string& advertise, const std::string& hostname) {
  if (endpoints.empty()) return {};
  const auto remote =
      std::find_if(endpoints.begin(), endpoints.end(),
                   [](const std::string& endpoint) { return !IsLocalEndpoint(endpoint); });
  const std::string& endpoint = remote == endpoints.end() ? endpoints.front() : *remote;
  if (!endpoint.starts_with(kTcp)) return endpoint;
  const auto [host, port] = SplitTcp(endpoint);
  if (!advertise.empty()) return StrCat(kTcp, advertise, ":", port);
  return IsWildcard(host) ? StrCat(kTcp, hostname, ":", port) : endpoint;
}

}  // namespace mr::coordinator
