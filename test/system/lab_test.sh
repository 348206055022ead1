#!/usr/bin/env bash
# The acceptance tests that courses on distributed systems give to a MapReduce, with our own plugins and programs.
# shellcheck disable=SC2119  # start_coordinator takes no options here
# shellcheck source=test/system/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Eight files. With plugins that take whole files --split-size 1 makes each a map task of its own.
texts() {
  mkdir -p in
  local i
  for i in 1 2 3 4 5 6 7 8; do sed -n "$((i * 100)),$((i * 100 + 99))p" "$data/kjv/01-pentateuch.txt" >"in/pg-$i.txt"; done
}
# All of them are there before a job is: else the first may have done everything when the last begins.
workers() {
  local name
  start_coordinator
  for name in "$@"; do start_worker "$name"; done
  wait_for 60 "$# workers are alive" workers_alive $#
}
workers_alive() { mr status | grep -q "^workers .*\b$1 of $1 alive"; }

case_wordcount_with_three_workers() {
  workers w1 w2 w3
  expect 0 mr run wordcount "$data"/kjv/*.txt -o out -r 10 --split-size 300Ki
  clean_output out
  same <(sorted_parts out) "$data/expected/wordcount.tsv"
  stop_cluster
}

case_indexer_with_two_workers() {
  workers w1 w2
  expect 0 mr run indexer "$data"/kjv/*.txt -o out -r 10 --split-size 300Ki
  clean_output out
  same <(sorted_parts out) "$data/expected/index.tsv"
  stop_cluster
}

case_map_parallelism() {
  workers w1 w2
  texts
  mkdir shared
  expect 0 mr run "$plugins/mtiming.so" in -o out -r 10 --split-size 1 --job-dir "$work/shared" -P wait_ms=500
  sorted_parts out >result
  # Two workers took part, and each saw the other at work.
  [[ $(grep -c '^times-' result) == 2 ]] || fail "not two task processes: $(cat result)"
  [[ $(sed -n 's/^times-\([^.]*\)\..*/\1/p' result | sort -u | wc -l) == 2 ]] || fail "not two workers: $(cat result)"
  grep -qE '^parallel-.*[ 	]2' result || fail "no two maps at once: $(cat result)"
  ! grep -qE '^parallel-.*[ 	][3-9]' result || fail "more maps at once than slots: $(cat result)"
  stop_cluster
}

case_reduce_parallelism() {
  workers w1 w2
  texts
  mkdir shared
  expect 0 mr run "$plugins/rtiming.so" in -o out -r 10 --split-size 1 --job-dir "$work/shared" -P wait_ms=500
  sorted_parts out >result
  [[ $(wc -l <result) == 10 ]] || fail "not ten keys: $(cat result)"
  [[ $(grep -c "${tab}2\$" result) -ge 2 ]] || fail "reduces did not run at once: $(cat result)"
  stop_cluster
}

case_job_count() {
  workers w1 w2 w3 w4
  texts
  mkdir shared
  # Up to five seconds a map, within the lease: slow is not dead.
  expect 0 mr run "$plugins/jobcount.so" in -o out -r 1 --split-size 1 --job-dir "$work/shared" --backup off
  same <(sorted_parts out) <(printf 'a\t8\n')
  stop_cluster
}

# Nobody leaves while a reduce runs: what is there when the first of coordinator, workers and client ends is final.
case_early_exit() {
  start_coordinator --exit-when-idle 10s
  local early=$coordinator
  start_worker w1
  local first=$worker
  start_worker w2
  local second=$worker
  texts
  spawn client "$bin/mrsubmit" run "$plugins/early_exit.so" in -o "$work/out" -r 3 --split-size 8Ki -P sleep_ms=3000
  local client=$spawned
  wait_for 60 "one of the processes ends" one_gone "$early" "$first" "$second" "$client"
  sorted_parts out >at_first_exit
  wait_gone "$client" 60
  wait_gone "$first" 60
  wait_gone "$second" 60
  wait_gone "$early" 60
  sorted_parts out >final
  same at_first_exit final
  [[ $(wc -l <final) == 8 ]] || fail "not eight files counted: $(cat final)"
  grep -q succeeded client.log || fail "the client did not see success: $(cat client.log)"
  wait_for 10 "no process is left" no_leftovers
}
one_gone() {
  local pid
  for pid in "$@"; do if gone "$pid"; then return 0; fi; done
  return 1
}

case_crash() {
  workers w1 w2 w3
  texts
  expect 0 mr run "$plugins/crash.so" in -o out -r 6 --split-size 16Ki --max-attempts 100 -P max_sleep_ms=1500 -P seed=7
  clean_output out
  same <(sorted_parts out) <(wordcount_oracle in/*)
  stop_cluster
}

case_workers_have_names() {
  start_coordinator --worker-timeout 2s
  start_worker amber
  start_worker beryl
  texts
  expect 0 mr run "$plugins/identity_worker.so" in -o out -r 1 --split-size 8Ki
  [[ $(sorted_parts out | awk '{ n += $2 } END { print n }') == 800 ]] || fail "records were lost: $(sorted_parts out)"
  ! sorted_parts out | cut -f1 | grep -vxE 'amber|beryl' || fail "unknown worker names"
  # The same name after a restart.
  kill -KILL "${worker_amber:?}" "${worker_beryl:?}"
  start_worker amber
  expect 0 mr run "$plugins/identity_worker.so" in -o again -r 1 --split-size 8Ki
  same <(sorted_parts again) <(printf 'amber\t800\n')
  stop_cluster
}

run_cases
