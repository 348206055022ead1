// What the misbehaving plugins share: a word count that does something bad, strike(), on the map record (or, with
// -P where=reduce, on the word) that contains the parameter `needle`. No needle: a plain word count.
#pragma once

#include <mr/mr.hpp>

namespace testing_apps {

template <class Self>
struct NeedleJob : mr::Job<mr::View, uint64_t> {
  mr::Param<std::string> needle{"needle", "what the fatal record contains; empty: none does", ""};
  mr::Param<std::string> where{"where", "map or reduce", "map"};

  bool Hit(View text, View phase) const {
    return !needle->empty() && *where == phase && text.find(*needle) != View::npos;
  }
  void map(View line, mr::Emit<View, uint64_t>& emit) {
    if (Hit(line, "map")) static_cast<Self*>(this)->Strike(line);
    for (View word : mr::words(line)) emit(word, 1);
  }
  using Combine = mr::Sum;
  void reduce(View word, mr::Values<View, uint64_t>& counts, Out& out) {
    if (Hit(word, "reduce")) static_cast<Self*>(this)->Strike(word);
    uint64_t sum = 0;
    for (uint64_t n : counts) sum += n;
    out.kv(word, sum);
  }
};

}  // namespace testing_apps
