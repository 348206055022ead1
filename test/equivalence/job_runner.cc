#include "test/equivalence/job_runner.h"

#include <algorithm>
#include <array>
#include <thread>

#include "common/base/hash.h"
#include "common/base/strings.h"
#include "worker/input/byte_source.h"
#include "worker/map/map_attempt.h"
#include "worker/reduce/reduce_attempt.h"
#include "worker/shuffle/run_files.h"

namespace mr::worker::test {

void Totals::Add(const Totals& other) {
  spills += other.spills;
  spills_most = std::max(spills_most, other.spills_most);
  extra_merges_map += other.extra_merges_map;
  extra_merges_reduce += other.extra_merges_reduce;
  extra_merges_most = std::max(extra_merges_most, other.extra_merges_most);
  combined_records += other.combined_records;
  fetched_bytes += other.fetched_bytes;
  partition_records_most = std::max(partition_records_most, other.partition_records_most);
}

void JobRunner::CountMap(wire::Counters& counters) {
  Totals one;
  one.spills = one.spills_most = counters["mr.spills"];
  one.extra_merges_map = one.extra_merges_most = counters["mr.extra_merges"];
  one.combined_records = counters["mr.combine_input_records"];
  totals_.Add(one);
}

void JobRunner::CountReduce(wire::Counters& counters) {
  Totals one;
  one.extra_merges_reduce = one.extra_merges_most = counters["mr.extra_merges"];
  one.fetched_bytes = counters["mr.shuffle_bytes"];
  one.partition_records_most = static_cast<uint64_t>(counters["mr.reduce_input_records"]);
  const std::lock_guard lock(totals_mutex_);
  totals_.Add(one);
}

JobRunner::JobRunner(const RandomJob& job, net::NetContext& net)
    : job_(job),
      net_(net),
      def_(job.Plugin()),
      partition_records_(job.partitions),
      reduced_records_(job.partitions),
      files_(job.partitions) {}

std::optional<std::string> JobRunner::Run() {
  if (Problem problem = StartWorkers()) return problem;
  if (Problem problem = RunMaps()) return problem;
  if (Problem problem = RunReduces()) return problem;
  return Compare();
}

JobRunner::Problem JobRunner::StartWorkers() {
  for (uint32_t i = 0; i < job_.workers; ++i) {
    Worker worker;
    worker.outputs = scratch_ / StrCat("worker", i);
    if (!PosixEnv().CreateDirectories(worker.outputs)) return "no directory for map outputs";
    auto server = SegmentServer::Start(net_, PosixEnv(), "tcp://127.0.0.1:0", "", {worker.outputs});
    if (!server) return server.error().text;
    worker.server = std::move(*server);
    worker.endpoint = worker.server->endpoint();
    workers_.push_back(std::move(worker));
  }
  return {};
}

void JobRunner::Configure(AttemptFixture& fixture, Phase phase, uint32_t index,
                          uint64_t memory) const {
  fixture.assignment.attempt.task.phase = phase;
  fixture.assignment.attempt.task.index = index;
  wire::JobConfig& config = fixture.assignment.config;
  config.reducers = job_.partitions;
  config.range_bounds = job_.bounds;
  config.task_memory_bytes = memory;
  config.shuffle_codec = job_.codec;
  config.output_compression = job_.output_codec;
  config.combine = job_.combining != RandomJob::Combining::kNone;
  config.output_dir = scratch_ / "out";
  config.params["seed"] = std::to_string(job_.seed);
}

JobRunner::Problem JobRunner::RunMaps() {
  const auto splits = WriteInput(scratch_ / "input", job_.InputText(), job_.split_bytes);
  for (size_t begin = 0; begin < splits.size(); begin += job_.splits_per_map) {
    const size_t end = std::min<size_t>(begin + job_.splits_per_map, splits.size());
    const auto at = [&](size_t i) { return splits.begin() + static_cast<std::ptrdiff_t>(i); };
    if (Problem problem = RunMap(static_cast<uint32_t>(outputs_.size()), {at(begin), at(end)}))
      return problem;
  }
  return {};
}

JobRunner::Problem JobRunner::RunMap(uint32_t index, const std::vector<wire::Split>& splits) {
  const Worker& worker = workers_[index % workers_.size()];
  AttemptFixture map(scratch_ / StrCat("map", index));
  Configure(map, Phase::kMap, index, job_.map_memory);
  const AttemptId attempt = map.assignment.attempt;
  map.context.map_output_path = RunFilePath(worker.outputs, attempt);
  const auto result = RunMapAttempt(map.context, def_, wire::MapWork{splits});
  if (!result) return StrCat("map ", index, ": ", result.error().message);
  CountMap(map.context.counters);
  for (uint32_t p = 0; p < job_.partitions; ++p)
    partition_records_[p] += result->partition_records.at(p);
  outputs_.push_back({attempt, {}, worker.endpoint});
  return {};
}

JobRunner::Problem JobRunner::RunReduces() {
  std::array<Problem, 2> problems;
  const auto run_share = [&](uint32_t share) {
    for (uint32_t p = share; p < job_.partitions && !problems[share]; p += 2)
      problems[share] = RunReduce(p);
  };
  std::thread other([&] { run_share(1); });
  run_share(0);
  other.join();
  return problems[0] ? problems[0] : problems[1];
}

JobRunner::Problem JobRunner::RunReduce(uint32_t partition) {
  const Worker& worker = workers_[partition % workers_.size()];
  AttemptFixture reduce(scratch_ / StrCat("reduce", partition));
  Configure(reduce, Phase::kReduce, partition, job_.reduce_memory);
  FetchOptions fetch;
  fetch.own_endpoint = worker.endpoint;
  fetch.own_output_dirs = {worker.outputs};
  fetch.net = &net_;
  const auto result = RunReduceAttempt(reduce.context, def_, {partition, outputs_}, fetch);
  if (!result) return StrCat("reduce ", partition, ": ", result.error().message);
  reduced_records_[partition] =
      static_cast<uint64_t>(reduce.context.counters["mr.reduce_input_records"]);
  files_[partition] = result->files.at(0);
  CountReduce(reduce.context.counters);
  const auto left = PosixEnv().ListDirectory(reduce.context.scratch_dir);
  if (!left) return left.error().text;
  for (const std::string& name : *left) {
    if (name.starts_with("merge-"))
      return StrCat("reduce ", partition, " leaves ", name, " behind");
  }
  return {};
}

JobRunner::Problem JobRunner::ReadPart(uint32_t partition, std::string& bytes) const {
  const wire::OutputFile& file = files_[partition];
  const std::string path = JoinPath(scratch_ / "out", file.name);
  const auto stored = ReadWholeFile(PosixEnv(), path);
  if (!stored || stored->size() != file.size_bytes || Hash64(*stored) != file.checksum) {
    return StrCat(file.name, " is not what its reduce reported");
  }
  wire::InputFile input;
  input.path = path;
  input.compression = job_.output_codec;
  auto source = OpenByteSource(PosixEnv(), input, 0, CheckInput::kNo);
  if (!source) return source.error().text;
  std::array<char, 65536> buffer;
  while (true) {
    const auto got = (*source)->Read(buffer);
    if (!got) return got.error().text;
    if (*got == 0) return {};
    bytes.append(buffer.data(), *got);
  }
}

JobRunner::Problem JobRunner::CheckOrder(uint32_t partition,
                                         const std::vector<WrittenGroup>& groups) const {
  for (size_t i = 0; i < groups.size(); ++i) {
    const std::string& group = groups[i].group;
    if (i > 0 && groups[i - 1].group >= group)
      return StrCat("partition ", partition, " is not in order");
    bool here = true;
    if (job_.partitioning == RandomJob::Partitioning::kOwn) {
      here = RandomJob::OwnPartition(group, job_.partitions) == partition;
    } else if (job_.partitioning == RandomJob::Partitioning::kRange) {
      here = (partition == 0 || group >= job_.bounds[partition - 1]) &&
             (partition == job_.bounds.size() || group < job_.bounds[partition]);
    }
    if (!here)
      return StrCat("partition ", partition, " has a group of another one: ", Printable(group, 40));
  }
  return {};
}

JobRunner::Problem JobRunner::Compare() const {
  std::map<std::string, std::string> expected = job_.ExpectedGroups();
  for (uint32_t partition = 0; partition < job_.partitions; ++partition) {
    std::string bytes;
    if (Problem problem = ReadPart(partition, bytes)) return problem;
    std::vector<WrittenGroup> groups;
    if (!ParseGroups(bytes, groups))
      return StrCat("partition ", partition, " is not made of groups");
    if (Problem problem = CheckOrder(partition, groups)) return problem;
    if (reduced_records_[partition] != partition_records_[partition]) {
      return StrCat("partition ", partition, " got ", reduced_records_[partition], " records of ",
                    partition_records_[partition]);
    }
    for (const WrittenGroup& group : groups) {
      const auto found = expected.find(group.group);
      if (found == expected.end())
        return StrCat("group ", Printable(group.group, 40), " should not be there, or once");
      if (found->second != group.text) {
        return StrCat("group ", Printable(group.group, 40), " has ", group.text.size(),
                      " bytes of text: ", Printable(group.text, 60), " …; expected ",
                      found->second.size(), ": ", Printable(found->second, 60));
      }
      expected.erase(found);
    }
  }
  if (!expected.empty()) return StrCat(expected.size(), " groups are missing");
  return {};
}

}  // namespace mr::worker::test
