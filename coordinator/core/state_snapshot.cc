// A state as the fewest records that lead to it: reading a snapshot is the same code as life.
#include <cstring>

#include "common/base/strings.h"
#include "common/wire/codec.h"
#include "coordinator/core/state.h"

namespace mr::coordinator {
namespace {

// The snapshot: last_job u64, then each record with its length u32 before it; little-endian.
template <class T>
void Put(std::string& out, T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof bytes);
}

template <class T>
bool Take(std::string_view& bytes, T& value) {
  if (bytes.size() < sizeof value) return false;
  std::memcpy(&value, bytes.data(), sizeof value);
  bytes.remove_prefix(sizeof value);
  return true;
}

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  void Add(wire::RecordBody body) {
    Add(wire::Record{std::move(body)});
  }

  void Add(const wire::Record& record) {
    const size_t head = out_.size();
    Put(out_, uint32_t{0});
    wire::EncodeTo(record, out_);
    const auto size = static_cast<uint32_t>(out_.size() - head - sizeof(uint32_t));
    std::memcpy(out_.data() + head, &size, sizeof size);
  }

  void AddTask(const JobEntry& job, const TaskId& id) {
    const TaskEntry& task = *job.Find(id);
    for (const FailedAttempt& failed : task.failures)
      Add(wire::AttemptFailed{failed.attempt, failed.worker_name, failed.failure, failed.unix_ms});
    // Before its completion: another attempt of it may have been running, and won since.
    if (job.paused_by == id) Add(wire::JobPaused{job.id, id, job.pause_reason});
    if (task.output_lost) {
      // Which output it was does not matter any more.
      wire::MapResult lost;
      lost.partition_bytes.assign(job.reduces.size(), 0);
      Add(wire::MapCompleted{{id, 0, 0}, {}, std::move(lost), {}, {}});
      Add(wire::MapOutputLost{{id, 0, 0}, {}});
    }
    if (task.given_up) Add(wire::TaskGivenUp{id});
    if (task.granted) Add(wire::CommitGrantedRecord{*task.granted, {}});
    if (!task.completion) return;
    const Completion& won = *task.completion;
    if (const auto* map = std::get_if<wire::MapResult>(&won.result)) {
      // A job has up to a million of these, and nobody is answered meanwhile: the record's memory is used again.
      auto& completed = std::get<wire::MapCompleted>(map_completed_.body);
      completed.attempt = won.attempt;
      completed.result = *map;
      completed.counters = won.counters;
      completed.times = won.times;
      Add(map_completed_);
    } else if (const auto* reduce = std::get_if<wire::ReduceResult>(&won.result)) {
      Add(wire::ReduceCommitted{won.attempt, *reduce, won.counters, won.times});
    }
  }

  void AddJob(const JobEntry& job) {
    Add(wire::JobSubmitted{job.id, job.client, job.request_id, job.submitted_unix_ms, job.spec});
    for (uint32_t i = 0; i < job.maps.size(); ++i) AddTask(job, {job.id, Phase::kMap, i});
    for (uint32_t i = 0; i < job.reduces.size(); ++i) AddTask(job, {job.id, Phase::kReduce, i});
    if (job.stage == JobStage::kActive) return;
    Add(wire::JobFinishing{job.id, job.success, job.killed, job.reason});
    if (job.stage == JobStage::kEnded) Add(wire::JobEnded{job.id, job.ended_unix_ms, job.left_behind});
  }

 private:
  std::string& out_;
  wire::Record map_completed_{wire::MapCompleted{}};
};

}  // namespace

std::string EncodeState(const State& state) {
  std::string out;
  Put(out, state.last_job);
  Writer writer(out);
  for (const auto& [sha256, bytes] : state.plugins) writer.Add(wire::PluginStored{sha256, bytes});
  for (const auto& [id, job] : state.jobs) writer.AddJob(job);
  return out;
}

Result<State> DecodeState(std::string_view bytes) {
  State state;
  uint64_t last_job = 0;
  if (!Take(bytes, last_job)) return Fail(ErrorCode::kDataLoss, "the snapshot has no head");
  while (!bytes.empty()) {
    uint32_t size = 0;
    if (!Take(bytes, size) || size > bytes.size())
      return Fail(ErrorCode::kDataLoss, "the snapshot ends in the middle of a record");
    MR_ASSIGN_OR_RETURN(const wire::Record record, wire::Decode<wire::Record>(bytes.substr(0, size)));
    bytes.remove_prefix(size);
    // Jobs between this one and the one before have been forgotten.
    if (const auto* job = std::get_if<wire::JobSubmitted>(&record.body); job != nullptr && job->job.value > 0)
      state.last_job = job->job.value - 1;
    MR_RETURN_IF_ERROR(Validate(state, record));
    Apply(state, record);
  }
  state.last_job = last_job;
  return state;
}

}  // namespace mr::coordinator
