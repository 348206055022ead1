# shellcheck shell=bash disable=SC2154  # work, bin, … come from scripts/bench
# Rows about control: B3, B4 and B7. Sourced by scripts/bench.

# spawn NAME COMMAND…: a daemon in a process group of its own, ended at the end; sets $spawned.
spawn() {
  local name=$1
  shift
  setsid "$@" >"$work/$name.log" 2>&1 </dev/null &
  spawned=$!
  pids+=("$spawned")
  disown "$spawned"
}

# start_coordinator [OPTION…]: on loopback, otherwise with its defaults; sets $endpoint and $coordinator.
start_coordinator() {
  local _
  rm -f "$work/cluster.json"
  spawn coordinator "$bin/mrcoordinator" --listen tcp://127.0.0.1:0 --http off --state-dir "$work/state" \
    --rendezvous "$work/cluster.json" "$@"
  coordinator=$spawned
  cluster=("$coordinator")
  endpoint=file:$work/cluster.json
  for _ in {1..200}; do
    [[ ! -s $work/cluster.json ]] || return 0
    sleep 0.05
  done
  stop "the coordinator does not start: $(tail -3 "$work/coordinator.log")" 1
}

# SIGKILL, and at once the same again: state, port, rendezvous file.
restart_coordinator() {
  local listen _
  listen=$(sed -n 's/.*"control": *"\([^"]*\)".*/\1/p' "$work/cluster.json")
  kill -KILL -- "-$coordinator"
  cluster=("${cluster[@]/#$coordinator/}")
  spawn coordinator "$bin/mrcoordinator" --listen "$listen" --http off --state-dir "$work/state" \
    --rendezvous "$work/cluster.json" "$@"
  coordinator=$spawned
  cluster+=("$coordinator")
}

# start_worker NAME [OPTION…]
start_worker() {
  local name=$1
  shift
  spawn "$name" "$bin/mrworker" -c "$endpoint" --name "$name" --scratch "$work/scratch-$name" --http off "$@"
  cluster=("$spawned" "${cluster[@]}")
}

stop_group() {
  local _
  kill -TERM -- "-$1" 2>/dev/null || return 0
  for _ in {1..200}; do
    kill -0 -- "-$1" 2>/dev/null || return 0
    sleep 0.05
  done
}
stop_cluster() {
  local pid
  for pid in "${cluster[@]}"; do stop_group "$pid"; done
}

# ---- B3: a tiny job ------------------------------------------------------------------------------------------

before_B3_cold() { rm -rf "$work/tiny"; }
B3_cold() { "$bin/mrsubmit" run --no-config -q --local wordcount "$work/one" -o "$work/tiny" </dev/null; }
before_B3_warm() { rm -rf "$work/tiny"; }
B3_warm() { "$bin/mrsubmit" run --no-config -q -c "$endpoint" wordcount "$work/one" -o "$work/tiny" </dev/null; }
B3_mawk() { mawk '{ c[$1]++ } END { for (w in c) print w "\t" c[w] }' "$work/one" >"$work/tiny.mawk"; }

row_B3() {
  local times=$((runs * 4))
  printf 'a' >"$work/one"
  alternate B3 "$times" cold mawk
  start_coordinator
  start_worker w1 --slots 2
  before_B3_warm
  B3_warm >/dev/null 2>&1 || stop "B3: no answer from the cluster; see $work/coordinator.log" 1  # the plugin gets known
  alternate B3 "$times" warm
  stop_cluster
  report_value B3 'tiny job, run --local, cold' s cold '< 0.1'
  report_value B3 'tiny job, warm cluster' s warm '< 0.02'
  report_value B3 '(mawk on the same byte)' s mawk ''
}

# ---- B4: many workers ----------------------------------------------------------------------------------------

row_B4() {
  local workers=1000 tasks=100000 rounds=$(((runs + 1) / 2)) round rate_target='>= 20000' p99_target='< 0.01'
  [[ $size != quick ]] || tasks=10000 rounds=1
  ulimit -n "$(ulimit -Hn)"
  # Two connections each, at either end.
  local room=$((($(ulimit -n | sed 's/unlimited/1000000/') - 100) / 2))
  if ((room < 1)); then
    stop "B4: this user may have no more than $(ulimit -n) files open; raise the limit (ulimit -Hn), 2100 are enough"
  elif ((room < workers)); then  # another load than the targets are meant for
    workers=$room rate_target='' p99_target=''
    say "B4: $workers workers only, not judged: this user may have no more than $(ulimit -n) files open (ulimit -Hn)"
  fi
  for ((round = 1; round <= rounds; ++round)); do
    # As fast as they can; then 20 tasks a second each, which is 20,000 from 1000 workers.
    load B4 rate "$workers" "$tasks" 0
    load B4 paced "$workers" "$tasks" 50
  done
  report_value B4 "no-op tasks, $workers workers" tasks/s rate.tasks "$rate_target"
  report_value B4 'assignment at 20 tasks/s each, p99' s paced.p99 "$p99_target"
  report_value B4 '  and the rate that was reached' tasks/s paced.tasks ''
}

# load ROW CANDIDATE WORKERS TASKS TASK_MS: against a fresh coordinator.
load() {
  local figures
  start_coordinator
  figures=$("$peers/control_plane_bench" "$endpoint" "$3" "$4" "$5") || stop "$1: the load generator failed" 1
  stop_group "$coordinator"
  rm -rf "$work/state"
  sample "$1" "$2.tasks" "$(awk '{ print $1 }' <<<"$figures")"
  sample "$1" "$2.p99" "$(awk '{ printf "%.6f", $3 / 1000 }' <<<"$figures")"
}

# ---- B7: recovery --------------------------------------------------------------------------------------------

# The task process below process $1 that has a file open whose path ends in $2; sets $task.
find_task() {
  local pid
  task=''
  for pid in $(pgrep -x mrtask); do
    [[ $(readlink "/proc/$pid/fd/"* 2>/dev/null) == *"$2"* ]] || continue
    task=$pid
    return 0
  done
  return 1
}
# wait_task AFTER_PID: until another task than AFTER_PID reads the input; fails after 30 s.
wait_task() {
  local deadline=$((${EPOCHREALTIME/./} + 30000000))
  until find_task any "${slow##*/}" && [[ $task != "$1" ]]; do
    ((${EPOCHREALTIME/./} < deadline)) || { tail -n 20 "$work"/*.log >&2; stop "B7: no task runs again" 1; }
  done
}
seconds_since() { awk -v us=$((${EPOCHREALTIME/./} - $1)) 'BEGIN { printf "%.6f", us / 1e6 }'; }

row_B7() {
  local round from process lease=2 rounds=$runs
  [[ $size == full ]] || rounds=1
  need_text
  # One split that takes long enough to be killed in: each word of it is looked at by a slow expression.
  printf 'a' >"$work/one"
  slow=$work/slow-input
  for round in {1..256}; do cat "$text" 2>/dev/null || break; done | head -c $((512 << 20)) >"$slow"
  for ((round = 1; round <= rounds; ++round)); do
    say "B7: run $round of $rounds"
    start_coordinator --worker-timeout ${lease}s
    start_worker "w1-$round" --slots 1
    start_worker "w2-$round" --slots 1
    "$bin/mrsubmit" run --no-config -q -c "$endpoint" --detach grep "$slow" -P 'pattern=(a|b|c)*(d|e)*zzqx$' \
      -o "$work/slow" --split-size 64Gi >/dev/null </dev/null
    wait_task 0
    from=${EPOCHREALTIME/./}
    kill -KILL "$task"
    wait_task "$task"
    sample B7 task "$(seconds_since "$from")"
    # The next job after the coordinator's death: its task, and those after it, until the result is there.
    from=${EPOCHREALTIME/./}
    restart_coordinator --worker-timeout ${lease}s
    rm -rf "$work/tiny"
    "$bin/mrsubmit" run --no-config -q -c "$endpoint" wordcount "$work/one" -o "$work/tiny" </dev/null >/dev/null ||
      stop "B7: no result after the coordinator's death; see $work/coordinator.log" 1
    sample B7 coordinator "$(seconds_since "$from")"
    rm -rf "$work/tiny"
    # The worker that runs it, with all its processes, as if its host had gone.
    local host
    host=$(ps -o sid= -p "$task" | tr -d ' ')
    from=${EPOCHREALTIME/./}
    pkill -KILL -s "$host" || true
    wait_task "$task"
    sample B7 host "$(seconds_since "$from")"
    # The job would hold up a polite end.
    for process in "${cluster[@]}"; do [[ -z $process ]] || kill -KILL -- "-$process" 2>/dev/null || true; done
    rm -rf "$work/state" "$work/slow"
  done
  rm -f "$slow"
  report_value B7 'killed mrtask: task runs again' s task '< 0.1'
  report_value B7 "killed host, lease $lease s: again" s host "< $((lease + 1))"
  report_value B7 'killed coordinator: a new job done' s coordinator '< 2'
}
