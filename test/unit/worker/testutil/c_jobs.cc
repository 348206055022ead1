#include "test/unit/worker/testutil/c_jobs.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>

#include "common/base/logging.h"

namespace mr::worker::test {
namespace {

bool IsLetter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }

template <class Function>
void ForEachWord(std::string_view text, Function function) {
  for (size_t i = 0; i < text.size();) {
    while (i < text.size() && !IsLetter(text[i])) ++i;
    size_t begin = i;
    while (i < text.size() && IsLetter(text[i])) ++i;
    if (i > begin) function(text.substr(begin, i - begin));
  }
}

// The instance of the C jobs: nothing but the task.
void* Create(const mr_task* task) { return const_cast<mr_task*>(task); }

int MapWords(void* instance, const mr_records* records, mr_sink* sink) {
  auto* task = static_cast<const mr_task*>(instance);
  static const std::string one = BigEndian(1);
  int result = MR_OK;
  for (uint32_t i = 0; i < records->count && result == MR_OK; ++i) {
    task->where->record_data = records->records[i].data;
    task->where->record_size = records->records[i].size;
    task->where->record_no = records->first_no + i;
    ForEachWord(View(records->records[i]), [&](std::string_view word) {
      if (result == MR_OK) result = Emit(sink, word, one);
    });
  }
  return result;
}

int SumWords(mr_group* group, std::string& word, uint64_t& sum) {
  mr_bytes key, value;
  int more;
  sum = 0;
  while ((more = group->next(group->host, &key, &value)) == 1) {
    word = View(key);
    sum += FromBigEndian(View(value));
  }
  return more < 0 ? MR_STOP : MR_OK;
}

int CombineWords(void*, mr_group* group, mr_sink* sink) {
  std::string word;
  uint64_t sum = 0;
  int result = SumWords(group, word, sum);
  return result == MR_OK ? Emit(sink, word, BigEndian(sum)) : result;
}

int ReduceWords(void*, mr_group* group, mr_sink* sink) {
  std::string word;
  uint64_t sum = 0;
  int result = SumWords(group, word, sum);
  return result == MR_OK ? Write(sink, word + "\t" + std::to_string(sum) + "\n") : result;
}

int MapPairs(void*, const mr_records* records, mr_sink* sink) {
  for (uint32_t i = 0; i < records->count; ++i) {
    std::string_view line = View(records->records[i]);
    size_t tab = line.find('\t');
    if (int result = Emit(sink, line.substr(0, tab), line.substr(tab + 1)); result != MR_OK) return result;
  }
  return MR_OK;
}

int ReducePairs(void*, mr_group* group, mr_sink* sink) {
  std::string line;
  mr_bytes key, value;
  int more;
  while ((more = group->next(group->host, &key, &value)) == 1) {
    if (line.empty()) line = std::string(View(key)) + "\t";
    line += std::string(View(value)) + " ";
  }
  if (more < 0) return MR_STOP;
  line.back() = '\n';
  return Write(sink, line);
}

mr_job_def BaseJob(const char* name) {
  mr_job_def job{};
  job.size = sizeof job;
  job.name = name;
  job.input_format = "lines";
  job.output_format = "tsv";
  job.create = Create;
  return job;
}

}  // namespace

ScratchDirectory::ScratchDirectory() {
  const char* parent = std::getenv("TMPDIR");
  auto made = CreateTemporaryDirectory(JoinPath(parent == nullptr ? "/tmp" : parent, "millrace-test-"));
  CHECK(made.has_value()) << made.error().text;
  path_ = *made;
}

ScratchDirectory::~ScratchDirectory() { (void)PosixEnv().RemoveTree(path_); }

AttemptFixture::AttemptFixture(const std::string& directory, Env& env)
    : context{assignment,
              env,
              box,
              "worker-1",
              JoinPath(directory, "scratch"),
              JoinPath(directory, "map.run"),
              {},
              [this]() -> Status {
                ++commits;
                return {};
              },
              [this](int, std::string_view message) { logs.emplace_back(message); }} {
  CHECK(env.CreateDirectories(context.scratch_dir).has_value());
  CHECK(env.CreateDirectories(JoinPath(directory, "out")).has_value());
  assignment.attempt.task.job = JobId{42};
  assignment.attempt.epoch = 1;
  assignment.config.name = "test";
  assignment.config.output_dir = JoinPath(directory, "out");
  assignment.config.task_memory_bytes = 4u << 20;
}

int Emit(mr_sink* sink, std::string_view key, std::string_view value) {
  size_t size = 8 + key.size() + value.size();
  if (static_cast<size_t>(sink->end - sink->cursor) < size && sink->more(sink, size) != 0) return MR_STOP;
  auto key_size = static_cast<uint32_t>(key.size()), value_size = static_cast<uint32_t>(value.size());
  std::memcpy(sink->cursor, &key_size, 4);
  std::memcpy(sink->cursor + 4, &value_size, 4);
  std::copy(key.begin(), key.end(), sink->cursor + 8);
  std::copy(value.begin(), value.end(), sink->cursor + 8 + key.size());
  sink->cursor += size;
  return MR_OK;
}

int Write(mr_sink* sink, std::string_view bytes) {
  if (static_cast<size_t>(sink->end - sink->cursor) < bytes.size() && sink->more(sink, bytes.size()) != 0) {
    return MR_STOP;
  }
  std::copy(bytes.begin(), bytes.end(), sink->cursor);
  sink->cursor += bytes.size();
  return MR_OK;
}

std::string BigEndian(uint64_t value, uint32_t width) {
  std::string bytes(width, '\0');
  for (uint32_t i = 0; i < width; ++i) bytes[width - 1 - i] = static_cast<char>(value >> (8 * i));
  return bytes;
}

uint64_t FromBigEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

std::string_view View(mr_bytes bytes) {
  return bytes.size == 0 ? std::string_view() : std::string_view(bytes.data, bytes.size);
}

mr_job_def WordCountJob(bool fold, bool combine) {
  mr_job_def job = BaseJob("wordcount");
  job.map = MapWords;
  job.reduce = ReduceWords;
  if (combine) job.combine = CombineWords;
  if (fold) {
    job.fold = MR_FOLD_SUM;
    job.fold_width = 8;
    job.fold_value = MR_VALUE_UNSIGNED;
  }
  return job;
}

mr_job_def GroupingJob() {
  mr_job_def job = BaseJob("grouping");
  job.map = MapPairs;
  job.reduce = ReducePairs;
  return job;
}

std::map<std::string, uint64_t> CountWords(std::string_view text) {
  std::map<std::string, uint64_t> counts;
  ForEachWord(text, [&](std::string_view word) { ++counts[std::string(word)]; });
  return counts;
}

std::vector<wire::Split> WriteInput(const std::string& path, std::string_view text, uint64_t split_bytes) {
  CHECK(WriteFileAtomically(PosixEnv(), path, text).has_value());
  FileStat stat = *PosixEnv().Stat(path);
  std::vector<wire::Split> splits;
  for (uint64_t begin = 0; begin < text.size(); begin += split_bytes) {
    wire::Split split;
    split.file.path = path;
    split.file.size_bytes = stat.size_bytes;
    split.file.mtime_ns = stat.mtime_ns;
    split.begin = begin;
    split.end = std::min<uint64_t>(begin + split_bytes, text.size());
    splits.push_back(split);
  }
  return splits;
}

}  // namespace mr::worker::test
