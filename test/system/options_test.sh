#!/usr/bin/env bash
# Options of run that decide who gets slots, where tasks run, how long a job lives and how its output looks.
# shellcheck disable=SC2119  # start_coordinator takes no options here
# shellcheck source=test/system/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

gated=$plugins/gated.so

case_workdir() {
  printf 'a\nb\nc\nd\n' >in.txt
  # One line a task, two slots: a shared directory is seen by all tasks, a private one by one.
  local run=(mr run --local=2 "$plugins/surroundings.so" in.txt -r 1 --split-size 2)
  expect 0 "${run[@]}" -o private --workdir private
  same <(sorted_parts private) <(printf 'private\t1\n')
  expect 0 "${run[@]}" -o shared --workdir shared
  sorted_parts shared | grep -qP -- '-workdir\t4$' || fail "not one directory for all: $(sorted_parts shared)"
  mkdir here
  (cd here && expect 0 mr run --local=2 "$plugins/surroundings.so" ../in.txt -r 1 -o ../plain)
  [[ $(cut -f1 plain/part-r-00000) == "$work/here" ]] || fail "without --workdir tasks run elsewhere"
  [[ -z $(ls -A tmp) ]] || fail "directories are left over: $(find tmp)"
}

case_output_format() {
  printf 'to be or not to be\n' >in.txt
  expect 0 mr run --local=2 wordcount in.txt -r 1 -o out --output-format jsonl
  same out/part-r-00000 <(printf '{"key":"%s","value":%d}\n' be 2 not 1 or 1 to 2)
  expect 0 mr run --local=2 wordcount in.txt -r 0 -o maponly --output-format jsonl
  says '^\{"key":"to","value":1\}$' maponly/part-m-00000
  expect 0 mr run --local=2 wordcount in.txt -r 1 -o tsv --output-format tsv
  same tsv/part-r-00000 <(printf 'be\t2\nnot\t1\nor\t1\nto\t2\n')
  expect 6 mr run --local=2 wordcount in.txt -r 1 -o raw --output-format raw
  says 'writes keys and values; tsv and jsonl fit'
  expect 2 mr run --local=2 wordcount in.txt -r 1 -o xml --output-format xml
  says 'tsv, jsonl, raw'
}

case_max_splits() {
  seq 1 1000 >in.txt
  expect 0 mr run --local=2 wordcount in.txt -o out --split-size 10 --max-splits 7 --dry-run
  says ' [67] map tasks' out.txt
}

# With one slot, what is submitted last but is more important runs first.
case_priority() {
  start_coordinator
  start_worker w1
  printf 'to be\n' >in.txt
  mkdir a
  local low high
  expect 0 mr run --detach "$gated" in.txt -r 1 -o first --job-dir "$work/a" -P gates=map
  wait_for 20 "the first job runs" bash -c "ls '$work/a'/map-*"
  expect 0 mr run --detach "$gated" in.txt -r 1 -o low --job-dir "$work/a" -P gates=none --priority low
  low=$(cat out.txt)
  expect 0 mr run --detach "$gated" in.txt -r 1 -o high --job-dir "$work/a" -P gates=none --priority high
  high=$(cat out.txt)
  touch a/open-map
  expect 0 mr wait "$low" "$high"
  [[ low/_SUCCESS -nt high/_SUCCESS ]] || fail "the unimportant job was done first"
  expect 0 mr --json status "$high"
  says '"priority":"high"' out.txt
  stop_cluster
}

case_slots_per_task() {
  start_coordinator
  start_worker w1 --slots 2
  printf 'to be\n' >in.txt
  mkdir a
  expect 0 mr run --detach "$gated" in.txt -r 1 -o wide --job-dir "$work/a" --slots-per-task 2
  local job
  job=$(cat out.txt)
  wait_for 20 "its map task runs" bash -c "ls '$work/a'/map-*"
  expect 0 mr workers
  says 'w1 .* 2/2 ' out.txt
  expect 0 mr run --detach "$gated" in.txt -r 1 -o giant --job-dir "$work/a" --slots-per-task 3
  local giant
  giant=$(cat out.txt)
  expect 0 mr status "$giant"
  says 'waiting for a worker with 3 slots \(--slots-per-task\); the largest has 2' out.txt
  touch a/open-map a/open-reduce
  expect 0 mr wait "$job"
  expect 0 mr kill "$giant"
  stop_cluster
}

# The submitter is killed without a word: its job does not live on.
case_tie() {
  start_coordinator
  start_worker w1
  printf 'to be\n' >in.txt
  mkdir a
  "$bin/mrsubmit" run "$gated" in.txt -r 1 -o out --job-dir "$work/a" --tie=3s >watched.out 2>&1 </dev/null &
  local watched=$!
  wait_for 20 "the job runs" bash -c "ls '$work/a'/map-*"
  kill -KILL "$watched"
  expect 3 mr wait --timeout 60s last
  expect 0 mr status last
  says 'its submitter was not heard of for 3 s \(--tie\)' out.txt
  [[ ! -e out ]] || clean_output out || fail "the killed job left files"
  # While it is attached nothing happens, however long the job takes.
  mkdir b
  "$bin/mrsubmit" run "$gated" in.txt -r 1 -o out2 --job-dir "$work/b" --tie=3s >watched.out 2>&1 </dev/null &
  watched=$!
  wait_for 20 "the job runs" bash -c "ls '$work/b'/map-*"
  expect 4 mr wait --timeout 6s last
  touch b/open-map b/open-reduce
  wait "$watched" || { cat watched.out; fail "the tied job did not succeed"; }
  stop_cluster
}

case_open() {
  spawn coordinator "$bin/mrcoordinator" --listen tcp://127.0.0.1:0 --http 127.0.0.1:0 --state-dir "$work/state" \
    --rendezvous "$work/cluster.json"
  wait_for 20 "the coordinator writes its rendezvous file" test -s "$work/cluster.json"
  export MR_COORDINATOR="file:$work/cluster.json"
  start_worker w1
  printf 'to be\n' >in.txt
  cat >browser <<'END'
#!/bin/sh
echo "$1" >"$OPENED"
END
  chmod +x browser
  OPENED=$work/opened BROWSER=$work/browser expect 0 mr run wordcount in.txt -r 1 -o out --open
  wait_for 10 "the browser was started" test -s opened
  says '^http://127\.0\.0\.1:[0-9]+/jobs/j1$' opened
  BROWSER=/nowhere/browser expect 0 mr run wordcount in.txt -r 1 -o out2 --open
  says "'/nowhere/browser' cannot be run; the page is http"
  stop_cluster
}

case_isolation() {
  printf 'to be\n' >in.txt
  expect 0 mr run --local=1 wordcount in.txt -r 1 -o out --isolation process
  expect 2 mr run --local=1 wordcount in.txt -r 1 -o out2 --isolation thread
  says 'a crash in a plugin would end all tasks of its worker'
  expect 2 "$bin/mrworker" -c tcp://127.0.0.1:1 --isolation thread
  says 'a crash in a plugin would end all tasks of its worker'
}

run_cases
