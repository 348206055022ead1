// Random runs of a consensus group: one seed each, faults first, then healing. See --help.
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <cstring>
#include <iostream>
#include <optional>

#include "test/sim/raft/world.h"

namespace {

using mr::raft::test::RunResult;
using mr::raft::test::RunSeed;

char replay_line[200];

void SetReplayLine(uint64_t seed, uint64_t events) {
  std::snprintf(replay_line, sizeof replay_line,
                "replay: scripts/simulate --raft --seed %llu --events %llu --trace\n",
                static_cast<unsigned long long>(seed), static_cast<unsigned long long>(events));
}

// A failed CHECK of the core is a finding too: say how to see it again.
void OnFatal(int signal) {
  const ssize_t ignored = write(STDERR_FILENO, replay_line, std::strlen(replay_line));
  static_cast<void>(ignored);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

// With more than one: runs the rest of main in each of the children, which get other seeds, and tells the parent whether
// all went well.
std::optional<bool> RunChildren(unsigned processes, uint64_t* first) {
  constexpr uint64_t kApart = 1'000'000'000'000;
  if (processes <= 1) return std::nullopt;
  for (unsigned child = 0; child < processes; ++child) {
    if (fork() != 0) continue;
    *first += child * kApart;
    return std::nullopt;
  }
  bool well = true;
  for (int status = 0; wait(&status) > 0;) well = well && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  return well;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Consensus in virtual time: the real core, a modelled network, disks, clocks and clients.");
  uint64_t first = 1, seeds = 1000, events = 4000, seed = 0;
  double seconds = 0;
  unsigned processes = 1;
  bool trace = false, fresh = false;
  app.add_option("--seed", seed, "run this seed only");
  app.add_option("--first", first, "first seed")->capture_default_str();
  app.add_option("--seeds", seeds, "how many runs")->capture_default_str();
  app.add_option("--seconds", seconds, "stop after this time; 0: when all seeds are done");
  app.add_option("--events", events, "under faults, per run")->capture_default_str();
  app.add_flag("--fresh", fresh, "first seed from the clock");
  app.add_flag("--trace", trace, "print every event");
  app.add_option("--processes", processes, "so many at the same time, with other seeds each")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const auto start = std::chrono::steady_clock::now();
  const auto elapsed = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  if (fresh)
    first = static_cast<uint64_t>(std::chrono::system_clock::now().time_since_epoch().count()) %
            1'000'000'000'000;
  if (seed != 0) {
    first = seed;
    seeds = 1;
    processes = 1;
  }
  const std::optional<bool> children_well = RunChildren(processes, &first);
  if (children_well) return *children_well ? 0 : 1;
  for (const int signal : {SIGABRT, SIGSEGV, SIGALRM}) std::signal(signal, OnFatal);
  uint64_t runs = 0, total_events = 0, acknowledged = 0, terms = 0;
  for (uint64_t i = 0; i < seeds && (seconds == 0 || elapsed() < seconds); ++i) {
    const uint64_t now = first + i;
    SetReplayLine(now, events);
    alarm(120);  // a run that does not end
    const RunResult result = RunSeed(now, events, trace);
    ++runs;
    total_events += result.events;
    acknowledged += result.acknowledged;
    terms += result.terms;
    if (!result.problem.empty()) {
      std::cerr << "seed " << now << ": " << result.problem << "\n" << replay_line;
      return 1;
    }
    if (now % 100 == 0 && RunSeed(now, events, false).trace_hash != result.trace_hash) {
      std::cerr << "seed " << now << ": two runs differ\n" << replay_line;
      return 1;
    }
  }
  std::cout << runs << " runs from seed " << first << ", " << total_events << " events, "
            << static_cast<uint64_t>(static_cast<double>(total_events) / elapsed())
            << " per second, " << acknowledged << " commands acknowledged, " << terms
            << " reigns: no violation\n";
  return 0;
}
