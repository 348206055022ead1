// What reduce() and map-only jobs write.
#pragma once

#include <charconv>

#include <mr/formats.hpp>
#include <mr/key_parts.hpp>

namespace mr {

namespace detail {

template <class T>
inline constexpr bool kAllText = false;
// Has T a text form?
template <class T>
consteval bool HasText() {
  if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T> || std::is_convertible_v<const T&, View>) {
    return true;
  } else if constexpr (requires(const T& v) { []<class D>(const Desc<D>&) {}(v); }) {
    return HasText<decltype(T::v)>();
  } else if constexpr (!std::is_void_v<Parts<T>>) {
    return kAllText<Parts<T>>;
  } else {
    return std::is_same_v<T, None> || requires(const T& v) { v.view(); };
  }
}
template <class... T>
inline constexpr bool kAllText<std::tuple<T...>> = (HasText<T>() && ...);

// What is written as a JSON number; all else is a string.
template <class T>
inline constexpr bool kJsonNumber = std::is_arithmetic_v<T> && !std::is_same_v<T, char> && !std::is_same_v<T, bool>;

// Calls write(View) with a JSON string of these bytes. Bytes that are not ASCII go through as they are (UTF-8 stays
// UTF-8); control characters, quotes and backslashes are escaped.
template <class W>
void WriteJsonString(View bytes, W&& write) {
  write(View("\""));
  while (!bytes.empty()) {
    std::size_t plain = 0;
    while (plain < bytes.size() && static_cast<unsigned char>(bytes[plain]) >= 0x20 && bytes[plain] != '"' &&
           bytes[plain] != '\\')
      ++plain;
    write(bytes.substr(0, plain));
    bytes.remove_prefix(plain);
    if (bytes.empty()) break;
    const char c = bytes.front();
    bytes.remove_prefix(1);
    if (c == '"' || c == '\\') {
      const char escaped[] = {'\\', c};
      write(View(escaped, 2));
    } else {
      constexpr char kDigits[] = "0123456789abcdef";
      const char escaped[] = {'\\', 'u', '0', '0', kDigits[(c >> 4) & 15], kDigits[c & 15]};
      write(View(escaped, 6));
    }
  }
  write(View("\""));
}

// Calls write(View) with the text of a value, as it appears in a TSV output.
template <class T, class W>
void WriteText(const T& v, W&& write) {
  if constexpr (std::is_same_v<T, char>) {
    write(View(&v, 1));
  } else if constexpr (std::is_same_v<T, bool>) {
    write(v ? View("true") : View("false"));
  } else if constexpr (std::is_arithmetic_v<T>) {
    char text[40];
    const auto done = std::to_chars(text, text + sizeof text, v);
    write(View(text, static_cast<std::size_t>(done.ptr - text)));
  } else if constexpr (std::is_same_v<T, None>) {
  } else if constexpr (std::is_convertible_v<const T&, View>) {
    write(View(v));
  } else if constexpr (std::is_enum_v<T>) {
    WriteText(static_cast<std::underlying_type_t<T>>(v), write);
  } else if constexpr (requires { v.view(); }) {
    write(v.view());
  } else if constexpr (requires { []<class D>(const Desc<D>&) {}(v); }) {
    WriteText(v.v, write);
  } else if constexpr (Fields<const T>) {
    WriteText(FieldsOf(v), write);
  } else if constexpr (!requires { std::tuple_size<T>::value; }) {
    static_assert(requires { std::tuple_size<T>::value; },
                  "mr::Out: this type has no text form; write its parts, or give it MR_KEY_FIELDS");
  } else {
    std::apply(
        [&](const auto& first, const auto&... rest) {
          WriteText(first, write);
          ((write(View("\t")), WriteText(rest, write)), ...);
        },
        v);
  }
}

// The same value as JSON: numbers and booleans as such, tuples and structs as arrays, all else as strings.
template <class T, class W>
void WriteJson(const T& v, W&& write) {
  if constexpr (std::is_floating_point_v<T>) {
    // JSON knows neither infinity nor NaN.
    if (v - v == T{}) {
      WriteText(v, write);
    } else {
      write(View("null"));
    }
  } else if constexpr (kJsonNumber<T> || std::is_same_v<T, bool> || std::is_enum_v<T>) {
    WriteText(v, write);
  } else if constexpr (std::is_same_v<T, None>) {
    write(View("null"));
  } else if constexpr (std::is_same_v<T, char>) {
    WriteJsonString(View(&v, 1), write);
  } else if constexpr (std::is_convertible_v<const T&, View>) {
    WriteJsonString(View(v), write);
  } else if constexpr (requires { v.view(); }) {
    WriteJsonString(v.view(), write);
  } else if constexpr (requires { []<class D>(const Desc<D>&) {}(v); }) {
    WriteJson(v.v, write);
  } else if constexpr (Fields<const T>) {
    WriteJson(FieldsOf(v), write);
  } else {
    std::apply(
        [&](const auto& first, const auto&... rest) {
          write(View("["));
          WriteJson(first, write);
          ((write(View(",")), WriteJson(rest, write)), ...);
          write(View("]"));
        },
        v);
  }
}

// How Out::kv writes.
enum class Form { kTsv, kJson, kEscaped };

}  // namespace detail

class Out {
 public:
  // `form` is the plugin's; --output-format jsonl of the job comes before it.
  explicit Out(mr_sink* sink, detail::Form form = detail::Form::kTsv)
      : sink_(sink), form_(sink->format == MR_OUTPUT_JSON_LINES ? detail::Form::kJson : form) {}
  Out(const Out&) = delete;
  Out& operator=(const Out&) = delete;

  // Bytes, as they are.
  void raw(View bytes) {
    if (static_cast<std::size_t>(sink_->end - sink_->cursor) < bytes.size()) [[unlikely]] {
      Big(bytes);
      return;
    }
    sink_->cursor = detail::Copy(sink_->cursor, bytes.data(), bytes.size());
  }
  // The pieces one behind the other: text, numbers, tuples (their parts with TABs between).
  template <class... T>
  void text(const T&... pieces) {
    (detail::WriteText(pieces, [this](View bytes) { raw(bytes); }), ...);
  }
  // … and a line end.
  template <class... T>
  void line(const T&... pieces) {
    text(pieces...);
    raw("\n");
  }
  // key TAB value NEWLINE; a None has neither text nor TAB. Or as `using Output` or --output-format of the job say.
  template <class K, class V>
  void kv(const K& key, const V& value) {
    if (form_ == detail::Form::kJson) [[unlikely]] {
      Json(key, value);
    } else if (form_ == detail::Form::kEscaped) [[unlikely]] {
      Escaped(key, value);
    } else if constexpr (std::is_same_v<V, None>) {
      line(key);
    } else if constexpr (std::is_same_v<K, None>) {
      line(value);
    } else {
      line(key, '\t', value);
    }
  }
  // Another output file of this task: NAME-r-00003 beside part-r-00003. The name: letters, digits, '_', '.'.
  Out to(View name) {
    mr_sink* other = sink_->named != nullptr ? sink_->named(sink_, detail::ToBytes(name)) : nullptr;
    if (other == nullptr) throw detail::Failed{};
    return Out(other, form_);
  }

  mr_sink* sink() { return sink_; }
  // Whether kv() is text() and a line end.
  bool plain() const { return form_ == detail::Form::kTsv; }

 private:
  template <class K, class V>
  [[gnu::noinline]] void Json(const K& key, const V& value) {
    const auto write = [this](View bytes) { raw(bytes); };
    raw("{\"key\":");
    detail::WriteJson(key, write);
    raw(",\"value\":");
    detail::WriteJson(value, write);
    raw("}\n");
  }
  template <class K, class V>
  [[gnu::noinline]] void Escaped(const K& key, const V& value) {
    const auto write = [this](View bytes) { raw(bytes); };
    const auto escape = [&write](View bytes) { detail::KeyValueLine::Escape(bytes, write); };
    detail::WriteText(key, escape);
    raw("\t");
    detail::WriteText(value, escape);
    raw("\n");
  }
  [[gnu::noinline]] void Big(View bytes) {
    constexpr std::size_t kAtOnce = 65536;
    while (!bytes.empty()) {
      auto room = static_cast<std::size_t>(sink_->end - sink_->cursor);
      if (room == 0 || room < (bytes.size() < 64 ? bytes.size() : 64)) {
        if (sink_->more(sink_, bytes.size() < kAtOnce ? bytes.size() : kAtOnce) != 0) throw detail::Stop{};
        room = static_cast<std::size_t>(sink_->end - sink_->cursor);
      }
      const std::size_t n = bytes.size() < room ? bytes.size() : room;
      std::memcpy(sink_->cursor, bytes.data(), n);
      sink_->cursor += n;
      bytes.remove_prefix(n);
    }
  }
  mr_sink* sink_;
  detail::Form form_;
};

}  // namespace mr
