// Inverted index: word TAB number of files TAB file,file,…   The files are sorted, without repetition, and named
// by their base names (whole paths with -P full_path=true). Words as in wordcount.
#include <mr/mr.hpp>

// The file is part of the key: it arrives sorted, Dedup drops repetitions early, and no set is held in memory.
struct Indexer : mr::Job<std::tuple<mr::View, mr::View>, mr::None, mr::First<1>> {
  static constexpr const char* kHelp = "lists the files in which each word occurs";
  using Input = mr::Blocks;
  mr::Param<bool> full_path{"full_path", "name files by their whole paths", false};

  void map(View text, Emit& emit) {
    const View file = *full_path ? task().input_name : mr::base_name(task().input_name);
    for (View word : mr::words(text)) emit({word, file});
  }
  using Combine = mr::Dedup;

  void reduce(View word, Values& values, Out& out) {
    std::string files, last;
    uint64_t count = 0;
    for (; !values.done(); values.advance()) {
      const auto [same_word, file] = values.key();
      if (count > 0 && file == last) continue;
      if (count++ > 0) files += ',';
      files += file;
      last = file;
    }
    out.line(word, '\t', count, '\t', files);
  }
};
MR_JOB(Indexer);
