#!/usr/bin/env bash
# data/make-expected, run again, reproduces data/expected.
set -euo pipefail
source_dir=${1:?usage: data_expected_test.sh SOURCE_DIR}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
"$source_dir/data/make-expected" "$out"
diff -q "$source_dir/data/expected" "$out"
# The text is whole: the first and the last verse, and 31,102 of them.
grep -q '^1:1 In the beginning God created the heaven and the earth\.$' "$source_dir/data/kjv/01-pentateuch.txt"
grep -q '^22:21 The grace of our Lord' "$source_dir/data/kjv/14-revelation.txt"
[[ $(cat "$source_dir"/data/kjv/*.txt | grep -c '^[0-9]*:[0-9]* ') == 31102 ]]
