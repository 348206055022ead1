#!/usr/bin/env bash
# mrsubmit explain against a real cluster: the reason changes with what the cluster has.
# shellcheck disable=SC2119  # start_coordinator takes no options here
# shellcheck source=test/system/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

gated=$plugins/gated.so

explained() { mr explain "$1" 2>&1 | grep -qE "$2"; }

case_reasons() {
  start_coordinator
  printf 'to be or not to be\n' >in.txt
  mkdir gate
  expect 0 mr run --detach "$gated" in.txt --split-size 10 -o out -r 1 --job-dir gate
  job=$(cat out.txt)
  expect 0 mr explain "$job"
  says 'map tasks wait.*no worker is connected.*mrworker' out.txt
  says '1 reduce task waits.*when every map is completed' out.txt

  start_worker w1
  wait_for 20 "the job's map task runs" bash -c 'ls gate/map-*'
  expect 0 mr explain "$job"
  says 'every slot is busy, 1 of 1 in use by 1 task of this job' out.txt
  expect 0 mr --json explain "$job-r0"
  says '"reason":"reduces begin' out.txt

  touch gate/open-map gate/open-reduce
  expect 0 mr wait "$job"
  expect 0 mr explain "$job"
  says 'has ended \(succeeded\); no task of it waits' out.txt
  expect 5 mr explain j99
  stop_cluster
}

run_cases
