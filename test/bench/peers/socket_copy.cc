// Peer of row B5: a file through one raw TCP connection on loopback, from one thread to another, in
// 1 MiB pieces: what the kernel can do at best. Nothing is checked and nothing is kept.
//
//   usage: peer_socket_copy FILE      prints the seconds of the transfer alone
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
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
  if (argc != 2) return std::fputs("usage: peer_socket_copy FILE\n", stderr), 2;
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
  const int sender = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(sender, generic, length) != 0) Die("connect");
  const int receiver = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  if (receiver < 0) Die("accept");
  const auto start = std::chrono::steady_clock::now();
  std::thread thread(SendFile, argv[1], sender);
  std::vector<char> piece(kPieceBytes);
  size_t total = 0;
  for (ssize_t count; (count = recv(receiver, piece.data(), piece.size(), 0)) != 0;) {
    if (count < 0) Die("recv");
    total += static_cast<size_t>(count);
  }
  thread.join();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  std::printf("%.6f\n", took.count());
  return total > 0 ? 0 : 1;
}
