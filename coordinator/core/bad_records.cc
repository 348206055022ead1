#include "coordinator/core/bad_records.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "common/base/strings.h"
#include "coordinator/core/views.h"

namespace mr::coordinator {
namespace {

using Json = nlohmann::ordered_json;

// Attempts that began before the record was condemned fail at it too; one more shows that leaving it out does not
// help.
constexpr size_t kExcusedPerRecord = 3;
constexpr size_t kMaxErrorBytes = 300;

bool Condemns(wire::FailureCause cause) { return cause == wire::FailureCause::kBadRecord; }

bool Accuses(wire::FailureCause cause) {
  switch (cause) {
    case wire::FailureCause::kException:
    case wire::FailureCause::kSignal:
    case wire::FailureCause::kExit:
    case wire::FailureCause::kTimeout:
    case wire::FailureCause::kMemory:
    case wire::FailureCause::kBadRecord:
      return true;
    default:
      return false;
  }
}

// A group is known by its key; only where the key is too long to be known whole does its number count too.
bool SamePlace(const wire::Failure& a, const wire::Failure& b) {
  if (a.input_path != b.input_path) return false;
  if (!a.input_path.empty()) return a.record_offset == b.record_offset;
  const bool whole = a.excerpt.size() == a.record_bytes;
  return a.excerpt == b.excerpt && a.record_bytes == b.record_bytes && (whole || a.record_no == b.record_no);
}

wire::BadRecord MakeBadRecord(const wire::Failure& failure) {
  return {failure.input_path,   failure.record_offset, failure.record_no,
          failure.record_bytes, failure.excerpt,       Printable(DescribeFailure(failure), kMaxErrorBytes)};
}

// One record, and the failures at it.
struct Suspect {
  std::vector<const FailedAttempt*> failures;
  bool condemned = false;
};

bool IsPlainText(std::string_view bytes) {
  return IsValidUtf8(bytes) && std::none_of(bytes.begin(), bytes.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return (byte < 0x20 && c != '\t') || byte == 0x7f;
         });
}

// Bytes as text where that is possible, else as hexadecimal digits.
void AddBytes(Json& line, const std::string& name, std::string_view bytes, uint64_t all) {
  // A character may have been cut in two at the end.
  std::string_view text = bytes;
  for (int cut = 0; bytes.size() < all && cut < 3 && !text.empty() && !IsValidUtf8(text); ++cut) text.remove_suffix(1);
  if (IsPlainText(text))
    line[name] = text;
  else
    line[name + "_hex"] = ToHex(bytes);
}

Json LineOf(const TaskId& task, const wire::BadRecord& record) {
  Json line{{"task", ToString(task)}};
  const bool map = task.phase == Phase::kMap;
  if (map) {
    line["input"] = record.input_path;
    line["offset"] = record.offset;
    line["record"] = record.number;
  } else {
    line["partition"] = task.index;
    line["group"] = record.number;
  }
  line["bytes"] = record.bytes;
  line["error"] = record.error;
  AddBytes(line, map ? "data" : "key", record.data, record.bytes);
  return line;
}

const std::vector<wire::BadRecord>& SkippedBy(const Completion& completion) {
  if (const auto* map = std::get_if<wire::MapResult>(&completion.result)) return map->skipped;
  return std::get<wire::ReduceResult>(completion.result).skipped;
}

// Calls what(task, records) for each completed task that left something out.
template <class What>
void ForSkipped(const JobEntry& job, What what) {
  for (const auto& [tasks, phase] : {std::pair(&job.maps, Phase::kMap), std::pair(&job.reduces, Phase::kReduce)}) {
    for (uint32_t index = 0; index < tasks->size(); ++index) {
      const std::optional<Completion>& completion = (*tasks)[index].completion;
      if (completion && !SkippedBy(*completion).empty())
        what(TaskId{job.id, phase, index}, SkippedBy(*completion));
    }
  }
}

}  // namespace

BadRecords FindBadRecords(const wire::JobConfig& config, const TaskEntry& task) {
  BadRecords bad;
  std::vector<Suspect> suspects;
  std::vector<const FailedAttempt*> excused;
  for (const FailedAttempt& failed : task.failures) {
    const wire::Failure& failure = failed.failure;
    if (!failure.at_record || !Accuses(failure.cause)) continue;
    auto suspect = std::find_if(suspects.begin(), suspects.end(), [&](const Suspect& each) {
      return SamePlace(each.failures.front()->failure, failure);
    });
    if (suspect == suspects.end()) suspect = suspects.insert(suspects.end(), Suspect{});
    suspect->failures.push_back(&failed);
    const bool guilty = Condemns(failure.cause) || suspect->failures.size() > 1;
    if (!guilty || suspect->condemned) continue;
    if (bad.skip.size() == config.skip_bad_records) {
      bad.used_up = config.skip_bad_records > 0;
      continue;
    }
    suspect->condemned = true;
    bad.skip.push_back(MakeBadRecord(failure));
  }
  for (const Suspect& suspect : suspects) {
    const auto count = static_cast<ptrdiff_t>(std::min(suspect.failures.size(), kExcusedPerRecord));
    if (suspect.condemned) excused.insert(excused.end(), suspect.failures.begin(), suspect.failures.begin() + count);
  }
  for (const FailedAttempt& failed : task.failures) {
    if (std::find(excused.begin(), excused.end(), &failed) == excused.end()) bad.charged.push_back(&failed);
  }
  bad.newest_charged = !bad.charged.empty() && bad.charged.back() == &task.failures.back();
  return bad;
}

uint32_t CountBadRecords(const JobEntry& job) {
  uint32_t count = 0;
  for (const auto* tasks : {&job.maps, &job.reduces}) {
    for (const TaskEntry& task : *tasks) {
      if (!task.failures.empty())
        count += static_cast<uint32_t>(FindBadRecords(job.spec.config, task).skip.size());
    }
  }
  return count;
}

std::vector<wire::BadRecordFile> BadRecordFiles(const JobEntry& job) {
  std::vector<wire::BadRecordFile> files;
  ForSkipped(job, [&files](const TaskId& task, const std::vector<wire::BadRecord>& records) {
    char name[40];
    std::snprintf(name, sizeof name, "part-%c-%05u.jsonl", task.phase == Phase::kMap ? 'm' : 'r', task.index);
    wire::BadRecordFile file{name, {}};
    for (const wire::BadRecord& record : records)
      file.text += LineOf(task, record).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    files.push_back(std::move(file));
  });
  return files;
}

uint64_t CountSkipped(const JobEntry& job) {
  uint64_t count = 0;
  ForSkipped(job, [&count](const TaskId&, const std::vector<wire::BadRecord>& records) { count += records.size(); });
  return count;
}

}  // namespace mr::coordinator
