// The stages of the data path, each alone, on generated text and records (fixed seeds, no clock in the loops).
//
//   ReadLines       64 MiB of text, lines of 10 words: splits, finding lines
//   MapFold         the same text through a whole map attempt that folds (word count): table, spill, run file
//   MapSort         100-byte records through a map attempt that keeps every record: arena, index sort, run file
//   RunWrite        the same records into a run file, per codec
//   RunRead         and back, every block verified
//   Merge           the same records from 2, 16 and 128 segments
//   Hash64, Codec   what partitioning and control messages cost
//
// Bytes per second are of keys and values, or of the input text.
#include <benchmark/benchmark.h>

#include <algorithm>

#include "common/base/hash.h"
#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/wire/codec.h"
#include "test/unit/worker/testutil/c_jobs.h"
#include "worker/input/record_reader.h"
#include "worker/map/map_attempt.h"
#include "worker/run/merger.h"
#include "worker/run/run_reader.h"
#include "worker/run/run_writer.h"

namespace mr::worker {
namespace {

constexpr uint64_t kTextBytes = 16u << 20;
constexpr size_t kRecords = 100'000;

// Words of 2 to 9 letters out of 50,000, the frequent ones far more often.
const std::string& Text() {
  static const std::string text = [] {
    Random random(1);
    std::vector<std::string> words(50'000);
    for (std::string& word : words) {
      word.resize(2 + random.Below(8));
      for (char& letter : word) letter = static_cast<char>('a' + random.Below(26));
    }
    std::string out;
    out.reserve(kTextBytes + 200);
    while (out.size() < kTextBytes) {
      for (int i = 0; i < 10; ++i) {
        out += words[random.Below(1 + random.Below(1 + random.Below(words.size())))];
        out += i == 9 ? '\n' : ' ';
      }
    }
    return out;
  }();
  return text;
}

// Sorted records with 10-byte keys and 90-byte values.
const std::vector<std::string>& SortedKeys() {
  static const std::vector<std::string> keys = [] {
    Random random(2);
    std::vector<std::string> out(kRecords);
    for (std::string& key : out) {
      key.resize(10);
      for (char& c : key) c = static_cast<char>(' ' + random.Below(95));
    }
    std::sort(out.begin(), out.end());
    return out;
  }();
  return keys;
}

const std::string kValue(90, 'v');

// The records first, first + step, … as a run of one partition.
void WriteRun(const std::string& path, size_t first, size_t step, wire::Compression codec) {
  RunOptions options;
  options.compression = codec;
  auto writer = RunWriter::Create(PosixEnv(), path, options).value();
  writer->StartPartition(0);
  for (size_t i = first; i < kRecords; i += step) writer->Append(SortedKeys()[i], kValue);
  if (!writer->Finish()) std::abort();
}

SegmentInput OpenRun(const std::string& path) {
  std::shared_ptr<const ReadableFile> file = PosixEnv().OpenForRead(path).value();
  return SegmentInput::From(file, ReadRunIndex(*file).value().front());
}

void ReadLines(benchmark::State& state) {
  const test::ScratchDirectory scratch;
  const auto splits = test::WriteInput(scratch / "text", Text(), 64u << 20);
  for (auto _ : state) {
    uint64_t lines = 0;
    for (const wire::Split& split : splits) {
      auto reader = RecordReader::Open(PosixEnv(), split, wire::InputFormat::kLines, 0).value();
      RecordReader::Batch batch;
      while (reader->Next(batch).value()) lines += batch.records->size();
    }
    benchmark::DoNotOptimize(lines);
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * Text().size()));
}
BENCHMARK(ReadLines)->Unit(benchmark::kMillisecond);

void RunMap(benchmark::State& state, const mr_job_def& job, std::string_view text) {
  const test::ScratchDirectory scratch;
  const auto splits = test::WriteInput(scratch / "text", text, 64u << 20);
  for (auto _ : state) {
    test::AttemptFixture fixture(scratch.path());
    fixture.assignment.config.reducers = 4;
    fixture.assignment.config.task_memory_bytes = 256u << 20;  // no spill
    wire::MapWork work{splits};
    if (const auto result = RunMapAttempt(fixture.context, job, work); !result) {
      return state.SkipWithError(result.error().message.c_str());
    }
    if (!PosixEnv().RemoveFile(fixture.context.map_output_path)) std::abort();
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
}

void MapFold(benchmark::State& state) { RunMap(state, test::WordCountJob(true, true), Text()); }
BENCHMARK(MapFold)->Unit(benchmark::kMillisecond);

void MapSort(benchmark::State& state) {
  Random random(3);
  std::vector<std::string> keys = SortedKeys();
  for (size_t i = keys.size(); i > 1; --i) std::swap(keys[i - 1], keys[random.Below(i)]);
  std::string text;
  for (const std::string& key : keys) text += StrCat(key, "\t", kValue, "\n");
  RunMap(state, test::GroupingJob(), text);
}
BENCHMARK(MapSort)->Unit(benchmark::kMillisecond);

void RunWrite(benchmark::State& state) {
  const test::ScratchDirectory scratch;
  for (auto _ : state) {
    WriteRun(scratch / "run", 0, 1, static_cast<wire::Compression>(state.range(0)));
    if (!PosixEnv().RemoveFile(scratch / "run")) std::abort();
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * kRecords * 100));
}
BENCHMARK(RunWrite)->ArgName("codec")->Arg(0)->Arg(2)->Arg(3)->Unit(benchmark::kMillisecond);

void RunRead(benchmark::State& state) {
  const test::ScratchDirectory scratch;
  WriteRun(scratch / "run", 0, 1, static_cast<wire::Compression>(state.range(0)));
  for (auto _ : state) {
    SegmentCursor cursor(PosixEnv(), OpenRun(scratch / "run"));
    uint64_t records = 0;
    while (cursor.Next()) ++records;
    if (records != kRecords) std::abort();
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * kRecords * 100));
}
BENCHMARK(RunRead)->ArgName("codec")->Arg(0)->Arg(2)->Arg(3)->Unit(benchmark::kMillisecond);

void Merge(benchmark::State& state) {
  const test::ScratchDirectory scratch;
  const auto fan_in = static_cast<size_t>(state.range(0));
  for (size_t i = 0; i < fan_in; ++i) WriteRun(scratch / StrCat(i), i, fan_in, wire::Compression::kLz4);
  for (auto _ : state) {
    std::vector<SegmentInput> inputs;
    for (size_t i = 0; i < fan_in; ++i) inputs.push_back(OpenRun(scratch / StrCat(i)));
    MergeOptions options;
    options.scratch_prefix = scratch / "merge";
    Merger merger(PosixEnv(), std::move(inputs), options);
    uint64_t records = 0;
    while (merger.Next() == Step::kRecord) ++records;
    if (records != kRecords) std::abort();
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * kRecords * 100));
}
BENCHMARK(Merge)->ArgName("fan_in")->Arg(2)->Arg(16)->Arg(128)->Unit(benchmark::kMillisecond);

void Hash(benchmark::State& state) {
  const std::string key(static_cast<size_t>(state.range(0)), 'k');
  for (auto _ : state) benchmark::DoNotOptimize(Hash64(key));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * key.size()));
}
BENCHMARK(Hash)->ArgName("bytes")->Arg(8)->Arg(64)->Arg(65536);

void Codec(benchmark::State& state) {
  wire::Request request;
  wire::ReportRequest report;
  report.progress.resize(16);
  request.body = report;
  for (auto _ : state) {
    const auto decoded = wire::Decode<wire::Request>(wire::Encode(request));
    if (!decoded) std::abort();
  }
}
BENCHMARK(Codec);

}  // namespace
}  // namespace mr::worker

BENCHMARK_MAIN();
