// The plugin's side of a RandomJob, written against the C ABI.
#include <cstdlib>
#include <memory>
#include <unordered_map>

#include "common/base/strings.h"
#include "test/equivalence/random_job.h"
#include "test/unit/worker/testutil/c_jobs.h"
#include "worker/run/frame.h"

namespace mr::worker::test {
namespace {

struct Instance {
  const mr_task* task;
  RandomJob job;
};

Instance& Of(void* instance) { return *static_cast<Instance*>(instance); }

void* Create(const mr_task* task) {
  const mr_bytes seed = task->param(task->host, {"seed", 4});
  return new Instance{task,
                      RandomJob::Draw(std::strtoull(std::string(View(seed)).c_str(), nullptr, 10))};
}

void Destroy(void* instance) { delete static_cast<Instance*>(instance); }

int Map(void* instance, const mr_records* records, mr_sink* sink) {
  for (uint32_t i = 0; i < records->count; ++i) {
    const uint64_t line =
        std::strtoull(std::string(View(records->records[i])).c_str(), nullptr, 10);
    for (const auto& [key, value] : Of(instance).job.RecordsOf(line)) {
      if (const int result = Emit(sink, key, value); result != MR_OK) return result;
    }
  }
  return MR_OK;
}

std::string Sized(std::string_view bytes) {
  std::string out(4, '\0');
  StoreLittle(out.data(), static_cast<uint32_t>(bytes.size()));
  return out.append(bytes);
}

// The whole group folded into one value; false: the stream failed.
bool Fold(const RandomJob& job, mr_group* group, std::string& key, std::string& folded) {
  uint64_t sum = 0;
  bool first = true;
  mr_bytes k, v;
  int more;
  while ((more = group->next(group->host, &k, &v)) == 1) {
    const uint64_t number = FromBigEndian(View(v));
    if (first) {
      sum = number;
      key = View(k);
    } else if (job.kind == RandomJob::Kind::kSum) {
      sum += number;
    } else if (job.kind != RandomJob::Kind::kDedup) {
      sum = job.kind == RandomJob::Kind::kMin ? std::min(sum, number) : std::max(sum, number);
    }
    first = false;
  }
  folded = BigEndian(sum, job.fold_width);
  return more == 0;
}

int Combine(void* instance, mr_group* group, mr_sink* sink) {
  std::string key, folded;
  if (!Fold(Of(instance).job, group, key, folded)) return MR_STOP;
  return Emit(sink, key, folded);
}

int Gather(const RandomJob& job, mr_group* group, mr_sink* sink) {
  bool first = true;
  mr_bytes k, v;
  int more = 1;
  while ((first || !job.skips_values()) && (more = group->next(group->host, &k, &v)) == 1) {
    const std::string key(View(k));
    if (first) {
      if (const int result = Write(sink, "G" + Sized(job.GroupOf(key))); result != MR_OK)
        return result;
    }
    first = false;
    if (const int result = Write(sink, "R" + Sized(key) + Sized(View(v))); result != MR_OK)
      return result;
  }
  return more < 0 ? MR_STOP : MR_OK;
}

int Reduce(void* instance, mr_group* group, mr_sink* sink) {
  const RandomJob& job = Of(instance).job;
  if (job.kind == RandomJob::Kind::kGather) return Gather(job, group, sink);
  std::string key, folded;
  if (!Fold(job, group, key, folded)) return MR_STOP;
  return Write(sink, "G" + Sized(key) + "S" + Sized(folded));
}

// group_size has no instance, so each length has a function.
template <size_t kPrefix>
size_t GroupPrefix(mr_bytes key) {
  return std::min(kPrefix, key.size);
}

}  // namespace

mr_job_def RandomJob::Plugin() const {
  mr_job_def def{};
  def.size = sizeof def;
  def.name = "random";
  def.input_format = "lines";
  def.output_format = "raw";
  def.create = Create;
  def.destroy = Destroy;
  def.map = Map;
  def.reduce = Reduce;
  if (combining != Combining::kNone) def.combine = Combine;
  if (combining == Combining::kNative) {
    static const std::unordered_map<Kind, uint32_t> kFolds = {{Kind::kSum, MR_FOLD_SUM},
                                                              {Kind::kMin, MR_FOLD_MIN},
                                                              {Kind::kMax, MR_FOLD_MAX},
                                                              {Kind::kDedup, MR_FOLD_DEDUP}};
    def.fold = kFolds.at(kind);
    def.fold_width = fold_width;
    def.fold_value = MR_VALUE_UNSIGNED;
  }
  if (partitioning == Partitioning::kRange) def.partition_kind = MR_PARTITION_RANGE;
  if (partitioning == Partitioning::kOwn) {
    def.partition = [](void* instance, mr_bytes key, uint32_t count) {
      return OwnPartition(Of(instance).job.GroupOf(std::string(View(key))), count);
    };
  }
  switch (group_prefix_) {
    case 0:
      def.group_size = GroupPrefix<0>;
      break;
    case 1:
      def.group_size = GroupPrefix<1>;
      break;
    case 4:
      def.group_size = GroupPrefix<4>;
      break;
    case 9:
      def.group_size = GroupPrefix<9>;
      break;
    case 20:
      def.group_size = GroupPrefix<20>;
      break;
    default:
      break;
  }
  return def;
}

}  // namespace mr::worker::test
