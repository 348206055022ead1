// The classroom's two functions.
#include <gtest/gtest.h>

#include <mr/simple.hpp>
#include <mr/test.hpp>

namespace {

std::vector<mr::KV> Map(mr::View file, mr::View contents) {
  std::vector<mr::KV> all;
  for (mr::View word : mr::words(contents)) all.push_back({std::string(word), std::string(mr::base_name(file))});
  return all;
}
std::string Reduce(mr::View, const std::vector<std::string>& values) {
  std::vector<std::string> sorted(values);
  std::sort(sorted.begin(), sorted.end());
  std::string text = std::to_string(sorted.size());
  for (const std::string& v : sorted) text += " " + v;
  return text;
}

}  // namespace
MR_SIMPLE(classroom, Map, Reduce);

namespace {

TEST(Simple, WholeFilesInStringsOut) {
  auto run = mr::test::Run<classroom_simple_job>();
  run.input("/d/one.txt", "x y\nx").input("/d/two.txt", "y");
  EXPECT_EQ(run.run().sorted_text(), "x\t2 one.txt one.txt\ny\t2 one.txt two.txt\n");
  EXPECT_STREQ(mr::test::DefOf<classroom_simple_job>().input_format, "whole");
}

}  // namespace
