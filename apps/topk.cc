// The k largest: reads key TAB number (what wordcount writes), writes number TAB key, largest first; equal numbers
// in the keys' order. All records meet in one group, so one reducer does the work, on at most k records per map.
#include <mr/mr.hpp>

struct TopK : mr::Job<std::tuple<mr::None, mr::Desc<int64_t>, mr::View>, mr::None, mr::First<1>> {
  static constexpr const char* kHelp = "the k lines of key TAB number with the largest numbers";
  mr::Param<uint64_t> k{"k", "how many to keep", 10};

  void map(View line, Emit& emit) {
    const std::size_t tab = line.rfind('\t');
    if (tab == View::npos) throw mr::BadRecord("the line has no TAB: key TAB number is expected");
    emit({{}, {mr::to<int64_t>(line.substr(tab + 1))}, line.substr(0, tab)});
  }
  using Combine = mr::Head;  // keeps the first k of each map task

  void reduce(mr::None, Values& values, Out& out) {
    for (uint64_t left = *k; left > 0 && !values.done(); values.advance(), --left) {
      const auto [all, number, key] = values.key();
      out.kv(number, key);
    }
  }
};
MR_JOB(TopK);
