#include "worker/agent/spawner.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "common/base/strings.h"
#include "worker/agent/spawner_process.h"

namespace mr::worker {

Result<Spawner> Spawner::Fork() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return FailErrno(errno, "cannot make the spawner's socket");
  }
  const int pid = ::fork();
  if (pid < 0) {
    const int saved = errno;
    ::close(ends[0]);
    ::close(ends[1]);
    return FailErrno(saved, "cannot fork the spawner");
  }
  if (pid == 0) {
    ::close(ends[0]);
    RunSpawner(ends[1]);
  }
  ::close(ends[1]);
  return Spawner(ends[0], pid);
}

Spawner::Spawner(Spawner&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), pid_(std::exchange(other.pid_, 0)) {}

Spawner::~Spawner() {
  if (socket_ >= 0) ::close(socket_);
  if (pid_ <= 0) return;
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Status Spawner::Spawn(uint64_t id, const std::string& program) { return Send(id, false, program); }

Status Spawner::RemoveAtEnd(const std::string& directory) { return Send(0, true, directory); }

Status Spawner::Send(uint64_t id, bool remove_at_end, const std::string& path) {
  SpawnRequest request{};
  request.kind = remove_at_end ? SpawnRequest::kRemoveAtEnd : SpawnRequest::kSpawn;
  request.id = id;
  if (path.size() >= sizeof request.path) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("this path is too long for the spawner: ", path));
  }
  std::memcpy(request.path, path.c_str(), path.size() + 1);
  for (;;) {
    if (::send(socket_, &request, sizeof request, MSG_NOSIGNAL) >= 0) return {};
    if (errno != EINTR) return Fail(ErrorCode::kUnavailable, "the spawner process has gone");
  }
}

Result<std::optional<SpawnerNews>> Spawner::Next() {
  SpawnerMessage message{};
  iovec part{&message, sizeof message};
  alignas(cmsghdr) char control[CMSG_SPACE(3 * sizeof(int))];
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t got = 0;
  do {
    got = ::recvmsg(socket_, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::nullopt;
  if (got != sizeof message) return Fail(ErrorCode::kUnavailable, "the spawner process has gone");
  if (message.kind == SpawnerMessage::kExited) {
    return SpawnerNews{{},
                       Exited{message.id, message.pid, message.wait_status,
                              message.peak_memory_bytes, message.cpu_ms}};
  }
  Spawned spawned;
  spawned.id = message.id;
  spawned.pid = message.pid;
  if (message.pid == 0) {
    spawned.error = StrCat("cannot start a task process: ", message.step, ": ",
                           std::strerror(message.error_number));
    return SpawnerNews{std::move(spawned), {}};
  }
  const cmsghdr* attached = CMSG_FIRSTHDR(&header);
  if (attached == nullptr || attached->cmsg_len != CMSG_LEN(3 * sizeof(int))) {
    return Fail(ErrorCode::kUnavailable,
                "the spawner sent a task without descriptors (too many open files?)");
  }
  int descriptors[3];
  std::memcpy(descriptors, CMSG_DATA(attached), sizeof descriptors);
  spawned.link_fd = descriptors[0];
  spawned.black_box_fd = descriptors[1];
  spawned.log_fd = descriptors[2];
  return SpawnerNews{std::move(spawned), {}};
}

}  // namespace mr::worker
