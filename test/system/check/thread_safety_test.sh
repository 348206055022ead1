#!/usr/bin/env bash
# Lesson 7: an early return once left a mutex locked. Every source that uses locks is read by clang, whose
# thread-safety analysis must find nothing; and it must find what is wrong in a wrong program.
# shellcheck source=test/system/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

analyse() {
  clang++ -std=c++20 -fsyntax-only -Wthread-safety -Werror=thread-safety -I"$source_dir" -I"$build_dir/generated" "$@"
}

# What follows stands in a class with a mutex and a number guarded by it.
program() {
  cat >wrong.cc <<END
#include "common/base/mutex.h"
struct Counter {
  mr::Mutex mutex;
  mr::CondVar changed;
  int number MR_GUARDED_BY(mutex) = 0;
  int Locked() MR_REQUIRES(mutex) { return number; }
  $1
};
END
}

case_Lesson07_sources_with_locks() {
  local users file
  mapfile -t users < <(cd "$source_dir" && grep -rlE --include='*.cc' --include='*.h' 'common/base/mutex\.h' \
    common coordinator worker submit)
  ((${#users[@]} >= 2))
  for file in "${users[@]}"; do
    # A header is used by its own .cc.
    [[ $file == *.h ]] && file=${file%.h}.cc
    analyse "$source_dir/$file" || fail "$file"
  done
}

case_Lesson07_mistakes_are_found() {
  program 'int Get() { const mr::MutexLock lock(mutex); return Locked(); }'
  analyse wrong.cc
  program 'void Wait() { const mr::MutexLock lock(mutex); while (number == 0) changed.Wait(mutex); }'
  analyse wrong.cc
  program 'int Get() { return number; }'
  expect 1 analyse wrong.cc
  says "reading variable 'number' requires holding mutex 'mutex'"
  program 'int Get() { return Locked(); }'
  expect 1 analyse wrong.cc
  says "requires holding mutex 'mutex'"
  program 'void Wait() { changed.Wait(mutex); }'
  expect 1 analyse wrong.cc
  program 'void Twice() { const mr::MutexLock one(mutex); const mr::MutexLock two(mutex); }'
  expect 1 analyse wrong.cc
  says "acquiring mutex 'mutex' that is already held"
}

run_cases
