#include "coordinator/raft/log_scan.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "common/base/strings.h"

namespace mr::raft {
namespace {

constexpr uint64_t kMaxSegmentBytes = 1u << 30;
constexpr std::string_view kSegmentSuffix = ".seg";
constexpr std::string_view kRemedy =
    ". Nothing was changed. Restore the state directory from a copy; or move it away to start with no jobs: their "
    "outputs on disk stay, running ones must be submitted again";

class Scanner {
 public:
  Scanner(std::string path, const Identity& identity, ScannedLog& log)
      : path_(std::move(path)), identity_(identity), log_(log) {}

  // The records of one segment. `first`: the oldest there is; the chain begins with it.
  Status Scan(std::string_view bytes, bool first) {
    const auto header = DecodeSegmentHeader(bytes);
    if (!header) return Damaged(0, "its head is damaged");
    MR_RETURN_IF_ERROR(CheckHeader(*header, first));
    LogTail& tail = log_.tail;
    tail.header = *header;
    tail.offset = kSegmentHeaderBytes;
    tail.file_bytes = bytes.size();
    tail.chain = header->previous;
    while (const auto record = DecodeRecord(bytes.substr(tail.offset), header->salt)) {
      if (record->header.previous != tail.chain) break;
      MR_RETURN_IF_ERROR(Take(*record));
      tail.chain = record->header.crc;
      tail.batch = record->header.batch;
      tail.offset += RecordBytes(record->header.payload_bytes);
    }
    return {};
  }

  // The newest segment: is its end an end, or a hole in what was acknowledged?
  Status CheckEnd(std::string_view bytes, const std::optional<Watermark>& watermark) {
    LogTail& tail = log_.tail;
    const uint64_t sequence = tail.header.sequence;
    Position acknowledged;
    if (watermark) acknowledged = watermark->synced;
    for (uint64_t at = tail.offset; at + kRecordHeaderBytes <= bytes.size(); at += 8) {
      const auto later = DecodeRecord(bytes.substr(at), tail.header.salt);
      if (later) acknowledged = std::max(acknowledged, later->header.synced);
    }
    if (Position{sequence, tail.offset} < acknowledged) {
      if (acknowledged.segment > sequence) {
        return Damaged(tail.offset, StrCat("the segment ", acknowledged.segment, " after it is missing"));
      }
      return Damaged(tail.offset, StrCat("what was acknowledged up to byte ", acknowledged.offset, " is damaged"));
    }
    tail.written_until = bytes.size();
    while (tail.written_until > tail.offset && bytes[tail.written_until - 1] == 0) --tail.written_until;
    return {};
  }

  Error Damage(uint64_t offset, std::string_view what) const {
    return {ErrorCode::kDataLoss, StrCat(path_, ": at byte ", offset, ", after entry ", log_.last_index().value,
                                         " of the log: ", what, kRemedy)};
  }

 private:
  tl::unexpected<Error> Damaged(uint64_t offset, std::string_view what) const { return Fail(Damage(offset, what)); }

  Status CheckHeader(const SegmentHeader& header, bool first) {
    if (header.identity != identity_) return Damaged(0, "the segment belongs to another coordinator");
    if (header.sequence != log_.segments.back().sequence)
      return Damaged(0, StrCat("the segment says that it is number ", header.sequence));
    log_.segments.back().base_index = header.base_index;
    if (first) {
      log_.base_index = header.base_index;
      log_.base_term = header.base_term;
      return {};
    }
    // A segment gets its name only when everything before it is durable: the chain has no torn links here.
    if (header.previous != log_.tail.chain || header.base_index != log_.last_index() ||
        header.base_term != log_.last_term()) {
      const std::string before = BaseName(path_);
      return Fail(ErrorCode::kDataLoss,
                  StrCat(ParentPath(path_), ": segment ", log_.tail.header.sequence, ", at byte ", log_.tail.offset,
                         ", after entry ", log_.last_index().value, " of the log: what was acknowledged before ", before,
                         " began is damaged", kRemedy));
    }
    return {};
  }

  Status Take(const DecodedRecord& record) {
    const RecordHeader& header = record.header;
    if (header.type == RecordType::kFence) return {};
    if (header.type == RecordType::kSnapshotMark) {
      if (header.kind != kRestartMark) return {};
      log_.entries.clear();
      log_.base_index = header.index;
      log_.base_term = header.term;
      return {};
    }
    const bool older_are_gone = log_.segments.front().sequence > 1;
    if (header.index.value == 0 || header.index > Next(log_.last_index()) ||
        (header.index <= log_.base_index && !older_are_gone)) {
      return Damaged(log_.tail.offset, StrCat("entry ", header.index.value, " is out of turn"));
    }
    if (header.index <= log_.base_index) {  // overrides entries of a segment that no snapshot needs any more
      log_.entries.clear();
      log_.base_index = Previous(header.index);
      log_.base_term = {};
    }
    log_.entries.resize(header.index.value - log_.base_index.value - 1);
    if (header.term < log_.last_term())
      return Damaged(log_.tail.offset, StrCat("the term of entry ", header.index.value, " falls"));
    log_.entries.push_back({header.index, header.term, header.kind, std::string(record.payload)});
    return {};
  }

  const std::string path_;
  const Identity& identity_;
  ScannedLog& log_;
};

Result<std::vector<uint64_t>> ListSegments(Env& env, const std::string& directory) {
  MR_ASSIGN_OR_RETURN(const std::vector<std::string> names, env.ListDirectory(directory));
  std::vector<uint64_t> sequences;
  for (const std::string& name : names) {
    uint64_t sequence = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), sequence);
    if (error == std::errc() && std::string_view(end) == kSegmentSuffix) sequences.push_back(sequence);
  }
  std::sort(sequences.begin(), sequences.end());
  return sequences;
}

}  // namespace

std::string SegmentPath(const std::string& log_directory, uint64_t sequence) {
  char name[32];
  std::snprintf(name, sizeof name, "%012llu", static_cast<unsigned long long>(sequence));
  return JoinPath(log_directory, StrCat(name, kSegmentSuffix));
}

Result<ScannedLog> ScanLog(Env& env, const std::string& log_directory, const Identity& identity,
                           const std::optional<Watermark>& watermark) {
  MR_ASSIGN_OR_RETURN(const std::vector<uint64_t> sequences, ListSegments(env, log_directory));
  if (sequences.empty())
    return Fail(ErrorCode::kDataLoss, StrCat(log_directory, ": the log has no segments", kRemedy));
  ScannedLog log;
  for (const uint64_t sequence : sequences) {
    const std::string path = SegmentPath(log_directory, sequence);
    const bool first = log.segments.empty();
    const bool gap = !first && sequence != log.segments.back().sequence + 1;
    log.segments.push_back({sequence, {}});
    Scanner scanner(path, identity, log);
    if (gap) return Fail(scanner.Damage(0, "the segment before it is missing"));
    MR_ASSIGN_OR_RETURN(const std::string bytes, ReadWholeFile(env, path, kMaxSegmentBytes));
    MR_RETURN_IF_ERROR(scanner.Scan(bytes, first));
    if (sequence == sequences.back()) MR_RETURN_IF_ERROR(scanner.CheckEnd(bytes, watermark));
  }
  return log;
}

}  // namespace mr::raft
