// Where the coordinator may listen, and under which name others reach it. Pure.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"

namespace mr::coordinator {

// tcp://127.x.y.z, tcp://[::1], tcp://localhost and ipc:// reach this machine only.
bool IsLocalEndpoint(const std::string& endpoint);

// Without authentication whoever can connect can run code here. Errors: kInvalidArgument naming the
// endpoint and the ways out.
Status CheckExposure(const std::vector<std::string>& endpoints, bool authenticated, bool insecure);

// The first endpoint as others should use it: `advertise` (or, for a wildcard address, `hostname`)
// in place of the host; ipc stays as it is.
std::string AdvertisedEndpoint(const std::vector<std::string>& endpoints,
                               const std::string& advertise, const std::string& hostname);

}  // namespace mr::coordinator
