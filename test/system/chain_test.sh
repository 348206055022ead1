#!/usr/bin/env bash
# Jobs that follow or replace each other: chains (--then), paused jobs that are mended (--on-failure pause, set), and
# jobs that take over what an earlier one had finished (--resume).
# shellcheck disable=SC2119  # start_coordinator takes no options here
# shellcheck source=test/system/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

words=$plugins/wordcount.so
topk=$plugins/topk.so

cluster() {
  start_coordinator "$@"
  start_worker w1 --slots 2
  printf 'to be or not to be\nto see\n' >in.txt
}
no_stages() {
  [[ -z $(find "$1" -name '_stage*') ]] || fail "stages remain in $1: $(ls "$1")"
}

case_chain_on_a_cluster() {
  cluster
  expect 0 mr run "$words" in.txt -o out -r 3 --then "$topk" -P k=2 -r 1
  says 'stage 1 of 2'
  says 'stage 2 of 2'
  same <(cat out/part-r-*) <(printf '3\tto\n2\tbe\n')
  clean_output out
  # Each stage is a job of its own.
  expect 0 mr ls
  says 'WordCount \(stage 1 of 2\) .*succeeded' out.txt
  says 'TopK \(stage 2 of 2\) .*succeeded' out.txt
  # Like a stage, but alone.
  expect 0 mr run --like j1 -o again
  says 'j3 WordCount submitted'
  stop_cluster
}

case_chain_here_equals_two_runs() {
  mkdir books
  cp "$data/kjv/"*.txt books/
  expect 0 mr run --local=2 "$words" books -o first -r 3
  expect 0 mr run --local=2 "$topk" first -o second -P k=20 -r 1
  expect 0 mr run --local=2 "$words" books -o out -r 3 --keep-stages --then "$topk" -P k=20 -r 1
  same <(cat second/part-r-*) <(cat out/part-r-*)
  same <(sorted_parts first) <(sorted_parts out/_stage1)
  [[ -s out/_stage1/_SUCCESS ]] || fail 'a stage has no receipt of its own'
  # To the standard output nothing but the last stage's result.
  expect 0 mr run --local=2 "$words" books -o - --then "$topk" -P k=20 -r 1
  same out.txt <(cat second/part-r-*)
  # From a file, three stages of which one is another job of the same plugin.
  printf 'then = ["%s", "%s"]\nthen-param = ["2:pattern=e", "3:k=1"]\nthen-reducers = ["3:1"]\n' \
    "$plugins/grep.so" "$topk" >chain.toml
  printf 'been\t3\nme\t9\nyou\t50\n' >table.tsv
  expect 0 mr run --local=2 --spec chain.toml "$plugins/grep.so" -P pattern=. table.tsv -o three
  says 'stage 3 of 3'
  says '^50.*you$' three/part-r-00000
  clean_output three
}

case_chain_failed_stage_keeps_what_was_done() {
  cluster
  expect 1 mr run "$plugins/grep.so" -P pattern=be in.txt -o out --then "$topk" -r 1 --max-attempts 1
  says 'TopK \(stage 2 of 2\) failed'
  says 'has no TAB'
  says 'the chain ends at stage 2 of 2\. Kept: out/_stage1\. Go on from there: mrsubmit run .*topk\.so out/_stage1'
  [[ -s out/_stage1/_SUCCESS && ! -e out/_SUCCESS ]] || fail "kept: $(find out)"
  # What lies there is not overwritten unasked, and says what it is.
  expect 6 mr run "$words" in.txt -o out
  says '_stage1 of a chain that did not end'
  # A chain that fails in its first stage leaves nothing.
  printf 'boom\n' >boom.txt
  expect 1 mr run "$plugins/mendable.so" boom.txt -o none --max-attempts 1 --then "$topk"
  says 'the chain ends at stage 1 of 2\. Nothing is kept'
  [[ ! -e none ]] || fail "left over: $(find none)"
  # A later stage that cannot work is found before the first one runs.
  expect 6 mr run "$words" in.txt -o early --then "$topk" -P kk=2
  says 'Did you mean k'
  [[ ! -e early ]] || fail 'a refused chain left traces'
  stop_cluster
}

case_chain_overwrites_at_the_end() {
  cluster
  mkdir out && echo old >out/part-r-00000 && mkdir out/_stage1 && echo old >out/_stage1/part-r-00007
  expect 6 mr run "$words" in.txt -o out --then "$topk"
  expect 0 mr run "$words" in.txt -o out -r 1 --overwrite --keep-stages --then "$topk" -P k=1 -r 1
  same <(cat out/part-r-*) <(printf '3\tto\n')
  [[ $(ls out/_stage1) == $'_SUCCESS\npart-r-00000' ]] || fail "the stage: $(ls out/_stage1)"
  expect 0 mr run "$words" in.txt -o out -r 1 --overwrite --then "$topk" -P k=2 -r 1
  no_stages out
  clean_output out
  stop_cluster
}

case_chain_detach_is_refused() {
  expect 2 mr run "$words" in.txt -o out --then "$topk" --detach
  says 'starts each stage'
}

# A chain whose first stage is interrupted; the job runs on, the chain does not.
case_chain_hangup_leaves_the_stage_running() {
  cluster
  mkdir gate
  "$bin/mrsubmit" run "$plugins/gated.so" in.txt -o out -r 1 --job-dir gate --then "$topk" >run.out 2>run.err </dev/null &
  local run=$! status=0
  wait_for 20 "the job's map task runs" bash -c 'ls gate/map-*'
  kill -HUP "$run"
  wait "$run" || status=$?
  [[ $status == 4 ]] || fail "exit code $status instead of 4"
  says 'j1 runs on; what comes after it is not started' run.err
  touch gate/open-map gate/open-reduce
  expect 0 mr wait j1
  [[ -s out/_stage1/_SUCCESS ]] || fail "the stage's output: $(find out)"
  expect 5 mr status j2
  stop_cluster
}

# ---- pause and set

case_pause_mend_and_go_on() {
  cluster
  printf 'to be\n' >a.txt && printf 'boom\n' >b.txt && printf 'or not\n' >c.txt
  "$bin/mrsubmit" run "$plugins/mendable.so" a.txt b.txt c.txt -o out -r 2 --split-size 1 --max-attempts 2 \
    --on-failure pause >run.out 2>run.err </dev/null &
  local run=$! status=0
  wait_for 30 "the job is paused" grep -q 'is paused: ' run.err
  says 'j1-m[0-9]+ failed 2 times' run.err
  says 'mrsubmit set j1 plugin=NEW\.so' run.err
  expect 0 mr status j1
  says 'paused' out.txt
  expect 0 mr ls --state paused
  says '^j1 ' out.txt
  expect 4 mr wait --timeout 300ms j1
  # What does not fit is refused like a submission, and changes nothing.
  expect 6 mr set j1 plugin="$plugins/mendable_other.so"
  says 'values of type'
  expect 6 mr set j1 plugin="$words"
  says 'Mendable'
  expect 6 mr set j1 plugin=in.txt
  expect 2 mr set j1 plugn=x
  says 'Did you mean plugin'
  expect 2 mr set j1
  expect 5 mr set j99 max-running=1
  expect 0 mr ls --state paused
  says '^j1 ' out.txt
  expect 0 mr set j1 plugin="$plugins/mendable_fixed.so" max-running=1
  says 'j1 goes on with mendable_fixed\.so; kept: [0-9]+ finished map task'
  wait "$run" || status=$?
  [[ $status == 0 ]] || { cat run.err; fail "exit code $status instead of 0"; }
  says 'j1 goes on' run.err
  same <(sorted_parts out) <(printf 'be\t1\nboom\t1\nnot\t1\nor\t1\nto\t1\n')
  clean_output out
  expect 6 mr set j1 plugin="$plugins/mendable.so"
  says 'has ended'
  stop_cluster
}

case_pause_is_ended_by_a_kill() {
  cluster
  printf 'boom\n' >b.txt
  expect 0 mr run --detach "$plugins/mendable.so" b.txt -o out --max-attempts 1 --on-failure pause
  wait_for 30 "the job is paused" bash -c "'$bin/mrsubmit' ls --state paused | grep -q '^j1 '"
  expect 0 mr kill j1
  expect 3 mr wait j1
  stop_cluster
}

# ---- resume

case_resume_reuses_finished_maps() {
  cluster
  printf 'to be\n' >a.txt && printf 'or not\n' >b.txt && printf 'to boom\n' >c.txt
  expect 1 mr run "$plugins/mendable.so" a.txt b.txt c.txt -o out -r 2 --split-size 7 --max-attempts 1 --max-running 1
  local finished
  finished=$(sed -n 's/.*: \([0-9]*\) finished map tasks\{0,1\} \(is\|are\) reused.*/\1/p' err.txt)
  [[ $finished -ge 1 ]] || { cat err.txt; fail "the report does not say what can be reused"; }
  says 'mrsubmit run --like j1 --resume PLUGIN -o '
  expect 0 mr run --like j1 --resume "$plugins/mendable_fixed.so" -o out
  says "$finished of [0-9]+ map tasks were finished by j1 and are reused"
  says "reused +$finished of them"
  same <(sorted_parts out) <(printf 'be\t1\nboom\t1\nnot\t1\nor\t1\nto\t2\n')
  clean_output out
  expect 0 mr --json counters j2
  says "\"reused_map_tasks\": ?${finished}[,}]" out.txt
  # Taken over once; what is gone is not reused, and that is said.
  expect 0 mr run --like j1 --resume "$plugins/mendable_fixed.so" -o second
  says 'nothing of j1 can be reused: .*Every task runs'
  same <(sorted_parts out) <(sorted_parts second)
  expect 2 mr run --resume "$plugins/mendable_fixed.so" a.txt -o third
  says '--like'
  stop_cluster
}

case_resume_checks_what_determines_map_output() {
  cluster
  printf 'to be\n' >a.txt && printf 'boom\n' >c.txt
  expect 1 mr run "$plugins/mendable.so" a.txt c.txt -o out -r 2 --split-size 6 --max-attempts 1 --max-running 1
  says 'are reused|is reused'
  expect 0 mr run --like j1 --resume "$plugins/mendable_fixed.so" -o p -r 3 --dry-run
  says 'it ran with another reducers'
  expect 0 mr run --like j1 --resume "$plugins/mendable_other.so" -o p --dry-run
  says 'nothing of j1 is reused: .*values of type'
  echo 'to do' >a.txt  # the same size, another time
  touch -d '2001-01-01' a.txt
  expect 0 mr run --like j1 --resume "$plugins/mendable_fixed.so" -o out
  says 'nothing of j1 can be reused'
  same <(sorted_parts out) <(printf 'boom\t1\ndo\t1\nto\t1\n')
  stop_cluster
}

case_resume_nothing_is_kept_when_told_so() {
  cluster --keep-failed 0s
  printf 'to be\n' >a.txt && printf 'boom\n' >c.txt
  expect 1 mr run "$plugins/mendable.so" a.txt c.txt -o out -r 2 --split-size 6 --max-attempts 1 --max-running 1
  ! grep -q -- --resume err.txt || fail 'the report offers what is not there'
  wait_for 10 'the scratch files are removed' bash -c "[[ -z \$(find '$work/scratch-w1' -name '*.run') ]]"
  stop_cluster
}

run_cases
