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

# start_gated_job [OPTION…]: a job of three maps and one reduce whose tasks wait at gates; sets $job.
start_gated_job() {
  mkdir -p gates
  for part in a b c; do printf 'one two %s\n' "$part" >"in-$part.txt"; done
  expect 0 mr run --detach "$plugins/gated.so" in-?.txt -o out -r 1 --split-size 1 --job-dir "$work/gates" "$@"
  job=$(cat out.txt)
}
at_gate() { compgen -G "gates/$1@$2" >/dev/null; }
worker_shows() { mr workers >workers.txt && grep -qE -- "$1" workers.txt; }

case_drain_and_undo() {
  start_coordinator
  start_worker w1
  start_gated_job -P gates=map
  wait_for 20 'the first map runs on w1' at_gate 'map-*' w1
  expect 0 mr drain w1 --reason 'disk is dying'
  says 'no new tasks; it runs 1'
  worker_shows 'w1 .*draining .*disk is dying' || fail "$(cat workers.txt)"
  start_worker w2
  wait_for 20 'a map runs on w2' at_gate 'map-*' w2
  touch gates/open-map
  # w1 finishes what it has and gets nothing more, and its map output is fetched: no attempt fails or is made again.
  expect 0 mr wait "$job"
  expect 0 mr drain w1 --wait --timeout 20s
  says 'is drained'
  worker_shows 'w1 .*drained' || fail "$(cat workers.txt)"
  [[ $(compgen -G 'gates/*@w1' | wc -l) == 1 ]] || fail "w1 got more: $(compgen -G 'gates/*@w1')"
  expect 0 mr tasks "$job"
  ! grep -qE 'failed|aborted|lost' out.txt || fail "$(cat out.txt)"
  clean_output out
  expect 0 mr drain --undo w1
  says 'gets tasks again'
  worker_shows 'w1 .*alive' || fail "$(cat workers.txt)"
  expect 5 mr drain nobody
  says 'there is no worker nobody'
  stop_cluster
}

# SIGTERM: the running map is finished, and its output is served until the job has ended.
case_sigterm_serves_map_outputs() {
  start_coordinator
  start_worker w1
  start_gated_job
  wait_for 20 'the first map runs on w1' at_gate 'map-*' w1
  start_worker w2
  wait_for 20 'a map runs on w2' at_gate 'map-*' w2
  kill -TERM "${worker_w1:?}"
  wait_for 20 'w1 is draining' worker_shows 'w1 .*draining'
  touch gates/open-map
  wait_for 20 'the reduce runs on w2' at_gate 'reduce-0*' w2
  alive "$worker_w1" || fail 'w1 left before the reduce had its map output'
  touch gates/open-reduce
  expect 0 mr wait "$job"
  wait_gone "$worker_w1" 10
  expect 0 mr tasks "$job"
  ! grep -qE 'failed|aborted|lost' out.txt || fail "a map was made again: $(cat out.txt)"
  clean_output out
  stop_cluster
}

# A byte of the cached plugin flips while the worker runs: the next job notices and fetches it again.
case_damaged_plugin_is_fetched_again() {
  start_coordinator
  start_worker w1
  printf 'one two\n' >in.txt
  expect 0 mr run "$plugins/wordcount.so" in.txt -o out1 -r 1
  local cached
  cached=$(compgen -G "$work/scratch-w1/plugins/*.so")
  local good
  good=$(sha256sum <"$cached")
  chmod u+w "$cached"
  printf 'x' | dd of="$cached" bs=1 seek=5000 conv=notrunc status=none
  [[ $(sha256sum <"$cached") != "$good" ]] || fail 'the test damaged nothing'
  expect 0 mr run "$plugins/wordcount.so" in.txt -o out2 -r 1
  same out1/part-r-00000 out2/part-r-00000
  [[ $(sha256sum <"$cached") == "$good" ]] || fail 'the damaged plugin is still in the cache'
  stop_cluster
}

# ---- full disks, for real: a small tmpfs in a mount namespace of this test's own --------------------------------

# small_disk DIR SIZE: mounts it; outside of a private namespace, the case first starts itself anew inside one.
private_mounts() {
  [[ ${MR_PRIVATE_MOUNTS:-} == yes ]] && return 0
  if ! unshare -m true 2>/dev/null; then
    echo "SKIPPED: ${FUNCNAME[1]} needs the right to mount (root)"
    exit 0
  fi
  MR_PRIVATE_MOUNTS=yes unshare -m "${BASH_SOURCE[0]}" "$source_dir" "$build_dir" "${FUNCNAME[1]#case_}"
  exit
}
small_disk() {
  mkdir -p "$1"
  mount -t tmpfs -o "size=$2" tmpfs "$1"
}

case_full_scratch_goes_to_another_worker() {
  private_mounts
  small_disk "$work/scratch-w1" 3m
  start_coordinator
  start_worker w1 --scratch-reserve 0
  # Random words: little to compress or combine, so the map output is larger than w1's disk.
  head -c 9000000 /dev/urandom | base64 -w 60 | tr '+/' 'ab' >in.txt
  expect 0 mr run --detach "$plugins/wordcount.so" in.txt -o out -r 2 --max-attempts 1 --shuffle-codec none
  job=$(cat out.txt)
  wait_for 30 'w1 has no room' tasks_say 'no space|space left'
  start_worker w2
  expect 0 mr wait "$job"
  clean_output out
  umount -l "$work/scratch-w1"
  stop_cluster
}
tasks_say() { mr tasks "$job" >tasks.txt && grep -qiE -- "$1" tasks.txt; }

case_below_the_reserve_no_work_is_taken() {
  private_mounts
  small_disk "$work/scratch-w1" 8m
  start_coordinator
  start_worker w1 --scratch-reserve 6m
  head -c 4000000 /dev/zero >"$work/scratch-w1/ballast"
  wait_for 20 'w1 says why it takes nothing' worker_shows 'w1 .*--scratch-reserve'
  printf 'one two\n' >in.txt
  expect 0 mr run --detach "$plugins/wordcount.so" in.txt -o out -r 1
  job=$(cat out.txt)
  wait_for 20 'the job is queued' tasks_say 'pending'
  rm "$work/scratch-w1/ballast"
  expect 0 mr wait "$job"
  clean_output out
  umount -l "$work/scratch-w1"
  stop_cluster
}

case_full_output_disk_fails_the_job() {
  private_mounts
  small_disk "$work/full" 1m
  start_coordinator
  start_worker w1
  head -c 3000000 /dev/urandom | base64 -w 60 | tr '+/' 'ab' >in.txt
  expect 1 mr run "$plugins/wordcount.so" in.txt -o full/out -r 1
  says 'full/out/.*(no space|space left)'
  [[ -z $(find full -name 'part-*' -o -name _SUCCESS) ]] || fail "half-written: $(find full -type f)"
  umount -l "$work/full"
  stop_cluster
}

run_cases
