// Word count that stops at gates: each map task and each reduce task, at its first record, announces itself by a file
// in the job's directory (--job-dir), "map-3.7@w1" for map task 3, attempt 7, worker w1, and goes on once the file
// "open-map" ("open-reduce") is there, or "open-map-3" for that task alone. So a test decides what happens while a task runs, without any sleep of its own.
#include <mr/mr.hpp>

#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>

struct Gated : mr::Job<mr::View, uint64_t> {
  mr::Param<std::string> gates{"gates", "where to stop: none, map, reduce or both", "both"};

  void map(View line, Emit& emit) {
    Pass("map");
    for (const View word : mr::words(line)) emit(word, 1);
  }

  void reduce(View word, Values& counts, Out& out) {
    Pass("reduce");
    uint64_t sum = 0;
    for (const uint64_t count : counts) sum += count;
    out.kv(word, sum);
  }

 private:
  void Pass(const std::string& phase) {
    if (passed_) return;
    passed_ = true;
    const std::string dir(task().job_dir);
    const std::string me = phase + "-" + std::to_string(task().task_index) + "." +
                           std::to_string(task().attempt) + "@" + std::string(task().worker_name);
    std::ofstream(dir + "/" + me) << ::getpid() << "\n";
    if (*gates != "both" && *gates != phase) return;
    const std::string gate = dir + "/open-" + phase;
    std::cerr << "plain text of " << phase << "\n";
    mr::log(mr::Info, "waits for ", gate);
    const std::string own = gate + "-" + std::to_string(task().task_index);
    while (::access(gate.c_str(), F_OK) != 0 && ::access(own.c_str(), F_OK) != 0) {
      // No task().status(): to the engine this looks like a long call, as in real life.
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    mr::log(mr::Info, "goes on");
  }
  bool passed_ = false;
};
MR_JOB(Gated);
