#include "coordinator/raft/log_storage.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "common/base/logging.h"
#include "common/base/mutants.h"
#include "common/base/random.h"
#include "common/base/strings.h"

namespace mr::raft {
namespace {

constexpr size_t kZerosAtOnce = 1u << 20;
constexpr std::string_view kTemporarySuffix = ".tmp";

// "…/snap" gives the second file name: rising names are rising positions.
std::string SnapshotName(const SnapshotMeta& meta) {
  char name[64];
  std::snprintf(name, sizeof name, "%020llu-%020llu.snap", static_cast<unsigned long long>(meta.index.value),
                static_cast<unsigned long long>(meta.term.value));
  return name;
}

std::optional<SnapshotMeta> ParseSnapshotName(const std::string& name) {
  unsigned long long index = 0;
  unsigned long long term = 0;
  if (std::sscanf(name.c_str(), "%20llu-%20llu.snap", &index, &term) != 2) return std::nullopt;
  const SnapshotMeta meta{{index}, {term}};
  return SnapshotName(meta) == name ? std::optional(meta) : std::nullopt;
}

Status WriteZeros(WritableFile& file, uint64_t bytes) {
  const std::string zeros(std::min<uint64_t>(bytes, kZerosAtOnce), '\0');
  while (bytes > 0) {
    const uint64_t now = std::min<uint64_t>(bytes, zeros.size());
    MR_RETURN_IF_ERROR(file.Append(std::string_view(zeros).substr(0, now)));
    bytes -= now;
  }
  return {};
}

}  // namespace

LogStorage::LogStorage(Env& env, std::string directory, const StorageOptions& options)
    : env_(env),
      directory_(std::move(directory)),
      options_(options),
      random_(options.seed == 0 ? RandomSeed() : options.seed) {}

Result<std::unique_ptr<LogStorage>> LogStorage::Open(Env& env, const std::string& directory,
                                                     const StorageOptions& options, Recovered& recovered) {
  MR_RETURN_IF_ERROR(env.CreateDirectories(directory));
  auto storage = std::unique_ptr<LogStorage>(new LogStorage(env, directory, options));
  MR_ASSIGN_OR_RETURN(storage->lock_, env.Lock(storage->Path("LOCK")));
  recovered = Recovered{};
  if (!env.Exists(storage->Path("META"))) {
    if (!options.create) return Fail(ErrorCode::kNotFound, StrCat(directory, " holds nothing of a member"));
    MR_RETURN_IF_ERROR(storage->Bootstrap());
  }
  MR_RETURN_IF_ERROR(storage->Recover(recovered));
  return storage;
}

// ---- a new directory --------------------------------------------------------------------------------------

// META comes last: with it the directory is a member's, with everything that a member has.
Status LogStorage::Bootstrap() {
  for (const char* name : {"log", "snap"}) MR_RETURN_IF_ERROR(env_.CreateDirectories(Path(name)));
  MR_RETURN_IF_ERROR(CheckNothingIsLost());
  for (const char* name : {"log", "snap"}) {
    MR_ASSIGN_OR_RETURN(const std::vector<std::string> names, env_.ListDirectory(Path(name)));
    for (const std::string& left : names) MR_RETURN_IF_ERROR(env_.RemoveFile(JoinPath(Path(name), left)));
  }
  for (char& c : identity_.cluster) c = static_cast<char>(NextSalt() & 0xff);
  if (options_.cluster) identity_.cluster = *options_.cluster;
  identity_.node = options_.node;
  MR_RETURN_IF_ERROR(WriteFileAtomically(env_, Path("hardstate"), EncodeHardState(identity_, {}, 1)));
  MR_RETURN_IF_ERROR(CreateSegment(0));
  MR_RETURN_IF_ERROR(WriteFileAtomically(env_, Path("wm"), EncodeWatermark({})));
  segment_.reset();
  segments_.clear();
  return WriteFileAtomically(env_, Path("META"), EncodeMeta(identity_));
}

// Without META there is either the beginning of a directory, or one that somebody has taken META from.
Status LogStorage::CheckNothingIsLost() {
  MR_ASSIGN_OR_RETURN(const std::vector<std::string> snapshots, env_.ListDirectory(Path("snap")));
  MR_ASSIGN_OR_RETURN(const std::vector<std::string> segments, env_.ListDirectory(Path("log")));
  bool used = std::any_of(snapshots.begin(), snapshots.end(),
                          [](const std::string& name) { return ParseSnapshotName(name).has_value(); });
  for (const std::string& name : segments) {
    if (used || !name.ends_with(".seg")) continue;
    MR_ASSIGN_OR_RETURN(const std::string bytes, ReadWholeFile(env_, JoinPath(Path("log"), name)));
    used = bytes.size() > kSegmentHeaderBytes &&
           std::any_of(bytes.begin() + kSegmentHeaderBytes, bytes.end(), [](char c) { return c != 0; });
  }
  if (!used) return {};
  return Fail(ErrorCode::kDataLoss, StrCat(Path("META"), " is missing, but there are jobs in ", directory_,
                                           ". Restore the file from a copy, or move the directory away to start with "
                                           "no jobs; nothing was changed"));
}

// ---- start ------------------------------------------------------------------------------------------------

Status LogStorage::Recover(Recovered& recovered) {
  MR_ASSIGN_OR_RETURN(const std::string meta, ReadWholeFile(env_, Path("META")));
  MR_ASSIGN_OR_RETURN(identity_, DecodeMeta(meta, Path("META")));
  if (!env_.Exists(Path("hardstate"))) {
    return Fail(ErrorCode::kDataLoss,
                StrCat(Path("hardstate"), " is missing. Restore the directory from a copy; nothing was changed"));
  }
  MR_ASSIGN_OR_RETURN(const std::string hard, ReadWholeFile(env_, Path("hardstate")));
  MR_ASSIGN_OR_RETURN(const StoredHardState stored, DecodeHardState(hard, identity_, Path("hardstate")));
  recovered.hard_state = stored.state;
  hard_state_writes_ = stored.writes;

  std::optional<Watermark> watermark;
  if (env_.Exists(Path("wm"))) {
    MR_ASSIGN_OR_RETURN(const std::string bytes, ReadWholeFile(env_, Path("wm")));
    watermark = DecodeWatermark(bytes);
  }
  MR_ASSIGN_OR_RETURN(ScannedLog log, ScanLog(env_, Path("log"), identity_, watermark));
  MR_RETURN_IF_ERROR(RecoverSnapshot(log, recovered));
  // From here on files are changed: nothing of what was acknowledged is missing.
  for (const std::string& directory : {directory_, Path("log"), Path("snap")}) MR_RETURN_IF_ERROR(Sweep(directory));
  if (!watermark) MR_RETURN_IF_ERROR(WriteFileAtomically(env_, Path("wm"), EncodeWatermark({})));
  MR_ASSIGN_OR_RETURN(watermark_, env_.OpenInPlace(Path("wm")));
  MR_RETURN_IF_ERROR(RecoverTail(log, recovered));
  for (Entry& entry : log.entries) {
    // Where the log lacked the snapshot's entry it ends at the snapshot now: what follows there is of another history.
    if (entry.index > recovered.snapshot.index && entry.index <= last_index_) recovered.entries.push_back(std::move(entry));
  }
  return Sync();
}

Status LogStorage::RecoverSnapshot(const ScannedLog& log, Recovered& recovered) {
  MR_ASSIGN_OR_RETURN(const std::vector<std::string> names, env_.ListDirectory(Path("snap")));
  std::vector<SnapshotMeta> found;
  for (const std::string& name : names) {
    if (const auto meta = ParseSnapshotName(name)) found.push_back(*meta);
  }
  std::optional<Error> damage;
  while (!found.empty()) {
    const SnapshotMeta meta = found.back();
    const std::string path = JoinPath(Path("snap"), SnapshotName(meta));
    MR_ASSIGN_OR_RETURN(const std::string bytes, ReadWholeFile(env_, path, uint64_t{8} << 30));
    Result<DecodedSnapshot> snapshot = DecodeSnapshot(bytes, identity_, path);
    if (snapshot && snapshot->meta == meta) {
      recovered.snapshot = meta;
      recovered.snapshot_bytes = std::move(snapshot->payload);
      snapshot_bytes_ = bytes.size();
      break;
    }
    damage = snapshot ? Error{ErrorCode::kDataLoss, StrCat(path, " does not contain what its name says")}
                      : snapshot.error();
    recovered.warnings.push_back(damage->text);
    found.pop_back();
  }
  snapshots_ = std::move(found);
  if (log.base_index <= recovered.snapshot.index) return {};
  // The log begins after everything that we can begin from.
  if (damage) return Fail(*damage);
  return Fail(ErrorCode::kDataLoss, StrCat(Path("snap"), ": the snapshot of entry ", log.base_index.value,
                                           ", where the log begins, is missing. Restore the directory from a copy; "
                                           "nothing was changed"));
}

Status LogStorage::RecoverTail(const ScannedLog& log, Recovered& recovered) {
  segments_ = log.segments;
  last_index_ = log.base_index;
  last_term_ = log.base_term;
  terms_ = {{log.base_index, log.base_term}};
  for (const Entry& entry : log.entries) {
    NoteEntry(entry.index, entry.term);
    if (entry.index > recovered.snapshot.index) log_bytes_ += RecordBytes(entry.payload.size());
  }
  const LogTail& tail = log.tail;
  MR_RETURN_IF_ERROR(OpenSegment(tail.header, tail.offset, tail.file_bytes));
  chain_ = tail.chain;
  batch_ = tail.batch;
  if (tail.written_until > tail.offset) {
    MR_RETURN_IF_ERROR(segment_->WriteAt(tail.offset, std::string(tail.written_until - tail.offset, '\0')));
    recovered.warnings.push_back(StrCat(segment_->path(), ": ", tail.written_until - tail.offset, " bytes from byte ",
                                        tail.offset, " on were being written when the coordinator stopped, and nobody "
                                        "had been told of them: dropped"));
  }
  // What was read may be in the page cache only.
  unsynced_ = true;
  if (recovered.snapshot.index.value > 0 && !Has(recovered.snapshot)) {
    RestartAt(recovered.snapshot);
    MR_RETURN_IF_ERROR(AppendMark(RecordType::kSnapshotMark, kRestartMark, recovered.snapshot));
  }
  return {};
}

// Temporary names of writes that a crash has cut off.
Status LogStorage::Sweep(const std::string& directory) {
  MR_ASSIGN_OR_RETURN(const std::vector<std::string> names, env_.ListDirectory(directory));
  for (const std::string& name : names) {
    const bool temporary = name.ends_with(kTemporarySuffix) || name.find(".tmp-") != std::string::npos;
    if (temporary) MR_RETURN_IF_ERROR(env_.RemoveFile(JoinPath(directory, name)));
  }
  return env_.SyncDirectory(directory);
}

// ---- writing ----------------------------------------------------------------------------------------------

Status LogStorage::Keep(Status status) {
  if (!status && !failed_) failed_ = status.error();
  if (failed_) return Fail(*failed_);
  return {};
}

uint32_t LogStorage::NextSalt() {
  Random random(random_);
  random_ = random.Next();
  return static_cast<uint32_t>(random_ >> 32);
}

Status LogStorage::SaveHardState(const HardState& state) {
  if (failed_) return Fail(*failed_);
  return Keep(WriteFileAtomically(env_, Path("hardstate"), EncodeHardState(identity_, state, ++hard_state_writes_)));
}

Status LogStorage::Append(std::span<const Entry> entries) {
  if (failed_) return Fail(*failed_);
  ++batch_;
  for (const Entry& entry : entries) MR_RETURN_IF_ERROR(AppendEntry(entry));
  return Keep(WriteBuffer());
}

Status LogStorage::Append(std::span<const EntryPtr> entries) {
  if (failed_) return Fail(*failed_);
  ++batch_;
  for (const EntryPtr& entry : entries) MR_RETURN_IF_ERROR(AppendEntry(*entry));
  return Keep(WriteBuffer());
}

Status LogStorage::AppendEntry(const Entry& entry) {
  CHECK(entry.index <= Next(last_index_) && entry.index.value > 0) << "entry " << entry.index.value << " after "
                                                                   << last_index_.value;
  if (entry.payload.size() > kMaxPayloadBytes) {
    return Keep(Fail(ErrorCode::kInvalidArgument,
                     StrCat("an entry of ", FormatSize(entry.payload.size()), " does not fit into the log, which takes ",
                            FormatSize(kMaxPayloadBytes))));
  }
  RecordHeader header;
  header.kind = entry.kind;
  header.index = entry.index;
  header.term = entry.term;
  MR_RETURN_IF_ERROR(Keep(AppendRecord(header, entry.payload)));
  NoteEntry(entry.index, entry.term);
  return {};
}

Status LogStorage::AppendMark(RecordType type, EntryKind kind, const SnapshotMeta& meta) {
  ++batch_;
  RecordHeader header;
  header.type = type;
  header.kind = kind;
  header.index = meta.index;
  header.term = meta.term;
  MR_RETURN_IF_ERROR(AppendRecord(header, {}));
  return WriteBuffer();
}

Status LogStorage::AppendRecord(RecordHeader header, std::string_view payload) {
  const uint64_t bytes = RecordBytes(payload.size());
  if (offset_ + buffer_.size() + bytes > segment_bytes_) {
    MR_RETURN_IF_ERROR(WriteBuffer());
    MR_RETURN_IF_ERROR(Sync());
    MR_RETURN_IF_ERROR(CreateSegment(bytes));
  }
  header.batch = batch_;
  header.synced = synced_;
  header.previous = chain_;
  mr::raft::AppendRecord(buffer_, header, payload, header_.salt);
  chain_ = header.crc;
  log_bytes_ += bytes;
  return {};
}

Status LogStorage::WriteBuffer() {
  if (buffer_.empty()) return {};
  MR_RETURN_IF_ERROR(segment_->WriteAt(offset_, buffer_));
  offset_ += buffer_.size();
  buffer_.clear();
  unsynced_ = true;
  fenced_ = false;
  return {};
}

Status LogStorage::Sync() {
  if (failed_) return Fail(*failed_);
  if (!unsynced_) return {};
  if (Mutated(Mutant::kF10WatermarkBeforeSync))
    MR_RETURN_IF_ERROR(Keep(watermark_->WriteAt(0, EncodeWatermark({{header_.sequence, offset_}}))));
  if (!Mutated(Mutant::kF12NeverSyncs)) MR_RETURN_IF_ERROR(Keep(segment_->SyncData()));
  unsynced_ = false;
  synced_ = {header_.sequence, offset_};
  return Keep(watermark_->WriteAt(0, EncodeWatermark({synced_})));
}

Status LogStorage::Fence() {
  if (failed_) return Fail(*failed_);
  if (fenced_ || unsynced_) return {};
  MR_RETURN_IF_ERROR(Keep(AppendMark(RecordType::kFence, EntryKind::kCommand, {last_index_, last_term_})));
  MR_RETURN_IF_ERROR(Sync());
  fenced_ = true;
  return {};
}

// The new segment gets its name when it is whole: zeros to its end, a header, both durable.
Status LogStorage::CreateSegment(uint64_t record_bytes) {
  SegmentHeader header;
  header.identity = identity_;
  header.sequence = segments_.empty() ? 1 : segments_.back().sequence + 1;
  header.base_index = last_index_;
  header.base_term = last_term_;
  header.salt = NextSalt();
  header.previous = chain_;
  const std::string path = SegmentPath(Path("log"), header.sequence);
  const std::string temporary = StrCat(path, kTemporarySuffix);
  const uint64_t bytes = std::max(options_.segment_bytes, kSegmentHeaderBytes + record_bytes);
  MR_ASSIGN_OR_RETURN(const auto file, env_.CreateNew(temporary));
  MR_RETURN_IF_ERROR(file->Append(EncodeSegmentHeader(header)));
  MR_RETURN_IF_ERROR(WriteZeros(*file, bytes - kSegmentHeaderBytes));
  MR_RETURN_IF_ERROR(file->Sync());
  MR_RETURN_IF_ERROR(file->Close());
  MR_RETURN_IF_ERROR(env_.Rename(temporary, path));
  if (!Mutated(Mutant::kF15SegmentNameUnsynced)) MR_RETURN_IF_ERROR(env_.SyncDirectory(Path("log")));
  segments_.push_back({header.sequence, header.base_index});
  return OpenSegment(header, kSegmentHeaderBytes, bytes);
}

Status LogStorage::OpenSegment(const SegmentHeader& header, uint64_t offset, uint64_t file_bytes) {
  MR_ASSIGN_OR_RETURN(segment_, env_.OpenInPlace(SegmentPath(Path("log"), header.sequence)));
  header_ = header;
  offset_ = offset;
  segment_bytes_ = file_bytes;
  synced_ = {header.sequence, kSegmentHeaderBytes};
  unsynced_ = false;
  fenced_ = false;
  return {};
}

// ---- snapshots --------------------------------------------------------------------------------------------

Status LogStorage::SaveSnapshot(const SnapshotMeta& meta, std::string_view bytes) {
  if (failed_) return Fail(*failed_);
  const std::string path = JoinPath(Path("snap"), SnapshotName(meta));
  const std::string file = EncodeSnapshot(identity_, meta, bytes);
  MR_RETURN_IF_ERROR(Keep(WriteFileAtomically(env_, path, file)));
  // The older one is needed until this one has been read as it was written.
  Result<std::string> back = ReadWholeFile(env_, path, uint64_t{8} << 30);
  if (!back) return Keep(Fail(back.error()));
  if (*back != file)
    return Keep(Fail(ErrorCode::kDataLoss, StrCat(path, " reads back with other bytes: the disk is failing")));
  const bool restart = !Has(meta);
  if (restart) RestartAt(meta);
  MR_RETURN_IF_ERROR(
      Keep(AppendMark(RecordType::kSnapshotMark, restart ? kRestartMark : EntryKind::kCommand, meta)));
  MR_RETURN_IF_ERROR(Sync());
  if (snapshots_.empty() || snapshots_.back() != meta) snapshots_.push_back(meta);
  snapshot_bytes_ = file.size();
  log_bytes_ = 0;
  return Keep(CollectGarbage());
}

// Oldest first, so that what remains after a crash is whole: segments from some point on, and the snapshot at it.
Status LogStorage::CollectGarbage() {
  bool removed = false;
  while (snapshots_.size() > 2) {
    MR_RETURN_IF_ERROR(env_.RemoveFile(JoinPath(Path("snap"), SnapshotName(snapshots_.front()))));
    snapshots_.erase(snapshots_.begin());
    removed = true;
  }
  if (removed) MR_RETURN_IF_ERROR(env_.SyncDirectory(Path("snap")));
  if (snapshots_.size() < 2) return {};
  removed = false;
  while (segments_.size() > 1 && segments_[1].base_index <= snapshots_.front().index) {
    MR_RETURN_IF_ERROR(env_.RemoveFile(SegmentPath(Path("log"), segments_.front().sequence)));
    MR_RETURN_IF_ERROR(env_.SyncDirectory(Path("log")));
    segments_.erase(segments_.begin());
  }
  return {};
}

// ---- what is in the log -----------------------------------------------------------------------------------

void LogStorage::NoteEntry(Index index, Term term) {
  while (terms_.size() > 1 && terms_.back().first >= index) terms_.pop_back();
  if (terms_.empty() || terms_.back().second != term) terms_.emplace_back(index, term);
  last_index_ = index;
  last_term_ = term;
}

void LogStorage::RestartAt(const SnapshotMeta& meta) {
  last_index_ = meta.index;
  last_term_ = meta.term;
  terms_ = {{meta.index, meta.term}};
}

bool LogStorage::Has(const SnapshotMeta& meta) const {
  if (meta.index > last_index_ || terms_.empty() || meta.index < terms_.front().first) return false;
  const auto after = std::find_if(terms_.begin(), terms_.end(), [&](const auto& run) { return run.first > meta.index; });
  return std::prev(after)->second == meta.term;
}

}  // namespace mr::raft
