// Reduces with a name: `using Reduce = mr::Sum;`. Those that can, combine on their own.
//
// A named reduce is a struct with one of
//   fold:    static void step(Accumulated&, const Value&);      associative and commutative: also the combiner
//   general: template <class J> static void reduce(group, values, out, task);
//            and optionally template <class J> static void combine(values, emit, task);
// You may write your own.
#pragma once

#include <algorithm>
#include <map>

#include <mr/job.hpp>

namespace mr {

struct Count;

namespace detail {
// Jobs that only count, and whose combiner is nobody else's: instead of its value a record carries how many it stands
// for, 1 at first, as eight bytes that the engine sums.
template <class J>
inline constexpr bool kCounts = false;
template <class J>
  requires requires { typename J::Reduce; } && (!requires { typename J::Combine; }) && (!requires { &J::combine; })
inline constexpr bool kCounts<J> = std::is_same_v<typename J::Reduce, Count>;

template <class T>
concept NumberLike = !requires(const T& t) { View(t); };

template <class J>
void Write(Out& out, const auto& key, const auto& value) {
  if constexpr (kRawOutput<J>) {
    out.text(key, value);
  } else {
    out.kv(key, value);
  }
}

// Calls keep() for the records to pass on; `fresh` is true for the first record of a key.
template <class Values, class Keep>
void EachKey(Values& values, Keep keep) {
  std::string last;
  bool fresh = true;
  for (; !values.done(); values.advance()) {
    if (!fresh && values.encoded_key() != last) fresh = true;
    const bool first = fresh;
    if (first) last.assign(values.encoded_key());
    fresh = false;
    keep(first);
  }
}
}  // namespace detail

// ---- folds: V and V make V --------------------------------------------------------------------------------

// Integers wrap around like unsigned ones: take a type that is wide enough.
struct Sum {
  static constexpr std::uint32_t kFold = MR_FOLD_SUM;
  template <class A, class V>
    requires detail::NumberLike<V> && requires(A& a, const V& v) { a += v; }
  static void step(A& sum, const V& v) {
    if constexpr (detail::Integer<A>) {
      using U = std::make_unsigned_t<A>;
      sum = static_cast<A>(static_cast<U>(static_cast<U>(sum) + static_cast<U>(v)));
    } else {
      sum += v;
    }
  }
};
struct Min {
  static constexpr std::uint32_t kFold = MR_FOLD_MIN;
  template <class A, class V>
    requires requires(A& a, const V& v) { v < a; a = v; }
  static void step(A& least, const V& v) {
    if (v < least) least = v;
  }
};
struct Max {
  static constexpr std::uint32_t kFold = MR_FOLD_MAX;
  template <class A, class V>
    requires requires(A& a, const V& v) { a < v; a = v; }
  static void step(A& most, const V& v) {
    if (most < v) most = v;
  }
};

// ---- the others -------------------------------------------------------------------------------------------

// How many records the group has. Counts travel instead of values, so it is its own combiner. With a combine() or
// Combine of yours it counts what that leaves.
struct Count {
  static std::uint64_t Number(View encoded) {
    const char* from = encoded.data();
    return detail::GetBits<std::uint64_t>(from, from + encoded.size());
  }
  template <class J>
  static void reduce(const auto& group, auto& values, Out& out, Task&) {
    std::uint64_t n = 0;
    for (; !values.done(); values.advance()) n += detail::kCounts<J> ? Number(values.encoded_value()) : 1;
    detail::Write<J>(out, group, n);
  }
  template <class J>
    requires detail::kCounts<J>
  static void combine(auto& values, auto& emit, Task&) {
    std::string key;
    std::uint64_t n = 0;
    const auto flush = [&] {
      if (n == 0) return;
      char bytes[8];
      detail::PutBits(bytes, n);
      emit.encoded(key, View(bytes, sizeof bytes));
    };
    detail::EachKey(values, [&](bool first) {
      if (first) {
        flush();
        key.assign(values.encoded_key());
        n = 0;
      }
      n += Number(values.encoded_value());
    });
    flush();
  }
};
struct Mean {
  template <class J>
  static void reduce(const auto& group, auto& values, Out& out, Task&) {
    static_assert(std::is_arithmetic_v<typename J::Value>, "mr::Mean needs a number as the job's Value");
    double sum = 0;
    std::uint64_t n = 0;
    for (const auto v : values) {
      sum += static_cast<double>(v);
      ++n;
    }
    detail::Write<J>(out, group, sum / static_cast<double>(n));
  }
};
// The value of the group's first record in key order. Values of one and the same key come in no fixed order:
// put what decides into the key, behind GroupBy = First<N>.
struct FirstValue {
  template <class J>
  static void reduce(const auto& group, auto& values, Out& out, Task&) {
    detail::Write<J>(out, group, values.value());
  }
  template <class J>
  static void combine(auto& values, auto& emit, Task&) {
    emit.encoded(values.encoded_key(), values.encoded_value());
  }
};
// … and of its last one.
struct LastValue {
  template <class J>
  static void reduce(const auto& group, auto& values, Out& out, Task&) {
    auto last = detail::Own(values.value());
    for (values.advance(); !values.done(); values.advance()) last = detail::Own(values.value());
    detail::Write<J>(out, group, last);
  }
  template <class J>
  static void combine(auto& values, auto& emit, Task&) {
    std::string key, value;
    for (; !values.done(); values.advance()) {
      key.assign(values.encoded_key());
      value.assign(values.encoded_value());
    }
    emit.encoded(key, value);
  }
};
// The same under shorter names: `using Reduce = mr::First<>;` (First<N> with a number is a grouping).
template <>
struct First<0> : FirstValue {};
using Last = LastValue;
// How often each value occurs in the group: a line per distinct value, least first, as group TAB value TAB count. One
// entry of memory per distinct value: round numbers first, if there are many (mr::Histogram of v / 100 * 100).
struct Histogram {
  template <class J>
  static void reduce(const auto& group, auto& values, Out& out, Task&) {
    std::map<detail::Owned<typename J::Value>, std::uint64_t> counts;
    for (; !values.done(); values.advance()) ++counts[detail::Own(values.value())];
    for (const auto& [value, count] : counts) detail::Write<J>(out, group, std::pair(value, count));
  }
};
// All values in one line, with Separator between them.
template <char Separator = ','>
struct Concat {
  template <class J>
  static void reduce(const auto& group, auto& values, Out& out, Task&) {
    if (!out.plain()) {
      std::string all;
      for (const auto& v : values) {
        detail::WriteText(v, [&all](View bytes) { all += bytes; });
        all += Separator;
      }
      if (!all.empty()) all.pop_back();
      return out.kv(group, all);
    }
    out.text(group, '\t');
    bool first = true;
    for (const auto& v : values) {
      if (!first) out.text(Separator);
      out.text(v);
      first = false;
    }
    if constexpr (!detail::kRawOutput<J>) out.raw("\n");
  }
};
// Every record, in key order: a sort.
struct Identity {
  template <class J>
  static void reduce(const auto&, auto& values, Out& out, Task&) {
    for (; !values.done(); values.advance()) detail::Write<J>(out, values.key(), values.value());
  }
};
// One record per distinct key, the others dropped. As a reduce it writes the key alone.
struct Unique {
  static constexpr std::uint32_t kFold = MR_FOLD_DEDUP;
  template <class J>
  static void reduce(const auto&, auto& values, Out& out, Task&) {
    detail::EachKey(values, [&](bool first) {
      if (first) detail::Write<J>(out, values.key(), None{});
    });
  }
  template <class J>
  static void combine(auto& values, auto& emit, Task&) {
    detail::EachKey(values, [&](bool first) {
      if (first) emit.encoded(values.encoded_key(), values.encoded_value());
    });
  }
};
using Dedup = Unique;
// The first k records of each group, in key order; k is the parameter "k" (10).
struct Head {
  static constexpr bool kNeedsK = true;
  static std::uint64_t Limit(const Task& task) { return to<std::uint64_t>(task.param("k").value_or("10")); }
  template <class J>
  static void reduce(const auto&, auto& values, Out& out, Task& task) {
    std::uint64_t left = Limit(task);
    for (; left > 0 && !values.done(); values.advance(), --left) {
      detail::Write<J>(out, values.key(), values.value());
    }
  }
  template <class J>
  static void combine(auto& values, auto& emit, Task& task) {
    std::uint64_t left = Limit(task);
    for (; left > 0 && !values.done(); values.advance(), --left) {
      emit.encoded(values.encoded_key(), values.encoded_value());
    }
  }
};
// The N largest values of each group, largest first, one line each.
template <std::size_t N>
struct Top {
  static_assert(N > 0, "mr::Top<N>: N is how many values to keep, at least 1");
  template <class O, class V>
  static void Offer(std::vector<O>& heap, const V& v) {
    const auto more = [](const O& a, const O& b) { return b < a; };  // least on top
    if (heap.size() < N) {
      heap.push_back(detail::Own(v));
    } else if (heap.front() < v) {
      std::pop_heap(heap.begin(), heap.end(), more);
      heap.back() = detail::Own(v);
    } else {
      return;
    }
    std::push_heap(heap.begin(), heap.end(), more);
  }
  template <class J>
  static void reduce(const auto& group, auto& values, Out& out, Task&) {
    std::vector<detail::Owned<typename J::Value>> heap;
    for (; !values.done(); values.advance()) Offer(heap, values.value());
    std::sort(heap.begin(), heap.end(), [](const auto& a, const auto& b) { return b < a; });
    for (const auto& v : heap) detail::Write<J>(out, group, v);
  }
  template <class J>
  static void combine(auto& values, auto& emit, Task&) {
    using V = typename J::Value;
    std::vector<detail::Owned<V>> heap;
    std::string key;
    const auto flush = [&] {
      for (const auto& v : heap) {
        std::string bytes(Codec<V>::size(v, true), '\0');
        Codec<V>::put(bytes.data(), v, true);
        emit.encoded(key, bytes);
      }
      heap.clear();
    };
    detail::EachKey(values, [&](bool first) {
      if (first) {
        flush();
        key.assign(values.encoded_key());
      }
      Offer(heap, values.value());
    });
    flush();
  }
};

namespace detail {

template <class R, class V>
concept Fold = requires(Owned<V>& a, const V& v) { R::step(a, v); };
template <class R, class J>
concept GeneralReduce = requires(const typename J::Group& g, typename J::Values& v, Out& o, Task& t) {
  R::template reduce<J>(g, v, o, t);
};
template <class R, class J>
concept Combines = requires(typename J::Values& v, typename J::Emit& e, Task& t) {
  R::template combine<J>(v, e, t);
};

// What combines the job's records: its combine(), its Combine, its Reduce if that can, or None.
template <class T>
struct CombinerOf {
  using type = None;
};
template <class T>
  requires requires { typename T::Combine; }
struct CombinerOf<T> {
  using type = typename T::Combine;
};
template <class T>
  requires(!requires { typename T::Combine; } && requires { typename T::Reduce; })
struct CombinerOf<T> {
  static constexpr bool kCan = Fold<typename T::Reduce, typename T::Value> || Combines<typename T::Reduce, T>;
  using type = std::conditional_t<kCan, typename T::Reduce, None>;
};

template <class J, class R>
void FoldReduce(const typename J::Group& group, typename J::Values& values, Out& out) {
  auto sum = Own(values.value());
  for (values.advance(); !values.done(); values.advance()) R::step(sum, values.value());
  Write<J>(out, group, sum);
}

// One record per distinct key of the group.
template <class J, class R>
void FoldCombine(typename J::Values& values, typename J::Emit& emit) {
  using V = typename J::Value;
  std::string key;
  std::optional<Owned<V>> sum;
  const auto flush = [&] {
    if (!sum) return;
    std::string bytes(Codec<V>::size(*sum, true), '\0');
    Codec<V>::put(bytes.data(), *sum, true);
    emit.encoded(key, bytes);
  };
  EachKey(values, [&](bool first) {
    if (!first) {
      R::step(*sum, values.value());
      return;
    }
    flush();
    key.assign(values.encoded_key());
    sum.emplace(Own(values.value()));
  });
  flush();
}

}  // namespace detail
}  // namespace mr
