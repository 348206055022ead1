#!/usr/bin/env bash
# Feeds scripts/check-tidy a clean tree, then one bad sample after the other, and sees each rule turn red.
# shellcheck disable=SC2016  # the samples are scripts whose $0 and $1 are not ours
set -euo pipefail
source_dir=${1:?usage: check_tidy_test.sh SOURCE_DIR}
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failures=0

# put PATH TEXT: writes a file of the sample tree and, for sources, lists it in CMake.
put() {
  mkdir -p "$tree/$(dirname "$1")"
  printf '%s\n' "$2" >"$tree/$1"
}

fresh() {
  rm -rf "${tree:?}"/*
  put coordinator/core/CMakeLists.txt 'mr_room(x SOURCES core.cc)'
  put coordinator/core/core.cc '// A comment may say open( or std::mutex or LOG(INFO), and a string "rename(x)" too.
#include "coordinator/core/core.h"
void F(Reader& r) { r.read(3); /* std::thread */ Open(2); log.write(1); Link link(3); }'
  put coordinator/core/core.h '#include "common/base/ids.h"
#include "common/wire/job.h"'
  put common/io/env_posix.cc '#include "common/io/env.h"
int F() { return ::open("x", 0) + rename("a", "b"); }'
  put common/io/CMakeLists.txt 'mr_room(y SOURCES env_posix.cc)'
  put scripts/good '#!/usr/bin/env bash
set -euo pipefail
echo "$0"'
}

# expect RULE WHERE: the checker finds RULE at WHERE (file:line) and fails.
expect() {
  local output
  if output=$("$source_dir/scripts/check-tidy" --root "$tree" 2>&1); then
    echo "FAILED: [$1] at $2 was not found; the checker said: $output"
    failures=$((failures + 1))
  elif ! grep -qF -- "$2: [$1]" <<<"$output"; then
    echo "FAILED: [$1] at $2 was not found; the checker said:"
    echo "$output"
    failures=$((failures + 1))
  fi
  fresh
}

# bad RULE PATH TEXT [LINE]: adds the file, expects RULE there.
bad() {
  put "$2" "$3"
  put "$(dirname "$2")/CMakeLists.txt" "add_library(x $(cd "$tree/$(dirname "$2")" && ls))"
  expect "$1" "$2:${4:-1}"
}

fresh
if ! output=$("$source_dir/scripts/check-tidy" --root "$tree" 2>&1); then
  echo "FAILED: the clean sample is not clean:"
  echo "$output"
  failures=$((failures + 1))
fi

bad include worker/run/a.cc '#include "worker/map/b.h"'
bad include worker/map/a.cc '#include "worker/task/b.h"'
bad include worker/agent/a.h '#include "coordinator/core/b.h"'
bad include submit/a.cc '#include "worker/run/b.h"'
bad include coordinator/server/a.cc '
#include "submit/b.h"' 2
bad include common/io/a.h '#include "common/wire/b.h"'
bad include common/base/a.h '#include "common/io/b.h"'
bad include coordinator/core/a.cc '#include "common/net/b.h"'
bad include worker/task/a.cc '#include "test/support/b.h"'
bad include apps/wordcount/a.cc '#include "common/base/b.h"'
bad include worker/task/a.cc '#include <mr/mr.hpp>'
bad library common/base/a.cc '#include <zmq.hpp>'
bad library common/net/a.h '#include <zmq.hpp>'
bad library worker/agent/a.cc '#include <msgpack.hpp>'
bad library worker/agent/a.cc '#include <boost/dll.hpp>'
bad library submit/a.cc '#include <httplib.h>'
bad library worker/agent/a.cc '#include <glog/logging.h>'
bad library worker/agent/a.cc '#include <openssl/sha.h>'
bad library worker/agent/a.cc '#include "xxhash.h"'
bad library coordinator/core/a.cc '#include <zstd.h>'
bad library coordinator/core/a.h '#include <nlohmann/json.hpp>'
bad library worker/run/a.cc '#include <CLI/CLI.hpp>'
bad library worker/run/a.cc '#include <toml++/toml.h>'
bad library worker/run/a.h '#include "common/base/logging.h"'
bad core coordinator/core/a.cc 'auto F() { return std::chrono::steady_clock::now(); }'
bad core coordinator/core/a.cc 'void F() { LOG(INFO) << 1; }'
bad core coordinator/core/a.h 'std::unordered_map<int, int> m;'
Lesson09_CoresHaveNoAtomicsAndNoMutexes() {
  local core
  for core in coordinator/core/a coordinator/raft/core/a worker/agent/agent_core; do
    bad core $core.cc '#include <mutex>'
    bad core $core.cc '#include <atomic>'
    bad core $core.cc 'std::atomic<int> m;'
    bad core $core.cc 'const std::scoped_lock lock(std::mutex);'
    bad core $core.cc 'void F() { std::thread t; }'
  done
}
Lesson09_CoresHaveNoAtomicsAndNoMutexes
bad core worker/agent/agent_core.cc '
int F() { return rand(); }' 2
bad core worker/agent/agent_core_leases.cc 'void F() { ::write(1, "", 0); }'
bad core worker/agent/agent_core.cc 'auto p = getenv("HOME");'
bad core worker/agent/agent_core.cc '#include "common/io/env.h"'
bad files worker/run/a.cc 'int F() { return ::open("x", 0); }'
bad files worker/output/a.cc 'int F() { return rename("x", "y"); }'
bad files submit/a.cc 'void F() { fsync(3); }'
bad files submit/a.cc '#include <fstream>
std::ifstream f("x");' 2
bad files submit/a.cc 'bool b = std::filesystem::exists("x");'
bad memory worker/run/a.cc 'int* F() { return new int(3); }'
bad locks worker/run/a.cc 'void F() { mutex_.lock(); }'  # Lesson07
bad locks worker/run/a.cc 'void F() { guard->unlock(); }'
bad locks worker/run/a.cc 'std::mutex mutex;'
bad header worker/run/a.h 'using namespace std;'
bad size worker/run/a.cc "$(seq -f 'int a%g;' 1 601)" 601
bad words worker/run/a.cc 'int master = 1;'
bad words worker/run/a.cc '// the slave does it'
bad words worker/run/a.h 'class ShardMap;'
bad words worker/run/a.h 'int shard_count;'
bad paths README.md 'look at /work/main/x'
bad paths scripts/notes.txt 'as issue 12 says'

put worker/run/lost.cc 'int a;'
expect cmake worker/run/lost.cc:1
put scripts/bad '#!/usr/bin/env bash
set -euo pipefail
echo $1'
expect scripts scripts/bad:3
put scripts/bad '#!/usr/bin/env bash
echo 1'
expect scripts scripts/bad:1
put scripts/packages 'libx-dev | why it is there'
put README.md 'no table'
expect packages scripts/packages:1
put scripts/packages 'libx-dev | why it is there'
put README.md '| package | why |
|---|---|
| libx-dev | why it is there |
| liby-dev | not in the list |'
expect packages README.md:4

if ((failures > 0)); then
  echo "$failures failed"
  exit 1
fi
echo "every rule turns red"
