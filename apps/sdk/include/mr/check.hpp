// Is T a job? Asked before anything of it is instantiated, so that mistakes are named in the author's words.
#pragma once

#include <mr/folds.hpp>

namespace mr::detail {

enum class Problem {
  kNone,
  kNotAJob,
  kFinal,
  kNotConstructible,
  kNoMap,
  kMapSignature,
  kMapOnlySignature,
  kMapRow,
  kMapOnlyReduce,
  kNoReduce,
  kTwoReduces,
  kReduceByValue,
  kReduceSignature,
  kReduceName,
  kTwoCombines,
  kCombineSignature,
  kCombineName,
  kSetup,
  kFinish,
  kPartitionSignature,
  kPartitionName,
  kInput,
  kOutput,
};

// Has T a member of that name, whatever its signature? Found by making the name ambiguous.
#define MR_DETAIL_HAS(NAME)                                                    \
  struct Has_##NAME##_Name {                                                   \
    int NAME;                                                                  \
  };                                                                           \
  template <class T>                                                           \
  struct Has_##NAME##_Probe : T, Has_##NAME##_Name {};                         \
  template <class T>                                                           \
  inline constexpr bool kHas_##NAME = !requires { &Has_##NAME##_Probe<T>::NAME; };
MR_DETAIL_HAS(map)
MR_DETAIL_HAS(reduce)
MR_DETAIL_HAS(combine)
MR_DETAIL_HAS(setup)
MR_DETAIL_HAS(finish)
MR_DETAIL_HAS(partition)
#undef MR_DETAIL_HAS

template <class T, class E>
concept MapsView = requires(T& t, View v, E& e) { t.map(v, e); };
template <class T, class E>
concept MapsRecord = requires(T& t, const Record& r, E& e) { t.map(r, e); };
// … and of formats with rows of their own.
template <class T, class E>
consteval bool MapsRow() {
  if constexpr (std::is_same_v<Row<T>, KeyValueLine>) {
    return requires(T& t, View v, E& e) { t.map(v, v, e); };
  } else {
    return requires(T& t, const Row<T>& r, E& e) { t.map(r, e); };
  }
}
template <class T>
inline constexpr bool kHasRow = !std::is_same_v<Row<T>, WholeRecord>;
template <class T>
concept ReducesGroup = requires(T& t, const typename T::Group& g, typename T::Values& v, Out& o) {
  t.reduce(g, v, o);
};
template <class T>
concept CombinesGroup = requires(T& t, const typename T::Group& g, typename T::Values& v,
                                 typename T::Emit& e) { t.combine(g, v, e); };
template <class T>
concept Partitions = requires(T& t, const typename T::Key& k, std::uint32_t n) {
  { t.partition(k, n) } -> std::convertible_to<std::uint32_t>;
};

template <class F, class V>
inline constexpr bool kTakesByValue = false;
template <class C, class R, class G, class V, class O>
inline constexpr bool kTakesByValue<R (C::*)(G, V, O), V> = true;
template <class C, class R, class G, class V, class O>
inline constexpr bool kTakesByValue<R (C::*)(G, V, O) const, V> = true;

template <class I>
inline constexpr bool kInputKnown = std::is_same_v<I, Lines> || std::is_same_v<I, Blocks> ||
                                    std::is_same_v<I, WholeFile> || (kFixedSize<I> > 0) ||
                                    !std::is_same_v<typename RowOf<I>::type, WholeRecord>;
template <class P>
inline constexpr std::size_t kByFirst = 0;
template <std::size_t N>
inline constexpr std::size_t kByFirst<ByFirst<N>> = N;

template <class T>
consteval Problem CheckReduce() {
  if constexpr (kHas_reduce<T> && requires { typename T::Reduce; }) {
    return Problem::kTwoReduces;
  } else if constexpr (requires { typename T::Reduce; }) {
    using R = typename T::Reduce;
    if constexpr (!Fold<R, typename T::Value> && !GeneralReduce<R, T>) return Problem::kReduceName;
  } else if constexpr (!kHas_reduce<T>) {
    return Problem::kNoReduce;
  } else if constexpr (!ReducesGroup<T>) {
    if constexpr (requires { &T::reduce; }) {
      if constexpr (kTakesByValue<decltype(&T::reduce), typename T::Values>) return Problem::kReduceByValue;
    }
    return Problem::kReduceSignature;
  }
  return Problem::kNone;
}

template <class T>
consteval Problem CheckCombine() {
  if constexpr (kHas_combine<T> && requires { typename T::Combine; }) {
    return Problem::kTwoCombines;
  } else if constexpr (requires { typename T::Combine; }) {
    using C = typename T::Combine;
    if constexpr (!std::is_same_v<C, None> && !Fold<C, typename T::Value> && !Combines<C, T>) {
      return Problem::kCombineName;
    }
  } else if constexpr (kHas_combine<T> && !CombinesGroup<T>) {
    return Problem::kCombineSignature;
  }
  return Problem::kNone;
}

template <class T>
consteval Problem CheckPartition() {
  using P = typename PartitionOf<T>::type;
  if constexpr (kHas_partition<T> && !Partitions<T>) {
    return Problem::kPartitionSignature;
  } else if constexpr (kByFirst<P> > 0) {
    if constexpr (std::is_void_v<Parts<typename T::Key>>) {
      return Problem::kPartitionName;
    } else if constexpr (kByFirst<P> > std::tuple_size_v<Parts<typename T::Key>>) {
      return Problem::kPartitionName;
    }
  } else if constexpr (!std::is_same_v<P, HashPartition> && !std::is_same_v<P, TotalOrder>) {
    return Problem::kPartitionName;
  }
  return Problem::kNone;
}

template <class T>
consteval Problem CheckMapReduce() {
  using E = typename T::Emit;
  if constexpr (kHasRow<T>) {
    if constexpr (!MapsRow<T, E>()) return Problem::kMapRow;
  } else if constexpr (!MapsView<T, E> && !MapsRecord<T, E>) {
    return Problem::kMapSignature;
  }
  if constexpr (constexpr Problem p = CheckReduce<T>(); p != Problem::kNone) return p;
  if constexpr (constexpr Problem p = CheckCombine<T>(); p != Problem::kNone) return p;
  if constexpr (constexpr Problem p = CheckPartition<T>(); p != Problem::kNone) return p;
  if constexpr (kHas_finish<T> && !requires(T& t, E& e) { t.finish(e); } &&
                !requires(T& t, Out& o) { t.finish(o); }) {
    return Problem::kFinish;
  }
  return Problem::kNone;
}

template <class T>
consteval Problem CheckJob() {
  if constexpr (!std::is_base_of_v<JobBase, T>) {
    return Problem::kNotAJob;
  } else if constexpr (std::is_final_v<T>) {
    return Problem::kFinal;
  } else if constexpr (!std::is_default_constructible_v<T>) {
    return Problem::kNotConstructible;
  } else if constexpr (!kHas_map<T>) {
    return Problem::kNoMap;
  } else if constexpr (kHas_setup<T> && !requires(T& t, Task& k) { t.setup(k); }) {
    return Problem::kSetup;
  } else if constexpr (!kInputKnown<typename InputOf<T>::type>) {
    return Problem::kInput;
  } else if constexpr (!kRawOutput<T> && kForm<T> == Form::kTsv && !std::is_same_v<typename OutputOf<T>::type, Tsv>) {
    return Problem::kOutput;
  } else if constexpr (!kMapOnly<T>) {
    return CheckMapReduce<T>();
  } else if constexpr (kHas_reduce<T> || requires { typename T::Reduce; }) {
    return Problem::kMapOnlyReduce;
  } else if constexpr (kHasRow<T> && !MapsRow<T, Out>()) {
    return Problem::kMapRow;
  } else if constexpr (!kHasRow<T> && !MapsView<T, Out> && !MapsRecord<T, Out>) {
    return Problem::kMapOnlySignature;
  } else if constexpr (kHas_finish<T> && !requires(T& t, Out& o) { t.finish(o); }) {
    return Problem::kFinish;
  } else {
    return Problem::kNone;
  }
}

}  // namespace mr::detail

#define MR_DETAIL_REFUSE(T, PROBLEM, TEXT) \
  static_assert(::mr::detail::CheckJob<T>() != ::mr::detail::Problem::PROBLEM, #T ": " TEXT)

#define MR_DETAIL_CHECK_JOB(T)                                                                               \
  MR_DETAIL_REFUSE(T, kNotAJob, "a job derives publicly from mr::Job<Key, Value> or mr::MapOnly");           \
  MR_DETAIL_REFUSE(T, kFinal, "a job must not be final");                                                    \
  MR_DETAIL_REFUSE(T, kNotConstructible, "a job must have a public constructor without parameters; what it " \
                                         "needs comes through mr::Param members and setup(Task&)");          \
  MR_DETAIL_REFUSE(T, kNoMap, "there is no map(); write `void map(mr::View line, Emit& emit)`");             \
  MR_DETAIL_REFUSE(T, kMapSignature, "map() must be public and `void map(mr::View record, Emit& emit)` or "  \
                                     "`void map(const mr::Record& record, Emit& emit)`");                    \
  MR_DETAIL_REFUSE(T, kMapOnlySignature, "map() of an mr::MapOnly job must be public and "                   \
                                         "`void map(mr::View record, Out& out)` or "                         \
                                         "`void map(const mr::Record& record, Out& out)`");                  \
  MR_DETAIL_REFUSE(T, kMapRow, "map() must be public and take what its Input reads: `const mr::CsvRow& row` of "  \
                               "mr::Csv, `const mr::JsonObject& row` of mr::JsonLines, `mr::View key, mr::View " \
                               "value` of mr::KeyValueFile; then `Emit& emit`, or `Out& out` if mr::MapOnly");   \
  MR_DETAIL_REFUSE(T, kMapOnlyReduce, "an mr::MapOnly job has no reduce; derive from mr::Job<Key, Value>");  \
  MR_DETAIL_REFUSE(T, kNoReduce, "there is no reduce; write `void reduce(Group group, Values& values, "      \
                                 "Out& out)` or `using Reduce = mr::Sum;`");                                 \
  MR_DETAIL_REFUSE(T, kTwoReduces, "both reduce() and `using Reduce` are there: keep one");                  \
  MR_DETAIL_REFUSE(T, kReduceByValue, "reduce() takes its values by reference: `Values& values`");           \
  MR_DETAIL_REFUSE(T, kReduceSignature, "reduce() must be public and `void reduce(Group group, Values& "     \
                                        "values, Out& out)`; Group is the key's type (or its first part, "   \
                                        "with mr::First<1>)");                                               \
  MR_DETAIL_REFUSE(T, kReduceName, "this `using Reduce` does not work on the job's Value type, or is not a " \
                                   "reduce; the named ones are mr::Sum Count Min Max Mean First<> Last "     \
                                   "Concat<> Unique Identity Head Top<N> Histogram");                        \
  MR_DETAIL_REFUSE(T, kTwoCombines, "both combine() and `using Combine` are there: keep one");               \
  MR_DETAIL_REFUSE(T, kCombineSignature, "combine() must be public and `void combine(Group group, Values& "  \
                                         "values, Emit& emit)`");                                            \
  MR_DETAIL_REFUSE(T, kCombineName, "this `using Combine` cannot combine the job's records; mr::Sum Min Max "\
                                    "Dedup Head Top<N> First<> Last can, mr::None switches it off");         \
  MR_DETAIL_REFUSE(T, kSetup, "setup() must be public and `void setup(Task& task)`");                        \
  MR_DETAIL_REFUSE(T, kFinish, "finish() must be public and `void finish(Emit& emit)` (after the last map) " \
                               "or `void finish(Out& out)` (after the last reduce)");                        \
  MR_DETAIL_REFUSE(T, kPartitionSignature, "partition() must be public and `uint32_t partition(const Key& "  \
                                           "key, uint32_t count)`");                                         \
  MR_DETAIL_REFUSE(T, kPartitionName, "`using Partition` is one of mr::HashPartition, mr::TotalOrder, "      \
                                      "mr::ByFirst<N> with N parts of a tuple key");                         \
  MR_DETAIL_REFUSE(T, kInput, "`using Input` is one of mr::Lines, mr::Blocks, mr::WholeFile, "               \
                              "mr::FixedRecords<N>, mr::Csv, mr::JsonLines, mr::KeyValueFile");                                                        \
  MR_DETAIL_REFUSE(T, kOutput, "`using Output` is one of mr::Tsv, mr::RawBytes, mr::JsonLines, mr::KeyValueFile")
