#!/usr/bin/env bash
# mrsubmit gc: what ended jobs have left goes; what is in use, or not of this cluster, stays.
# shellcheck source=test/system/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cluster() {
  start_coordinator "$@"
  start_worker w1
  printf 'fine\nalso fine\nBAD record here\n' >in.txt
}
plugins_stored() { find "$work/state" -regextype posix-extended -regex '.*/[0-9a-f]{64}' | wc -l; }
scratch_is_swept() { [[ -z $(find scratch-w1/map scratch-w1/tmp scratch-w1/plugins -mindepth 1) ]]; }

case_plugins_and_scratch() {
  cluster --history 1
  expect 0 mr gc
  expect 0 mr run "$plugins/wordcount.so" in.txt -o one
  expect 0 mr run "$plugins/grep.so" in.txt -o two -P pattern=fine
  [[ $(plugins_stored) == 2 ]] || fail "$(plugins_stored) plugins are stored"
  # What a crash or a bug of ours might leave.
  mkdir -p scratch-w1/tmp/j7-m0.0@1 scratch-w1/map
  echo rest >scratch-w1/tmp/j7-m0.0@1/spill-0
  echo rest >scratch-w1/map/j7-m0.0@1.run
  expect 0 mr gc --dry-run
  says 'would free 1 plugin \(' out.txt
  says 'would sweep the scratch directories of 1 worker' out.txt
  [[ -e scratch-w1/map/j7-m0.0@1.run && $(plugins_stored) == 2 ]] || fail "a dry run removed something"
  expect 0 mr gc
  says 'freed +1 plugin \(.*\) that no job names' out.txt
  wait_for 20 "the worker sweeps its scratch directory: $(find scratch-w1)" scratch_is_swept
  [[ $(plugins_stored) == 1 ]] || fail "$(plugins_stored) plugins are stored"
  # Both plugins again: one is sent anew, the other fetched anew.
  expect 0 mr run "$plugins/wordcount.so" in.txt -o three
  expect 0 mr run "$plugins/grep.so" in.txt -o four -P pattern=fine
  same <(sorted_parts one) <(sorted_parts three)
  same <(sorted_parts two) <(sorted_parts four)
  # The coordinator's next life agrees with what is on its disk.
  expect 0 mr --json gc
  says '"plugins":1' out.txt
  crash_coordinator
  revive_coordinator --history 1
  expect 0 mr run "$plugins/grep.so" in.txt -o five -P pattern=fine
  expect 0 mr run "$plugins/wordcount.so" in.txt -o six
  same <(sorted_parts one) <(sorted_parts six)
  stop_cluster
}

case_kept_map_outputs() {
  cluster
  printf 'good ones\n' >good.txt
  printf 'a needle!\n' >bad.txt
  expect 1 mr run "$plugins/throw.so" good.txt bad.txt -o out -P needle=needle -r 1 --split-size 10 --max-attempts 1 --max-running 1
  wait_for 20 "a finished map is kept" bash -c "'$bin/mrsubmit' gc --dry-run | grep -q 'would free [0-9]* finished map output'"
  expect 0 mr gc
  says 'freed +[0-9]+ finished map outputs? \(.*\) of jobs that did not succeed' out.txt
  wait_for 20 "its file is gone: $(find scratch-w1/map)" no_map_outputs
  expect 0 mr gc --dry-run
  ! grep -q 'map output' out.txt || fail "kept twice: $(cat out.txt)"
  stop_cluster
}
no_map_outputs() { [[ -z $(find scratch-w1/map -name '*.run') ]]; }

# temporary DIR NAME: as a job leaves it whose last task was cut off.
temporary() {
  mkdir -p "$1/.millrace/$2/j1-r0.0@1"
  echo rest >"$1/.millrace/$2/j1-r0.0@1/part-r-00000"
}
case_output_directories() {
  cluster
  expect 0 mr run "$plugins/wordcount.so" in.txt -o out
  mkdir gates
  expect 0 mr run --detach "$plugins/gated.so" in.txt -o busy -r 1 -P gates=reduce --job-dir gates
  local running nonce
  running=$(cat out.txt)
  wait_for 20 "the job has begun to write" compgen -G 'busy/.millrace/*'
  nonce=$(basename busy/.millrace/*)
  temporary out "j1-0000000000000001"   # another cluster's j1
  temporary out "j77-00000000000000aa"  # of a job that nobody remembers
  echo mine >out/.millrace/notes
  expect 0 mr gc out busy
  says "kept +busy/.millrace/$nonce: $running has not ended" out.txt
  says 'kept +out/.millrace/j1-0000000000000001: this cluster does not know the job' out.txt
  says 'kept +out/.millrace/j77-00000000000000aa: this cluster does not know the job' out.txt
  mkdir -p out/.millrace/j78-00000000000000aa/old
  echo precious >out/.millrace/j78-00000000000000aa/old/part-r-00000
  expect 0 mr gc --unknown out busy
  says 'freed +out/.millrace/j77-00000000000000aa \(5 B\)' out.txt
  says 'kept +out/.millrace/j78-00000000000000aa: what the job was to replace lies in' out.txt
  [[ $(cd out/.millrace && echo *) == 'j78-00000000000000aa notes' ]] || fail "left: $(find out/.millrace)"
  [[ -e busy/.millrace/$nonce && -s out/_SUCCESS ]] || fail "gc took too much"
  # The same directory once its job has ended: here put back by hand, as the cleanup works.
  expect 0 mr kill "$running"
  expect 3 mr wait "$running"
  temporary busy "$nonce"
  expect 0 mr --json gc busy
  says "\"path\":\"busy/.millrace/$nonce\",\"job\":\"$running\",\"bytes\":5,\"removed\":true" out.txt
  [[ ! -e busy/.millrace ]] || fail "left: $(find busy)"
  expect 5 mr gc nowhere
  stop_cluster
}

run_cases
