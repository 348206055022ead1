// A message of each kind with every field away from its default: for round trips, golden bytes and
// fuzzers.
#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <variant>
#include <vector>

#include "common/base/strings.h"
#include "common/wire/codec.h"

namespace mr::test {

struct Filler {
  uint64_t counter = 1;

  void Fill(bool& value) { value = !value; }
  void Fill(std::string& value) { value = StrCat("text ", counter++, std::string("\0\xff", 2)); }
  void Fill(TaskId& id) {
    id = {JobId{counter++}, Phase::kReduce, static_cast<uint32_t>(counter++)};
  }
  void Fill(AttemptId& id) {
    Fill(id.task);
    id.number = static_cast<uint32_t>(counter++);
    id.epoch = counter++;
  }
  void Fill(WorkerRef& ref) { ref = {WorkerId{counter++}, SessionId{counter++}}; }
  template <class Tag>
  void Fill(StrongId<Tag>& id) {
    id.value = counter++;
  }
  template <class E>
  requires std::is_enum_v<E>
  void Fill(E& value) { value = static_cast<E>(static_cast<int>(value) == 1 ? 2 : 1); }
  template <std::integral T>
  void Fill(T& value) {
    value = static_cast<T>(value + static_cast<T>(counter++ % 100) + 1);
    if constexpr (std::is_signed_v<T>) value = static_cast<T>(-value);
  }
  template <class T>
  void Fill(std::optional<T>& value) {
    Fill(value.emplace());
  }
  template <class T>
  void Fill(std::vector<T>& value) {
    value.clear();
    for (int i = 0; i < 2; ++i) Fill(value.emplace_back());
  }
  template <class K, class V>
  void Fill(std::map<K, V>& value) {
    for (int i = 0; i < 2; ++i) {
      K key{};
      Fill(key);
      Fill(value[key]);
    }
  }
  template <class... Ts>
  void Fill(std::variant<Ts...>& value) {
    std::visit([&](auto& member) { Fill(member); }, value);
  }
  template <wire::Struct T>
  void Fill(T& value) {
    MrVisit(value, [&](auto&... field) { (Fill(field), ...); });
  }
};

// One filled message per alternative of the message's variant.
template <class M, class... Ts>
std::vector<M> OneOfEach(std::variant<Ts...>*) {
  std::vector<M> out;
  Filler filler;
  (([&] {
     M& message = out.emplace_back();
     message.body = Ts{};
     filler.Fill(message);
   }()),
   ...);
  return out;
}
template <class M>
std::vector<M> OneOfEach() {
  return OneOfEach<M>(static_cast<decltype(M::body)*>(nullptr));
}

}  // namespace mr::test
