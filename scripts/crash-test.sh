#!/usr/bin/env bash
# Kills, stops and revives real processes of a cluster on loopback, at chosen moments of a job, and compares every output
# with a sequential oracle. What is chosen at random comes from a seed that is printed first.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: scripts/crash-test.sh [--rounds N | --soak] [--coordinators 3] [--seed S] [--only NAME] [--build DIR] [--verbose]

Each of N passes (1 by default, under two minutes) runs every kind of round:
  crash-plugin     user code that exits or sleeps at random, while workers are killed and started anew
  kill-in-map      SIGKILL of a worker while it runs a map task
  kill-in-shuffle  SIGKILL of a worker that holds map outputs which reducers still need
  kill-in-reduce   SIGKILL of a worker in its reduce task
  kill-anytime     SIGKILL of a worker at a random moment, twice
  zombie-in-map    SIGSTOP of a worker past its lease, SIGCONT after its task was done elsewhere
  zombie-in-reduce the same in reduce, where it then holds an output that nobody wants any more
  kill-task        SIGKILL of the process that runs user code (mrtask), in map and in reduce
  late-workers     workers that join while the job runs
  kill-coordinator SIGKILL of the coordinator at random moments, four times; it starts again on the same port
  kill-everything  SIGKILL of the coordinator and all workers at once, twice
  flip-byte        one byte of a map output changes on disk before a reducer has fetched it
  full-scratch     a worker whose scratch file system (a small tmpfs) is full, and later has space again
  cut-network      a worker in a network namespace of its own is cut off past its lease, and joined again
The last two need to be root, and say so where they cannot run.
With --coordinators 3 the coordinator has three members, and the kinds are:
  crash-plugin, kill-anytime, flip-byte  as above
  kill-leader      SIGKILL of the member that leads, four times; each time it starts again while another leads
  kill-member      SIGKILL of any member and of any worker, three times
  stop-leader      SIGSTOP of the leader until another leads, then SIGCONT: what it still believes must change nothing
  kill-all-members SIGKILL of all three at once, twice
  cut-leader       the leader is cut off in a network namespace of its own, and joined again (needs to be root)
  wipe-member      a member's disk is lost; the state is exported from another and restored on all, as documented
After each round: the output equals the oracle's, the receipt names every part once, no temporary file and no
process is left. The last line is "N passed, N failed" (and ", N skipped"); the exit code is 0 if nothing failed.
  --soak        100 rounds, of all kinds in turn (about ten minutes)
  --seed S      repeat a run
  --only NAME   only rounds of that kind
  --build DIR   the build to test (default: build/dev, which is made if it is not there)
  --verbose     show the programs' logs of failed rounds
TEXT
}

passes=1 soak=0 coordinators=1 seed=$((RANDOM * 32768 + RANDOM)) only='' build='' verbose=no
while (($#)); do
  case "$1" in
    -h | --help)
      usage
      exit 0
      ;;
    --rounds | --seed | --only | --build | --coordinators)
      (($# >= 2)) || { echo "crash-test: $1 needs a value" >&2; exit 2; }
      case "$1" in
        --rounds) passes=$2 ;;
        --coordinators) coordinators=$2 ;;
        --seed) seed=$2 ;;
        --only) only=$2 ;;
        --build) build=$2 ;;
      esac
      shift
      ;;
    --soak) soak=1 ;;
    --verbose) verbose=yes ;;
    *)
      usage >&2
      exit 2
      ;;
  esac
  shift
done
[[ $passes =~ ^[1-9][0-9]*$ && $seed =~ ^[0-9]+$ ]] || { echo "crash-test: --rounds and --seed want numbers" >&2; exit 2; }

[[ $coordinators == [13] ]] || { echo "crash-test: --coordinators wants 1 or 3" >&2; exit 2; }

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [[ -z $build ]]; then
  # The plugins that misbehave on purpose belong to the tests, so it is the preset "dev" that has them.
  build=$root/build/dev
  if [[ ! -e $build/plugins/gated.so || ! -x $build/bin/mrcoordinator ]]; then
    echo "crash-test: building the preset dev (a few minutes, once)"
    (cd "$root" && cmake --preset dev >/dev/null &&
      cmake --build build/dev --target mrcoordinator mrworker mrtask mrsubmit plugin_gated plugin_crash plugin_slow plugin_wordcount)
  fi
fi
[[ -x $build/bin/mrcoordinator && -e $build/plugins/gated.so ]] || {
  echo "crash-test: $build holds no mrcoordinator, or no plugins for tests; give the folder of a dev build" >&2
  exit 6
}
build=$(cd "$build" && pwd)

# shellcheck source=test/system/lib.sh
source "$root/test/system/lib.sh" "$root" "$build"

texts=("$data/kjv/04-job.txt" "$data/kjv/06-proverbs-to-songs.txt" "$data/kjv/12-acts.txt" "$data/kjv/14-revelation.txt")
reducers=5
names=(a b c)

# These set variables: in $(…) bash would draw from another sequence.
pick() { picked=$((RANDOM % $1)); }
pick_victim() {
  pick 3
  victim=${names[$picked]}
}
nap_up_to_ms() {
  pick "$1"
  sleep "$(printf '%d.%03d' $((picked / 1000)) $((picked % 1000)))"
}

# ---- the cluster of a round ---------------------------------------------------------------------------------

cluster() {
  local name
  if ((coordinators > 1)); then
    start_group "$coordinators" --worker-timeout 2s
  else
    start_coordinator --worker-timeout 2s
  fi
  for name in "$@"; do start_worker "$name"; done
  mkdir -p "$work/gates"
}
pid_of() {
  local variable=worker_$1
  echo "${!variable}"
}
descendants() {
  local child
  for child in $(pgrep -P "$1" || true); do
    descendants "$child"
    echo "$child"
  done
}
# Signals a whole worker: mrworker and the processes under it.
signal_worker() {
  local pid process
  pid=$(pid_of "$2")
  for process in $pid $(descendants "$pid"); do kill "-$1" "$process" 2>/dev/null || true; done
}
kill_worker() { kill -KILL "$(pid_of "$1")"; }

# submit GATES: a gated word count over the texts; sets $job.
submit() {
  expect 0 mr run --detach "$plugins/gated.so" "${texts[@]}" -o "$work/out" -r "$reducers" \
    -P "gates=$1" --job-dir "$work/gates" --split-size 64Ki --max-attempts 4
  job=$(cat "$work/out.txt")
}
open() { touch "$work/gates/open-$1"; }
announced() { find "$work/gates" -name "$1-*" -printf '%f\n' | sort; }
# at_least N PHASE: that many attempts stand at the gate.
at_least() { (($(announced "$2" | wc -l) >= $1)); }
# The task "map-3" that worker W announced first, and whether another worker has announced the same task.
task_of() { announced "$1" | sed -n "s/^\($1-[0-9]*\)\..*@$2\$/\1/p" | head -1; }
taken_over() { find "$work/gates" -name "$1.*" ! -name "*@$2" | grep -q .; }

verify() {
  expect 0 mr wait --timeout 60s "$job"
  # Neither lost nor there twice.
  expect 0 mr ls
  [[ $(grep -c '^j[0-9]' "$work/out.txt") == 1 ]] || fail "not one job: $(cat "$work/out.txt")"
  sorted_parts "$work/out" >"$work/result"
  same "$work/result" "$oracle"
  clean_output "$work/out"
  [[ $(find "$work/out" -name 'part-r-*' | wc -l) == "$reducers" ]] || fail "not $reducers parts: $(ls "$work/out")"
  # The receipt names each part once, with the size that it has.
  local part
  while read -r part; do
    [[ $(grep -o "\"${part##*/}\"" "$work/out/_SUCCESS" | wc -l) == 1 ]] || fail "the receipt does not name ${part##*/} exactly once"
  done < <(find "$work/out" -name 'part-r-*')
}
finish() {
  local name pid rest living=("$@")
  for name in "${names[@]}"; do
    pid=worker_$name
    [[ -z ${!pid:-} ]] || gone "${!pid}" || living+=("$name")
  done
  verify
  stop_cluster
  # Workers that ended properly have taken their map outputs with them; those of a killed one are removed by the
  # next worker that gets its directory.
  ((${#living[@]} > 0)) || fail "no worker is left whose scratch directory could be looked at"
  for name in "${living[@]}"; do
    rest=$(find "$work/scratch-$name" -type f ! -name '*.so' ! -name lock 2>/dev/null | head -5)
    [[ -z $rest ]] || fail "worker $name left in its scratch directory: $rest"
  done
}

# A millisecond per line and per word: some seconds of work, and kills fall anywhere into it.
submit_slow() {
  expect 0 mr run --detach "$plugins/slow.so" "${texts[@]}" -o "$work/out" -r "$reducers" --split-size 64Ki \
    -P map_ms=1 -P reduce_ms=1
  job=$(cat "$work/out.txt")
}

# ---- rounds ------------------------------------------------------------------------------------------------

round_crash_plugin() {
  local victim
  cluster "${names[@]}"
  expect 0 mr run --detach "$plugins/crash.so" "${texts[@]}" -o "$work/out" -r "$reducers" --split-size 64Ki \
    --max-attempts 100 -P max_sleep_ms=1500 -P "seed=$((1 + seed))"
  job=$(cat "$work/out.txt")
  for _ in 1 2; do
    nap_up_to_ms 1000
    pick_victim
    kill_worker "$victim"
    start_worker "$victim"
  done
  finish "${names[@]}"
}

round_kill_in_map() {
  local victim task
  cluster "${names[@]}"
  submit map
  wait_for 20 "three map tasks run" at_least 3 map
  pick_victim
  task=$(task_of map "$victim")
  kill_worker "$victim"
  open map
  wait_for 20 "$task runs elsewhere" taken_over "$task" "$victim"
  finish
}

round_kill_in_shuffle() {
  local victim
  cluster "${names[@]}"
  submit reduce
  # Three of five reducers stand at the gate: the other two have not fetched anything yet.
  wait_for 30 "three reduce tasks run" at_least 3 reduce
  pick_victim
  kill_worker "$victim"
  open reduce
  finish
}

round_kill_in_reduce() {
  local victim task
  cluster "${names[@]}"
  submit reduce
  wait_for 30 "three reduce tasks run" at_least 3 reduce
  pick_victim
  task=$(task_of reduce "$victim")
  kill_worker "$victim"
  wait_for 20 "$task runs elsewhere" open_until_taken_over "$task" "$victim"
  finish
}
# Two survivors stand at the gate themselves: let them through.
open_until_taken_over() {
  open reduce
  taken_over "$1" "$2"
}

round_kill_anytime() {
  local victim
  cluster "${names[@]}"
  submit_slow
  for _ in 1 2; do
    nap_up_to_ms 3000
    pick_victim
    kill_worker "$victim"
    start_worker "$victim"
  done
  finish "${names[@]}"
}

zombie() {
  local phase=$1 victim task before
  cluster "${names[@]}"
  submit "$phase"
  wait_for 30 "three $phase tasks run" at_least 3 "$phase"
  pick_victim
  task=$(task_of "$phase" "$victim")
  signal_worker STOP "$victim"
  open "$phase"
  wait_for 30 "$task runs elsewhere" taken_over "$task" "$victim"
  verify
  before=$(find "$work/out" -type f -printf '%P %s %T@ %i\n' | sort)
  signal_worker CONT "$victim"
  # It learns that its session is over, comes back as a new one, and the next job can use it.
  wait_for 20 "the zombie is a worker again" alive_workers 3
  [[ $(find "$work/out" -type f -printf '%P %s %T@ %i\n' | sort) == "$before" ]] || fail "the zombie changed the output"
  expect 0 mr run "$plugins/wordcount.so" "${texts[@]}" -o "$work/second" -r 2 --split-size 64Ki
  same <(sorted_parts "$work/second") "$oracle"
  [[ $(find "$work/out" -type f -printf '%P %s %T@ %i\n' | sort) == "$before" ]] || fail "the zombie changed the output"
  stop_cluster
}
alive_workers() { mr status | grep -qE "$1 of $1 alive"; }
round_zombie_in_map() { zombie map; }
round_zombie_in_reduce() { zombie reduce; }

round_kill_task() {
  local phase victim
  cluster "${names[@]}"
  submit both
  for phase in map reduce; do
    wait_for 30 "three $phase tasks run" at_least 3 "$phase"
    pick 3
    victim=$(announced "$phase" | sed -n "$((1 + picked))p")
    kill -KILL "$(cat "$work/gates/$victim")"
    wait_for 20 "${victim%%.*} runs again" at_least 4 "$phase"
    open "$phase"
  done
  finish "${names[@]}"
}

round_late_workers() {
  cluster
  submit map
  nap_up_to_ms 300
  start_worker a
  wait_for 20 "a map task runs" at_least 1 map
  start_worker b
  wait_for 20 "a second one runs" at_least 2 map
  open map
  start_worker c
  finish "${names[@]}"
}

round_kill_coordinator() {
  cluster "${names[@]}"
  submit_slow
  for _ in 1 2 3 4; do
    nap_up_to_ms 1500
    crash_coordinator
    nap_up_to_ms 700
    revive_coordinator --worker-timeout 2s
  done
  finish "${names[@]}"
}

round_kill_everything() {
  local name
  cluster "${names[@]}"
  submit_slow
  for _ in 1 2; do
    nap_up_to_ms 2500
    crash_coordinator
    for name in "${names[@]}"; do kill_worker "$name"; done
    revive_coordinator --worker-timeout 2s
    for name in "${names[@]}"; do start_worker "$name"; done
  done
  finish "${names[@]}"
}

round_flip_byte() {
  local partition victim file offset
  cluster "${names[@]}"
  submit reduce
  wait_for 30 "three reduce tasks run" at_least 3 reduce
  # A partition that no reducer has fetched yet: the segments of five lie in a run file one after the other.
  for ((partition = 0; partition < reducers; partition++)); do
    compgen -G "$work/gates/reduce-$partition.*" >/dev/null || break
  done
  pick_victim
  file=$(find "$work/scratch-$victim" -name '*.run' | sort | tail -1)
  [[ -n $file ]] || fail "worker $victim holds no map output"
  offset=$(($(stat -c %s "$file") * (2 * partition + 1) / (2 * reducers)))
  flip_byte "$file" "$offset"
  open reduce
  finish "${names[@]}"
  announced map | sed 's/\..*//' | uniq -d | grep -q . || fail "no map task ran again after byte $offset of $file has changed"
}
flip_byte() {
  local old
  old=$(od -An -tu1 -j "$2" -N 1 "$1")
  # shellcheck disable=SC2059  # the format is the byte
  printf "\\x$(printf %02x $((old ^ 16)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

round_full_scratch() {
  root_only "mounts a file system"
  local scratch=$work/scratch-c
  mount_small "$scratch" 2m
  cluster a
  # Without a reserve the worker finds out in the middle of a task.
  start_worker c --scratch-reserve 0
  wait_for 20 "two workers" alive_workers 2
  fallocate -l $(($(df -B1 --output=avail "$scratch" | tail -1) - $(stat -c %s "$plugins/slow.so") - 20000)) "$scratch/filler"
  # One failed attempt would end the job: what a full disk stops must not count.
  expect 0 mr run --detach "$plugins/slow.so" "${texts[@]}" -o "$work/out" -r "$reducers" --split-size 64Ki \
    -P map_ms=1 -P reduce_ms=1 --max-attempts 1
  job=$(cat "$work/out.txt")
  wait_for 30 "worker c meets the end of its disk" has_failed c
  rm "$scratch/filler"
  finish a c
}

has_failed() { mr workers | awk -v name="$1" '$2 == name && $7 > 0 { found = 1 } END { exit !found }'; }

round_cut_network() {
  root_only "makes network namespaces"
  local here there task data=(--insecure --data-listen)
  spawn here unshare --net sleep infinity
  here=$spawned
  spawn there unshare --net sleep infinity
  there=$spawned
  wait_for 10 "two network namespaces" apart "$here" "$there"
  nsenter -t "$here" -n ip link add mrhere type veth peer name mrthere netns "$there"
  nsenter -t "$here" -n sh -c 'ip link set lo up; ip addr add 10.99.0.1/24 dev mrhere; ip link set mrhere up'
  nsenter -t "$there" -n sh -c 'ip link set lo up; ip addr add 10.99.0.2/24 dev mrthere; ip link set mrthere up'
  listen=tcp://10.99.0.1:0
  within=(nsenter -t "$here" -n --)
  start_coordinator --worker-timeout 2s --insecure
  start_worker a "${data[@]}" tcp://10.99.0.1:0 --advertise 10.99.0.1
  start_worker b "${data[@]}" tcp://10.99.0.1:0 --advertise 10.99.0.1
  within=(nsenter -t "$there" -n --)
  start_worker c "${data[@]}" tcp://10.99.0.2:0 --advertise 10.99.0.2
  within=(nsenter -t "$here" -n --)
  mkdir -p "$work/gates"
  submit reduce
  wait_for 30 "three reduce tasks run" at_least 3 reduce
  task=$(task_of reduce c)
  # Its lease runs out while it works on; what it held and ran is made elsewhere.
  nsenter -t "$here" -n ip link set mrhere down
  wait_for 30 "$task runs elsewhere" open_until_taken_over "$task" c
  verify
  nsenter -t "$here" -n ip link set mrhere up
  wait_for 40 "the lost worker is back" alive_workers 3
  expect 0 mr run "$plugins/wordcount.so" "${texts[@]}" -o "$work/second" -r 2 --split-size 64Ki
  same <(sorted_parts "$work/second") "$oracle"
  stop_cluster
}
net_of() { readlink "/proc/$1/ns/net"; }
apart() { [[ $(net_of $$) != $(net_of "$1") && $(net_of $$) != $(net_of "$2") && $(net_of "$1") != $(net_of "$2") ]]; }
root_only() {
  ((EUID == 0)) && return 0
  echo "skipped: this kind of round $1, which needs root"
  exit "$skip"
}

# ---- rounds with several members ----------------------------------------------------------------------------

another_leads() { leader_is_known && [[ $leader != "$1" ]]; }

round_kill_leader() {
  local killed
  cluster "${names[@]}"
  submit_slow
  for _ in 1 2 3 4; do
    nap_up_to_ms 1500
    wait_for 20 "a member leads" leader_is_known
    killed=$leader
    kill_member "$killed"
    nap_up_to_ms 1500
    start_member "$killed"
  done
  finish "${names[@]}"
}

round_kill_member() {
  local node victim
  cluster "${names[@]}"
  submit_slow
  for _ in 1 2 3; do
    nap_up_to_ms 1500
    pick "$coordinators"
    node=$((picked + 1))
    pick_victim
    kill_member "$node"
    kill_worker "$victim"
    start_worker "$victim"
    nap_up_to_ms 700
    start_member "$node"
  done
  finish "${names[@]}"
}

round_stop_leader() {
  local stopped
  cluster "${names[@]}"
  submit_slow
  for _ in 1 2; do
    nap_up_to_ms 1000
    wait_for 20 "a member leads" leader_is_known
    stopped=$leader
    kill -STOP "$(pid_of_member "$stopped")"
    wait_for 30 "another member leads" another_leads "$stopped"
    nap_up_to_ms 500
    kill -CONT "$(pid_of_member "$stopped")"
  done
  finish "${names[@]}"
}

round_kill_all_members() {
  local node
  cluster "${names[@]}"
  submit_slow
  for _ in 1 2; do
    nap_up_to_ms 2000
    for ((node = 1; node <= coordinators; node++)); do kill -KILL "$(pid_of_member "$node")"; done
    for ((node = 1; node <= coordinators; node++)); do
      wait_gone "$(pid_of_member "$node")" 10
      start_member "$node"
    done
  done
  finish "${names[@]}"
}

round_wipe_member() {
  local node wiped best=0 newest=0 term index
  cluster "${names[@]}"
  submit_slow
  nap_up_to_ms 1500
  pick "$coordinators"
  wiped=$((picked + 1))
  kill_member "$wiped"
  rm -rf "$work/state-$wiped"
  nap_up_to_ms 1500
  for ((node = 1; node <= coordinators; node++)); do
    ((node == wiped)) && continue
    kill -TERM "$(pid_of_member "$node")"
    wait_gone "$(pid_of_member "$node")" 10
    expect 0 "$bin/mrcoordinator" inspect --state-dir "$work/state-$node"
    read -r term index < <(sed -nE 's/^last entry +term ([0-9]+), index ([0-9]+)$/\1 \2/p' "$work/out.txt")
    if ((term * 1000000 + index > newest)); then newest=$((term * 1000000 + index)) best=$node; fi
  done
  expect 0 "$bin/mrcoordinator" export --state-dir "$work/state-$best" -o "$work/saved"
  for ((node = 1; node <= coordinators; node++)); do
    expect 0 "$bin/mrcoordinator" restore --state-dir "$work/state-$node" --node "$node" --peers "$group_peers" --from "$work/saved" --replace
  done
  # A member that ended properly has taken its file with it; the workers look for it where it was.
  for ((node = 1; node <= coordinators; node++)); do start_member "$node"; done
  finish "${names[@]}"
}

# Four namespaces: members 1 to 3, and one for workers and clients with a bridge to which all are plugged.
round_cut_leader() {
  root_only "makes network namespaces"
  local node hub name cut files='' data=(--insecure --data-listen tcp://127.0.0.1:0)
  local -a space
  spawn hub unshare --net sleep infinity
  hub=$spawned
  for node in 1 2 3; do
    spawn "space$node" unshare --net sleep infinity
    space[node]=$spawned
    wait_for 10 "network namespaces" apart "$hub" "${space[node]}"
  done
  nsenter -t "$hub" -n sh -c 'ip link set lo up; ip link add hub type bridge; ip addr add 10.99.0.100/24 dev hub; ip link set hub up'
  for node in 1 2 3; do
    nsenter -t "$hub" -n ip link add "plug$node" type veth peer name net0 netns "${space[node]}"
    nsenter -t "$hub" -n sh -c "ip link set plug$node master hub; ip link set plug$node up"
    nsenter -t "${space[node]}" -n sh -c "ip link set lo up; ip addr add 10.99.0.$node/24 dev net0; ip link set net0 up"
  done
  group_options=(--worker-timeout 2s --insecure)
  group_peers=1=tcp://10.99.0.1:4620,2=tcp://10.99.0.2:4620,3=tcp://10.99.0.3:4620
  for node in 1 2 3; do
    files+="${files:+,}file:$work/cluster-$node.json"
    "$bin/mrcoordinator" bootstrap --state-dir "$work/state-$node" --node "$node" --peers "$group_peers" >"$work/bootstrap.txt"
    within=(nsenter -t "${space[node]}" -n --)
    member_listen=tcp://10.99.0.$node:0 start_member "$node"
  done
  within=(nsenter -t "$hub" -n --)
  export MR_COORDINATOR=$files
  wait_for 20 "a member leads" leader_is_known
  for name in "${names[@]}"; do start_worker "$name" "${data[@]}"; done
  mkdir -p "$work/gates"
  submit_slow
  for _ in 1 2; do
    nap_up_to_ms 1000
    wait_for 20 "a member leads" leader_is_known
    cut=$leader
    nsenter -t "$hub" -n ip link set "plug$cut" down
    wait_for 40 "another member leads" another_leads "$cut"
    nap_up_to_ms 1000
    nsenter -t "$hub" -n ip link set "plug$cut" up
  done
  finish "${names[@]}"
}

# ---- the table ---------------------------------------------------------------------------------------------

kinds=(crash-plugin kill-in-map kill-in-shuffle kill-in-reduce kill-anytime zombie-in-map zombie-in-reduce kill-task late-workers kill-coordinator kill-everything flip-byte full-scratch cut-network)
((coordinators == 1)) || kinds=(crash-plugin kill-anytime flip-byte kill-leader kill-member stop-leader kill-all-members cut-leader wipe-member)
if [[ -n $only ]]; then
  printf '%s\n' "${kinds[@]}" | grep -qxF -- "$only" || { echo "crash-test: no kind of round is called '$only'; see --help" >&2; exit 2; }
  kinds=("$only")
fi

if ((soak)); then
  rounds=100 passes=100
else
  rounds=$((passes * ${#kinds[@]}))
fi

# Of the whole run, and removed at the end; $work is of one round.
shared=$(mktemp -d "$original_tmpdir/mr-crash.XXXXXX")
trap 'rm -rf "$shared"' EXIT
oracle=$shared/oracle
wordcount_oracle "${texts[@]}" >"$oracle"

echo "crash-test: seed $seed, build $build"
echo "Repeat it with: scripts/crash-test.sh $( ((soak)) && echo --soak || echo "--rounds $passes")$( ((coordinators > 1)) && echo " --coordinators $coordinators") --seed $seed${only:+ --only $only}"
printf '%-5s %-18s %8s  %s\n' ROUND WHAT SECONDS RESULT
skip=77
passed=0 failed=0 skipped=0 number=0
for ((pass = 0; pass < passes; pass++)); do
  for kind in "${kinds[@]}"; do
    number=$((number + 1))
    ((number <= rounds)) || break 2
    begun=${EPOCHREALTIME/./}
    set +e
    (
      set -e
      RANDOM=$(((seed + number * 7919) % 32768))
      begin_case
      # shellcheck disable=SC2317  # end_case calls it
      [[ $verbose == yes ]] || show_logs() { :; }
      trap end_case EXIT
      cd "$work"
      "round_${kind//-/_}"
    ) >"$shared/$number.log" 2>&1
    status=$?
    set -e
    spent=$(((${EPOCHREALTIME/./} - begun) / 1000))
    if ((status == 0)); then
      passed=$((passed + 1)) result=ok
    elif ((status == skip)); then
      skipped=$((skipped + 1)) result=$(tail -1 "$shared/$number.log")
    else
      failed=$((failed + 1)) result=FAILED
    fi
    printf '%-5s %-18s %4d.%03d  %s\n' "$number" "$kind" $((spent / 1000)) $((spent % 1000)) "$result"
    ((status == 0 || status == skip)) || sed 's/^/      | /' "$shared/$number.log"
  done
done
((skipped == 0)) && skipped='' || skipped=", $skipped skipped"
echo "$passed passed, $failed failed$skipped"
((failed == 0))
