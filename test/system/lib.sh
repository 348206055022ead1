# shellcheck shell=bash disable=SC2034  # some variables are for the tests that source this
# What the system tests share: real programs on loopback, conditions polled with deadlines instead of sleeps, and a
# clean-up that leaves no process. A test sources this with its own arguments (SOURCE_DIR BUILD_DIR [CASE…]),
# defines functions case_NAME and ends with: run_cases.
set -euo pipefail
export LC_ALL=C

source_dir=${1:?usage: $0 SOURCE_DIR BUILD_DIR [CASE…]}
build_dir=${2:?usage: $0 SOURCE_DIR BUILD_DIR [CASE…]}
shift 2
wanted_cases=("$@")
bin=$build_dir/bin
plugins=$build_dir/plugins
data=$source_dir/data
tab=$(printf '\t')

# Nothing of the user's machine reaches the programs.
for name in $(compgen -e | grep '^MR_' || true); do unset "$name"; done
original_tmpdir=${TMPDIR:-/tmp}
work=
groups=()   # process groups that this test started, newest last
within=()   # what comes before each command that is spawned, or run by mr: nsenter … --
mounts=()   # file systems that this test mounted

fail() {
  echo "FAILED: $*" >&2
  return 1
}

# ---- processes ---------------------------------------------------------------------------------------------

# spawn NAME COMMAND…: starts COMMAND as the leader of its own process group, output to $work/NAME.log; sets $spawned.
spawn() {
  local name=$1
  shift
  setsid "${within[@]}" "$@" >>"$work/$name.log" 2>&1 </dev/null &
  spawned=$!
  groups+=("$spawned")
  disown "$spawned" 2>/dev/null || true
}

# spawn_told NAME COMMAND…: spawn, and the exit code as the last line of $work/NAME.log: "exit 0".
spawn_told() {
  local name=$1
  shift
  # shellcheck disable=SC2016  # the inner shell expands
  spawn "$name" bash -c 'trap "kill -TERM \$pid" TERM; "$@" & pid=$!; echo $pid >"$0.pid"; code=0
                         until wait $pid; code=$?; ! kill -0 $pid 2>/dev/null; do :; done; echo "exit $code"' \
    "$work/$name" "$@"
}

alive() { kill -0 "$1" 2>/dev/null && [[ $(process_state "$1") != Z ]]; }
process_state() { sed 's/^.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null || true; }

# Processes that carry this case's mark in their environment, whoever their parent is now.
leftovers() (
  unset MR_TEST_MARK  # not ourselves
  { grep -lsF "MR_TEST_MARK=$work" /proc/[0-9]*/environ 2>/dev/null || true; } |
    sed 's,/proc/\([0-9]*\)/environ,\1,' | while read -r pid; do
    [[ $(process_state "$pid") == [ZX] || ! -r /proc/$pid/cmdline ]] ||
      echo "$pid $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null || true)"
  done
)
no_leftovers() { [[ -z $(leftovers) ]]; }

kill_everything() {
  local group
  for group in "${groups[@]}"; do kill -KILL -- "-$group" 2>/dev/null || true; done
  groups=()
  leftovers | while read -r pid _; do kill -KILL "$pid" 2>/dev/null || true; done
}

# mount_small DIR SIZE: a file system of that size, for root only; it goes with the case.
mount_small() {
  mkdir -p "$1"
  mount -t tmpfs -o "size=$2" mr-test "$1"
  mounts+=("$1")
}

# ---- waiting -----------------------------------------------------------------------------------------------

# wait_for SECONDS WHAT COMMAND…: polls COMMAND until it succeeds; after SECONDS fails, naming WHAT.
wait_for() {
  local limit=$1 what=$2 deadline
  shift 2
  deadline=$((${EPOCHREALTIME/./} + limit * 1000000))
  until "$@" >/dev/null 2>&1; do
    ((${EPOCHREALTIME/./} < deadline)) || { fail "not within $limit s: $what"; return 1; }
    sleep 0.05
  done
}
gone() { ! alive "$1"; }
wait_gone() { wait_for "$2" "process $1 ends" gone "$1"; }

# ---- the cluster -------------------------------------------------------------------------------------------

# start_coordinator [OPTION…]: at $listen or on loopback, port 0; endpoint in $work/cluster.json; sets $coordinator (pid).
start_coordinator() {
  rm -f "$work/cluster.json"
  spawn coordinator "$bin/mrcoordinator" --listen "${listen:-tcp://127.0.0.1:0}" --http off --state-dir "$work/state" \
    --rendezvous "$work/cluster.json" "$@"
  coordinator=$spawned
  wait_for 20 "the coordinator writes its rendezvous file" test -s "$work/cluster.json"
  export MR_COORDINATOR="file:$work/cluster.json"
}

# SIGKILL: no farewell, the rendezvous file stays.
crash_coordinator() {
  coordinator_endpoint=$(sed -n 's/.*"control": *"\([^"]*\)".*/\1/p' "$work/cluster.json")
  kill -KILL "$coordinator"
  wait_gone "$coordinator" 10
}
# The same state directory, the same port, the same rendezvous file.
revive_coordinator() {
  spawn coordinator "$bin/mrcoordinator" --listen "$coordinator_endpoint" --http off --state-dir "$work/state" \
    --rendezvous "$work/cluster.json" "$@"
  coordinator=$spawned
  wait_for 20 "the coordinator is back" grep -q "\"pid\": *$coordinator\b" "$work/cluster.json"
}

# ---- a replicated coordinator -------------------------------------------------------------------------------

# start_group N [OPTION…]: bootstraps and starts N members; sets $member_K (pid) for each, $MR_COORDINATOR to all of them.
start_group() {
  local count=$1 node files=''
  shift
  group_options=("$@") group_peers=''
  for ((node = 1; node <= count; ++node)); do
    group_peers+="${group_peers:+,}$node=${peer_scheme:-ipc}://$(peer_address "$node")"
    files+="${files:+,}file:$work/cluster-$node.json"
  done
  for ((node = 1; node <= count; ++node)); do
    "$bin/mrcoordinator" bootstrap --state-dir "$work/state-$node" --node "$node" --peers "$group_peers" >"$work/bootstrap-$node.txt"
    start_member "$node"
  done
  export MR_COORDINATOR=$files
  wait_for 20 'a member leads' leader_is_known
}
# With peer_scheme=tcp: an address on loopback that no other test has.
peer_address() {
  if [[ ${peer_scheme:-ipc} == tcp ]]; then
    echo "127.$(($$ >> 16 & 127 | 64)).$(($$ >> 8 & 255)).$(($$ & 255)):$((4620 + $1))"
  else
    echo "$work/peer-$1.sock"
  fi
}

# start_member NODE [OPTION…]: with the address for clients that it had before, if it had one.
start_member() {
  local node=$1 listen=${member_listen:-tcp://127.0.0.1:0} file=$work/cluster-$1.json
  shift
  # A killed member leaves its file behind.
  if [[ -s $file ]]; then
    listen=$(sed -n 's/.*"control": *"\([^"]*\)".*/\1/p' "$file")
    rm "$file"
  fi
  spawn "member$node" "$bin/mrcoordinator" --listen "$listen" --http off --state-dir "$work/state-$node" --node "$node" \
    --peers "$group_peers" --rendezvous "$file" "${group_options[@]}" "$@"
  printf -v "member_$node" '%s' "$spawned"
  wait_for 20 "member $node takes requests" test -s "$file"
}

# Of the member that leads, in $leader; fails if nobody leads.
leader_is_known() {
  mr status --json --connect-timeout 5s >"$work/status.json" 2>/dev/null || return 1
  leader=$(grep -oE '"node": ?[0-9]+, ?"endpoint": ?"[^"]*", ?"leads": ?true' "$work/status.json" | grep -oE '[0-9]+' | head -1)
  [[ -n $leader ]]
}
pid_of_member() {
  local variable=member_$1
  echo "${!variable}"
}
kill_member() {
  kill -KILL "$(pid_of_member "$1")"
  wait_gone "$(pid_of_member "$1")" 10
}

# start_worker NAME [OPTION…]: sets $worker_NAME and $worker (pid). One slot and $work/scratch-NAME unless told otherwise.
start_worker() {
  local name=$1 slots=(--slots 1) http=(--http off) where=(--scratch "$work/scratch-$1")
  shift
  [[ " $* " == *' --scratch '* ]] && where=()
  [[ " $* " == *' --http '* ]] && http=()
  [[ " $* " == *' --slots '* ]] && slots=()
  spawn "$name" "$bin/mrworker" -c "${MR_COORDINATOR:-file:$work/cluster.json}" --name "$name" \
    "${where[@]}" "${http[@]}" "${slots[@]}" "$@"
  worker=$spawned
  printf -v "worker_$name" '%s' "$spawned"
}

# Ends the cluster the polite way and checks that everything of it is gone.
stop_cluster() {
  local group
  for group in "${groups[@]}"; do kill -TERM "$group" 2>/dev/null || true; done
  for group in "${groups[@]}"; do wait_gone "$group" 30; done
  groups=()
  wait_for 10 "no process is left over: $(leftovers)" no_leftovers
}

# ---- running and looking ------------------------------------------------------------------------------------

mr() { "${within[@]}" "$bin/mrsubmit" "$@" </dev/null; }

# expect CODE COMMAND…: runs it with stdout in $work/out.txt and stderr in $work/err.txt; fails on another exit code.
expect() {
  local wanted=$1 got=0
  shift
  "$@" >"$work/out.txt" 2>"$work/err.txt" </dev/null || got=$?
  [[ $got == "$wanted" ]] && return 0
  echo "--- stdout"; tail -30 "$work/out.txt"
  echo "--- stderr"; tail -60 "$work/err.txt"
  fail "exit code $got instead of $wanted: $*"
}

# says PATTERN [FILE]: an extended regular expression is in what the last command wrote (stderr, or FILE).
says() {
  grep -qE -- "$1" "${2:-$work/err.txt}" && return 0
  echo "--- ${2:-$work/err.txt}"; tail -60 "${2:-$work/err.txt}"
  fail "'$1' is not in ${2:-the error output}"
}

# same A B: equal, byte by byte; either may be a <(command), so each is read once.
same() {
  local difference
  difference=$(diff -a "$1" "$2" | head -20) || true
  [[ -z $difference ]] && return 0
  printf '%s\n' "$difference"
  fail "$1 and $2 differ"
}

# Lines of all parts of an output directory, sorted by bytes.
sorted_parts() { find "$1" -maxdepth 1 -name 'part-*' -print0 | sort -z | xargs -0 -r cat | sort; }

# The job's id of the last expect: "j42" is the first word that looks like one.
job_id() { cat "$work/out.txt" "$work/err.txt" | grep -oE '\bj[0-9]+\b' | head -1; }

# json_lines FILE: every line is one JSON object or array.
json_lines() {
  "$build_dir/test/json_lines" <"$1" && return 0
  fail "$1 is not JSON lines"
}

# A terminal of 100 columns, made by script(1): its keyboard is file descriptor 9, its screen the file "screen".
on_a_terminal() {
  rm -f keys screen
  mkfifo keys
  script -qefc "stty cols 100 rows 30; $*" screen <keys >/dev/null 2>&1 &
  terminal=$!
  exec 9>keys
}
on_screen() { wait_for 20 "the terminal shows $1" grep -aqE "$1" screen; }

# Nothing temporary remains in an output directory: parts, _SUCCESS and nothing else.
clean_output() {
  local rest
  rest=$(find "$1" -mindepth 1 -printf '%P\n' | grep -vE '^(part-[mr]-[0-9]{5}(\.gz|\.zst)?|_SUCCESS)$' || true)
  [[ -z $rest ]] || { fail "temporary files remain in $1: $rest"; return 1; }
  [[ -s $1/_SUCCESS ]] || fail "$1/_SUCCESS is missing"
}

# What wordcount must give for these files, sorted by bytes; no part of Millrace is used.
wordcount_oracle() { cat -- "$@" | tr -cs 'A-Za-z' '\n' | sed '/^$/d' | sort | uniq -c | awk '{ print $2 "\t" $1 }'; }

# ---- the runner --------------------------------------------------------------------------------------------

begin_case() {
  work=$(mktemp -d "$original_tmpdir/mr-test.XXXXXX")
  mkdir -p "$work/tmp" "$work/home"
  export MR_TEST_MARK=$work TMPDIR=$work/tmp HOME=$work/home XDG_CONFIG_HOME=$work/home/.config
  unset MR_COORDINATOR
  groups=() within=() mounts=()
}

show_logs() {
  local log
  for log in "$work"/*.log; do
    [[ -s $log ]] || continue
    echo "--- ${log##*/}"
    tail -40 "$log"
  done
}

end_case() {
  local status=$?
  set +e
  ((status == 0)) || show_logs >&2
  kill_everything
  cd /
  for mount in "${mounts[@]}"; do umount -l "$mount"; done
  rm -rf "$work" || true
  exit "$status"
}

run_cases() {
  local name failed=0 passed=0 started
  ((${#wanted_cases[@]})) || mapfile -t wanted_cases < <(declare -F | sed -n 's/^declare -f case_//p')
  for name in "${wanted_cases[@]}"; do
    declare -F "case_$name" >/dev/null || { fail "no such case: $name"; exit 2; }
    started=${EPOCHREALTIME/./}
    # A subshell per case: set -e ends it at the first failure, and its trap clears up.
    set +e
    (
      set -e
      begin_case
      trap end_case EXIT
      cd "$work"
      "case_$name"
    )
    # shellcheck disable=SC2181
    if (($? == 0)); then
      passed=$((passed + 1))
      printf 'ok      %-28s %6d ms\n' "$name" $(((${EPOCHREALTIME/./} - started) / 1000))
    else
      failed=$((failed + 1))
      printf 'FAILED  %s\n' "$name"
    fi
    set -e
  done
  echo "$passed passed, $failed failed"
  ((failed == 0))
}
