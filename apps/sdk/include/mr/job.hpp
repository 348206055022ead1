// The bases of a job.
//
//   struct WordCount : mr::Job<mr::View, uint64_t> {        struct Grep : mr::MapOnly {
//     void map(mr::View line, Emit& emit);                    void map(mr::View line, Out& out);
//     using Reduce = mr::Sum;                               };
//   };
#pragma once

#include <mr/emit.hpp>
#include <mr/formats.hpp>
#include <mr/out.hpp>
#include <mr/param.hpp>
#include <mr/values.hpp>

namespace mr {

// A record with where it lies, for map(const mr::Record&, Emit&).
struct Record {
  View text;             // the record itself
  View file;             // absolute path of the input file
  View tag;              // TAG of -I TAG=PATH
  std::uint64_t offset;  // in the (decompressed) file
  std::uint64_t number;  // within this task's split, from 0
};

namespace detail {

class JobBase {
 public:
  using Task = mr::Task;
  using Out = mr::Out;
  using View = mr::View;

  // The attempt this object serves. Not in a constructor: use setup() there.
  Task& task() {
    if (task_ == nullptr) throw std::logic_error("task() is not there in the constructor: use setup(Task&)");
    return *task_;
  }
  void BindTask(Task* task) { task_ = task; }

 private:
  Task* task_ = nullptr;
};

}  // namespace detail

// A job whose map emits (K, V), grouped by G (FullKey or First<N>) for its reduce.
template <class K, class V, class G = FullKey>
struct Job : detail::JobBase {
  static_assert(detail::HasCodec<K>(),
                "mr::Job<Key, Value>: there is no mr::Codec for this key type. Use View, std::string, an "
                "integer, double, bool, mr::Bytes<N>, a pair or tuple of them, mr::Desc<T>, mr::None, or write "
                "MR_KEY_FIELDS(members…) in your struct.");
  static_assert(detail::HasCodec<V>(),
                "mr::Job<Key, Value>: there is no mr::Codec for this value type. Use View, std::string, an "
                "integer, double, bool, mr::Bytes<N>, a pair or tuple of them, mr::None, or write "
                "MR_KEY_FIELDS(members…) in your struct.");
  using Key = K;
  using Value = V;
  using GroupBy = G;
  using Group = typename detail::Grouping<K, G>::Group;
  using Emit = mr::Emit<K, V>;
  using Values = mr::Values<K, V>;
};

// A job without reduce: what map writes is the output.
struct MapOnly : detail::JobBase {};

namespace detail {
template <class T>
inline constexpr bool kMapOnly = std::is_base_of_v<MapOnly, T>;

template <class T>
struct InputOf {
  using type = Lines;
};
template <class T>
  requires requires { typename T::Input; }
struct InputOf<T> {
  using type = typename T::Input;
};
template <class T>
struct OutputOf {
  using type = Tsv;
};
template <class T>
  requires requires { typename T::Output; }
struct OutputOf<T> {
  using type = typename T::Output;
};
template <class T>
struct PartitionOf {
  using type = HashPartition;
};
template <class T>
  requires requires { typename T::Partition; }
struct PartitionOf<T> {
  using type = typename T::Partition;
};
template <class T>
inline constexpr bool kRawOutput = std::is_same_v<typename OutputOf<T>::type, RawBytes>;
template <class T>
inline constexpr Form kForm = std::is_same_v<typename OutputOf<T>::type, JsonLines>      ? Form::kJson
                              : std::is_same_v<typename OutputOf<T>::type, KeyValueFile> ? Form::kEscaped
                                                                                         : Form::kTsv;
// What map() is given.
template <class T>
using Row = typename RowOf<typename InputOf<T>::type>::type;

template <class F>
inline constexpr std::size_t kFixedSize = 0;
template <std::size_t N>
inline constexpr std::size_t kFixedSize<FixedRecords<N>> = N;

template <class I>
std::string InputFormat() {
  if constexpr (std::is_same_v<I, Lines> || !std::is_same_v<typename RowOf<I>::type, WholeRecord>) return "lines";
  else if constexpr (std::is_same_v<I, Blocks>) return "blocks";
  else if constexpr (std::is_same_v<I, WholeFile>) return "whole";
  else return "fixed:" + std::to_string(kFixedSize<I>);
}
}  // namespace detail
}  // namespace mr
