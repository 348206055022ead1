#include "coordinator/core/manifest.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "common/base/strings.h"
#include "coordinator/core/bad_records.h"
#include "coordinator/core/split_planner.h"

namespace mr::coordinator {
namespace {

using Json = nlohmann::ordered_json;

std::string Hex64(uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

const char* Name(wire::InputFormat format) {
  switch (format) {
    case wire::InputFormat::kLines:
      return "lines";
    case wire::InputFormat::kBlocks:
      return "blocks";
    case wire::InputFormat::kWhole:
      return "whole";
    case wire::InputFormat::kFixed:
      return "fixed";
  }
  return "unknown";
}

const char* Name(wire::Compression codec) {
  switch (codec) {
    case wire::Compression::kNone:
      return "none";
    case wire::Compression::kGzip:
      return "gzip";
    case wire::Compression::kZstd:
      return "zstd";
    case wire::Compression::kLz4:
      return "lz4";
    case wire::Compression::kAuto:
      return "auto";
  }
  return "unknown";
}

Json ConfigJson(const wire::JobConfig& config) {
  return Json{{"input_format", Name(config.input_format)},
              {"reducers", config.reducers},
              {"combine", config.combine},
              {"split_bytes", config.split_bytes},
              {"output_compression", Name(config.output_compression)},
              {"max_attempts", config.max_attempts},
              {"max_failed_tasks", wire::FormatPermille(config.max_failed_permille)},
              {"skip_bad_records", config.skip_bad_records},
              {"seed", config.seed},
              {"params", config.params},
              {"labels", config.labels}};
}

// The tasks whose output is not there.
Json GivenUpJson(const JobEntry& job) {
  Json given_up = Json::array();
  const auto add = [&](const std::vector<TaskEntry>& tasks, Phase phase) {
    for (uint32_t index = 0; index < tasks.size(); ++index) {
      if (!tasks[index].given_up) continue;
      given_up.push_back(
          {{"task", ToString(TaskId{job.id, phase, index})},
           {"input", phase == Phase::kMap ? DescribeSplits(job.plan[index])
                                          : StrCat("partition ", index)},
           {"error", tasks[index].failures.back().failure.message}});
    }
  };
  add(job.maps, Phase::kMap);
  add(job.reduces, Phase::kReduce);
  return given_up;
}

// What the output lacks because user code failed on it.
Json SkippedJson(const JobEntry& job) {
  Json files = Json::array();
  for (const wire::BadRecordFile& file : BadRecordFiles(job)) files.push_back("_bad/" + file.name);
  return Json{{"count", CountSkipped(job)}, {"files", std::move(files)}};
}

Json OutputJson(const std::vector<wire::OutputFile>& files) {
  Json list = Json::array();
  uint64_t bytes = 0;
  uint64_t records = 0;
  for (const wire::OutputFile& file : files) {
    list.push_back({{"name", file.name},
                    {"bytes", file.size_bytes},
                    {"records", file.record_count},
                    {"xxh3", Hex64(file.checksum)}});
    bytes += file.size_bytes;
    records += file.record_count;
  }
  return Json{{"bytes", bytes}, {"records", records}, {"files", std::move(list)}};
}

}  // namespace

std::vector<wire::OutputFile> PublishedFiles(const JobEntry& job) {
  std::vector<wire::OutputFile> files;
  const auto add = [&files](const std::vector<wire::OutputFile>& part) {
    files.insert(files.end(), part.begin(), part.end());
  };
  for (const TaskEntry& task : job.maps) {
    if (job.map_only() && task.completion)
      add(std::get<wire::MapResult>(task.completion->result).files);
  }
  for (const TaskEntry& task : job.reduces) {
    if (task.completion) add(std::get<wire::ReduceResult>(task.completion->result).files);
  }
  std::sort(files.begin(), files.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return files;
}

std::string MakeManifest(const JobEntry& job, const wire::Counters& counters,
                         const std::string& version, int64_t now_unix_ms) {
  const wire::JobConfig& config = job.spec.config;
  uint64_t input_bytes = 0;
  for (const wire::InputFile& file : job.spec.inputs) input_bytes += file.size_bytes;
  const Json manifest{
      {"format", 1},
      {"job", ToString(job.id)},
      {"name", config.name},
      {"user", config.user},
      {"millrace", version},
      {"submitted_at", FormatUtc(job.submitted_unix_ms)},
      {"committed_at", FormatUtc(now_unix_ms)},
      {"plugin",
       {{"name", config.plugin_name}, {"job", config.job_name}, {"sha256", config.plugin_sha256}}},
      {"input", {{"files", job.spec.inputs.size()}, {"bytes", input_bytes}}},
      {"tasks", {{"map", job.maps.size()}, {"reduce", job.reduces.size()}}},
      {"failed_tasks", GivenUpJson(job)},
      {"skipped_records", SkippedJson(job)},
      {"output", OutputJson(PublishedFiles(job))},
      {"counters", counters},
      {"config", ConfigJson(config)}};
  return manifest.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace mr::coordinator
