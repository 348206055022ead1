// The values of one group, as reduce() and combine() see them.
#pragma once

#include <iterator>

#include <mr/key_parts.hpp>

namespace mr {

// A single-pass range in key order; memory O(1) whatever the group's size. A value, and what key() returns, is
// valid until the next step: copy what you keep. Leaving the loop early is fine.
template <class K, class V>
class Values {
 public:
  // `key`, `value`: the group's first record, pulled already.
  Values(mr_group* group, mr_bytes key, mr_bytes value) : group_(group), key_(key), value_(value) {}
  Values(const Values&) = delete;
  Values& operator=(const Values&) = delete;

  class Iterator {
   public:
    using value_type = V;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    Iterator() = default;
    explicit Iterator(Values* values) : values_(values) {}
    V operator*() const { return values_->value(); }
    Iterator& operator++() {
      values_->advance();
      return *this;
    }
    void operator++(int) { values_->advance(); }
    bool operator==(std::default_sentinel_t) const { return values_->done(); }

   private:
    Values* values_ = nullptr;
  };
  // A second begin() goes on where the first loop stopped.
  Iterator begin() { return Iterator(this); }
  std::default_sentinel_t end() const { return {}; }

  // The full key of the current record: it changes within a group when GroupBy is First<N>.
  K key() { return decode<K>(detail::ToView(key_), arena_); }
  V value() { return decode<V>(detail::ToView(value_), arena_); }
  View encoded_key() const { return detail::ToView(key_); }
  View encoded_value() const { return detail::ToView(value_); }
  bool done() const { return done_; }
  void advance() {
    arena_.clear();
    const int answer = group_->next(group_->host, &key_, &value_);
    if (answer < 0) throw detail::Stop{};
    done_ = answer == 0;
  }

 private:
  mr_group* group_;
  mr_bytes key_, value_;
  bool done_ = false;
  Arena arena_;
};

}  // namespace mr
