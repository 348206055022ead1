#!/usr/bin/env bash
# The user's command against a real coordinator and worker: exit codes, output directories, several jobs, signals, and
# each command once.
# shellcheck disable=SC2119  # start_coordinator takes no options here
# shellcheck source=test/system/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

gated=$plugins/gated.so

# A cluster of one worker with two slots, and a small input.
cluster() {
  start_coordinator
  start_worker w1 --slots 2
  printf 'to be or not to be\n' >in.txt
}
gates() { mkdir -p "$1"; }
# A job that waits in its map until open-map appears in directory $1; its id in $job.
gated_job() {
  gates "$1"
  expect 0 mr run --detach "$gated" in.txt -o "$1-out" -r 1 --job-dir "$1"
  job=$(cat out.txt)
  [[ $job =~ ^j[0-9]+$ ]] || fail "run --detach printed '$job', not only the job's id"
  wait_for 20 "the job's map task runs" bash -c "ls '$1'/map-*"
}
open() { touch "$1/open-map" "$1/open-reduce"; }

case_succeeds_with_0() {
  cluster
  expect 0 mr run "$plugins/wordcount.so" in.txt -o out -r 2
  says 'succeeded'
  clean_output out
  same <(sorted_parts out) <(printf 'be\t2\nnot\t1\nor\t1\nto\t2\n')
  stop_cluster
}

case_usage_errors_are_2() {
  expect 2 mr nonsense
  says 'nonsense'
  expect 2 mr ruin
  says 'Did you mean.*run'
  expect 2 mr run --no-such-option x
  says 'no-such-option'
  expect 2 mr run --reducer 3 wordcount in.txt -o out
  says 'Did you mean --reducers'
  expect 2 mr run wordcount in.txt
  says '\-o'
  expect 2 mr run --local wordcount
  expect 2 mr run --local wordcount x -o out -r many
  expect 0 mr --help
  [[ -s out.txt && ! -s err.txt ]] || fail "help goes to standard output"
  expect 0 mr run --help
  expect 0 mr --version
  expect 0 mr help exit-codes
  says '130' out.txt
}

case_not_found_is_5() {
  cluster
  expect 5 mr status j999
  says 'j999'
  expect 5 mr kill j999
  expect 5 mr logs j999-m0
  expect 5 mr attach last
  expect 5 mr wait j999
  stop_cluster
}

case_refusals_are_6() {
  cluster
  mkdir full
  echo precious >full/file
  expect 6 mr run "$plugins/wordcount.so" in.txt -o full
  says 'full.*--overwrite'
  expect 6 mr run "$plugins/wordcount.so" missing.txt -o out
  says 'missing\.txt'
  expect 6 mr run "$plugins/grep.so" in.txt -o out -P patern=x
  says "Did you mean.*pattern"
  expect 6 mr run "$plugins/grep.so" in.txt -o out
  says 'pattern'
  expect 6 mr run no-such-plugin in.txt -o out
  says 'no-such-plugin'
  expect 6 mr run "$plugins/wordcount.so:NoSuchJob" in.txt -o out
  says 'NoSuchJob'
  [[ ! -e out && $(cat full/file) == precious ]] || fail "a refused job left traces"
  expect 0 mr ls
  ! grep -q 'j[0-9]' out.txt || fail "a refused job was queued: $(cat out.txt)"
  # An empty directory is no output yet.
  mkdir empty
  expect 0 mr run "$plugins/wordcount.so" in.txt -o empty
  stop_cluster
}

case_unreachable_is_7() {
  local begin=$SECONDS
  expect 7 mr -c tcp://127.0.0.1:1 --connect-timeout 300ms ls
  says 'tcp://127\.0\.0\.1:1'
  expect 7 mr -c file:"$work/no-such-file" --connect-timeout 300ms ls
  ((SECONDS - begin < 10)) || fail "giving up took $((SECONDS - begin)) s"
}

case_killed_is_3() {
  cluster
  gated_job "$work/a"
  local waiter=0
  spawn waiter "$bin/mrsubmit" wait "$job"
  waiter=$spawned
  expect 0 mr kill "$job" --reason 'a test wants it'
  wait_gone "$waiter" 20
  expect 3 mr wait "$job"
  expect 0 mr kill "$job"  # once more is no error
  expect 0 mr status "$job"
  says 'killed' out.txt
  says 'a test wants it' out.txt
  wait_for 10 "the killed job's output directory is empty or gone" bash -c "[[ ! -e '$work/a-out' || -z \$(ls -A '$work/a-out') ]]"
  # The slot is free again.
  expect 0 mr run "$plugins/wordcount.so" in.txt -o out
  stop_cluster
}

case_kill_now_waits_for_nothing() {
  cluster
  gated_job "$work/a"
  # The only worker stands still, so nobody cleans up.
  kill -STOP "${worker_w1:?}"
  expect 0 mr kill --now "$job"
  says "^killed $job\$"
  expect 3 mr wait "$job"
  expect 0 mr status "$job"
  says 'temporary files may remain in' out.txt
  # The worker hears of it: its slot is free again.
  kill -CONT "$worker_w1"
  expect 0 mr run "$plugins/wordcount.so" in.txt -o out
  stop_cluster
}

case_still_running_is_4() {
  cluster
  gated_job "$work/a"
  expect 4 mr wait --timeout 200ms "$job"
  expect 4 mr run --wait-timeout 200ms "$gated" in.txt -o b-out -r 1 --job-dir "$work/a"
  open "$work/a"
  expect 0 mr wait "$job"
  stop_cluster
}

# start_watched SIGNAL-able run of a gated job; sets $watched.
start_watched() {
  gates "$work/a"
  "$bin/mrsubmit" run "$gated" in.txt -o a-out -r 1 --job-dir "$work/a" >watched.out 2>watched.err </dev/null &
  watched=$!
  wait_for 20 "the job's map task runs" bash -c "ls '$work/a'/map-*"
}
watched_exit() {
  local status=0
  wait "$watched" || status=$?
  [[ $status == "$1" ]] || { cat watched.err; fail "exit code $status instead of $1"; }
}

# Nothing waits for the lease of a worker that was stopped: it says that it leaves, and what it held is made again.
case_stopped_worker_says_farewell() {
  start_coordinator --worker-timeout 1h
  start_worker w1 --drain-timeout 100ms
  printf 'to be or not to be\n' >in.txt
  gated_job "$work/a"
  touch a/open-map
  wait_for 20 "the reduce runs" bash -c "ls '$work/a'/reduce-*@w1"
  start_worker w2
  # shellcheck disable=SC2154  # set by start_worker
  kill -TERM "$worker_w1"
  wait_gone "$worker_w1" 20
  expect 0 mr workers
  says 'w1 .* gone' out.txt
  touch a/open-reduce
  expect 0 mr wait "$job"
  expect 0 mr --json status "$job"
  says 'w1 has left; made again: .*1 map output' out.txt  # in its warnings
  same <(sorted_parts a-out) <(printf 'be\t2\nnot\t1\nor\t1\nto\t2\n')
  stop_cluster
}

# Killed, mrsubmit can take nothing down itself: its children end with it, and its directory goes too.
case_local_leaves_nothing_when_killed() {
  printf 'to be or not to be\n' >in.txt
  gates "$work/a"
  "$bin/mrsubmit" run --local=2 "$gated" in.txt -o a-out -r 1 --job-dir "$work/a" >local.log 2>&1 </dev/null &
  local pid=$!
  wait_for 20 "the job's map task runs" bash -c "ls '$work/a'/map-*"
  [[ -n $(ls -A tmp) ]] || fail "mrsubmit uses another directory than \$TMPDIR: the test looks at the wrong one"
  kill -KILL "$pid"
  wait_for 15 "no process is left over: $(leftovers)" no_leftovers
  [[ -z $(ls -A tmp) ]] || fail "files are left over: $(find tmp)"
}

case_interrupt_kills_130() {
  cluster
  # bash starts background children with SIGINT ignored; env gives them the default back.
  gates "$work/a"
  env --default-signal=INT "$bin/mrsubmit" run "$gated" in.txt -o a-out -r 1 --job-dir "$work/a" >watched.out 2>watched.err </dev/null &
  watched=$!
  wait_for 20 "the job's map task runs" bash -c "ls '$work/a'/map-*"
  kill -INT "$watched"
  watched_exit 130
  expect 0 mr status last
  says 'killed' out.txt
  stop_cluster
}

case_terminate_kills_143() {
  cluster
  start_watched
  kill -TERM "$watched"
  watched_exit 143
  expect 3 mr wait last
  stop_cluster
}

case_hangup_detaches_4() {
  cluster
  start_watched
  kill -HUP "$watched"
  watched_exit 4
  open "$work/a"
  expect 0 mr wait last
  stop_cluster
}

case_overwrite_swaps_at_the_end() {
  cluster
  expect 0 mr run "$plugins/wordcount.so" in.txt -o out -r 3
  cp out/_SUCCESS before
  # While the new job runs, and when it is killed, the old result is whole.
  gates "$work/a"
  expect 0 mr run --detach --overwrite "$gated" in.txt -o out -r 1 --job-dir "$work/a"
  job=$(cat out.txt)
  wait_for 20 "the job's map task runs" bash -c "ls '$work/a'/map-*"
  same out/_SUCCESS before
  expect 0 mr kill "$job"
  expect 3 mr wait "$job"
  clean_output out
  same out/_SUCCESS before
  # When it succeeds the old parts are gone.
  echo 'other words' >other.txt
  expect 0 mr run --overwrite "$plugins/wordcount.so" other.txt -o out -r 1
  clean_output out
  same <(sorted_parts out) <(printf 'other\t1\nwords\t1\n')
  [[ $(find out -name 'part-*' | wc -l) == 1 ]] || fail "old parts remain: $(ls out)"
  stop_cluster
}

case_map_only() {
  cluster
  printf 'one\ntwo\nthree\n' >lines.txt
  expect 0 mr run "$plugins/grep.so" -P 'pattern=^t' lines.txt -o out
  clean_output out
  [[ $(sorted_parts out | wc -l) == 2 ]] || fail "grep: $(sorted_parts out)"
  find out -name 'part-m-*' | grep -q . || fail "a map-only job writes part-m-…: $(ls out)"
  stop_cluster
}

case_no_reducers_prints_what_map_emits() {
  cluster
  expect 0 mr run "$plugins/wordcount.so" in.txt -o out -r 0
  clean_output out
  find out -name 'part-m-*' | grep -q . || fail "-r 0 writes part-m-…: $(ls out)"
  same <(sorted_parts out | cut -f1) <(printf 'be\nbe\nnot\nor\nto\nto\n')
  stop_cluster
}

case_two_jobs_at_once() {
  cluster
  gated_job "$work/a"
  # The first holds one of the two slots; the second runs beside it and ends first.
  expect 0 mr run "$plugins/wordcount.so" in.txt -o out -r 2
  expect 0 mr status "$job"
  says 'running' out.txt
  open "$work/a"
  expect 0 mr wait "$job"
  same <(sorted_parts "$work/a-out") <(sorted_parts out)
  stop_cluster
}

case_every_command() {
  cluster
  gated_job "$work/a"
  expect 0 mr ls
  says "^$job .*running" out.txt
  expect 0 mr tasks "$job"
  says "$job-m0" out.txt
  spawn attached "$bin/mrsubmit" attach "$job"
  local attached=$spawned
  open "$work/a"
  wait_gone "$attached" 20
  grep -q succeeded attached.log || { cat attached.log; fail "attach does not say how it ended"; }
  expect 0 mr wait "$job"
  expect 0 mr status "$job"
  says succeeded out.txt
  expect 0 mr status
  says '1 of 1 alive' out.txt
  expect 0 mr ls
  says "^$job .*succeeded" out.txt
  expect 0 mr counters "$job"
  says '[a-z]' out.txt
  expect 0 mr logs "$job-m0"
  expect 0 mr cat "$job"
  same <(sort out.txt) <(printf 'be\t2\nnot\t1\nor\t1\nto\t2\n')
  expect 0 mr cat "$work/a-out"
  same <(sort out.txt) <(printf 'be\t2\nnot\t1\nor\t1\nto\t2\n')
  expect 0 mr describe "$plugins/grep.so"
  says pattern out.txt
  expect 0 mr describe "$job"
  stop_cluster
}

case_json_lines_are_json() {
  cluster
  printf 'a line with "quotes", \001 and \xff\n' >odd.txt
  local command
  expect 0 mr --json run "$plugins/wordcount.so" in.txt odd.txt -o out
  cp out.txt run.json
  json_lines run.json
  says '"type": ?"result"' run.json
  says '"state": ?"succeeded"' run.json
  expect 1 mr --json run "$plugins/throw.so" odd.txt -o bad --max-attempts 1 -P needle=quotes
  json_lines out.txt
  says '"type": ?"task_failed"' out.txt
  expect 0 mr --json run --detach "$plugins/wordcount.so" in.txt -o detached
  json_lines out.txt
  expect 0 mr --json run --dry-run "$plugins/wordcount.so" in.txt -o dry
  json_lines out.txt
  expect 0 mr wait last
  for command in ls 'status last' status 'tasks last' 'counters last' workers 'logs j2-m0' 'describe j1' 'describe grep' \
    'explain j1' 'config show' 'wait j1' 'kill j1' 'drain w1' 'drain --undo w1' --version; do
    # shellcheck disable=SC2086
    expect 0 mr --json $command
    json_lines out.txt
  done
  stop_cluster
}

case_output_is_plain_in_a_pipe() {
  cluster
  expect 0 mr run "$plugins/wordcount.so" in.txt -o out
  ! grep -q $'\r\|\x1b' err.txt || fail "control characters in a pipe: $(cat -A err.txt)"
  [[ ! -s out.txt ]] || fail "standard output is for results only: $(cat out.txt)"
  stop_cluster
}

case_bar_on_a_terminal() {
  printf 'to be or not to be\n' >in.txt
  mkdir gate
  on_a_terminal "'$bin/mrsubmit' run --local=1 '$gated' in.txt -o out -r 1 --job-dir gate"
  on_screen 'map .* 0 % +0/[0-9]+ +1 running'
  open gate
  on_screen 'succeeded'
  wait "$terminal" || fail "the run on a terminal ended with $?"
  exec 9>&-
  # Drawn in place, and the cursor is there again at the end.
  grep -aq $'\e\\[?25h' screen || fail 'the cursor was not shown again'
  same <(sorted_parts out) <(printf 'be\t2\nnot\t1\nor\t1\nto\t2\n')
}

case_interrupt_on_a_terminal_asks() {
  local code=0
  printf 'to be or not to be\n' >in.txt
  mkdir gate
  on_a_terminal "'$bin/mrsubmit' run --local=1 '$gated' in.txt -o out -r 1 --job-dir gate"
  wait_for 20 "the job's map task runs" bash -c 'ls gate/map-*'
  printf '\003' >&9
  on_screen '\[k\].*kill'
  printf 'k' >&9
  wait "$terminal" || code=$?
  exec 9>&-
  [[ $code == 130 ]] || fail "a job killed by Ctrl-C and k ended with $code instead of 130"
  [[ ! -e out/_SUCCESS ]] || fail 'a killed job left _SUCCESS'
}

case_plugin_replaced_between_jobs() {
  cluster
  cp "$plugins/wordcount.so" mine.so
  expect 0 mr run mine.so in.txt -o first
  # In place, as a linker does it: the same name, perhaps the same inode.
  cat "$gated" >mine.so
  gates "$work/a"
  open "$work/a"
  expect 0 mr run mine.so in.txt -o second -r 1 --job-dir "$work/a"
  ls "$work/a"/map-* >/dev/null || fail "the second job ran the old code"
  same <(sorted_parts first) <(sorted_parts second)
  # And back: the first code is still known by its hash.
  cat "$plugins/wordcount.so" >mine.so
  expect 0 mr run mine.so in.txt -o third
  same <(sorted_parts first) <(sorted_parts third)
  stop_cluster
}

case_state_directory_is_locked() {
  cluster
  spawn second "$bin/mrcoordinator" --listen tcp://127.0.0.1:0 --http off --state-dir "$work/state"
  local second=$spawned
  wait_gone "$second" 20
  grep -q "$work/state" second.log || fail "the second coordinator does not say why: $(cat second.log)"
  expect 0 mr ls
  stop_cluster
}

case_job_waits_for_a_worker() {
  start_coordinator
  printf 'to be or not to be\n' >in.txt
  expect 0 mr run --detach "$plugins/wordcount.so" in.txt -o out
  job=$(cat out.txt)
  expect 4 mr wait --timeout 200ms "$job"
  start_worker late
  expect 0 mr wait "$job"
  clean_output out
  stop_cluster
}

# (The brackets: grep itself has the mark too.)
two_task_processes() { [[ $(leftovers | grep -c '[m]rtask --link-fd') == 2 ]]; }
# A slot's process is there before its first task, and its successor before the next job's; never more than slots.
case_processes_wait_for_work() {
  start_coordinator
  start_worker w1 --slots 2
  wait_for 20 "two task processes wait for work" two_task_processes
  expect 0 mr run wordcount "$data/kjv/04-job.txt" -o "$work/out" -r 2 --split-size 20k
  same <(sorted_parts "$work/out") <(wordcount_oracle "$data/kjv/04-job.txt")
  wait_for 20 "two new ones wait for the next job" two_task_processes
  stop_cluster
}

run_cases
