// Mistakes that were really made, or easily would be, kept as switches: a test build (MR_MUTANTS) turns one of them on
// and must notice. In every other build Mutated() is false at compile time and nothing of this remains.
// test/mutants/mutants.txt says who notices each.
#pragma once

namespace mr {

// L: of the lesson with this number. F: a fault of another kind.
#define MR_MUTANT_LIST(X)           \
  X(L03RetryIsAnotherJob)           \
  X(L03ForgetsUnansweredOutcome)    \
  X(L04IdleIsTheEnd)                \
  X(L04LostMapStaysDone)            \
  X(L05AttemptsShareTheirFiles)     \
  X(L06PublishReplaces)             \
  X(L06PublishesUnsynced)           \
  X(L15DecodesIntoAUsedObject)      \
  X(L15SessionKeepsTheLast)         \
  X(F01GrantIsNotRecorded)          \
  X(F02GrantOutlivesItsAttempt)     \
  X(F03ResultWithoutGrant)          \
  X(F04OldSessionSpeaks)            \
  X(F05LateReportCounts)            \
  X(F06LostMapStaysCounted)         \
  X(F07RecoveryDoesNotWait)         \
  X(F08CleansUpBesideAttempts)      \
  X(F09AdoptsWhoHasNoGrant)         \
  X(F10WatermarkBeforeSync)         \
  X(F11AnswersBeforeSync)           \
  X(F12NeverSyncs)                  \
  X(F13PublishesUngranted)          \
  X(F14UnknownAttemptGoesOn)        \
  X(F15SegmentNameUnsynced)         \
  X(F16LoserRunsOn)                 \
  X(F17BackupBesideTheFirst)        \
  X(F18BlackHoleGoesOn)             \
  X(F19QuarantineForEver)           \
  X(F20LostSourceIsNotTold)         \
  X(F21PositionsOutliveSessions)    \
  X(F22GuestsKeepTheirSlots)

#define MR_MUTANT_NAME(name) k##name,
enum class Mutant { kNone, MR_MUTANT_LIST(MR_MUTANT_NAME) };
#undef MR_MUTANT_NAME

#ifdef MR_MUTANTS
bool Mutated(Mutant mutant);  // the test says which one is on
#else
constexpr bool Mutated(Mutant) { return false; }
#endif

}  // namespace mr
