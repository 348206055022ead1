#include "coordinator/raft/core/entry_log.h"

#include <algorithm>

#include "common/base/logging.h"

namespace mr::raft {

size_t EntryLog::Position(Index index) const { return Distance(Next(base_), index); }

std::optional<Term> EntryLog::TermAt(Index index) const {
  if (index == base_) return base_term_;
  if (index < base_ || index > last()) return std::nullopt;
  return entries_[Position(index)]->term;
}

const EntryPtr& EntryLog::At(Index index) const {
  CHECK(index > base_ && index <= last())
      << "entry " << index.value << " of " << base_.value << ".." << last().value;
  return entries_[Position(index)];
}

std::vector<EntryPtr> EntryLog::Slice(Index from, Index to) const {
  if (from >= to) return {};
  CHECK(from > base_ && to <= Next(last())) << "entries " << from.value << ".." << to.value;
  const auto begin = entries_.begin() + static_cast<std::ptrdiff_t>(Position(from));
  return {begin, begin + static_cast<std::ptrdiff_t>(Distance(from, to))};
}

Index EntryLog::LastWithTermAtMost(Index from, Term term) const {
  Index index = std::min(from, last());
  while (index > base_ && At(index)->term > term) index = Previous(index);
  return std::max(index, base_);
}

void EntryLog::Append(EntryPtr entry) {
  CHECK_EQ(entry->index.value, last().value + 1) << "a hole in the log";
  CHECK(entry->term >= last_term()) << "terms fall at entry " << entry->index.value;
  entries_.push_back(std::move(entry));
}

void EntryLog::TruncateFrom(Index index) {
  CHECK(index > base_);
  if (index <= last()) entries_.resize(Position(index));
}

void EntryLog::CompactTo(Index index, Term term) {
  if (index <= base_) return;
  CHECK(Has(index, term)) << "no entry " << index.value << " of term " << term.value;
  entries_.erase(entries_.begin(),
                 entries_.begin() + static_cast<std::ptrdiff_t>(Distance(base_, index)));
  base_ = index;
  base_term_ = term;
}

void EntryLog::Reset(Index base, Term base_term) {
  entries_.clear();
  base_ = base;
  base_term_ = base_term;
}

}  // namespace mr::raft
