#!/usr/bin/env bash
# User code that goes wrong, in every way it can: the submitting terminal gets the cause, the record with file and line,
# the worker and the last log lines, the exit code is 1, and the worker lives on.
# shellcheck disable=SC2119  # start_coordinator takes no options here
# shellcheck source=test/system/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cluster() {
  start_coordinator
  start_worker w1
  printf 'fine\nalso fine\nBAD record here\nnever seen\n' >in.txt
}
# The same worker process goes on: the next job succeeds on it.
worker_lives_on() {
  alive "${worker_w1:?}" || fail "the worker is gone"
  expect 0 mr run "$plugins/wordcount.so" in.txt -o next
  clean_output next
  [[ ! -e out/_SUCCESS ]] || fail "a failed job left a receipt"
  [[ -z $(find out -type f 2>/dev/null) ]] || fail "a failed job left files: $(find out -type f)"
  stop_cluster
}

# failing PLUGIN [OPTION…]: the job fails with exit code 1, output untouched.
failing() {
  local plugin=$1
  shift
  expect 1 mr run "$plugins/$plugin.so" in.txt -o out -r 2 --max-attempts 2 "$@"
  says 'failed'
  says 'w1'
}
# The third line is at fault: it starts at byte 15.
names_the_record() {
  says 'in\.txt'
  says 'line 3'
  says 'BAD record here'
}

case_throw() {
  cluster
  failing throw -P needle=BAD
  says 'std::invalid_argument'
  says 'bad number: BAD record here'
  says 'failed 2 times'
  names_the_record
  says 'map'
  worker_lives_on
}

case_throw_in_reduce() {
  cluster
  failing throw -P needle=record -P where=reduce
  says 'error +std::invalid_argument: bad number: record +2 of 2 attempts, the same record each time'
  says 'in +reduce\(\) of job Throw, throw\.so \(build-id [0-9a-f]{8}, 20[0-9-]+ [0-9:]+Z\)$'
  says 'key +record$'
  says 'effects +1 map task.* finished; nothing of the job is left in '
  worker_lives_on
}

case_throw_what_is_no_exception() {
  cluster
  failing throw -P needle=BAD -P kind=int
  says 'error +.*an exception that is not a std::exception, of type int'
  names_the_record
  worker_lives_on
}

case_fatal_is_not_tried_again() {
  cluster
  failing throw -P needle=BAD -P kind=fatal
  says 'mr::Fatal'
  expect 0 mr tasks last
  ! grep -qE '\bj[0-9]+-m0\.[0-9]+.*\bj[0-9]+-m0\.[0-9]+' out.txt || fail "a fatal error was tried again: $(cat out.txt)"
  worker_lives_on
}

case_bad_record() {
  cluster
  failing throw -P needle=BAD -P kind=bad_record
  says 'mr::BadRecord'
  names_the_record
  worker_lives_on
}

case_segv() {
  cluster
  failing segv -P needle=BAD
  says 'error +SIGSEGV, write to address 0x0 in map\(\)'
  says 'stack +.*Segv'
  names_the_record
  worker_lives_on
}

case_segv_in_reduce() {
  cluster
  failing segv -P needle=record -P where=reduce
  says 'SIGSEGV'
  says 'reduce'
  says 'record'
  worker_lives_on
}

case_exit() {
  cluster
  failing exit -P needle=BAD
  says 'error +exit: map\(\) ended the process with exit\(3\): user code must return or throw instead'
  names_the_record
  worker_lives_on
}

case_abort() {
  cluster
  failing exit -P needle=BAD -P code=-1
  says 'SIGABRT'
  names_the_record
  worker_lives_on
}

case_hang() {
  cluster
  local begin=$SECONDS
  failing hang -P needle=BAD --task-timeout 3s --max-attempts 1
  says 'progress|time'
  says '3 ?s|3\.0 ?s|3000 ?ms'
  says 'stack +.*Hang.*map'
  names_the_record
  ((SECONDS - begin < 60)) || fail "a time-out of 3 s took $((SECONDS - begin)) s"
  worker_lives_on
}

case_oom() {
  cluster
  failing oom -P needle=BAD --memory 256Mi --max-attempts 1
  says 'error +(std::bad_alloc|killed by SIGKILL in map\(\) \(out of memory\?\)|.*of memory, over its limit of)'
  says '\[MR1005\]$'
  names_the_record
  worker_lives_on
}

case_bad_output() {
  cluster
  local mode
  for mode in partition torn size beyond liar; do
    expect 1 mr run "$plugins/bad-output.so" in.txt -o "out-$mode" -r 2 --max-attempts 1 -P "mode=$mode"
    says 'failed'
    says 'w1'
    case $mode in
      partition) says 'partition' ;;
      liar) says 'fail' ;;
      *) says 'frame|record|cursor|window|emit' ;;
    esac
  done
  worker_lives_on
}

case_log_lines_come_along() {
  cluster
  failing throw -P needle=BAD
  says 'log +[0-9:.]+ E +.*bad number: BAD record here'  # with the report itself, nobody has to ask
  local failed
  failed=$(grep -oE 'j[0-9]+-m[0-9]+' err.txt | head -1)
  expect 0 mr logs "$failed"
  says 'bad number' out.txt
  worker_lives_on
}

case_local_says_the_same() {
  printf 'fine\nalso fine\nBAD record here\nnever seen\n' >in.txt
  expect 1 mr run --local=1 "$plugins/segv.so" in.txt -o out -P needle=BAD
  says 'SIGSEGV'
  names_the_record
  expect 1 mr run --local=1 "$plugins/throw.so" in.txt -o out -P needle=BAD
  says 'std::invalid_argument'
  names_the_record
  wait_for 10 "nothing of the private cluster is left" no_leftovers
  [[ -z $(find "$TMPDIR" -mindepth 1 -path '*scratch*' -type f) ]] || fail "left in TMPDIR: $(find "$TMPDIR")"
}

case_gzip_names_the_line_too() {
  cluster
  gzip -k in.txt
  expect 1 mr run "$plugins/throw.so" in.txt.gz -o out -r 1 --max-attempts 1 -P needle=BAD
  says 'in\.txt\.gz'
  says 'line 3'
  stop_cluster
}

case_some_tasks_may_fail() {
  mkdir in
  printf 'good ones\n' >in/a.txt
  printf 'a needle!\n' >in/b.txt
  printf 'good twos\n' >in/c.txt
  start_coordinator
  start_worker w1
  # 30 % of three tasks is none.
  expect 1 mr run "$plugins/throw.so" in -o few -P needle=needle --split-size 10 --max-attempts 2 --max-failed-tasks 30%
  expect 0 mr run "$plugins/throw.so" in -o out -P needle=needle --split-size 10 --max-attempts 2 --max-failed-tasks 34%
  says 'missing +without 1 of 3 map tasks, which failed \(--max-failed-tasks 34%\)'
  same <(sorted_parts out) <(printf 'good\t2\nones\t1\ntwos\t1\n')
  says '"error": "bad number: a needle!"' out/_SUCCESS
  says '"task": "j2-m1"' out/_SUCCESS
  expect 0 mr --json status last
  says '"failed":1' out.txt
  expect 0 mr tasks last --state failed
  says 'j2-m1 +failed +2' out.txt
  stop_cluster
}

run_cases
