#include "test/sim/options.h"

#include "common/base/strings.h"

namespace mr::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

}  // namespace

Options DrawOptions(uint64_t seed) {
  Random random(seed * 0x2545f4914f6cdd1du + 1);
  const auto up_to = [&](uint64_t low, uint64_t high) { return low + random.Below(high - low + 1); };
  // Half of the runs do without a given fault.
  const auto weight = [&](uint32_t most) {
    return random.Chance(0.5) ? static_cast<uint32_t>(1 + random.Below(most)) : 0;
  };
  const auto rate = [&](double most) {
    return random.Chance(0.5) ? most * static_cast<double>(1 + random.Below(100)) / 100 : 0.0;
  };
  Options o;
  o.seed = seed;
  o.workers = static_cast<uint32_t>(up_to(1, 5));
  o.slots = static_cast<uint32_t>(up_to(1, 3));
  o.jobs = static_cast<uint32_t>(up_to(1, 3));
  o.max_maps = static_cast<uint32_t>(up_to(1, 10));
  o.max_reduces = static_cast<uint32_t>(up_to(0, 4));
  o.lease = milliseconds(up_to(3000, 10'000));
  o.task_time = milliseconds(up_to(100, 4000));
  o.chaos = seconds(up_to(10, 60));
  o.fault_every = milliseconds(up_to(300, 8000));
  o.lose = rate(0.1);
  o.duplicate = rate(0.1);
  o.delay = rate(0.05);
  o.crash_worker = weight(4);
  o.crash_coordinator = weight(2);
  o.crash_everything = weight(1);
  o.pause_worker = weight(3);
  o.pause_coordinator = weight(1);
  o.stop_worker = weight(2);
  o.cut_link = weight(3);
  o.cut_host = weight(2);
  o.lose_run_file = weight(2);
  o.damage_run_file = weight(2);
  o.clock_jump = weight(1);
  o.kill_task = weight(3);
  o.user_failure = rate(0.05);
  o.hang = rate(0.03);
  o.disk_full = rate(0.05);
  o.publish_error = rate(0.1);
  o.slow_worker = rate(0.5);
  o.poisoned_job = random.Chance(0.15);
  o.killed_job = random.Chance(0.15);
  o.sync_time = milliseconds(random.Chance(0.8) ? up_to(0, 10) : up_to(10, 2000));
  o.lose_power = weight(2);
  o.cut_off_write = weight(2);
  o.fill_disk = weight(1);
  o.break_disk = weight(1);
  o.segment_bytes = uint64_t{4096} << random.Below(5);
  o.snapshot_log_bytes = random.Chance(0.8) ? uint64_t{2048} << random.Below(5) : 1u << 30;
  o.fill_scratch = weight(2);
  o.coordinator_clock_jump = weight(1);
  o.drain = weight(2);
  o.kill_attempt = weight(2);
  o.set_max_running = weight(1);
  o.look = weight(2);
  o.finish_error = rate(0.3);
  o.may_fail = rate(0.5);
  o.pauses = rate(0.5);
  o.tied = rate(0.3);
  o.resumes = random.Chance(0.5);
  o.keep_failed = random.Chance(0.3) ? seconds(0) : random.Chance(0.5) ? seconds(10) : seconds(3600);
  o.history_age = random.Chance(0.5) ? seconds(0) : seconds(3600);
  return o;
}

std::string Options::Describe() const {
  const auto ms = [](Duration d) { return std::chrono::duration_cast<milliseconds>(d).count(); };
  std::string text =
      StrCat(workers, " workers × ", slots, " slots, ", jobs, " jobs of up to ", max_maps, "+", max_reduces,
             " tasks of ", ms(task_time), " ms, lease ", ms(lease), " ms, sync ", ms(sync_time), " ms, faults for ",
             ms(chaos) / 1000, " s every ", ms(fault_every), " ms:");
  const auto say = [&](const char* name, double value) {
    if (value > 0) text += StrCat(" ", name, "=", value);
  };
  say("lose", lose);
  say("duplicate", duplicate);
  say("delay", delay);
  say("crash_worker", crash_worker);
  say("crash_coordinator", crash_coordinator);
  say("crash_everything", crash_everything);
  say("lose_power", lose_power);
  say("cut_off_write", cut_off_write);
  say("fill_disk", fill_disk);
  say("break_disk", break_disk);
  say("pause_worker", pause_worker);
  say("pause_coordinator", pause_coordinator);
  say("stop_worker", stop_worker);
  say("cut_link", cut_link);
  say("cut_host", cut_host);
  say("lose_run_file", lose_run_file);
  say("damage_run_file", damage_run_file);
  say("clock_jump", clock_jump);
  say("coordinator_clock_jump", coordinator_clock_jump);
  say("fill_scratch", fill_scratch);
  say("kill_task", kill_task);
  say("drain", drain);
  say("kill_attempt", kill_attempt);
  say("set_max_running", set_max_running);
  say("look", look);
  say("user_failure", user_failure);
  say("hang", hang);
  say("disk_full", disk_full);
  say("publish_error", publish_error);
  say("finish_error", finish_error);
  say("slow_worker", slow_worker);
  say("may_fail", may_fail);
  say("pauses", pauses);
  say("tied", tied);
  if (poisoned_job) text += " poisoned_job";
  if (killed_job) text += " killed_job";
  if (resumes) text += StrCat(" resumes keep_failed=", ms(keep_failed) / 1000, "s");
  return text;
}

}  // namespace mr::sim
