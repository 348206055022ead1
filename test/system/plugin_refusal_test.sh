#!/usr/bin/env bash
# Plugins that cannot work are refused when they are submitted, in one sentence that says what to do, before anything is
# queued; and mrsubmit itself never crashes on them. The variants are made from a good plugin by changing bytes.
# shellcheck disable=SC2119  # start_coordinator takes no options here
# shellcheck source=test/system/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# patch FILE OFFSET HEX…: overwrites bytes.
patch() {
  local file=$1 offset=$2
  shift 2
  # shellcheck disable=SC2059
  printf "$(printf '\\x%s' "$@")" | dd of="$file" bs=1 seek="$offset" conv=notrunc status=none
}
# Where the ABI tag lies in a plugin's file; its fields are in common/abi/mr_abi.h.
tag_offset() {
  local hex
  hex=$(readelf -SW "$1" | sed -n 's/.*\.mr_abi_tag *[A-Z]* *[0-9a-f]* *\([0-9a-f]*\) .*/\1/p')
  [[ -n $hex ]] || fail "no .mr_abi_tag section in $1"
  echo $((16#$hex))
}
# refused PLUGIN PATTERN…: exit code 6, every pattern in the error, at most a few lines, no signal.
refused() {
  local plugin=$1 pattern
  shift
  expect 6 mr run "$plugin" in.txt -o out
  for pattern in "$@"; do says "$pattern"; done
  says "${plugin##*/}"
  [[ ! -e out ]] || fail "the output directory was made"
}

case_Lesson01_matrix() {
  start_coordinator
  start_worker w1
  echo 'some words' >in.txt
  local good=$plugins/wordcount.so tag
  tag=$(tag_offset "$good")

  cp "$good" newer.so && patch newer.so $((tag + 4)) 02 00
  refused newer.so 'ABI 2\.0' 'ABI 1\.|speaks 1\.'
  cp "$good" minor.so && patch minor.so $((tag + 6)) 63 00
  refused minor.so 'ABI 1\.99' 'speaks 1\.'
  cp "$good" sizes.so && patch sizes.so $((tag + 12)) 01 00 00 00
  refused sizes.so 'struct'
  cp "$good" magic.so && patch magic.so "$tag" 00 00 00 00
  refused magic.so 'Millrace'
  if ! grep -q 'MR_SANITIZE:STRING=.' "$build_dir/CMakeCache.txt"; then
    cp "$good" asan.so && patch asan.so $((tag + 20)) 01 00 00 00
    refused asan.so 'fsanitize=address'
    cp "$good" tsan.so && patch tsan.so $((tag + 20)) 02 00 00 00
    refused tsan.so 'fsanitize=thread'
  fi
  cp "$good" debug.so && patch debug.so $((tag + 20)) 04 00 00 00
  refused debug.so '_GLIBCXX_DEBUG'
  cp "$good" machine.so && patch machine.so 18 b7 00
  refused machine.so 'aarch64|AArch64|ARM' 'x86.64'

  head -c $(($(stat -c %s "$good") / 2)) "$good" >half.so
  refused half.so 'truncated|cut|short|ends|damaged|incomplete'
  echo 'int main() {}' >text.so
  refused text.so 'ELF'
  : >empty.so
  refused empty.so 'empty|ELF'
  cp "$(readlink -f /lib/x86_64-linux-gnu/libz.so.1)" libz.so
  refused libz.so 'mr_plugin_entry' 'MR_JOB'
  mkdir directory.so
  refused directory.so 'file|no plugin'
  cp "$good" everybody.so && chmod o+w everybody.so
  refused everybody.so 'chmod o-w'
  refused missing.so 'missing\.so'

  expect 0 mr ls
  ! grep -q 'j[0-9]' out.txt || fail "something was queued: $(cat out.txt)"
  # All of them from a copy of a good one, which still works.
  cp "$good" good.so
  expect 0 mr run good.so in.txt -o out
  stop_cluster
}

# Really built with other flags than the programs, as it happens to people: nothing of them is patched.
case_Lesson01_really_built() {
  start_coordinator
  start_worker w1
  echo 'some words' >in.txt
  build() { c++ -std=c++20 -O0 -shared -fPIC -I"$source_dir/apps/sdk/include" -I"$build_dir/sdk" "$source_dir/apps/wordcount.cc" -o "$@"; }
  build debug.so -D_GLIBCXX_DEBUG
  refused debug.so '_GLIBCXX_DEBUG'
  if ! grep -q 'MR_SANITIZE:STRING=.' "$build_dir/CMakeCache.txt"; then
    build asan.so -fsanitize=address
    refused asan.so 'fsanitize=address'
  fi
  expect 0 mr ls
  ! grep -q 'j[0-9]' out.txt || fail "something was queued: $(cat out.txt)"
  stop_cluster
}

# The user's file may be written while it is looked at: what is described is what is sent.
case_private_copy() {
  start_coordinator
  start_worker w1
  echo 'some words' >in.txt
  cp "$plugins/wordcount.so" mine.so
  mr --json describe mine.so >described
  json_lines described
  says "\"plugin\": ?\"($work/)?mine\.so\"" described
  says '"build_id": ?"[0-9a-f]{40}"' described
  # The loader of the description sees another file than the user's.
  LD_DEBUG=files LD_DEBUG_OUTPUT=$work/loaded expect 0 mr describe mine.so
  ! grep -qE "file=.*mine\.so" loaded.* || fail "the user's own file was loaded: $(grep mine loaded.*)"
  grep -q "$(sha256sum <mine.so | cut -d ' ' -f 1)\.so" loaded.* || fail "no copy was loaded: $(grep -h 'file=.*needed' loaded.*)"
  [[ -z $(ls -A tmp) ]] || fail "copies are left over: $(find tmp)"
  stop_cluster
}

# What only shows when the plugin is loaded.
case_Lesson01_fails_when_loaded() {
  start_coordinator
  start_worker w1
  echo 'some words' >in.txt
  cat >stub.c <<'C'
#include "common/abi/mr_abi.h"
__attribute__((section(MR_ABI_TAG_SECTION), used)) static const mr_abi_tag tag = {
    MR_ABI_MAGIC, MR_ABI_MAJOR, MR_ABI_MINOR, sizeof(mr_abi_tag), sizeof(mr_job_def), sizeof(mr_task), 0, "x", "y", "z"};
#ifdef UNDEFINED
void surely_not_defined_anywhere(void);
#endif
#ifdef ABORTS
#include <stdlib.h>
__attribute__((constructor)) static void at_load(void) { abort(); }
#endif
#ifdef EXITS
#include <stdlib.h>
__attribute__((constructor)) static void at_load(void) { exit(0); }
#endif
MR_EXPORT const mr_plugin *mr_plugin_entry(void) {
#ifdef UNDEFINED
  surely_not_defined_anywhere();
#endif
  static const mr_plugin plugin = {sizeof(mr_plugin), MR_ABI_MAGIC, MR_ABI_MAJOR, MR_ABI_MINOR, 0, 0};
#ifdef NOTHING
  return 0;
#endif
  return &plugin;
}
C
  local variant
  for variant in UNDEFINED ABORTS EXITS NOTHING EMPTY; do
    cc -shared -fPIC -D$variant -I"$source_dir" stub.c -o "$variant.so"
  done
  refused UNDEFINED.so 'surely_not_defined_anywhere'
  refused ABORTS.so 'SIGABRT|signal 6|Aborted|abort'
  refused EXITS.so 'exit'
  refused NOTHING.so 'mr_plugin_entry'
  refused EMPTY.so 'no job|MR_JOB|0 jobs|holds no'
  expect 0 mr ls
  ! grep -q 'j[0-9]' out.txt || fail "something was queued: $(cat out.txt)"
  stop_cluster
}

run_cases
