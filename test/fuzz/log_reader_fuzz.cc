// The coordinator's log as a start finds it. Whatever the bytes of the newest segment are: the entries that were
// written, or fewer of them with a warning, or a refusal; never others, and never a second answer.
//
// The first byte chooses the file; the rest is its content.
#include "common/base/logging.h"
#include "common/base/strings.h"
#include "coordinator/raft/log_storage.h"
#include "test/fuzz/fuzz.h"
#include "test/support/memory_env.h"

namespace mr::fuzz {
namespace {

using namespace mr::raft;

constexpr const char* kDirectory = "/coord";
constexpr const char* kFiles[] = {"log/000000000001.seg", "log/000000000002.seg", "wm", "hardstate", "META",
                                  "snap/00000000000000000003-00000000000000000001.snap"};

StorageOptions Options() {
  StorageOptions options;
  options.segment_bytes = 512;
  options.seed = 5;
  return options;
}

// Six entries in two segments, and a snapshot of three.
void Write(Env& env) {
  Recovered recovered;
  const auto storage = LogStorage::Open(env, kDirectory, Options(), recovered);
  CHECK(storage) << storage.error().text;
  for (uint64_t i = 1; i <= 6; ++i) {
    const Entry entry{{i}, {1}, EntryKind::kCommand, StrCat("entry ", i)};
    CHECK((*storage)->Append(std::span(&entry, 1)));
    CHECK((*storage)->Sync());
    if (i == 4) CHECK((*storage)->SaveSnapshot({{3}, {1}}, "three"));
  }
}

std::string PathOf(size_t file) { return JoinPath(kDirectory, kFiles[file]); }

}  // namespace

void OneInput(std::string_view bytes) {
  if (bytes.empty()) return;
  test::MemoryEnv env;
  Write(env);
  env.Write(PathOf(static_cast<uint8_t>(bytes[0]) % std::size(kFiles)), std::string(bytes.substr(1)));
  Recovered first;
  {
    const auto storage = LogStorage::Open(env, kDirectory, Options(), first);
    if (!storage) {
      CHECK(!storage.error().text.empty());
      return;
    }
  }
  for (size_t i = 1; i < first.entries.size(); ++i)
    CHECK(first.entries[i].index == Next(first.entries[i - 1].index));
  Recovered second;
  const auto storage = LogStorage::Open(env, kDirectory, Options(), second);
  CHECK(storage) << storage.error().text;
  CHECK(second.entries == first.entries);
  CHECK(second.snapshot == first.snapshot);
}

std::vector<std::string> Seeds() {
  test::MemoryEnv env;
  Write(env);
  std::vector<std::string> seeds;
  for (size_t i = 0; i < std::size(kFiles); ++i)
    seeds.push_back(StrCat(std::string(1, static_cast<char>(i)), env.Read(PathOf(i))));
  return seeds;
}

}  // namespace mr::fuzz
