// Testing a job without a cluster, with any test framework.
//
//   auto r = mr::test::Run<WordCount>().input("a.txt", "to be or not\nto be").partitions(2).run();
//   EXPECT_EQ(r.sorted_text(), "be\t2\nnot\t1\nor\t1\nto\t2\n");
//
//   auto verdict = mr::test::laws<WordCount>({{"a.txt", corpus, ""}}, {.rounds = 50});
//   EXPECT_TRUE(verdict.ok) << verdict.message;
#pragma once

#include <mr/test/host.hpp>

namespace mr::test {

template <class J>
const mr_job_def& DefOf() {
  static_assert(mr::detail::CheckJob<J>() == mr::detail::Problem::kNone,
                "mr::test: this is not a job; write MR_JOB(...) behind it to be told why");
  static const mr::detail::JobDef<J> def("Tested");
  return def.def();
}

// A job's run; the setters can be chained.
template <class J>
class Run {
 public:
  Run& input(std::string name, std::string text, std::string tag = "") {
    inputs_.push_back({std::move(name), std::move(text), std::move(tag)});
    return *this;
  }
  Run& param(std::string name, std::string value) {
    options_.params[std::move(name)] = std::move(value);
    return *this;
  }
  Run& side(std::string name, std::string path) {
    options_.side_files[std::move(name)] = std::move(path);
    return *this;
  }
  Run& partitions(std::uint32_t n) {
    options_.partitions = n;
    return *this;
  }
  Run& records_per_split(std::size_t n) {
    options_.records_per_split = n;
    return *this;
  }
  // How often the combiner runs over the same data: 0, 1 or 2.
  Run& combines(int n) {
    options_.combines = n;
    return *this;
  }
  Run& seed(std::uint64_t n) {
    options_.seed = n;
    return *this;
  }
  Run& window(std::size_t bytes) {
    options_.window_bytes = bytes;
    return *this;
  }
  Run& job_dir(std::string path) {
    options_.job_dir = std::move(path);
    return *this;
  }
  Run& worker(std::string name) {
    options_.worker_name = std::move(name);
    return *this;
  }
  Result run() { return Driver(DefOf<J>(), options_).run(inputs_); }

  // What map() emits for the inputs, in order.
  auto emitted() {
    using K = mr::detail::Owned<typename J::Key>;
    using V = mr::detail::Owned<typename J::Value>;
    std::vector<std::pair<K, V>> all;
    Arena arena;
    for (const Pair& pair : Driver(DefOf<J>(), options_).map(inputs_)) {
      all.emplace_back(mr::detail::Own(decode<typename J::Key>(pair.key, arena)),
                       mr::detail::Own(decode<typename J::Value>(pair.value, arena)));
    }
    return all;
  }

  // What reduce() writes for one key with these values.
  template <class T = J>
  Result reduce(const mr::detail::Arg<typename T::Key>& key,
                const std::vector<mr::detail::Arg<typename T::Value>>& values) {
    std::vector<Pair> pairs;
    for (const auto& value : values) {
      Pair pair{std::string(Codec<typename J::Key>::size(key, true), '\0'),
                std::string(Codec<typename J::Value>::size(value, true), '\0')};
      Codec<typename J::Key>::put(pair.key.data(), key, true);
      Codec<typename J::Value>::put(pair.value.data(), value, true);
      pairs.push_back(std::move(pair));
    }
    return Driver(DefOf<J>(), options_).reduce(std::move(pairs));
  }

 private:
  std::vector<Input> inputs_;
  Options options_;
};

struct LawOptions {
  int rounds = 20;
  std::uint64_t seed = 1;
  std::map<std::string, std::string> params = {}, side_files = {};
};

struct Verdict {
  bool ok = true;
  std::string message;  // what differed, the seed, and the smallest input that shows it
  explicit operator bool() const { return ok; }
};

namespace detail {

inline Options Draw(const LawOptions& laws, std::uint64_t seed) {
  Rng rng(seed);
  Options options;
  options.params = laws.params;
  options.side_files = laws.side_files;
  options.partitions = 1 + static_cast<std::uint32_t>(rng.below(5));
  options.records_per_split = 1 + rng.below(7);
  options.combines = static_cast<int>(rng.below(3));
  options.window_bytes = 1 + rng.below(200);
  options.seed = rng();
  return options;
}

inline std::string Describe(const Options& o) {
  return std::to_string(o.partitions) + " partitions, " + std::to_string(o.records_per_split) +
         " records per split, combined " + std::to_string(o.combines) + " times";
}

// Empty, or how the run of `drawn` differs from the plain one.
inline std::string Differs(const mr_job_def& def, const std::vector<Input>& inputs, const LawOptions& laws,
                           const Options& drawn) {
  Options plain;
  plain.params = laws.params;
  plain.side_files = laws.side_files;
  plain.partitions = 1;
  plain.records_per_split = SIZE_MAX / 2;
  plain.combines = 0;
  const bool total = def.partition_kind == MR_PARTITION_RANGE;
  const auto shown = [total](const Result& r) { return total ? r.text() : r.sorted_text(); };
  const std::string expected = shown(Driver(def, plain).run(inputs));
  if (shown(Driver(def, plain).run(inputs)) != expected) return "a second run of the same input differs: it keeps state, or is not deterministic";
  const std::string got = shown(Driver(def, drawn).run(inputs));
  if (got == expected) return "";
  return "one partition, one split, not combined, gives\n" + expected + "but " + Describe(drawn) + " gives\n" + got;
}

// Drops lines as long as the difference stays.
inline std::vector<Input> Smallest(const mr_job_def& def, std::vector<Input> inputs, const LawOptions& laws,
                                   const Options& drawn) {
  for (std::size_t f = 0; f < inputs.size(); ++f) {
    for (std::size_t at = 0; at < inputs[f].text.size();) {
      const std::size_t n = inputs[f].text.find('\n', at);
      auto fewer = inputs;
      fewer[f].text.erase(at, n == std::string::npos ? n : n + 1 - at);
      if (!Differs(def, fewer, laws, drawn).empty()) {
        inputs = std::move(fewer);
      } else if (n == std::string::npos) {
        break;
      } else {
        at = n + 1;
      }
    }
  }
  return inputs;
}

}  // namespace detail

// The laws a job must obey to give the right answer on a cluster: the same output for any splits, any number of
// partitions, the combiner run never, once or twice, outputs arriving in any order, and when run again.
inline Verdict laws(const mr_job_def& def, const std::vector<Input>& inputs, const LawOptions& options = {}) {
  for (int i = 0; i < options.rounds; ++i) {
    const std::uint64_t seed = options.seed + static_cast<std::uint64_t>(i);
    const Options drawn = detail::Draw(options, seed);
    if (detail::Differs(def, inputs, options, drawn).empty()) continue;
    const auto smallest = detail::Smallest(def, inputs, options, drawn);
    Verdict verdict{false, "seed " + std::to_string(seed) + ": "};
    verdict.message += detail::Differs(def, smallest, options, drawn) + "\nfor the input\n";
    for (const Input& input : smallest) verdict.message += "--- " + input.name + "\n" + input.text + "\n";
    return verdict;
  }
  return {};
}

template <class J>
Verdict laws(const std::vector<Input>& inputs, const LawOptions& options = {}) {
  if constexpr (!mr::detail::kMapOnly<J>) {
    for (const Pair& pair : Driver(DefOf<J>(), detail::Draw(options, options.seed)).map(inputs)) {
      Arena arena;
      if (encode(decode<typename J::Key>(pair.key, arena)) != pair.key) {
        return {false, "the key's mr::Codec does not give back what it was given"};
      }
      if (encode(decode<typename J::Value>(pair.value, arena)) != pair.value) {
        return {false, "the value's mr::Codec does not give back what it was given"};
      }
    }
  }
  return laws(DefOf<J>(), inputs, options);
}

}  // namespace mr::test
