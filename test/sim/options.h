// What one seed's cluster is like and what happens to it. Each seed draws its own set, with some faults off
// altogether: a run with every fault at once hides what a few of them do together ("swarm testing", Groce et al. 2012).
#pragma once

#include <cstdint>
#include <string>

#include "common/base/clock.h"
#include "common/base/random.h"

namespace mr::sim {

struct Options {
  uint64_t seed = 1;

  // The cluster and its work.
  uint32_t workers = 3;
  uint32_t slots = 2;
  uint32_t jobs = 2;
  uint32_t max_maps = 8;
  uint32_t max_reduces = 4;
  Duration lease{};
  Duration task_time{};        // of a task on a worker of ordinary speed, at most
  Duration chaos{};            // how long faults happen
  Duration fault_every{};      // mean time between two of the faults of processes and links

  // Messages, as probabilities.
  double lose = 0;
  double duplicate = 0;
  double delay = 0;            // arrives seconds later, behind younger ones

  // Faults, as weights of what the next one is; 0 = never in this run.
  uint32_t crash_worker = 0;
  uint32_t crash_coordinator = 0;
  uint32_t crash_everything = 0;
  uint32_t lose_power = 0;     // the coordinator's host; its process dies too
  uint32_t cut_off_write = 0;  // the coordinator is killed in the middle of a write, perhaps by a loss of power
  uint32_t fill_disk = 0;      // the coordinator's
  uint32_t break_disk = 0;     // every other call of it fails
  uint32_t pause_worker = 0;
  uint32_t pause_coordinator = 0;
  uint32_t stop_worker = 0;    // SIGTERM
  uint32_t cut_link = 0;       // one direction, for a while
  uint32_t cut_host = 0;       // both directions, everybody
  uint32_t lose_run_file = 0;
  uint32_t damage_run_file = 0;
  uint32_t fill_scratch = 0;   // of a worker, for a while
  uint32_t clock_jump = 0;
  uint32_t coordinator_clock_jump = 0;
  uint32_t kill_task = 0;      // SIGKILL of a task process from outside

  // What people do meanwhile, weights too.
  uint32_t drain = 0;          // and undo it later
  uint32_t kill_attempt = 0;   // of a task, by request
  uint32_t set_max_running = 0;
  uint32_t look = 0;           // ls, tasks, explain, …

  // Attempts, as probabilities.
  double user_failure = 0;
  double hang = 0;
  double disk_full = 0;
  double publish_error = 0;
  double finish_error = 0;     // before, in the middle of or after its effect
  double slow_worker = 0;      // ten times slower
  bool poisoned_job = false;   // one map task of the last job always fails
  bool killed_job = false;     // the client kills the last job at some time
  // Of each job, as probabilities.
  double may_fail = 0;         // --max-failed-tasks, with as many maps that always fail
  double pauses = 0;           // --on-failure pause, and a map that fails until the plugin is changed
  double tied = 0;             // --tie, and the submitter may go away
  bool resumes = false;        // a job that failed or was killed is submitted again with --resume

  // Of the coordinator's disk.
  Duration sync_time{};
  uint64_t segment_bytes = 16'384;
  uint64_t snapshot_log_bytes = 8192;

  // Of the coordinator.
  Duration keep_failed{};
  Duration history_age{};      // 0 = any

  std::string Describe() const;
};

Options DrawOptions(uint64_t seed);

}  // namespace mr::sim
