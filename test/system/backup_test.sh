#!/usr/bin/env bash
# A task that is far behind the others gets a second attempt, and the first to complete wins.
# shellcheck disable=SC2119  # start_coordinator takes no options here
# shellcheck source=test/system/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# start_gated_job [OPTION…]: a job of four maps and two reduces whose tasks wait at gates; sets $job.
start_gated_job() {
  mkdir -p gates
  for part in a b c d; do printf 'one two %s\n' "$part" >"in-$part.txt"; done
  expect 0 mr run --detach "$plugins/gated.so" in-?.txt -o out -r 2 --split-size 1 --job-dir "$work/gates" "$@"
  job=$(cat out.txt)
}
at_gate() { compgen -G "gates/$1@$2" >/dev/null; }
tasks_say() { mr tasks "$job" --json >tasks.json && grep -qE -- "$1" tasks.json; }
won_by_backup() { expect 0 mr status "$job" --json && says "\"backups\": ?1, ?\"backups_won\": ?1" out.txt; }

# stop_straggler PHASE: the task that w1 runs stands still at its gate, the gate opens, and the others end on w2.
stop_straggler() {
  wait_for 20 "a $1 task runs on w1" at_gate "$1-*" w1
  local announced
  announced=$(compgen -G "gates/$1-*@w1" | head -1)
  straggler=${announced#gates/}
  straggler=${straggler%%.*}
  wait_for 20 'its process is known' test -s "$announced"
  stopped=$(cat "$announced")
  kill -STOP "$stopped"
  touch "gates/open-$1"
}

# run_with_straggler PHASE: w1 is alive, but its task gets nowhere.
run_with_straggler() {
  start_coordinator
  start_worker w1
  start_worker w2
  start_gated_job -P gates="$1"
  stop_straggler "$1"
  wait_for 60 'a backup attempt runs on w2' at_gate "$straggler.1" w2
  expect 0 mr wait "$job"
  same <(wordcount_oracle in-?.txt) <(sorted_parts out)
  wait_gone "$stopped" 20
  expect 0 mr tasks "$job" --json
  says '"backup": ?true' out.txt
  says 'another attempt of the task was first' out.txt
  won_by_backup
  says 'a backup attempt runs on w2' out.txt
  clean_output out
  # w1 has its slot again.
  expect 0 mr run "$plugins/wordcount.so" in-a.txt -o again -r 1
  stop_cluster
}

case_straggling_map() { run_with_straggler map; }
case_straggling_reduce() { run_with_straggler reduce; }

# The straggler wakes up while its backup attempt runs, and is there first.
case_straggler_wakes_up() {
  start_coordinator
  start_worker w1
  start_worker w2
  start_gated_job -P gates=map
  wait_for 20 'a map task runs on w1' at_gate 'map-*' w1
  straggler=$(cd gates && compgen -G 'map-*@w1' | sed 's/\..*//')
  for map in 0 10 20 30; do  # those in which a line begins
    [[ $straggler == "map-$map" ]] || touch "gates/open-map-$map"
  done
  wait_for 60 'a backup attempt runs on w2' at_gate "$straggler.1" w2
  expect 0 mr explain "$job"
  backup=$(cat "gates/$straggler.1@w2")
  kill -STOP "$backup"
  touch gates/open-map
  expect 0 mr wait "$job"
  same <(wordcount_oracle in-?.txt) <(sorted_parts out)
  wait_gone "$backup" 20
  expect 0 mr status "$job" --json
  says '"backups": ?1, ?"backups_won": ?0' out.txt
  clean_output out
  stop_cluster
}

run_cases
