#include "worker/output/output_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/hash.h"
#include "test/support/fault_env.h"
#include "test/support/memory_env.h"
#include "test/unit/worker/output/output_test_util.h"
#include "worker/input/byte_source.h"
#include "worker/output/output_layout.h"

namespace mr::worker::test {
namespace {

using mr::test::Fault;
using mr::test::FaultEnv;
using mr::test::MemoryEnv;
using testing::HasSubstr;

// Several buffers long, so that the file is written in several steps.
std::string LongText() {
  std::string text;
  while (text.size() < (1u << 20) + 12'345) text += std::to_string(text.size()) + "\tvalue\n";
  return text;
}

class TemporaryDirectory {
 public:
  TemporaryDirectory() : path_(*CreateTemporaryDirectory(testing::TempDir() + "/mr-output-")) {}
  ~TemporaryDirectory() { [[maybe_unused]] const Status removed = PosixEnv().RemoveTree(path_); }
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

// ---- writing
// -------------------------------------------------------------------------------------------------

TEST(OutputWriter, Publish_OnARealFileSystem_GivesFilesTheirNames) {
  const TemporaryDirectory directory;
  Env& env = PosixEnv();
  const wire::JobConfig config = MakeConfig(directory.path() + "/a/out");
  const std::string text = LongText();
  const auto writer =
      WriteAttempt(env, config, MakeAttempt(1, 3), {{"", text}, {"errors", "bad\n"}});
  ASSERT_TRUE(writer.has_value()) << writer.error().text;
  EXPECT_EQ(*env.ListDirectory(config.output_dir), std::vector<std::string>{".millrace"});

  const auto files = (*writer)->Publish();
  ASSERT_TRUE(files.has_value()) << files.error().text;
  ASSERT_EQ(files->size(), 2u);
  EXPECT_EQ((*files)[0], (wire::OutputFile{"part-r-00003", text.size(), 1, Hash64(text)}));
  EXPECT_EQ((*files)[1], (wire::OutputFile{"errors-r-00003", 4, 1, Hash64("bad\n")}));
  EXPECT_TRUE(*ReadWholeFile(env, config.output_dir + "/part-r-00003") == text);
  ASSERT_TRUE(FinishJob(env, JobId{42}, config, Success(*files)).has_value());
  EXPECT_EQ(*env.ListDirectory(config.output_dir),
            (std::vector<std::string>{"_SUCCESS", "errors-r-00003", "part-r-00003"}));
}

TEST(OutputWriter, Publish_MapOnlyWithoutAnyOutput_StillHasAnEmptyMainFile) {
  MemoryEnv env;
  AttemptId attempt = MakeAttempt(0, 12);
  attempt.task.phase = Phase::kMap;
  const auto files = RunAttempt(env, MakeConfig("/out"), attempt, {});
  ASSERT_TRUE(files.has_value());
  EXPECT_EQ(files->front(), (wire::OutputFile{"part-m-00012", 0, 0, Hash64("")}));
  EXPECT_TRUE(env.Exists("/out/part-m-00012"));
}

TEST(OutputWriter, Append_InAnyPieces_MakesTheSameFile) {
  const std::string text = LongText();
  for (const auto compression :
       {wire::Compression::kNone, wire::Compression::kGzip, wire::Compression::kZstd}) {
    MemoryEnv env;
    wire::JobConfig config = MakeConfig("/out");
    config.output_compression = compression;
    const auto whole = RunAttempt(env, config, MakeAttempt(0, 0), {{"", text}});
    Outputs pieces;
    for (size_t at = 0; at < text.size(); at += 777) pieces.emplace_back("", text.substr(at, 777));
    const auto cut = RunAttempt(env, config, MakeAttempt(0, 1), pieces);
    ASSERT_TRUE(whole.has_value() && cut.has_value());
    EXPECT_EQ(whole->front().checksum, cut->front().checksum);
    EXPECT_EQ(whole->front().size_bytes, cut->front().size_bytes);
  }
}

TEST(OutputWriter, Publish_Compressed_CanBeReadAgain) {
  const std::string text = LongText();
  for (const auto& [compression, name] : {std::pair{wire::Compression::kGzip, "part-r-00000.gz"},
                                          {wire::Compression::kZstd, "part-r-00000.zst"}}) {
    MemoryEnv env;
    wire::JobConfig config = MakeConfig("/out");
    config.output_compression = compression;
    const auto files = RunAttempt(env, config, MakeAttempt(0), {{"", text}});
    ASSERT_TRUE(files.has_value());
    EXPECT_EQ(files->front().name, name);
    const std::string bytes = env.Read(std::string("/out/") + name);
    EXPECT_EQ(files->front().size_bytes, bytes.size());
    EXPECT_EQ(files->front().checksum, Hash64(bytes));
    EXPECT_LT(bytes.size(), text.size());
    wire::InputFile input;
    input.path = std::string("/out/") + name;
    input.compression = compression;
    const auto source = OpenByteSource(env, input, 0, CheckInput::kNo);
    std::string plain(text.size() + 1, '\0');
    size_t size = 0;
    for (size_t got = 1; got > 0; size += got)
      got = *(*source)->Read({plain.data() + size, plain.size() - size});
    EXPECT_TRUE(plain.substr(0, size) == text);
  }
}

TEST(OutputWriter, Create_RefusesWhatItCannotDo) {
  MemoryEnv env;
  wire::JobConfig lz4 = MakeConfig("/out");
  lz4.output_compression = wire::Compression::kLz4;
  EXPECT_EQ(OutputWriter::Create(env, lz4, MakeAttempt(0)).error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(OutputWriter::Create(env, MakeConfig(""), MakeAttempt(0)).error().code,
            ErrorCode::kInvalidArgument);
  env.Write("/file", "x");
  EXPECT_FALSE(OutputWriter::Create(env, MakeConfig("/file"), MakeAttempt(0)).has_value());
}

TEST(OutputWriter, Named_BadNames_AreRefused) {
  MemoryEnv env;
  const auto writer = OutputWriter::Create(env, MakeConfig("/out"), MakeAttempt(0));
  for (const char* name : {"", "part", "_x", ".x", "a/b", "a-b", "a b", "\xc3\xa4"}) {
    const auto file = (*writer)->Named(name);
    ASSERT_FALSE(file.has_value()) << name;
    EXPECT_EQ(file.error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_FALSE((*writer)->Named(std::string(101, 'a')).has_value());
  EXPECT_TRUE((*writer)->Named("a.b_C9").has_value());
  EXPECT_EQ(*(*writer)->Named("again"), *(*writer)->Named("again"));
}

TEST(OutputWriter, Named_TooMany_AreRefused) {
  MemoryEnv env;
  const auto writer = OutputWriter::Create(env, MakeConfig("/out"), MakeAttempt(0));
  for (int i = 0; i < 256; ++i) ASSERT_TRUE((*writer)->Named("n" + std::to_string(i)).has_value());
  EXPECT_THAT((*writer)->Named("more").error().text, HasSubstr("256"));
}

TEST(OutputWriter, Append_NoSpace_IsReportedThenAndLater) {
  MemoryEnv memory;
  FaultEnv env(memory);
  env.LimitSpace(700'000);
  const auto writer = OutputWriter::Create(env, MakeConfig("/out"), MakeAttempt(0));
  const std::string text = LongText();
  ASSERT_EQ((*writer)->Main().Append(text).error().code, ErrorCode::kNoSpace);
  env.Heal();
  EXPECT_EQ((*writer)->Main().Append("more").error().code, ErrorCode::kNoSpace);
  EXPECT_EQ((*writer)->Finish().error().code, ErrorCode::kNoSpace);
}

TEST(OutputWriter, Destructor_Unpublished_LeavesNothing) {
  MemoryEnv env;
  ASSERT_TRUE(env.CreateDirectories("/out").has_value());
  ASSERT_TRUE(WriteAttempt(env, MakeConfig("/out"), MakeAttempt(0), {{"", "x\n"}}).has_value());
  EXPECT_EQ(env.Tree("/"), (Tree{{"/out/", ""}}));
}

// ---- publishing
// ------------------------------------------------------------------------------------------------

TEST(OutputWriter, Publish_AfterAnEarlierAttempt_AdoptsWhatThatOnePublished) {
  MemoryEnv env;
  const wire::JobConfig config = MakeConfig("/out");
  const auto first = WriteAttempt(env, config, MakeAttempt(0), {{"", "first"}, {"", "\n"}});
  const auto second = WriteAttempt(env, config, MakeAttempt(1), {{"", "second\n"}});
  const auto published = (*first)->Publish();
  const auto adopted = (*second)->Publish();
  ASSERT_TRUE(published.has_value() && adopted.has_value());
  EXPECT_EQ(*published, *adopted);
  EXPECT_EQ(adopted->front().record_count, 2u);
  EXPECT_EQ(env.Read("/out/part-r-00000"), "first\n");
}

TEST(OutputWriter, Publish_Twice_GivesTheSameAnswer) {
  MemoryEnv env;
  const auto writer = WriteAttempt(env, MakeConfig("/out"), MakeAttempt(0), {{"", "x\n"}});
  const auto once = (*writer)->Publish();
  EXPECT_EQ(once, (*writer)->Publish());
}

TEST(OutputWriter, Publish_OverAForeignOrDamagedFile_IsRefused) {
  MemoryEnv env;
  const wire::JobConfig config = MakeConfig("/out");
  const auto writer = WriteAttempt(env, config, MakeAttempt(0), {{"", "ours\n"}});
  env.Write("/out/part-r-00000", "from somebody else\n");
  const auto published = (*writer)->Publish();
  ASSERT_FALSE(published.has_value());
  EXPECT_EQ(published.error().code, ErrorCode::kAlreadyExists);
  EXPECT_THAT(published.error().text, HasSubstr("/out/part-r-00000"));
  EXPECT_EQ(env.Read("/out/part-r-00000"), "from somebody else\n");
}

TEST(OutputWriter, Publish_AfterTheJobIsOver_IsFencedAndLeavesNothing) {
  for (const bool success : {true, false}) {
    MemoryEnv env;
    const wire::JobConfig config = MakeConfig("/out");
    auto zombie = WriteAttempt(env, config, MakeAttempt(0, 5), {{"", "zombie\n"}});
    const auto files = RunAttempt(env, config, MakeAttempt(1), {{"", "x\n"}});
    ASSERT_TRUE(
        FinishJob(env, JobId{42}, config, success ? Success(*files) : Failure(*files)).has_value());
    const Tree finished = env.Tree("/");
    EXPECT_EQ((*zombie)->Publish().error().code, ErrorCode::kFenced);
    zombie->reset();
    EXPECT_EQ(env.Tree("/"), finished);
  }
}

TEST(OutputWriter, Publish_OfAnotherJobWithTheSameId_DoesNotAdoptItsLeftovers) {
  MemoryEnv env;
  wire::JobConfig config = MakeConfig("/out", true);
  ASSERT_TRUE(
      RunAttempt(env, config, MakeAttempt(0), {{"", "of a run that was killed\n"}}).has_value());
  config.output_nonce = 0xdef;
  const auto files = RunAttempt(env, config, MakeAttempt(0), {{"", "new\n"}});
  ASSERT_TRUE(files.has_value());
  EXPECT_EQ(files->front().checksum, Hash64("new\n"));
}

// ---- lesson 6
// ---------------------------------------------------------------------------------------------------

struct CrashCase {
  Fault fault;
  bool power_loss;
};

// One attempt is cut off at every call it makes; then a second one does the task, and the job is
// finished.
TEST(OutputWriter, Lesson06_CrashAtEveryCall_FinalNameIsAbsentOrWhole) {
  const wire::JobConfig config = MakeConfig("/out");
  const std::string text = LongText();
  const Outputs outputs{{"", text}, {"errors", "bad\n"}};
  MemoryEnv dry;
  FaultEnv counting(dry);
  ASSERT_TRUE(RunAttempt(counting, config, MakeAttempt(0), outputs).has_value());
  const uint64_t calls = counting.call_count();
  ASSERT_GT(calls, 15u);

  for (const CrashCase& crash :
       {CrashCase{Fault::kFail, false}, CrashCase{Fault::kTorn, false},
        CrashCase{Fault::kFailAfter, false}, CrashCase{Fault::kFail, true}}) {
    for (uint64_t call = 1; call <= calls + 1; ++call) {
      SCOPED_TRACE(testing::Message()
                   << "call " << call << " fault " << static_cast<int>(crash.fault));
      MemoryEnv memory;
      FaultEnv env(memory);
      env.CrashAt(call, crash.fault);
      const bool published = RunAttempt(env, config, MakeAttempt(0), outputs).has_value();
      if (crash.power_loss) memory.LosePower();
      ASSERT_EQ(published, call > calls);
      for (const auto& [name, content] : outputs) {
        const std::string path = "/out/" + (name.empty() ? "part" : name) + "-r-00000";
        ASSERT_TRUE(memory.Exists(path) ? memory.Read(path) == content : !published);
      }
      const auto files = RunAttempt(memory, config, MakeAttempt(1), outputs);
      ASSERT_TRUE(files.has_value()) << files.error().text;
      ASSERT_EQ((*files)[0], (wire::OutputFile{"part-r-00000", text.size(), 1, Hash64(text)}));
      const wire::FinishWork work = Success(*files);
      ASSERT_TRUE(FinishJob(memory, JobId{42}, config, work).has_value());
      ASSERT_TRUE(memory.Tree("/") == (Tree{{"/out/_SUCCESS", work.manifest_json},
                                            {"/out/errors-r-00000", "bad\n"},
                                            {"/out/part-r-00000", text}}));
    }
  }
}

// The first attempt has an output that the second has not; it was published and must not stay.
TEST(OutputWriter, Lesson06_OutputsOfALoser_AreNotVisibleInTheEnd) {
  MemoryEnv memory;
  const wire::JobConfig config = MakeConfig("/out");
  ASSERT_TRUE(
      RunAttempt(memory, config, MakeAttempt(0), {{"", "x\n"}, {"errors", "bad\n"}}).has_value());
  const auto files = RunAttempt(memory, config, MakeAttempt(1), {{"", "x\n"}});
  ASSERT_TRUE(FinishJob(memory, JobId{42}, config, Success(*files)).has_value());
  EXPECT_EQ(memory.Tree("/"),
            (Tree{{"/out/_SUCCESS", Success({}).manifest_json}, {"/out/part-r-00000", "x\n"}}));
}

TEST(OutputWriter, Lesson06_PowerLossAfterPublish_LosesNothing) {
  MemoryEnv env;
  ASSERT_TRUE(RunAttempt(env, MakeConfig("/out"), MakeAttempt(0), {{"", "x\n"}}).has_value());
  env.LosePower();
  EXPECT_EQ(env.Read("/out/part-r-00000"), "x\n");
}

// ---- announcements
// -----------------------------------------------------------------------------------------------

TEST(OutputLayout, ParseAnnouncement_ReadsWhatFormatWrote_AndSkipsWhatIsTorn) {
  const std::vector<wire::OutputFile> files{{"part-r-00001", 10, 2, ~uint64_t{0}},
                                            {"errors-r-00001.gz", 0, 0, 1}};
  const std::string text = FormatAnnouncement(files);
  EXPECT_EQ(ParseAnnouncement(text), files);
  EXPECT_EQ(ParseAnnouncement(text.substr(0, text.size() - 1)).size(), 1u);
  EXPECT_TRUE(ParseAnnouncement("one two\n1 2 x name\n").empty());
}

}  // namespace
}  // namespace mr::worker::test
