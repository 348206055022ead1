#!/usr/bin/env bash
# What an operator does with a worker: looks at its status page and metrics, and at the stacks of its tasks.
# shellcheck disable=SC2119  # start_coordinator takes no options here
# shellcheck source=test/system/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# start_hanging_job: a job on worker w1 whose map never returns from line 3.
start_hanging_job() {
  printf 'fine\nalso fine\nBAD record here\nnever seen\n' >in.txt
  expect 0 mr run --detach "$plugins/hang.so" in.txt -o out -r 1 -P needle=BAD
  job=$(cat out.txt)
}

# get PATH: of the worker's status page, into page.txt; fails unless it is served with status 200.
get() {
  local address=${page#http://}
  exec 9<>"/dev/tcp/${address%:*}/${address##*:}" || return 1
  printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$1" >&9
  cat <&9 >page.txt
  exec 9>&-
  [[ $(head -1 page.txt) == *' 200 '* ]]
}
page_says() { get "$1" && grep -qE -- "$2" page.txt; }

case_status_page() {
  start_coordinator
  start_worker w1 --http 127.0.0.1:0
  wait_for 20 'the worker says where its page is' grep -q 'status page http' w1.log
  page=$(grep -oE 'status page http://[0-9.:]+' w1.log | grep -oE 'http.*')
  wait_for 20 'the worker is ready' page_says /readyz ready
  get /healthz
  start_hanging_job
  wait_for 20 'the page shows the task' page_says / "$job-m0\\.[0-9]+  process [0-9]+, in map\\(\\), record 2 of .*in\\.txt"
  wait_for 20 'the metrics count it' page_says /metrics '^mr_worker_running_attempts\{phase="map"\} 1$'
  expect 0 mr kill "$job"
  wait_for 20 'the task is gone' page_says /metrics '^mr_worker_running_attempts\{phase="map"\} 0$'
  expect 0 mr run "$plugins/wordcount.so" in.txt -o counted -r 1
  wait_for 20 'its input is counted' page_says /metrics '^mr_worker_input_bytes_total [1-9]'
  page_says /metrics '^mr_worker_attempts_total\{phase="reduce",result="ok"\} 1$' || fail "$(cat page.txt)"
  stop_cluster
}

case_status_page_address_in_use() {
  start_coordinator
  start_worker w1 --http 127.0.0.1:0
  wait_for 20 'the worker says where its page is' grep -q 'status page http' w1.log
  page=$(grep -oE 'status page http://[0-9.:]+' w1.log | grep -oE '[0-9.]+:[0-9]+')
  expect 6 "$bin/mrworker" -c "file:$work/cluster.json" --name w2 --http "$page"
  says "cannot listen on $page.*--http off"
  expect 2 "$bin/mrworker" -c "file:$work/cluster.json" --name w2 --http 4611
  says '\-\-http 4611 is not HOST:PORT'
  stop_cluster
}

case_stacks_of_running_tasks() {
  start_coordinator
  start_worker w1
  start_hanging_job
  wait_for 20 'the task hangs' task_is_in_map
  kill -USR1 "${worker_w1:?}"
  wait_for 20 'the stack is in the log' grep -qE '^ +.*\(hang\.so\)$' w1.log
  grep -qE "stack of $job-m0\\.[0-9]+, innermost first" w1.log || fail 'the stack has no name'
  # It goes on: still the same attempt, in the same process.
  expect 0 mr tasks "$job"
  says 'running' out.txt
  ! grep -qE 'failed|aborted' out.txt || fail 'the task did not survive the look at it'
  # A stopped task cannot answer, and the worker says so instead of waiting.
  kill -STOP "$(task_process)"
  kill -USR1 "$worker_w1"
  wait_for 20 'the worker gives up waiting' grep -q 'did not answer within 0.5 s' w1.log
  expect 0 mr kill "$job"
  wait_gone "$(task_process)" 20
  stop_cluster
}
# The hanging task's process, as the worker's log names it.
task_process() { grep -oE 'process [0-9]+, in map' w1.log | tail -1 | grep -oE '[0-9]+'; }
task_is_in_map() {
  kill -USR1 "$worker_w1"
  grep -q 'in map(), record 2' w1.log
}

run_cases
