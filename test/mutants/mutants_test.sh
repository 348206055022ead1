#!/usr/bin/env bash
# Makes each known mistake again and sees that its test notices, and for most that the simulation does too. Prints the
# table of mutants and their killers; fails for a survivor.
# Arguments: the environment variable that switches a mutant on, the header that lists them, the table of their tests, the
# program of test cases, then the simulation with its arguments, without --seeds: MR_MUTANT_SEEDS of them (500) are tried.
set -euo pipefail

(($# >= 5)) || { echo "usage: ${0##*/} VARIABLE HEADER TABLE CASES SIMULATION [ARGUMENT…]" >&2; exit 2; }
variable=$1 header=$2 table=$3 cases=$4
shift 4
hunt_seeds=${MR_MUTANT_SEEDS:-500}
simulation=("$@")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
unset "$variable"
failed=no

fail() {
  echo "FAILED: $*"
  failed=yes
}

# Every switch has its line.
diff <(grep -oE '^ *X\([A-Z][A-Za-z0-9]*\)' "$header" | tr -d ' X()' | sort) \
  <(awk '!/^#/ {print $1}' "$table" | tr -d 'X' | sort) || fail "$header and $table differ"

# Without a mistake this build is as good as the other.
"$cases" --gtest_brief=1 >"$scratch/none" 2>&1 || fail "the tests fail without a mutant: $(tail -20 "$scratch/none")"
"${simulation[@]}" --seeds 60 >"$scratch/none" 2>&1 ||
  fail "the simulation fails without a mutant: $(tail -20 "$scratch/none")"

# killer FILE PATTERN…: the first line of FILE that one of the patterns finds.
killer() {
  local file=$1
  shift
  printf '%s\n' "$@" | { grep -ohE -f - "$file" || true; } | { grep -v 'to see it' || true; } | head -1 | cut -c1-60
}

printf '%-28s %-60s %s\n' mutant 'test or scenario' 'simulation'
while read -r mutant filter hunt; do
  export "$variable=$mutant"
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
    if ! timeout 60 "${simulation[@]}" --seeds "$hunt_seeds" >"$scratch/out" 2>&1; then
      found="$(killer "$scratch/out" 'seed [0-9]+'): $(killer "$scratch/out" '^  [^ ].*' '^seed .*' 'Check failed: .*')"
    fi
    [[ $found != SURVIVED ]] || fail "$mutant survives the simulation"
  fi
  [[ $filter != - || $hunt == hunt ]] || fail "$mutant has no test"
  printf '%-28s %-60s %s\n' "$mutant" "$case" "$found"
done < <(grep -v '^#' "$table")
unset "$variable"
[[ $failed == no ]]
