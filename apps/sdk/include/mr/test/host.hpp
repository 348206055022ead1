// A small host for tests: drives a job through its C table alone, as mrtask does, in this process. Real codec,
// combine, partition, sort and group; buffers that are as short-lived as the ABI allows, so that a view kept
// too long is found by AddressSanitizer.
#pragma once

#include <cstdio>
#include <map>

#include <mr/mr.hpp>

namespace mr::test {

struct Input {
  std::string name, text, tag;
};

struct Failure {
  int kind = -1;  // MR_FAIL_*
  std::string type, what;
  std::uint64_t record_no = 0;
  std::string record;  // in map()
};

struct Options {
  std::uint32_t partitions = 2;       // 0: map only
  std::size_t records_per_split = 2;  // so that even a small input makes several map tasks
  int combines = 1;                   // 0: never, 1: per map task, 2: also when merging
  std::uint64_t seed = 1;             // order in which map outputs arrive
  std::size_t window_bytes = 48;      // of the sinks, at first
  std::map<std::string, std::string> params = {}, side_files = {};
  std::string job_dir, worker_name = "test-worker";
};

struct Result {
  std::optional<Failure> failure;
  std::vector<std::string> parts;             // one per partition (per map task, if map only)
  std::map<std::string, std::string> named;   // out.to("errors")
  std::map<std::string, std::int64_t> counters;  // "name" of group "user", "group.name" of others
  std::vector<std::string> log;
  std::uint64_t shuffled_records = 0;  // after combining

  bool ok() const { return !failure; }
  // The output, parts one behind the other. Of a failed run: what failed.
  std::string text() const {
    if (failure) return "FAILED: " + failure->type + ": " + failure->what;
    std::string all;
    for (const std::string& part : parts) all += part;
    return all;
  }
  // … its lines sorted, for comparing whatever the number of partitions.
  std::string sorted_text() const {
    if (failure) return text();
    const std::string all = text();
    std::vector<View> lines;
    for (View rest = all; !rest.empty();) {
      const std::size_t n = rest.find('\n');
      lines.push_back(rest.substr(0, n == View::npos ? n : n + 1));
      rest.remove_prefix(lines.back().size());
    }
    std::sort(lines.begin(), lines.end());
    std::string sorted;
    for (View line : lines) sorted += line;
    return sorted;
  }
};

struct Pair {  // an encoded record
  std::string key, value;
};

namespace detail {

// Memory that a plugin writes to; framed bytes or output bytes, collected in `taken`.
class Window : public mr_sink {
 public:
  explicit Window(std::size_t bytes) : mr_sink{}, buffer_(bytes) {
    size = sizeof(mr_sink);
    more = [](mr_sink* self, std::size_t need) { return static_cast<Window*>(self)->Take(need); };
    named = nullptr;
    Reset();
  }
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;
  int Take(std::size_t need) {
    taken.append(buffer_.data(), static_cast<std::size_t>(cursor - buffer_.data()));
    buffer_ = std::vector<char>(std::max(buffer_.size(), need));  // elsewhere: old pointers are dead
    Reset();
    return 0;
  }
  std::string taken;
  std::map<std::string, Window> others;
  void AllowNamed() {
    named = [](mr_sink* self, mr_bytes name) -> mr_sink* {
      auto& all = static_cast<Window*>(self)->others;
      return &all.try_emplace(std::string(mr::detail::ToView(name)), 32).first->second;
    };
  }

 private:
  void Reset() {
    cursor = buffer_.data();
    end = cursor + buffer_.size();
  }
  std::vector<char> buffer_;
};

inline std::vector<Pair> Unframe(View frames) {
  std::vector<Pair> pairs;
  while (!frames.empty()) {
    std::uint32_t sizes[2] = {};
    if (frames.size() >= 8) std::memcpy(sizes, frames.data(), 8);
    const std::size_t need = 8 + std::size_t{sizes[0]} + sizes[1];
    if (frames.size() < need) throw std::runtime_error("the job wrote a torn frame");
    pairs.push_back({std::string(frames.substr(8, sizes[0])), std::string(frames.substr(8 + sizes[0], sizes[1]))});
    frames.remove_prefix(need);
  }
  return pairs;
}

// One attempt: the job's instance and what it can call.
class Attempt {
 public:
  Attempt(const mr_job_def& def, const Options& options, std::uint32_t phase, std::uint32_t index)
      : def_(def), options_(options) {
    where.size = sizeof where;
    task_.size = sizeof task_;
    task_.host = this;
    task_.where = &where;
    task_.phase = phase;
    task_.task_index = index;
    task_.partition_count = (def.flags & MR_JOB_MAP_ONLY) != 0 ? 0 : options.partitions;
    task_.seed = 1000 + index;
    task_.job_id = mr::detail::ToBytes("j1");
    task_.job_name = mr::detail::ToBytes(def.name);
    task_.worker_name = mr::detail::ToBytes(options.worker_name);
    task_.job_dir = mr::detail::ToBytes(options.job_dir);
    task_.param = [](void* h, mr_bytes name) { return static_cast<Attempt*>(h)->Param(std::string(ToView(name))); };
    task_.side_path = [](void* h, mr_bytes name) {
      const auto& files = static_cast<Attempt*>(h)->options_.side_files;
      const auto found = files.find(std::string(ToView(name)));
      return found == files.end() ? mr_bytes{nullptr, MR_UNSET} : mr::detail::ToBytes(found->second);
    };
    task_.counter = [](void* h, mr_bytes group, mr_bytes name) {
      const std::string prefix = ToView(group) == "user" ? "" : std::string(ToView(group)) + ".";
      return &static_cast<Attempt*>(h)->counters[prefix + std::string(ToView(name))];
    };
    task_.log = [](void* h, int, mr_bytes text) { static_cast<Attempt*>(h)->log.emplace_back(ToView(text)); };
    task_.status = [](void*, mr_bytes) {};
    task_.fail = [](void* h, int kind, mr_bytes type, mr_bytes what) {
      static_cast<Attempt*>(h)->Fail(kind, ToView(type), ToView(what));
    };
    instance_ = def.create(&task_);
  }
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;
  ~Attempt() {
    if (instance_ != nullptr) def_.destroy(instance_);
  }
  bool ok() const { return instance_ != nullptr && !failure; }
  void* instance() { return instance_; }
  // The answer of an ABI call; false ends the attempt.
  bool Check(int answer) {
    if (answer != MR_OK && !failure) Fail(-1, "mr::test", "the call did not return MR_OK, and fail() was not called");
    return ok();
  }
  void Fail(int kind, View type, View what) {
    failure = Failure{kind, std::string(type), std::string(what), where.record_no, {}};
    if (where.record_data != nullptr) failure->record.assign(where.record_data, where.record_size);
  }

  mr_where where{};
  std::optional<Failure> failure;
  std::map<std::string, std::int64_t> counters;
  std::vector<std::string> log;

 private:
  static View ToView(mr_bytes bytes) { return mr::detail::ToView(bytes); }
  mr_bytes Param(const std::string& name) const {
    if (const auto found = options_.params.find(name); found != options_.params.end()) {
      return mr::detail::ToBytes(found->second);
    }
    for (std::uint32_t i = 0; i < def_.param_count; ++i) {
      const mr_param_def& p = def_.params[i];
      if (name == p.name && p.default_text != nullptr) return mr::detail::ToBytes(p.default_text);
    }
    return {nullptr, MR_UNSET};
  }
  const mr_job_def& def_;
  const Options& options_;
  mr_task task_{};
  void* instance_ = nullptr;
};

// Hands out records one by one; each lives only until the next.
class GroupSource : public mr_group {
 public:
  GroupSource(const Pair* begin, const Pair* end_of_group) : mr_group{}, next_(begin), end_(end_of_group) {
    size = sizeof(mr_group);
    host = this;
    next = [](void* self, mr_bytes* key, mr_bytes* value) {
      return static_cast<GroupSource*>(self)->Next(key, value);
    };
  }

 private:
  int Next(mr_bytes* key, mr_bytes* value) {
    if (next_ == end_) return 0;
    auto copy = std::make_unique<Pair>(*next_++);
    *key = mr::detail::ToBytes(copy->key);
    *value = mr::detail::ToBytes(copy->value);
    current_ = std::move(copy);
    return 1;
  }
  const Pair* next_;
  const Pair* end_;
  std::unique_ptr<Pair> current_;
};

struct RecordAt {
  View text;
  std::uint64_t offset;
};

inline std::vector<RecordAt> Split(View text, View format) {
  std::vector<RecordAt> records;
  const View all = text;
  const auto offset = [&all](View record) { return static_cast<std::uint64_t>(record.data() - all.data()); };
  if (format == "whole") return {{text, 0}};
  if (format.starts_with("fixed:")) {
    const auto n = to<std::size_t>(format.substr(6));
    if (text.size() % n != 0) throw std::invalid_argument("the input is not a multiple of the record's size");
    for (; !text.empty(); text.remove_prefix(n)) records.push_back({text.substr(0, n), offset(text)});
    return records;
  }
  if (format == "lines") {
    each_line(text, [&](View line) { records.push_back({line, offset(line)}); });
    return records;
  }
  while (!text.empty()) {  // blocks: of two lines here
    std::size_t n = text.find('\n');
    if (n != View::npos) n = text.find('\n', n + 1);
    const View block = text.substr(0, n == View::npos ? n : n + 1);
    records.push_back({block, offset(block)});
    text.remove_prefix(block.size());
  }
  return records;
}

}  // namespace detail

// Runs one job. One thread; an object may run it many times.
class Driver {
 public:
  Driver(const mr_job_def& def, Options options) : def_(def), options_(std::move(options)) {
    if ((def.flags & MR_JOB_MAP_ONLY) != 0) options_.partitions = 0;
  }

  Result run(const std::vector<Input>& inputs) {
    Result result;
    std::vector<std::vector<Pair>> outputs;
    std::uint32_t index = 0;
    for (const Input& input : inputs) {
      const auto records = detail::Split(input.text, def_.input_format);
      for (std::size_t i = 0; i < records.size(); i += options_.records_per_split) {
        const std::size_t end = std::min(records.size(), i + options_.records_per_split);
        outputs.emplace_back();
        if (!RunMap(input, {records.begin() + static_cast<std::ptrdiff_t>(i),
                            records.begin() + static_cast<std::ptrdiff_t>(end)},
                    index++, outputs.back(), result)) {
          return result;
        }
      }
    }
    if (options_.partitions > 0) ReduceAll(outputs, result);
    return result;
  }

  // What map() emits for the inputs, in order; not combined.
  std::vector<Pair> map(const std::vector<Input>& inputs) {
    Options plain = options_;
    plain.combines = 0;
    Driver driver(def_, plain);
    std::vector<Pair> all;
    Result result;
    for (const Input& input : inputs) driver.RunMap(input, detail::Split(input.text, def_.input_format), 0, all, result);
    if (result.failure) throw std::runtime_error(result.text());
    return all;
  }

  // The output of reduce() for these records, which need not be sorted.
  Result reduce(std::vector<Pair> pairs) {
    Result result;
    std::vector<std::vector<Pair>> outputs{std::move(pairs)};
    ReduceAll(outputs, result);
    return result;
  }

 private:
  static constexpr std::size_t kBatch = 3;

  bool End(detail::Attempt& attempt, Result& result) {
    if (attempt.failure) {
      result.failure = attempt.failure;
    } else {
      for (const auto& [name, n] : attempt.counters) result.counters[name] += n;
    }
    result.log.insert(result.log.end(), attempt.log.begin(), attempt.log.end());
    return attempt.ok();
  }

  bool RunMap(const Input& input, const std::vector<detail::RecordAt>& records, std::uint32_t index,
              std::vector<Pair>& output, Result& result) {
    detail::Attempt attempt(def_, options_, MR_PHASE_MAP, index);
    detail::Window sink(options_.window_bytes);
    if (options_.partitions == 0) sink.AllowNamed();
    for (std::size_t i = 0; attempt.ok() && i < records.size(); i += kBatch) {
      const std::size_t end = std::min(records.size(), i + kBatch);
      MapBatch(attempt, input, records, i, end, sink);
    }
    if (attempt.ok() && def_.finish != nullptr) attempt.Check(def_.finish(attempt.instance(), &sink));
    sink.Take(0);
    if (attempt.ok() && options_.partitions > 0) {
      auto pairs = detail::Unframe(sink.taken);
      if (options_.combines > 0) pairs = Combine(attempt, std::move(pairs));
      output.insert(output.end(), pairs.begin(), pairs.end());
    } else {
      TakeOutput(sink, result);
    }
    return End(attempt, result);
  }

  void MapBatch(detail::Attempt& attempt, const Input& input, const std::vector<detail::RecordAt>& records,
                std::size_t begin, std::size_t end, detail::Window& sink) {
    const char* first = records[begin].text.data();
    const char* last = records[end - 1].text.data() + records[end - 1].text.size();
    const std::vector<char> copy(first, last);  // gone after the call
    std::vector<mr_bytes> batch;
    for (std::size_t i = begin; i < end; ++i) {
      batch.push_back({copy.data() + (records[i].text.data() - first), records[i].text.size()});
    }
    attempt.where.batch_data = copy.data();
    attempt.where.batch_offset = records[begin].offset;
    const mr_records in{sizeof in,
                        static_cast<std::uint32_t>(batch.size()),
                        batch.data(),
                        begin,
                        records[begin].offset,
                        mr::detail::ToBytes(input.name),
                        mr::detail::ToBytes(input.tag)};
    attempt.where.phase = MR_PHASE_MAP;
    attempt.Check(def_.map(attempt.instance(), &in, &sink));
    attempt.where.phase = MR_PHASE_NONE;
    attempt.where.record_data = nullptr;
  }

  void TakeOutput(const detail::Window& sink, Result& result) {
    result.parts.push_back(sink.taken);
    for (auto& [name, other] : sink.others) {
      auto& window = const_cast<detail::Window&>(other);
      window.Take(0);
      result.named[name] += window.taken;
    }
  }

  View GroupOf(const std::string& key) const {
    if (def_.group_size == nullptr) return key;
    return View(key).substr(0, def_.group_size(mr::detail::ToBytes(key)));
  }
  static void Sort(std::vector<Pair>& pairs) {
    std::stable_sort(pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) { return a.key < b.key; });
  }
  // Calls visit(begin, end) for each group of sorted pairs, until it answers false.
  template <class F>
  void EachGroup(const std::vector<Pair>& pairs, F visit) {
    for (std::size_t i = 0; i < pairs.size();) {
      std::size_t end = i + 1;
      while (end < pairs.size() && GroupOf(pairs[end].key) == GroupOf(pairs[i].key)) ++end;
      if (!visit(pairs.data() + i, pairs.data() + end)) return;
      i = end;
    }
  }

  std::vector<Pair> Combine(detail::Attempt& attempt, std::vector<Pair> pairs) {
    if (def_.combine == nullptr) return pairs;
    Sort(pairs);
    detail::Window sink(options_.window_bytes);
    EachGroup(pairs, [&](const Pair* begin, const Pair* end) {
      detail::GroupSource group(begin, end);
      return attempt.Check(def_.combine(attempt.instance(), &group, &sink));
    });
    sink.Take(0);
    return detail::Unframe(sink.taken);
  }

  void ReduceAll(std::vector<std::vector<Pair>>& outputs, Result& result) {
    Rng rng(options_.seed);
    for (std::size_t i = outputs.size(); i > 1; --i) std::swap(outputs[i - 1], outputs[rng.below(i)]);
    std::vector<std::vector<Pair>> partitions(options_.partitions);
    if (!Distribute(outputs, partitions, result)) return;
    for (std::uint32_t p = 0; p < options_.partitions; ++p) {
      if (!RunReduce(std::move(partitions[p]), p, result)) return;
    }
  }

  bool Distribute(const std::vector<std::vector<Pair>>& outputs, std::vector<std::vector<Pair>>& partitions,
                  Result& result) {
    detail::Attempt attempt(def_, options_, MR_PHASE_MAP, 0);
    std::vector<std::string> keys;
    for (const auto& output : outputs) {
      for (const Pair& pair : output) keys.push_back(pair.key);
    }
    std::sort(keys.begin(), keys.end());
    for (const auto& output : outputs) {
      for (const Pair& pair : output) {
        if (!attempt.ok()) return End(attempt, result);
        const std::uint32_t p = PartitionOf(attempt, pair.key, keys);
        if (p >= partitions.size()) {
          if (!attempt.failure) attempt.Fail(-1, "mr::test", "partition() answered " + std::to_string(p));
          return End(attempt, result);
        }
        partitions[p].push_back(pair);
        ++result.shuffled_records;
      }
    }
    return true;
  }

  std::uint32_t PartitionOf(detail::Attempt& attempt, const std::string& key, const std::vector<std::string>& keys) {
    const std::uint32_t n = options_.partitions;
    if (def_.partition_kind == MR_PARTITION_RANGE) {
      std::uint32_t p = 0;
      while (p + 1 < n && key >= keys[(p + 1) * keys.size() / n]) ++p;
      return p;
    }
    if (def_.partition == nullptr) return mr::detail::Scale(mr::detail::Hash(GroupOf(key)), n);
    return def_.partition(attempt.instance(), mr::detail::ToBytes(key), n);
  }

  bool RunReduce(std::vector<Pair> pairs, std::uint32_t index, Result& result) {
    detail::Attempt attempt(def_, options_, MR_PHASE_REDUCE, index);
    detail::Window sink(options_.window_bytes);
    sink.AllowNamed();
    if (attempt.ok() && options_.combines > 1) pairs = Combine(attempt, std::move(pairs));
    Sort(pairs);
    attempt.where.phase = MR_PHASE_REDUCE;
    if (attempt.ok()) {
      EachGroup(pairs, [&](const Pair* begin, const Pair* end) {
        detail::GroupSource group(begin, end);
        return attempt.Check(def_.reduce(attempt.instance(), &group, &sink));
      });
    }
    if (attempt.ok() && def_.finish != nullptr) attempt.Check(def_.finish(attempt.instance(), &sink));
    sink.Take(0);
    TakeOutput(sink, result);
    return End(attempt, result);
  }

  const mr_job_def& def_;
  Options options_;
};

}  // namespace mr::test
