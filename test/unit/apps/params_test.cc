#include <gtest/gtest.h>

#include <mr/test.hpp>

namespace {

using mr::View;

struct Shows : mr::MapOnly {
  mr::Param<std::string> text{"text", "some text", "a b"};
  mr::Param<int32_t> whole{"whole", "a whole number", -5};
  mr::Param<uint8_t> small{"small", "up to 255", 7};
  mr::Param<double> real{"real", "a number", 0.25};
  mr::Param<bool> flag{"flag", "yes or no", true};
  mr::Param<mr::Size> size{"size", "a size", mr::Size{1 << 20}};
  mr::Param<mr::Duration> wait{"wait", "a time", mr::Duration{1500}};
  void map(View, Out& out) {
    out.line(*text, ' ', *whole, ' ', *small, ' ', *real, ' ', *flag, ' ', size->bytes, ' ', wait->ms);
  }
};

TEST(Param, Defaults_AreDeclaredAndLoadBack) {
  EXPECT_EQ(mr::test::Run<Shows>().input("/in", "x\n").run().text(), "a b -5 7 0.25 true 1048576 1500\n");
  const mr_job_def& def = mr::test::DefOf<Shows>();
  ASSERT_EQ(def.param_count, 7u);
  std::string all;
  for (uint32_t i = 0; i < def.param_count; ++i) {
    all += std::string(def.params[i].name) + ":" + def.params[i].type + "=" + def.params[i].default_text + " ";
  }
  EXPECT_EQ(all, "text:string=a b whole:int=-5 small:int=7 real:float=0.25 flag:bool=true size:bytes=1048576 "
                 "wait:duration=1500ms ");
  EXPECT_STREQ(def.params[1].help, "a whole number");
}

TEST(Param, Given_ReplaceDefaults) {
  const auto r = mr::test::Run<Shows>()
                     .input("/in", "x\n")
                     .param("text", "").param("whole", "12").param("small", "255").param("real", "1e3")
                     .param("flag", "no").param("size", "2Ki").param("wait", "2m")
                     .run();
  EXPECT_EQ(r.text(), " 12 255 1000 false 2048 120000\n");
}

TEST(Param, Unreadable_IsFatalAndNamesIt) {
  const auto failure = [](const char* name, const char* value) {
    return mr::test::Run<Shows>().input("/in", "x\n").param(name, value).run().failure.value();
  };
  EXPECT_EQ(failure("whole", "many").kind, MR_FAIL_FATAL);
  EXPECT_EQ(failure("whole", "many").what, "parameter 'whole': 'many' is not an integer; pass another with -P whole=VALUE");
  EXPECT_NE(failure("small", "256").what.find("out of range"), std::string::npos);
  EXPECT_NE(failure("small", "-1").what.find("a whole number of 0 or more"), std::string::npos);
  EXPECT_NE(failure("flag", "perhaps").what.find("true or false"), std::string::npos);
  EXPECT_NE(failure("size", "big").what.find("a size such as"), std::string::npos);
  EXPECT_NE(failure("wait", "10").what.find("a duration such as"), std::string::npos);
}

TEST(Param, Required_MustBeGiven) {
  struct Needs : mr::MapOnly {
    mr::Param<int> n{"n", "how many"};
    void map(View, Out& out) { out.line(*n); }
  };
  EXPECT_EQ(mr::test::Run<Needs>().input("/in", "x\n").param("n", "3").run().text(), "3\n");
  const auto r = mr::test::Run<Needs>().input("/in", "x\n").run();
  EXPECT_EQ(r.failure.value().kind, MR_FAIL_FATAL);
  EXPECT_EQ(r.failure.value().what, "parameter 'n' (how many) is required: pass -P n=VALUE");
  EXPECT_EQ(mr::test::DefOf<Needs>().params[0].default_text, nullptr);
}

enum class By { kWord, kFile };

struct Chooses : mr::MapOnly {
  mr::Param<By> by{"by", "what to count", {{"word", By::kWord}, {"file", By::kFile}}, By::kFile};
  mr::Param<std::vector<std::string>> stop{"stop", "words to leave out", {"a", "the"}};
  mr::Param<std::vector<int>> sizes{"sizes", "some numbers", {}};
  void map(View, Out& out) {
    out.text(*by == By::kWord ? "word" : "file");
    for (const std::string& word : *stop) out.text(' ', word);
    for (const int n : *sizes) out.text(' ', n + 1);
    out.line(' ', stop->size());
  }
};

TEST(Param, ListsAndEnums_AreDeclaredAndLoaded) {
  EXPECT_EQ(mr::test::Run<Chooses>().input("/in", "x\n").run().text(), "file a the 2\n");
  EXPECT_EQ(mr::test::Run<Chooses>().input("/in", "x\n").param("by", "word").param("stop", "b").param("sizes", "1,-2")
                .run().text(), "word b 2 -1 1\n");
  EXPECT_EQ(mr::test::Run<Chooses>().input("/in", "x\n").param("stop", "").run().text(), "file 0\n");
  const mr_job_def& def = mr::test::DefOf<Chooses>();
  ASSERT_EQ(def.param_count, 3u);
  EXPECT_STREQ(def.params[0].default_text, "file");
  EXPECT_STREQ(def.params[0].help, "what to count");
  EXPECT_STREQ(def.params[0].type, "enum:word|file");
  EXPECT_STREQ(def.params[1].type, "list:string");
  EXPECT_STREQ(def.params[2].type, "list:int");
  EXPECT_STREQ(def.params[1].default_text, "a,the");
  EXPECT_STREQ(def.params[2].default_text, "");
}

TEST(Param, ListsAndEnums_NameWhatIsWrong) {
  const auto what = [](const char* name, const char* value) {
    return mr::test::Run<Chooses>().input("/in", "x\n").param(name, value).run().failure.value().what;
  };
  EXPECT_EQ(what("by", "line"), "parameter 'by': 'line' is not one of word, file; pass another with -P by=VALUE");
  EXPECT_EQ(what("sizes", "1,,2"), "parameter 'sizes': '' is not an integer; pass another with -P sizes=VALUE");
}

TEST(Param, RequiredListsAndEnums_MustBeGiven) {
  struct Needs : mr::MapOnly {
    mr::Param<By> by{"by", "what to count", {{"word", By::kWord}, {"file", By::kFile}}};
    void map(View, Out& out) { out.line(*by == By::kFile); }
  };
  EXPECT_EQ(mr::test::Run<Needs>().input("/in", "x\n").param("by", "file").run().text(), "true\n");
  EXPECT_EQ(mr::test::Run<Needs>().input("/in", "x\n").run().failure.value().what,
            "parameter 'by' (what to count) is required: pass -P by=VALUE");
}

TEST(Param, InAnAggregateMember_IsFoundToo) {
  struct Options {
    mr::Param<int> depth{"depth", "how deep", 2};
  };
  struct Nested : mr::MapOnly {
    Options options;
    void map(View, Out& out) { out.line(*options.depth); }
  };
  EXPECT_EQ(mr::test::Run<Nested>().input("/in", "x\n").param("depth", "4").run().text(), "4\n");
}

}  // namespace
