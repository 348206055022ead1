#!/usr/bin/env bash
# The coordinator survives its own death: jobs, completed maps, commits, history; and it refuses what it must not trust.
# shellcheck disable=SC2119  # start_coordinator takes no options here
# shellcheck source=test/system/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

texts=("$data/kjv/04-job.txt" "$data/kjv/12-acts.txt")

cluster() {
  local name
  start_coordinator --worker-timeout 4s
  for name in w1 w2; do start_worker "$name"; done
  mkdir -p gates
  wordcount_oracle "${texts[@]}" >oracle
}
# run_attached PLUGIN [OPTION…]: a client that stays attached over everything that follows; sets $client.
run_attached() {
  # shellcheck disable=SC2016  # the inner shell expands
  spawn client bash -c 'code=0; "$@" || code=$?; echo "exit $code"' - "$bin/mrsubmit" run "$plugins/$1.so" "${texts[@]}" \
    -o "$work/out" -r 3 --split-size 64Ki "${@:2}"
  client=$spawned
}
run_gated() { run_attached gated -P "gates=$1" --job-dir "$work/gates"; }
open() { touch "gates/open-$1"; }
announced() { find gates -name "$1-*" -printf '%f\n' | sort; }
at_least() { (($(announced "$2" | wc -l) >= $1)); }
check_output() {
  wait_gone "$client" 60
  says '^exit 0$' client.log
  expect 0 mr wait j1
  same <(sorted_parts out) oracle
  clean_output out
}
# No task was run twice.
each_once() {
  local twice
  twice=$(announced "$1" | sed 's/\..*//' | uniq -d)
  [[ -z $twice ]] || fail "run again although nothing was lost: $(announced "$1" | tr '\n' ' ')"
}

# The disk of the state directory fills up while the coordinator runs: it ends with the remedy, and goes on when there is room.
case_state_disk_full() {
  ((EUID == 0)) || { echo 'skipped: mounting a small file system needs root'; return 0; }
  mount_small "$work/state" 16m
  start_coordinator --max-jobs 200
  coordinator_endpoint=$(sed -n 's/.*"control": *"\([^"]*\)".*/\1/p' cluster.json)
  printf 'x\n' >in.txt
  expect 0 mr run --detach "$plugins/grep.so" in.txt -o first -P pattern=x
  fallocate -l $(($(df -B1 --output=avail state | tail -1) - 2000000)) state/filler
  # Records of 100 kB each, until the log needs a new segment.
  local number long
  long=$(head -c 100000 /dev/zero | tr '\0' x)
  for number in {1..60}; do
    alive "$coordinator" || break
    mr --connect-timeout 1s run --detach "$plugins/grep.so" in.txt -o "out-$number" -P "pattern=$long" >>accepted.txt 2>err.txt || true
  done
  wait_gone "$coordinator" 20
  says 'No space left on device.*The coordinator ends: .*Make room and start it again' coordinator.log
  rm state/filler
  revive_coordinator --max-jobs 200
  expect 0 mr ls --limit 1000
  local accepted
  accepted=$(grep -c '^j' accepted.txt)
  ((accepted > 30)) || fail "only $accepted jobs were accepted"
  (($(grep -c '^j' out.txt) >= accepted + 1)) || fail "accepted $accepted and one: $(grep -c '^j' out.txt) are there"
  start_worker w1
  expect 0 mr wait --timeout 60s j1
  stop_cluster
}

case_killed_in_map() {
  cluster
  run_gated map
  wait_for 20 "two map tasks run" at_least 2 map
  crash_coordinator
  revive_coordinator --worker-timeout 4s
  open map
  check_output
  each_once map
  stop_cluster
}

case_killed_in_reduce() {
  cluster
  run_gated both
  wait_for 20 "two map tasks run" at_least 2 map
  open map
  wait_for 30 "two reduce tasks run" at_least 2 reduce
  crash_coordinator
  revive_coordinator --worker-timeout 4s
  open reduce
  check_output
  each_once map
  each_once reduce
  stop_cluster
}

# SIGTERM is a farewell: who waits is told at once, and the next life goes on with the job.
case_terminated_goes_on() {
  cluster
  run_gated map
  wait_for 20 "two map tasks run" at_least 2 map
  coordinator_endpoint=$(sed -n 's/.*"control": *"\([^"]*\)".*/\1/p' "$work/cluster.json")
  kill -TERM "$coordinator"
  wait_gone "$coordinator" 10
  [[ ! -e $work/cluster.json ]] || fail "the rendezvous file is still there"
  wait_for 5 "the client was told" grep -q 'the coordinator is being stopped' client.log
  revive_coordinator --worker-timeout 4s
  open map
  check_output
  each_once map
  stop_cluster
}

case_killed_again_and_again() {
  cluster
  run_attached slow -P map_ms=1 -P reduce_ms=1
  wait_for 20 "the job is there" mr status j1
  local i
  for i in 1 2 3 4 5; do
    sleep "0.$((i * 173 % 1000))"
    crash_coordinator
    revive_coordinator --worker-timeout 4s
  done
  check_output
  stop_cluster
}

case_everything_is_killed() {
  cluster
  run_gated both
  wait_for 20 "two map tasks run" at_least 2 map
  open map
  wait_for 30 "two reduce tasks run" at_least 2 reduce
  crash_coordinator
  # shellcheck disable=SC2154  # start_worker sets them
  kill -KILL "$worker_w1" "$worker_w2"
  revive_coordinator --worker-timeout 4s
  start_worker w1
  start_worker w2
  open reduce
  check_output
  stop_cluster
}

# Who watches a job waits for as long as it was told, can leave meanwhile, and sees the end.
case_watchers_wait_out_an_outage() {
  cluster
  run_attached gated -P gates=map --job-dir "$work/gates" --connect-timeout 2s
  wait_for 20 "two map tasks run" at_least 2 map
  local impatient leaver
  # shellcheck disable=SC2016  # the inner shell expands
  spawn impatient bash -c 'code=0; "$@" || code=$?; echo "exit $code"' - "$bin/mrsubmit" attach j1 \
    --connect-timeout 2s --outage-timeout 7s
  impatient=$spawned
  spawn leaver env --default-signal=INT "$bin/mrsubmit" attach j1 --connect-timeout 2s --on-interrupt detach
  leaver=$spawned
  wait_for 20 "both watch" grep -q j1 impatient.log
  wait_for 20 "both watch" grep -q j1 leaver.log
  crash_coordinator
  wait_for 20 "one says that nobody answers" grep -q 'does not answer; trying again' leaver.log
  kill -INT "$leaver"
  wait_gone "$leaver" 10
  says 'detached' leaver.log
  wait_gone "$impatient" 30
  says '^exit 7$' impatient.log
  alive "$client" || fail "the client gave up"
  says 'does not answer; trying again' client.log
  revive_coordinator --worker-timeout 4s
  open map
  check_output
  says 'answers again' client.log
  stop_cluster
}

case_history_and_plugins_stay() {
  cluster
  expect 0 mr run "$plugins/wordcount.so" "${texts[@]}" -o out -r 2
  crash_coordinator
  revive_coordinator
  expect 0 mr status j1
  says 'j1' out.txt
  expect 0 mr run "$plugins/wordcount.so" "${texts[@]}" -o second -r 2
  same <(sorted_parts second) oracle
  says 'j2'
  stop_cluster
}

case_state_directory_is_locked() {
  start_coordinator
  expect 6 "$bin/mrcoordinator" --listen tcp://127.0.0.1:0 --http off --state-dir "$work/state"
  says "locked by process $coordinator"
  stop_cluster
}

case_volatile_is_no_way_around_kept_jobs() {
  start_coordinator
  stop_cluster
  expect 6 "$bin/mrcoordinator" --listen tcp://127.0.0.1:0 --http off --state-dir "$work/state" --volatile
  says 'holds the jobs of a coordinator that kept them; .*Leave --volatile out, or give another --state-dir'
}

case_flipped_bit_is_refused() {
  cluster
  expect 0 mr run "$plugins/wordcount.so" "${texts[@]}" -o out -r 2
  crash_coordinator
  local log=state/coord/log/000000000001.seg before
  printf '\377' | dd of="$log" bs=1 seek=300 conv=notrunc status=none
  before=$(sha256sum "$log")
  expect 6 "$bin/mrcoordinator" --listen tcp://127.0.0.1:0 --http off --state-dir "$work/state"
  says '000000000001.seg: at byte [0-9]+.*Nothing was changed. Restore the state directory'
  [[ $(sha256sum "$log") == "$before" ]] || fail "the damaged log was changed"
}

run_cases
