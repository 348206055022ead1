// --output-format jsonl: what Out::kv writes.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <mr/mr.hpp>
#include <nlohmann/json.hpp>

namespace {

template <class K, class V>
std::string Line(const K& key, const V& value, uint32_t format = MR_OUTPUT_JSON_LINES) {
  char memory[4096];
  mr_sink sink{};
  sink.size = sizeof sink;
  sink.cursor = memory;
  sink.end = memory + sizeof memory;
  sink.format = format;
  mr::Out(&sink).kv(key, value);
  return {memory, sink.cursor};
}

TEST(OutJson, NumbersStringsAndBooleans) {
  EXPECT_EQ(Line(mr::View("to"), uint64_t{2}), "{\"key\":\"to\",\"value\":2}\n");
  EXPECT_EQ(Line(-3, 1.5), "{\"key\":-3,\"value\":1.5}\n");
  EXPECT_EQ(Line('c', true), "{\"key\":\"c\",\"value\":true}\n");
  EXPECT_EQ(Line(mr::View("to"), uint64_t{2}, MR_OUTPUT_TSV), "to\t2\n");
}

TEST(OutJson, EscapesWhatJsonForbids) {
  const std::string nasty("a\"b\\c\nd\te\x01\0f\x7fü", 15);
  const std::string line = Line(nasty, mr::View(""));
  EXPECT_EQ(nlohmann::json::parse(line).at("key").get<std::string>(), nasty);
  EXPECT_NE(line.find("\\u0001\\u0000"), std::string::npos);
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1) << "one line a record";
}

TEST(OutJson, TuplesAreArrays_NothingIsNull) {
  const std::tuple<std::string, int, double> key{"x", 1, 0.5};
  EXPECT_EQ(Line(key, mr::None{}), "{\"key\":[\"x\",1,0.5],\"value\":null}\n");
}

TEST(OutJson, WhatJsonCannotSay_IsNull) {
  EXPECT_EQ(Line(std::numeric_limits<double>::infinity(), std::nan("")), "{\"key\":null,\"value\":null}\n");
}

}  // namespace
