#include "worker/userjob/group_stream.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "test/unit/worker/testutil/c_jobs.h"

namespace mr::worker::test {
namespace {

// Fails instead of ending, if told to.
struct VectorSource {
  std::vector<std::pair<std::string, std::string>> records;
  Step end = Step::kEnd;
  size_t next = 0;
  Step Next() { return next < records.size() ? (++next, Step::kRecord) : end; }
  std::string_view key() const { return records[next - 1].first; }
  std::string_view value() const { return records[next - 1].second; }
};

class GroupStreamTest : public ::testing::Test {
 protected:
  GroupStreamTest() : fixture_(scratch_.path()), def_(GroupingJob()) {}

  // Text of all groups; `take` records of each are pulled.
  std::string Groups(VectorSource source, size_t take = 100) {
    auto job = UserJob::Create(def_, fixture_.context);
    GroupStream<VectorSource> groups(source, **job, fixture_.box);
    std::string text;
    Step step;
    while ((step = groups.NextGroup()) == Step::kRecord) {
      text += "[" + std::string(groups.name()) + ":";
      EXPECT_EQ(std::string(fixture_.box.excerpt, fixture_.box.excerpt_size), groups.name());
      mr_bytes key, value;
      for (size_t i = 0; i < take; ++i) {
        int more = groups.abi().next(groups.abi().host, &key, &value);
        if (more < 0) text += "!";
        if (more != 1) break;
        text += " " + std::string(View(key)) + "=" + std::string(View(value));
      }
      text += "]";
    }
    if (step == Step::kError) text += "error";
    records_ = groups.records();
    return text;
  }

  ScratchDirectory scratch_;
  AttemptFixture fixture_;
  mr_job_def def_;
  uint64_t records_ = 0;
};

TEST_F(GroupStreamTest, NextGroup_CutsAtEqualKeys) {
  EXPECT_EQ(Groups({{}}), "");
  EXPECT_EQ(Groups({{{"a", "1"}, {"a", "2"}, {"ab", "3"}, {"b", "4"}}}), "[a: a=1 a=2][ab: ab=3][b: b=4]");
  EXPECT_EQ(Groups({{{"", "1"}, {"", "2"}}}), "[: =1 =2]");
}

TEST_F(GroupStreamTest, NextGroup_SkipsWhatWasLeft) {
  VectorSource source{{{"a", "1"}, {"a", "2"}, {"a", "3"}, {"b", "4"}, {"b", "5"}}};
  EXPECT_EQ(Groups(source, 0), "[a:][b:]");
  EXPECT_EQ(Groups(source, 1), "[a: a=1][b: b=4]");
  EXPECT_EQ(Groups(source, 2), "[a: a=1 a=2][b: b=4 b=5]");
  EXPECT_EQ(records_, 5u);
}

TEST_F(GroupStreamTest, NextGroup_BySharedPrefixGivesASecondarySort) {
  def_.group_size = [](mr_bytes key) { return std::min<size_t>(key.size, 1); };
  EXPECT_EQ(Groups({{{"a1", "x"}, {"a2", "y"}, {"b0", "z"}}}), "[a: a1=x a2=y][b: b0=z]");
}

TEST_F(GroupStreamTest, Next_TellsTheSourcesError) {
  VectorSource source{{{"a", "1"}, {"a", "2"}}, Step::kError};
  EXPECT_EQ(Groups(source), "[a: a=1 a=2!]error");
  EXPECT_EQ(Groups(source, 1), "[a: a=1]error");
}

}  // namespace
}  // namespace mr::worker::test
