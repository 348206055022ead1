// using Input and Output = mr::Csv, mr::JsonLines, mr::KeyValueFile.
#include <gtest/gtest.h>

#include <mr/test.hpp>
#include <nlohmann/json.hpp>
#include <tuple>

namespace {

using mr::View;

struct ShowsCsv : mr::MapOnly {
  using Input = mr::Csv;
  void map(const mr::CsvRow& row, Out& out) {
    for (View field : row) out.text('<', field, '>');
    out.line();
  }
};

std::string Csv(const std::string& line) {
  return mr::test::Run<ShowsCsv>().input("/in", line + "\n").run().text();
}

TEST(Csv, Fields_AreCutAtCommas) {
  EXPECT_EQ(Csv("a,b c,"), "<a><b c><>\n");
  EXPECT_EQ(Csv(""), "<>\n");
  EXPECT_EQ(Csv(",x\r"), "<><x>\n");
}

TEST(Csv, Quotes_AreTakenOff) {
  EXPECT_EQ(Csv(R"("a,b",c)"), "<a,b><c>\n");
  EXPECT_EQ(Csv(R"("say ""hi""","","""")"), "<say \"hi\"><><\">\n");
  EXPECT_EQ(Csv(R"(5" pipe,"x",)"), "<5\" pipe><x><>\n") << "a quote within a plain field is one";
}

TEST(Csv, Damaged_IsABadRecord) {
  const auto open = mr::test::Run<ShowsCsv>().input("/in", "a,\"b\nc\",d\n").run().failure.value();
  EXPECT_EQ(open.kind, MR_FAIL_BAD_RECORD);
  EXPECT_EQ(open.record, "a,\"b");
  EXPECT_NE(open.what.find("cannot hold a line end"), std::string::npos) << open.what;
  EXPECT_NE(Csv(R"("a"b,c)").find("a comma is missing behind the closing quote, at 'b,c'"), std::string::npos);
}

struct Prices : mr::Job<View, double> {
  using Input = mr::Csv;
  using Output = mr::JsonLines;
  void map(const mr::CsvRow& row, Emit& emit) {
    if (task().record_offset() > 0) emit(row[0], mr::to<double>(row[2]));
  }
  using Reduce = mr::Min;
};

TEST(Csv, Job_GroupsFieldsAndSkipsTheHeadLine) {
  const std::string table = "product,shop,price\ntea,a,2.5\n\"tea\",b,1.5\ncoffee,a,4\n";
  EXPECT_EQ(mr::test::Run<Prices>().input("/in", table).run().sorted_text(),
            "{\"key\":\"coffee\",\"value\":4}\n{\"key\":\"tea\",\"value\":1.5}\n");
  EXPECT_TRUE(mr::test::laws<Prices>({{"/in", table, ""}}).ok);
  const auto missing = mr::test::Run<Prices>().input("/in", "h\ntea,a\n").run().failure.value();
  EXPECT_EQ(missing.kind, MR_FAIL_BAD_RECORD);
  EXPECT_EQ(missing.what, "there is no field 2 (from 0): the line has 2");
}

struct ShowsJson : mr::MapOnly {
  using Input = mr::JsonLines;
  void map(const mr::JsonObject& row, Out& out) {
    out.line(row.get<View>("s", "-"), '|', row.get<int64_t>("n", -1), '|', row.get<bool>("b", false), '|', row.raw("o"));
  }
};

std::string Json(const std::string& line) {
  return mr::test::Run<ShowsJson>().input("/in", line + "\n").run().text();
}

TEST(JsonObject, Members_AreFoundByName) {
  EXPECT_EQ(Json(R"({"s":"x","n":-12,"b":true,"o":{"s":"inner \"]","a":[1,{}]}})"),
            "x|-12|true|{\"s\":\"inner \\\"]\",\"a\":[1,{}]}\n");
  EXPECT_EQ(Json(R"( { "n" : 1 , "s" : null } )"), "-|1|false|\n");
  EXPECT_EQ(Json("{}"), "-|-1|false|\n");
  EXPECT_EQ(Json(R"({"n":1,"n":2})"), "-|2|false|\n") << "the last counts";
}

TEST(JsonObject, Escapes_AreUndone) {
  EXPECT_EQ(Json(R"({"\u0073":"a\"\\\/\b\f\n\r\té\u00e9\u20ac\ud83d\ude00","o":"\n"})"),
            "a\"\\/\b\f\n\r\té\u00e9\u20ac\U0001f600|-1|false|\"\\n\"\n");
  EXPECT_EQ(Json(R"({"s":"\ud83d!\ude00"})"), "\ufffd!\ufffd|-1|false|\n");
}

TEST(JsonObject, Damaged_IsABadRecord) {
  for (const char* line : {"", "[]", "{", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\":1} x", "{\"a\":[1}", "{\"a\":\"b}",
                           "{\"a\":tru}", "{\"a\":\"\\x\"}", "{\"a\":\"\\u12\"}", "{\"a\":nan}", "{\"a\":-inf}", "{\"a\":-}", "{\"a\":[1", "{'a':1}"}) {
    const auto r = mr::test::Run<ShowsJson>().input("/in", std::string(line) + "\n").run();
    ASSERT_TRUE(r.failure) << line;
    EXPECT_EQ(r.failure->kind, MR_FAIL_BAD_RECORD) << line;
    EXPECT_NE(r.failure->what.find("not a JSON object"), std::string::npos) << r.failure->what;
  }
}

// Whatever it is given, it reads what it says it reads, or refuses it: against a real parser.
TEST(JsonObject, CutOff_NeverReadsBeyondItsEnd) {
  const std::string whole = R"({"s":"\u20ac\"x","n":12,"b":false,"o":[{"a":"]"},null,1.5e3]})";
  for (size_t n = 0; n < whole.size(); ++n) {
    const std::vector<char> copy(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
    mr::JsonObject object;
    EXPECT_THROW(object.parse(View(copy.data(), copy.size())), mr::BadRecord) << n;
  }
  mr::JsonObject object;
  object.parse(whole);
  EXPECT_EQ(object.get<std::string>("s"), nlohmann::json::parse(whole)["s"].get<std::string>());
}

TEST(JsonObject, Get_OfWhatIsNotThere_NamesIt) {
  mr::JsonObject object;
  object.parse(R"({"a":null,"b":"x"})");
  const auto message = [&](const char* name) -> std::string {
    try {
      return std::to_string(object.get<int>(name));
    } catch (const mr::BadRecord& e) {
      return e.what();
    }
  };
  EXPECT_EQ(message("a"), "the object has no 'a': it is null");
  EXPECT_EQ(message("c"), "the object has no 'c'");
  EXPECT_EQ(message("b"), "'x' is not an integer");
  EXPECT_TRUE(object.has("a"));
  EXPECT_FALSE(object.has("c"));
}

// Writes both fields of "key,value" lines as they are.
struct Keeps : mr::Job<std::string, std::string> {
  using Output = mr::KeyValueFile;
  void map(View line, Emit& emit) {
    if (line == "odd") return emit(std::string("a\tb\\t\r"), std::string("\0\n\\", 3));
    emit(std::string(line), std::string());
  }
  using Reduce = mr::Identity;
};
struct Reads : mr::Job<std::string, std::string> {
  using Input = mr::KeyValueFile;
  void map(View key, View value, Emit& emit) { emit(std::string(key), std::string(value)); }
  using Reduce = mr::Identity;
};

TEST(KeyValueFile, Written_ComesBackAsItWas) {
  const std::string text = mr::test::Run<Keeps>().input("/in", "odd\nplain\n").partitions(1).run().text();
  EXPECT_EQ(text, std::string("a\\tb\\\\t\\r\t\0\\n\\\\\nplain\t\n", 23));
  const auto pairs = mr::test::Run<Reads>().input("/in", text).emitted();
  ASSERT_EQ(pairs.size(), 2u);
  EXPECT_EQ(pairs[0], std::pair(std::string("a\tb\\t\r"), std::string("\0\n\\", 3)));
  EXPECT_EQ(pairs[1], std::pair(std::string("plain"), std::string()));
}

TEST(KeyValueFile, PlainTsv_IsReadToo) {
  const auto pairs = mr::test::Run<Reads>().input("/in", "a\tb\tc\nonly key\nC:\\dir\\\t\n").emitted();
  ASSERT_EQ(pairs.size(), 3u);
  EXPECT_EQ(pairs[0], std::pair(std::string("a"), std::string("b\tc")));
  EXPECT_EQ(pairs[1], std::pair(std::string("only key"), std::string()));
  EXPECT_EQ(pairs[2], std::pair(std::string("C:\\dir\\"), std::string()));
}

TEST(Output, WithoutReducers_HasTheFormatToo) {
  EXPECT_EQ(mr::test::Run<Prices>().input("/in", "h\ntea,a,1\n").partitions(0).run().text(), "{\"key\":\"tea\",\"value\":1}\n");
  EXPECT_EQ(mr::test::Run<Keeps>().input("/in", "a\tb\n").partitions(0).run().text(), "a\\tb\t\n");
}

struct Lists : mr::Job<View, View> {
  using Output = mr::JsonLines;
  void map(View line, Emit& emit) { emit("all", line); }
  using Reduce = mr::Concat<>;
};

TEST(Output, Concat_IsOneValue) {
  EXPECT_EQ(mr::test::Run<Lists>().input("/in", "a\na\n").run().text(), "{\"key\":\"all\",\"value\":\"a,a\"}\n");
}

struct Splits : mr::MapOnly {
  using Output = mr::JsonLines;
  void map(View line, Out& out) {
    out.kv(task().record_no, line);
    out.to("also").kv(line, std::tuple(1, 'x'));
  }
};

TEST(Output, OfMapOnlyAndNamedFiles_HasTheFormat) {
  const auto r = mr::test::Run<Splits>().input("/in", "a\n").run();
  EXPECT_EQ(r.text(), "{\"key\":0,\"value\":\"a\"}\n");
  EXPECT_EQ(r.named.at("also"), "{\"key\":\"a\",\"value\":[1,\"x\"]}\n");
  EXPECT_STREQ(mr::test::DefOf<Splits>().input_format, "lines");
  EXPECT_STREQ(mr::test::DefOf<Prices>().input_format, "lines");
  EXPECT_STREQ(mr::test::DefOf<Prices>().output_format, "tsv") << "engines before these formats know it";
}

}  // namespace
