#include "worker/task/plugin_gate.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "common/base/random.h"
#include "common/base/strings.h"
#include "worker/task/app_library.h"
#include "worker/task/describe.h"
#include "worker/task/elf_file.h"

namespace mr::worker {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string PluginPath(const std::string& name) {
  return StrCat(MR_TEST_PLUGIN_DIR, "/", name, ".so");
}

class PluginGate : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = *CreateTemporaryDirectory(JoinPath(::testing::TempDir(), "gate-"));
    good_ = *ReadWholeFile(PosixEnv(), PluginPath("test_plugin"));
  }
  void TearDown() override { ASSERT_TRUE(PosixEnv().RemoveTree(directory_)); }

  std::string Write(std::string_view bytes) {
    const std::string path = JoinPath(directory_, "plugin.so");
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    EXPECT_TRUE(PosixEnv().SetMode(path, 0644));
    return path;
  }
  // The good plugin with its ABI tag changed.
  template <class Change>
  std::string WithTag(Change change) {
    std::string bytes = good_;
    const auto elf = ElfFile::Open(PosixEnv(), PluginPath("test_plugin"));
    const ElfFile::Section* section = elf->FindSection(MR_ABI_TAG_SECTION);
    mr_abi_tag tag;
    std::memcpy(&tag, bytes.data() + section->offset, sizeof tag);
    change(tag);
    std::memcpy(bytes.data() + section->offset, &tag, sizeof tag);
    return Write(bytes);
  }
  std::string Refusal(const std::string& path, const HostAbi& host) {
    const auto inspected = InspectPlugin(PosixEnv(), path, "my.so", host);
    EXPECT_FALSE(inspected.has_value());
    return inspected ? "" : inspected.error().text;
  }
  std::string Refusal(const std::string& path) { return Refusal(path, ThisHost(PosixEnv())); }

  std::string directory_;
  std::string good_;
};

TEST_F(PluginGate, Inspect_AcceptsGoodPlugin) {
  const auto tag =
      InspectPlugin(PosixEnv(), PluginPath("test_plugin"), "my.so", ThisHost(PosixEnv()));
  ASSERT_TRUE(tag) << tag.error().text;
  EXPECT_STREQ(tag->sdk_version, "0.1.0");
}

TEST_F(PluginGate, Lesson01_OtherAbiVersionNamesBothSides) {
  const std::string path = WithTag([](mr_abi_tag& tag) { tag.abi_major = 2; });
  EXPECT_THAT(Refusal(path), AllOf(HasSubstr("my.so speaks plugin ABI 2.0"),
                                   HasSubstr("speaks 1.0"), HasSubstr("rebuild it")));
}

TEST_F(PluginGate, Lesson01_NewerMinorIsRefused) {
  const std::string path = WithTag([](mr_abi_tag& tag) { tag.abi_minor = MR_ABI_MINOR + 1; });
  EXPECT_THAT(Refusal(path), HasSubstr("speaks plugin ABI 1.1"));
}

TEST_F(PluginGate, Lesson01_OtherStructSizes) {
  const std::string path = WithTag([](mr_abi_tag& tag) { tag.job_def_size += 8; });
  EXPECT_THAT(Refusal(path), HasSubstr("other struct sizes"));
}

TEST_F(PluginGate, Lesson01_DebugStl) {
  HostAbi host = ThisHost(PosixEnv());
  host.flags = 0;
  const std::string path = WithTag([](mr_abi_tag& tag) { tag.flags = MR_FLAG_DEBUG_STL; });
  EXPECT_THAT(Refusal(path, host),
              AllOf(HasSubstr("-D_GLIBCXX_DEBUG"), HasSubstr("this Millrace without")));
}

TEST_F(PluginGate, Lesson01_Sanitizers) {
  HostAbi host = ThisHost(PosixEnv());
  host.flags = 0;
  const std::string asan = WithTag([](mr_abi_tag& tag) { tag.flags = MR_FLAG_ASAN; });
  EXPECT_THAT(Refusal(asan, host),
              AllOf(HasSubstr("-fsanitize=address"), HasSubstr("preset asan")));
  const std::string tsan = WithTag([](mr_abi_tag& tag) { tag.flags = MR_FLAG_TSAN; });
  EXPECT_THAT(Refusal(tsan, host), HasSubstr("-fsanitize=thread"));
}

TEST_F(PluginGate, Lesson01_MissingEntrySuggestsMrJob) {
  EXPECT_THAT(Refusal(PluginPath("test_plugin_no_entry")),
              AllOf(HasSubstr("does not export mr_plugin_entry"), HasSubstr("MR_JOB")));
}

TEST_F(PluginGate, Lesson01_UndefinedSymbolIsNamed) {
  const auto app = AppLibrary::Load(PosixEnv(), PluginPath("test_plugin_undefined"), "my.so");
  ASSERT_FALSE(app.has_value());
  EXPECT_THAT(app.error().text, AllOf(HasSubstr("my.so cannot be loaded: undefined symbol"),
                                      HasSubstr("a_function_that_nobody_defines")));
}

TEST_F(PluginGate, Lesson01_WrongMachineNamesBothSides) {
  std::string bytes = good_;
  const uint16_t other = HostMachine() == EM_AARCH64 ? EM_X86_64 : EM_AARCH64;
  std::memcpy(bytes.data() + offsetof(Elf64_Ehdr, e_machine), &other, sizeof other);
  EXPECT_THAT(Refusal(Write(bytes)),
              AllOf(HasSubstr(MachineName(other)), HasSubstr(MachineName(HostMachine()))));
}

TEST_F(PluginGate, Lesson01_NotElf) {
  EXPECT_THAT(Refusal(Write("#!/bin/sh\necho hello\n")), HasSubstr("is not an ELF shared object"));
  EXPECT_THAT(Refusal(Write("")), HasSubstr("is not an ELF shared object"));
}

TEST_F(PluginGate, Lesson01_TruncatedAnywhereIsRefused) {
  for (size_t length = 0; length < good_.size(); length += 1 + good_.size() / 97) {
    EXPECT_FALSE(Refusal(Write(std::string_view(good_).substr(0, length))).empty()) << length;
  }
  EXPECT_FALSE(Refusal(Write(std::string_view(good_).substr(0, good_.size() - 1))).empty());
}

TEST_F(PluginGate, Lesson01_NewerLibrariesThanThisMachine) {
  HostAbi host = ThisHost(PosixEnv());
  host.glibc = "1.0";
  EXPECT_THAT(Refusal(PluginPath("test_plugin"), host),
              AllOf(HasSubstr("needs glibc 2."), HasSubstr("this machine has 1.0")));
}

TEST_F(PluginGate, Inspect_WorldWritable) {
  const std::string path = Write(good_);
  ASSERT_TRUE(PosixEnv().SetMode(path, 0666));
  EXPECT_THAT(Refusal(path), HasSubstr("chmod o-w"));
}

TEST_F(PluginGate, Inspect_DirectoryAndMissingFile) {
  EXPECT_THAT(Refusal(directory_), HasSubstr("is not a regular file"));
  const auto missing =
      InspectPlugin(PosixEnv(), JoinPath(directory_, "none.so"), "none.so", HostAbi{});
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
}

TEST_F(PluginGate, Inspect_FlippedBytesNeverCrash) {
  Random random(7);
  const HostAbi host = ThisHost(PosixEnv());
  for (int round = 0; round < 300; ++round) {
    std::string bytes = good_;
    for (int flips = 0; flips < 8; ++flips) {
      // Half of them in the header and the section table, where they hurt.
      const size_t area = random.Chance(0.5) ? bytes.size() : 2048;
      const size_t at = random.Chance(0.5) ? random.Below(area) % bytes.size()
                                           : bytes.size() - 1 - random.Below(area) % bytes.size();
      bytes[at] = static_cast<char>(random.Next());
    }
    const std::string path = Write(bytes);
    [[maybe_unused]] const auto inspected = InspectPlugin(PosixEnv(), path, "my.so", host);
    if (const auto elf = ElfFile::Open(PosixEnv(), path)) [[maybe_unused]]
      const auto found = elf->FunctionAt(0x1100);
  }
}

TEST(AppLibrary, FindJob_NamesAndSuggests) {
  const auto app = AppLibrary::Load(PosixEnv(), PluginPath("test_plugin"), "my.so");
  ASSERT_TRUE(app) << app.error().text;
  EXPECT_TRUE((*app)->FindJob(""));
  EXPECT_TRUE((*app)->FindJob("prefixes"));
  const auto wrong = (*app)->FindJob("prefixs");
  ASSERT_FALSE(wrong.has_value());
  EXPECT_THAT(wrong.error().text, HasSubstr("did you mean prefixes?"));
  EXPECT_THAT(DescribeJson(**app, "my.so", "3f9c", false),
              AllOf(HasSubstr(R"("name":"prefixes")"), HasSubstr(R"("default":"ok")"),
                    HasSubstr(R"("map_only":false)")));
}

TEST(AppLibrary, CheckJobDef_RefusesIncompleteTables) {
  const auto app = AppLibrary::Load(PosixEnv(), PluginPath("test_plugin"), "my.so");
  ASSERT_TRUE(app);
  mr_job_def job = *(*app)->jobs().front();
  ASSERT_TRUE(CheckJobDef(job));
  job.reduce = nullptr;
  EXPECT_THAT(CheckJobDef(job).error().text, HasSubstr("without reduce()"));
  job.flags = MR_JOB_MAP_ONLY;
  EXPECT_TRUE(CheckJobDef(job));
  job.map = nullptr;
  EXPECT_THAT(CheckJobDef(job).error().text, HasSubstr("without map()"));
  job.size = 8;
  EXPECT_THAT(CheckJobDef(job).error().text, HasSubstr("job table of 8 bytes"));
}

TEST(AppLibrary, DemangleAll_ReplacesNamesInText) {
  EXPECT_EQ(DemangleAll("undefined symbol: _ZN3foo3barEi (x)"),
            "undefined symbol: foo::bar(int) (x)");
  EXPECT_EQ(DemangleAll("a_Z b _Zzz"), "a_Z b _Zzz");
}

}  // namespace
}  // namespace mr::worker
