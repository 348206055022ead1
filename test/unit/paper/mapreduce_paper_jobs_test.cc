// What the MapReduce paper says about the programming model and its refinements (sections 2 and 4), claim by claim, with
// jobs of the SDK over its own driver: real codec, combine, partition, sort and group.
#include <gtest/gtest.h>

#include <mr/test.hpp>

namespace {

using mr::View;

const std::vector<mr::test::Input> kText{{"/in/a.txt", "the quick fox\nthe lazy dog\n", ""}, {"/in/b.txt", "the fox\n", ""}};

template <class Job>
mr::test::Result RunOver(mr::test::Run<Job> run, const std::vector<mr::test::Input>& inputs = kText) {
  for (const mr::test::Input& input : inputs) run.input(input.name, input.text, input.tag);
  return run.run();
}

struct WordCount : mr::Job<View, uint64_t> {
  void map(View line, Emit& emit) {
    for (View word : mr::words(line)) emit(word, 1);
  }
  using Reduce = mr::Sum;
};

// 2.1: "The map function emits each word plus an associated count of occurrences. The reduce function sums together all
// counts emitted for a particular word."
TEST(PaperModel, S21_WordCount) {
  EXPECT_EQ(RunOver(mr::test::Run<WordCount>()).sorted_text(), "dog\t1\nfox\t2\nlazy\t1\nquick\t1\nthe\t3\n");
}

struct Grep : mr::MapOnly {
  void map(View line, Out& out) {
    if (line.find("fox") != View::npos) out.line(line);
  }
};

// 2.3, distributed grep: "The map function emits a line if it matches a supplied pattern." The reduce of the paper is the
// identity; a job without one does the same.
TEST(PaperModel, S23_Grep) { EXPECT_EQ(RunOver(mr::test::Run<Grep>()).sorted_text(), "the fox\nthe quick fox\n"); }

struct Index : mr::Job<std::tuple<View, View>, mr::None, mr::First<1>> {
  void map(View line, Emit& emit) {
    for (View word : mr::words(line)) emit({word, mr::base_name(task().input_name)}, {});
  }
  using Combine = mr::Dedup;
  void reduce(View word, Values& documents, Out& out) {
    std::string list, last;
    for ([[maybe_unused]] auto none : documents) {
      const View document = std::get<1>(documents.key());
      if (document == last) continue;
      list += (list.empty() ? "" : ",") + std::string(document);
      last = document;
    }
    out.kv(word, list);
  }
};

// 2.3, inverted index: "sorts the corresponding document IDs and emits a (word, list(document ID)) pair".
TEST(PaperModel, S23_InvertedIndex) {
  EXPECT_EQ(RunOver(mr::test::Run<Index>()).sorted_text(),
            "dog\ta.txt\nfox\ta.txt,b.txt\nlazy\ta.txt\nquick\ta.txt\nthe\ta.txt,b.txt\n");
}

// 4.1: "A default partitioning function is provided that uses hashing": all records of one key meet in one partition,
// whichever map emitted them.
TEST(PaperModel, S41_OneKeyIsInOnePartition) {
  const auto r = RunOver(mr::test::Run<WordCount>().partitions(4));
  ASSERT_EQ(r.parts.size(), 4u);
  int with_the = 0;
  for (const std::string& part : r.parts) with_the += part.find("the\t3\n") != std::string::npos ? 1 : 0;
  EXPECT_EQ(with_the, 1);
}

struct ByFirstLetter : WordCount {
  uint32_t partition(View word, uint32_t count) { return static_cast<uint32_t>(word[0]) % count; }
};

// 4.1: "the user of the MapReduce library can provide a special partitioning function": here, one letter, one file.
TEST(PaperModel, S41_TheUserMayPartition) {
  const auto r = RunOver(mr::test::Run<ByFirstLetter>().partitions(2));
  EXPECT_EQ(r.parts, (std::vector<std::string>{"dog\t1\nfox\t2\nlazy\t1\nthe\t3\n", "quick\t1\n"}));
}

// 4.2: "We guarantee that within a given partition, the intermediate key/value pairs are processed in increasing key order."
TEST(PaperModel, S42_KeysComeInOrder) {
  EXPECT_EQ(RunOver(mr::test::Run<WordCount>().partitions(1)).text(), "dog\t1\nfox\t2\nlazy\t1\nquick\t1\nthe\t3\n");
}

// 4.3: "We allow the user to specify an optional Combiner function that does partial merging of this data before it is sent
// over the network": the same result from fewer records.
TEST(PaperModel, S43_CombiningChangesTheTrafficOnly) {
  const std::vector<mr::test::Input> text{{"/in", "a a a a\na b\n", ""}};
  const auto plain = RunOver(mr::test::Run<WordCount>().combines(0), text);
  const auto combined = RunOver(mr::test::Run<WordCount>().combines(1), text);
  EXPECT_EQ(combined.sorted_text(), plain.sorted_text());
  EXPECT_EQ(plain.shuffled_records, 6u);
  EXPECT_EQ(combined.shuffled_records, 2u);
}

struct Offsets : mr::MapOnly {
  void map(const mr::Record& record, Out& out) { out.line(record.offset, ' ', record.text); }
};

// 4.4: "'text' mode input treats each line as a key/value pair: the key is the offset in the file and the value is the
// contents of the line."
TEST(PaperModel, S44_TextInputHasOffsetAndLine) {
  EXPECT_EQ(RunOver(mr::test::Run<Offsets>(), {{"/in", "ab\ncde\n", ""}}).sorted_text(), "0 ab\n3 cde\n");
}

struct SeveralOutputs : mr::MapOnly {
  void map(View line, Out& out) { out.to(line.size() % 2 == 0 ? "even" : "odd").line(line); }
};

// 4.5: "users of MapReduce have found it convenient to produce auxiliary files as additional outputs".
TEST(PaperModel, S45_AuxiliaryOutputs) {
  auto r = RunOver(mr::test::Run<SeveralOutputs>().partitions(0), {{"/in", "ab\ncde\n", ""}});
  EXPECT_EQ(r.named["even"], "ab\n");
  EXPECT_EQ(r.named["odd"], "cde\n");
}

struct Uppercase : WordCount {
  mr::Counter uppercase{"words", "uppercase"};
  void map(View line, Emit& emit) {
    for (View word : mr::words(line)) {
      if (word[0] >= 'A' && word[0] <= 'Z') ++uppercase;
      emit(word, 1);
    }
  }
};

// 4.9: "The MapReduce library provides a counter facility to count occurrences of various events", over all maps and reduces.
TEST(PaperModel, S49_Counters) {
  auto r = RunOver(mr::test::Run<Uppercase>(), {{"/in", "Ada\nand Bob\nand Eve\n", ""}});
  EXPECT_EQ(r.counters["words.uppercase"], 3);
}

}  // namespace
