// Row B5's own side: the segments of 8 map outputs through the real segment server, in a process of
// its own as in a worker, and fetcher over TCP on loopback, into memory, as a reducer on another
// host gets them. Its peer is peers/socket_copy.cc.
//
//   usage: shuffle_bench make DIRECTORY BYTES     8 run files of BYTES in all (no compression: what
//   is stored travels)
//          shuffle_bench fetch DIRECTORY          prints the seconds of the transfer alone
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "common/base/random.h"
#include "common/base/strings.h"
#include "worker/run/run_writer.h"
#include "worker/shuffle/run_files.h"
#include "worker/shuffle/segment_fetcher.h"
#include "worker/shuffle/segment_server.h"

namespace mr::worker {
namespace {

constexpr uint32_t kSources = 8;

template <class T>
T Take(Result<T> result) {
  if (result) return std::move(*result);
  std::cerr << "shuffle_bench: " << result.error().text << "\n";
  std::exit(1);
}

AttemptId Source(uint32_t index) { return AttemptId{TaskId{JobId{1}, Phase::kMap, index}, 0, 1}; }

void Make(const std::string& directory, uint64_t bytes) {
  for (uint32_t source = 0; source < kSources; ++source) {
    RunOptions options;
    options.compression = wire::Compression::kNone;
    auto writer =
        Take(RunWriter::Create(PosixEnv(), RunFilePath(directory, Source(source)), options));
    if (!writer->StartPartition(0)) std::abort();
    Random random(source + 1);
    char number[24];
    std::string value(90, 'v');
    for (uint64_t i = 0; i < bytes / kSources / 100; ++i) {
      std::snprintf(number, sizeof number, "%010llu", static_cast<unsigned long long>(i));
      const uint64_t noise = random.Next();
      std::memcpy(value.data(), &noise, sizeof noise);
      if (!writer->Append(number, value)) std::abort();
    }
    if (!writer->Finish()) std::abort();
  }
}

// A child that serves `directory` until it is ended; forked before this process has threads.
class ServerProcess {
 public:
  explicit ServerProcess(const std::string& directory) {
    int ends[2];
    if (pipe(ends) != 0) std::abort();
    child_ = fork();
    if (child_ < 0) std::abort();
    if (child_ == 0) {
      net::NetContext net;
      const auto server =
          Take(SegmentServer::Start(net, PosixEnv(), "tcp://127.0.0.1:0", "", {directory}));
      const std::string& endpoint = server->endpoint();
      if (write(ends[1], endpoint.data(), endpoint.size()) < 0) std::abort();
      close(ends[1]);
      for (;;) pause();
    }
    close(ends[1]);
    char buffer[256];
    for (ssize_t got; (got = read(ends[0], buffer, sizeof buffer)) > 0;)
      endpoint_.append(buffer, static_cast<size_t>(got));
    close(ends[0]);
  }
  ~ServerProcess() {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  const std::string& endpoint() const { return endpoint_; }

 private:
  pid_t child_ = -1;
  std::string endpoint_;
};

void Fetch(const std::string& directory) {
  const ServerProcess server(directory);
  net::NetContext net;
  BlackBox black_box;
  wire::Assignment assignment;
  const std::string scratch = Take(CreateTemporaryDirectory(directory + "/scratch-"));
  AttemptContext context{assignment, PosixEnv(), black_box, "bench", scratch, "", {}, {}, {}};
  wire::ReduceWork work;
  for (uint32_t source = 0; source < kSources; ++source) {
    work.sources.push_back({Source(source), {}, server.endpoint()});
  }
  FetchOptions options;
  options.memory_bytes = uint64_t{4} << 30;
  options.net = &net;
  const Time start = SystemClock().Read().mono;
  const auto segments = FetchSegments(context, work, options);
  const std::chrono::duration<double> took = SystemClock().Read().mono - start;
  if (!segments) {
    std::cerr << "shuffle_bench: " << segments.error().message << "\n";
    std::exit(1);
  }
  std::printf("%.6f\n", took.count());
  (void)PosixEnv().RemoveTree(scratch);
}

}  // namespace
}  // namespace mr::worker

int main(int argc, char** argv) {
  if (argc == 4 && std::string_view(argv[1]) == "make") {
    mr::worker::Make(argv[2], std::strtoull(argv[3], nullptr, 10));
  } else if (argc == 3 && std::string_view(argv[1]) == "fetch") {
    mr::worker::Fetch(argv[2]);
  } else {
    return std::fputs("usage: shuffle_bench make DIRECTORY BYTES | fetch DIRECTORY\n", stderr), 2;
  }
}
