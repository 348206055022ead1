// Every named reduce, alone and as a combiner.
#include <gtest/gtest.h>

#include <mr/test.hpp>

// Jobs are written inside tests here; the compiler does not see that the SDK's templates read their `using` lines.
#pragma GCC diagnostic ignored "-Wunused-local-typedefs"

namespace {

using mr::View;

// key TAB number
template <class R, class V = int64_t>
struct Numbers : mr::Job<View, V> {
  void map(View line, mr::Emit<View, V>& emit) {
    const auto f = mr::fields(line, '\t');
    emit(f[0], mr::to<V>(f[1]));
  }
  using Reduce = R;
};

template <class R, class V = int64_t>
std::string Reduced(const std::string& text) {
  std::string first;
  for (int combines : {0, 1, 2}) {
    const std::string got = mr::test::Run<Numbers<R, V>>().input("/in", text).partitions(1).combines(combines).run().text();
    if (combines == 0) first = got;
    EXPECT_EQ(got, first) << "combined " << combines << " times";
  }
  return first;
}

const char* const kInput = "a\t5\nb\t-1\na\t-7\na\t12\nb\t0\n";

TEST(Folds, Sum) {
  EXPECT_EQ(Reduced<mr::Sum>(kInput), "a\t10\nb\t-1\n");
  EXPECT_EQ((Reduced<mr::Sum, double>("a\t0.5\na\t0.25\n")), "a\t0.75\n");
  EXPECT_EQ(Reduced<mr::Sum>("a\t9223372036854775807\na\t1\n"), "a\t-9223372036854775808\n") << "wraps, is not undefined";
}

TEST(Folds, MinAndMax) {
  EXPECT_EQ(Reduced<mr::Min>(kInput), "a\t-7\nb\t-1\n");
  EXPECT_EQ(Reduced<mr::Max>(kInput), "a\t12\nb\t0\n");
  EXPECT_EQ((Reduced<mr::Max, View>("a\tx\na\tz\na\ty\n")), "a\tz\n");
  EXPECT_EQ((Reduced<mr::Min, double>("a\t2.5\na\t-1e300\n")), "a\t-1e+300\n");
}

TEST(Folds, CountAndMean) {
  EXPECT_EQ(Reduced<mr::Count>(kInput), "a\t3\nb\t2\n");
  EXPECT_EQ(Reduced<mr::Mean>("a\t1\na\t2\nb\t4\n"), "a\t1.5\nb\t4\n");
}

TEST(Folds, Identity_IsASort) {
  EXPECT_EQ(Reduced<mr::Identity>("c\t1\na\t2\nb\t3\n"), "a\t2\nb\t3\nc\t1\n");
}

TEST(Folds, FirstAndLast_AreNamedReducesToo) {
  EXPECT_EQ((Reduced<mr::First<>, View>("a\tx\na\tx\nb\ty\n")), "a\tx\nb\ty\n");
  EXPECT_EQ((Reduced<mr::Last, View>("a\tx\na\tx\nb\ty\n")), "a\tx\nb\ty\n");
}

TEST(Folds, Histogram_CountsEachValue) {
  EXPECT_EQ(Reduced<mr::Histogram>("a\t5\na\t-1\na\t5\nb\t7\n"), "a\t-1\t1\na\t5\t2\nb\t7\t1\n");
  EXPECT_EQ((Reduced<mr::Histogram, View>("a\ty\na\tx\na\ty\n")), "a\tx\t1\na\ty\t2\n");
}

TEST(Folds, Concat) {
  const auto r = mr::test::Run<Numbers<mr::Concat<'|'>, View>>().input("/in", "a\tx\na\tx\nb\ty\n").run();
  EXPECT_EQ(r.sorted_text(), "a\tx|x\nb\ty\n");
}

TEST(Folds, Unique) { EXPECT_EQ(Reduced<mr::Unique>(kInput), "a\nb\n"); }

TEST(Folds, Top) { EXPECT_EQ(Reduced<mr::Top<2>>(kInput), "a\t12\na\t5\nb\t0\nb\t-1\n"); }

// Which value is first or last is decided by the key's second part.
template <class R>
struct Dated : mr::Job<std::tuple<View, int32_t>, View, mr::First<1>> {
  void map(View line, Emit& emit) {
    const auto f = mr::fields(line, '\t');
    emit({f[0], mr::to<int32_t>(f[1])}, f[2]);
  }
  using Reduce = R;
};

TEST(Folds, FirstAndLastValue) {
  const std::string text = "a\t3\tx\nb\t1\tp\na\t1\ty\na\t2\tz\nb\t2\tq\n";
  for (int combines : {0, 1, 2}) {
    EXPECT_EQ(mr::test::Run<Dated<mr::FirstValue>>().input("/in", text).combines(combines).run().sorted_text(), "a\ty\nb\tp\n");
    EXPECT_EQ(mr::test::Run<Dated<mr::LastValue>>().input("/in", text).combines(combines).run().sorted_text(), "a\tx\nb\tq\n");
  }
}

TEST(Folds, Head_TakesParameterK) {
  const std::string text = "a\t3\tx\nb\t1\tp\na\t1\ty\na\t2\tz\n";
  for (int combines : {0, 1, 2}) {
    auto run = mr::test::Run<Dated<mr::Head>>().input("/in", text).combines(combines).param("k", "2");
    EXPECT_EQ(run.run().sorted_text(), "a\t1\ty\na\t2\tz\nb\t1\tp\n");
  }
  const mr_job_def& def = mr::test::DefOf<Dated<mr::Head>>();
  ASSERT_EQ(def.param_count, 1u);
  EXPECT_STREQ(def.params[0].name, "k");
  EXPECT_STREQ(def.params[0].default_text, "10");
}

TEST(Folds, Sum_UnderGrouping_CombinesPerWholeKey) {
  struct PerUser : mr::Job<std::tuple<View, int32_t>, int64_t, mr::First<1>> {
    void map(View line, Emit& emit) {
      const auto f = mr::fields(line, '\t');
      emit({f[0], mr::to<int32_t>(f[1])}, mr::to<int64_t>(f[2]));
    }
    using Reduce = mr::Sum;
  };
  for (int combines : {0, 1, 2}) {
    const auto r = mr::test::Run<PerUser>().input("/in", "a\t1\t5\na\t2\t6\na\t1\t7\nb\t0\t1\n").records_per_split(9).combines(combines).run();
    EXPECT_EQ(r.sorted_text(), "a\t18\nb\t1\n");
    EXPECT_EQ(r.shuffled_records, combines == 0 ? 4u : 3u);
  }
}

TEST(Folds, NativeFold_IsAnnouncedForIntegersOnly) {
  const auto& i64 = mr::test::DefOf<Numbers<mr::Max>>();
  EXPECT_EQ(i64.fold, MR_FOLD_MAX);
  EXPECT_EQ(i64.fold_width, 8u);
  EXPECT_EQ(i64.fold_value, MR_VALUE_SIGNED);
  const auto& u16 = mr::test::DefOf<Numbers<mr::Min, uint16_t>>();
  EXPECT_EQ(u16.fold, MR_FOLD_MIN);
  EXPECT_EQ(u16.fold_width, 2u);
  EXPECT_EQ(u16.fold_value, MR_VALUE_UNSIGNED);
  EXPECT_EQ((mr::test::DefOf<Numbers<mr::Sum, double>>().fold), MR_FOLD_NONE);
  EXPECT_NE((mr::test::DefOf<Numbers<mr::Sum, double>>().combine), nullptr);
  EXPECT_EQ(mr::test::DefOf<Numbers<mr::Unique>>().fold, MR_FOLD_NONE) << "values differ: which one stays is not the host's to say";
}

TEST(Folds, Count_TravelsAsANumberThatTheHostSums) {
  const auto& def = mr::test::DefOf<Numbers<mr::Count, View>>();
  EXPECT_EQ(def.fold, MR_FOLD_SUM);
  EXPECT_EQ(def.fold_width, 8u);
  EXPECT_EQ(def.fold_value, MR_VALUE_UNSIGNED);
  const std::string text = "a\tsome value\nb\t\na\tanother\na\t" + std::string(100'000, 'x') + "\n";
  EXPECT_EQ((Reduced<mr::Count, View>(text)), "a\t3\nb\t1\n");
  const auto r = mr::test::Run<Numbers<mr::Count, View>>().input("/in", text).records_per_split(9).combines(1).run();
  EXPECT_EQ(r.shuffled_records, 2u);
  const auto plain = mr::test::Run<Numbers<mr::Count, View>>().input("/in", "a\tx\na\ty\n").partitions(0).run();
  EXPECT_EQ(plain.sorted_text(), "a\tx\na\ty\n") << "without reducers it is what map emits";
}

TEST(Folds, Count_BehindACombinerOfOnesOwn_CountsWhatThatLeaves) {
  struct Distinct : mr::Job<View, View> {
    void map(View line, Emit& emit) { emit(line, "value"); }
    using Combine = mr::FirstValue;
    using Reduce = mr::Count;
  };
  EXPECT_EQ(mr::test::DefOf<Distinct>().fold, MR_FOLD_NONE);
  const auto r = mr::test::Run<Distinct>().input("/in", "b\na\nb\n").partitions(1).records_per_split(9).combines(1).run();
  EXPECT_EQ(r.text(), "a\t1\nb\t1\n");
}

TEST(Folds, Identity_OfBytes_IsAnnounced_SoThatTheHostMayDoIt) {
  struct Raw : mr::Job<View, std::string> {
    void map(View line, Emit& emit) { emit(line, "v"); }
    using Output = mr::RawBytes;
    using Reduce = mr::Identity;
  };
  struct Lines : mr::Job<View, View> {
    void map(View line, Emit& emit) { emit(line, "v"); }
    using Reduce = mr::Identity;
  };
  struct Numeric : mr::Job<int64_t, View> {
    void map(View line, Emit& emit) { emit(1, line); }
    using Output = mr::RawBytes;
    using Reduce = mr::Identity;
  };
  EXPECT_EQ(mr::test::DefOf<Raw>().flags, MR_JOB_IDENTITY_REDUCE);
  EXPECT_EQ(mr::test::DefOf<Lines>().flags, 0u) << "tabs and line ends are written, too";
  EXPECT_EQ(mr::test::DefOf<Numeric>().flags, 0u) << "its text is not its bytes";
}

TEST(Folds, Dedup_OfKeysAlone_IsNative) {
  struct Distinct : mr::Job<View, mr::None> {
    void map(View line, Emit& emit) { emit(line); }
    using Reduce = mr::Unique;
  };
  EXPECT_EQ(mr::test::DefOf<Distinct>().fold, MR_FOLD_DEDUP);
  const auto r = mr::test::Run<Distinct>().input("/in", "b\na\nb\nb\n").records_per_split(10).run();
  EXPECT_EQ(r.sorted_text(), "a\nb\n");
  EXPECT_EQ(r.shuffled_records, 2u);
}

struct Product {  // a reduce of one's own
  static void step(int64_t& product, int64_t v) { product *= v; }
};
TEST(Folds, OwnFold) { EXPECT_EQ(Reduced<Product>("a\t2\na\t3\nb\t5\na\t7\n"), "a\t42\nb\t5\n"); }

TEST(Folds, CombineNone_SwitchesOff) {
  struct Plain : mr::Job<View, int64_t> {
    void map(View line, Emit& emit) { emit(line, 1); }
    using Reduce = mr::Sum;
    using Combine = mr::None;
  };
  EXPECT_EQ(mr::test::DefOf<Plain>().combine, nullptr);
  EXPECT_EQ(mr::test::DefOf<Plain>().fold, MR_FOLD_NONE);
}

}  // namespace
