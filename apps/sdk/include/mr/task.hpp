// What a job can see of the attempt it runs in, and say about it.
#pragma once

#include <fstream>
#include <optional>

#include <mr/text.hpp>

namespace mr {

enum LogLevel : int {
  Debug = MR_LOG_DEBUG,
  Info = MR_LOG_INFO,
  Warning = MR_LOG_WARNING,
  Error = MR_LOG_ERROR
};

// A small random generator (SplitMix64); usable with <random>'s distributions.
class Rng {
 public:
  using result_type = std::uint64_t;
  explicit Rng(std::uint64_t seed) : state_(seed) {}
  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return UINT64_MAX; }
  result_type operator()() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  // In [0, n); 0 for n = 0. (The bias is below n / 2^64.)
  std::uint64_t below(std::uint64_t n) { return n == 0 ? 0 : (*this)() % n; }
  // In [0, 1).
  double uniform() { return static_cast<double>((*this)() >> 11) * 0x1p-53; }

 private:
  std::uint64_t state_;
};

// The lines of a side file. Views into it live as long as this object.
class SideLines {
 public:
  explicit SideLines(std::string text) : text_(std::move(text)) {
    each_line(text_, [this](View line) { lines_.push_back(line); });
  }
  SideLines(const SideLines&) = delete;
  SideLines& operator=(const SideLines&) = delete;
  auto begin() const { return lines_.begin(); }
  auto end() const { return lines_.end(); }
  std::size_t size() const { return lines_.size(); }

 private:
  std::string text_;
  std::vector<View> lines_;
};

class Task {
 public:
  explicit Task(const mr_task* abi)
      : job_id(detail::ToView(abi->job_id)),
        job_name(detail::ToView(abi->job_name)),
        worker_name(detail::ToView(abi->worker_name)),
        job_dir(detail::ToView(abi->job_dir)),
        scratch_dir(detail::ToView(abi->scratch_dir)),
        task_index(abi->task_index),
        attempt(abi->attempt),
        partition_count(abi->partition_count),
        seed(abi->seed),
        is_map(abi->phase == MR_PHASE_MAP),
        abi_(abi),
        rng_(abi->seed) {}
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  // The current record, in map(). Empty and 0 elsewhere.
  View input_name;              // absolute path of the input file
  View input_tag;               // TAG of -I TAG=PATH
  std::uint64_t record_no = 0;  // within this task's split, from 0
  std::uint64_t record_offset() const {  // of the record's first byte in the (decompressed) file
    const mr_where& where = *abi_->where;
    if (where.record_data == nullptr) return 0;
    return where.batch_offset + static_cast<std::uint64_t>(where.record_data - where.batch_data);
  }

  const View job_id, job_name, worker_name;
  const View job_dir;      // directory that all tasks of the job share; empty if none was given
  const View scratch_dir;  // private to this attempt, removed after it
  const std::uint32_t task_index, attempt;
  const std::uint32_t partition_count;  // 0: map only
  const std::uint64_t seed;             // of job and task; the same in every attempt
  const bool is_map;

  // Adds to a counter. Counters of failed attempts do not count.
  void count(View group, View name, std::int64_t by = 1) { *cell(group, name) += by; }
  void count(View name, std::int64_t by = 1) { count("user", name, by); }

  // Shown beside the task; also tells the engine that a long call makes progress.
  void status(View message) { abi_->status(abi_->host, detail::ToBytes(message)); }
  void log(LogLevel level, View message) { abi_->log(abi_->host, level, detail::ToBytes(message)); }

  // Seeded by job and task, not by attempt: a repeated attempt draws the same numbers.
  Rng& rng() { return rng_; }

  // Path of the side file given by -f NAME=PATH.
  std::string side(View name) const {
    const mr_bytes path = abi_->side_path(abi_->host, detail::ToBytes(name));
    if (path.size == MR_UNSET) {
      throw Fatal("there is no side file named " + detail::Quote(name) + ": pass -f " + std::string(name) +
                  "=PATH");
    }
    return std::string(detail::ToView(path));
  }
  SideLines side_lines(View name) const {
    const std::string path = side(name);
    std::ifstream file(path, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (!file) throw std::runtime_error("cannot read the side file " + detail::Quote(path));
    return SideLines(std::move(text));
  }

  // A parameter's text, from -P or its declared default.
  std::optional<View> param(View name) const {
    const mr_bytes text = abi_->param(abi_->host, detail::ToBytes(name));
    if (text.size == MR_UNSET) return std::nullopt;
    return detail::ToView(text);
  }

  const mr_task* abi() const { return abi_; }
  std::int64_t* cell(View group, View name) {
    for (const Cell& c : cells_) {
      if (c.name == name && c.group == group) return c.value;
    }
    std::int64_t* value = abi_->counter(abi_->host, detail::ToBytes(group), detail::ToBytes(name));
    if (value == nullptr) throw detail::Failed{};
    if (cells_.size() < 16) cells_.push_back({std::string(group), std::string(name), value});
    return value;
  }

 private:
  struct Cell {
    std::string group, name;
    std::int64_t* value;
  };
  const mr_task* abi_;
  Rng rng_;
  std::vector<Cell> cells_;  // the first few, so that count() in map() is cheap
};

namespace detail {
// The task whose code runs on this thread; set around every call of the host.
[[gnu::visibility("hidden")]] inline constinit thread_local Task* current_task = nullptr;

inline std::string LogText(View text) { return std::string(text); }
template <class T>
  requires std::is_arithmetic_v<T>
std::string LogText(T number) {
  return std::to_string(number);
}
}  // namespace detail

// One line of the attempt's log: mr::log(mr::Info, "read ", n, " lines"). What goes to std::cerr lands there too.
template <class... T>
void log(LogLevel level, const T&... pieces) {
  if (detail::current_task == nullptr) return;
  std::string text;
  ((text += detail::LogText(pieces)), ...);
  detail::current_task->log(level, text);
}

}  // namespace mr
