// Randomised equivalence: for each seed a job is drawn (keys and values of 0 to 100,000 bytes,
// duplicates, skew, splits, partitions, combiners, codecs, budgets down to nothing), run through
// the whole data path, and compared with what a simple program makes of the same records.
//
//   random_jobs                     the seeds 1, 2, … for 5 seconds
//   random_jobs --seconds 600       … for longer
//   random_jobs --seed 17           that one, told in full
//   random_jobs --from 1000 --seeds 50
//   random_jobs --seeds 40 --demand    … and fails unless they spilled dozens of times in one map,
//                                      merged in several passes on both sides, combined, and filled
//                                      a partition with thousands of records
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/base/strings.h"
#include "test/equivalence/job_runner.h"

namespace mr::worker::test {
namespace {

struct Options {
  uint64_t from = 1;
  uint64_t seeds = UINT64_MAX;
  double seconds = 5;
  bool tell = false;
  bool demand = false;
};

// False: not understood.
bool Parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--demand") {
      options.demand = true;
      --i;  // no value
      continue;
    }
    if (i + 1 == argc) return false;
    char* end = nullptr;
    if (name == "--seconds") {
      options.seconds = std::strtod(argv[i + 1], &end);
    } else {
      const uint64_t number = std::strtoull(argv[i + 1], &end, 10);
      if (name == "--seed") {
        options = {number, 1, 1e9, true};
      } else if (name == "--from") {
        options.from = number;
      } else if (name == "--seeds") {
        options.seeds = number;
        options.seconds = 1e9;
      } else {
        return false;
      }
    }
    if (end == argv[i + 1] || *end != '\0') return false;
  }
  return true;
}

void Print(const Totals& totals) {
  std::printf("  %jd spills, up to %jd in one map; %jd and %jd extra merges of maps and reduces, up to %jd in one task;\n"
              "  %jd records combined, %s shuffled, up to %ju records in one partition\n",
              intmax_t{totals.spills}, intmax_t{totals.spills_most}, intmax_t{totals.extra_merges_map},
              intmax_t{totals.extra_merges_reduce}, intmax_t{totals.extra_merges_most},
              intmax_t{totals.combined_records}, FormatSize(static_cast<uint64_t>(totals.fetched_bytes)).c_str(),
              uintmax_t{totals.partition_records_most});
}

// Whether the jobs went everywhere where something can go wrong.
bool Suffices(const Totals& totals) {
  return totals.spills_most >= 24 && totals.extra_merges_map >= 4 && totals.extra_merges_reduce >= 4 &&
         totals.extra_merges_most >= 3 && totals.combined_records >= 10'000 && totals.partition_records_most >= 5000;
}

int Main(int argc, char** argv) {
  Options options;
  if (!Parse(argc, argv, options)) {
    std::fprintf(stderr, "usage: %s [--seed N] [--from N] [--seeds N] [--seconds S] [--demand]\n", argv[0]);
    return 2;
  }
  net::NetContext net;
  const auto now = [] { return std::chrono::steady_clock::now(); };
  const auto until = now() + std::chrono::duration<double>(options.seconds);
  uint64_t done = 0, bytes = 0;
  Totals totals;
  for (; done < options.seeds && now() < until; ++done) {
    const RandomJob job = RandomJob::Draw(options.from + done);
    if (options.tell)
      std::printf("seed %ju: %s\n", static_cast<uintmax_t>(job.seed), job.Describe().c_str());
    JobRunner runner(job, net);
    const auto problem = runner.Run();
    totals.Add(runner.totals());
    if (problem) {
      std::printf("seed %ju: %s\n  %s\nagain: %s --seed %ju\n", static_cast<uintmax_t>(job.seed),
                  problem->c_str(), job.Describe().c_str(), argv[0],
                  static_cast<uintmax_t>(job.seed));
      return 1;
    }
    bytes += job.EmittedBytes().first;
  }
  std::printf("%ju jobs from seed %ju on, %s of records: all equal to the reference\n",
              static_cast<uintmax_t>(done), static_cast<uintmax_t>(options.from),
              FormatSize(bytes).c_str());
  Print(totals);
  if (options.demand && !Suffices(totals)) {
    std::printf("these jobs did not put enough of the data path to the test: take other seeds, or more\n");
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace mr::worker::test

int main(int argc, char** argv) { return mr::worker::test::Main(argc, argv); }
