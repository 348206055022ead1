// mr_sim: runs seeds, and says which broke a rule and how to see it again.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <string>

#include "test/sim/cluster.h"

namespace mr::sim {
namespace {

constexpr uint64_t kSeedsForCoverage = 200;

struct Arguments {
  uint64_t seeds = 500;
  uint64_t first = 1;
  uint64_t at_least = 0;
  uint64_t failures = 10;
  double seconds = 0;
  bool trace = false;
  bool twice = false;
};

// Of this process: what else the machine does is no matter.
double CpuSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

// A broken CHECK ends the program: then this is how its seed is known.
char g_last_words[128];
size_t g_last_words_bytes = 0;

void OnAbort(int) {
  [[maybe_unused]] const ssize_t written = ::write(STDOUT_FILENO, g_last_words, g_last_words_bytes);
}

void Announce(uint64_t seed) {
  std::fflush(stdout);
  g_last_words_bytes = static_cast<size_t>(std::snprintf(g_last_words, sizeof g_last_words,
                                                         "seed %lu FAILED: aborted\n  to see it: scripts/simulate "
                                                         "--seed %lu --trace\n", seed, seed));
}

struct Totals {
  uint64_t steps = 0;
  uint64_t backups = 0;
  uint64_t backups_won = 0;
};

// Prints what is wrong with the seed; true if something is.
bool RunSeed(const Arguments& arguments, uint64_t seed, Totals& totals) {
  const Options options = DrawOptions(seed);
  if (arguments.trace) std::printf("seed %lu: %s\n", seed, options.Describe().c_str());
  Announce(seed);
  Verdict verdict = Cluster(options, arguments.trace).Run();
  totals.steps += verdict.events;
  totals.backups += verdict.backups;
  totals.backups_won += verdict.backups_won;
  // One in a hundred runs twice: the same seed must give the same run. A trace says more, and its hash is another.
  if (!arguments.trace && (arguments.twice || seed % 100 == 0) && Cluster(options, false).Run().trace_hash != verdict.trace_hash)
    verdict.problems.push_back("a second run of this seed went another way");
  if (verdict.problems.empty()) return false;
  std::printf("seed %lu FAILED after %.1f simulated seconds: %s\n", seed,
              std::chrono::duration<double>(verdict.elapsed).count(), options.Describe().c_str());
  for (const std::string& problem : verdict.problems) std::printf("  %s\n", problem.c_str());
  std::printf("  to see it: scripts/simulate --seed %lu --trace\n", seed);
  return true;
}

int RunSeeds(const Arguments& arguments) {
  std::signal(SIGABRT, OnAbort);
  Totals totals;
  uint64_t failed = 0, ran = 0;
  for (uint64_t seed = arguments.first; ran < arguments.seeds && failed < arguments.failures; ++seed, ++ran) {
    if (arguments.seconds > 0 && CpuSeconds() >= arguments.seconds) break;
    failed += RunSeed(arguments, seed, totals) ? 1 : 0;
  }
  if (failed >= arguments.failures) std::printf("stopped after %lu failures\n", failed);
  std::printf("%lu seeds, %lu failed, %lu simulated steps in %.1f s: %.0f steps/s\n", ran, failed, totals.steps,
              CpuSeconds(), static_cast<double>(totals.steps) / CpuSeconds());
  std::printf("%lu backup attempts, of which %lu won\n", totals.backups, totals.backups_won);
  if (failed > 0) return 1;
  // Rules that nothing ever puts to the test are kept by any code.
  if (ran >= kSeedsForCoverage && (totals.backups_won == 0 || totals.backups_won == totals.backups)) {
    std::printf("FAILED: no backup attempt won, or none lost\n");
    return 1;
  }
  if (ran >= arguments.at_least) return 0;
  std::printf("FAILED: %lu seeds were to run within %.0f s\n", arguments.at_least, arguments.seconds);
  return 1;
}

}  // namespace
}  // namespace mr::sim

int main(int argc, char** argv) {
  mr::sim::Arguments arguments;
  CLI::App app("Runs whole clusters in virtual time, one per seed, with faults, and checks that nothing is lost.");
  app.add_option("--seeds", arguments.seeds, "how many (500)");
  app.add_option("--first", arguments.first, "the first one (1)");
  app.add_option("--seconds", arguments.seconds, "stop after this time of the processor");
  app.add_option("--at-least", arguments.at_least, "fail if fewer ran by then");
  app.add_option("--failures", arguments.failures, "stop after so many (10)");
  app.add_option_function<uint64_t>(
      "--seed",
      [&](uint64_t seed) {
        arguments.first = seed;
        arguments.seeds = 1;
      },
      "only this one");
  app.add_flag("--trace", arguments.trace, "print everything that happens");
  app.add_flag("--twice", arguments.twice, "run each seed twice and compare");
  CLI11_PARSE(app, argc, argv);
  return mr::sim::RunSeeds(arguments);
}
