#include "worker/run/merger.h"

#include <algorithm>
#include <limits>

#include "common/base/logging.h"
#include "common/base/strings.h"
#include "worker/run/run_writer.h"

namespace mr::worker {
namespace {

constexpr uint64_t kBeatEvery = 4096;  // records
constexpr uint32_t kNobody = std::numeric_limits<uint32_t>::max();

}  // namespace

Merger::Merger(Env& env, std::vector<SegmentInput> inputs, MergeOptions options)
    : env_(env), inputs_(std::move(inputs)), options_(std::move(options)) {
  CHECK_GE(options_.fan_in, 2u);
}

Merger::~Merger() {
  cursors_.clear();
  // Whatever cannot be removed goes with the attempt's scratch directory.
  for (const std::string& path : scratch_) (void)env_.RemoveFile(path);
}

bool Merger::Fail(Error error, const SegmentInput* input) {
  state_ = State::kFailed;
  bool unusable = error.code == ErrorCode::kDataLoss || error.code == ErrorCode::kNotFound;
  if (unusable && input != nullptr && input->source.task.job.value != 0) damaged_source_ = input->source;
  error_ = std::move(error);
  return false;
}

Step Merger::Start() {
  if (state_ == State::kEnded) return Step::kEnd;
  if (state_ == State::kFailed || !MergePasses() || !OpenAll()) return Step::kError;
  if (cursors_.empty()) {
    state_ = State::kEnded;
    return Step::kEnd;
  }
  BuildTree();
  state_ = State::kMerging;
  return Current();
}

bool Merger::OpenAll() {
  for (const SegmentInput& input : inputs_) {
    cursors_.push_back(std::make_unique<SegmentCursor>(env_, input));
    exhausted_.push_back(false);
    if (!cursors_.back()->Next() && !Exhaust(static_cast<uint32_t>(cursors_.size() - 1))) return false;
  }
  return true;
}

// False: the cursor did not end but failed.
bool Merger::Exhaust(uint32_t leaf) {
  const SegmentCursor& cursor = *cursors_[leaf];
  if (!cursor.status()) return Fail(cursor.status().error(), &cursor.input());
  winner_.prefix = kLastPrefix;
  exhausted_[leaf] = true;
  return true;
}

bool Merger::BeforeInFull(uint32_t a, uint32_t b) const {
  if (exhausted_[a] || exhausted_[b]) return exhausted_[a] == exhausted_[b] ? a < b : exhausted_[b];
  int order = ComparePastPrefix(cursors_[a]->key(), cursors_[b]->key());
  return order != 0 ? order < 0 : a < b;
}

// Every leaf climbs until it meets an empty match and waits there for its opponent.
void Merger::BuildTree() {
  constexpr Player kWaiting{0, kNobody};
  losers_.assign(cursors_.size(), kWaiting);
  for (uint32_t leaf = 0; leaf < cursors_.size(); ++leaf) {
    Player winner{exhausted_[leaf] ? kLastPrefix : cursors_[leaf]->prefix(), leaf};
    for (size_t match = (leaf + cursors_.size()) / 2; match > 0 && winner.leaf != kNobody; match /= 2) {
      if (losers_[match].leaf == kNobody) {
        losers_[match] = std::exchange(winner, kWaiting);
      } else if (Before(losers_[match], winner)) {
        std::swap(losers_[match], winner);
      }
    }
    if (winner.leaf != kNobody) winner_ = winner;
  }
  current_ = cursors_[winner_.leaf].get();
}

// Each slice of k segments leaves k - 1 fewer. Slices are neighbours, so that records with equal keys keep the
// order of their segments, and the lightest neighbours are taken, so that little is copied.
bool Merger::MergePasses() {
  while (inputs_.size() > options_.fan_in) {
    size_t count = std::min<size_t>(options_.fan_in, inputs_.size() - options_.fan_in + 1);
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; ++i) bytes += inputs_[i].bytes;
    uint64_t least = bytes;
    size_t best = 0;
    for (size_t begin = 1; begin + count <= inputs_.size(); ++begin) {
      bytes += inputs_[begin + count - 1].bytes;
      bytes -= inputs_[begin - 1].bytes;
      if (bytes < least) {
        least = bytes;
        best = begin;
      }
    }
    if (!MergeSlice(best, count)) return false;
  }
  return true;
}

bool Merger::MergeSlice(size_t begin, size_t count) {
  auto first = inputs_.begin() + static_cast<std::ptrdiff_t>(begin);
  auto last = first + static_cast<std::ptrdiff_t>(count);
  MergeOptions options = options_;
  Merger slice(env_, std::vector<SegmentInput>(first, last), options);
  std::string path = StrCat(options_.scratch_prefix, scratch_count_++, ".run");
  RunOptions run_options{.partitions = 1, .compression = options_.compression, .digests = false};
  auto writer = RunWriter::Create(env_, path, run_options);
  if (!writer) return Fail(writer.error(), nullptr);
  scratch_.push_back(path);
  RunWriter& run = **writer;
  run.StartPartition(0);
  uint64_t records = 0;
  Step step;
  while ((step = slice.Next()) == Step::kRecord && run.Append(slice.frame())) {
    if (++records % kBeatEvery == 0 && options_.beat) options_.beat();
  }
  if (step == Step::kError) {
    damaged_source_ = slice.damaged_source();
    return Fail(slice.error(), nullptr);
  }
  if (auto finished = run.Finish(); !finished) return Fail(finished.error(), nullptr);
  for (auto input = first; input != last; ++input) {
    auto own = std::find(scratch_.begin(), scratch_.end(), input->path);
    if (own == scratch_.end()) continue;
    (void)env_.RemoveFile(*own);
    scratch_.erase(own);
  }
  SegmentInput merged;
  merged.path = path;
  merged.bytes = run.extents()[0].bytes;
  *first = std::move(merged);
  inputs_.erase(first + 1, last);
  return true;
}

uint64_t Merger::bytes_read() const {
  uint64_t bytes = 0;
  for (const auto& cursor : cursors_) bytes += cursor->bytes_read();
  return bytes;
}

}  // namespace mr::worker
