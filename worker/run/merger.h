// Merges sorted segments into one sorted stream of records.
//
// A loser tree (Knuth, TAOCP vol. 3, 5.4.1) over cursors; a match compares the keys' first eight bytes as a
// number and looks at the keys only when those are equal. Records with equal keys come in the order of their
// segments, so the result depends on nothing but the input.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/io/env.h"
#include "common/wire/job.h"
#include "worker/run/segment_cursor.h"
#include "worker/run/step.h"

namespace mr::worker {

struct MergeOptions {
  // Segments merged at once: bounds open files and memory (two blocks each). More segments are first merged
  // into scratch runs. At least 2.
  uint32_t fan_in = 128;
  std::string scratch_prefix{};  // path; scratch runs are <prefix><number>.run
  wire::Compression compression = wire::Compression::kNone;  // of scratch runs
  std::function<void()> beat{};  // now and then while scratch runs are made; may be empty
};

// One thread. Files are opened at the first Next().
class Merger {
 public:
  Merger(Env& env, std::vector<SegmentInput> inputs, MergeOptions options);
  ~Merger();  // removes its scratch runs

  // kError: see error().
  Step Next() {
    if (state_ != State::kMerging) [[unlikely]] return Start();
    if (current_->Next()) [[likely]] {
      winner_.prefix = current_->prefix();
    } else if (!Exhaust(winner_.leaf)) {
      return Step::kError;
    }
    Replay();
    return Current();
  }

  // The current record; valid until Next().
  std::string_view key() const { return current_->key(); }
  std::string_view value() const { return current_->value(); }
  const Frame& frame() const { return current_->frame(); }

  const Error& error() const { return error_; }
  // The map attempt whose output cannot be used, if that is the error.
  const std::optional<AttemptId>& damaged_source() const { return damaged_source_; }
  uint64_t bytes_read() const;  // of all segments of the last pass
  uint64_t scratch_runs() const { return scratch_count_; }  // made so far because the inputs were too many

 private:
  static constexpr uint64_t kLastPrefix = ~uint64_t{0};
  enum class State : uint8_t { kNew, kMerging, kEnded, kFailed };
  // Who plays: the prefix lies beside the number, so that a match looks at nothing else.
  struct Player {
    uint64_t prefix = 0;  // ~0 when exhausted: a real key may have it too
    uint32_t leaf = 0;
  };

  Step Start();
  Step Current() {
    // An exhausted winner: everybody is.
    if (winner_.prefix != kLastPrefix || !exhausted_[winner_.leaf]) [[likely]] return Step::kRecord;
    state_ = State::kEnded;
    return Step::kEnd;
  }
  bool OpenAll();
  bool MergePasses();
  bool MergeSlice(size_t begin, size_t count);
  bool Exhaust(uint32_t leaf);
  void BuildTree();
  bool Fail(Error error, const SegmentInput* input);

  bool Before(const Player& a, const Player& b) const {
    return a.prefix != b.prefix ? a.prefix < b.prefix : BeforeInFull(a.leaf, b.leaf);
  }
  bool BeforeInFull(uint32_t a, uint32_t b) const;
  // Who wins a match of two random keys cannot be predicted, so the common case is made of conditional moves.
  void Replay() {
    Player winner = winner_;
    for (size_t match = (winner.leaf + cursors_.size()) / 2; match > 0; match /= 2) {
      const Player loser = losers_[match];
      bool beaten = loser.prefix < winner.prefix;
      if (loser.prefix == winner.prefix) [[unlikely]] beaten = BeforeInFull(loser.leaf, winner.leaf);
      losers_[match].prefix = beaten ? winner.prefix : loser.prefix;
      losers_[match].leaf = beaten ? winner.leaf : loser.leaf;
      winner.prefix = beaten ? loser.prefix : winner.prefix;
      winner.leaf = beaten ? loser.leaf : winner.leaf;
    }
    winner_ = winner;
    current_ = cursors_[winner.leaf].get();
  }

  Env& env_;
  std::vector<SegmentInput> inputs_;
  MergeOptions options_;
  State state_ = State::kNew;
  Error error_;
  std::optional<AttemptId> damaged_source_;
  std::vector<std::unique_ptr<SegmentCursor>> cursors_;
  std::vector<bool> exhausted_;   // by leaf
  std::vector<Player> losers_;    // [match]; match 1 is the final, 0 is unused
  Player winner_;
  SegmentCursor* current_ = nullptr;  // the winner's
  std::vector<std::string> scratch_;  // runs made here
  uint64_t scratch_count_ = 0;
};

}  // namespace mr::worker
