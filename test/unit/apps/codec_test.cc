// Keys keep their order as bytes, and come back as they went.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <mr/mr.hpp>

namespace {

using mr::View;

template <class T>
auto RoundTrip(const T& v) {
  mr::Arena arena;
  const std::string bytes = mr::encode(v);
  return mr::detail::Own(mr::decode<T>(bytes, arena));
}

// Every pair of values: bytes compare as values do; and each comes back.
template <class T>
void ExpectOrdered(const std::vector<T>& values) {
  for (const T& a : values) {
    EXPECT_TRUE(RoundTrip(a) == mr::detail::Own(a));
    for (const T& b : values) {
      EXPECT_EQ(mr::encode(a) < mr::encode(b), a < b);
      EXPECT_EQ(mr::encode(a) == mr::encode(b), a == b);
    }
  }
}

template <class T>
std::vector<T> Integers() {
  using L = std::numeric_limits<T>;
  std::vector<T> values{L::min(), static_cast<T>(L::min() + 1), T{0}, T{1}, T{100}, static_cast<T>(L::max() - 1), L::max()};
  if constexpr (std::is_signed_v<T>) values.insert(values.end(), {T{-1}, T{-100}});
  mr::Rng rng(7);
  for (int i = 0; i < 40; ++i) values.push_back(static_cast<T>(rng() >> rng.below(64)));
  return values;
}

TEST(Codec, Integers_KeepOrder) {
  ExpectOrdered(Integers<int8_t>());
  ExpectOrdered(Integers<uint8_t>());
  ExpectOrdered(Integers<int16_t>());
  ExpectOrdered(Integers<uint16_t>());
  ExpectOrdered(Integers<int32_t>());
  ExpectOrdered(Integers<uint32_t>());
  ExpectOrdered(Integers<int64_t>());
  ExpectOrdered(Integers<uint64_t>());
  ExpectOrdered(std::vector<char>{'\0', 'a', 'z', '\x7f'});
  ExpectOrdered(std::vector<bool>{false, true});
}

TEST(Codec, Integers_AreBigEndianWithFlippedSign) {
  EXPECT_EQ(mr::encode(int32_t{1}), std::string("\x80\0\0\1", 4));
  EXPECT_EQ(mr::encode(int32_t{-1}), std::string("\x7f\xff\xff\xff", 4));
  EXPECT_EQ(mr::encode(uint16_t{258}), std::string("\1\2", 2));
}

TEST(Codec, Doubles_KeepOrder) {
  using L = std::numeric_limits<double>;
  ExpectOrdered(std::vector<double>{-L::infinity(), L::lowest(), -1e10, -1.5, -L::denorm_min(), 0.0, L::denorm_min(), 0.1,
                                    1.5, 1e10, L::max(), L::infinity()});
  ExpectOrdered(std::vector<float>{-1.5f, -0.f, 0.f, 3.25f, std::numeric_limits<float>::infinity()});
  EXPECT_EQ(mr::encode(-0.0), mr::encode(0.0));
  EXPECT_TRUE(std::isnan(RoundTrip(L::quiet_NaN())));
  EXPECT_EQ(mr::encode(L::quiet_NaN()), mr::encode(-L::quiet_NaN()));
  EXPECT_GT(mr::encode(L::quiet_NaN()), mr::encode(L::infinity()));
}

std::vector<std::string> Strings() {
  std::vector<std::string> all{"", "a", "ab", "b", std::string("\0", 1), std::string("\0\0", 2), std::string("a\0", 2),
                               std::string("a\0b", 3), std::string("a\1", 2), "a\xff", "\xff", std::string("a\0\xff", 3)};
  mr::Rng rng(3);
  for (int i = 0; i < 60; ++i) {
    std::string s(rng.below(20), 'x');
    for (char& c : s) c = "\0\1\xff\xfe" "a"[rng.below(5)];
    all.push_back(s);
  }
  return all;
}

// std::string compares as unsigned bytes, so it is the oracle.
TEST(Codec, Strings_KeepOrder) { ExpectOrdered(Strings()); }

TEST(Codec, Tuples_OfStringsWithNul_KeepOrder) {
  std::vector<std::tuple<std::string, std::string>> values;
  const auto strings = Strings();
  for (std::size_t i = 0; i < 20; ++i) {
    for (std::size_t j = 0; j < 20; j += 3) values.emplace_back(strings[i], strings[j]);
  }
  ExpectOrdered(values);
}

TEST(Codec, Tuples_OfMixedParts_KeepOrder) {
  std::vector<std::tuple<std::string, int64_t, mr::None, bool, std::pair<std::string, uint8_t>>> values;
  for (const char* s : {"", "a", "ab"}) {
    for (int64_t n : {INT64_MIN, int64_t{-1}, int64_t{0}, INT64_MAX}) {
      values.push_back({s, n, {}, n > 0, {s, static_cast<uint8_t>(n)}});
    }
  }
  ExpectOrdered(values);
}

TEST(Codec, Tuples_LastStringNeedsNoMark) {
  EXPECT_EQ(mr::encode(std::tuple<View, View>{"ab", "cd"}), std::string("ab\0\1cd", 6));
  EXPECT_EQ(mr::encode(std::tuple<View, int8_t>{View("a\0b", 3), 0}), std::string("a\0\xff" "b\0\1\x80", 7));
}

TEST(Codec, Desc_ReversesOrder) {
  std::vector<mr::Desc<int64_t>> numbers;
  for (int64_t n : Integers<int64_t>()) numbers.push_back({n});
  ExpectOrdered(numbers);
  std::vector<mr::Desc<std::string>> strings;
  for (const std::string& s : Strings()) strings.push_back({s});
  ExpectOrdered(strings);
  std::vector<std::tuple<mr::Desc<std::string>, mr::Desc<double>, std::string>> mixed;
  for (const char* s : {"", "a", "ab", "b"}) {
    for (double d : {-1.0, 0.0, 2.5}) mixed.push_back({{s}, {d}, s});
  }
  ExpectOrdered(mixed);
}

enum class Colour : uint8_t { kRed = 1, kBlue = 9 };

TEST(Codec, BytesAndEnums_KeepOrder) {
  ExpectOrdered(std::vector<mr::Bytes<3>>{mr::Bytes<3>{""}, mr::Bytes<3>{"abc"}, mr::Bytes<3>{"abd"}, mr::Bytes<3>{"\xff"}});
  ExpectOrdered(std::vector<Colour>{Colour::kRed, Colour::kBlue});
  EXPECT_EQ(mr::encode(mr::Bytes<3>{"abcdef"}), "abc");
}

struct Place {
  std::string country;
  int32_t code = 0;
  MR_KEY_FIELDS(country, code)
  bool operator==(const Place&) const = default;
  auto operator<=>(const Place&) const = default;
};

TEST(Codec, OwnStruct_OrdersByItsFields) {
  ExpectOrdered(std::vector<Place>{{"", 5}, {"de", -1}, {"de", 7}, {"fr", 0}});
  EXPECT_EQ(mr::encode(Place{"de", 7}), mr::encode(std::tuple<View, int32_t>{"de", 7}));
}

}  // namespace

namespace elsewhere {
struct Point {  // somebody else's
  int32_t x = 0;
  std::string label;
  bool operator==(const Point&) const = default;
  auto operator<=>(const Point&) const = default;
};
MR_FIELDS(Point, x, label);
}  // namespace elsewhere

namespace {

TEST(Codec, FieldsOfAStructFromOutside) {
  ExpectOrdered(std::vector<elsewhere::Point>{{-1, "b"}, {0, ""}, {0, "a"}, {7, ""}});
  EXPECT_EQ(mr::encode(elsewhere::Point{7, "a"}), mr::encode(std::tuple<int32_t, View>{7, "a"}));
  std::string text;
  mr::detail::WriteText(elsewhere::Point{7, "a"}, [&](View piece) { text += piece; });
  EXPECT_EQ(text, "7\ta");
}

struct Celsius {
  double degrees = 0;
  bool operator==(const Celsius&) const = default;
  auto operator<=>(const Celsius&) const = default;
};

}  // namespace

template <>
struct mr::Codec<Celsius> {
  static std::size_t size(const Celsius&, bool) { return 8; }
  static char* put(char* to, const Celsius& v, bool last) { return Codec<double>::put(to, v.degrees, last); }
  static Celsius get(const char*& from, const char* end, bool last, Arena& arena) {
    return {Codec<double>::get(from, end, last, arena)};
  }
};

namespace {

TEST(Codec, OwnCodec_InATuple_KeepsOrder) {
  ExpectOrdered(std::vector<std::tuple<Celsius, std::string>>{{{-3}, "x"}, {{0}, ""}, {{0}, "a"}, {{21.5}, ""}});
  using Key = std::tuple<Celsius, View>;
  EXPECT_EQ((mr::detail::PrefixSize<Key, 1>(mr::encode(Key{{1}, "rest"}))), 8u);
}

TEST(Codec, Decode_OfTornBytes_Throws) {
  mr::Arena arena;
  EXPECT_THROW((mr::decode<int64_t>("1234567", arena)), std::runtime_error);
  const std::string whole = mr::encode(std::tuple<View, int32_t>{View("a\0b", 3), 5});
  for (std::size_t n = 0; n < whole.size(); ++n) {
    EXPECT_THROW((mr::decode<std::tuple<View, int32_t>>(View(whole).substr(0, n), arena)), std::runtime_error) << n;
  }
  EXPECT_THROW((mr::decode<std::tuple<mr::Desc<View>, int32_t>>("ab", arena)), std::runtime_error);
}

TEST(Codec, View_WithoutNul_IsNotCopied) {
  mr::Arena arena;
  const std::string bytes = mr::encode(std::tuple<View, View>{"first", "second"});
  const auto [first, second] = mr::decode<std::tuple<View, View>>(bytes, arena);
  EXPECT_EQ(first.data(), bytes.data());
  EXPECT_EQ(second.data(), bytes.data() + 7);
}

TEST(Codec, TypeNames) {
  using mr::detail::TypeName;
  EXPECT_EQ(TypeName<View>(), "string");
  EXPECT_EQ(TypeName<uint64_t>(), "uint64");
  EXPECT_EQ((TypeName<std::tuple<std::string, mr::Desc<int32_t>, mr::None>>()), "tuple<string,desc<int32>,none>");
  EXPECT_EQ(TypeName<mr::Bytes<10>>(), "bytes10");
  EXPECT_EQ(TypeName<Place>(), "tuple<string,int32>");
  EXPECT_EQ(TypeName<Celsius>(), "custom");
}

}  // namespace
