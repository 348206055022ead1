// Questions about key and value types: how they are passed, kept, named, and cut into groups.
#pragma once

#include <mr/codec.hpp>

namespace mr::detail {

// What emit() takes for a T: a View where T is or holds a std::string, so that nothing is copied on the way.
template <class T>
struct ArgOf {
  using type = T;
};
template <>
struct ArgOf<std::string> {
  using type = View;
};
template <class T>
struct ArgOf<Desc<T>> {
  using type = Desc<typename ArgOf<T>::type>;
};
template <class... T>
struct ArgOf<std::tuple<T...>> {
  using type = std::tuple<typename ArgOf<T>::type...>;
};
template <class A, class B>
struct ArgOf<std::pair<A, B>> {
  using type = std::pair<typename ArgOf<A>::type, typename ArgOf<B>::type>;
};
template <class T>
using Arg = typename ArgOf<T>::type;
template <class T>
using Pass = std::conditional_t<std::is_trivially_copyable_v<Arg<T>> && sizeof(Arg<T>) <= 16, Arg<T>,
                                const Arg<T>&>;

// T, kept beyond the record it came from.
template <class T>
struct OwnedOf {
  using type = T;
};
template <>
struct OwnedOf<View> {
  using type = std::string;
};
template <class T>
struct OwnedOf<Desc<T>> {
  using type = Desc<typename OwnedOf<T>::type>;
};
template <class... T>
struct OwnedOf<std::tuple<T...>> {
  using type = std::tuple<typename OwnedOf<T>::type...>;
};
template <class A, class B>
struct OwnedOf<std::pair<A, B>> {
  using type = std::pair<typename OwnedOf<A>::type, typename OwnedOf<B>::type>;
};
template <class T>
using Owned = typename OwnedOf<T>::type;

template <class T>
Owned<T> Own(const T& v);
template <class T>
Desc<Owned<T>> Own(const Desc<T>& v);
template <class... T>
std::tuple<Owned<T>...> Own(const std::tuple<T...>& v);
template <class A, class B>
std::pair<Owned<A>, Owned<B>> Own(const std::pair<A, B>& v);

template <class P>
inline constexpr bool kHoldsView = false;
template <class... T>
inline constexpr bool kHoldsView<std::tuple<T...>> = (std::is_same_v<T, View> || ...);

template <class T>
Owned<T> Own(const T& v) {
  static_assert(!Fields<T> || !kHoldsView<Parts<T>>,
                "mr: this reduce keeps values beyond their record: a struct with MR_KEY_FIELDS must then hold "
                "std::string, not View");
  return Owned<T>(v);
}
template <class T>
Desc<Owned<T>> Own(const Desc<T>& v) {
  return {Own(v.v)};
}
template <class... T>
std::tuple<Owned<T>...> Own(const std::tuple<T...>& v) {
  return std::apply([](const auto&... part) { return std::tuple<Owned<T>...>(Own(part)...); }, v);
}
template <class A, class B>
std::pair<Owned<A>, Owned<B>> Own(const std::pair<A, B>& v) {
  return {Own(v.first), Own(v.second)};
}

// ---- groups -----------------------------------------------------------------------------------------------

// The bytes of one part.
template <class T>
void Skip(const char*& from, const char* end, bool last) {
  if constexpr (requires { Codec<T>::skip(from, end, last); }) {
    from = Codec<T>::skip(from, end, last);
  } else {
    Arena arena;
    (void)Codec<T>::get(from, end, last, arena);
  }
}

// Length of the first N parts of an encoded K. Throws when the bytes are torn.
template <class K, std::size_t N>
std::size_t PrefixSize(View key) {
  using P = Parts<K>;
  constexpr std::size_t kCount = std::tuple_size_v<P>;
  const char* p = key.data();
  const char* const end = p + key.size();
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (Skip<std::tuple_element_t<I, P>>(p, end, I + 1 == kCount), ...);
  }(std::make_index_sequence<N>());
  return static_cast<std::size_t>(p - key.data());
}

template <std::size_t N, class P>
struct FirstParts;
template <std::size_t N, class... T>
struct FirstParts<N, std::tuple<T...>> {
  template <std::size_t... I>
  static std::tuple<std::tuple_element_t<I, std::tuple<T...>>...> Make(std::index_sequence<I...>);
  using type = decltype(Make(std::make_index_sequence<N>()));
};

// What reduce() gets as its group, and how it is found in the key's bytes.
template <class K, class G>
struct Grouping;
template <class K>
struct Grouping<K, FullKey> {
  using Group = K;
  static constexpr bool kFull = true;
  static std::size_t Size(View key) { return key.size(); }
  static Group Decode(View group, Arena& arena) { return decode<K>(group, arena); }
};
template <class K, std::size_t N>
struct Grouping<K, First<N>> {
  static_assert(!std::is_void_v<Parts<K>>,
                "mr::First<N> groups by the first N parts of a key: the key must be a tuple, a pair or a "
                "struct with MR_KEY_FIELDS");
  using P = Parts<K>;
  static_assert(N >= 1 && N <= std::tuple_size_v<P>,
                "mr::First<N>: N must be at least 1 and at most the number of the key's parts");
  using Prefix = typename FirstParts<N, P>::type;
  using Group = std::conditional_t<N == 1, std::tuple_element_t<0, Prefix>, Prefix>;
  static constexpr bool kFull = false;
  static std::size_t Size(View key) { return PrefixSize<K, N>(key); }
  static Group Decode(View group, Arena& arena) {
    const char* p = group.data();
    const bool last = N == std::tuple_size_v<P>;
    if constexpr (N == 1) {
      return Codec<Group>::get(p, p + group.size(), last, arena);
    } else {
      return Codec<Prefix>::get(p, p + group.size(), last, arena);
    }
  }
};

// Hash for ByFirst<N>: mixes 8 bytes at a time (multiply and fold).
inline std::uint64_t Hash(View bytes) {
  std::uint64_t h = 0x9e3779b97f4a7c15u ^ bytes.size();
  const auto mix = [&h](std::uint64_t word) {
    h = (h ^ word) * 0xd6e8feb86659fd93u;
    h ^= h >> 32;
  };
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data(), 8);
    mix(word);
  }
  std::uint64_t word = 0;
  if (!bytes.empty()) std::memcpy(&word, bytes.data(), bytes.size());
  mix(word);
  mix(h >> 29);
  return h;
}

// Hash scaled to [0, count).
inline std::uint32_t Scale(std::uint64_t hash, std::uint32_t count) {
  return static_cast<std::uint32_t>(((hash >> 32) * count) >> 32);
}

// ---- names, for people ------------------------------------------------------------------------------------

template <class T>
std::string TypeName() {
  if constexpr (Text<T>) {
    return "string";
  } else if constexpr (std::is_same_v<T, bool>) {
    return "bool";
  } else if constexpr (std::is_same_v<T, None>) {
    return "none";
  } else if constexpr (std::is_same_v<T, double>) {
    return "double";
  } else if constexpr (std::is_same_v<T, float>) {
    return "float";
  } else if constexpr (std::is_enum_v<T>) {
    return TypeName<std::underlying_type_t<T>>();
  } else if constexpr (Integer<T>) {
    return std::string(std::is_signed_v<T> ? "int" : "uint") + std::to_string(sizeof(T) * 8);
  } else if constexpr (requires { []<std::size_t N>(Bytes<N>) {}(std::declval<T>()); }) {
    return "bytes" + std::to_string(sizeof(T));
  } else if constexpr (requires { []<class D>(Desc<D>*) {}(static_cast<T*>(nullptr)); }) {
    return "desc<" + TypeName<decltype(T::v)>() + ">";
  } else if constexpr (!std::is_void_v<Parts<T>>) {
    std::string name = "tuple<";
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      ((name += (I == 0 ? "" : ",") + TypeName<std::tuple_element_t<I, Parts<T>>>()), ...);
    }(std::make_index_sequence<std::tuple_size_v<Parts<T>>>());
    return name + ">";
  } else {
    return "custom";
  }
}

}  // namespace mr::detail
