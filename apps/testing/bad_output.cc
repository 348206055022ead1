// Breaks the rules of the ABI in the way `mode` says, on the record with the needle (every record without one):
//   partition   partition() answers count + 7, for every key that contains the needle
//   torn        half a frame
//   size        a frame that claims more bytes than were written
//   beyond      the cursor behind the window's end
//   liar        map returns as if it had failed, but fail() was not called
// Any other mode: a plain word count.
#include <mr/mr.hpp>

struct BadOutput : mr::Job<mr::View, uint64_t> {
  mr::Param<std::string> mode{"mode", "partition, torn, size, beyond or liar", ""};
  mr::Param<std::string> needle{"needle", "what the bad record contains; empty: all are bad", ""};

  void map(View line, Emit& emit) {
    for (View word : mr::words(line)) emit(word, 1);
    if (line.find(*needle) != View::npos) Break(*emit.sink());
  }
  void Break(mr_sink& sink) const {
    if (*mode == "liar") throw mr::detail::Failed{};
    if (*mode == "beyond") sink.cursor = sink.end + 64;
    if (*mode != "torn" && *mode != "size") return;
    if (sink.end - sink.cursor < 16 && sink.more(&sink, 16) != 0) return;
    const uint32_t sizes[4] = {1u << 30, 1u << 30, 0, 0};
    const std::size_t bytes = *mode == "torn" ? 5 : sizeof sizes;
    std::memcpy(sink.cursor, sizes, bytes);
    sink.cursor += bytes;
  }
  uint32_t partition(View word, uint32_t count) const {
    if (*mode == "partition" && word.find(*needle) != View::npos) return count + 7;
    return mr::detail::Scale(mr::detail::Hash(word), count);
  }
  using Reduce = mr::Sum;
};
MR_JOB(BadOutput);
