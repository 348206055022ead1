// Every struct that is sent or stored lists its fields once, with MR_FIELDS; encoding, decoding and printing
// walk that list. A static_assert compares the list's length with the number of members, so a field that was
// added to the struct and forgotten in the list does not compile.
//
//   struct Split {
//     std::string path;
//     uint64_t begin = 0;
//     MR_FIELDS(Split, path, begin)
//   };
//
// MrVisit(split, call) is call(split.path, split.begin). A template, so that only those who walk fields pay for it: tuples
// made at the definition cost every source that includes a message a second or two to compile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

namespace mr::wire {

struct AnyField {
  template <class T>
  operator T() const;  // never defined: only asked for in unevaluated context
};

template <class T, class... Fields>
constexpr size_t CountMembers() {
  if constexpr (requires { T{Fields{}..., AnyField{}}; }) {
    return CountMembers<T, Fields..., AnyField>();
  } else {
    return sizeof...(Fields);
  }
}

template <class T>
concept Struct = requires(const T& value) { MrName(value); };

struct CountFields {
  template <class... Fields>
  std::integral_constant<size_t, sizeof...(Fields)> operator()(const Fields&...) const;  // never defined
};

template <Struct T>
constexpr size_t FieldCount() {
  constexpr size_t listed = decltype(MrVisit(std::declval<const T&>(), CountFields{}))::value;
  static_assert(listed == CountMembers<T>(), "MR_FIELDS must list every member of the struct, in order");
  return listed;
}

}  // namespace mr::wire

#define MR_FIELDS(Type, ...)                                                                        \
  friend constexpr std::string_view MrName(const Type&) { return #Type; }                           \
  friend constexpr std::string_view MrFieldNames(const Type&) { return #__VA_ARGS__; }              \
  template <class F>                                                                                \
  friend constexpr decltype(auto) MrVisit(const Type& self, F&& call) {                             \
    return call(MR_MAP_(self, __VA_ARGS__));                                                        \
  }                                                                                                 \
  template <class F>                                                                                \
  friend constexpr decltype(auto) MrVisit(Type& self, F&& call) {                                   \
    return call(MR_MAP_(self, __VA_ARGS__));                                                        \
  }                                                                                                 \
  friend bool operator==(const Type&, const Type&) = default;

// A struct without fields.
#define MR_NO_FIELDS(Type)                                                                          \
  friend constexpr std::string_view MrName(const Type&) { return #Type; }                           \
  friend constexpr std::string_view MrFieldNames(const Type&) { return ""; }                        \
  template <class F>                                                                                \
  friend constexpr decltype(auto) MrVisit(const Type&, F&& call) {                                  \
    return call();                                                                                  \
  }                                                                                                 \
  friend bool operator==(const Type&, const Type&) = default;

// Puts "self." before each argument: the recursive __VA_OPT__ idiom.
#define MR_MAP_(self, ...) __VA_OPT__(MR_EXPAND_(MR_STEP_(self, __VA_ARGS__)))
#define MR_STEP_(self, first, ...) self.first __VA_OPT__(, MR_AGAIN_ MR_PARENS_(self, __VA_ARGS__))
#define MR_AGAIN_() MR_STEP_
#define MR_PARENS_ ()
#define MR_EXPAND_(...) MR_EXPAND2_(MR_EXPAND2_(MR_EXPAND2_(MR_EXPAND2_(__VA_ARGS__))))
#define MR_EXPAND2_(...) MR_EXPAND3_(MR_EXPAND3_(MR_EXPAND3_(MR_EXPAND3_(__VA_ARGS__))))
#define MR_EXPAND3_(...) MR_EXPAND4_(MR_EXPAND4_(MR_EXPAND4_(MR_EXPAND4_(__VA_ARGS__))))
#define MR_EXPAND4_(...) __VA_ARGS__
