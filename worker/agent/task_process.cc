#include "worker/agent/task_process.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>

#include "common/base/strings.h"
#include "worker/agent/source_lines.h"
#include "worker/input/record_reader.h"
#include "worker/task/app_library.h"
#include "worker/task/elf_file.h"

namespace mr::worker {
namespace {

// Counting lines means reading the file up to the record, and the report waits for it.
constexpr uint64_t kLineCountBytesMax = 64u << 20;
constexpr size_t kFramesShown = 24;

std::string HexAddress(uint64_t value) {
  char digits[20];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value, 16);
  return StrCat("0x", std::string(digits, end));
}

// The text of a fixed field, which may be torn.
std::string FieldText(const char* field, size_t size) {
  return std::string(field, ::strnlen(field, size));
}

uint64_t OffsetOfRecord(const BlackBox& box) {
  const mr_where& where = box.where;
  if (box.record_offset != 0 || where.batch_data == nullptr ||
      where.record_data < where.batch_data) {
    return box.record_offset != 0 ? box.record_offset : where.batch_offset;
  }
  return where.batch_offset + static_cast<uint64_t>(where.record_data - where.batch_data);
}

uint64_t LineOf(Env& env, const std::optional<wire::Assignment>& assignment,
                const DeathReport& death) {
  if (!assignment || death.record_offset > kLineCountBytesMax) return 0;
  const auto format = assignment->config.input_format;
  if (format != wire::InputFormat::kLines && format != wire::InputFormat::kBlocks) return 0;
  const auto* map = std::get_if<wire::MapWork>(&assignment->work);
  if (map == nullptr) return 0;
  for (const wire::Split& split : map->splits) {
    if (split.file.path == death.input_path)
      return LineNumberAt(env, split.file, death.record_offset);
  }
  return 0;
}

// For a death without a handler (SIGKILL) the record's bytes are read from the file.
std::string ExcerptOf(Env& env, const std::optional<wire::Assignment>& assignment,
                      const DeathReport& death) {
  constexpr size_t kBytes = 256;
  const auto* map = assignment ? std::get_if<wire::MapWork>(&assignment->work) : nullptr;
  if (map == nullptr || death.record_offset > kLineCountBytesMax) return "";
  for (const wire::Split& split : map->splits) {
    if (split.file.path == death.input_path)
      return ExcerptAt(env, split.file, death.record_offset, kBytes);
  }
  return "";
}

}  // namespace

Result<std::unique_ptr<TaskProcess>> TaskProcess::Adopt(const Spawned& spawned) {
  void* memory = ::mmap(nullptr, sizeof(BlackBox), PROT_READ, MAP_SHARED, spawned.black_box_fd, 0);
  const int saved = errno;
  ::close(spawned.black_box_fd);
  if (memory == MAP_FAILED) {
    ::close(spawned.link_fd);
    ::close(spawned.log_fd);
    return FailErrno(saved, "cannot map a task's black box");
  }
  struct Access : TaskProcess {
    Access(const Spawned& spawned, const BlackBox* box) : TaskProcess(spawned, box) {}
  };
  return std::make_unique<Access>(spawned, static_cast<const BlackBox*>(memory));
}

TaskProcess::TaskProcess(const Spawned& spawned, const BlackBox* black_box)
    : pid_(spawned.pid), link_(spawned.link_fd), log_fd_(spawned.log_fd), black_box_(black_box) {}

TaskProcess::~TaskProcess() {
  ::munmap(const_cast<BlackBox*>(black_box_), sizeof(BlackBox));
  ::close(log_fd_);
}

bool TaskProcess::DrainLog() {
  char buffer[16 << 10];
  // Bounded per call: a task that prints without end must not hold up the others.
  for (int rounds = 0; rounds < 64; ++rounds) {
    const ssize_t got = ::read(log_fd_, buffer, sizeof buffer);
    if (got > 0) {
      log_.Append({buffer, static_cast<size_t>(got)});
    } else if (got == 0) {
      return false;
    } else if (errno != EINTR) {
      return errno == EAGAIN || errno == EWOULDBLOCK;
    }
  }
  return true;
}

uint64_t ResidentBytes(int pid) {
  std::ifstream statm(StrCat("/proc/", pid, "/statm"));
  uint64_t total_pages = 0;
  uint64_t resident_pages = 0;
  uint64_t shared_pages = 0;
  if (!(statm >> total_pages >> resident_pages >> shared_pages)) return 0;
  // Pages of mapped files are the kernel's to drop: they do not count.
  const uint64_t own = resident_pages - std::min(resident_pages, shared_pages);
  return own * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::vector<std::string> TaskProcess::LiveFrames() const {
  struct Mapping {
    uint64_t begin = 0, end = 0;
    uint64_t base = 0;  // of the file's first mapping
    std::string path;
  };
  std::vector<Mapping> mappings;
  std::ifstream maps(StrCat("/proc/", pid_, "/maps"));
  for (std::string line; std::getline(maps, line);) {
    // 7f01-7f02 r-xp 00001000 08:01 1234   /path
    Mapping mapping;
    const size_t slash = line.find('/');
    if (slash == std::string::npos) continue;
    mapping.path = line.substr(slash);
    const char* last = line.data() + line.size();
    const auto begin = std::from_chars(line.data(), last, mapping.begin, 16);
    if (begin.ec != std::errc() || begin.ptr == last) continue;
    std::from_chars(begin.ptr + 1, last, mapping.end, 16);
    const bool continued = !mappings.empty() && mappings.back().path == mapping.path;
    mapping.base = continued ? mappings.back().base : mapping.begin;
    mappings.push_back(std::move(mapping));
  }
  std::vector<std::string> frames;
  const size_t count = std::min<size_t>(black_box_->live_frame_count, kFramesShown);
  for (size_t i = 0; i < count; ++i) {
    // A return address may be the first byte of the next function: look one byte before.
    const uint64_t address = black_box_->live_frames[i] - (i == 0 ? 0 : 1);
    const auto found = std::find_if(mappings.begin(), mappings.end(), [address](const Mapping& each) {
      return each.begin <= address && address < each.end;
    });
    frames.push_back(found == mappings.end()
                         ? HexAddress(address)
                         : StrCat(found->path, "+", HexAddress(address - found->base)));
  }
  return frames;
}

uint64_t TaskProcess::MemoryBytes() const { return ResidentBytes(pid_); }
void TaskProcess::SignalProcess(int signal_number) const { ::kill(pid_, signal_number); }
void TaskProcess::SignalGroup(int signal_number) const { ::kill(-pid_, signal_number); }

DeathReport TaskProcess::Autopsy(const Exited& exited, Env& env,
                                 const std::optional<wire::Assignment>& assignment) {
  DrainLog();
  const BlackBox& box = *black_box_;
  DeathReport death;
  death.signalled = WIFSIGNALED(exited.wait_status);
  death.signal_number = death.signalled ? WTERMSIG(exited.wait_status) : 0;
  death.exit_code = WIFEXITED(exited.wait_status) ? WEXITSTATUS(exited.wait_status) : 0;
  death.peak_memory_bytes = exited.peak_memory_bytes;
  death.log_tail = log_.LastLines();
  if (box.magic != BlackBox::kMagic) return death;  // it died before it could make one
  death.phase = box.where.phase;
  death.handler_ran = box.death.load() == BlackBox::kSignal;
  death.crash_signal = box.signal_number;
  death.crash_code = box.signal_code;
  death.fault_address = box.fault_address;
  death.fault_access = box.fault_access;
  const std::string plugin_name = assignment ? assignment->config.plugin_name : "";
  const size_t frames =
      std::min<size_t>(box.frame_count, std::min<size_t>(kFramesShown, std::size(box.frame_text)));
  std::vector<std::string> raw_frames;
  for (size_t i = 0; i < frames; ++i)
    raw_frames.push_back(FieldText(box.frame_text[i], sizeof box.frame_text[i]));
  death.stack = SymbolizeFrames(env, raw_frames, plugin_name);
  if (death.phase == MR_PHASE_NONE) return death;
  death.input_path = FieldText(box.input_path, sizeof box.input_path);
  death.record_no = box.where.record_no;
  const bool in_map = death.phase == MR_PHASE_MAP && box.where.record_data != nullptr;
  if (in_map) {
    death.record_offset = OffsetOfRecord(box);
    death.record_bytes = box.where.record_size;
  } else {
    death.record_offset = box.record_offset;
    death.record_bytes = box.record_size;
  }
  death.at_record = in_map || death.phase == MR_PHASE_REDUCE;
  death.excerpt.assign(box.excerpt, std::min<size_t>(box.excerpt_size, sizeof box.excerpt));
  if (in_map && death.excerpt.empty()) death.excerpt = ExcerptOf(env, assignment, death);
  if (in_map) death.line_no = LineOf(env, assignment, death);
  return death;
}

std::string SymbolizeFrame(Env& env, const std::string& frame, const std::string& plugin_name) {
  const size_t plus = frame.rfind("+0x");
  if (plus == std::string::npos) return frame;
  const std::string module = frame.substr(0, plus);
  uint64_t address = 0;
  const char* digits = frame.data() + plus + 3;
  const char* end = std::from_chars(digits, frame.data() + frame.size(), address, 16).ptr;
  // A plugin in the cache is named by its hash; people know it by another name.
  std::string shown = BaseName(module);
  if (!plugin_name.empty() && shown.size() == 64 + 3 && shown.ends_with(".so")) shown = plugin_name;
  std::string symbol(Trim(std::string_view(end, frame.data() + frame.size() - end)));
  if (const auto elf = ElfFile::Open(env, module)) {
    if (auto found = elf->FunctionAt(address)) symbol = *found;
  }
  if (symbol.empty())
    return StrCat(shown, frame.substr(plus, static_cast<size_t>(end - frame.data()) - plus));
  return StrCat(DemangleAll(symbol), " (", shown, ")");
}

}  // namespace mr::worker
