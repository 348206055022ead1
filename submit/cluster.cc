#include "submit/cluster.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "common/base/strings.h"
#include "common/net/key_file.h"
#include "common/net/leader_finder.h"
#include "submit/error_codes.h"

namespace mr::submit {
namespace {

constexpr std::string_view kDefaultEndpoint = "tcp://127.0.0.1:4610";
constexpr int64_t kConnectTimeoutMs = 10'000;

}  // namespace

std::string UserName() {
  if (const passwd* entry = ::getpwuid(::geteuid()); entry != nullptr) return entry->pw_name;
  const char* name = std::getenv("USER");
  return name == nullptr ? StrCat("uid", ::geteuid()) : std::string(name);
}

Result<std::unique_ptr<Cluster>> Cluster::Connect(const Settings& settings) {
  MR_ASSIGN_OR_RETURN(const int64_t timeout_ms,
                      settings.DurationMs("connect-timeout", kConnectTimeoutMs));
  auto cluster = std::unique_ptr<Cluster>(new Cluster());
  cluster->timeout_ = std::chrono::milliseconds(timeout_ms);
  net::Security security;
  if (settings.Has("key-file")) {
    MR_ASSIGN_OR_RETURN(security, net::ReadKeyFile(settings.Get("key-file")));
  }
  MR_ASSIGN_OR_RETURN(
      std::vector<std::string> endpoints,
      net::ResolveEndpoints(settings.Get("coordinator", kDefaultEndpoint), cluster->timeout_));
  cluster->encrypted_ = security.own.has_value();
  cluster->context_ = std::make_unique<net::NetContext>(std::move(security));
  MR_ASSIGN_OR_RETURN(cluster->client_, net::Client::Connect(*cluster->context_, std::move(endpoints)));
  return cluster;
}

Result<std::unique_ptr<Cluster>> Cluster::ConnectTo(const std::string& endpoint, Duration timeout) {
  auto cluster = std::unique_ptr<Cluster>(new Cluster());
  cluster->timeout_ = timeout;
  cluster->context_ = std::make_unique<net::NetContext>();
  MR_ASSIGN_OR_RETURN(cluster->client_, net::Client::Connect(*cluster->context_, {endpoint}));
  return cluster;
}

Error Cluster::Unreachable() const {
  const std::string whom = net::EndpointsText(client_->endpoints());
  const double seconds = static_cast<double>(std::chrono::duration_cast<std::chrono::milliseconds>(timeout_).count()) / 1000.0;
  if (client_->leaderless()) {
    return Error{ErrorCode::kTimeout,
                 StrCat("coordinator ", whom, " has no leader: members answer, but none has led for ", seconds,
                        " s. More than half of the members must run and reach each other: look at their logs, or wait longer "
                        "with --connect-timeout.   [", kCodeUnreachable, "]")};
  }
  return Error{ErrorCode::kTimeout,
               StrCat("coordinator ", whom, " did not answer within ", seconds,
                      " s. Is mrcoordinator running there? Name another with -c, wait longer with "
                      "--connect-timeout, or work without one: --local. ",
                     encrypted_ ? "If it runs: does its key file allow your key?   ["
                                : "If it runs with --auth curve: give your --key-file.   [",
                      kCodeUnreachable, "]")};
}

Result<wire::JobView> Cluster::Watch(JobId job, uint64_t since, uint32_t wait_ms,
                                     int interrupt_fd) {
  wire::WatchJobRequest request;
  request.job = job;
  request.user = UserName();
  request.since_version = since;
  request.wait_ms = wait_ms;
  MR_ASSIGN_OR_RETURN(wire::JobResponse response,
                      Ask<wire::JobResponse>(std::move(request), interrupt_fd));
  return std::move(response.job);
}

Result<JobId> Cluster::FindJob(const std::string& text) {
  if (!text.empty() && text != "last") return ParseJobId(text);
  MR_ASSIGN_OR_RETURN(const wire::JobView job, Watch(JobId{}, 0, 0));
  return job.id;
}

Status Cluster::Upload(const std::string& sha256, std::string_view bytes, int interrupt_fd) {
  wire::PutBlobRequest request;
  request.sha256 = sha256;
  request.total_bytes = bytes.size();
  MR_ASSIGN_OR_RETURN(wire::PutBlobResponse answer,
                      Ask<wire::PutBlobResponse>(request, interrupt_fd));
  // A coordinator that restarts in between asks for the beginning again; this bounds how often.
  int restarts_left = 10;
  uint64_t offset = answer.received_bytes;
  while (!answer.complete) {
    if (offset >= bytes.size()) offset = 0;
    request.offset = offset;
    request.bytes = bytes.substr(offset, wire::kBlobChunkBytes);
    MR_ASSIGN_OR_RETURN(answer, Ask<wire::PutBlobResponse>(request, interrupt_fd));
    if (!answer.complete && answer.received_bytes <= offset && restarts_left-- == 0) {
      return Fail(ErrorCode::kUnavailable,
                  StrCat("coordinator ", endpoint(),
                         " does not take the plugin: it starts over each time"));
    }
    offset = answer.received_bytes;
  }
  return {};
}

Result<std::string> Cluster::Download(const std::string& sha256) {
  std::string bytes;
  for (;;) {
    MR_ASSIGN_OR_RETURN(wire::GetBlobResponse piece,
                        Ask<wire::GetBlobResponse>(wire::GetBlobRequest{sha256, bytes.size()}));
    bytes += piece.bytes;
    if (bytes.size() >= piece.total_bytes) return bytes;
    if (piece.bytes.empty()) {
      return Fail(ErrorCode::kDataLoss, StrCat("the stored plugin ", sha256, " ends too early"));
    }
  }
}

}  // namespace mr::submit
