#!/usr/bin/env bash
# readme_blocks_test.sh COMPILER README INCLUDE_DIR…: each ```cpp block of the guide compiles, as its text says: a block
# without an include stands in a plugin that has one, and a job that is shown without MR_JOB gets it here.
set -euo pipefail
compiler=$1 readme=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

awk -v dir="$work" '/^```cpp$/ { on = 1; ++n; next } /^```/ { on = 0 } on { print > (dir "/" n ".block") }' "$readme"
count=0
for block in "$work"/*.block; do
  source=${block%.block}.cc
  if grep -q 'mr/test.hpp' "$block"; then
    # The tests of the first block's job.
    { cat "$work/1.block"; echo '#include <gtest/gtest.h>'; echo 'const std::string corpus = "to be";'; cat "$block"; } >"$source"
  elif grep -q '#include <mr/' "$block"; then
    cp "$block" "$source"
  else
    { echo '#include <mr/mr.hpp>'; echo 'using mr::View;'; cat "$block"; sed -n 's/^struct \([A-Za-z]*\) : mr::.*/MR_JOB(\1);/p' "$block"; } >"$source"
  fi
  if ! "$compiler" -std=c++20 -fsyntax-only -Wall "${@/#/-I}" "$source"; then
    echo "this block of $readme does not compile:"
    cat "$block"
    exit 1
  fi
  count=$((count + 1))
done
((count >= 5)) || { echo "only $count blocks were found in $readme"; exit 1; }
