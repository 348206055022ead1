// Runs a fuzz target without libFuzzer: its seeds, its corpus, and mutations of them that follow
// from a number.
//
//   fuzz_NAME [--runs N] [--from N] [CORPUS…]   inputs first, then the mutations number FROM, FROM
//   + 1, … fuzz_NAME --write DIRECTORY                 the seeds as files, for a corpus
//
// A crash prints the number of its mutation: again with --from THAT --runs 1 and the same corpus.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include "common/base/hash.h"
#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/io/env.h"
#include "test/fuzz/fuzz.h"
#include "test/fuzz/mutate.h"

namespace mr::fuzz {
namespace {

constexpr size_t kInputBytesMax = 64u << 10;

char running[4096] = "before the first input\n";  // for the signal handler

void TellInput(int number) {
  (void)!::write(STDERR_FILENO, running, std::strlen(running));
  std::signal(number, SIG_DFL);
  std::raise(number);
}

void Run(const std::string& name, std::string_view bytes) {
  std::snprintf(running, sizeof running, "it was %.4000s\n", name.c_str());
  OneInput(bytes);
}

void ReadCorpus(const std::string& path, std::vector<std::string>& names) {
  if (std::filesystem::is_directory(path)) {
    for (const auto& entry : std::filesystem::directory_iterator(path))
      names.push_back(entry.path());
  } else {
    names.push_back(path);
  }
}

int Write(const std::string& directory) {
  for (const std::string& seed : Seeds()) {
    char name[17];
    std::snprintf(name, sizeof name, "%016jx", static_cast<uintmax_t>(Hash64(seed)));
    if (!WriteFileAtomically(PosixEnv(), JoinPath(directory, name), seed)) return 1;
  }
  return 0;
}

int Main(int argc, char** argv) {
  uint64_t runs = 20'000, from = 0;
  std::vector<std::string> names;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (!option.starts_with("--")) {
      ReadCorpus(argv[i], names);
    } else if (i + 1 == argc || (option != "--runs" && option != "--from" && option != "--write")) {
      std::fprintf(stderr, "usage: %s [--runs N] [--from N] [CORPUS…] | --write DIRECTORY\n",
                   argv[0]);
      return 2;
    } else if (option == "--write") {
      return Write(argv[++i]);
    } else {
      (option == "--runs" ? runs : from) = std::strtoull(argv[++i], nullptr, 10);
    }
  }
  for (const int number : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGALRM})
    std::signal(number, TellInput);
  std::vector<std::string> inputs = Seeds();
  for (size_t i = 0; i < inputs.size(); ++i) Run(StrCat("seed ", i), inputs[i]);
  std::sort(names.begin(), names.end());  // mutations must not depend on the order of a directory
  for (const std::string& name : names) {
    auto bytes = ReadWholeFile(PosixEnv(), name);
    if (!bytes) {
      std::fprintf(stderr, "%s\n", bytes.error().text.c_str());
      return 1;
    }
    Run(name, *bytes);
    inputs.push_back(std::move(*bytes));
  }
  for (uint64_t i = from; i < from + runs; ++i) {
    Random random(i);
    const std::string bytes = Mutate(random, inputs, kInputBytesMax);
    ::alarm(20);  // no input may take that long
    Run(StrCat("mutation ", i, " (--from ", i, " --runs 1)"), bytes);
  }
  std::printf("%zu inputs and %ju mutations\n", inputs.size(), static_cast<uintmax_t>(runs));
  return 0;
}

}  // namespace
}  // namespace mr::fuzz

int main(int argc, char** argv) { return mr::fuzz::Main(argc, argv); }
