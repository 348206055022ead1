// What reduce() and map-only jobs write.
#pragma once

#include <charconv>

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
    WriteText(v.mr_key_fields(), write);
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

}  // namespace detail

class Out {
 public:
  explicit Out(mr_sink* sink) : sink_(sink) {}
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
  // key TAB value NEWLINE; a None has neither text nor TAB.
  template <class K, class V>
  void kv(const K& key, const V& value) {
    if constexpr (std::is_same_v<V, None>) {
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
    return Out(other);
  }

  mr_sink* sink() { return sink_; }

 private:
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
};

}  // namespace mr
