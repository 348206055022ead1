#!/usr/bin/env bash
# Makes each known mistake again and sees that its test notices, and for most that the simulation does too. Prints the
# table of mutants and their killers; fails for a survivor. Arguments: source folder, build folder.
set -euo pipefail

source_dir=$1
cases=$2/test/mutant_cases
sim=$2/test/mutant_sim
table=$source_dir/test/mutants/mutants.txt
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
unset MR_MUTANT
failed=no

fail() {
  echo "FAILED: $*"
  failed=yes
}

# Every switch has its line.
diff <(grep -oE '^ *X\([A-Z][A-Za-z0-9]*\)' "$source_dir/common/base/mutants.h" | tr -d ' X()' | sort) \
  <(awk '!/^#/ {print $1}' "$table" | tr -d 'X' | sort) || fail "mutants.h and mutants.txt differ"

# Without a mistake this build is as good as the other.
filters=$(awk '!/^#/ && $2 != "-" {print $2}' "$table" | paste -sd:)
"$cases" --gtest_brief=1 --gtest_filter="$filters" >"$scratch/none" 2>&1 ||
  fail "the tests fail without a mutant: $(tail -20 "$scratch/none")"
"$sim" --seeds 20 >"$scratch/none" 2>&1 || fail "the simulation fails without a mutant: $(tail -20 "$scratch/none")"

# killer FILE PATTERN…: the first line of FILE that one of the patterns finds.
killer() {
  local file=$1
  shift
  printf '%s\n' "$@" | { grep -ohE -f - "$file" || true; } | { grep -v 'to see it' || true; } | head -1 | cut -c1-60
}

printf '%-28s %-60s %s\n' mutant 'test or scenario' 'simulation'
while read -r mutant filter hunt; do
  export MR_MUTANT=$mutant
  case=- found=-
  if [[ $filter != - ]]; then
    case=SURVIVED
    if ! timeout 60 "$cases" --gtest_brief=1 --gtest_filter="$filter" >"$scratch/out" 2>&1; then
      case=$(killer "$scratch/out" 'FAILED  \] [A-Za-z_.0-9/]+' 'Check failed: .*' | sed -E 's/^FAILED  \] //')
    fi
    [[ $case != SURVIVED ]] || fail "$mutant survives $filter"
  fi
  if [[ $hunt == hunt ]]; then
    found=SURVIVED
    if ! timeout 60 "$sim" --seeds 500 --failures 1 >"$scratch/out" 2>&1; then
      found="$(killer "$scratch/out" '^seed [0-9]+'): $(killer "$scratch/out" '^  [^ ].*' 'Check failed: .*')"
    fi
    [[ $found != SURVIVED ]] || fail "$mutant survives the simulation"
  fi
  [[ $filter != - || $hunt == hunt ]] || fail "$mutant has no test"
  printf '%-28s %-60s %s\n' "$mutant" "$case" "$found"
done < <(grep -v '^#' "$table")
unset MR_MUTANT
[[ $failed == no ]]
