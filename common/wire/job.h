// What a job is, and what an attempt of one of its tasks is asked to do and answers. Shared by all programs.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/ids.h"
#include "common/wire/fields.h"

namespace mr::wire {

// ---- the job ------------------------------------------------------------------------------------------

// How input bytes become records.
enum class InputFormat : uint8_t {
  kLines = 0,   // one record per line, without its end ("\n" or "\r\n")
  kBlocks = 1,  // one record per block of whole lines, ends included
  kWhole = 2,   // one record per file
  kFixed = 3,   // record_bytes each; a shorter tail is an error
};

// kAuto is a shuffle codec only: none for scratch runs, and for map outputs none while all workers share a host, else lz4.
enum class Compression : uint8_t { kNone = 0, kGzip = 1, kZstd = 2, kLz4 = 3, kAuto = 4 };

// Who comes first when several jobs want a slot; within one priority the order of submission.
enum class Priority : uint8_t { kLow = 0, kNormal = 1, kHigh = 2 };
constexpr std::string_view PriorityName(Priority priority) {
  return priority == Priority::kLow ? "low" : priority == Priority::kHigh ? "high" : "normal";
}

// What key and value become in the output of a job that leaves that to the engine (mr::Out::kv).
enum class OutputFormat : uint8_t {
  kPlugins = 0,  // what the plugin declares: tsv, or its own bytes
  kTsv = 1,      // key TAB value NEWLINE
  kJsonLines = 2,  // {"key":…,"value":…} NEWLINE
};

// Where user code finds itself (its working directory).
enum class Workdir : uint8_t {
  kWorkers = 0,  // where the worker was started
  kPrivate = 1,  // the attempt's own scratch directory, removed after it
  kShared = 2,   // one directory for all of the job's attempts on this worker, removed with the job
};

// What a task that has used up its attempts does to its job.
enum class OnFailure : uint8_t {
  kFail = 0,
  kPause = 1,  // nothing new starts until somebody changes the plugin or kills the job
};

// One input file as the submitter saw it. A different size or time at reading is an error of the job.
struct InputFile {
  std::string path;  // absolute
  std::string tag;   // -I TAG=PATH, or empty
  uint64_t size_bytes = 0;
  int64_t mtime_ns = 0;
  Compression compression = Compression::kNone;  // by name: .gz, .zst; such a file is one split
  MR_FIELDS(InputFile, path, tag, size_bytes, mtime_ns, compression)
};

// What is known of a plugin's file beside its bytes.
struct PluginBuild {
  uint32_t abi_major = 0;    // of the plugin ABI that it was built against; 0 = not said, any worker may try
  uint32_t abi_minor = 0;
  std::string build_id;      // the linker's, lower-case hex; empty = none
  int64_t file_unix_ms = 0;  // last change of the submitter's file; 0 = not known
  MR_FIELDS(PluginBuild, abi_major, abi_minor, build_id, file_unix_ms)
};

// What tasks need to know of their job; goes with every assignment, so it stays small.
struct JobConfig {
  std::string name;             // shown to people
  std::string user;
  std::string plugin_sha256;    // lower-case hex; the bytes travel as a blob
  std::string plugin_name;      // file name at submission, for messages
  std::string job_name;         // which of the plugin's jobs
  std::map<std::string, std::string> params;      // after defaults
  std::map<std::string, std::string> side_files;  // name -> absolute path every worker can read
  std::map<std::string, std::string> environment;
  InputFormat input_format = InputFormat::kLines;
  uint64_t record_bytes = 0;    // kFixed only
  std::string output_dir;       // absolute
  bool overwrite = false;       // the old directory is swapped out when the job commits
  Compression output_compression = Compression::kNone;
  uint32_t reducers = 1;        // 0 = map only
  std::vector<std::string> range_bounds;  // total order: reducers-1 ascending keys; partition i gets keys < bound i
  bool combine = true;
  Compression shuffle_codec = Compression::kAuto;
  uint64_t split_bytes = 64u << 20;
  uint64_t task_memory_bytes = 512u << 20;  // budget of the engine inside one task
  uint64_t memory_limit_bytes = 0;          // limit of the whole task process; 0 = worker's default
  uint32_t max_attempts = 4;                // only the user's failures count
  // Of a thousand tasks of each phase, so many may fail for good; the job succeeds without them.
  uint32_t max_failed_permille = 0;
  int64_t task_timeout_ms = 600'000;        // without progress
  uint32_t max_running = 0;                 // tasks at once; 0 = no limit
  Priority priority = Priority::kNormal;
  uint32_t slots_per_task = 1;              // of a worker, that one map or reduce attempt occupies
  uint32_t max_splits = 100'000;            // map tasks: splits become larger than split_bytes rather than more
  int64_t tie_ms = 0;  // > 0: the job is killed when its submitter has not asked for it for so long
  OutputFormat output_format = OutputFormat::kPlugins;
  Workdir workdir = Workdir::kWorkers;
  uint64_t seed = 1;
  std::string job_dir;                      // shared by the job's tasks, readable by plugins; empty = none
  std::map<std::string, std::string> labels;
  // Drawn at random by the submitter. Keeps apart jobs of different clusters (every --local run is one) that
  // have the same id and use the same output directory one after the other; 0 = not drawn.
  uint64_t output_nonce = 0;
  OnFailure on_failure = OnFailure::kFail;
  JobId resume_from;    // take over finished maps of this job where they fit; 0 = none
  // Of a chain: this job is stage `stage` of `stages`, and the outputs of those before it lie in OUTPUT/_stage1, …
  // of the chain's output directory. 0 of 0 = no chain. The last stage leaves these directories where they are.
  uint32_t stage = 0;
  uint32_t stages = 0;
  uint32_t skip_bad_records = 0;  // so many records (map) or groups (reduce) each task may leave out
  // Stragglers get a second attempt. Not for a job whose tasks do more than write their output.
  bool backup = true;
  uint32_t backup_factor_percent = 150;  // of what such tasks take, that one must be going to take; 100 or more
  PluginBuild plugin_build;
  MR_FIELDS(JobConfig, name, user, plugin_sha256, plugin_name, job_name, params, side_files, environment,
            input_format, record_bytes, output_dir, overwrite, output_compression, reducers, range_bounds,
            combine, shuffle_codec, split_bytes, task_memory_bytes, memory_limit_bytes, max_attempts,
            max_failed_permille, task_timeout_ms, max_running, priority, slots_per_task, max_splits, tie_ms,
            output_format, workdir, seed, job_dir, labels, output_nonce, on_failure, resume_from, stage, stages,
            skip_bad_records, backup, backup_factor_percent, plugin_build)
};

// "5%", "0.5%": JobConfig::max_failed_permille for people.
inline std::string FormatPermille(uint32_t permille) {
  const std::string tenths = permille % 10 > 0 ? "." + std::to_string(permille % 10) : "";
  return std::to_string(permille / 10) + tenths + "%";
}

struct JobSpec {
  JobConfig config;
  std::vector<InputFile> inputs;  // in the user's order; directories and globs are expanded by the client
  MR_FIELDS(JobSpec, config, inputs)
};

// ---- what a task is asked to do ---------------------------------------------------------------------------

// Part of one input file. The records that start in [begin, end) belong to it.
struct Split {
  InputFile file;
  uint64_t begin = 0;
  uint64_t end = 0;  // == file.size_bytes for the last one; compressed files: begin 0, end size
  MR_FIELDS(Split, file, begin, end)
};

struct MapWork {
  static constexpr uint8_t kTag = 1;
  std::vector<Split> splits;  // several when small files are packed together
  MR_FIELDS(MapWork, splits)
};

// Where one map task's output lies.
struct MapOutput {
  AttemptId attempt;
  WorkerRef worker;
  std::string endpoint;  // the worker's segment server, tcp://… or ipc://…
  MR_FIELDS(MapOutput, attempt, worker, endpoint)
};

struct ReduceWork {
  static constexpr uint8_t kTag = 2;
  uint32_t partition = 0;
  std::vector<MapOutput> sources;  // at most one per map task, by task index
  uint64_t position = 0;           // in the job's list of changes: what came later follows in SourceUpdates
  bool complete = true;            // no map is still to come
  MR_FIELDS(ReduceWork, partition, sources, position, complete)
};

// What has become of map outputs since `position` of the attempt's last message about them. Saying it twice does no harm.
struct SourceUpdate {
  static constexpr uint8_t kTag = 5;  // in ToTask
  AttemptId attempt;  // the reduce that reads them
  uint64_t position = 0;
  std::vector<MapOutput> sources;  // new ones, and those that are elsewhere now
  std::vector<uint32_t> gone;      // maps without an output: lost, and made again, or given up
  bool complete = false;           // no map is still to come
  MR_FIELDS(SourceUpdate, attempt, position, sources, gone, complete)
};
inline constexpr size_t kMaxSourceChanges = 10'000;  // in the updates of one answer together

// How far an attempt has heard.
struct SourcePosition {
  AttemptId attempt;
  uint64_t position = 0;
  MR_FIELDS(SourcePosition, attempt, position)
};

// A file of the job's output, published.
struct OutputFile {
  std::string name;  // part-r-00003, or errors-r-00003
  uint64_t size_bytes = 0;
  uint64_t record_count = 0;
  uint64_t checksum = 0;  // XXH3-64 of the file's bytes
  MR_FIELDS(OutputFile, name, size_bytes, record_count, checksum)
};

// A record that user code fails on (JobConfig::skip_bad_records), or a reduce's group.
struct BadRecord {
  std::string input_path;  // of a map's record; a record is known by its file and offset, a group by its key
  uint64_t offset = 0;     // in the (decompressed) file
  uint64_t number = 0;     // within its split, or among the groups of its partition; from 0
  uint64_t bytes = 0;      // of the whole record, or of the group's key
  std::string data;        // its first bytes; the key's first bytes
  std::string error;       // what user code said, for people
  MR_FIELDS(BadRecord, input_path, offset, number, bytes, data, error)
};
inline constexpr size_t kMaxBadRecordData = 512;  // BadRecord::data

// A text file that the finish task writes into OUT/_bad.
struct BadRecordFile {
  std::string name;
  std::string text;
  MR_FIELDS(BadRecordFile, name, text)
};

// The job's last task: with success, swap (if overwriting), write _SUCCESS and remove what was temporary;
// without, remove everything that the job left in the output directory.
struct FinishWork {
  static constexpr uint8_t kTag = 3;
  bool success = false;
  std::vector<OutputFile> files;  // published parts, by name
  std::string manifest_json;      // body of _SUCCESS
  std::vector<BadRecordFile> bad_records;  // what was left out, one file per task that left out anything
  MR_FIELDS(FinishWork, success, files, manifest_json, bad_records)
};

using Work = std::variant<MapWork, ReduceWork, FinishWork>;

// Names of the engine's own counters start with "mr."; users' are "group.name" or "name".
using Counters = std::map<std::string, int64_t>;

struct MapResult {
  static constexpr uint8_t kTag = 1;
  uint64_t output_bytes = 0;                  // of the run file
  std::vector<uint64_t> partition_bytes;      // what each reducer will fetch
  std::vector<uint64_t> partition_records;
  std::vector<uint64_t> partition_digests;    // order-independent digest per partition
  std::vector<OutputFile> files;              // map-only jobs: what was published
  std::vector<BadRecord> skipped;             // of Assignment::skip, what it met and left out
  MR_FIELDS(MapResult, output_bytes, partition_bytes, partition_records, partition_digests, files, skipped)
};

// A finished map task of an earlier job whose output would be this attempt's own: only the plugin's bytes differ.
// The worker that gets this held it when the attempt was assigned; without the file it runs the map.
struct EarlierOutput {
  AttemptId attempt;
  MapResult result;
  Counters counters;
  MR_FIELDS(EarlierOutput, attempt, result, counters)
};

struct Assignment {
  AttemptId attempt;
  uint32_t map_count = 0;  // tasks of the job
  JobConfig config;
  Work work;
  std::optional<EarlierOutput> earlier;  // maps only
  std::vector<BadRecord> skip;           // leave these out
  MR_FIELDS(Assignment, attempt, map_count, config, work, earlier, skip)
};

// ---- what an attempt answers --------------------------------------------------------------------------------

struct ReduceResult {
  static constexpr uint8_t kTag = 2;
  std::vector<OutputFile> files;
  std::vector<BadRecord> skipped;
  MR_FIELDS(ReduceResult, files, skipped)
};

struct FinishResult {
  static constexpr uint8_t kTag = 3;
  MR_NO_FIELDS(FinishResult)
};

using AttemptResult = std::variant<MapResult, ReduceResult, FinishResult>;

// Why an attempt ended badly. The cause decides whose fault it is.
enum class FailureCause : uint8_t {
  // the user's: counted against max_attempts
  kException = 0,   // thrown by user code
  kSignal = 1,      // SIGSEGV, SIGABRT, … in user code
  kExit = 2,        // user code called exit()
  kTimeout = 3,     // no progress for task_timeout_ms
  kMemory = 4,      // bad_alloc, or over the memory limit
  kBadOutput = 5,   // user code broke the ABI's rules (torn frames, partition out of range)
  kBadRecord = 6,   // mr::BadRecord
  // the user's, and fatal at once
  kFatal = 7,       // mr::Fatal
  kBadPlugin = 8,   // cannot be loaded, or lacks the job
  kBadInput = 9,    // an input file is missing, unreadable, or changed since submission
  kBadParameter = 10,
  // ours: not counted
  kFetch = 20,      // a map output could not be fetched; failed_source says which
  kDiskFull = 21,   // scratch or output file system
  kIo = 22,
  kLeaseExpired = 23,
  kCancelled = 24,  // killed by a user, or its job ended
  kWorkerStopping = 25,
  kInternal = 26,
};

// Enough to show the user what happened without looking anywhere else.
struct Failure {
  FailureCause cause = FailureCause::kInternal;
  std::string type;         // "std::invalid_argument", "SIGSEGV"
  std::string message;      // one sentence
  std::string function;     // "map", "reduce", "combine", "setup", "finish"; empty = not in user code
  std::string input_path;   // of the record, if there is one
  uint64_t record_offset = 0;
  uint64_t record_no = 0;   // within its split, or among the groups of its partition; from 0
  uint64_t line_no = 0;     // from 1; 0 = unknown or not a text format
  std::string excerpt;      // first bytes of the record, or of the group's key
  uint64_t record_bytes = 0;
  std::vector<std::string> stack;  // innermost first
  std::string log_tail;     // last lines of the attempt's log
  std::optional<AttemptId> failed_source;  // kFetch
  // The position is that of one record (map) or group (reduce) that user code was working on, so that the next
  // attempt can leave it out.
  bool at_record = false;
  MR_FIELDS(Failure, cause, type, message, function, input_path, record_offset, record_no, line_no, excerpt,
            record_bytes, stack, log_tail, failed_source, at_record)
};

// Seconds of each stage, for reports; sums over one attempt.
struct AttemptTimes {
  int64_t started_unix_ms = 0;
  int64_t ended_unix_ms = 0;
  int64_t cpu_ms = 0;
  uint64_t peak_memory_bytes = 0;
  MR_FIELDS(AttemptTimes, started_unix_ms, ended_unix_ms, cpu_ms, peak_memory_bytes)
};

// How an attempt ended: exactly one of result and failure is there.
struct AttemptOutcome {
  AttemptId attempt;
  std::optional<AttemptResult> result;
  std::optional<Failure> failure;
  Counters counters;  // only a completed attempt's count
  AttemptTimes times;
  MR_FIELDS(AttemptOutcome, attempt, result, failure, counters, times)
};

}  // namespace mr::wire
