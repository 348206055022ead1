// The part of the log that is in memory: every entry after the last compaction. Entries are
// immutable and shared: overwriting the log replaces pointers and leaves messages that hold the old
// entries alone.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "coordinator/raft/core/messages.h"

namespace mr::raft {

class EntryLog {
 public:
  // `base` is the position before the first entry that is kept; (0, 0) for a whole log.
  EntryLog(Index base, Term base_term) : base_(base), base_term_(base_term) {}

  Index base() const { return base_; }
  Index last() const { return {base_.value + entries_.size()}; }
  // Falls back to the base: after a compaction the last term is that of the snapshot, not 0.
  Term last_term() const { return entries_.empty() ? base_term_ : entries_.back()->term; }
  // None if the position is compacted away or beyond the end.
  std::optional<Term> TermAt(Index index) const;
  bool Has(Index index, Term term) const { return TermAt(index) == term; }
  const EntryPtr& At(Index index) const;  // CHECK: base < index ≤ last
  // The entries [from, to); none if from ≥ to. CHECK: inside the log.
  std::vector<EntryPtr> Slice(Index from, Index to) const;
  // The last position at or before `from` whose term is ≤ `term`; base if there is none after it.
  Index LastWithTermAtMost(Index from, Term term) const;

  void Append(EntryPtr entry);             // CHECK: index is last + 1, term does not fall
  void TruncateFrom(Index index);          // CHECK: index > base
  void CompactTo(Index index, Term term);  // forgets everything up to and including `index`
  void Reset(Index base, Term base_term);  // an empty log after a snapshot

 private:
  size_t Position(Index index) const;

  Index base_;
  Term base_term_;
  std::deque<EntryPtr> entries_;
};

}  // namespace mr::raft
