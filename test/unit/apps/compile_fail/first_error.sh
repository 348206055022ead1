#!/usr/bin/env bash
# first_error.sh COMPILER SOURCE INCLUDE_DIR…: compiles a source that must be refused; the first line of the
# compiler that says "error" must contain the text behind "// expect: " in the source's first line.
set -euo pipefail
compiler=$1 source=$2
shift 2
expected=$(sed -n '1s|^// expect: ||p' "$source")
[[ -n $expected ]] || { echo "$source: the first line must be // expect: TEXT"; exit 1; }
if output=$("$compiler" -std=c++20 -fsyntax-only "${@/#/-I}" "$source" 2>&1); then
  echo "$source: compiles, but must be refused: $expected"
  exit 1
fi
first=$(grep -m1 'error:' <<<"$output" || true)
if [[ $first != *"$expected"* ]]; then
  printf 'expected: %s\nfirst:    %s\n--- the whole output\n%s\n' "$expected" "$first" "$output"
  exit 1
fi
