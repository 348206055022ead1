// Mistakes that were really made, kept as switches: a test build (MR_RAFT_MUTANTS) turns one of
// them on and must notice. In every other build Mutated() is false at compile time and nothing of
// this remains.
#pragma once

#ifdef MR_RAFT_MUTANTS
#include <map>
#include <optional>
#include <set>

#include "coordinator/raft/types.h"
#endif

namespace mr::raft {

// The number is that of the lesson or of the bug seen in the field.
#define MR_RAFT_MUTANT_LIST(X)  \
  X(L10TimerStopsInCandidate)   \
  X(L11FollowingClearsVote)     \
  X(L12WaitsForAnswers)         \
  X(L13CountsAnyVote)           \
  X(L14ReadsOutliveLeadership)  \
  X(L15ReadyIsReused)           \
  X(L16NewTermKeepsVote)        \
  X(L17AnyMessageResetsTimer)   \
  X(L17CommitsOldTermsByCount)  \
  X(L18OverwritesSharedEntries) \
  X(L19SendsBeforeSync)         \
  X(L19ForgetsVote)             \
  X(L20BacksUpByOne)            \
  X(L20KeepsOldProgress)        \
  X(L21AcceptsOldReplies)       \
  X(L22StampsTermAtSend)        \
  X(L23WaitsForTwenty)          \
  X(L24DefersElection)          \
  X(L25MatchIsLast)             \
  X(L25FrozenBound)             \
  X(F01CountsUnsynced)          \
  X(F12TruncatesEqualEntries)   \
  X(F15OwnVoteMissing)          \
  X(F16PreVotesAreVotes)        \
  X(F17PreVoteIgnoresLog)       \
  X(F18OldLeaderBlocksPreVote)  \
  X(F19PreVoteResetsTimer)      \
  X(F20PreVoteRefusalHidesTerm) \
  X(F22CompactedTermIsZero)     \
  X(F27PackingSkips)            \
  X(F28AcksOwnLast)             \
  X(F29StaleRefusalMovesMatch)  \
  X(F31WindowNeverReopens)      \
  X(F33KeepsForeignSuffix)      \
  X(F34ResumesInTheMiddle)      \
  X(F37ReadsBeforeOwnCommit)

#define MR_RAFT_MUTANT_NAME(name) k##name,
enum class Mutant { kNone, MR_RAFT_MUTANT_LIST(MR_RAFT_MUTANT_NAME) };
#undef MR_RAFT_MUTANT_NAME

#ifdef MR_RAFT_MUTANTS
bool Mutated(Mutant mutant);  // the test says which one is on

// What the mistaken code remembers where the right code has nothing to remember; one per core.
struct MutantMemory {
  int election_deferred = 0;  // begins so many messages from now
  std::set<NodeId> votes;
  std::optional<HardState> hard_state;
  std::map<NodeId, Index> matches;
  std::map<NodeId, Index> bounds;
};
MutantMemory& MutantMemoryOf(const void* core);
#else
constexpr bool Mutated(Mutant) { return false; }
#endif

}  // namespace mr::raft
