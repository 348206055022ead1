// Marker files in the directory that all tasks of a job share (mrsubmit run --job-dir), and sleeping.
#pragma once

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <mr/mr.hpp>
#include <thread>

namespace testing_apps {

inline void SleepMs(uint64_t ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

inline std::filesystem::path JobDir(const mr::Task& task) {
  if (task.job_dir.empty()) throw mr::Fatal("this job needs a directory shared by its tasks: pass --job-dir");
  return std::filesystem::path(task.job_dir);
}

// "PREFIX.worker.pid": unique among the tasks that run at one time.
inline std::string MarkerName(const mr::Task& task, const std::string& prefix) {
  std::string worker(task.worker_name);
  for (char& c : worker) {
    if (c == '/' || c == '.') c = '_';
  }
  return prefix + "." + worker + "." + std::to_string(getpid());
}

inline void Touch(const std::filesystem::path& file) {
  if (!(std::ofstream(file) << "x" << std::flush)) throw std::runtime_error("cannot write " + file.string());
}

inline uint64_t CountFiles(const std::filesystem::path& dir, const std::string& prefix, bool only_alive) {
  uint64_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix + ".")) continue;
    const auto pid = static_cast<pid_t>(std::atol(name.c_str() + name.rfind('.') + 1));
    if (!only_alive || kill(pid, 0) == 0 || errno == EPERM) ++count;
  }
  return count;
}

// Leaves a marker, waits, and counts the markers of tasks that live now; takes its own away. Local only: asks the
// kernel about process ids.
inline uint64_t CountParallel(const mr::Task& task, const std::string& prefix, uint64_t wait_ms) {
  const auto dir = JobDir(task);
  const auto mine = dir / MarkerName(task, prefix);
  Touch(mine);
  SleepMs(wait_ms);
  const uint64_t count = CountFiles(dir, prefix, true);
  std::filesystem::remove(mine);
  return count;
}

// The values, sorted, with blanks between.
template <class Values>
std::string SortedJoin(Values& values) {
  std::vector<std::string> all;
  for (mr::View v : values) all.emplace_back(v);
  std::sort(all.begin(), all.end());
  std::string text;
  for (const std::string& v : all) text += (text.empty() ? "" : " ") + v;
  return text;
}

}  // namespace testing_apps
