#!/usr/bin/env bash
# sdk_install_test.sh SOURCE_DIR BUILD_DIR COMPILER…: installs the component "dev" into an empty prefix and builds a
# plugin outside of the tree, through find_package(mr) and by the pkg-config one-liner with each compiler.
set -euo pipefail
build_dir=${2:?usage: sdk_install_test.sh SOURCE_DIR BUILD_DIR COMPILER...}
source_dir=$1
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
cmake --install "$build_dir" --component dev --prefix "$prefix" >"$work/install.log"

fail() {
  echo "sdk_install: $*" >&2
  exit 1
}
# A plugin exports its entry, carries the tag, and has no "lib" prefix.
check() {
  [[ -f $1 ]] || fail "$1 was not built"
  nm -D --defined-only "$1" | grep -q ' W mr_plugin_entry$' || fail "$1 does not export mr_plugin_entry"
  readelf -SW "$1" | grep -q ' \.mr_abi_tag ' || fail "$1 has no .mr_abi_tag"
}

[[ -f $prefix/include/mr/mr.hpp && -f $prefix/include/mr/mr_abi.h ]] || fail "headers are missing"
if compgen -G "$prefix/lib*/**/plugins/*" >/dev/null; then fail "the component dev installs plugins"; fi

# The seven lines of the README, two files of source, and the simple style.
mkdir "$work/project"
cd "$work/project"
cat >wordcount.cpp <<'TEXT'
#include <mr/mr.hpp>
struct WordCount : mr::Job<mr::View, uint64_t> {
  void map(View line, Emit& emit) {
    for (View word : mr::words(line)) emit(word, 1);
  }
  using Reduce = mr::Sum;
};
MR_JOB(WordCount);
TEXT
sed 's/WordCount/Another/' wordcount.cpp >another.cpp
cat >classroom.cpp <<'TEXT'
#include <mr/simple.hpp>
std::vector<mr::KV> Map(mr::View, mr::View text) {
  std::vector<mr::KV> all;
  for (mr::View word : mr::words(text)) all.push_back({std::string(word), "1"});
  return all;
}
std::string Reduce(mr::View, const std::vector<std::string>& values) { return std::to_string(values.size()); }
MR_SIMPLE(classroom, Map, Reduce);
TEXT
cat >CMakeLists.txt <<'TEXT'
cmake_minimum_required(VERSION 3.20)
project(outside CXX)
find_package(mr 0.1 REQUIRED)
mr_add_plugin(wordcount wordcount.cpp another.cpp)
enable_testing()
find_package(GTest REQUIRED)
mr_add_plugin_test(wordcount_test wordcount_test.cpp)
TEXT
cat >wordcount_test.cpp <<'TEXT'
#include "wordcount.cpp"
#include <gtest/gtest.h>
#include <mr/test.hpp>
TEST(WordCount, Counts) {
  const auto r = mr::test::Run<WordCount>().input("a.txt", "to be or not\nto be").partitions(2).run();
  EXPECT_EQ(r.sorted_text(), "be\t2\nnot\t1\nor\t1\nto\t2\n");
}
TEST(WordCount, Lawful) { EXPECT_TRUE(mr::test::laws<WordCount>({{"a.txt", "to be\nor not\nto be", ""}})); }
TEXT
cmake -S . -B build -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_BUILD_TYPE=Release >"$work/configure.log"
cmake --build build >"$work/build.log"
check build/wordcount.so
(cd build && ctest --output-on-failure) >"$work/test.log" || { cat "$work/test.log"; fail "the plugin's own test fails"; }
grep -q '100% tests passed.* out of 1' "$work/test.log" || fail "the plugin's test was not run: $(cat "$work/test.log")"
# libstdc++ declares namespace std visible, so its templates stay so; nothing of the plugin or the SDK may.
exported=$(nm -DC --defined-only build/wordcount.so | grep -vE ' mr_plugin_entry$| [A-Za-z] (.* )?(std|__gnu_cxx)::' || true)
[[ -z $exported ]] || fail "mr_add_plugin leaves more than mr_plugin_entry visible: $exported"

# What was built outside runs, where the programs are there.
run() {
  [[ -x $build_dir/bin/mrsubmit ]] || return 0
  rm -rf out
  printf 'to be or not to be\n' >in.txt
  TMPDIR=$work "$build_dir/bin/mrsubmit" --no-config run --local=1 "$1" in.txt -o out 2>run.log || { cat run.log; fail "$1 does not run"; }
  [[ $(cat out/part-* | sort) == $'be\t2\nnot\t1\nor\t1\nto\t2' ]] || fail "$1 counts: $(cat out/part-*)"
}
# A plugin without the sanitizer of the programs is refused by them.
sanitized=$(sed -n 's/^MR_SANITIZE:[A-Z]*=//p' "$build_dir/CMakeCache.txt")
[[ -n $sanitized ]] || run build/wordcount.so:WordCount

pc=$(find "$prefix" -name mr.pc)
for compiler in "$@"; do
  [[ $compiler == *NOTFOUND ]] && continue
  for name in wordcount classroom; do
    # shellcheck disable=SC2046  # several flags
    "$compiler" -std=c++20 -O2 -Wall -Wextra -Wshadow -Wno-error -Werror=all -Werror=extra -Werror=shadow -shared -fPIC \
      $(PKG_CONFIG_PATH=$(dirname "$pc") pkg-config --cflags mr) "$name.cpp" -o "$name.so"
    check "$name.so"
    [[ -n $sanitized ]] || run "./$name.so"
  done
  # The test driver as installed.
  echo '#include <mr/test.hpp>' >header.cpp
  # shellcheck disable=SC2046
  "$compiler" -std=c++20 -fsyntax-only -Wall -Wextra -Wshadow -Werror \
    $(PKG_CONFIG_PATH=$(dirname "$pc") pkg-config --cflags mr) header.cpp
done
# The C ABI is C.
echo '#include <mr/mr_abi.h>' >abi.c
cc -std=c99 -Wall -Wextra -pedantic -Werror -fsyntax-only -I"$prefix/include" abi.c
echo "sdk_install: ok ($source_dir)"
