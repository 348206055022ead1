#!/usr/bin/env bash
# scripts/setup on machines that this one is not: packages missing, with and without root, apt failing. dpkg-query,
# apt-get and sudo are stand-ins on PATH that record how they were called.
# shellcheck disable=SC2016,SC2015  # stand-ins are scripts; fail does not return
set -euo pipefail
source_dir=${1:?usage: setup_test.sh SOURCE_DIR}
fake=$(mktemp -d)
trap 'rm -rf "$fake"' EXIT
setup=$source_dir/scripts/setup
all=$(sed -n '/^#/!s/ *|.*//p' "$source_dir/scripts/packages" | tr ' ' '\n')

fail() {
  echo "FAILED: $*"
  [[ -r $fake/calls ]] && cat "$fake/calls"
  exit 1
}
# stand_in NAME BODY: a program that notes its arguments, then does BODY.
stand_in() {
  printf '#!/bin/bash\necho "%s $*" >>"%s/calls"\n%s\n' "$1" "$fake" "$2" >"$fake/$1"
  chmod +x "$fake/$1"
}
run() {
  : >"$fake/calls"
  status=0
  PATH="$fake:$PATH" "$setup" "$@" >"$fake/output" 2>&1 || status=$?
}
has() { grep -vxE "$1" <<<"$all" | sed 's/$/ installed/' >"$fake/have" || true; }
stand_in dpkg-query 'cat "$(dirname "$0")/have"; exit 1'
stand_in apt-get 'exit 0'
stand_in sudo 'exec "$@"'

# Everything is there: no apt, no sudo.
has 'none'
run
[[ $status == 0 ]] || fail "all there: exit $status"
! grep -qE '^(apt-get|sudo)' "$fake/calls" || fail "all there: apt was called"

# A bare machine: exactly the missing ones, and an update first.
has 'cmake|g\+\+|clang-tidy'
run
[[ $status == 0 ]] || fail "some missing: exit $status"
grep -q '^apt-get update' "$fake/calls" || fail "no apt-get update"
grep -q '^apt-get install -y -q --no-install-recommends g++ cmake clang-tidy$' "$fake/calls" || fail "wrong install line"
if ((EUID != 0)); then grep -q '^sudo ' "$fake/calls" || fail "no sudo though not root"; fi

has '.*'
run
grep -q "^apt-get install .* $(tr '\n' ' ' <<<"$all" | sed 's/ $//; s/[+.]/[&]/g')\$" "$fake/calls" || fail "not all packages asked for"

# A package that was removed but left its configuration is not installed.
has 'zstd'
echo 'zstd config-files' >>"$fake/have"
run --dry-run
[[ $status == 1 ]] && grep -qx 'missing: zstd' "$fake/output" || fail "dry run: $(cat "$fake/output")"
! grep -q '^apt-get' "$fake/calls" || fail "a dry run called apt"

# Failures say what to do.
stand_in apt-get '[[ $1 == update ]]'
run
[[ $status == 6 ]] && grep -q 'could not install: zstd' "$fake/output" || fail "apt's failure: $(cat "$fake/output")"
run --nonsense
[[ $status == 2 ]] || fail "unknown option: exit $status"
echo "setup: all cases"
