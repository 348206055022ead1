#include "submit/local_cluster.h"

#include <csignal>
#include <cstdlib>
#include <thread>

#include "common/base/strings.h"

namespace mr::submit {
namespace {

constexpr size_t kSocketPathMax = 107;  // sizeof(sockaddr_un::sun_path) - 1
constexpr int kTailLines = 5;
constexpr Duration kStopTimeout = std::chrono::seconds(5);

// The last lines of a log, for an error message.
std::string Tail(Env& env, const std::string& path) {
  const Result<std::string> text = ReadWholeFile(env, path, 64u << 20);
  if (!text || Trim(*text).empty()) return "";
  const std::string_view lines = Trim(*text);
  size_t begin = lines.size();
  for (int count = 0; count < kTailLines && begin != std::string_view::npos && begin > 0; ++count) {
    begin = lines.rfind('\n', begin - 1);
  }
  return StrCat(":\n", begin == std::string_view::npos ? lines : lines.substr(begin + 1));
}

}  // namespace

Result<std::string> MakeRunDirectory() {
  const char* variable = std::getenv("TMPDIR");
  const std::string base = variable == nullptr || *variable == '\0' ? "/tmp" : variable;
  constexpr std::string_view kLongest = "/mrsubmit-0123456789abcdef/c.sock";
  const bool fits = base.size() + kLongest.size() < kSocketPathMax;
  return CreateTemporaryDirectory(JoinPath(fits ? base : "/tmp", "mrsubmit-"));
}

Result<std::unique_ptr<LocalCluster>> LocalCluster::Start(Env& env, uint32_t slots) {
  MR_ASSIGN_OR_RETURN(const std::string coordinator, SiblingProgram("mrcoordinator"));
  MR_ASSIGN_OR_RETURN(const std::string worker, SiblingProgram("mrworker"));
  MR_ASSIGN_OR_RETURN(std::string directory, MakeRunDirectory());
  if (slots == 0) slots = std::max(1u, std::thread::hardware_concurrency());
  std::unique_ptr<LocalCluster> cluster(new LocalCluster(env, std::move(directory), slots));
  const std::string& base = cluster->directory_;
  MR_ASSIGN_OR_RETURN(cluster->janitor_, Janitor::Start(base));
  MR_ASSIGN_OR_RETURN(
      cluster->coordinator_,
      ChildProcess::Start(
          {coordinator, "--listen", cluster->endpoint(), "--http", "off", "--state-dir",
           JoinPath(base, "state"), "--volatile", "--rendezvous", JoinPath(base, "r.json"), "--die-with-parent",
           "--auth", "none", "--log-file", cluster->LogPath("coordinator")},
          JoinPath(base, "coordinator.out")));
  MR_ASSIGN_OR_RETURN(
      cluster->worker_,
      ChildProcess::Start(
          {worker, "--name", "local", "--slots", StrCat(slots), "--data-listen",
           StrCat("ipc://", JoinPath(base, "d.sock")), "--scratch", JoinPath(base, "scratch"), "-c",
           cluster->endpoint(), "--auth", "none", "--die-with-parent", "--log-file",
           cluster->LogPath("worker")},
          JoinPath(base, "worker.out")));
  return cluster;
}

LocalCluster::~LocalCluster() {
  // The worker first: it tells the coordinator its last outcomes, and would wait for one that has gone.
  const Time deadline = std::chrono::steady_clock::now() + kStopTimeout;
  for (ChildProcess* child : {&worker_, &coordinator_}) {
    child->Signal(SIGTERM);
    if (child->WaitUntil(deadline)) continue;
    child->Signal(SIGKILL);
    child->WaitUntil(deadline + kStopTimeout);
  }
  if (keep_logs_) {
    for (const char* name : {"state", "scratch", "out", "input"}) {
      if (!env_.RemoveTree(JoinPath(directory_, name))) continue;
    }
    return;
  }
  // What cannot be removed lies in a temporary directory: nothing more to do about it here.
  if (!env_.RemoveTree(directory_)) return;
}

std::string LocalCluster::endpoint() const {
  return StrCat("ipc://", JoinPath(directory_, "c.sock"));
}

std::string LocalCluster::LogPath(const std::string& name) const {
  return JoinPath(directory_, name + ".log");
}

std::vector<int> LocalCluster::ChildDescriptors() const {
  return {coordinator_.pid_descriptor(), worker_.pid_descriptor()};
}

std::string LocalCluster::DeathText() {
  for (auto [child, name] :
       {std::pair(&coordinator_, "coordinator"), std::pair(&worker_, "worker")}) {
    if (!child->HasEnded()) continue;
    std::string tail = Tail(env_, LogPath(name));
    if (tail.empty()) tail = Tail(env_, JoinPath(directory_, StrCat(name, ".out")));
    return StrCat("the private ", name, " ended with ", child->EndText(), tail);
  }
  return "";
}

}  // namespace mr::submit
