#include "submit/report.h"

#include <algorithm>
#include <cstdio>

#include "common/base/clock.h"
#include "common/base/strings.h"
#include "submit/error_codes.h"

namespace mr::submit {
namespace {

constexpr size_t kPreviewBytes = 64;
constexpr size_t kFramesMax = 8;
constexpr size_t kFrameBytes = 160;
constexpr size_t kTextPreviewBytes = 200;
constexpr std::string_view kIndent = "           ";  // under the labels of a failure report

int64_t WallMs(const wire::JobView& job) {
  const int64_t begin = job.submitted_unix_ms;
  return std::max<int64_t>(job.ended_unix_ms - begin, 0);
}

std::string NameOf(const wire::JobView& job, const ReportContext& context) {
  return StrCat(context.local ? "local" : ToString(job.id), " ", job.name);
}

struct OutputSize {
  uint64_t bytes = 0;
  uint64_t records = 0;
};

OutputSize SizeOf(const wire::JobView& job) {
  OutputSize size;
  for (const wire::OutputFile& file : job.files) {
    size.bytes += file.size_bytes;
    size.records += file.record_count;
  }
  return size;
}

std::string Files(size_t count) { return StrCat(count, count == 1 ? " file" : " files"); }

std::string OneDecimal(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

std::string TwoDecimals(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", value);
  return text;
}

// "median 0.61 s   p95 0.90 s   max 2.50 s"
std::string Quantiles(std::vector<uint32_t> durations_ms) {
  if (durations_ms.empty()) return "";
  std::sort(durations_ms.begin(), durations_ms.end());
  const auto at = [&](double quantile) {
    const auto index =
        static_cast<size_t>(quantile * static_cast<double>(durations_ms.size() - 1) + 0.5);
    return TwoDecimals(durations_ms[index] / 1000.0);
  };
  return StrCat("   median ", at(0.5), " s   p95 ", at(0.95), " s   max ", at(1.0), " s");
}

std::string PhaseSummary(std::string_view label, const wire::PhaseProgress& phase) {
  std::string line = StrCat("  ", label, FormatCount(phase.total),
                            phase.total == 1 ? " task" : " tasks", Quantiles(phase.durations_ms));
  if (phase.retried > 0) line += StrCat("   ", FormatCount(phase.retried), " retried");
  if (phase.backups > 0) {
    line += StrCat("   ", FormatCount(phase.backups_won), " of ", FormatCount(phase.backups),
                   phase.backups == 1 ? " backup won" : " backups won");
  }
  return line + "\n";
}

std::string CostLine(const wire::JobView& job) {
  if (job.cpu_ms == 0 && job.peak_memory_bytes == 0) return "";
  std::string line =
      StrCat("  cost      ", OneDecimal(static_cast<double>(job.cpu_ms) / 1000.0), " s CPU");
  if (job.peak_memory_bytes > 0)
    line += StrCat(", peak ", FormatSize(job.peak_memory_bytes), " in one task");
  return line + "\n";
}

// A job with --max-failed-tasks may succeed with a hole.
std::string MissingLine(const wire::JobView& job, const Style& style) {
  if (job.map.failed + job.reduce.failed == 0) return "";
  return StrCat("  ", style.Red("missing"), "   ", job.reason, "\n");
}

int64_t Counter(const wire::JobView& job, const char* name) {
  const auto found = job.counters.find(name);
  return found == job.counters.end() ? 0 : std::max<int64_t>(found->second, 0);
}

// What --skip-bad-records left out.
std::string SkippedLine(const wire::JobView& job, const ReportContext& context) {
  const auto count = static_cast<uint64_t>(Counter(job, "mr.skipped_records"));
  if (count == 0) return "";
  const std::string& output = context.local ? context.output : job.output_dir;
  const std::string where =
      output.empty() || output == "-" ? std::string() : StrCat(", listed in ", output, output.ends_with('/') ? "" : "/", "_bad");
  return StrCat("  ", context.style.Red("skipped"), "   ", FormatCount(count),
                count == 1 ? " bad record" : " bad records", where, "\n");
}

// "25.7 GiB read → 41.0 GiB mapped → 5.2 GiB shuffled (7.9× less) → 312.4 MiB written; 12 spills"
std::string DataLine(const wire::JobView& job, const Style& style) {
  const auto mapped = static_cast<uint64_t>(Counter(job, "mr.map_output_bytes"));
  const uint64_t shuffled = job.shuffle.bytes_total;
  std::string line = StrCat("  data      ", FormatSize(job.input_bytes), " read ", style.arrow(), " ");
  if (mapped > 0 && shuffled > 0) line += StrCat(FormatSize(mapped), " mapped ", style.arrow(), " ");
  if (shuffled > 0) {
    line += StrCat(FormatSize(shuffled), " shuffled ");
    const double less = static_cast<double>(mapped) / static_cast<double>(shuffled);
    if (less >= 1.1) line += StrCat("(", OneDecimal(less), style.utf8 ? "×" : "x", " less) ");
    line += StrCat(style.arrow(), " ");
  }
  line += StrCat(FormatSize(SizeOf(job).bytes), " written");
  // Every map writes one run at its end: more are spills for want of memory.
  const auto runs = static_cast<uint64_t>(Counter(job, "mr.spills"));
  if (runs > job.map.total) line += StrCat("; ", FormatCount(runs - job.map.total), " spills");
  return line + "\n";
}

std::string WorkLines(const wire::JobView& job, const Style& style) {
  std::string text = DataLine(job, style) + PhaseSummary("map       ", job.map);
  if (const int64_t reused = Counter(job, "mr.reused_map_tasks"); reused > 0)
    text += StrCat("  reused    ", FormatCount(static_cast<uint64_t>(reused)),
                   " of them had been finished by the job that it resumed\n");
  if (job.reduce.total > 0) text += PhaseSummary("reduce    ", job.reduce);
  return text + CostLine(job);
}

// A local run is mostly a small one, of which one line says enough.
constexpr int64_t kSmallJobMs = 2000;

std::string LocalSuccess(const wire::JobView& job, const ReportContext& context) {
  const Style& style = context.style;
  std::string text =
      StrCat(style.Green(style.ok()), " local ", job.name, " succeeded in ",
             FormatElapsed(WallMs(job)), "   ", job.map.total, " map, ", job.reduce.total,
             " reduce tasks on ", context.slots, context.slots == 1 ? " slot" : " slots");
  if (context.output != "-") {
    text += StrCat("   ", context.output, context.output.ends_with('/') ? " " : "/ ",
                   Files(job.files.size()), ", ", FormatSize(SizeOf(job).bytes));
  }
  text += "\n" + MissingLine(job, style) + SkippedLine(job, context);
  if (context.verbose || (context.hints && WallMs(job) >= kSmallJobMs)) text += WorkLines(job, style);
  const std::string counters = UserCounters(job.counters, style);
  if (!counters.empty()) text += StrCat("  counters  ", counters, "\n");
  if (context.hints && context.output != "-")
    text += StrCat("  next      mrsubmit cat ", context.output, " | head\n");
  return text;
}

std::string FinishedText(const wire::JobView& job) {
  std::string done;
  const auto others = [&](const wire::PhaseProgress& phase, std::string_view name) {
    if (phase.done == 0) return;
    if (!done.empty()) done += ", ";
    done += StrCat(FormatCount(phase.done), " ", name, phase.done == 1 ? " task" : " tasks");
  };
  others(job.map, "map");
  others(job.reduce, "reduce");
  return done.empty() ? "no task finished" : StrCat(done, " finished");
}

std::string EffectsText(const wire::JobView& job, const ReportContext& context) {
  const std::string finished = FinishedText(job);
  if (job.output_dir.empty() || context.output == "-") return finished;
  if (!job.left_behind.empty()) return StrCat(finished, "; ", job.left_behind);
  return StrCat(finished, "; nothing of the job is left in ", job.output_dir);
}

std::string Label(std::string_view label) {
  std::string text = StrCat("  ", label);
  text.append(kIndent.size() - text.size(), ' ');
  return text;
}

// "path line 1,402,117, byte 201,337,012   (record 88,214 of its split)"
std::string RecordPlace(const wire::Failure& failure) {
  std::string place = failure.input_path;
  if (failure.line_no > 0) place += StrCat(" line ", FormatCount(failure.line_no), ",");
  place += StrCat(" byte ", FormatCount(failure.record_offset));
  if (failure.record_no > 0)
    place += StrCat("   (record ", FormatCount(failure.record_no), " of its split)");
  return place;
}

std::string RecordLines(const wire::Failure& failure) {
  const bool has_place = !failure.input_path.empty();
  const bool has_text = !failure.excerpt.empty() || failure.record_bytes > 0;
  if (!has_place && !has_text) return "";
  const bool is_group =
      !has_place && (failure.function == "reduce" || failure.function == "combine");
  std::string text = Label(is_group ? "key" : "record");
  if (has_place) text += RecordPlace(failure) + "\n";
  if (has_text) {
    if (has_place) text += kIndent;
    text += RecordPreview(failure.excerpt, failure.record_bytes) + "\n";
  } else if (!has_place) {
    text += "\n";
  }
  return text;
}

// Names with templates in them can fill a screen each, so they are cut; where that is, behind them, stays.
std::string CutFrame(const std::string& frame) {
  if (frame.size() <= kFrameBytes) return frame;
  size_t place = std::min(frame.rfind(" ("), frame.size());          // " (wordcount.so)"
  const size_t line = frame.rfind(" at ", place);                    // " at parser.cpp:88"
  if (line != std::string::npos && frame.find(' ', line + 4) == place) place = line;
  if (frame.size() - place >= kFrameBytes / 2) place = frame.size();  // no such thing
  const std::string end = frame.substr(place);
  return StrCat(CutToWidth(frame.substr(0, place), kFrameBytes - end.size()), "…", end);
}

// The innermost frames of the user's code; those of our own program say nothing to its author.
std::vector<std::string> UserFrames(const std::vector<std::string>& stack) {
  std::vector<std::string> frames;
  for (const std::string& frame : stack) {
    const bool ours = frame.ends_with("(mrtask)");
    if (ours && !frames.empty()) break;
    if (frames.size() == kFramesMax) break;
    frames.push_back(CutFrame(frame));
  }
  return frames;
}

// " (build-id 3f9c1b7e, 2025-11-23 09:02Z)": which of the many files of this name.
std::string BuildNote(const wire::PluginBuild& build) {
  constexpr size_t kIdDigits = 8;
  std::vector<std::string> notes;
  if (!build.build_id.empty()) notes.push_back(StrCat("build-id ", build.build_id.substr(0, kIdDigits)));
  if (build.file_unix_ms > 0) {
    const std::string utc = FormatUtc(build.file_unix_ms);
    notes.push_back(StrCat(utc.substr(0, 10), " ", utc.substr(11, 5), "Z"));
  }
  return notes.empty() ? "" : StrCat(" (", Join(notes, ", "), ")");
}

std::string WhereLine(const wire::JobView& job, const wire::Failure& failure, const ReportContext& context) {
  std::string text;
  if (!failure.function.empty()) {
    text = StrCat(Label("in"), failure.function, "() of job ", job.job_name, ", ", job.plugin_name,
                  BuildNote(context.build), "\n");
  }
  const std::vector<std::string> frames = UserFrames(failure.stack);
  for (size_t i = 0; i < frames.size(); ++i) {
    text += StrCat(i == 0 ? Label("stack") : std::string(kIndent), frames[i], "\n");
  }
  return text;
}

std::string WorkerLine(const wire::FailureReport& report) {
  if (report.worker_name.empty()) return "";
  std::string text =
      StrCat(Label("worker"), report.worker_name, " (attempt ", report.attempt.number, ")");
  if (!report.earlier_workers.empty())
    text += StrCat(", before that ", Join(report.earlier_workers, ", "));
  return text + "\n";
}

std::string LogLines(const wire::Failure& failure) {
  const std::string_view log = Trim(failure.log_tail);
  if (log.empty()) return "";
  std::string text;
  for (const std::string_view line : Split(log, '\n')) {
    text += StrCat(text.empty() ? Label("log") : std::string(kIndent), Printable(line), "\n");
  }
  return text;
}

// Only true while workers keep them, which the job's view says.
std::string ResumeLine(const wire::JobView& job, std::string_view plugin) {
  return StrCat("mrsubmit run --like ", ToString(job.id), " --resume", plugin, " -o ", job.output_dir,
                plugin.empty() ? "    again: " : "    after a fix that changes nothing for them: ",
                FormatCount(job.kept_maps), job.kept_maps == 1 ? " finished map task is" : " finished map tasks are",
                " reused\n");
}

// Other attempts would fail at the same place.
bool RecordIsToBlame(const wire::FailureReport& report) {
  if (!report.failure.at_record || report.failure.cause > wire::FailureCause::kBadRecord) return false;
  return report.failure.cause == wire::FailureCause::kBadRecord || (report.same_record && report.attempts_failed > 1);
}

std::string SkipHint(const wire::JobView& job) {
  return StrCat(kIndent, "mrsubmit run --like ", ToString(job.id), job.kept_maps > 0 ? " --resume" : "",
                " --skip-bad-records 10 -o ", job.output_dir, "    without such records\n");
}

std::string TryLines(const wire::JobView& job, const ReportContext& context) {
  const std::string task = ToString(job.failure->attempt.task);
  if (context.local) {
    return StrCat("\n", Label("try"),
                  "run it again after a fix; nothing of this run is left behind\n");
  }
  const std::string id = ToString(job.id);
  std::string text =
      StrCat("\n", Label("try"), "mrsubmit logs ", task, "    all that this task wrote\n", kIndent,
             "mrsubmit tasks ", id, " --failed    which other tasks failed\n", kIndent);
  text += job.kept_maps > 0
              ? ResumeLine(job, " PLUGIN")
              : StrCat("mrsubmit run --like ", id, " PLUGIN -o ", job.output_dir, "    again, after a fix\n");
  return RecordIsToBlame(*job.failure) ? text + SkipHint(job) : text;
}

std::string Occurrences(const wire::FailureReport& report, const ReportContext& context) {
  if (report.attempts_failed == 0) return "";
  std::string text = StrCat("    ", report.attempts_failed);
  if (context.max_attempts > 0) text += StrCat(" of ", context.max_attempts);
  text += report.attempts_failed == 1 && context.max_attempts <= 1 ? " attempt" : " attempts";
  if (report.same_record && report.attempts_failed > 1) text += ", the same record each time";
  return text;
}

// The lines between the head of a report and its effects.
std::string FailureBody(const wire::JobView& job, const ReportContext& context) {
  const wire::FailureReport& report = *job.failure;
  const wire::Failure& failure = report.failure;
  std::string text = StrCat("\n", Label("error"), CauseText(failure), Occurrences(report, context), "\n");
  text += WhereLine(job, failure, context);
  text += RecordLines(failure);
  text += WorkerLine(report);
  return text + LogLines(failure);
}

std::string FailureHead(const wire::JobView& job, const ReportContext& context) {
  const Style& style = context.style;
  std::string head = StrCat(style.Red(style.bad()), " ", NameOf(job, context), " failed in ",
                            FormatElapsed(WallMs(job)));
  if (!job.failure) return StrCat(head, ": ", job.reason, "\n");
  const wire::FailureReport& report = *job.failure;
  const bool at_limit = context.max_attempts > 0 && report.attempts_failed >= context.max_attempts;
  if (at_limit) {
    head += StrCat(": ", ToString(report.attempt.task), " failed ", report.attempts_failed,
                   " times (--max-attempts ", context.max_attempts, ")");
  } else if (!job.reason.empty()) {
    head += StrCat(": ", job.reason);
  }
  return StrCat(head, "   [", CodeOf(report.failure.cause), "]\n");
}

}  // namespace

bool IsEngineCounter(std::string_view name) { return name.starts_with("mr."); }

std::string UserCounters(const wire::Counters& counters, const Style& style) {
  std::string text;
  for (const auto& [name, value] : counters) {
    if (IsEngineCounter(name)) continue;
    if (!text.empty()) text += StrCat(" ", style.dot(), " ");
    text += StrCat(name, " ", value < 0 ? "-" : "",
                   FormatCount(static_cast<uint64_t>(value < 0 ? -value : value)));
  }
  return text;
}

std::string CauseText(const wire::Failure& failure) {
  if (failure.type.empty() || failure.message.starts_with(failure.type)) return failure.message;
  if (failure.message.empty()) return failure.type;
  return StrCat(failure.type, ": ", failure.message);
}

std::string RecordPreview(std::string_view excerpt, uint64_t record_bytes) {
  if (IsValidUtf8(excerpt)) {
    std::string text = Printable(excerpt, kTextPreviewBytes);
    if (record_bytes > excerpt.size() && !text.ends_with("…")) text += "…";
    return text;
  }
  const std::string_view head = excerpt.substr(0, kPreviewBytes);
  std::string hex, letters;
  for (const char c : head) {
    hex += ToHex(std::string_view(&c, 1)) + " ";
    letters.push_back(c >= 0x20 && c < 0x7f ? c : '.');
  }
  return StrCat(FormatCount(std::max<uint64_t>(record_bytes, excerpt.size())), " bytes, first ",
                head.size(), ":  ", hex, " |", letters, "|    (hex because it is not valid UTF-8)");
}

std::string SuccessReport(const wire::JobView& job, const ReportContext& context) {
  if (context.local) return LocalSuccess(job, context);
  const Style& style = context.style;
  const OutputSize size = SizeOf(job);
  std::string text = StrCat(style.Green(style.ok()), " ", NameOf(job, context), " succeeded in ",
                            FormatElapsed(WallMs(job)), "\n");
  text += StrCat("  output    ", job.output_dir, "   ", Files(job.files.size()), ", ",
                 FormatSize(size.bytes), ", ", FormatCount(size.records), " records\n");
  text += MissingLine(job, style) + SkippedLine(job, context);
  text += WorkLines(job, style);
  const std::string counters = UserCounters(job.counters, style);
  if (!counters.empty()) text += StrCat("  counters  ", counters, "\n");
  if (context.hints) {
    const std::string id = ToString(job.id);
    text += StrCat("  next      mrsubmit cat ", id, " ", style.dot(), " mrsubmit counters ", id,
                   " ", style.dot(), " mrsubmit tasks ", id, " --slowest 5\n");
  }
  return text;
}

std::string FailureReportText(const wire::JobView& job, const ReportContext& context) {
  std::string text = FailureHead(job, context);
  if (!job.failure) return text + StrCat("\n", Label("effects"), EffectsText(job, context), "\n");
  text += FailureBody(job, context);
  text += StrCat(Label("effects"), EffectsText(job, context), "\n");
  return text + TryLines(job, context);
}

std::string PausedReport(const wire::JobView& job, const ReportContext& context) {
  const Style& style = context.style;
  std::string text = StrCat(style.warning(), " ", NameOf(job, context), " is paused: ", job.reason);
  if (job.failure) text += StrCat("   [", CodeOf(job.failure->failure.cause), "]");
  text += "\n";
  if (job.failure) text += FailureBody(job, context);
  const uint32_t running = job.map.running + job.reduce.running;
  text += StrCat(Label("effects"), FinishedText(job), ", which is kept; ",
                 running == 0 ? "nothing runs" : StrCat(running, " running go on to their end"), "\n");
  const std::string program = context.endpoint.empty() ? "mrsubmit" : StrCat("mrsubmit -c ", context.endpoint);
  const std::string id = ToString(job.id);
  return text + StrCat("\n", Label("go on"), program, " set ", id, " plugin=NEW.so    after a fix\n", Label("end"),
                       program, " kill ", id, "\n");
}

std::string KilledReport(const wire::JobView& job, const ReportContext& context) {
  const Style& style = context.style;
  return StrCat(style.Red(style.bad()), " ", NameOf(job, context), " was killed after ",
                FormatElapsed(WallMs(job)), job.reason.empty() ? "" : ": ", job.reason, "\n",
                Label("effects"), EffectsText(job, context), "\n",
                job.kept_maps > 0 && !context.local ? StrCat("\n", Label("try"), ResumeLine(job, "")) : std::string());
}

std::string EndReport(const wire::JobView& job, const ReportContext& context) {
  if (job.state == wire::JobState::kSucceeded) return SuccessReport(job, context);
  if (job.state == wire::JobState::kKilled) return KilledReport(job, context);
  return FailureReportText(job, context);
}

}  // namespace mr::submit
