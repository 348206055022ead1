// How keys and values become bytes. The bytes of two keys compare (memcmp) as the keys themselves do, so every
// sort, merge and partition bound of the engine is one memcmp.
//
//   integers        big endian, sign bit flipped       double, float   IEEE bits, flipped to sort; -0 is 0, NaN last
//   string, View    the bytes; inside a tuple 00 becomes 00 FF and the end is 00 01
//   tuple, pair     the parts one behind the other     Desc<T>         all bits inverted
//
// `last`: nothing follows this part in the key, so a string needs no end mark.
//
// For a type of your own write MR_KEY_FIELDS(a, b, c) in the struct, or MR_FIELDS(T, a, b, c) behind one that you cannot
// change, or specialise mr::Codec with
//   static std::size_t size(const T&, bool last);                     // bytes that put() will write
//   static char* put(char* to, const T&, bool last);                  // returns the end of what it wrote
//   static T get(const char*& from, const char* end, bool last, mr::Arena&);
#pragma once

#include <bit>
#include <concepts>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <mr/types.hpp>

// Inside a struct: it is a key (or value) made of these members, in this order of importance.
#define MR_KEY_FIELDS(...)                                  \
  auto mr_key_fields() { return std::tie(__VA_ARGS__); }    \
  auto mr_key_fields() const { return std::tie(__VA_ARGS__); }

// Behind a struct, in its namespace: the same for one with public members that somebody else has written.
//   struct Point { int32_t x, y; };
//   MR_FIELDS(Point, x, y);
#define MR_FIELDS(T, ...)                                                                                      \
  [[maybe_unused]] inline auto mr_fields_of(T& t) { return std::tie(MR_DETAIL_MEMBERS(t, __VA_ARGS__)); }      \
  [[maybe_unused]] inline auto mr_fields_of(const T& t) { return std::tie(MR_DETAIL_MEMBERS(t, __VA_ARGS__)); } \
  static_assert(true)  // for the semicolon

// t.a, t.b, …: up to 80 members.
#define MR_DETAIL_RESCAN4(...) __VA_ARGS__
#define MR_DETAIL_RESCAN3(...) MR_DETAIL_RESCAN4(MR_DETAIL_RESCAN4(MR_DETAIL_RESCAN4(MR_DETAIL_RESCAN4(__VA_ARGS__))))
#define MR_DETAIL_RESCAN2(...) MR_DETAIL_RESCAN3(MR_DETAIL_RESCAN3(MR_DETAIL_RESCAN3(MR_DETAIL_RESCAN3(__VA_ARGS__))))
#define MR_DETAIL_RESCAN(...) MR_DETAIL_RESCAN2(MR_DETAIL_RESCAN2(MR_DETAIL_RESCAN2(MR_DETAIL_RESCAN2(__VA_ARGS__))))
#define MR_DETAIL_PARENS ()
#define MR_DETAIL_MEMBERS(OBJECT, ...) MR_DETAIL_RESCAN(MR_DETAIL_MEMBER(OBJECT, __VA_ARGS__))
#define MR_DETAIL_MEMBER(OBJECT, FIRST, ...) \
  OBJECT.FIRST __VA_OPT__(, MR_DETAIL_MEMBER_AGAIN MR_DETAIL_PARENS(OBJECT, __VA_ARGS__))
#define MR_DETAIL_MEMBER_AGAIN() MR_DETAIL_MEMBER

namespace mr {

// Memory for decoded strings that cannot be views into the record. Lives until the next record.
class Arena {
 public:
  char* take(std::size_t size) {
    blocks_.push_back(std::make_unique<char[]>(size + 1));
    return blocks_.back().get();
  }
  void clear() {
    if (!blocks_.empty()) blocks_.clear();
  }

 private:
  std::vector<std::unique_ptr<char[]>> blocks_;
};

template <class T>
struct Codec {
  static constexpr bool kMissing = true;
};

namespace detail {

[[noreturn, gnu::cold]] inline void TornKey() {
  throw std::runtime_error("mr: the bytes of a key or value end too early for its type");
}

// memcpy whose short cases need no call; keys and words are short.
inline char* Copy(char* to, const char* from, std::size_t n) {
  if (n > 16) {
    std::memcpy(to, from, n);
  } else if (n >= 8) {
    std::uint64_t head, tail;
    std::memcpy(&head, from, 8);
    std::memcpy(&tail, from + n - 8, 8);
    std::memcpy(to, &head, 8);
    std::memcpy(to + n - 8, &tail, 8);
  } else if (n >= 4) {
    std::uint32_t head, tail;
    std::memcpy(&head, from, 4);
    std::memcpy(&tail, from + n - 4, 4);
    std::memcpy(to, &head, 4);
    std::memcpy(to + n - 4, &tail, 4);
  } else if (n > 0) {
    to[0] = from[0];
    to[n / 2] = from[n / 2];
    to[n - 1] = from[n - 1];
  }
  return to + n;
}

template <class U>
U BigEndian(U u) {
  static_assert(std::endian::native == std::endian::little || std::endian::native == std::endian::big);
  if constexpr (std::endian::native == std::endian::big || sizeof(U) == 1) {
    return u;
  } else if constexpr (sizeof(U) == 2) {
    return __builtin_bswap16(u);
  } else if constexpr (sizeof(U) == 4) {
    return __builtin_bswap32(u);
  } else {
    return __builtin_bswap64(u);
  }
}

template <class U>
char* PutBits(char* to, U u) {
  u = BigEndian(u);
  std::memcpy(to, &u, sizeof u);
  return to + sizeof u;
}

template <class U>
U GetBits(const char*& from, const char* end) {
  if (static_cast<std::size_t>(end - from) < sizeof(U)) TornKey();
  U u;
  std::memcpy(&u, from, sizeof u);
  from += sizeof u;
  return BigEndian(u);
}

template <class T>
concept Integer = std::is_integral_v<T> && !std::is_same_v<T, bool> && sizeof(T) <= 8;
template <class T>
concept Real = std::is_same_v<T, double> || std::is_same_v<T, float>;
template <class T>
concept Text = std::is_same_v<T, View> || std::is_same_v<T, std::string>;
template <class T>
concept OwnFields = requires(T& t) { t.mr_key_fields(); };
template <class T>
concept Fields = OwnFields<T> || requires(T& t) { mr_fields_of(t); };

// References to the members of a struct with fields.
template <Fields T>
auto FieldsOf(T& t) {
  if constexpr (OwnFields<T>) {
    return t.mr_key_fields();
  } else {
    return mr_fields_of(t);
  }
}

template <class T>
struct RemoveRefs;
template <class... T>
struct RemoveRefs<std::tuple<T...>> {
  using type = std::tuple<std::remove_cvref_t<T>...>;
};

// The parts of a key that has parts: std::tuple<...>; void for others.
template <class T>
struct PartsOf {
  using type = void;
};
template <class... T>
struct PartsOf<std::tuple<T...>> {
  using type = std::tuple<T...>;
};
template <class A, class B>
struct PartsOf<std::pair<A, B>> {
  using type = std::tuple<A, B>;
};
template <Fields T>
struct PartsOf<T> {
  using type = typename RemoveRefs<decltype(FieldsOf(std::declval<T&>()))>::type;
};
template <class T>
using Parts = typename PartsOf<T>::type;

// True if T and all of its parts can be encoded.
template <class T>
consteval bool HasCodec() {
  if constexpr (requires { Codec<T>::kMissing; }) {
    return false;
  } else if constexpr (!std::is_void_v<Parts<T>>) {
    return []<std::size_t... I>(std::index_sequence<I...>) {
      return (HasCodec<std::tuple_element_t<I, Parts<T>>>() && ...);
    }(std::make_index_sequence<std::tuple_size_v<Parts<T>>>());
  } else {
    return true;
  }
}

}  // namespace detail

template <>
struct Codec<None> {
  static std::size_t size(None, bool) { return 0; }
  static char* put(char* to, None, bool) { return to; }
  static None get(const char*&, const char*, bool, Arena&) { return {}; }
};

template <>
struct Codec<bool> {
  static std::size_t size(bool, bool) { return 1; }
  static char* put(char* to, bool v, bool) {
    *to = static_cast<char>(v);
    return to + 1;
  }
  static bool get(const char*& from, const char* end, bool, Arena&) {
    return detail::GetBits<std::uint8_t>(from, end) != 0;
  }
};

template <detail::Integer T>
struct Codec<T> {
  using U = std::make_unsigned_t<T>;
  static constexpr U kFlip = std::is_signed_v<T> ? static_cast<U>(U{1} << (sizeof(T) * 8 - 1)) : U{0};
  static std::size_t size(T, bool) { return sizeof(T); }
  static char* put(char* to, T v, bool) {
    return detail::PutBits(to, static_cast<U>(static_cast<U>(v) ^ kFlip));
  }
  static T get(const char*& from, const char* end, bool, Arena&) {
    return static_cast<T>(static_cast<U>(detail::GetBits<U>(from, end) ^ kFlip));
  }
};

template <class T>
  requires std::is_enum_v<T>
struct Codec<T> {
  using I = std::underlying_type_t<T>;
  static std::size_t size(T, bool) { return sizeof(T); }
  static char* put(char* to, T v, bool last) { return Codec<I>::put(to, static_cast<I>(v), last); }
  static T get(const char*& from, const char* end, bool last, Arena& arena) {
    return static_cast<T>(Codec<I>::get(from, end, last, arena));
  }
};

template <detail::Real T>
struct Codec<T> {
  using U = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;
  static constexpr U kSign = U{1} << (sizeof(T) * 8 - 1);
  static std::size_t size(T, bool) { return sizeof(T); }
  static char* put(char* to, T v, bool) {
    if (v == 0) v = 0;                       // -0 and 0 are one key
    U u = v != v ? static_cast<U>(~kSign) : std::bit_cast<U>(v);  // every NaN is the largest one
    return detail::PutBits(to, static_cast<U>((u & kSign) != 0 ? ~u : u | kSign));
  }
  static T get(const char*& from, const char* end, bool, Arena&) {
    const U u = detail::GetBits<U>(from, end);
    return std::bit_cast<T>(static_cast<U>((u & kSign) != 0 ? u & ~kSign : ~u));
  }
};

template <std::size_t N>
struct Codec<Bytes<N>> {
  static std::size_t size(const Bytes<N>&, bool) { return N; }
  static char* put(char* to, const Bytes<N>& v, bool) { return detail::Copy(to, v.data.data(), N); }
  static Bytes<N> get(const char*& from, const char* end, bool, Arena&) {
    if (static_cast<std::size_t>(end - from) < N) detail::TornKey();
    Bytes<N> v{View(from, N)};
    from += N;
    return v;
  }
};

template <detail::Text T>
struct Codec<T> {
  static std::size_t size(View v, bool last) {
    if (last) return v.size();
    std::size_t size = v.size() + 2;
    for (View rest = v; const char* zero = FindZero(rest); ++size) {
      rest.remove_prefix(static_cast<std::size_t>(zero - rest.data()) + 1);
    }
    return size;
  }
  static char* put(char* to, View v, bool last) {
    if (last) return detail::Copy(to, v.data(), v.size());
    while (const char* zero = FindZero(v)) {
      const auto n = static_cast<std::size_t>(zero - v.data()) + 1;
      to = detail::Copy(to, v.data(), n);
      *to++ = '\xff';
      v.remove_prefix(n);
    }
    to = detail::Copy(to, v.data(), v.size());
    *to++ = '\0';
    *to++ = '\1';
    return to;
  }
  static T get(const char*& from, const char* end, bool last, Arena& arena) {
    View bytes(from, static_cast<std::size_t>(end - from));
    if (last) {
      from = end;
      return T(bytes);
    }
    const char* zero = FindZero(bytes);
    if (zero == nullptr || zero + 1 == end) detail::TornKey();
    if (zero[1] == '\1') {  // nothing escaped: no copy
      from = zero + 2;
      return T(bytes.substr(0, static_cast<std::size_t>(zero - bytes.data())));
    }
    return T(Unescape(from, end, arena));
  }
  static const char* skip(const char* from, const char* end, bool last) {
    if (last) return end;
    for (;;) {
      const char* zero = FindZero(View(from, static_cast<std::size_t>(end - from)));
      if (zero == nullptr || zero + 1 == end) detail::TornKey();
      from = zero + 2;
      if (zero[1] == '\1') return from;
    }
  }

 private:
  static const char* FindZero(View v) {
    return v.empty() ? nullptr : static_cast<const char*>(std::memchr(v.data(), 0, v.size()));
  }
  static View Unescape(const char*& from, const char* end, Arena& arena) {
    const char* stop = skip(from, end, false);
    char* const text = arena.take(static_cast<std::size_t>(stop - from));
    char* to = text;
    for (const char* p = from; p != stop - 2; ++p) {
      *to++ = *p;
      if (*p == 0) ++p;  // the FF of an escaped NUL
    }
    from = stop;
    return View(text, static_cast<std::size_t>(to - text));
  }
};

template <class T>
struct Codec<Desc<T>> {
  // Always with an end mark: "a" must sort behind "ab".
  template <class D>
  static std::size_t size(const D& v, bool) {
    return Codec<T>::size(v.v, false);
  }
  template <class D>
  static char* put(char* to, const D& v, bool) {
    char* const end = Codec<T>::put(to, v.v, false);
    for (; to != end; ++to) *to = static_cast<char>(~*to);
    return end;
  }
  static Desc<T> get(const char*& from, const char* end, bool, Arena& arena) {
    const auto left = static_cast<std::size_t>(end - from);
    constexpr bool kFixed = detail::Integer<T> || detail::Real<T>;
    char fixed[16];
    if (kFixed && left < sizeof(T)) detail::TornKey();
    const std::size_t size = kFixed ? sizeof(T) : left;
    char* const copy = kFixed ? fixed : arena.take(size);
    for (std::size_t i = 0; i < size; ++i) copy[i] = static_cast<char>(~from[i]);
    const char* p = copy;
    Desc<T> v{Codec<T>::get(p, copy + size, false, arena)};
    from += p - copy;
    return v;
  }
};

template <class... T>
struct Codec<std::tuple<T...>> {
  static constexpr std::size_t kCount = sizeof...(T);
  template <class Tuple>
  static std::size_t size(const Tuple& v, bool last) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return (std::size_t{0} + ... + Codec<T>::size(std::get<I>(v), last && I + 1 == kCount));
    }(std::index_sequence_for<T...>());
  }
  template <class Tuple>
  static char* put(char* to, const Tuple& v, bool last) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      ((to = Codec<T>::put(to, std::get<I>(v), last && I + 1 == kCount)), ...);
    }(std::index_sequence_for<T...>());
    return to;
  }
  static std::tuple<T...> get(const char*& from, const char* end, bool last, Arena& arena) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return std::tuple<T...>{Codec<T>::get(from, end, last && I + 1 == kCount, arena)...};
    }(std::index_sequence_for<T...>());
  }
};

template <class A, class B>
struct Codec<std::pair<A, B>> : Codec<std::tuple<A, B>> {
  static std::pair<A, B> get(const char*& from, const char* end, bool last, Arena& arena) {
    auto [a, b] = Codec<std::tuple<A, B>>::get(from, end, last, arena);
    return {std::move(a), std::move(b)};
  }
};

template <detail::Fields T>
struct Codec<T> {
  using Tuple = detail::Parts<T>;
  static std::size_t size(const T& v, bool last) { return Codec<Tuple>::size(detail::FieldsOf(v), last); }
  static char* put(char* to, const T& v, bool last) {
    return Codec<Tuple>::put(to, detail::FieldsOf(v), last);
  }
  static T get(const char*& from, const char* end, bool last, Arena& arena) {
    T v{};
    detail::FieldsOf(v) = Codec<Tuple>::get(from, end, last, arena);
    return v;
  }
};

template <class T>
std::string encode(const T& v) {
  std::string bytes(Codec<T>::size(v, true), '\0');
  Codec<T>::put(bytes.data(), v, true);
  return bytes;
}

// The result may refer to `bytes` and to `arena`.
template <class T>
T decode(View bytes, Arena& arena) {
  const char* p = bytes.data();
  return Codec<T>::get(p, p + bytes.size(), true, arena);
}

}  // namespace mr
