#include "worker/userjob/user_job.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include "common/base/hash.h"
#include "common/base/strings.h"
#include "worker/userjob/host_scope.h"

namespace mr::worker {
namespace {

constexpr size_t kCounterNamesMax = 1000;
constexpr size_t kCounterNameBytesMax = 256;
constexpr size_t kExcerptBytesMax = 256;
constexpr size_t kTypeBytesMax = 256;
constexpr size_t kMessageBytesMax = 4096;

std::string_view View(mr_bytes bytes) {
  if (bytes.data == nullptr || bytes.size == MR_UNSET) return {};
  return {bytes.data, bytes.size};
}

mr_bytes Bytes(std::string_view text) { return {text.data(), text.size()}; }

const char* FunctionName(uint32_t phase) {
  switch (phase) {
    case MR_PHASE_CREATE:
      return "setup";
    case MR_PHASE_MAP:
      return "map";
    case MR_PHASE_COMBINE:
      return "combine";
    case MR_PHASE_REDUCE:
      return "reduce";
    case MR_PHASE_FINISH:
      return "finish";
    case MR_PHASE_PARTITION:
      return "partition";
    default:
      return "";
  }
}

wire::FailureCause CauseOf(int kind) {
  switch (kind) {
    case MR_FAIL_BAD_RECORD:
      return wire::FailureCause::kBadRecord;
    case MR_FAIL_FATAL:
      return wire::FailureCause::kFatal;
    case MR_FAIL_MEMORY:
      return wire::FailureCause::kMemory;
    default:
      return wire::FailureCause::kException;
  }
}

mr_bytes Find(const std::map<std::string, std::string>& values, mr_bytes name) {
  auto found = values.find(std::string(View(name)));
  if (found == values.end()) return {nullptr, MR_UNSET};
  return Bytes(found->second);
}

// The same in every attempt of a task, different between tasks and jobs.
uint64_t SeedOf(const wire::Assignment& assignment) {
  const TaskId& task = assignment.attempt.task;
  return Hash64(StrCat(PhaseName(task.phase), " ", task.index), assignment.config.seed);
}

}  // namespace

struct UserJob::Impl {
  const mr_job_def& def;
  AttemptContext& context;
  mr_task task{};
  void* instance = nullptr;
  std::string job_id;
  std::map<std::string, int64_t> counters;  // cells never move
  std::optional<wire::Failure> failure;     // of the call in progress
  std::string_view batch;                   // bytes of the records being mapped

  Impl(const mr_job_def& def, AttemptContext& context) : def(def), context(context) { FillTask(); }

  void FillTask();
  BlackBox& black_box() { return context.black_box; }

  static Impl& Of(void* host) { return *static_cast<Impl*>(host); }
  static int64_t* Counter(void* host, mr_bytes group, mr_bytes name);
  static void Fail(void* host, int kind, mr_bytes type, mr_bytes what);
  static void SetStatus(void* host, mr_bytes message);

  wire::Failure FailureHere(wire::FailureCause cause, std::string message);
  void AddPosition(wire::Failure& failure);
  Attempted<void> Conclude(int code, uint32_t phase);

  template <class Function>
  Attempted<void> Call(uint32_t phase, Function function) {
    PhaseScope scope(black_box(), phase);
    int code = function();
    if (code == MR_OK && !failure) return {};
    return Conclude(code, phase);
  }
};

void UserJob::Impl::FillTask() {
  const wire::Assignment& assignment = context.assignment;
  const AttemptId& attempt = assignment.attempt;
  job_id = ToString(attempt.task.job);
  task.size = sizeof task;
  task.host = this;
  task.where = &black_box().where;
  task.where->size = sizeof(mr_where);
  task.phase = attempt.task.phase == Phase::kMap ? MR_PHASE_MAP : MR_PHASE_REDUCE;
  task.task_index = attempt.task.index;
  task.attempt = attempt.number;
  task.partition_count = assignment.config.reducers;
  task.seed = SeedOf(assignment);
  task.job_id = Bytes(job_id);
  task.job_name = Bytes(assignment.config.name);
  task.worker_name = Bytes(context.worker_name);
  task.job_dir = Bytes(assignment.config.job_dir);
  task.scratch_dir = Bytes(context.scratch_dir);
  task.param = [](void* host, mr_bytes name) {
    return Find(Of(host).context.assignment.config.params, name);
  };
  task.side_path = [](void* host, mr_bytes name) {
    return Find(Of(host).context.assignment.config.side_files, name);
  };
  task.counter = Counter;
  task.log = [](void* host, int level, mr_bytes message) {
    Impl& self = Of(host);
    PhaseScope scope(self.black_box(), MR_PHASE_NONE);
    if (self.context.log) self.context.log(level, View(message));
  };
  task.status = SetStatus;
  task.fail = Fail;
}

int64_t* UserJob::Impl::Counter(void* host, mr_bytes group, mr_bytes name) {
  Impl& self = Of(host);
  std::string full(View(group));
  if (!full.empty()) full += '.';
  full += View(name);
  if (auto found = self.counters.find(full); found != self.counters.end()) return &found->second;
  std::string problem;
  if (View(name).empty() || full.size() > kCounterNameBytesMax) {
    problem = StrCat("counter name \"", Printable(full, 64), "\" has ", full.size(),
                     " bytes: it must have 1 to ", kCounterNameBytesMax);
  } else if (full.starts_with("mr.")) {
    problem = StrCat("counter \"", Printable(full), "\" is refused: names that start with \"mr.\" are the "
                     "engine's; choose another group");
  } else if (self.counters.size() >= kCounterNamesMax) {
    problem = StrCat("counter \"", Printable(full), "\" is one too many: a job may have ", kCounterNamesMax,
                     " counters; do not make names from data, emit records instead");
  }
  if (problem.empty()) return &self.counters.emplace(std::move(full), 0).first->second;
  if (!self.failure) self.failure = self.FailureHere(wire::FailureCause::kFatal, std::move(problem));
  return nullptr;
}

void UserJob::Impl::Fail(void* host, int kind, mr_bytes type, mr_bytes what) {
  Impl& self = Of(host);
  if (self.failure) return;  // the first word counts; later ones are consequences
  self.failure = self.FailureHere(CauseOf(kind), std::string(View(what).substr(0, kMessageBytesMax)));
  self.failure->type = View(type).substr(0, kTypeBytesMax);
}

void UserJob::Impl::SetStatus(void* host, mr_bytes message) {
  BlackBox& box = Of(host).black_box();
  std::string_view text = View(message).substr(0, sizeof box.status - 1);
  // The terminator first: a reader in another process never runs past the end.
  box.status[text.size()] = '\0';
  std::memcpy(box.status, text.data(), text.size());
  box.Beat();
}

wire::Failure UserJob::Impl::FailureHere(wire::FailureCause cause, std::string message) {
  wire::Failure result;
  result.cause = cause;
  result.message = std::move(message);
  result.function = FunctionName(black_box().where.phase);
  AddPosition(result);
  return result;
}

// A map's failure names its record, a group function's the group's key. The pointers in `where` were stored by
// user code: they are looked at only after they were found to lie inside the batch.
void UserJob::Impl::AddPosition(wire::Failure& result) {
  const BlackBox& box = black_box();
  const mr_where& where = box.where;
  if (where.phase == MR_PHASE_COMBINE || where.phase == MR_PHASE_REDUCE) {
    result.excerpt.assign(box.excerpt, std::min<size_t>(box.excerpt_size, sizeof box.excerpt));
    result.record_bytes = box.record_size;
    // A combiner's group says nothing about which record is to blame.
    result.at_record = where.phase == MR_PHASE_REDUCE;
    if (result.at_record) result.record_no = where.record_no;
    return;
  }
  if (where.phase != MR_PHASE_MAP || batch.data() == nullptr) return;
  result.input_path = box.input_path;
  result.record_no = where.record_no;
  result.record_offset = where.batch_offset;
  auto begin = reinterpret_cast<uintptr_t>(batch.data());
  auto record = reinterpret_cast<uintptr_t>(where.record_data);
  if (record < begin || record > begin + batch.size()) return;
  uint64_t position = record - begin;
  uint64_t size = std::min<uint64_t>(where.record_size, batch.size() - position);
  result.record_offset += position;
  result.record_bytes = size;
  result.excerpt = batch.substr(position, std::min<uint64_t>(size, kExcerptBytesMax));
  result.at_record = true;
}

Attempted<void> UserJob::Impl::Conclude(int code, uint32_t phase) {
  if (!failure) {
    std::string name = StrCat(FunctionName(phase), "()");
    if (code == MR_FAILED) {
      failure = FailureHere(wire::FailureCause::kException, name + " failed without giving a reason");
    } else if (code == MR_STOP) {
      failure = FailureHere(wire::FailureCause::kBadOutput, name + " stopped though it was not asked to");
    } else {
      failure = FailureHere(wire::FailureCause::kBadOutput,
                            StrCat(name, " returned ", code, ", which is none of MR_OK, MR_FAILED, MR_STOP"));
    }
  }
  wire::Failure result = std::move(*failure);
  failure.reset();
  return tl::unexpected(std::move(result));
}

UserJob::UserJob(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

UserJob::~UserJob() {
  if (impl_->instance == nullptr || impl_->def.destroy == nullptr) return;
  PhaseScope scope(impl_->black_box(), MR_PHASE_FINISH);
  impl_->def.destroy(impl_->instance);
}

Attempted<std::unique_ptr<UserJob>> UserJob::Create(const mr_job_def& job, AttemptContext& context) {
  auto impl = std::make_unique<Impl>(job, context);
  auto created = impl->Call(MR_PHASE_CREATE, [&] {
    impl->instance = job.create(&impl->task);
    return impl->instance == nullptr ? MR_FAILED : MR_OK;
  });
  std::unique_ptr<UserJob> result(new UserJob(std::move(impl)));  // private constructor
  if (!created) return tl::unexpected(std::move(created).error());
  return result;
}

const mr_job_def& UserJob::def() const { return impl_->def; }

Attempted<void> UserJob::Map(const mr_records& records, mr_sink& sink) {
  if (records.count > 0) {
    const mr_bytes& first = records.records[0];
    const mr_bytes& last = records.records[records.count - 1];
    impl_->batch = {first.data, static_cast<size_t>(last.data + last.size - first.data)};
  }
  auto result = impl_->Call(MR_PHASE_MAP, [&] { return impl_->def.map(impl_->instance, &records, &sink); });
  impl_->batch = {};
  return result;
}

Attempted<void> UserJob::Combine(mr_group& group, mr_sink& sink) {
  return impl_->Call(MR_PHASE_COMBINE, [&] { return impl_->def.combine(impl_->instance, &group, &sink); });
}

Attempted<void> UserJob::Reduce(mr_group& group, mr_sink& sink) {
  return impl_->Call(MR_PHASE_REDUCE, [&] { return impl_->def.reduce(impl_->instance, &group, &sink); });
}

Attempted<void> UserJob::Finish(mr_sink& sink) {
  if (impl_->def.finish == nullptr) return {};
  return impl_->Call(MR_PHASE_FINISH, [&] { return impl_->def.finish(impl_->instance, &sink); });
}

std::string_view UserJob::GroupOf(std::string_view key) const {
  if (impl_->def.group_size == nullptr) return key;
  PhaseScope scope(impl_->black_box(), MR_PHASE_PARTITION);
  return key.substr(0, std::min(impl_->def.group_size(Bytes(key)), key.size()));
}

Attempted<uint32_t> UserJob::PartitionOf(std::string_view key, uint32_t count) {
  const auto& bounds = impl_->context.assignment.config.range_bounds;
  if (impl_->def.partition_kind == MR_PARTITION_RANGE) {
    auto above = std::upper_bound(bounds.begin(), bounds.end(), GroupOf(key), std::less<std::string_view>());
    return std::min(static_cast<uint32_t>(above - bounds.begin()), count - 1);
  }
  if (impl_->def.partition == nullptr) {
    unsigned __int128 scaled = static_cast<unsigned __int128>(Hash64(GroupOf(key))) * count;
    return static_cast<uint32_t>(scaled >> 64);
  }
  PhaseScope scope(impl_->black_box(), MR_PHASE_PARTITION);
  uint32_t partition = impl_->def.partition(impl_->instance, Bytes(key), count);
  if (partition < count && !impl_->failure) return partition;
  wire::Failure failure =
      impl_->failure ? *std::exchange(impl_->failure, {})
                     : impl_->FailureHere(wire::FailureCause::kBadOutput,
                                          StrCat("partition() answered ", partition, ", but the job has only ",
                                                 count, " partitions, 0 to ", count - 1));
  failure.excerpt = key.substr(0, kExcerptBytesMax);
  return tl::unexpected(std::move(failure));
}

void UserJob::CollectCounters() {
  for (const auto& [name, value] : impl_->counters) impl_->context.counters[name] += value;
}

}  // namespace mr::worker
