// Word count: how often each word occurs. Words are runs of ASCII letters, as they are written: "The" and "the"
// are two words, "don't" is "don" and "t" (mr::words). Output: word TAB count.
#include <mr/mr.hpp>

struct WordCount : mr::Job<mr::View, uint64_t> {
  static constexpr const char* kHelp = "counts the words (runs of ASCII letters) of text";
  using Input = mr::Blocks;  // words do not cross lines, so a block of lines is as good as a line, and faster
  mr::Param<bool> lower{"lower", "count The and the as one word", false};
  std::string lowered;

  void map(View text, Emit& emit) {
    if (*lower) text = Lower(text);
    for (View word : mr::words(text)) emit(word, 1);
  }
  using Reduce = mr::Sum;  // a fold, so it is the combiner too

  View Lower(View text) {
    lowered.assign(text);
    for (char& c : lowered) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    return lowered;
  }
};
MR_JOB(WordCount);
