#!/usr/bin/env bash
# Executes README.md: every ```sh block, in order, in one shell, in a copy of the tree whose build/release is the build
# under test. What installs packages or takes minutes is replaced by a stand-in: cmake's configure and build (done
# already), and scripts/test (which runs this test).
# shellcheck source=test/system/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

real_cmake=$(command -v cmake)

scratch_tree() {
  mkdir -p "$work/tree/build" "$work/stand-ins"
  cp -r "$source_dir/scripts" "$source_dir/README.md" "$source_dir/test" "$work/tree/"
  cp -r "$source_dir/data" "$work/tree/data"
  ln -s "$build_dir" "$work/tree/build/release"
  ln -s "$build_dir" "$work/tree/build/dev"
  # shellcheck disable=SC2016
  printf '#!/bin/sh\nfor a; do case $a in --preset|--build) exit 0 ;; esac; done\nexec %s "$@"\n' "$real_cmake" \
    >"$work/stand-ins/cmake"
  printf '#!/bin/sh\necho "stand-in for scripts/test"\n' >"$work/tree/scripts/test"
  chmod +x "$work/stand-ins/cmake" "$work/tree/scripts/test"
  export PATH="$work/stand-ins:$PATH"
}

blocks() { awk -v kind="$1" '$0 == "```" kind { on = 1; next } /^```/ { on = 0 } on' "$source_dir/README.md"; }

case_commands() {
  local commands
  scratch_tree
  blocks cpp >"$work/tree/wordcount.cpp"
  grep -q 'MR_JOB(WordCount)' "$work/tree/wordcount.cpp"
  commands=$(blocks sh)
  (($(wc -l <<<"$commands") >= 15)) || fail "README.md has hardly any command: $commands"
  # Without pipefail, as in a user's shell: head ends sort early.
  printf 'set -eu\n%s\n' "$commands" >"$work/readme.sh"
  (cd "$work/tree" && expect 0 bash -x "$work/readme.sh")

  # What the reader is told to see.
  grep -qE "^the${tab}62057$" "$work/out.txt" || fail "the most frequent word is not shown"
  grep -q 'Paul stood' "$work/out.txt" || fail "grep printed nothing"
  sorted_parts "$work/tree/out/words" >"$work/words"
  same "$work/words" "$data/expected/wordcount.tsv"
  sorted_parts "$work/tree/out/mine" >"$work/mine"
  same "$work/mine" "$data/expected/wordcount.tsv"
  sorted_parts "$work/tree/out/index" >"$work/index"
  same "$work/index" "$data/expected/index.tsv"
  wait_for 10 "the README's cluster is gone" no_leftovers
}

case_quickstart_twice() {
  scratch_tree
  expect 0 "$work/tree/scripts/quickstart"
  grep -qE "^the${tab}62057$" "$work/out.txt" || fail "quickstart does not show the most frequent word"
  says 'output lies in build/quickstart/wordcount-1' "$work/out.txt"
  expect 0 "$work/tree/scripts/quickstart"
  says 'output lies in build/quickstart/wordcount-2' "$work/out.txt"
  # The commands it proposes work.
  sed -n 's/^  \(build\/release\/bin\/.*\)/\1/p' "$work/out.txt" >"$work/next.sh"
  [[ $(wc -l <"$work/next.sh") == 3 ]]
  (cd "$work/tree" && expect 0 bash -e "$work/next.sh")
}

# A step that fails is a failure of the whole, and is seen.
case_quickstart_does_not_hide_failures() {
  scratch_tree
  rm "$work/tree/build/release"
  mkdir -p "$work/tree/build/release/bin"
  # shellcheck disable=SC2016
  printf '#!/bin/sh\n[ "$1" != cat ] || { echo "cannot read it" >&2; exit 5; }\nexec "%s" "$@"\n' "$bin/mrsubmit" \
    >"$work/tree/build/release/bin/mrsubmit"
  chmod +x "$work/tree/build/release/bin/mrsubmit"
  expect 5 "$work/tree/scripts/quickstart"
  says 'cannot read it'
  ! grep -q 'Try next' out.txt || fail 'quickstart went on'
}

run_cases
