#include "submit/plugin_change.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mr::submit {
namespace {

using ::testing::HasSubstr;

PluginJob Job() {
  PluginJob job;
  job.name = "count";
  job.key_type = "string";
  job.value_type = "uint64";
  job.has_reduce = true;
  job.has_combine = true;
  return job;
}

std::string ErrorOf(const PluginJob& now, bool combine = true) {
  wire::JobConfig config;
  config.combine = combine;
  const Status fits = CheckReplacement(Job(), now, config);
  return fits ? "" : fits.error().text;
}

TEST(CheckReplacement, SameTypes_Fit) {
  EXPECT_EQ(ErrorOf(Job()), "");
  PluginJob more = Job();
  more.help = "another text";
  more.output_format = "raw";
  EXPECT_EQ(ErrorOf(more), "");
}

TEST(CheckReplacement, OtherTypes_AreNamed) {
  PluginJob job = Job();
  job.key_type = "int64";
  EXPECT_THAT(ErrorOf(job), HasSubstr("job count has keys of type int64 instead of string"));
  job = Job();
  job.value_type = "string";
  EXPECT_THAT(ErrorOf(job), HasSubstr("values of type string instead of uint64"));
  job = Job();
  job.has_reduce = false;
  EXPECT_THAT(ErrorOf(job), HasSubstr("no reduce instead of a reduce"));
  job = Job();
  job.range_partition = true;
  EXPECT_THAT(ErrorOf(job), HasSubstr("total order"));
}

TEST(CheckReplacement, Combiner_IsNeededWhereTheJobUsesIt) {
  PluginJob job = Job();
  job.has_combine = false;
  EXPECT_THAT(ErrorOf(job), HasSubstr("no combiner instead of a combiner"));
  EXPECT_EQ(ErrorOf(job, false), "");
}

}  // namespace
}  // namespace mr::submit
