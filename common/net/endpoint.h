// The forms an address may have: tcp://host:port, tcp://[::1]:port, ipc://path; any of them with
// #KEY behind it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace mr::net {

inline constexpr size_t kKeyChars = 40;  // a CURVE key in Z85

struct Endpoint {
  bool tcp = false;   // else ipc
  std::string host;   // tcp: without brackets
  uint16_t port = 0;  // tcp: 0 = any
  std::string path;   // ipc: at most 107 bytes
};

// Errors: kInvalidArgument with an example of the right form.
Result<Endpoint> ParseEndpoint(std::string_view text);
std::string ToString(const Endpoint& endpoint);

// "ENDPOINT#KEY", as rendezvous files and segment servers give it: KEY is the server's public key
// (40 characters, Z85). Without one server_key is empty.
struct KeyedEndpoint {
  std::string endpoint;
  std::string server_key;
};
KeyedEndpoint SplitServerKey(std::string_view text);


// ipc, 127.0.0.0/8, ::1 and "localhost": nobody from another machine gets in. False for what does
// not parse.
bool IsLoopbackEndpoint(std::string_view text);

}  // namespace mr::net
