// Every struct that is sent or stored lists its fields once, with MR_FIELDS; encoding, decoding and printing
// walk that list. A static_assert compares the list's length with the number of members, so a field that was
// added to the struct and forgotten in the list does not compile.
//
//   struct Split {
//     std::string path;
//     uint64_t begin = 0;
//     MR_FIELDS(Split, path, begin)
//   };
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <tuple>
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
concept Struct = requires(const T& value) { MrFields(value); };

template <Struct T>
constexpr size_t FieldCount() {
  constexpr size_t listed = std::tuple_size_v<decltype(MrFields(std::declval<const T&>()))>;
  static_assert(listed == CountMembers<T>(), "MR_FIELDS must list every member of the struct, in order");
  return listed;
}

}  // namespace mr::wire

#define MR_FIELDS(Type, ...)                                                                        \
  friend constexpr std::string_view MrName(const Type&) { return #Type; }                           \
  friend constexpr std::string_view MrFieldNames(const Type&) { return #__VA_ARGS__; }              \
  friend constexpr auto MrFields(const Type& self) { return MR_TIE_(self, __VA_ARGS__); }           \
  friend constexpr auto MrFields(Type& self) { return MR_TIE_(self, __VA_ARGS__); }                 \
  friend bool operator==(const Type&, const Type&) = default;

// A struct without fields.
#define MR_NO_FIELDS(Type)                                                                          \
  friend constexpr std::string_view MrName(const Type&) { return #Type; }                           \
  friend constexpr std::string_view MrFieldNames(const Type&) { return ""; }                        \
  friend constexpr auto MrFields(const Type&) { return std::tuple<>(); }                            \
  friend constexpr auto MrFields(Type&) { return std::tuple<>(); }                                  \
  friend bool operator==(const Type&, const Type&) = default;

#define MR_TIE_(self, ...) std::tie(MR_MAP_(self, __VA_ARGS__))
// Puts "self." before each argument: the recursive __VA_OPT__ idiom.
#define MR_MAP_(self, ...) __VA_OPT__(MR_EXPAND_(MR_STEP_(self, __VA_ARGS__)))
#define MR_STEP_(self, first, ...) self.first __VA_OPT__(, MR_AGAIN_ MR_PARENS_(self, __VA_ARGS__))
#define MR_AGAIN_() MR_STEP_
#define MR_PARENS_ ()
#define MR_EXPAND_(...) MR_EXPAND2_(MR_EXPAND2_(MR_EXPAND2_(MR_EXPAND2_(__VA_ARGS__))))
#define MR_EXPAND2_(...) MR_EXPAND3_(MR_EXPAND3_(MR_EXPAND3_(MR_EXPAND3_(__VA_ARGS__))))
#define MR_EXPAND3_(...) MR_EXPAND4_(MR_EXPAND4_(MR_EXPAND4_(MR_EXPAND4_(__VA_ARGS__))))
#define MR_EXPAND4_(...) __VA_ARGS__
