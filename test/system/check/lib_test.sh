#!/usr/bin/env bash
# The system tests' own judgements can fail: each is shown something bad.
# shellcheck source=test/system/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

refuses() {
  if "$@" >/dev/null 2>&1; then fail "did not object: $*"; fi
}

is_left_over() { leftovers | grep -q "^$1"; }

case_left_over_process_is_seen() {
  no_leftovers
  setsid sleep 60 &
  local pid=$!
  # Until it has become sleep it is a copy of this shell, with the mark all the same.
  wait_for 5 "the process is seen" is_left_over "$pid sleep"
  refuses no_leftovers
  kill -KILL "$pid"
  wait_for 5 "it is gone" no_leftovers
}

case_wait_for_gives_up() {
  refuses wait_for 0 "never" false
  wait_for 1 "at once" true
}

case_expect_and_says() {
  expect 3 bash -c 'echo out; echo err >&2; exit 3'
  says err
  says out out.txt
  refuses says out
  refuses expect 0 false
  refuses expect 1 true
}

case_same() {
  same <(echo a) <(echo a)
  refuses same <(echo a) <(echo b)
  refuses same <(echo a) <(printf a)
}

case_clean_output() {
  mkdir out
  echo 1 >out/part-r-00000
  refuses clean_output out  # no receipt
  echo '{}' >out/_SUCCESS
  clean_output out
  mkdir out/.millrace
  refuses clean_output out
}

case_oracle() {
  printf 'b a\nb-a9c' >text
  same <(wordcount_oracle text) <(printf 'a\t2\nb\t2\nc\t1\n')
}

run_cases
