// emit(key, value): writes one framed record straight into the host's window.
#pragma once

#include <mr/key_parts.hpp>

namespace mr {

template <class K, class V>
class Emit {
 public:
  explicit Emit(mr_sink* sink) : sink_(sink) {}
  Emit(const Emit&) = delete;
  Emit& operator=(const Emit&) = delete;

  void operator()(detail::Pass<K> key, detail::Pass<V> value) {
    const std::size_t key_size = Codec<K>::size(key, true);
    const std::size_t value_size = Codec<V>::size(value, true);
    char* p = Frame(key_size, value_size);
    p = Codec<K>::put(p, key, true);
    sink_->cursor = Codec<V>::put(p, value, true);
  }
  // With no value: emit(key).
  void operator()(detail::Pass<K> key)
    requires std::is_same_v<V, None>
  {
    (*this)(key, None{});
  }

  // A record that is encoded already (combiners that only pass on).
  void encoded(View key, View value) {
    char* p = Frame(key.size(), value.size());
    p = detail::Copy(p, key.data(), key.size());
    sink_->cursor = detail::Copy(p, value.data(), value.size());
  }

  mr_sink* sink() { return sink_; }

 private:
  // Room for a frame; writes its header and returns where the key goes.
  char* Frame(std::size_t key_size, std::size_t value_size) {
    const std::size_t need = 8 + key_size + value_size;
    if (static_cast<std::size_t>(sink_->end - sink_->cursor) < need) [[unlikely]] {
      MakeRoom(key_size, value_size);
    }
    char* p = sink_->cursor;
    const auto key32 = static_cast<std::uint32_t>(key_size);
    const auto value32 = static_cast<std::uint32_t>(value_size);
    std::memcpy(p, &key32, 4);
    std::memcpy(p + 4, &value32, 4);
    return p + 8;
  }
  [[gnu::noinline, gnu::cold]] void MakeRoom(std::size_t key_size, std::size_t value_size) {
    if (key_size > UINT32_MAX || value_size > UINT32_MAX) {
      throw Fatal("emit: a record has a key of " + std::to_string(key_size) + " and a value of " +
                  std::to_string(value_size) + " bytes; the limit is 4294967295 each: cut it into several records");
    }
    if (sink_->more(sink_, 8 + key_size + value_size) != 0) throw detail::Stop{};
  }
  mr_sink* sink_;
};

}  // namespace mr
