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

case_values_of_parameters_are_checked_before_anything_is_queued() {
  cluster
  printf 'BAD\n' >in.txt
  expect 6 mr run "$plugins/throw.so" in.txt -o out -P needle=BAD -P kind=odd
  says "parameter 'kind' of Throw is 'odd', which is not one of invalid_argument, bad_record, fatal, int\\."
  expect 0 mr ls --json
  [[ ! -s out.txt || $(cat out.txt) == '[]' ]] || fail "a job was queued: $(cat out.txt)"
  expect 0 mr describe "$plugins/throw.so"
  says '-P kind=invalid_argument\|bad_record\|fatal\|int +\(invalid_argument\) +what is thrown' out.txt
  stop_cluster
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

case_segv_names_the_source_line() {
  cluster
  local line
  line=$(grep -n 'nowhere = 1;' "$source_dir/apps/testing/segv.cc" | cut -d: -f1)
  failing segv_lines -P needle=BAD
  says "stack +.*Segv.* at segv\.cc:$line \(segv_lines\.so\)$"
  failing segv_bare -P needle=BAD
  says 'stack +.*Segv.*[^0-9] \(segv_bare\.so\)$'
  worker_lives_on
}

case_segv_without_addr2line_names_the_function() {
  start_coordinator
  within=(env PATH=/nonexistent)
  start_worker w1
  within=()
  printf 'BAD record here\n' >in.txt
  expect 1 mr run "$plugins/segv_lines.so" in.txt -o out -P needle=BAD --max-attempts 1
  says 'stack +.*Segv.*[^0-9] \(segv_lines\.so\)$'
  stop_cluster
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
  says "out of memory; the task's peak was [0-9.]+ MiB, its limit is 256\.0 MiB \(the job's --memory\)"
  says '\[MR1005\]$'
  names_the_record
  worker_lives_on
}

case_oom_of_the_workers_default() {
  start_coordinator
  start_worker w1 --memory 512Mi --slots 2
  printf 'BAD record here\n' >in.txt
  expect 1 mr run "$plugins/oom.so" in.txt -o out -P needle=BAD --max-attempts 1
  says "the task's peak was [0-9.]+ MiB, its limit is 256\.0 MiB \(this worker's default, its --memory shared among its --slots"
  stop_cluster
}

case_input_changed_during_the_job() {
  cluster
  mkdir gates
  expect 0 mr run --detach "$plugins/gated.so" in.txt -o out -r 1 -P gates=map --job-dir gates
  local job
  job=$(cat out.txt)
  wait_for 20 "the map has begun" compgen -G 'gates/map-0.*'
  printf 'changed\n' >>in.txt
  touch gates/open-map
  expect 1 mr attach "$job"
  says 'in\.txt changed while it was read: it had [0-9]+ bytes'
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

# Records that strike are left out, listed, counted, and everything else is there.
case_bad_records_are_left_out() {
  cluster
  printf 'fine\nBAD one\nalso fine\nBAD two\nlast\n' >in.txt
  expect 0 mr run "$plugins/throw.so" in.txt -o out -r 2 -P needle=BAD -P kind=bad_record --skip-bad-records 2 --max-attempts 1
  says 'skipped +2 bad records, listed in .*out/_bad'
  same <(sorted_parts out) <(printf 'also\t1\nfine\t2\nlast\t1\n')
  same <(grep -o '"record":.*' out/_bad/part-m-00000.jsonl) <(cat <<EOF
"record":1,"bytes":7,"error":"mr::BadRecord: bad number: BAD one","data":"BAD one"}
"record":3,"bytes":7,"error":"mr::BadRecord: bad number: BAD two","data":"BAD two"}
EOF
  )
  says '"offset":23' out/_bad/part-m-00000.jsonl
  says '"skip_bad_records": 2' out/_SUCCESS
  says '"_bad/part-m-00000.jsonl"' out/_SUCCESS
  expect 0 mr --json status last
  says '"skipped_records":2' out.txt
  [[ -z $(find out -name '.*') ]] || fail "temporary files remain: $(find out)"
  # A third is one too many, and nothing of the job is left.
  printf 'BAD three\n' >>in.txt
  expect 1 mr run "$plugins/throw.so" in.txt -o more -P needle=BAD -P kind=bad_record --skip-bad-records 2 --max-attempts 2
  says 'failed 2 times \(--max-attempts 2\): .*; 2 bad records of the task had been left out before, as many as --skip-bad-records 2 allows'
  [[ -z $(find more -type f 2>/dev/null) ]] || fail "a failed job left files: $(find more)"
  # The next job replaces the output and what was left out with it.
  expect 0 mr run "$plugins/wordcount.so" in.txt -o out --overwrite
  clean_output out
  stop_cluster
}

case_crashes_at_one_record_are_left_out() {
  cluster
  printf 'fine\nBAD one\nalso fine\nBAD two\n' >in.txt
  expect 0 mr run "$plugins/segv.so" in.txt -o out -r 1 -P needle=BAD --skip-bad-records 2 --max-attempts 2
  says 'skipped +2 bad records'
  same <(sorted_parts out) <(printf 'also\t1\nfine\t2\n')
  says '"record":3,"bytes":7,"error":"SIGSEGV, write to address 0x0 in map\(\)","data":"BAD two"' out/_bad/part-m-00000.jsonl
  expect 0 mr run "$plugins/hang.so" in.txt -o hung -r 1 -P needle=two --skip-bad-records 1 --max-attempts 2 --task-timeout 1s
  same <(sorted_parts hung) <(printf 'BAD\t1\nalso\t1\nfine\t2\none\t1\n')
  alive "${worker_w1:?}" || fail "the worker is gone"
  stop_cluster
}

case_bad_groups_are_left_out() {
  cluster
  local kind
  for kind in segv throw; do
    expect 0 mr run "$plugins/$kind.so" in.txt -o "out-$kind" -r 1 -P needle=record -P where=reduce --skip-bad-records 1
    says 'skipped +1 bad record,'
    same <(sorted_parts "out-$kind") <(printf 'BAD\t1\nalso\t1\nfine\t2\nhere\t1\nnever\t1\nseen\t1\n')
    says '"partition":0,"group":5,"bytes":6,.*"key":"record"' "out-$kind/_bad/part-r-00000.jsonl"
  done
  # The failed job says how to go on, and that works.
  failing throw -P needle=record -P where=reduce
  says 'mrsubmit run --like j[0-9]+ .*--skip-bad-records 10 -o '
  expect 0 mr run --like last --resume --skip-bad-records 10 -o out
  says 'skipped +1 bad record'
  stop_cluster
}

run_cases
