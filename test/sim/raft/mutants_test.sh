#!/usr/bin/env bash
# Makes each known mistake again and sees that its scenario notices, and for most that random runs do too. Prints the
# table of mutants and their killers; fails for a survivor. Arguments: source folder, build folder.
set -euo pipefail

source_dir=$1
cases=$2/test/raft_mutant_cases
sim=$2/test/raft_mutant_sim
folder=$source_dir/test/sim/raft
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=no

fail() {
  echo "FAILED: $*"
  failed=yes
}

# Every switch of the core has its line.
diff <(grep -oE '^ *X\([A-Z][A-Za-z0-9]*\)' "$source_dir/coordinator/raft/core/mutants.h" | tr -d ' X()' | sort) \
  <(awk '!/^#/ {print $1}' "$folder/mutants.txt" | tr -d 'X' | sort) || fail "mutants.h and mutants.txt differ"

# Without a mistake this build is as good as the other.
"$cases" --gtest_brief=1 >"$scratch/none" 2>&1 || fail "the mutants build fails without a mutant: $(cat "$scratch/none")"
"$sim" --seeds 60 >"$scratch/none" 2>&1 || fail "the mutants build fails without a mutant: $(cat "$scratch/none")"

printf '%-27s %-52s %s\n' mutant scenario 'random runs'
while read -r mutant filter hunt; do
  export MR_RAFT_MUTANT=$mutant
  scenario=SURVIVED
  if ! timeout 60 "$cases" --gtest_brief=1 --gtest_filter="$filter" >"$scratch/out" 2>&1; then
    scenario=$(grep -oE 'FAILED  \] [A-Za-z_.0-9]+|Check failed: .*' "$scratch/out" | head -1 | sed -E 's/^FAILED  \] //' | cut -c1-52) || true
  fi
  [[ $scenario != SURVIVED ]] || fail "$mutant survives its scenario $filter"
  found=-
  if [[ $hunt == hunt ]]; then
    found=SURVIVED
    if ! timeout 60 "$sim" --seeds 1000 --seconds 50 --events 3000 >"$scratch/out" 2>&1; then
      found=$(grep -oE '^seed .*|Check failed: .*' "$scratch/out" | head -1 | cut -c1-70) || true
      [[ $found == seed* ]] || found="$(grep -oE 'seed [0-9]+' "$scratch/out" | tail -1): $found"
    fi
    [[ $found != SURVIVED ]] || fail "$mutant survives the random runs"
  fi
  printf '%-27s %-52s %s\n' "$mutant" "$scenario" "$found"
done < <(grep -v '^#' "$folder/mutants.txt")
unset MR_RAFT_MUTANT
[[ $failed == no ]]
