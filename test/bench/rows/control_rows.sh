# shellcheck shell=bash disable=SC2154  # work, bin, … come from scripts/bench
# Rows about control: B3. Sourced by scripts/bench.

# spawn NAME COMMAND…: a daemon in a process group of its own, ended at the end; sets $spawned.
spawn() {
  local name=$1
  shift
  setsid "$@" >"$work/$name.log" 2>&1 </dev/null &
  spawned=$!
  pids+=("$spawned")
  disown "$spawned"
}

# A coordinator and a worker on loopback, with their defaults; sets $endpoint.
start_cluster() {
  rm -f "$work/cluster.json"
  spawn coordinator "$bin/mrcoordinator" --listen tcp://127.0.0.1:0 --http off --state-dir "$work/state" \
    --rendezvous "$work/cluster.json"
  coordinator=$spawned
  local _
  for _ in {1..200}; do
    [[ ! -s $work/cluster.json ]] || break
    sleep 0.05
  done
  endpoint=file:$work/cluster.json
  spawn worker "$bin/mrworker" -c "$endpoint" --name w1 --slots 2 --scratch "$work/scratch" --http off
  worker=$spawned
}

stop_cluster() {
  local pid _
  for pid in "$worker" "$coordinator"; do
    kill -TERM -- "-$pid" 2>/dev/null || true
    for _ in {1..200}; do
      kill -0 -- "-$pid" 2>/dev/null || break
      sleep 0.05
    done
  done
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
  start_cluster
  before_B3_warm
  B3_warm >/dev/null 2>&1 || stop "B3: no answer from the cluster; see $work/coordinator.log" 1  # the plugin gets known
  alternate B3 "$times" warm
  stop_cluster
  report_value B3 'tiny job, run --local, cold' s cold '< 0.1'
  report_value B3 'tiny job, warm cluster' s warm '< 0.02'
  report_value B3 '(mawk on the same byte)' s mawk ''
}
