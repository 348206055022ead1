// Further stages of the data path, each alone (data_path_bench.cc has the others): fixed seeds, no clock in the loops.
//
//   Spill           a full collector, sorted and written to a scratch run, per kind of record
//   BlockEncode     one block of records as it is stored, per codec and kind of record
//   BlockDecode     and back
//   Transfer        16 MiB of segments through segment server and fetcher over TCP, into memory
//   ReduceGroups    merged records cut into groups and pulled one by one by a reduce(), by records per group
//   PassRecords     the same records, passed on by the engine for a reduce that only does that
//
// Kinds of record: 0 those of a sort benchmark (10 printable bytes, and 90 of which 10 are a number and the rest the same
// letters for long), 1 words with a count, 2 log lines under a number. Bytes per second are of keys and values.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "common/base/strings.h"
#include "test/unit/worker/map/collector_test_util.h"
#include "worker/map/emit_buffer.h"
#include "worker/reduce/reduce_attempt.h"
#include "worker/run/merger.h"
#include "worker/run/run_writer.h"
#include "worker/shuffle/run_files.h"
#include "worker/shuffle/segment_server.h"

namespace mr::worker::test {
namespace {

constexpr size_t kRecords = 100'000;

Records MakeRecords(int64_t kind) {
  Random random(static_cast<uint64_t>(kind) + 1);
  Records records(kRecords);
  for (size_t i = 0; i < kRecords; ++i) {
    auto& [key, value] = records[i];
    if (kind == 0) {
      key.resize(10);
      for (char& c : key) c = static_cast<char>(' ' + random.Below(95));
      char number[16];
      std::snprintf(number, sizeof number, "%010zu", i);
      value = number;
      for (int letters = 0; letters < 10; ++letters) value += std::string(8, static_cast<char>('A' + random.Below(26)));
    } else if (kind == 1) {
      for (uint64_t n = random.Below(random.Below(50'000) + 1) + 1; n > 0; n /= 26) key += static_cast<char>('a' + n % 26);
      value = BigEndian(random.Below(1000));
    } else {
      key = BigEndian(random.Below(5000));
      value = StrCat("10.0.", random.Below(256), ".", random.Below(256), " GET /articles/", random.Below(100'000),
                     " 200 ", random.Below(1'000'000), " Mozilla/5.0 (X11; Linux x86_64)");
    }
  }
  return records;
}

const Records& RecordsOf(int64_t kind) {
  static const std::vector<Records> all = {MakeRecords(0), MakeRecords(1), MakeRecords(2)};
  return all[static_cast<size_t>(kind)];
}

uint64_t BytesOf(const Records& records) {
  uint64_t bytes = 0;
  for (const auto& [key, value] : records) bytes += key.size() + value.size();
  return bytes;
}

void SetBytes(benchmark::State& state, uint64_t bytes) {
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * bytes));
}

void Spill(benchmark::State& state) {
  const Records& records = RecordsOf(state.range(0));
  const ScratchDirectory scratch;
  PartitionerFixture fixture(4);
  EmitBuffer buffer(64u << 20, fixture.partitioner());
  std::string frames;
  for (const auto& [key, value] : records) AppendFrame(frames, key, value);
  for (auto _ : state) {
    if (!buffer.Consume(frames, []() -> Attempted<void> { std::abort(); }) || !buffer.Sort()) std::abort();
    RunOptions options{.partitions = 4, .compression = wire::Compression::kNone, .digests = false};
    auto run = RunWriter::Create(PosixEnv(), scratch / "spill", options).value();
    for (uint32_t p = 0; p < 4; ++p) {
      run->StartPartition(p);
      auto source = buffer.Records(p);
      while (source.Next() == Step::kRecord) run->Append(source.frame());
    }
    if (!run->Finish() || !PosixEnv().RemoveFile(scratch / "spill")) std::abort();
    buffer.Clear();
  }
  SetBytes(state, BytesOf(records));
}
BENCHMARK(Spill)->ArgName("kind")->DenseRange(0, 2)->Unit(benchmark::kMillisecond);

// Sorted records of a kind, as many as a block holds, with room for a header before them.
std::string BlockOf(int64_t kind) {
  Records records = RecordsOf(kind);
  std::sort(records.begin(), records.end());
  std::string block(kBlockHeaderBytes, '\0');
  for (const auto& [key, value] : records) {
    if (block.size() > kBlockTargetBytes - 200) break;
    AppendFrame(block, key, value);
  }
  return block;
}

void CodecsAndKinds(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"codec", "kind"});
  for (const wire::Compression codec : {wire::Compression::kNone, wire::Compression::kLz4, wire::Compression::kZstd}) {
    for (int64_t kind = 0; kind < 3; ++kind) benchmark->Args({static_cast<int64_t>(codec), kind});
  }
}

void BlockEncode(benchmark::State& state) {
  std::string block = BlockOf(state.range(1));
  auto encoder = BlockEncoder::Create(static_cast<wire::Compression>(state.range(0))).value();
  size_t stored = 0;
  for (auto _ : state) stored = encoder.Encode({.record_count = 1}, block).size();
  SetBytes(state, block.size());
  state.counters["stored"] = static_cast<double>(stored) / static_cast<double>(block.size());
}
BENCHMARK(BlockEncode)->Apply(CodecsAndKinds);

void BlockDecode(benchmark::State& state) {
  std::string block = BlockOf(state.range(1));
  auto encoder = BlockEncoder::Create(static_cast<wire::Compression>(state.range(0))).value();
  const std::string stored(encoder.Encode({.record_count = 1}, block));
  ByteBuffer buffer;
  for (auto _ : state) {
    const auto header = ReadBlockHeader(stored.data());
    const std::string_view payload = std::string_view(stored).substr(kBlockHeaderBytes);
    if (!header || !DecodeBlock(*header, stored.data(), payload, buffer)) std::abort();
  }
  SetBytes(state, block.size());
}
BENCHMARK(BlockDecode)->Apply(CodecsAndKinds);

AttemptId MapAttemptId(uint32_t index) { return {{JobId{1}, Phase::kMap, index}, 0, 1}; }

// Eight map outputs of one partition, each with every eighth of the sorted `records`.
void WriteOutputs(const std::string& directory, Records records, uint32_t copies) {
  std::sort(records.begin(), records.end());
  for (uint32_t source = 0; source < 8; ++source) {
    RunOptions options;
    options.compression = wire::Compression::kNone;
    auto run = RunWriter::Create(PosixEnv(), RunFilePath(directory, MapAttemptId(source)), options).value();
    run->StartPartition(0);
    for (size_t i = source; i < records.size(); i += 8) {
      for (uint32_t copy = 0; copy < copies; ++copy) run->Append(records[i].first, records[i].second);
    }
    if (!run->Finish()) std::abort();
  }
}

wire::ReduceWork WorkAt(const std::string& endpoint) {
  wire::ReduceWork work;
  for (uint32_t source = 0; source < 8; ++source) work.sources.push_back({MapAttemptId(source), {}, endpoint});
  return work;
}

void Transfer(benchmark::State& state) {
  const ScratchDirectory scratch;
  WriteOutputs(scratch.path(), RecordsOf(0), 2);
  net::NetContext net;
  const auto server = SegmentServer::Start(net, PosixEnv(), "tcp://127.0.0.1:0", "", {scratch.path()}).value();
  AttemptFixture reduce(scratch / "reduce");
  FetchOptions options;
  options.memory_bytes = 1u << 30;
  options.net = &net;
  uint64_t bytes = 0;
  for (auto _ : state) {
    const auto segments = FetchSegments(reduce.context, WorkAt(server->endpoint()), options);
    if (!segments) return state.SkipWithError(segments.error().message.c_str());
    bytes = 0;
    for (const Segment& segment : *segments) bytes += segment.bytes;
  }
  SetBytes(state, bytes);
}
BENCHMARK(Transfer)->UseRealTime()->Unit(benchmark::kMillisecond);

// Touches every record and writes nothing.
int CountBytes(void*, mr_group* group, mr_sink*) {
  mr_bytes key, value;
  uint64_t bytes = 0;
  int more;
  while ((more = group->next(group->host, &key, &value)) == 1) bytes += key.size + value.size;
  benchmark::DoNotOptimize(bytes);
  return more < 0 ? MR_STOP : MR_OK;
}

void RunReduces(benchmark::State& state, const mr_job_def& job, uint32_t copies) {
  const ScratchDirectory scratch;
  Records records = RecordsOf(0);
  records.resize(records.size() / copies);
  WriteOutputs(scratch.path(), records, copies);
  FetchOptions options;
  options.own_endpoint = "ipc:///own";
  options.own_output_dirs = {scratch.path()};
  for (auto _ : state) {
    AttemptFixture reduce(scratch / "reduce");
    reduce.assignment.attempt.task = {JobId{1}, Phase::kReduce, 0};
    reduce.assignment.config.output_dir = scratch / "out";
    const auto result = RunReduceAttempt(reduce.context, job, WorkAt("ipc:///own"), options);
    if (!result) return state.SkipWithError(result.error().message.c_str());
    if (!PosixEnv().RemoveTree(scratch / "out")) std::abort();
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * records.size() * copies));
}

void ReduceGroups(benchmark::State& state) {
  mr_job_def job = GroupingJob();
  job.output_format = "raw";
  job.reduce = CountBytes;
  RunReduces(state, job, static_cast<uint32_t>(state.range(0)));
}
BENCHMARK(ReduceGroups)->ArgName("per_group")->Arg(1)->Arg(10)->Arg(1000)->Unit(benchmark::kMillisecond);

void PassRecords(benchmark::State& state) {
  mr_job_def job = GroupingJob();
  job.output_format = "raw";
  job.flags |= MR_JOB_IDENTITY_REDUCE;
  RunReduces(state, job, 1);
}
BENCHMARK(PassRecords)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace mr::worker::test

BENCHMARK_MAIN();
