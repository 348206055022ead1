// Peer of row B5: a file through one raw TCP connection on loopback, from one process to another, in
// 1 MiB pieces: what the kernel can do at best. Nothing is checked. With "keep" the bytes end up in
// fresh memory, all of them, as the shuffle's do; without, every piece overwrites the last one.
//
//   usage: peer_socket_copy FILE [keep]      prints the seconds of the transfer alone
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

namespace {

constexpr size_t kPieceBytes = 1u << 20;

[[noreturn]] void Die(const char* what) {
  std::perror(what);
  std::exit(1);
}

void SendFile(const char* path, int socket) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) Die(path);
  std::vector<char> piece(kPieceBytes);
  for (ssize_t count; (count = read(file, piece.data(), piece.size())) != 0;) {
    if (count < 0) Die(path);
    for (ssize_t done = 0; done < count;) {
      const ssize_t sent =
          send(socket, piece.data() + done, static_cast<size_t>(count - done), MSG_NOSIGNAL);
      if (sent < 0) Die("send");
      done += sent;
    }
  }
  close(file);
  close(socket);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) return std::fputs("usage: peer_socket_copy FILE [keep]\n", stderr), 2;
  const bool keep = argc == 3;
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener, generic, length) != 0 || listen(listener, 1) != 0 ||
      getsockname(listener, generic, &length) != 0) {
    Die("listen");
  }
  // The sender waits for a byte, so that the clock starts with both processes ready.
  const pid_t child = fork();
  if (child < 0) Die("fork");
  if (child == 0) {
    const int sender = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char go;
    if (connect(sender, generic, length) != 0 || recv(sender, &go, 1, 0) != 1) Die("connect");
    SendFile(argv[1], sender);
    _exit(0);
  }
  const int receiver = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  struct stat info;
  if (receiver < 0 || stat(argv[1], &info) != 0) Die("accept");
  const auto start = std::chrono::steady_clock::now();
  const size_t kept_bytes = keep ? static_cast<size_t>(info.st_size) + kPieceBytes : kPieceBytes;
  const std::unique_ptr<char[]> kept(new char[kept_bytes]);
  if (send(receiver, "g", 1, MSG_NOSIGNAL) != 1) Die("send");
  size_t total = 0;
  for (ssize_t count; (count = recv(receiver, kept.get() + (keep ? total : 0), kPieceBytes, 0)) != 0;) {
    if (count < 0) Die("recv");
    total += static_cast<size_t>(count);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  waitpid(child, nullptr, 0);
  std::printf("%.6f\n", took.count());
  return total > 0 ? 0 : 1;
}
