// Where a status page is served: the value of --http. Pure.
#pragma once

#include <string>

#include "common/base/result.h"

namespace mr::http {

struct Address {
  std::string host;
  int port = 0;  // 0: any
};

// "127.0.0.1:4611", "[::1]:0". Errors: kInvalidArgument, naming --http.
Result<Address> ParseAddress(const std::string& text);

// A name that only this machine can be reached by: localhost, 127.x.y.z, ::1.
bool IsLocalName(const std::string& host);

}  // namespace mr::http
