// attach: the same screen and exit code as run.
#include "common/base/strings.h"
#include "submit/commands/commands.h"
#include "submit/job_watch.h"

namespace mr::submit {

int AttachCommand(Invocation& invocation) {
  EventSource events;
  const Settings& settings = invocation.settings;
  const Result<ProgressMode> mode = ChooseProgressMode(settings, invocation.console);
  if (!mode) return UsageStop(invocation, mode.error().text);
  const Result<int64_t> interval = settings.DurationMs("progress-interval", 10'000);
  if (!interval) return UsageStop(invocation, interval.error().text);
  const Result<int64_t> timeout = settings.DurationMs("wait-timeout", 0);
  if (!timeout) return UsageStop(invocation, timeout.error().text);
  const Result<size_t> interrupt = settings.Choice("on-interrupt", {"ask", "kill", "detach"}, 0);
  if (!interrupt) return UsageStop(invocation, interrupt.error().text);
  const Result<Duration> outage = OutageTimeout(settings);
  if (!outage) return UsageStop(invocation, outage.error().text);

  Result<std::unique_ptr<Cluster>> cluster = Cluster::Connect(settings);
  if (!cluster) return StopWith(invocation, cluster.error());
  const Result<JobId> job = (*cluster)->FindJob(JobArgument(invocation, 0));
  if (!job) return StopWith(invocation, job.error());
  const Result<wire::GetSpecResponse> spec =
      (*cluster)->Ask<wire::GetSpecResponse>(wire::GetSpecRequest{*job});
  if (!spec) return StopWith(invocation, spec.error());

  WatchOptions watch;
  watch.display.mode = *mode;
  watch.display.interval = std::chrono::milliseconds(std::max<int64_t>(*interval, 100));
  watch.on_interrupt = static_cast<OnInterrupt>(*interrupt);
  watch.outage_timeout = *outage;
  if (settings.Has("wait-timeout")) watch.wait_timeout = std::chrono::milliseconds(*timeout);
  watch.report.style = invocation.console.err_style();
  const wire::JobConfig& config = spec->spec.config;
  watch.report.build = config.plugin_build;
  watch.report.max_attempts = config.skip_bad_records > 0 ? 0 : config.max_attempts;
  watch.report.output = spec->spec.config.output_dir;
  watch.report.hints = invocation.console.err_is_terminal();
  return JobWatch(**cluster, invocation.console, events, std::move(watch)).Run(*job).exit_code;
}

}  // namespace mr::submit
