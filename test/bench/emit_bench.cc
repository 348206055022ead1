// The SDK's side of the data path, alone: what a plugin does between two calls of the host. Fixed seeds, no clock in the
// loops; items per second are words.
//
//   EmitWords    words with a count into a window of 64 KiB that the host empties at once
//   FindWords    finding the words of a text (mr::words)
#include <benchmark/benchmark.h>

#include <mr/mr.hpp>
#include <string>
#include <vector>

namespace {

constexpr std::size_t kWindowBytes = 64u << 10;

// Words of 1 to 4 letters and of some more, the same in every run.
std::vector<std::string> Words(std::size_t count) {
  std::uint64_t state = 1;
  std::vector<std::string> words(count);
  for (std::string& word : words) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    for (std::uint64_t n = state >> (40 + state % 20); n > 0; n /= 26) word += static_cast<char>('a' + n % 26);
    if (word.empty()) word = "a";
  }
  return words;
}

// A host that takes every window and looks at nothing.
struct Window : mr_sink {
  Window() : mr_sink{}, bytes(kWindowBytes) {
    size = sizeof(mr_sink);
    more = [](mr_sink* self, std::size_t) {
      auto* window = static_cast<Window*>(self);
      benchmark::DoNotOptimize(window->bytes.data());
      window->cursor = window->bytes.data();
      return 0;
    };
    cursor = bytes.data();
    end = cursor + bytes.size();
  }
  std::vector<char> bytes;
};

void EmitWords(benchmark::State& state) {
  const std::vector<std::string> words = Words(100'000);
  Window window;
  mr::Emit<mr::View, std::uint64_t> emit(&window);
  for (auto _ : state) {
    for (const std::string& word : words) emit(word, 1);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * words.size()));
}
BENCHMARK(EmitWords)->Unit(benchmark::kMicrosecond);

void FindWords(benchmark::State& state) {
  const std::vector<std::string> words = Words(100'000);
  std::string text;
  for (const std::string& word : words) text += word + (text.size() % 7 == 0 ? ", " : " ");
  for (auto _ : state) {
    std::size_t letters = 0;
    for (mr::View word : mr::words(text)) letters += word.size();
    benchmark::DoNotOptimize(letters);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * words.size()));
}
BENCHMARK(FindWords)->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
