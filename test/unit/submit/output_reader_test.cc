#include "submit/output_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <zlib.h>
#include <zstd.h>

#include "submit/child_process.h"
#include "temporary_tree.h"

namespace mr::submit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Gzip(const std::string& text) {
  std::string out(text.size() + 100, '\0');
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string Zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

std::string ReadAll(const std::string& path) {
  std::string text;
  const Status read = ReadOutputFile(PosixEnv(), path, [&](std::string_view bytes) {
    text += bytes;
    return true;
  });
  return read ? text : "error: " + read.error().text;
}

TEST(OutputParts, Parts_InOrderAndByNumber) {
  TemporaryTree tree;
  for (const char* name :
       {"o/part-r-00001.gz", "o/part-r-00000.gz", "o/_SUCCESS", "o/errors-r-00000"})
    tree.Write(name, "");

  EXPECT_THAT(*OutputParts(PosixEnv(), tree.Path("o"), std::nullopt),
              ElementsAre(tree.Path("o/part-r-00000.gz"), tree.Path("o/part-r-00001.gz")));
  EXPECT_THAT(*OutputParts(PosixEnv(), tree.Path("o"), 1),
              ElementsAre(tree.Path("o/part-r-00001.gz")));
  EXPECT_EQ(OutputParts(PosixEnv(), tree.Path("o"), 2).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(OutputParts(PosixEnv(), tree.Path("no"), std::nullopt).error().code,
            ErrorCode::kNotFound);
}

TEST(ReadOutputFile, Formats_GiveTheSameBytes) {
  TemporaryTree tree;
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "word " + std::to_string(i) + "\n";
  EXPECT_EQ(ReadAll(tree.Write("plain", text)), text);
  EXPECT_EQ(ReadAll(tree.Write("a.gz", Gzip(text))), text);
  EXPECT_EQ(ReadAll(tree.Write("two.gz", Gzip(text) + Gzip("end"))), text + "end");
  EXPECT_EQ(ReadAll(tree.Write("a.zst", Zstd(text) + Zstd("end"))), text + "end");
  EXPECT_EQ(ReadAll(tree.Write("empty.gz", "")), "");
}

TEST(ReadOutputFile, Damage_IsToldNotHidden) {
  TemporaryTree tree;
  const std::string gzip = Gzip(std::string(10'000, 'x'));
  const std::string zstd = Zstd(std::string(10'000, 'x'));
  EXPECT_THAT(ReadAll(tree.Write("cut.gz", gzip.substr(0, gzip.size() / 2))),
              HasSubstr("ends too early"));
  EXPECT_THAT(ReadAll(tree.Write("cut.zst", zstd.substr(0, zstd.size() - 1))),
              HasSubstr("ends too early"));
  EXPECT_THAT(ReadAll(tree.Write("bad.gz", "not gzip at all")), HasSubstr("damaged"));
}

TEST(RunCaptured, Child_OutputsAndExitCode) {
  const auto run =
      RunCaptured({"/bin/sh", "-c", "echo out; echo err >&2; exit 3"}, std::chrono::seconds(20));
  ASSERT_TRUE(run.has_value()) << run.error().text;
  EXPECT_EQ(run->out, "out\n");
  EXPECT_EQ(run->err, "err\n");
  EXPECT_EQ(run->exit_code, 3);
  EXPECT_EQ(RunCaptured({"/bin/sh", "-c", "kill -SEGV $$"}, std::chrono::seconds(20))->exit_code,
            139);
  EXPECT_EQ(RunCaptured({"/no/such/program"}, std::chrono::seconds(1)).error().code,
            ErrorCode::kNotFound);
  EXPECT_EQ(RunCaptured({"/bin/sh", "-c", "sleep 60"}, std::chrono::milliseconds(50)).error().code,
            ErrorCode::kTimeout);
}

TEST(ChildProcess, Start_EndsWithItsOwner) {
  pid_t pid = 0;
  {
    auto child = ChildProcess::Start({"/bin/sh", "-c", "sleep 60"}, "");
    ASSERT_TRUE(child.has_value()) << child.error().text;
    pid = child->pid();
    EXPECT_FALSE(child->HasEnded());
    EXPECT_FALSE(child->WaitUntil(std::chrono::steady_clock::now()));
  }
  EXPECT_NE(::kill(pid, 0), 0);
}

}  // namespace
}  // namespace mr::submit
