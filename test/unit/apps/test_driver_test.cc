// <mr/test.hpp> finds the jobs that would be wrong on a cluster, and passes those that are right.
#include <gtest/gtest.h>

#include <mr/test.hpp>

namespace {

using mr::View;

struct WordCount : mr::Job<View, uint64_t> {
  void map(View line, Emit& emit) {
    for (View w : mr::words(line)) emit(w, 1);
  }
  using Reduce = mr::Sum;
};

TEST(Run, WordCount_AsInTheManual) {
  const auto r = mr::test::Run<WordCount>().input("a.txt", "to be or not\nto be").partitions(2).run();
  EXPECT_EQ(r.sorted_text(), "be\t2\nnot\t1\nor\t1\nto\t2\n");
  EXPECT_EQ(r.parts.size(), 2u);
}

TEST(Run, CombinerShrinksTheShuffle) {
  auto run = mr::test::Run<WordCount>().input("a", "a a a a\na a").records_per_split(2);
  EXPECT_EQ(run.combines(1).run().shuffled_records, 1u);
  EXPECT_EQ(run.combines(0).run().shuffled_records, 6u);
}

TEST(Run, EmittedAndReduce) {
  auto run = mr::test::Run<WordCount>().input("a", "b a b");
  EXPECT_EQ(run.emitted(), (std::vector<std::pair<std::string, uint64_t>>{{"b", 1}, {"a", 1}, {"b", 1}}));
  EXPECT_EQ(run.reduce("k", {1, 2, 3}).text(), "k\t6\n");
}

TEST(Run, FailedRun_ShowsInTheText) {
  struct Throws : WordCount {
    void map(View, Emit&) { throw std::runtime_error("boom"); }
  };
  EXPECT_EQ(mr::test::Run<Throws>().input("a", "x").run().sorted_text(), "FAILED: std::runtime_error: boom");
}

const std::vector<mr::test::Input> kCorpus{{"a", "a b a\nb c\na a\nc\nb\n", ""}, {"b", "c c\na", ""}};

TEST(Laws, WordCountObeysThem) {
  const auto verdict = mr::test::laws<WordCount>(kCorpus, {.rounds = 50});
  EXPECT_TRUE(verdict.ok) << verdict.message;
  EXPECT_TRUE(mr::test::laws<WordCount>(kCorpus));
}

// Its combiner changes the meaning of a value: a count of counts.
struct CountsTwice : mr::Job<View, uint64_t> {
  void map(View line, Emit& emit) {
    for (View w : mr::words(line)) emit(w, 1);
  }
  void combine(View word, Values& values, Emit& emit) {
    uint64_t n = 0;
    for ([[maybe_unused]] uint64_t v : values) ++n;
    emit(word, n);
  }
  using Reduce = mr::Sum;
};

TEST(Laws, CombinerThatIsNotOne_IsFoundWithASmallInput) {
  const auto verdict = mr::test::laws<CountsTwice>(kCorpus);
  EXPECT_FALSE(verdict.ok);
  EXPECT_NE(verdict.message.find("seed "), std::string::npos);
  EXPECT_NE(verdict.message.find("combined 2 times"), std::string::npos) << verdict.message;
  EXPECT_LT(verdict.message.size(), 400u) << verdict.message;
}

// The number of a record within its split depends on the splits.
struct UsesRecordNumber : mr::Job<uint64_t, uint64_t> {
  void map(View, Emit& emit) { emit(task().record_no, 1); }
  using Reduce = mr::Sum;
};
TEST(Laws, DependenceOnSplits_IsFound) { EXPECT_FALSE(mr::test::laws<UsesRecordNumber>(kCorpus).ok); }

struct KeepsState : mr::Job<View, uint64_t> {
  static inline uint64_t calls = 0;
  void map(View line, Emit& emit) { emit(line, ++calls); }
  using Reduce = mr::Sum;
};
TEST(Laws, StateInAGlobal_IsFound) {
  const auto verdict = mr::test::laws<KeepsState>(kCorpus);
  EXPECT_FALSE(verdict.ok);
  EXPECT_NE(verdict.message.find("keeps state"), std::string::npos);
}

struct TakesArrivalOrder : mr::Job<View, View> {
  void map(View line, Emit& emit) { emit("all", line); }
  using Reduce = mr::Concat<>;
};
TEST(Laws, ArrivalOrder_IsFound) { EXPECT_FALSE(mr::test::laws<TakesArrivalOrder>(kCorpus).ok); }

struct Lossy {
  int32_t n = 0;
};

}  // namespace

template <>
struct mr::Codec<Lossy> {
  static std::size_t size(const Lossy&, bool) { return 4; }
  static char* put(char* to, const Lossy& v, bool last) { return Codec<int32_t>::put(to, v.n, last); }
  static Lossy get(const char*& from, const char* end, bool last, Arena& arena) {
    return {Codec<int32_t>::get(from, end, last, arena) / 2};
  }
};

namespace {

struct UsesLossy : mr::Job<View, Lossy> {
  void map(View line, Emit& emit) { emit(line, Lossy{7}); }
  void reduce(View key, Values&, Out& out) { out.line(key); }
};
TEST(Laws, CodecThatLoses_IsFound) {
  EXPECT_NE(mr::test::laws<UsesLossy>(kCorpus).message.find("value's mr::Codec"), std::string::npos);
}

}  // namespace
