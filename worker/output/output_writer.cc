#include "worker/output/output_writer.h"

#include <algorithm>
#include <map>
#include <utility>

#include "common/base/logging.h"
#include "common/base/mutants.h"
#include "common/base/strings.h"
#include "worker/output/output_layout.h"
#include "worker/output/part_file.h"

namespace mr::worker {
namespace {

constexpr size_t kMainBufferBytes = 256u << 10;  // hashed and written while it is in the cache
constexpr size_t kNamedBufferBytes = 128u << 10;  // there may be many
constexpr size_t kNamedOutputsMax = 256;
constexpr size_t kReadBytes = 1u << 20;
constexpr int kMakeDirectoryTries = 3;

// Makes the attempt's directory and, if that makes OUT as well, the marker that says so.
Status MakeAttemptDirectory(Env& env, const OutputLayout& layout, const std::string& directory) {
  MR_ASSIGN_OR_RETURN(const bool out_is_there, IsThere(env, layout.out));
  Status made;
  for (int i = 0; i < kMakeDirectoryTries; ++i) {
    made = env.CreateDirectories(directory);
    // A failed attempt may remove the job's directory, seen empty, between two steps of ours.
    if (made || made.error().code != ErrorCode::kNotFound) break;
  }
  MR_RETURN_IF_ERROR(made);
  if (out_is_there) return {};
  const auto marker = env.CreateNew(JoinPath(layout.job, kCreatedMarker));
  if (!marker && marker.error().code != ErrorCode::kAlreadyExists) return Fail(marker.error());
  return {};
}

class OutputWriterImpl final : public OutputWriter {
 public:
  OutputWriterImpl(Env& env, const wire::JobConfig& config, const AttemptId& attempt)
      : env_(env),
        attempt_(attempt),
        compression_(config.output_compression),
        overwrite_(config.overwrite),
        layout_(attempt.task.job, config),
        directory_(layout_.AttemptDirectory(attempt)) {}

  ~OutputWriterImpl() override {
    if (!made_directory_ || published_) return;
    files_.clear();
    // Once publishing has begun the announcement must stay, for those who find our files.
    [[maybe_unused]] Status ignored;
    if (!publish_began_) ignored = env_.RemoveTree(directory_);
    const auto is_there = IsThere(env_, directory_);
    if (!is_there || *is_there) return;
    // What we may have made after the job was over. Refused while somebody uses it.
    if (publish_began_ && overwrite_) {
      ignored = env_.RemoveDirectory(JoinPath(layout_.job, kNewDirectory));
      ignored = env_.RemoveDirectory(JoinPath(layout_.job, kOldDirectory));
    }
    ignored = env_.RemoveDirectory(layout_.job);
    ignored = env_.RemoveDirectory(layout_.hidden);
  }

  Status Init() {
    made_directory_ = true;  // partly, perhaps
    MR_RETURN_IF_ERROR(MakeAttemptDirectory(env_, layout_, directory_));
    MR_ASSIGN_OR_RETURN(main_, AddFile("part", kMainBufferBytes));
    return {};
  }

  File& Main() override { return *main_; }

  Result<File*> Named(std::string_view name) override {
    if (const auto found = named_.find(name); found != named_.end()) return found->second;
    MR_RETURN_IF_ERROR(CheckOutputName(name));
    if (named_.size() >= kNamedOutputsMax) {
      return Fail(ErrorCode::kInvalidArgument,
                  StrCat("the output '", name, "' is one too many: a task has at most ",
                         kNamedOutputsMax, "; write a key column instead"));
    }
    CHECK(!finished_) << "Named after Finish";
    MR_ASSIGN_OR_RETURN(File* const file, AddFile(name, kNamedBufferBytes));
    return named_.emplace(name, file).first->second;
  }

  Status Finish() override {
    CHECK(!finished_) << "Finish twice";
    std::vector<wire::OutputFile> infos;
    for (const auto& file : files_) {
      MR_RETURN_IF_ERROR(file->Finish());
      infos.push_back(file->info());
    }
    MR_RETURN_IF_ERROR(WriteAnnouncement(infos));
    MR_RETURN_IF_ERROR(env_.SyncDirectory(directory_));
    finished_ = true;
    return {};
  }

  Result<std::vector<wire::OutputFile>> Publish() override {
    CHECK(finished_) << "Publish before Finish";
    MR_RETURN_IF_ERROR(CheckNotOver());
    publish_began_ = true;
    const std::string target = overwrite_ ? JoinPath(layout_.job, kNewDirectory) : layout_.out;
    if (overwrite_) {
      MR_RETURN_IF_ERROR(env_.CreateDirectories(target));
      MR_RETURN_IF_ERROR(env_.CreateDirectories(JoinPath(layout_.job, kOldDirectory)));
    }
    std::vector<wire::OutputFile> published;
    for (const auto& file : files_) {
      MR_ASSIGN_OR_RETURN(auto info, PublishFile(*file, JoinPath(target, file->info().name)));
      published.push_back(std::move(info));
    }
    MR_RETURN_IF_ERROR(env_.SyncDirectory(target));
    published_ = true;
    return published;
  }

 private:
  Result<PartFile*> AddFile(std::string_view output, size_t buffer_bytes) {
    std::string name = OutputFileName(output, attempt_.task, compression_);
    MR_ASSIGN_OR_RETURN(
        auto file, PartFile::Create(env_, directory_, std::move(name), compression_, buffer_bytes));
    files_.push_back(std::move(file));
    return files_.back().get();
  }

  Status WriteAnnouncement(const std::vector<wire::OutputFile>& files) {
    MR_ASSIGN_OR_RETURN(const auto file, env_.CreateNew(JoinPath(directory_, kAnnouncedFile)));
    MR_RETURN_IF_ERROR(file->Append(FormatAnnouncement(files)));
    MR_RETURN_IF_ERROR(file->Sync());
    return file->Close();
  }

  Status CheckNotOver() {
    MR_ASSIGN_OR_RETURN(const bool is_there, IsThere(env_, directory_));
    if (is_there) return {};
    return Fail(ErrorCode::kFenced,
                StrCat(directory_, " is gone: the job is over, and this attempt of ",
                       ToString(attempt_.task), " came too late"));
  }

  Result<wire::OutputFile> PublishFile(const PartFile& file, const std::string& final_path) {
    const Status renamed = Mutated(Mutant::kL06PublishReplaces) ? env_.Rename(file.path(), final_path)
                                                                : env_.RenameNoReplace(file.path(), final_path);
    if (renamed) return file.info();
    // kNotFound: a network file system may say so when it renamed at the first try and lost the
    // answer.
    const ErrorCode code = renamed.error().code;
    if (code != ErrorCode::kAlreadyExists && code != ErrorCode::kNotFound)
      return Fail(renamed.error());
    MR_ASSIGN_OR_RETURN(const bool is_there, IsThere(env_, final_path));
    if (!is_there) return Fail(renamed.error());
    return Adopt(file.info().name, final_path);
  }

  // The name is taken: fine if by an attempt of this job, whole and as announced.
  Result<wire::OutputFile> Adopt(const std::string& name, const std::string& final_path) {
    MR_ASSIGN_OR_RETURN(wire::OutputFile found, Examine(final_path));
    MR_ASSIGN_OR_RETURN(const auto announced, ReadAnnouncements(env_, layout_.job));
    for (const wire::OutputFile& file : announced) {
      if (file.name == name && file.size_bytes == found.size_bytes &&
          file.checksum == found.checksum)
        return file;
    }
    return Fail(
        ErrorCode::kAlreadyExists,
        StrCat(final_path, " exists and was not written by job ", ToString(attempt_.task.job),
               "; submit again with an output directory that nobody else writes to"));
  }

  Result<wire::OutputFile> Examine(const std::string& path) {
    MR_ASSIGN_OR_RETURN(const auto file, env_.OpenForRead(path));
    StreamHash64 hash;
    wire::OutputFile found;
    const auto buffer = std::make_unique_for_overwrite<char[]>(kReadBytes);
    for (size_t got = kReadBytes; got == kReadBytes; found.size_bytes += got) {
      MR_ASSIGN_OR_RETURN(got, file->ReadAt(found.size_bytes, {buffer.get(), kReadBytes}));
      hash.Update({buffer.get(), got});
    }
    found.checksum = hash.Digest();
    return found;
  }

  Env& env_;
  const AttemptId attempt_;
  const wire::Compression compression_;
  const bool overwrite_;
  const OutputLayout layout_;
  const std::string directory_;
  std::vector<std::unique_ptr<PartFile>> files_;
  PartFile* main_ = nullptr;
  std::map<std::string, File*, std::less<>> named_;
  bool made_directory_ = false;
  bool finished_ = false;
  bool publish_began_ = false;
  bool published_ = false;
};

}  // namespace

Result<std::unique_ptr<OutputWriter>> OutputWriter::Create(Env& env, const wire::JobConfig& config,
                                                           const AttemptId& attempt) {
  if (config.output_dir.empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("job ", ToString(attempt.task.job), " has no output directory"));
  }
  auto writer = std::make_unique<OutputWriterImpl>(env, config, attempt);
  MR_RETURN_IF_ERROR(writer->Init());
  return writer;
}

}  // namespace mr::worker
