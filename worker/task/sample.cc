#include "worker/task/sample.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <variant>

#include "common/base/strings.h"
#include "worker/input/record_reader.h"
#include "worker/userjob/user_job.h"
#include "worker/userjob/window_sink.h"

namespace mr::worker {
namespace {

// Keeps every stride-th key; the stride doubles whenever a limit is reached.
class KeySample {
 public:
  explicit KeySample(const SampleLimits& limits) : limits_(limits) {}

  void Add(std::string_view key) {
    if (seen_++ % stride_ != 0) return;
    keys_.emplace_back(key);
    bytes_ += key.size();
    while (keys_.size() > 1 && (keys_.size() > limits_.keys_max || bytes_ > limits_.key_bytes_max))
      Halve();
  }

  std::vector<std::string> TakeSorted() {
    std::sort(keys_.begin(), keys_.end());
    return std::move(keys_);
  }

 private:
  void Halve() {
    bytes_ = 0;
    for (size_t i = 0; 2 * i < keys_.size(); ++i) {
      if (i > 0) keys_[i] = std::move(keys_[2 * i]);
      bytes_ += keys_[i].size();
    }
    keys_.resize((keys_.size() + 1) / 2);
    stride_ *= 2;
  }

  SampleLimits limits_;
  std::vector<std::string> keys_;
  size_t bytes_ = 0;
  uint64_t seen_ = 0;
  uint64_t stride_ = 1;
};

// False when the frames are torn.
bool TakeFrames(std::string_view frames, KeySample& sample) {
  while (!frames.empty()) {
    uint32_t sizes[2];
    if (frames.size() < sizeof sizes) return false;
    std::memcpy(sizes, frames.data(), sizeof sizes);
    frames.remove_prefix(sizeof sizes);
    if (uint64_t{sizes[0]} + sizes[1] > frames.size()) return false;
    sample.Add(frames.substr(0, sizes[0]));
    frames.remove_prefix(size_t{sizes[0]} + sizes[1]);
  }
  return true;
}

Attempted<void> SampleSplit(UserJob& job, WindowSink& sink, AttemptContext& context,
                            const wire::Split& split, uint64_t records_max) {
  const wire::JobConfig& config = context.assignment.config;
  auto reader = RecordReader::Open(context.env, split, config.input_format, config.record_bytes);
  if (!reader) return tl::unexpected(FailureOf(reader.error()));
  uint64_t taken = 0;
  RecordReader::Batch batch;
  while (taken < records_max) {
    auto more = (*reader)->Next(batch);
    if (!more) return tl::unexpected(FailureOf(more.error()));
    if (!*more) break;
    if (batch.records->empty()) continue;
    mr_records records{};
    records.size = sizeof records;
    records.count =
        static_cast<uint32_t>(std::min<uint64_t>(batch.records->size(), records_max - taken));
    records.records = batch.records->data();
    records.first_no = taken;
    records.first_offset = batch.first_offset;
    records.input_name = {split.file.path.data(), split.file.path.size()};
    records.input_tag = {split.file.tag.data(), split.file.tag.size()};
    auto mapped = job.Map(records, sink.abi());
    if (sink.failure()) return tl::unexpected(*sink.failure());
    if (!mapped) return mapped;
    taken += records.count;
  }
  return {};
}

}  // namespace

Attempted<std::vector<std::string>> SampleKeys(Env& env, const mr_job_def& job,
                                               const wire::Assignment& assignment,
                                               const std::string& scratch_dir,
                                               const SampleLimits& limits) {
  const auto* work = std::get_if<wire::MapWork>(&assignment.work);
  if (work == nullptr)
    return tl::unexpected(
        FailureOf(Error{ErrorCode::kInvalidArgument, "the sample's work is no map"}));
  const auto black_box = std::make_unique<BlackBox>();
  AttemptContext context{assignment, env, *black_box, "sample", scratch_dir,
                         "",         {},  nullptr,    nullptr};
  KeySample sample(limits);
  WindowSink* self = nullptr;
  WindowSink sink(*black_box, [&](std::string_view frames) {
    if (TakeFrames(frames, sample)) return true;
    wire::Failure failure;
    failure.cause = wire::FailureCause::kBadOutput;
    failure.message = "map() left a torn record in its output window";
    self->Fail(std::move(failure));
    return false;
  });
  self = &sink;
  auto user_job = UserJob::Create(job, context);
  if (!user_job) return tl::unexpected(std::move(user_job).error());
  for (const wire::Split& split : work->splits) {
    auto sampled = SampleSplit(**user_job, sink, context, split, limits.records_per_split);
    if (!sampled) return tl::unexpected(std::move(sampled).error());
  }
  auto finished = (*user_job)->Finish(sink.abi());
  if (!finished) return tl::unexpected(std::move(finished).error());
  if (!sink.Flush()) return tl::unexpected(*sink.failure());
  return sample.TakeSorted();
}

}  // namespace mr::worker
