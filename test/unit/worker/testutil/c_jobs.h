// Jobs written against the C ABI by hand, and what an attempt of them needs around it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/abi/mr_abi.h"
#include "common/io/env.h"
#include "common/wire/job.h"
#include "worker/userjob/attempt_context.h"

namespace mr::worker::test {

// A directory that goes away with the object.
class ScratchDirectory {
 public:
  ScratchDirectory();
  ~ScratchDirectory();
  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const { return JoinPath(path_, name); }

 private:
  std::string path_;
};

// Everything that one attempt is given; directories are made.
struct AttemptFixture {
  explicit AttemptFixture(const std::string& directory, Env& env = PosixEnv());

  wire::Assignment assignment;
  BlackBox box;
  std::vector<std::string> logs;
  int commits = 0;
  AttemptContext context;
};

// Frames and values as a plugin writes them.
int Emit(mr_sink* sink, std::string_view key, std::string_view value);
int Write(mr_sink* sink, std::string_view bytes);
std::string BigEndian(uint64_t value, uint32_t width = 8);
uint64_t FromBigEndian(std::string_view bytes);
std::string_view View(mr_bytes bytes);

// Words (runs of ASCII letters) and how often they occur; values are 8 bytes, big endian. With `fold` the engine
// folds them, else `combine` sums them. reduce() writes "word TAB count".
mr_job_def WordCountJob(bool fold, bool combine);
// Emits (line, value) per line "key TAB value"; reduce writes "key TAB value value …" in the order of arrival.
mr_job_def GroupingJob();

// What a sequential program makes of the same text, as WordCountJob's output.
std::map<std::string, uint64_t> CountWords(std::string_view text);

// Writes a file and describes it as a job's input, cut into splits of `split_bytes`.
std::vector<wire::Split> WriteInput(const std::string& path, std::string_view text, uint64_t split_bytes);

}  // namespace mr::worker::test
