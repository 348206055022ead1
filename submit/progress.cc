#include "submit/progress.h"

#include <algorithm>
#include <cmath>

#include "common/base/strings.h"

namespace mr::submit {
namespace {

// How much of the whole each phase is taken to be, for the ETA.
constexpr double kMapWeight = 0.6;
constexpr double kShuffleWeight = 0.1;
constexpr double kReduceWeight = 0.3;

double JobFraction(const wire::JobView& job) {
  const double map = PhaseFraction(job.map);
  if (job.reduce.total == 0) return map;
  return kMapWeight * map + kShuffleWeight * ShuffleFraction(job) +
         kReduceWeight * PhaseFraction(job.reduce);
}

std::string Percent(double fraction) {
  return StrCat(static_cast<int>(std::floor(fraction * 100 + 1e-9)));
}

std::string PadLeft(std::string text, size_t width) {
  const size_t have = DisplayWidth(text);
  return have < width ? std::string(width - have, ' ') + text : text;
}

std::string PadRight(std::string text, size_t width) {
  const size_t have = DisplayWidth(text);
  return have < width ? text + std::string(width - have, ' ') : text;
}

std::string Rate(double bytes_per_second) {
  return bytes_per_second < 1 ? ""
                              : StrCat(FormatSize(static_cast<uint64_t>(bytes_per_second)), "/s");
}

std::string Seconds(double seconds) {
  const std::string text = FormatElapsed(static_cast<int64_t>(std::ceil(seconds)) * 1000);
  return text.substr(0, text.find('.'));
}

// Widths of the columns for a terminal; a narrow one loses the columns at the right.
struct Layout {
  size_t bar;
  bool running;
  bool rate;
};

Layout LayoutFor(size_t width) {
  Layout layout{12, width >= 56, width >= 90};
  const size_t fixed = 11 + 8 + 12 + (layout.running ? 27 : 0) + (layout.rate ? 12 : 0);
  layout.bar = std::clamp<size_t>(width > fixed ? width - fixed : 0, 8, 40);
  return layout;
}

std::string PhaseLine(std::string_view name, double fraction, const std::string& count,
                      const wire::PhaseProgress& phase, double rate, const FrameOptions& options) {
  const Layout layout = LayoutFor(options.width);
  std::string line =
      StrCat("  ", PadRight(std::string(name), 7), "  ", Bar(fraction, layout.bar, options.style),
             "  ", PadLeft(Percent(fraction), 3), " %  ", PadRight(count, 12));
  if (layout.running) {
    line += PadRight(phase.running > 0 ? StrCat(FormatCount(phase.running), " running") : "", 13);
    line += PadRight(phase.retried > 0 ? StrCat(FormatCount(phase.retried), " retried") : "", 13);
  }
  if (layout.rate) line += Rate(rate);
  const size_t end = line.find_last_not_of(' ');
  return CutToWidth(line.substr(0, end + 1), options.width);
}

std::string Counts(const wire::PhaseProgress& phase) {
  return StrCat(phase.done, "/", phase.total);
}

std::string HeadLine(const wire::JobView& job, const FrameOptions& options) {
  std::string line =
      StrCat(options.style.Bold(ToString(job.id)), " ", job.name, "   ", job.map.total,
             " map tasks, ", job.reduce.total, " reduce tasks, ", FormatSize(job.input_bytes),
             " in ", FormatCount(job.input_files), job.input_files == 1 ? " file" : " files");
  if (!options.page.empty()) line += StrCat("   ", options.page);
  return CutToWidth(line, options.width);
}

std::string FootLine(const wire::JobView& job, const ProgressMeter& meter,
                     const FrameOptions& options) {
  const std::string dot = StrCat(" ", options.style.dot(), " ");
  if (job.state == wire::JobState::kQueued) {
    return CutToWidth(StrCat("  waiting: ", job.reason.empty() ? "queued" : job.reason),
                      options.width);
  }
  if (job.state == wire::JobState::kPaused) {
    const std::string rest = job.map.running + job.reduce.running > 0 ? "; what runs goes on" : "";
    return CutToWidth(StrCat("  paused: ", job.reason, rest), options.width);
  }
  std::string line =
      StrCat("  ", job.workers, job.workers == 1 ? " worker" : " workers", dot, job.slots_busy, "/",
             job.slots_total, " slots busy", dot,
             Seconds(static_cast<double>(options.now_unix_ms - job.submitted_unix_ms) / 1000.0),
             " elapsed");
  const ProgressMeter::Eta eta = meter.eta();
  if (eta.kind == ProgressMeter::EtaKind::kKnown)
    line += StrCat(dot, "about ", Seconds(eta.seconds), " left");
  if (eta.kind == ProgressMeter::EtaKind::kUnsure) line += StrCat(dot, "? left");
  return CutToWidth(line, options.width);
}

}  // namespace

double PhaseFraction(const wire::PhaseProgress& phase) {
  if (phase.total > 0 && phase.done + phase.failed == phase.total) return 1;
  double fraction = 0;
  if (phase.bytes_total > 0) {
    fraction = static_cast<double>(phase.bytes_done) / static_cast<double>(phase.bytes_total);
  } else if (phase.total > 0) {
    fraction = static_cast<double>(phase.done) / phase.total;
  }
  return std::clamp(fraction, 0.0, 1.0);
}

double ShuffleFraction(const wire::JobView& job) {
  if (job.shuffle.bytes_total == 0)
    return job.reduce.total > 0 && job.reduce.done == job.reduce.total ? 1 : 0;
  return std::clamp(
      static_cast<double>(job.shuffle.bytes_done) / static_cast<double>(job.shuffle.bytes_total),
      0.0, 1.0);
}

void ProgressMeter::Add(Time now, const wire::JobView& job) {
  samples_.push_back({now, job.map.bytes_done, job.shuffle.bytes_done, JobFraction(job)});
  // One sample from before the window stays, so that the window is full.
  while (samples_.size() > 2 && samples_[1].time <= now - kWindow) samples_.pop_front();
  UpdateEta();
}

double ProgressMeter::Rate(uint64_t Sample::*bytes) const {
  if (samples_.size() < 2) return 0;
  const double seconds =
      std::chrono::duration<double>(samples_.back().time - samples_.front().time).count();
  const uint64_t from = samples_.front().*bytes;
  const uint64_t to = samples_.back().*bytes;
  return seconds <= 0 || to <= from ? 0 : static_cast<double>(to - from) / seconds;
}

double ProgressMeter::MapBytesPerSecond() const { return Rate(&Sample::map_bytes); }
double ProgressMeter::ShuffleBytesPerSecond() const { return Rate(&Sample::shuffle_bytes); }

void ProgressMeter::UpdateEta() {
  const Sample& first = samples_.front();
  const Sample& last = samples_.back();
  const double seconds = std::chrono::duration<double>(last.time - first.time).count();
  const double progress = last.fraction - first.fraction;
  if (last.time - first.time < kEnough || progress <= 0) {
    eta_ = Eta{};
    return;
  }
  const double left = (1 - last.fraction) / (progress / seconds);
  const bool jumps = last_seconds_ > 1 && (left > 2 * last_seconds_ || left < last_seconds_ / 2);
  eta_ = Eta{jumps ? EtaKind::kUnsure : EtaKind::kKnown, left};
  last_seconds_ = left;
}

std::string Bar(double fraction, size_t width, const Style& style) {
  // Half columns: ━ full, ╸ half, ─ empty.
  const auto halves =
      static_cast<size_t>(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(width) * 2);
  std::string full, empty;
  for (size_t i = 0; i < halves / 2; ++i) full += style.utf8 ? "━" : "=";
  if (halves % 2 == 1) full += style.utf8 ? "╸" : ">";
  for (size_t i = (halves + 1) / 2; i < width; ++i) empty += style.utf8 ? "─" : "-";
  return style.Green(full) + empty;
}

std::vector<std::string> RenderFrame(const wire::JobView& job, const ProgressMeter& meter,
                                     const FrameOptions& options) {
  std::vector<std::string> lines = {HeadLine(job, options)};
  lines.push_back(PhaseLine("map", PhaseFraction(job.map), Counts(job.map), job.map,
                            meter.MapBytesPerSecond(), options));
  if (job.reduce.total > 0) {
    wire::PhaseProgress shuffle;
    const std::string bytes =
        job.shuffle.bytes_total == 0 ? "" : FormatSize(job.shuffle.bytes_total);
    lines.push_back(PhaseLine("shuffle", ShuffleFraction(job), bytes, shuffle,
                              meter.ShuffleBytesPerSecond(), options));
    lines.push_back(
        PhaseLine("reduce", PhaseFraction(job.reduce), Counts(job.reduce), job.reduce, 0, options));
  }
  lines.push_back(FootLine(job, meter, options));
  if (!job.warnings.empty()) {
    lines.push_back(CutToWidth(
        StrCat("  ", options.style.Yellow(options.style.warning()), " ", job.warnings.back()),
        options.width));
  }
  return lines;
}

std::string SubmittedLine(const wire::JobView& job, int64_t now_unix_ms) {
  return StrCat(FormatLocalTime(now_unix_ms), " ", ToString(job.id), " ", job.name,
                " submitted: ", job.map.total, " map, ", job.reduce.total, " reduce tasks, ",
                FormatSize(job.input_bytes));
}

std::string ProgressLine(const wire::JobView& job, const ProgressMeter& meter,
                         int64_t now_unix_ms) {
  std::string line = StrCat(FormatLocalTime(now_unix_ms), " ", ToString(job.id));
  if (job.state == wire::JobState::kQueued) {
    return StrCat(line, " waiting: ", job.reason.empty() ? "queued" : job.reason);
  }
  if (job.state == wire::JobState::kPaused) return StrCat(line, " paused: ", job.reason);
  line += StrCat(" map ", Percent(PhaseFraction(job.map)), "% (", Counts(job.map), ")");
  if (job.reduce.total > 0) {
    line += StrCat(" shuffle ", Percent(ShuffleFraction(job)), "% reduce ",
                   Percent(PhaseFraction(job.reduce)), "%");
  }
  const ProgressMeter::Eta eta = meter.eta();
  if (eta.kind == ProgressMeter::EtaKind::kKnown) {
    line += StrCat(" eta ", static_cast<int64_t>(std::ceil(eta.seconds)), "s");
  }
  if (eta.kind == ProgressMeter::EtaKind::kUnsure) line += " eta ?";
  return line;
}

int PhaseOf(const wire::JobView& job) {
  if (wire::IsEnded(job.state)) return 5;
  if (job.state == wire::JobState::kFinishing) return 4;
  if (job.state == wire::JobState::kQueued) return 0;
  if (job.map.total > 0 && job.map.done == job.map.total) return job.reduce.done > 0 ? 3 : 2;
  return 1;
}

}  // namespace mr::submit
