#include "worker/task/crash_handler.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

// Everything that runs in the handler may be called in any state of the process: no allocation, no
// lock of ours. backtrace() has been called once before, so that it does not load libgcc then;
// dladdr() takes the loader's lock, which is only held during dlopen: should the handler hang
// there, the alarm ends it.

namespace mr::worker {
namespace {

constexpr std::array kSignals = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGQUIT};
constexpr size_t kStackBytes = 128u << 10;
constexpr unsigned kHandlerSecondsMax = 3;
constexpr int kFramesMax = 64;
static_assert(sizeof(BlackBox::frames) / sizeof(uint64_t) == kFramesMax);

BlackBox* g_box = nullptr;
int g_probe[2] = {-1, -1};  // a pipe: write() checks an address without touching it
std::array<struct sigaction, kSignals.size()> g_earlier;

void* ProgramCounter(const void* context) {
  const auto& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  return reinterpret_cast<void*>(machine.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return reinterpret_cast<void*>(machine.pc);
#else
  return nullptr;
#endif
}

// Whether a page fault was a read, a write or a jump. An address that is no address at all (not canonical) is no page
// fault, and siginfo does not have it.
BlackBox::Access FaultAccess([[maybe_unused]] const void* context) {
#if defined(__x86_64__)
  constexpr int64_t kPageFault = 14, kWriteBit = 2, kFetchBit = 16;
  const auto& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
  if (machine.gregs[REG_TRAPNO] != kPageFault) return BlackBox::kUnknownAccess;
  const int64_t error = machine.gregs[REG_ERR];
  if ((error & kFetchBit) != 0) return BlackBox::kExecute;
  return (error & kWriteBit) != 0 ? BlackBox::kWrite : BlackBox::kRead;
#elif defined(__aarch64__)
  // The kernel leaves the syndrome register in a list of records behind the registers.
  const auto& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
  const char* record = reinterpret_cast<const char*>(machine.__reserved);
  const char* end = record + sizeof machine.__reserved;
  constexpr uint32_t kEsrMagic = 0x45535201, kDataAbort = 0x24, kInstructionAbort = 0x20;
  while (end - record >= 16) {
    uint32_t head[2];
    std::memcpy(head, record, sizeof head);
    if (head[0] == kEsrMagic) {
      uint64_t esr = 0;
      std::memcpy(&esr, record + sizeof head, sizeof esr);
      const uint32_t what = static_cast<uint32_t>(esr >> 26) & 0x3f;
      if (what == kInstructionAbort) return BlackBox::kExecute;
      if (what != kDataAbort) return BlackBox::kUnknownAccess;
      return (esr & 0x40) != 0 ? BlackBox::kWrite : BlackBox::kRead;
    }
    if (head[1] == 0 || head[1] > static_cast<size_t>(end - record)) break;
    record += head[1];
  }
  return BlackBox::kUnknownAccess;
#else
  return BlackBox::kUnknownAccess;
#endif
}

// Copies text into a fixed field, always with a NUL; returns how much was written.
size_t Put(char* out, size_t room, const char* text) {
  size_t used = 0;
  while (used + 1 < room && text[used] != '\0') {
    out[used] = text[used];
    ++used;
  }
  if (room > 0) out[used] = '\0';
  return used;
}

size_t PutHex(char* out, size_t room, uint64_t value) {
  char digits[19] = "0x";
  size_t length = 2;
  int shift = 60;
  while (shift > 0 && (value >> shift) == 0) shift -= 4;
  for (; shift >= 0; shift -= 4) digits[length++] = "0123456789abcdef"[(value >> shift) & 15];
  digits[length] = '\0';
  return Put(out, room, digits);
}

// "MODULE+0xOFFSET SYMBOL": the reader has the module's full symbol table, this process only
// exported names.
void DescribeFrame(char* out, size_t room, const void* address) {
  Dl_info info{};
  if (::dladdr(address, &info) == 0 || info.dli_fname == nullptr) {
    PutHex(out, room, reinterpret_cast<uint64_t>(address));
    return;
  }
  size_t used = Put(out, room, info.dli_fname);
  used += Put(out + used, room - used, "+");
  used += PutHex(out + used, room - used,
                 reinterpret_cast<uint64_t>(address) - reinterpret_cast<uint64_t>(info.dli_fbase));
  if (info.dli_sname == nullptr) return;
  used += Put(out + used, room - used, " ");
  Put(out + used, room - used, info.dli_sname);
}

// Frames from `first` (the faulting instruction) outwards; all, if it is not found.
void RecordStack(BlackBox& box, const void* first) {
  void* frames[kFramesMax + 8];
  const int got = ::backtrace(frames, kFramesMax + 8);
  int start = 0;
  for (int i = 0; i < got; ++i) {
    if (frames[i] == first) start = i;
  }
  const int count = std::min(got - start, kFramesMax);
  for (int i = 0; i < count; ++i) {
    box.frames[i] = reinterpret_cast<uint64_t>(frames[start + i]);
    // A return address may be the first byte of the next function: look one byte before.
    const char* inside =
        static_cast<const char*>(frames[start + i]) - (i == 0 && start != 0 ? 0 : 1);
    DescribeFrame(box.frame_text[i], sizeof box.frame_text[i], inside);
    box.frame_count = static_cast<uint32_t>(i + 1);
  }
}

// The record's first bytes, if its address can still be read. Reduce groups are recorded by the
// host.
void RecordExcerpt(BlackBox& box) {
  const mr_where& where = box.where;
  if (where.phase != MR_PHASE_MAP || where.record_data == nullptr) return;
  box.record_size = where.record_size;
  box.record_offset = where.batch_offset;
  if (where.batch_data != nullptr && where.record_data >= where.batch_data) {
    box.record_offset += static_cast<uint64_t>(where.record_data - where.batch_data);
  }
  const size_t wanted = std::min<uint64_t>(where.record_size, sizeof box.excerpt);
  const ssize_t readable = ::write(g_probe[1], where.record_data, wanted);
  box.excerpt_size = 0;
  if (readable <= 0) return;
  const ssize_t got = ::read(g_probe[0], box.excerpt, static_cast<size_t>(readable));
  if (got > 0) box.excerpt_size = static_cast<uint32_t>(got);
}

void OnSignal(int signal_number, siginfo_t* info, void* context) {
  for (size_t i = 0; i < kSignals.size(); ++i) {
    // First of all, so that a fault in here ends the process instead of coming back.
    if (kSignals[i] == signal_number) ::sigaction(signal_number, &g_earlier[i], nullptr);
  }
  BlackBox& box = *g_box;
  uint32_t alive = BlackBox::kAlive;
  if (box.death.compare_exchange_strong(alive, BlackBox::kSignal)) {
    ::alarm(kHandlerSecondsMax);
    box.signal_number = signal_number;
    box.signal_code = info->si_code;
    box.fault_address = reinterpret_cast<uint64_t>(info->si_addr);
    if (signal_number == SIGSEGV || signal_number == SIGBUS) box.fault_access = FaultAccess(context);
    RecordExcerpt(box);
    RecordStack(box, ProgramCounter(context));
  }
  ::raise(signal_number);  // blocked until the handler returns, then the earlier action
}

// Addresses only: to look up their names takes the loader's lock, and this task shall go on. backtrace()
// itself takes no lock with the unwinder of GCC 12 and glibc 2.35 or newer.
void OnStackAsked(int, siginfo_t*, void* context) {
  const int saved_errno = errno;
  BlackBox& box = *g_box;
  void* frames[kFramesMax + 8];
  const int got = ::backtrace(frames, kFramesMax + 8);
  const void* interrupted = ProgramCounter(context);
  int start = 0;
  for (int i = 0; i < got; ++i) {
    if (frames[i] == interrupted) start = i;
  }
  const int count = std::min(got - start, kFramesMax);
  for (int i = 0; i < count; ++i) {
    box.live_frames[i] = reinterpret_cast<uint64_t>(frames[start + i]);
  }
  box.live_frame_count = static_cast<uint32_t>(count);
  box.stacks_taken.fetch_add(1, std::memory_order_release);
  errno = saved_errno;
}

void OnExit(int status, void*) {
  BlackBox& box = *g_box;
  if (box.where.phase == MR_PHASE_NONE) return;
  uint32_t alive = BlackBox::kAlive;
  if (!box.death.compare_exchange_strong(alive, BlackBox::kExit)) return;
  box.exit_code = status;
  RecordExcerpt(box);
  RecordStack(box, nullptr);
}

}  // namespace

void InstallCrashHandler(BlackBox& box) {
  g_box = &box;
  void* warm_up[1];
  ::backtrace(warm_up, 1);
  [[maybe_unused]] const int piped = ::pipe2(g_probe, O_CLOEXEC | O_NONBLOCK);
  void* memory =
      ::mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory != MAP_FAILED) {
    stack_t stack{};
    stack.ss_sp = memory;
    stack.ss_size = kStackBytes;
    ::sigaltstack(&stack, nullptr);
  }
  struct sigaction action {};
  action.sa_sigaction = &OnSignal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &action, &g_earlier[i]);
  // What it interrupts goes on; a system call that cannot be restarted says EINTR, as it always may.
  action.sa_sigaction = &OnStackAsked;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  ::sigaction(StackSignal(), &action, nullptr);
  box.takes_stacks.store(1);
  ::on_exit(&OnExit, nullptr);
}

}  // namespace mr::worker
