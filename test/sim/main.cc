// mr_sim: runs seeds, and says which broke a rule and how to see it again.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <string>

#include "test/sim/cluster.h"

namespace mr::sim {
namespace {

constexpr uint64_t kSeedsForCoverage = 200;

struct Arguments {
  uint64_t seeds = 500;
  uint64_t first = 1;
  double seconds = 0;
  bool trace = false;
  bool twice = false;
};

int RunSeeds(const Arguments& arguments) {
  const auto begin = std::chrono::steady_clock::now();
  const auto passed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(); };
  uint64_t events = 0, failed = 0, ran = 0, backups = 0, backups_won = 0;
  for (uint64_t seed = arguments.first; ran < arguments.seeds; ++seed, ++ran) {
    if (arguments.seconds > 0 && passed() >= arguments.seconds) break;
    const Options options = DrawOptions(seed);
    if (arguments.trace) std::printf("seed %lu: %s\n", seed, options.Describe().c_str());
    Verdict verdict = Cluster(options, arguments.trace).Run();
    events += verdict.events;
    backups += verdict.backups;
    backups_won += verdict.backups_won;
    // One in a hundred runs twice: the same seed must give the same run.
    if ((arguments.twice || seed % 100 == 0) && Cluster(options, false).Run().trace_hash != verdict.trace_hash)
      verdict.problems.push_back("a second run of this seed went another way");
    if (verdict.problems.empty()) continue;
    ++failed;
    std::printf("seed %lu FAILED after %.1f simulated seconds: %s\n", seed,
                std::chrono::duration<double>(verdict.elapsed).count(), options.Describe().c_str());
    for (const std::string& problem : verdict.problems) std::printf("  %s\n", problem.c_str());
    std::printf("  to see it: scripts/simulate --seed %lu --trace\n", seed);
    if (failed >= 10) {
      std::printf("stopped after 10 failures\n");
      break;
    }
  }
  std::printf("%lu seeds, %lu failed, %lu events in %.1f s: %.0f events/s\n", ran, failed, events, passed(),
              static_cast<double>(events) / passed());
  std::printf("%lu backup attempts, of which %lu won\n", backups, backups_won);
  // Rules that nothing ever puts to the test are kept by any code.
  const bool covered = ran < kSeedsForCoverage || (backups_won > 0 && backups_won < backups);
  if (!covered) std::printf("FAILED: no backup attempt won, or none lost\n");
  return failed == 0 && covered ? 0 : 1;
}

}  // namespace
}  // namespace mr::sim

int main(int argc, char** argv) {
  mr::sim::Arguments arguments;
  CLI::App app("Runs whole clusters in virtual time, one per seed, with faults, and checks that nothing is lost.");
  app.add_option("--seeds", arguments.seeds, "how many (500)");
  app.add_option("--first", arguments.first, "the first one (1)");
  app.add_option("--seconds", arguments.seconds, "stop after this time");
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
