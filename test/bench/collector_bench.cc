// EmitBuffer and EmitTable alone: fixed seeds, no clock in the loops; items per second are records.
//
//   BufferAdd       records of 100 bytes with keys of 10 into a buffer: copy, partition, index
//   BufferSort      the same, and sorted, and read back in order
//   BufferSortKeys  short records, so that sorting is what costs, for keys of several kinds
//   TableHit        a word that is there already, of 1000, 50,000 and 1,000,000
//   TableMiss       every key is new: inserts and growth, then sorted
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "common/base/random.h"
#include "common/base/strings.h"
#include "test/unit/worker/map/collector_test_util.h"
#include "worker/map/emit_buffer.h"
#include "worker/map/emit_table.h"

namespace mr::worker::test {
namespace {

constexpr uint64_t kBudget = 256u << 20;
constexpr uint32_t kPartitions = 4;
const Spill kNoSpill = []() -> Attempted<void> { std::abort(); };

// Windows of 64 KiB, as a plugin fills them.
template <class KeyOf>
std::vector<std::string> Windows(size_t records, std::string_view value, KeyOf key_of) {
  std::vector<std::string> windows;
  std::string frames;
  for (size_t i = 0; i < records; ++i) {
    AppendFrame(frames, key_of(i), value);
    if (frames.size() < 65'000 && i + 1 < records) continue;
    frames.reserve(frames.size() + 16);
    windows.push_back(std::move(frames));
    frames.clear();
  }
  return windows;
}

std::string PrintableKey(Random& random, size_t size) {
  std::string key(size, ' ');
  for (char& c : key) c = static_cast<char>(' ' + random.Below(95));
  return key;
}

template <class Collector>
void Fill(Collector& collector, const std::vector<std::string>& windows) {
  for (const std::string& window : windows) {
    if (!collector.Consume(window, kNoSpill)) std::abort();
  }
}

template <class Collector>
uint64_t ReadBack(Collector& collector) {
  uint64_t sum = 0;
  for (uint32_t p = 0; p < kPartitions; ++p) {
    auto source = collector.Records(p);
    while (source.Next() == Step::kRecord) sum += source.key().size() + source.value().size();
  }
  return sum;
}

void RunBuffer(benchmark::State& state, const std::vector<std::string>& windows, size_t records, bool sort) {
  PartitionerFixture fixture(kPartitions);
  EmitBuffer buffer(kBudget, fixture.partitioner());
  for (auto _ : state) {
    Fill(buffer, windows);
    if (sort) {
      if (!buffer.Sort()) std::abort();
      benchmark::DoNotOptimize(ReadBack(buffer));
    }
    buffer.Clear();
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * records));
}

constexpr size_t kRecords = 600'000;

const std::vector<std::string>& SortRecords() {
  static const auto windows = [] {
    Random random(1);
    return Windows(kRecords, std::string(90, 'v'), [&](size_t) { return PrintableKey(random, 10); });
  }();
  return windows;
}

void BufferAdd(benchmark::State& state) { RunBuffer(state, SortRecords(), kRecords, false); }
BENCHMARK(BufferAdd)->Unit(benchmark::kMillisecond);

void BufferSort(benchmark::State& state) { RunBuffer(state, SortRecords(), kRecords, true); }
BENCHMARK(BufferSort)->Unit(benchmark::kMillisecond);

void BufferSortKeys(benchmark::State& state, std::string (*key_of)(Random&)) {
  Random random(2);
  const auto windows = Windows(kRecords, "12345678", [&](size_t) { return key_of(random); });
  RunBuffer(state, windows, kRecords, true);
}
BENCHMARK_CAPTURE(BufferSortKeys, words, [](Random& random) {
  return StrCat("w", random.Below(1 + random.Below(50'000)));
})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BufferSortKeys, urls, [](Random& random) {
  return StrCat("https://example.com/articles/", random.Below(1'000'000));
})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BufferSortKeys, one_key, [](Random&) {
  return std::string("the only key there is");
})->Unit(benchmark::kMillisecond);

void RunTable(benchmark::State& state, const std::vector<std::string>& windows, size_t records) {
  FoldSpec fold;
  fold.kind = MR_FOLD_SUM;
  fold.width = 8;
  fold.mask = ~uint64_t{0};
  PartitionerFixture fixture(kPartitions);
  for (auto _ : state) {
    EmitTable table(kBudget, fold, fixture.partitioner());
    Fill(table, windows);
    if (!table.Sort()) std::abort();
    benchmark::DoNotOptimize(ReadBack(table));
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * records));
}

void TableHit(benchmark::State& state) {
  const auto distinct = static_cast<uint64_t>(state.range(0));
  Random random(3);
  constexpr size_t kHits = 4'000'000;
  RunTable(state, Windows(kHits, BigEndian(1), [&](size_t) { return StrCat("w", random.Below(distinct)); }), kHits);
}
BENCHMARK(TableHit)->ArgName("distinct")->Arg(1000)->Arg(50'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

void TableMiss(benchmark::State& state) {
  const auto size = static_cast<size_t>(state.range(0));
  Random random(4);
  RunTable(state, Windows(kRecords, BigEndian(1), [&](size_t) { return PrintableKey(random, size); }), kRecords);
}
BENCHMARK(TableMiss)->ArgName("key_bytes")->Arg(10)->Arg(30)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace mr::worker::test

BENCHMARK_MAIN();
