// The end of a job in its output directory. Every step may be cut off and run again, also by two
// processes at once (the coordinator may take one for dead that is not). Three rules make that
// safe:
//
//   * Renames never replace, and a source or target that is not there (any more) means that
//   somebody else has
//     done the step.
//   * What decides between phases is the name of a directory, and it changes by one rename:
//       new/      the job's parts; the old content is in OUT, or partly in old/
//       incoming/ all old content is in old/; parts are here or in OUT
//       discarded/ (failed job) all parts are here or below; old content goes back to OUT
//   * The job's directory is renamed to "….gone" before anything in it is removed. After that
//   neither a late
//     attempt nor another run of this function finds a source or a target for its renames.
//
// _SUCCESS: the old one leaves first; the new one is renamed from the job's directory when all
// parts are there.
#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "common/base/strings.h"
#include "worker/output/output_layout.h"
#include "worker/output/output_writer.h"

namespace mr::worker {
namespace {

class Finisher {
 public:
  Finisher(Env& env, JobId job, const wire::JobConfig& config, const wire::FinishWork& work)
      : env_(env),
        job_(job),
        overwrite_(config.overwrite),
        earlier_stages_(config.stage == config.stages && config.stage > 0 ? config.stage - 1 : 0),
        work_(work),
        layout_(job, config) {}

  Status Commit();
  Status Undo();

 private:
  // Commit
  Result<bool> CommittedBefore();
  Status Swap();
  Result<bool> NewIsComplete();
  Status MoveOldAside();
  Status BringIn();
  Status CheckParts();
  Status RemoveUnlisted();
  Status WriteBadRecords();
  Status WriteSuccess();
  Status RemoveTemporaries();
  // Undo
  Status UndoFrom(const std::string& job_directory);
  Status RemoveBadRecords();
  Status RemoveParts(const std::set<std::string>& names);
  Status TakeBack(const std::string& incoming, const std::set<std::string>& names);
  Status RestoreOld(const std::string& old);
  Result<std::set<std::string>> NamesOfParts(const std::string& job_directory);
  // Both
  Status MoveEntry(const std::string& from, const std::string& to, bool conflict_is_error);
  Result<std::vector<std::string>> ListOrNone(const std::string& directory);
  std::string InJob(const char* name) const { return JoinPath(layout_.job, name); }
  std::string InOut(const std::string& name) const { return JoinPath(layout_.out, name); }

  Env& env_;
  const JobId job_;
  const bool overwrite_;
  const uint32_t earlier_stages_;  // of a chain: their outputs in OUT are not the old content
  const wire::FinishWork& work_;
  const OutputLayout layout_;
  bool out_is_ours_ = false;  // OUT did not exist before the job
};

// ---- a job that succeeded
// ---------------------------------------------------------------------------------

Status Finisher::Commit() {
  if (work_.files.empty()) {  // no task has written anything, so that nothing exists yet
    MR_RETURN_IF_ERROR(env_.CreateDirectories(InJob(kNewDirectory)));
    MR_RETURN_IF_ERROR(env_.CreateDirectories(InJob(kOldDirectory)));
  }
  MR_ASSIGN_OR_RETURN(const bool done, CommittedBefore());
  if (done) return RemoveTemporaries();
  if (overwrite_) MR_RETURN_IF_ERROR(Swap());
  MR_RETURN_IF_ERROR(CheckParts());
  if (!overwrite_) MR_RETURN_IF_ERROR(RemoveUnlisted());
  MR_RETURN_IF_ERROR(WriteBadRecords());
  MR_RETURN_IF_ERROR(env_.SyncDirectory(layout_.out));
  MR_RETURN_IF_ERROR(WriteSuccess());
  return RemoveTemporaries();
}

// The job's directory goes only after _SUCCESS is there.
Result<bool> Finisher::CommittedBefore() {
  MR_ASSIGN_OR_RETURN(const bool pending, IsThere(env_, layout_.job));
  if (pending) return false;
  MR_ASSIGN_OR_RETURN(const bool success, IsThere(env_, layout_.success));
  if (success) return true;
  return Fail(ErrorCode::kDataLoss,
              StrCat(layout_.job, " and ", layout_.success, " are both missing: somebody removed ",
                     "the files of job ", ToString(job_), "; run the job again"));
}

Status Finisher::Swap() {
  MR_ASSIGN_OR_RETURN(const bool moved_aside, IsThere(env_, InJob(kIncomingDirectory)));
  if (!moved_aside) {
    MR_ASSIGN_OR_RETURN(const bool complete, NewIsComplete());
    // Parts that are not in new/ were swapped in by an earlier run, after which a late attempt made
    // the job's directory again. What is in OUT then is ours and must not be moved; CheckParts
    // looks at it.
    if (!complete) return {};
    MR_RETURN_IF_ERROR(MoveOldAside());
    MR_RETURN_IF_ERROR(
        IgnoreNotFound(env_.Rename(InJob(kNewDirectory), InJob(kIncomingDirectory))));
    MR_RETURN_IF_ERROR(IgnoreNotFound(env_.SyncDirectory(layout_.job)));
  }
  return BringIn();
}

Result<bool> Finisher::NewIsComplete() {
  const std::string directory = InJob(kNewDirectory);
  MR_ASSIGN_OR_RETURN(bool complete, IsThere(env_, directory));
  for (size_t i = 0; complete && i < work_.files.size(); ++i) {
    MR_ASSIGN_OR_RETURN(complete, IsThere(env_, JoinPath(directory, work_.files[i].name)));
  }
  return complete;
}

Status Finisher::MoveOldAside() {
  MR_ASSIGN_OR_RETURN(std::vector<std::string> names, env_.ListDirectory(layout_.out));
  // Only then was nothing new in OUT when it was listed: parts are brought in after new/ has been
  // renamed.
  MR_ASSIGN_OR_RETURN(const bool only_old, IsThere(env_, InJob(kNewDirectory)));
  if (!only_old) return {};
  std::erase(names, kHiddenDirectory);
  for (uint32_t stage = 1; stage <= earlier_stages_; ++stage)
    std::erase(names, StrCat("_stage", stage));
  const std::string old = InJob(kOldDirectory);
  if (const auto success = std::find(names.begin(), names.end(), kSuccessFile);
      success != names.end()) {
    MR_RETURN_IF_ERROR(MoveEntry(layout_.success, JoinPath(old, kSuccessFile), false));
    MR_RETURN_IF_ERROR(env_.SyncDirectory(layout_.out));
    names.erase(success);
  }
  // A name that is in old/ already was moved by another run: what is in OUT under it is a new part.
  for (const std::string& name : names)
    MR_RETURN_IF_ERROR(MoveEntry(InOut(name), JoinPath(old, name), false));
  MR_RETURN_IF_ERROR(IgnoreNotFound(env_.SyncDirectory(old)));
  return env_.SyncDirectory(layout_.out);
}

Status Finisher::BringIn() {
  const std::string incoming = InJob(kIncomingDirectory);
  for (const wire::OutputFile& file : work_.files) {
    MR_RETURN_IF_ERROR(MoveEntry(JoinPath(incoming, file.name), InOut(file.name), true));
  }
  return {};
}

Status Finisher::CheckParts() {
  for (const wire::OutputFile& file : work_.files) {
    const auto stat = env_.Stat(InOut(file.name));
    if (!stat && stat.error().code != ErrorCode::kNotFound) return Fail(stat.error());
    if (stat && stat->size_bytes == file.size_bytes) continue;
    const std::string what =
        stat ? StrCat("has ", stat->size_bytes, " bytes instead of ", file.size_bytes)
             : "is missing";
    return Fail(ErrorCode::kDataLoss,
                StrCat(InOut(file.name), " ", what, ", though a task of job ", ToString(job_),
                       " published it: somebody changed the output directory; run the job again"));
  }
  return {};
}

// An attempt may have published a named output and died before it reported; the one that took over
// need not have that output.
Status Finisher::RemoveUnlisted() {
  MR_ASSIGN_OR_RETURN(const auto announced, ReadAnnouncements(env_, layout_.job));
  std::set<std::string> listed;
  for (const wire::OutputFile& file : work_.files) listed.insert(file.name);
  for (const wire::OutputFile& file : announced) {
    if (!listed.insert(file.name).second) continue;
    MR_RETURN_IF_ERROR(IgnoreNotFound(env_.RemoveFile(InOut(file.name))));
  }
  return {};
}

// Only now, when all old content is out of the way. The same text again is the same file.
Status Finisher::WriteBadRecords() {
  if (work_.bad_records.empty()) return {};
  const auto prepared = [this](const std::string& name) { return InJob(StrCat("bad-", name).c_str()); };
  for (const wire::BadRecordFile& file : work_.bad_records)
    MR_RETURN_IF_ERROR(WriteFileAtomically(env_, prepared(file.name), file.text));
  // From here on as little as possible is made that somebody else's cleanup would miss.
  MR_RETURN_IF_ERROR(env_.Stat(layout_.out).map([](const auto&) {}));
  const std::string directory = InOut(kBadDirectory);
  MR_RETURN_IF_ERROR(env_.CreateDirectories(directory));
  for (const wire::BadRecordFile& file : work_.bad_records) {
    const Status moved = env_.Rename(prepared(file.name), JoinPath(directory, file.name));
    if (moved) continue;
    [[maybe_unused]] const Status removed = env_.RemoveDirectory(directory);  // refused if another run has filled it
    return moved;
  }
  return env_.SyncDirectory(directory);
}

Status Finisher::RemoveBadRecords() {
  if (work_.bad_records.empty()) return {};
  const std::string directory = InOut(kBadDirectory);
  for (const wire::BadRecordFile& file : work_.bad_records)
    MR_RETURN_IF_ERROR(IgnoreNotFound(env_.RemoveFile(JoinPath(directory, file.name))));
  [[maybe_unused]] const Status removed = env_.RemoveDirectory(directory);  // refused if the user put something there
  return {};
}

Status Finisher::WriteSuccess() {
  const std::string prepared = InJob(kSuccessFile);
  MR_RETURN_IF_ERROR(WriteFileAtomically(env_, prepared, work_.manifest_json));
  MR_RETURN_IF_ERROR(env_.Rename(prepared, layout_.success));
  MR_RETURN_IF_ERROR(env_.SyncDirectory(layout_.out));
  // OUT itself may be new. Its parent may be a directory that we may not read: then that is that.
  [[maybe_unused]] const Status parent = env_.SyncDirectory(ParentPath(layout_.out));
  return {};
}

Status Finisher::RemoveTemporaries() {
  MR_RETURN_IF_ERROR(env_.RemoveTree(layout_.gone));
  MR_RETURN_IF_ERROR(IgnoreNotFound(env_.Rename(layout_.job, layout_.gone)));
  MR_RETURN_IF_ERROR(env_.RemoveTree(layout_.gone));
  [[maybe_unused]] const Status hidden =
      env_.RemoveDirectory(layout_.hidden);  // refused if other jobs use it
  return {};
}

// ---- a job that failed
// -----------------------------------------------------------------------------------------

Status Finisher::Undo() {
  MR_ASSIGN_OR_RETURN(const bool anything, IsThere(env_, layout_.out));
  if (!anything) return {};
  // First what an earlier run left, then what is there now.
  for (const bool rename : {false, true}) {
    if (rename) MR_RETURN_IF_ERROR(IgnoreNotFound(env_.Rename(layout_.job, layout_.gone)));
    MR_ASSIGN_OR_RETURN(const bool is_there, IsThere(env_, layout_.gone));
    if (is_there) MR_RETURN_IF_ERROR(UndoFrom(layout_.gone));
  }
  const bool left_something = !work_.files.empty() || !work_.bad_records.empty();
  if (!overwrite_ && left_something) {  // also when the job's directory is gone altogether
    MR_ASSIGN_OR_RETURN(const auto names, NamesOfParts(layout_.gone));
    MR_RETURN_IF_ERROR(RemoveParts(names));
  }
  [[maybe_unused]] Status ignored =
      env_.RemoveDirectory(layout_.hidden);  // refused if other jobs use it
  if (out_is_ours_)
    ignored = env_.RemoveDirectory(layout_.out);  // refused if the user put something there
  return {};
}

Status Finisher::UndoFrom(const std::string& job_directory) {
  MR_ASSIGN_OR_RETURN(const bool created, IsThere(env_, JoinPath(job_directory, kCreatedMarker)));
  out_is_ours_ = out_is_ours_ || created;
  MR_ASSIGN_OR_RETURN(const auto names, NamesOfParts(job_directory));
  if (overwrite_) {
    MR_RETURN_IF_ERROR(TakeBack(job_directory, names));
    MR_RETURN_IF_ERROR(RestoreOld(JoinPath(job_directory, kOldDirectory)));
  } else {
    MR_RETURN_IF_ERROR(RemoveParts(names));
  }
  return env_.RemoveTree(job_directory);
}

Result<std::set<std::string>> Finisher::NamesOfParts(const std::string& job_directory) {
  MR_ASSIGN_OR_RETURN(const auto announced, ReadAnnouncements(env_, job_directory));
  std::set<std::string> names;
  for (const wire::OutputFile& file : announced) names.insert(file.name);
  for (const wire::OutputFile& file : work_.files) names.insert(file.name);
  return names;
}

Status Finisher::RemoveParts(const std::set<std::string>& names) {
  MR_RETURN_IF_ERROR(IgnoreNotFound(env_.RemoveFile(layout_.success)));
  for (const std::string& name : names)
    MR_RETURN_IF_ERROR(IgnoreNotFound(env_.RemoveFile(InOut(name))));
  MR_RETURN_IF_ERROR(RemoveBadRecords());
  return env_.SyncDirectory(layout_.out);
}

// Takes out of OUT what the swap had brought in, if it had come that far.
Status Finisher::TakeBack(const std::string& job_directory, const std::set<std::string>& names) {
  const std::string incoming = JoinPath(job_directory, kIncomingDirectory);
  MR_ASSIGN_OR_RETURN(const bool swapping, IsThere(env_, incoming));
  if (!swapping) return {};
  MR_RETURN_IF_ERROR(MoveEntry(layout_.success, JoinPath(incoming, kSuccessFile), false));
  for (const std::string& name : names) {
    MR_RETURN_IF_ERROR(MoveEntry(InOut(name), JoinPath(incoming, name), false));
  }
  if (!work_.bad_records.empty())
    MR_RETURN_IF_ERROR(MoveEntry(InOut(kBadDirectory), JoinPath(incoming, kBadDirectory), false));
  return IgnoreNotFound(env_.Rename(incoming, JoinPath(job_directory, kDiscardedDirectory)));
}

Status Finisher::RestoreOld(const std::string& old) {
  MR_ASSIGN_OR_RETURN(std::vector<std::string> names, ListOrNone(old));
  // _SUCCESS comes last: it vouches for the others.
  std::stable_partition(names.begin(), names.end(),
                        [](const std::string& name) { return name != kSuccessFile; });
  for (const std::string& name : names) {
    MR_RETURN_IF_ERROR(MoveEntry(JoinPath(old, name), InOut(name), true));
  }
  return env_.SyncDirectory(layout_.out);
}

// ---- both
// ----------------------------------------------------------------------------------------------------

// Moves a file or directory. A source that is not there has been moved before. A target that is
// there is a conflict, unless both are the same file: where renames that do not replace are made of
// link and unlink, a crash leaves both names.
Status Finisher::MoveEntry(const std::string& from, const std::string& to, bool conflict_is_error) {
  // The target first: when the source is seen to be the same file after that, both names are there
  // at once. The other way round another run may have moved it in between and put a new part in its
  // place.
  const auto target = env_.Stat(to);
  if (!target && target.error().code != ErrorCode::kNotFound) return Fail(target.error());
  const auto source = env_.Stat(from);
  if (!source && source.error().code != ErrorCode::kNotFound) return Fail(source.error());
  if (source && target) {
    if (source->is_regular && source->inode == target->inode)
      return IgnoreNotFound(env_.RemoveFile(from));
    if (!conflict_is_error) return {};
    return Fail(ErrorCode::kAlreadyExists,
                StrCat("cannot move ", from, " to ", to,
                       ", which somebody else has made meanwhile; move it away"));
  }
  // Directories cannot be linked, so that some file systems cannot rename them without replacing;
  // but a rename replaces no directory that holds anything. A source without Stat may be a dangling
  // link.
  const bool is_directory = source && source->is_directory;
  const Status moved = is_directory ? env_.Rename(from, to) : env_.RenameNoReplace(from, to);
  if (!moved && moved.error().code == ErrorCode::kAlreadyExists && !conflict_is_error) return {};
  return IgnoreNotFound(moved);
}

Result<std::vector<std::string>> Finisher::ListOrNone(const std::string& directory) {
  auto names = env_.ListDirectory(directory);
  if (!names && names.error().code == ErrorCode::kNotFound) return std::vector<std::string>();
  return names;
}

// Names come over the wire and become paths.
Status CheckNames(const wire::FinishWork& work) {
  const auto check = [](const std::string& name) -> Status {
    if (!name.empty() && name.front() != '.' && name.find('/') == std::string::npos) return {};
    return Fail(ErrorCode::kInvalidArgument, StrCat("'", Printable(name), "' is not the name of an output file"));
  };
  for (const wire::OutputFile& file : work.files) MR_RETURN_IF_ERROR(check(file.name));
  for (const wire::BadRecordFile& file : work.bad_records) MR_RETURN_IF_ERROR(check(file.name));
  return {};
}

}  // namespace

Status FinishJob(Env& env, JobId job, const wire::JobConfig& config, const wire::FinishWork& work) {
  if (config.output_dir.empty()) return {};
  MR_RETURN_IF_ERROR(CheckNames(work));
  const auto run = [&] {
    Finisher finisher(env, job, config, work);
    return work.success ? finisher.Commit() : finisher.Undo();
  };
  Status status = run();
  // Another run was quicker and took a directory away under our hands: look again.
  if (!status && status.error().code == ErrorCode::kNotFound) status = run();
  return status;
}

}  // namespace mr::worker
