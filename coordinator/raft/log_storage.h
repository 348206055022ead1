// The durable half of a member of the replicated log: its hard state, its entries and its snapshots, in one
// directory. FORMAT.md describes the files.
//
//   LOCK  META  hardstate  wm  log/000000000001.seg …  snap/INDEX-TERM.snap …
//
// Data before name, name before use, directory after every change of a name, answers only after all of it. After an
// error nothing may be answered any more: the error stays, and the process must end; the next start finds out what
// is true.
//
// One thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/io/env.h"
#include "coordinator/raft/log_format.h"
#include "coordinator/raft/log_scan.h"
#include "coordinator/raft/types.h"

namespace mr::raft {

struct StorageOptions {
  NodeId node{1};
  std::optional<std::array<char, 16>> cluster;  // of a new directory; none: a name of its own
  bool create = true;  // false: a directory that is no member's is an error (kNotFound)
  // A segment is written as zeros before it is used, so that a full disk is found out then.
  uint64_t segment_bytes = 4u << 20;
  // A snapshot is wanted when the log since the last one is larger than this, and than four times that snapshot.
  uint64_t snapshot_log_bytes = 16u << 20;
  uint64_t seed = 0;  // of the salts, and of the group's name when the directory is new; 0 = from the system
};

// What a start found.
struct Recovered {
  HardState hard_state;
  SnapshotMeta snapshot;       // index 0: none
  std::string snapshot_bytes;  // of the state machine
  std::vector<Entry> entries;  // after the snapshot
  std::vector<std::string> warnings;  // sentences for the log
};

class LogStorage {
 public:
  // Makes the directory if it is empty or missing; else reads and checks all of it.
  // Errors: kUnavailable when another process has it (names its pid), kDataLoss, kUnsupported, kNoSpace, kIo.
  static Result<std::unique_ptr<LogStorage>> Open(Env& env, const std::string& directory,
                                                  const StorageOptions& options, Recovered& recovered);

  const Identity& identity() const { return identity_; }
  Index last_index() const { return last_index_; }

  // Durable when it returns.
  Status SaveHardState(const HardState& state);
  // Contiguous; the first may have an index that is there already, which discards everything from it on. Not yet
  // durable.
  Status Append(std::span<const Entry> entries);
  Status Append(std::span<const EntryPtr> entries);
  // Everything appended is durable when it returns.
  Status Sync();
  // After a while without an Append: makes the durability of the last batch provable by the log alone.
  Status Fence();
  // The state machine as it is after entry meta.index. Durable when it returns; the newest two are kept, and the
  // segments that neither needs are removed.
  Status SaveSnapshot(const SnapshotMeta& meta, std::string_view bytes);

  // Since the last snapshot, or since the start of the log.
  uint64_t log_bytes() const { return log_bytes_; }
  uint64_t snapshot_bytes() const { return snapshot_bytes_; }  // size of the newest

 private:
  LogStorage(Env& env, std::string directory, const StorageOptions& options);
  std::string Path(std::string_view name) const { return JoinPath(directory_, name); }
  Status Bootstrap();
  Status CheckNothingIsLost();
  Status Recover(Recovered& recovered);
  Status RecoverSnapshot(const ScannedLog& log, Recovered& recovered);
  Status RecoverTail(const ScannedLog& log, Recovered& recovered);
  Status Sweep(const std::string& directory);
  Status CreateSegment(uint64_t record_bytes);
  Status OpenSegment(const SegmentHeader& header, uint64_t offset, uint64_t file_bytes);
  Status AppendEntry(const Entry& entry);
  Status AppendRecord(RecordHeader header, std::string_view payload);
  Status AppendMark(RecordType type, EntryKind kind, const SnapshotMeta& meta);
  Status WriteBuffer();
  Status CollectGarbage();
  void NoteEntry(Index index, Term term);
  void RestartAt(const SnapshotMeta& meta);
  bool Has(const SnapshotMeta& meta) const;
  Status Keep(Status status);  // the first error stays
  uint32_t NextSalt();

  Env& env_;
  const std::string directory_;
  const StorageOptions options_;
  uint64_t random_;
  Identity identity_;
  std::unique_ptr<FileLock> lock_;
  std::unique_ptr<InPlaceFile> watermark_;
  std::optional<Error> failed_;

  uint64_t hard_state_writes_ = 0;
  std::vector<SegmentFile> segments_;
  std::vector<SnapshotMeta> snapshots_;  // oldest first, at most two

  std::unique_ptr<InPlaceFile> segment_;  // the newest
  SegmentHeader header_;
  uint64_t segment_bytes_ = 0;
  uint64_t offset_ = 0;  // where `buffer_` goes
  std::string buffer_;   // records that are not written yet
  uint32_t chain_ = 0;
  uint64_t batch_ = 0;
  Position synced_;
  bool unsynced_ = false;
  bool fenced_ = false;
  Index last_index_;
  Term last_term_;
  // Where terms begin: (index of the first entry of that term, term), rising. To tell whether an entry is in the log.
  std::vector<std::pair<Index, Term>> terms_;
  uint64_t log_bytes_ = 0;
  uint64_t snapshot_bytes_ = 0;
};

}  // namespace mr::raft
