#!/usr/bin/env bash
# The real text in data/: wordcount and indexer equal what awk and coreutils made of it, and a cluster's output equals
# --local's byte by byte.
# shellcheck disable=SC2119  # start_coordinator takes no options here
# shellcheck source=test/system/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# same_parts A B: the part files of two output directories are the same, name by name and byte by byte.
same_parts() {
  same <(cd "$1" && sha256sum part-*) <(cd "$2" && sha256sum part-*)
}

case_wordcount() {
  expect 0 mr run --local=2 wordcount "$data"/kjv/*.txt -o local -r 3
  clean_output local
  same <(sorted_parts local) "$data/expected/wordcount.tsv"
  start_coordinator
  start_worker a
  start_worker b
  expect 0 mr run wordcount "$data"/kjv/*.txt -o cluster -r 3 --split-size 200Ki
  clean_output cluster
  same_parts local cluster
  # Without the combiner, and through another codec: the same.
  expect 0 mr run wordcount "$data"/kjv/*.txt -o plain -r 3 --combiner off --shuffle-codec none --split-size 300Ki
  same_parts local plain
  stop_cluster
}

case_indexer() {
  expect 0 mr run --local=2 indexer "$data"/kjv/*.txt -o local -r 4
  clean_output local
  same <(sorted_parts local) "$data/expected/index.tsv"
  start_coordinator
  start_worker a
  start_worker b
  expect 0 mr run indexer "$data"/kjv/*.txt -o cluster -r 4 --split-size 200Ki
  clean_output cluster
  same_parts local cluster
  stop_cluster
}

case_parts_are_sorted() {
  expect 0 mr run --local=2 wordcount "$data"/kjv/04-job.txt -o local -r 3
  local part
  for part in local/part-*; do cut -f1 "$part" | sort -c -u || fail "$part is not sorted by key"; done
  expect 0 mr cat local
  same <(sort out.txt) <(wordcount_oracle "$data/kjv/04-job.txt")
}

case_grep() {
  expect 0 mr run --local=2 grep "$data"/kjv/*.txt -P 'pattern=whale' -o - -r 0
  [[ $(wc -l <out.txt) == $(cat "$data"/kjv/*.txt | grep -c whale) ]] || fail "grep found $(wc -l <out.txt) lines"
}

case_little_memory_spills() {
  expect 0 mr run --local=2 wordcount "$data"/kjv/*.txt -o small -r 3 --task-memory 1Mi --combiner off
  same <(sorted_parts small) "$data/expected/wordcount.tsv"
}

# A byte of a finished map output is changed on the worker's disk: the reduce notices, the map runs again.
case_damaged_map_output_is_made_again() {
  start_coordinator
  start_worker a
  cp "$data/kjv/04-job.txt" first.txt
  cp "$data/kjv/08-jeremiah.txt" second.txt
  mkdir gates
  expect 0 mr run --detach "$plugins/gated.so" first.txt second.txt -o out -r 2 --job-dir "$work/gates" \
    -P gates=map --split-size "$(wc -c <second.txt)"
  local job run
  job=$(cat out.txt)
  touch gates/open-map-0
  wait_for 30 "the second map runs" bash -c "ls '$work'/gates/map-1.*"
  run=$(find "$work/scratch-a" -name "$job-m0.*.run")
  [[ -s $run ]] || fail "no output of map 0 in $work/scratch-a"
  local byte=$(($(wc -c <"$run") / 3)) old
  old=$(od -An -tu1 -j "$byte" -N 1 "$run")
  # shellcheck disable=SC2059  # the format is the byte
  printf "\\x$(printf %02x $((old ^ 4)))" | dd of="$run" bs=1 seek="$byte" conv=notrunc status=none
  touch gates/open-map
  expect 0 mr wait "$job"
  clean_output out
  same <(sorted_parts out) <(wordcount_oracle first.txt second.txt)
  [[ $(find gates -name 'map-0.*' | wc -l) == 2 ]] || fail "map 0 did not run twice: $(ls gates)"
  expect 0 mr --json tasks "$job"
  says 'damaged' out.txt
  stop_cluster
}

# records FILE COUNT SEED KEY: 100 bytes each, the last a newline so that sort(1) can judge; KEY is one of
# random (10 letters), few (of three keys, one of them in half of all records), same.
records() {
  awk -v count="$2" -v seed="$3" -v kind="$4" 'BEGIN {
    srand(seed)
    for (i = 0; i < count; ++i) {
      key = "sameeverywhere"
      if (kind == "few") key = rand() < 0.5 ? "halfofthemall" : rand() < 0.5 ? "aaaaaaaaaa" : "zzzzzzzzzz"
      if (kind == "random") { key = ""; for (j = 0; j < 10; ++j) key = key sprintf("%c", 97 + int(rand() * 26)) }
      printf "%.10s %d.%-86d\n", key, seed % 10, i
    }
  }' >"$1"
}
# terasorted KIND: three files in four partitions come out as sort(1) has them; the sizes of the parts in bytes.
terasorted() {
  rm -rf in out
  mkdir in
  for file in 1 2 3; do records "in/$file" $((file * 1000)) "$file" "$1"; done
  expect 0 mr run --local=2 "$plugins/terasort.so" in -o out -r 4 --split-size 100Ki
  clean_output out
  cat out/part-r-0000[0-3] >sorted
  # By key the order is given; records of one key may come in any order, but all of them, once.
  same <(cut -c1-10 sorted) <(cat in/* | cut -c1-10 | sort)
  same <(sort sorted) <(cat in/* | sort)
  sizes=$(stat -c %s out/part-r-0000[0-3])
}

case_terasort_is_a_total_order() {
  terasorted random
  for size in $sizes; do
    ((size > 90000 && size < 210000)) || fail "of 600000 bytes one of four parts has $size"
  done
}

case_terasort_with_skew() {
  terasorted few
  # A key is never divided: half of all records are one key, and so in one part.
  [[ $(grep -l halfofthem out/part-r-* | wc -l) == 1 ]] || fail "a key is in several parts"
  terasorted same
  [[ $(sort -n <<<"$sizes" | tr '\n' ' ') == '0 0 0 600000 ' ]] || fail "one key, but parts of these sizes: $sizes"
}

# peak_of FILE: the most that a task of a sort of FILE has had in memory, by the worker's own measure.
peak_of() {
  rm -rf sorted
  expect 0 mr run --local=1 --json terasort "$1" -o sorted -r 1 --split-size 64Gi --task-memory "$budget"
  peak=$(grep -o '"peak_memory_bytes":[0-9]*' out.txt | tail -n 1 | cut -d: -f2)
}

# The real process: what it has with hardly any input is its programs and libraries; ten times the budget of input may
# add the budget and a tenth of it.
case_peak_memory_of_a_task_is_its_budget() {
  local budget=$((16 << 20)) peak base
  head -c 130000000 /dev/urandom | base64 -w 99 >big
  truncate -s $((10 * budget / 100 * 100)) big
  head -c 100 big >tiny
  peak_of tiny
  base=$peak
  peak_of big
  ((peak <= budget + budget / 10 + base)) || fail "a task had $peak bytes, with nothing to do $base; its budget is $budget"
  ((peak >= budget / 2)) || fail "a task had only $peak bytes of its budget $budget"
  same <(cut -c1-10 sorted/part-r-00000) <(cut -c1-10 big | sort)
}

run_cases
