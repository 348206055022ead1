// The classroom's MapReduce: two functions on strings.
//
//   #include <mr/simple.hpp>
//   std::vector<mr::KV> Map(mr::View file, mr::View contents) { … return {{"word", "1"}, …}; }
//   std::string Reduce(mr::View key, const std::vector<std::string>& values) { return …; }
//   MR_SIMPLE(wordcount, Map, Reduce);
//
// Easy to read, not fast: whole files and whole groups lie in memory, and there is no combiner.
#pragma once

#include <mr/mr.hpp>

namespace mr {

struct KV {
  std::string key, value;
};

template <auto kMap, auto kReduce>
struct SimpleJob : Job<View, View> {
  using Input = WholeFile;
  void map(const Record& file, typename SimpleJob::Emit& emit) {
    const std::vector<KV> all = kMap(file.file, file.text);
    for (const KV& kv : all) emit(kv.key, kv.value);
  }
  void reduce(View key, typename SimpleJob::Values& values, Out& out) {
    std::vector<std::string> all;
    for (View v : values) all.emplace_back(v);
    out.kv(key, View(kReduce(key, all)));
  }
};

}  // namespace mr

// NAME: of the job; M, R: the two functions, of namespace scope.
#define MR_SIMPLE(NAME, M, R)                                                                                    \
  static_assert(std::is_invocable_r_v<std::vector<::mr::KV>, decltype(&M), ::mr::View, ::mr::View>,              \
                #NAME ": the map function must be `std::vector<mr::KV> " #M "(mr::View file, mr::View contents)`"); \
  static_assert(                                                                                                 \
      std::is_invocable_r_v<std::string, decltype(&R), ::mr::View, const std::vector<std::string>&>,             \
      #NAME ": the reduce function must be `std::string " #R                                                     \
            "(mr::View key, const std::vector<std::string>& values)`");                                          \
  using NAME##_simple_job = ::mr::SimpleJob<&M, &R>;                                                             \
  MR_JOB_NAMED(NAME##_simple_job, #NAME)
