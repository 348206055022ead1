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

# Each of two directories gets map outputs; the reduce finds them all; nothing is left of the job.
case_two_scratch_directories() {
  start_coordinator
  start_worker w1 --scratch "$work/disk-a,$work/disk-b"
  start_gated_job -P gates=reduce
  wait_for 20 'the reduce has begun' at_gate 'reduce-0*' w1
  [[ -n $(compgen -G 'disk-a/map/*.run') && -n $(compgen -G 'disk-b/map/*.run') ]] ||
    fail "map outputs are not on both disks: $(find disk-a disk-b)"
  expect 6 "$bin/mrworker" -c "file:$work/cluster.json" --name w2 --scratch "$work/disk-c,$work/disk-b"
  says 'disk-b'
  touch gates/open-reduce
  expect 0 mr wait "$job"
  same out/part-r-00000 <(printf 'a\t1\nb\t1\nc\t1\none\t3\ntwo\t3\n')
  wait_for 20 'the job leaves nothing on either disk' disks_are_empty
  stop_cluster
  [[ ! -e disk-a/map && ! -e disk-b/tmp ]] || fail "left behind: $(find disk-a disk-b)"
}

disks_are_empty() { [[ -z $(find disk-a disk-b -path '*map/*' -o -path '*tmp/*') ]]; }

# One of two disks is full: its directory is left out and the jobs go on; with space again it is used again.
case_full_scratch_directory_is_left_out() {
  ((EUID == 0)) || { echo 'skipped: mounting a small file system needs root'; return 0; }
  start_coordinator
  mount_small "$work/disk-b" 1m
  fallocate -l $(($(df -B1 --output=avail disk-b | tail -1) - 32768)) disk-b/filler
  start_worker w1 --scratch "$work/disk-a,$work/disk-b" --scratch-reserve 64Ki --http 127.0.0.1:0
  wait_for 20 'the worker says where its page is' grep -q 'status page http' w1.log
  page=$(grep -oE 'status page http://[0-9.:]+' w1.log | grep -oE 'http.*')
  wait_for 20 'the page says so' page_says / 'scratch .*disk-b, .* free, 64\.0 KiB kept in reserve: left out'
  says 'scratch directory .*disk-b is left out: .*are free, and 64\.0 KiB are kept in reserve' w1.log
  start_gated_job -P gates=reduce
  wait_for 20 'the reduce has begun' at_gate 'reduce-0*' w1
  [[ -n $(compgen -G 'disk-a/map/*.run') && -z $(compgen -G 'disk-b/map/*.run') ]] || fail "$(find disk-a disk-b)"
  rm disk-b/filler
  wait_for 20 'the page says that it is used again' page_says / 'disk-b, .* kept in reserve$'
  touch gates/open-reduce
  expect 0 mr wait "$job"
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

run_cases
