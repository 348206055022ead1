#include "submit/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "submit/table.h"

namespace mr::submit {
namespace {

using ::testing::HasSubstr;

wire::JobView Running() {
  wire::JobView job;
  job.id = JobId{42};
  job.name = "wordcount";
  job.state = wire::JobState::kRunning;
  job.submitted_unix_ms = 1'700'000'000'000;
  job.input_files = 1204;
  job.input_bytes = 27'594'326'016;
  job.map = {412, 376, 24, 1, 1000, 910, {}};
  job.shuffle.bytes_total = 5'580'000'000;
  job.shuffle.bytes_done = 3'348'000'000;
  job.reduce = {16, 0, 16, 0, 1000, 110, {}};
  job.workers = 6;
  job.slots_busy = 48;
  job.slots_total = 48;
  return job;
}

FrameOptions At(size_t width) {
  FrameOptions options;
  options.width = width;
  options.now_unix_ms = 1'700'000'014'000;
  return options;
}

TEST(PhaseFraction, Bytes_NotTasks) {
  EXPECT_DOUBLE_EQ(PhaseFraction({10, 9, 1, 0, 1000, 500, {}}), 0.5);
  EXPECT_DOUBLE_EQ(PhaseFraction({10, 10, 0, 0, 1000, 990, {}}), 1);
  EXPECT_DOUBLE_EQ(PhaseFraction({10, 4, 0, 0, 0, 0, {}}), 0.4);
  EXPECT_DOUBLE_EQ(PhaseFraction({10, 4, 0, 0, 10, 20, {}}), 1);
  EXPECT_DOUBLE_EQ(PhaseFraction({}), 0);
}

TEST(Bar, Halves_AreDrawn) {
  EXPECT_EQ(Bar(0.5, 4, {}), "━━──");
  EXPECT_EQ(Bar(0.375, 4, {}), "━╸──");
  EXPECT_EQ(Bar(1, 4, {}), "━━━━");
  EXPECT_EQ(Bar(2, 2, {}), "━━");
  EXPECT_EQ(Bar(0.375, 4, Style{false, false}), "=>--");
}

TEST(RenderFrame, Width_IsNeverExceeded) {
  for (const size_t width : {40u, 60u, 80u, 200u}) {
    wire::JobView job = Running();
    job.warnings = {
        "j42-m211 was run again because its worker was lost, which takes a long sentence to tell "
        "in full"};
    for (const std::string& line : RenderFrame(job, {}, At(width))) {
      EXPECT_LE(DisplayWidth(line), width) << line;
      EXPECT_EQ(line.find('\n'), std::string::npos);
    }
  }
}

TEST(RenderFrame, Width80_ShowsPhasesAndFoot) {
  const std::vector<std::string> lines = RenderFrame(Running(), {}, At(80));
  ASSERT_EQ(lines.size(), 5u);
  EXPECT_THAT(lines[0],
              HasSubstr("j42 wordcount   412 map tasks, 16 reduce tasks, 25.7 GiB in 1,204 files"));
  EXPECT_THAT(lines[1], HasSubstr(" 91 %  376/412"));
  EXPECT_THAT(lines[1], HasSubstr("24 running"));
  EXPECT_THAT(lines[2], HasSubstr(" 60 %"));
  EXPECT_THAT(lines[3], HasSubstr(" 11 %  0/16"));
  EXPECT_EQ(lines[4], "  6 workers · 48/48 slots busy · 0:14 elapsed");
}

TEST(RenderFrame, Width200_BarsStopAt40Columns) {
  const std::vector<std::string> lines = RenderFrame(Running(), {}, At(200));
  EXPECT_THAT(lines[1], HasSubstr("1 retried"));
  size_t columns = 0;
  for (const char* glyph : {"━", "╸", "─"}) {
    for (size_t at = 0; (at = lines[1].find(glyph, at)) != std::string::npos; ++at) ++columns;
  }
  EXPECT_EQ(columns, 40u);
}

TEST(RenderFrame, MapOnly_HasOneBar) {
  wire::JobView job = Running();
  job.reduce = {};
  EXPECT_EQ(RenderFrame(job, {}, At(80)).size(), 3u);
}

TEST(RenderFrame, Queued_SaysWhy) {
  wire::JobView job = Running();
  job.state = wire::JobState::kQueued;
  job.reason = "no worker is there";
  EXPECT_EQ(RenderFrame(job, {}, At(80)).back(), "  waiting: no worker is there");
}

// A meter fed once a second with a job whose map grows by `step` bytes of 1000.
void Feed(ProgressMeter& meter, ManualClock& clock, uint64_t& bytes, uint64_t step, int seconds) {
  for (int i = 0; i < seconds; ++i) {
    wire::JobView job;
    job.map = {10, 0, 1, 0, 1000, bytes, {}};
    meter.Add(clock.Read().mono, job);
    clock.Advance(std::chrono::seconds(1));
    bytes += step;
  }
}

TEST(ProgressMeter, Eta_HiddenUnder5SecondsThenKnown) {
  ProgressMeter meter;
  ManualClock clock;
  uint64_t bytes = 0;
  Feed(meter, clock, bytes, 10, 5);
  EXPECT_EQ(meter.eta().kind, ProgressMeter::EtaKind::kHidden);
  Feed(meter, clock, bytes, 10, 6);  // now at 100 of 1000, 10 a second
  EXPECT_EQ(meter.eta().kind, ProgressMeter::EtaKind::kKnown);
  EXPECT_NEAR(meter.eta().seconds, 90, 1);
  EXPECT_NEAR(meter.MapBytesPerSecond(), 10, 0.1);
}

TEST(ProgressMeter, Window_ForgetsWhatIsOlderThan30Seconds) {
  ProgressMeter meter;
  ManualClock clock;
  uint64_t bytes = 0;
  Feed(meter, clock, bytes, 1, 60);
  Feed(meter, clock, bytes, 10, 40);
  EXPECT_NEAR(meter.MapBytesPerSecond(), 10, 0.5);
}

TEST(ProgressMeter, Eta_UnsureWhenItJumps) {
  ProgressMeter meter;
  ManualClock clock;
  uint64_t bytes = 0;
  Feed(meter, clock, bytes, 1, 10);
  EXPECT_EQ(meter.eta().kind, ProgressMeter::EtaKind::kKnown);
  bytes += 300;
  Feed(meter, clock, bytes, 1, 1);
  EXPECT_EQ(meter.eta().kind, ProgressMeter::EtaKind::kUnsure);
}

TEST(ProgressLine, Line_IsTheCiForm) {
  const std::string line = ProgressLine(Running(), {}, 1'700'000'000'000);
  EXPECT_THAT(line, HasSubstr(" j42 map 91% (376/412) shuffle 60% reduce 11%"));
  EXPECT_THAT(SubmittedLine(Running(), 0),
              HasSubstr(" j42 wordcount submitted: 412 map, 16 reduce tasks, 25.7 GiB"));
}

TEST(DisplayWidth, Escapes_CountNothing) {
  EXPECT_EQ(DisplayWidth("\x1b[32m✓\x1b[0m ok"), 4u);
  EXPECT_EQ(CutToWidth("\x1b[32mabc\x1b[0m", 2), "\x1b[32mab\x1b[0m");
  EXPECT_EQ(CutToWidth("aé✓z", 3), "aé✓");
}

TEST(Table, Render_AlignsAndFillsEmptyCells) {
  Table table({{"JOB"}, {"MAP", true}, {"OUTPUT"}});
  table.Add({"j44", "120/412", "/data/é"});
  table.Add({"j4", "1/1", ""});
  EXPECT_EQ(table.Render(),
            "JOB      MAP  OUTPUT\n"
            "j44  120/412  /data/é\n"
            "j4       1/1  -\n");
}

}  // namespace
}  // namespace mr::submit
