#include "worker/userjob/output_sinks.h"

#include <gtest/gtest.h>

#include <map>

#include "test/unit/worker/testutil/c_jobs.h"

namespace mr::worker::test {
namespace {

// Keeps what is written.
class FakeWriter final : public OutputWriter {
 public:
  struct FakeFile final : File {
    std::string bytes;
    uint64_t records = 0;
    Status fails;
    Status Append(std::string_view piece) override {
      if (fails) bytes += piece;
      return fails;
    }
    void CountRecords(uint64_t count) override { records += count; }
  };
  File& Main() override { return files[""]; }
  Result<File*> Named(std::string_view name) override {
    if (name == "bad/name") return Fail(ErrorCode::kInvalidArgument, "bad name");
    return &files[std::string(name)];
  }
  Status Finish() override { return {}; }
  Result<std::vector<wire::OutputFile>> Publish() override { return std::vector<wire::OutputFile>(); }

  std::map<std::string, FakeFile> files;
};

class OutputSinksTest : public ::testing::Test {
 protected:
  OutputSinksTest() : fixture_(scratch_.path()) {}
  ScratchDirectory scratch_;
  AttemptFixture fixture_;
  FakeWriter writer_;
};

TEST_F(OutputSinksTest, Finish_CountsLinesOfAllFiles) {
  OutputSinks sinks(writer_, fixture_.context, true);
  mr_sink& main = sinks.main();
  Write(&main, "a\t1\nb\t2\n");
  mr_sink* errors = main.named(&main, {"errors", 6});
  ASSERT_NE(errors, nullptr);
  EXPECT_EQ(main.named(&main, {"errors", 6}), errors);
  Write(errors, "broken\n");

  ASSERT_TRUE(sinks.Finish(99).has_value());

  EXPECT_EQ(writer_.files[""].bytes, "a\t1\nb\t2\n");
  EXPECT_EQ(writer_.files[""].records, 2u);
  EXPECT_EQ(writer_.files["errors"].bytes, "broken\n");
  EXPECT_EQ(writer_.files["errors"].records, 1u);
  EXPECT_EQ(fixture_.context.counters["mr.output_records"], 3);
  EXPECT_EQ(fixture_.context.counters["mr.output_bytes"], 15);
}

TEST_F(OutputSinksTest, Finish_RawFilesCountWhatTheCallerSays) {
  OutputSinks sinks(writer_, fixture_.context, false);
  Write(&sinks.main(), "\n\n\n");
  ASSERT_TRUE(sinks.Finish(7).has_value());
  EXPECT_EQ(writer_.files[""].records, 7u);
  EXPECT_EQ(fixture_.context.counters["mr.output_records"], 7);
}

TEST_F(OutputSinksTest, Named_ABadNameIsTheUsersFault) {
  OutputSinks sinks(writer_, fixture_.context, true);
  EXPECT_EQ(sinks.main().named(&sinks.main(), {"bad/name", 8}), nullptr);
  auto sound = sinks.Check();
  ASSERT_FALSE(sound.has_value());
  EXPECT_EQ(sound.error().cause, wire::FailureCause::kBadOutput);
}

TEST_F(OutputSinksTest, Check_TellsAFullDisk) {
  OutputSinks sinks(writer_, fixture_.context, true);
  writer_.files[""].fails = Fail(ErrorCode::kNoSpace, "no space left");
  Write(&sinks.main(), "x\n");
  EXPECT_EQ(Write(&sinks.main(), std::string(300'000, 'x')), MR_STOP);  // more than a window
  ASSERT_FALSE(sinks.Check().has_value());
  EXPECT_EQ(sinks.Finish(0).error().cause, wire::FailureCause::kDiskFull);
}

}  // namespace
}  // namespace mr::worker::test
