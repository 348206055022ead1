#include <thread>

#include "common/base/strings.h"
#include "common/io/env.h"
#include "common/net/client.h"
#include "common/net/endpoint.h"
#include "common/net/private_file.h"

namespace mr::net {
namespace {

constexpr int64_t kRendezvousVersion = 1;
constexpr Duration kLookAgain = std::chrono::milliseconds(20);

// A whole number that fits, or 0 if missing.
Result<int64_t> NumberField(const nlohmann::json& object, const char* name,
                            const std::string& path) {
  const auto field = object.find(name);
  if (field == object.end()) return 0;
  const bool fits = field->is_number_integer() &&
                    (!field->is_number_unsigned() || field->get<uint64_t>() <= uint64_t{INT64_MAX});
  if (!fits || field->get<int64_t>() < 0) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("\"", name, "\" in ", path, " must be a whole number"));
  }
  return field->get<int64_t>();
}

}  // namespace

Status WriteRendezvous(const std::string& path, const Rendezvous& rendezvous) {
  const nlohmann::ordered_json object = {{"v", kRendezvousVersion},
                                         {"control", rendezvous.control},
                                         {"http", rendezvous.http},
                                         {"cluster", rendezvous.cluster},
                                         {"server_key", rendezvous.server_key},
                                         {"pid", rendezvous.pid},
                                         {"started_at", rendezvous.started_unix_ms}};
  const std::string text =
      object.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  return WritePrivateFile(path, text + "\n", /*replace=*/true);
}

Result<Rendezvous> ReadRendezvous(const std::string& path) {
  MR_ASSIGN_OR_RETURN(const nlohmann::json object, ReadJsonObject(path));
  MR_ASSIGN_OR_RETURN(const int64_t version, NumberField(object, "v", path));
  if (version != kRendezvousVersion) {
    return Fail(
        version > kRendezvousVersion ? ErrorCode::kUnsupported : ErrorCode::kInvalidArgument,
        StrCat(path, " is a rendezvous file of version ", version, ", this program reads version ",
               kRendezvousVersion, ": is it written by mrcoordinator --rendezvous of the same release?"));
  }
  Rendezvous rendezvous;
  MR_ASSIGN_OR_RETURN(rendezvous.control, TextField(object, "control", path));
  MR_ASSIGN_OR_RETURN(rendezvous.http, TextField(object, "http", path));
  MR_ASSIGN_OR_RETURN(rendezvous.cluster, TextField(object, "cluster", path));
  MR_ASSIGN_OR_RETURN(rendezvous.server_key, TextField(object, "server_key", path));
  MR_ASSIGN_OR_RETURN(const int64_t pid, NumberField(object, "pid", path));
  rendezvous.pid = static_cast<uint64_t>(pid);
  MR_ASSIGN_OR_RETURN(rendezvous.started_unix_ms, NumberField(object, "started_at", path));
  if (const auto control = ParseEndpoint(rendezvous.control); !control) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("\"control\" in ", path, " is ", control.error().text));
  }
  return rendezvous;
}

std::string KeyedControl(const Rendezvous& rendezvous) {
  if (rendezvous.server_key.empty()) return rendezvous.control;
  return StrCat(rendezvous.control, "#", rendezvous.server_key);
}

Result<std::vector<std::string>> ResolveEndpoints(const std::string& endpoints, Duration timeout) {
  const SystemClock clock;
  const Time deadline = clock.Read().mono + timeout;
  const std::vector<std::string_view> parts = Split(endpoints, ',');
  for (;;) {
    std::vector<std::string> found;
    std::optional<Error> missing;
    for (const std::string_view part : parts) {
      const bool last_look = clock.Read().mono >= deadline;
      auto endpoint = ResolveEndpoint(std::string(Trim(part)), parts.size() == 1 && !last_look ? timeout : Duration::zero());
      if (endpoint) {
        found.push_back(std::move(*endpoint));
      } else if (endpoint.error().code == ErrorCode::kTimeout) {
        missing = endpoint.error();
      } else {
        return Fail(endpoint.error());
      }
    }
    if (!found.empty()) return found;
    if (clock.Read().mono >= deadline) return Fail(*missing);
    std::this_thread::sleep_for(kLookAgain);
  }
}

Result<std::string> ResolveEndpoint(const std::string& endpoint, Duration timeout) {
  if (!endpoint.starts_with("file:")) {
    MR_RETURN_IF_ERROR(ParseEndpoint(SplitServerKey(endpoint).endpoint));
    return endpoint;
  }
  const std::string path = endpoint.substr(5);
  if (path.empty())
    return Fail(ErrorCode::kInvalidArgument, "file: needs the path of a rendezvous file behind it");
  const SystemClock clock;
  const Time deadline = clock.Read().mono + timeout;
  for (;;) {
    Result<Rendezvous> rendezvous = ReadRendezvous(path);
    if (rendezvous) return KeyedControl(*rendezvous);
    if (rendezvous.error().code != ErrorCode::kNotFound) return Fail(rendezvous.error());
    if (clock.Read().mono >= deadline) {
      const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count();
      return Fail(ErrorCode::kTimeout,
                  StrCat("the rendezvous file ", path, " did not appear within ",
                         FormatElapsed(waited), ": is mrcoordinator --rendezvous running?"));
    }
    std::this_thread::sleep_for(kLookAgain);
  }
}

}  // namespace mr::net
