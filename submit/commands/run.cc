// run: check everything here, send plugin and job, watch.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "common/base/hash.h"
#include "common/base/random.h"
#include "common/base/strings.h"
#include "submit/chain.h"
#include "submit/child_process.h"
#include "submit/commands/commands.h"
#include "submit/error_codes.h"
#include "submit/job_request.h"
#include "submit/job_watch.h"
#include "submit/json_views.h"
#include "submit/local_cluster.h"
#include "submit/output_reader.h"
#include "submit/plugin_change.h"
#include "submit/sampling.h"

namespace mr::submit {
namespace {

constexpr Duration kBrowserTime = std::chrono::seconds(5);

// Removes its directory at the end of the run.
class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(Env& env) : env_(env) {}
  ~TemporaryDirectory() {
    // What is left over lies in a temporary folder; there is nobody to tell.
    if (!path_.empty() && !env_.RemoveTree(path_)) return;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  Result<std::string> Get() {
    if (path_.empty()) {
      MR_ASSIGN_OR_RETURN(path_, MakeRunDirectory());
    }
    return path_;
  }

 private:
  Env& env_;
  std::string path_;
};

// Standard input as a file, for tasks to read.
Result<std::string> SpoolStdin(Env& env, const std::string& directory) {
  MR_RETURN_IF_ERROR(env.CreateDirectories(directory));
  const std::string path = JoinPath(directory, "stdin");
  MR_ASSIGN_OR_RETURN(const std::unique_ptr<WritableFile> file, env.CreateNew(path));
  std::string buffer(1u << 20, '\0');
  for (;;) {
    const size_t count = std::fread(buffer.data(), 1, buffer.size(), stdin);
    if (count == 0) break;
    MR_RETURN_IF_ERROR(file->Append(std::string_view(buffer).substr(0, count)));
  }
  if (std::ferror(stdin) != 0) return Fail(ErrorCode::kIo, "cannot read standard input");
  MR_RETURN_IF_ERROR(file->Close());
  return path;
}

// One run, from the settings to the exit code. Steps return an exit code when the run ends there.
class RunJob {
 public:
  explicit RunJob(Invocation& invocation) : in_(invocation), temporary_(invocation.env) {}

  int Go() {
    for (auto step : {&RunJob::ReadOptions, &RunJob::StartCluster}) {
      if (const std::optional<int> code = (this->*step)()) return *code;
    }
    return options_.then.empty() ? RunOne() : RunStages();
  }

 private:
  std::optional<int> ReadOptions();
  std::optional<int> StartCluster();
  std::optional<int> CheckPlugin();
  std::optional<int> CollectInputs();
  std::optional<int> BuildJob();
  std::optional<int> Submit();
  int RunOne();
  int RunStages();
  std::optional<int> PrepareStage(const RunOptions& whole, uint32_t stage);
  void TellStage(const RunOptions& whole, uint32_t stage);
  void RemoveStages(const RunOptions& whole);
  void ExplainEndOfChain(const RunOptions& whole, uint32_t stage, int code);
  Status AddJobFileAndLike();
  Status FindPluginFile();
  Result<ClusterSize> AskClusterSize();
  void CheckResume();
  void TellReuse();
  int PrintPlan(const wire::SubmitJobResponse& plan);
  void OpenPage();
  int Detach();
  int Watch();
  int PrintOutput();
  bool local() const { return options_.local_slots.has_value(); }
  // Errors before submission: the command line is 2, everything else that was found wrong here
  // is 6.
  int Refuse(const Error& error) {
    const bool lost = error.code == ErrorCode::kTimeout || error.code == ErrorCode::kUnavailable;
    return StopAs(in_,
                  lost                                  ? kExitUnreachable
                  : error.code == ErrorCode::kCancelled ? kExitInterrupted
                                                        : kExitRefused,
                  error.text);
  }

  Invocation& in_;
  EventSource events_;
  TemporaryDirectory temporary_;
  RunOptions options_;
  bool prints_output_ = false;
  std::unique_ptr<LocalCluster> local_;
  std::unique_ptr<Cluster> cluster_;
  std::optional<wire::JobSpec> like_;
  std::string stage_input_;
  JobId like_job_;
  PluginReference reference_;
  std::optional<PluginCopy> copy_;  // until the job is built
  std::string plugin_bytes_;
  PluginInfo plugin_;
  const PluginJob* job_ = nullptr;
  std::vector<wire::InputFile> inputs_;
  wire::JobSpec spec_;
  wire::SubmitJobResponse submitted_;
  std::string page_;
};

Status RunJob::AddJobFileAndLike() {
  Settings& settings = in_.settings;
  if (settings.Has("spec")) {
    const std::string path = settings.Get("spec");
    MR_ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(in_.env, path, 16u << 20));
    MR_ASSIGN_OR_RETURN(auto layer, ParseJobFile(text, path, in_.command.options));
    for (auto& [name, setting] : layer) settings.AddWeaker(name, std::move(setting));
  }
  if (settings.Has("like")) {
    MR_ASSIGN_OR_RETURN(cluster_, Cluster::Connect(settings));
    MR_ASSIGN_OR_RETURN(const JobId job, cluster_->FindJob(settings.Get("like")));
    MR_ASSIGN_OR_RETURN(wire::GetSpecResponse answer,
                        cluster_->Ask<wire::GetSpecResponse>(wire::GetSpecRequest{job}));
    like_ = std::move(answer.spec);
    like_job_ = job;
    // New inputs replace the old ones, however they are given.
    const bool new_inputs =
        in_.arguments.size() > 1 || settings.Has("inputs") || settings.Has("input-list");
    for (auto& [name, setting] : SettingsOf(*like_, ToString(job))) {
      if (name == "input" && new_inputs) continue;
      settings.AddWeaker(name, std::move(setting));
    }
  }
  return AddWeakerLayers(in_.env, in_.places, in_.variables, in_.command.options, true, settings);
}

std::optional<int> RunJob::ReadOptions() {
  if (const Status layers = AddJobFileAndLike(); !layers) {
    if (layers.error().code == ErrorCode::kInvalidArgument)
      return UsageStop(in_, layers.error().text);
    return StopWith(in_, layers.error());
  }
  Result<RunOptions> options = ReadRunOptions(in_.env, in_.settings, in_.arguments);
  if (!options && options.error().code == ErrorCode::kInvalidArgument)
    return UsageStop(in_, options.error().text);
  if (!options) return Refuse(options.error());
  if (const Result<Duration> outage = OutageTimeout(in_.settings); !outage)
    return UsageStop(in_, outage.error().text);
  options_ = std::move(*options);
  prints_output_ = options_.output == "-";
  if (options_.resume && !like_)
    return UsageStop(in_, "--resume needs --like JOB: the job whose finished map tasks are to be taken over");
  if (options_.resume && local())
    return UsageStop(in_, "--resume and --local exclude each other: what is taken over lies on the cluster's workers");
  if (options_.resume) options_.config.resume_from = like_job_;
  return std::nullopt;
}

int RunJob::RunOne() {
  for (auto step : {&RunJob::CheckPlugin, &RunJob::CollectInputs, &RunJob::BuildJob, &RunJob::Submit}) {
    if (const std::optional<int> code = (this->*step)()) return *code;
  }
  OpenPage();
  return options_.detach ? Detach() : Watch();
}

std::optional<int> RunJob::StartCluster() {
  // The output is looked at before anything is started.
  if (options_.output != "-") {
    const Status free = CheckOutput(in_.env, options_.config.output_dir, options_.config.overwrite);
    if (!free) return Refuse(free.error());
  }
  if (local()) {
    // Started first: they come up while plugin and inputs are looked at.
    Result<std::unique_ptr<LocalCluster>> local =
        LocalCluster::Start(in_.env, *options_.local_slots);
    if (!local) return Refuse(local.error());
    local_ = std::move(*local);
    for (const int descriptor : local_->ChildDescriptors()) events_.WatchChild(descriptor);
    if (options_.output == "-") options_.config.output_dir = JoinPath(local_->directory(), "out");
  }
  return std::nullopt;
}

Status RunJob::FindPluginFile() {
  if (options_.plugin.empty() || options_.plugin.front() == ':') {
    // --like without a plugin: the stored one.
    MR_ASSIGN_OR_RETURN(std::string bytes, cluster_->Download(like_->config.plugin_sha256));
    MR_ASSIGN_OR_RETURN(copy_, PluginCopy::Make(in_.env, like_->config.plugin_name, std::move(bytes)));
    reference_ = {copy_->source(),
                  options_.plugin.empty() ? like_->config.job_name : options_.plugin.substr(1)};
    return {};
  }
  reference_ = ParsePluginReference(options_.plugin);
  if (in_.env.Exists(options_.plugin))
    reference_ = {options_.plugin, ""};  // a ':' in the file's own name
  MR_ASSIGN_OR_RETURN(const std::string programs, ProgramDirectory());
  MR_ASSIGN_OR_RETURN(const std::string path, FindPlugin(in_.env, reference_.plugin, programs));
  MR_ASSIGN_OR_RETURN(copy_, PluginCopy::Take(in_.env, path));
  if (like_ && reference_.job.empty() && options_.config.stage <= 1) reference_.job = like_->config.job_name;
  return {};
}

std::optional<int> RunJob::CheckPlugin() {
  if (const Status found = FindPluginFile(); !found) return Refuse(found.error());
  Result<PluginInfo> info = DescribePlugin(*copy_);
  if (!info) return Refuse(info.error());
  plugin_ = std::move(*info);
  const Result<const PluginJob*> job = ChooseJob(plugin_, reference_);
  if (!job) return Refuse(job.error());
  job_ = *job;
  const auto params = CheckParams(*job_, options_.params);
  if (!params) return Refuse(params.error());
  return std::nullopt;
}

std::optional<int> RunJob::CollectInputs() {
  std::vector<InputPattern> patterns = options_.inputs;
  if (options_.config.stage > 1) {  // the parts that the stage before has published, and nothing else
    Result<std::vector<std::string>> parts = OutputParts(in_.env, stage_input_, std::nullopt);
    if (!parts) return Refuse(parts.error());
    for (std::string& path : *parts) patterns.push_back({std::move(path), ""});
  }
  if (options_.stdin_is_input) {
    const Result<std::string> path = SpoolStdin(in_.env, JoinPath(local_->directory(), "input"));
    if (!path) return Refuse(path.error());
    patterns.push_back({*path, ""});
  }
  Result<std::vector<wire::InputFile>> inputs = ExpandInputs(in_.env, patterns);
  if (!inputs) return Refuse(inputs.error());
  inputs_ = std::move(*inputs);
  return std::nullopt;
}

Result<ClusterSize> RunJob::AskClusterSize() {
  if (local_) {
    MR_ASSIGN_OR_RETURN(cluster_, Cluster::ConnectTo(local_->endpoint(), std::chrono::seconds(10)));
    return ClusterSize{local_->slots(), true};
  }
  if (!cluster_) {
    MR_ASSIGN_OR_RETURN(cluster_, Cluster::Connect(in_.settings));
  }
  if (in_.console.verbose() > 0 || in_.console.err_is_terminal()) {
    in_.console.Note(StrCat("connecting to ", cluster_->endpoint(), " …"));
  }
  MR_ASSIGN_OR_RETURN(
      const wire::ClusterResponse cluster,
      cluster_->Ask<wire::ClusterResponse>(wire::GetClusterRequest{}, events_.descriptor()));
  page_ = cluster.http;
  ClusterSize size{0, false};
  for (const wire::WorkerView& worker : cluster.workers) {
    if (worker.alive && !worker.draining) size.slots += worker.slots;
  }
  size.slots = std::max(size.slots, 1u);
  return size;
}

std::optional<int> RunJob::BuildJob() {
  const Result<ClusterSize> size = AskClusterSize();
  if (!size) return StopWith(in_, size.error());
  options_.config.user = UserName();
  Result<wire::JobSpec> spec =
      BuildSpec(options_, *job_, copy_->source(), copy_->sha256(), std::move(inputs_), *size);
  if (!spec) return Refuse(spec.error());
  spec_ = std::move(*spec);
  wire::JobConfig& config = spec_.config;
  config.plugin_build = plugin_.build;
  CheckResume();
  if (config.stages > 0) config.name = StagedName(config.name, config.stage, config.stages);
  if (job_->range_partition && spec_.config.reducers > 1) {
    const Result<std::string> directory = temporary_.Get();
    if (!directory) return Refuse(directory.error());
    const Status bounds = SetRangeBounds(in_.env, copy_->path(), *directory, spec_);
    if (!bounds) return Refuse(bounds.error());
  }
  plugin_bytes_ = copy_->bytes();
  copy_.reset();
  return std::nullopt;
}

// What the finished maps wrote must be what this plugin's reduces read.
void RunJob::CheckResume() {
  wire::JobConfig& config = spec_.config;
  if (config.resume_from.value == 0 || config.plugin_sha256 == like_->config.plugin_sha256) return;
  const auto check = [&]() -> Status {
    MR_ASSIGN_OR_RETURN(const PluginInfo before, DescribeStored(in_.env, *cluster_, like_->config));
    MR_ASSIGN_OR_RETURN(const PluginJob* job, ChooseJob(before, {like_->config.plugin_name, like_->config.job_name}));
    return CheckReplacement(*job, *job_, config);
  };
  if (const Status fits = check(); !fits) {
    in_.console.Error(StrCat("nothing of ", ToString(like_job_), " is reused: ", fits.error().text));
    config.resume_from = {};
  }
}

void RunJob::TellReuse() {
  if (spec_.config.resume_from.value == 0) return;
  const std::string job = ToString(spec_.config.resume_from);
  in_.console.Note(submitted_.reusable_maps > 0
                       ? StrCat(FormatCount(submitted_.reusable_maps), " of ", FormatCount(submitted_.map_count),
                                " map tasks were finished by ", job, " and are reused")
                       : StrCat("nothing of ", job, " can be reused: ", submitted_.resume_note,
                                ". Every task runs"));
}

int RunJob::PrintPlan(const wire::SubmitJobResponse& plan) {
  if (in_.console.json()) {
    in_.console.Out(PlanJson(plan, spec_) + "\n");
    return kExitDone;
  }
  std::string text =
      StrCat("plan for ", spec_.config.name, " (", spec_.config.plugin_name, "): ", plan.map_count,
             " map tasks, ", plan.reduce_count, " reduce tasks, ", FormatSize(plan.input_bytes),
             " in ", spec_.inputs.size(), spec_.inputs.size() == 1 ? " file" : " files", "\n");
  for (const std::string& line : plan.preview) text += StrCat("  ", line, "\n");
  if (plan.preview.size() < plan.map_count)
    text += StrCat("  … and ", plan.map_count - plan.preview.size(), " more\n");
  in_.console.Out(text + "no job was created\n");
  return kExitDone;
}

std::optional<int> RunJob::Submit() {
  wire::SubmitJobRequest request;
  request.spec = spec_;
  request.dry_run = options_.dry_run;
  // For a plan too: the coordinator plans only what it could run. Stored plugins cost nothing and
  // expire.
  const Status uploaded =
      cluster_->Upload(spec_.config.plugin_sha256, plugin_bytes_, events_.descriptor());
  if (!uploaded && uploaded.error().code == ErrorCode::kCancelled) {
    return StopAs(in_, kExitInterrupted, "interrupted; nothing was submitted");
  }
  if (!uploaded) return StopWith(in_, uploaded.error());
  // Not interruptible: after a Ctrl-C here nobody would know whether there is a job. It is short.
  Result<wire::SubmitJobResponse> answer =
      cluster_->Ask<wire::SubmitJobResponse>(std::move(request));
  if (!answer && answer.error().code == ErrorCode::kUnsupported)
    return StopAs(in_, kExitRefused, StrCat(answer.error().text, "   [", kCodePlugin, "]"));
  if (!answer) return StopWith(in_, answer.error());
  submitted_ = std::move(*answer);
  TellReuse();
  if (options_.dry_run) return PrintPlan(submitted_);
  return std::nullopt;
}

// Without waiting for the browser, which may live as long as it likes.
void RunJob::OpenPage() {
  if (!options_.open_page) return;
  if (page_.empty()) {
    in_.console.Note("--open: this coordinator has no web page (it was started with --http off)");
    return;
  }
  const std::string url = StrCat(page_, "/jobs/", ToString(submitted_.job));
  const char* browser = std::getenv("BROWSER");
  const std::string program = browser != nullptr && *browser != '\0' ? browser : "xdg-open";
  const std::string script =
      "command -v \"$0\" >/dev/null || exit 127; exec setsid -f \"$0\" \"$1\" >/dev/null 2>&1 </dev/null";
  const Result<CapturedRun> opened = RunCaptured({"/bin/sh", "-c", script, program, url}, kBrowserTime);
  if (!opened || opened->exit_code != 0)
    in_.console.Note(StrCat("--open: '", program, "' cannot be run; the page is ", url));
}

int RunJob::Detach() {
  const std::string id = ToString(submitted_.job);
  if (in_.console.json()) {
    in_.console.Out(StrCat("{\"v\":1,\"type\":\"submitted\",\"job\":\"", id, "\"}\n"));
    return kExitDone;
  }
  in_.console.Out(id + "\n");
  in_.console.Hint(StrCat("watch: mrsubmit attach ", id, "   result: mrsubmit wait ", id));
  return kExitDone;
}

int RunJob::Watch() {
  WatchOptions watch;
  const Result<ProgressMode> mode = ChooseProgressMode(in_.settings, in_.console);
  const Result<int64_t> interval = in_.settings.DurationMs("progress-interval", 10'000);
  if (!mode || !interval) return UsageStop(in_, (mode ? interval.error() : mode.error()).text);
  watch.display.mode = *mode;
  watch.display.interval = std::chrono::milliseconds(std::max<int64_t>(*interval, 100));
  if (!page_.empty()) watch.display.page = StrCat(page_, "/jobs/", ToString(submitted_.job));
  watch.display.json_to_err = prints_output_;
  watch.on_interrupt = options_.on_interrupt;
  if (options_.wait_timeout_ms)
    watch.wait_timeout = std::chrono::milliseconds(*options_.wait_timeout_ms);
  if (!local_) watch.outage_timeout = *OutageTimeout(in_.settings);
  watch.local = local_.get();
  watch.report.style = in_.console.err_style();
  watch.report.local = local();
  if (local_) watch.report.endpoint = local_->endpoint();
  watch.report.slots = local_ ? local_->slots() : 0;
  watch.report.build = spec_.config.plugin_build;
  // With records left out, failures and attempts are not the same number: the job's reason tells them.
  watch.report.max_attempts = spec_.config.skip_bad_records > 0 ? 0 : spec_.config.max_attempts;
  watch.report.output = prints_output_ ? "-" : options_.output;
  watch.report.hints = in_.console.err_is_terminal();
  watch.report.verbose = in_.console.verbose() > 0;
  JobWatch job_watch(*cluster_, in_.console, events_, std::move(watch));
  const WatchEnd end = job_watch.Run(submitted_.job);
  const bool internal =
      end.job && end.job->state == wire::JobState::kFailed &&
      (!end.job->failure || end.job->failure->failure.cause == wire::FailureCause::kInternal);
  if (local_ && internal && !local_->keeps_logs()) {
    local_->KeepLogs();
    in_.console.Err(
        StrCat("the logs of coordinator and worker are kept in ", local_->directory(), "\n"));
  }
  if (end.exit_code == kExitDone && options_.output == "-") return PrintOutput();
  return end.exit_code;
}

int RunJob::PrintOutput() {
  const Result<std::vector<std::string>> parts =
      OutputParts(in_.env, options_.config.output_dir, std::nullopt);
  if (!parts) return StopWith(in_, parts.error());
  for (const std::string& path : *parts) {
    const Status read = ReadOutputFile(
        in_.env, path, [&](std::string_view bytes) { return in_.console.Out(bytes); });
    if (!read) return StopWith(in_, read.error());
  }
  return kExitDone;
}

// ---- a chain

// Nothing runs before every stage is known to have a plugin that takes its parameters.
int RunJob::RunStages() {
  const RunOptions whole = options_;
  const auto stages = static_cast<uint32_t>(whole.then.size() + 1);
  const Time begin = std::chrono::steady_clock::now();
  for (uint32_t stage = stages; stage > 1; --stage) {
    options_ = StageRunOptions(whole, stage);
    if (const std::optional<int> code = CheckPlugin()) return *code;
  }
  for (uint32_t stage = 1; stage <= stages; ++stage) {
    int code = 0;
    if (const std::optional<int> stopped = PrepareStage(whole, stage)) {
      code = *stopped;
    } else {
      if (whole.wait_timeout_ms) {
        const auto gone = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
        options_.wait_timeout_ms = std::max<int64_t>(*whole.wait_timeout_ms - gone.count(), 0);
      }
      TellStage(whole, stage);
      code = RunOne();
    }
    if (whole.dry_run && code == kExitDone) {
      in_.console.Note(StrCat("stages 2 to ", stages,
                              ": plugins and parameters are right; what they will read does not exist yet"));
      return code;
    }
    if (code != kExitDone) {
      ExplainEndOfChain(whole, stage, code);
      return code;
    }
  }
  RemoveStages(whole);
  return kExitDone;
}

std::optional<int> RunJob::PrepareStage(const RunOptions& whole, uint32_t stage) {
  options_ = StageRunOptions(whole, stage);
  submitted_ = {};
  if (stage == 1) return std::nullopt;
  stage_input_ = StageDirectory(whole.config.output_dir, stage - 1);
  if (stage <= whole.then.size() || prints_output_) return std::nullopt;
  // The stages before took their time: somebody else may have used the directory.
  const Status free = CheckOutput(in_.env, options_.config.output_dir, options_.config.overwrite, stage - 1);
  if (!free) return Refuse(free.error());
  return std::nullopt;
}

void RunJob::TellStage(const RunOptions& whole, uint32_t stage) {
  const size_t stages = whole.then.size() + 1;
  if (in_.console.json()) {
    const std::string line = StageJson(stage, static_cast<uint32_t>(stages), options_.config.output_dir) + "\n";
    if (prints_output_)
      in_.console.Err(line);
    else
      in_.console.Out(line);
  } else {
    in_.console.Note(StrCat("stage ", stage, " of ", stages, ": ", options_.plugin));
  }
}

void RunJob::RemoveStages(const RunOptions& whole) {
  if (whole.keep_stages) return;
  for (uint32_t stage = 1; stage <= whole.then.size(); ++stage) {
    const std::string directory = StageDirectory(whole.config.output_dir, stage);
    const Status removed = in_.env.RemoveTree(directory);
    if (!removed) in_.console.Error(StrCat("the chain has succeeded, but ", removed.error().text));
  }
}

// What lies where, and what the next command is.
void RunJob::ExplainEndOfChain(const RunOptions& whole, uint32_t stage, int code) {
  if (prints_output_) return;  // everything goes with the temporary directory
  std::string text = StrCat("the chain ends at stage ", stage, " of ", whole.then.size() + 1, ".");
  const bool runs_on = code == kExitStillRunning && submitted_.job.value != 0;
  if (runs_on) text += StrCat(" ", ToString(submitted_.job), " runs on; what comes after it is not started.");
  if (stage > 1) {
    std::vector<std::string> kept;
    for (uint32_t i = 1; i < stage; ++i) kept.push_back(StageDirectory(whole.output, i));
    text += StrCat(" Kept: ", Join(kept, ", "), ". Go on from there: mrsubmit run ", local() ? "--local " : "", options_.plugin, " ",
                   kept.back(),
                   " -o OTHER");
  } else if (!runs_on) {
    text += StrCat(" Nothing is kept in ", whole.output, ".");
    // Made for the stage's own directory in it; refused if the user has put something there.
    [[maybe_unused]] const Status removed = in_.env.RemoveDirectory(whole.config.output_dir);
  }
  in_.console.Err(StrCat(text, "\n"));
}

}  // namespace

int RunCommand(Invocation& invocation) { return RunJob(invocation).Go(); }

}  // namespace mr::submit
