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

run_cases
