#include <algorithm>
#include <csignal>
#include <cstring>

#include "common/base/logging.h"
#include "common/base/strings.h"
#include "common/net/zmq_socket.h"

namespace mr::net {
namespace {

constexpr const char* kZapEndpoint = "inproc://zeromq.zap.01";
constexpr size_t kMaxZapFrames = 16;
constexpr int kMaxSockets = 16'000;

// All parts of one ZAP request; empty when the context is shut down.
std::vector<std::string> ReceiveZapRequest(zmq::socket_t& socket) {
  std::vector<std::string> frames;
  zmq::message_t frame;
  for (bool more = true; more;) {
    try {
      if (!socket.recv(frame)) return {};
    } catch (const zmq::error_t& error) {
      if (error.num() == EINTR) continue;
      return {};
    }
    more = frame.more();
    if (frames.size() < kMaxZapFrames) frames.emplace_back(zmq_internal::View(frame));
  }
  return frames;
}

std::string KeyOf(const std::vector<std::string>& frames) {
  if (frames.size() != 7 || frames[0] != "1.0" || frames[5] != "CURVE" || frames[6].size() != 32)
    return "";
  char text[41] = {};
  if (zmq_z85_encode(text, reinterpret_cast<const uint8_t*>(frames[6].data()), 32) == nullptr)
    return "";
  return text;
}

void SendZapAnswer(zmq::socket_t& socket, const std::string& request_id, const std::string& key,
                   bool allowed) {
  const std::string parts[] = {"1.0",
                               request_id,
                               allowed ? "200" : "400",
                               allowed ? "OK" : "key not allowed",
                               allowed ? key : "",
                               ""};
  for (const std::string& part : parts) {
    const auto flags =
        &part == std::end(parts) - 1 ? zmq::send_flags::none : zmq::send_flags::sndmore;
    try {
      socket.send(zmq::buffer(part), flags);
    } catch (const zmq::error_t&) {
      return;  // shutting down
    }
  }
}

// Runs until the context is shut down. Without it CURVE would let in anybody who knows the server's
// public key.
void AnswerZap(zmq::socket_t socket, std::vector<std::string> allowed) {
  for (;;) {
    const std::vector<std::string> frames = ReceiveZapRequest(socket);
    if (frames.empty()) return;
    const std::string key = KeyOf(frames);
    const bool fits =
        !key.empty() && std::find(allowed.begin(), allowed.end(), key) != allowed.end();
    if (!fits) {
      LOG(WARNING) << "refused a connection from "
                   << Printable(frames.size() > 3 ? frames[3] : "?", 64) << ": its public key "
                   << (key.empty() ? "(none)" : key) << " is not allowed";
    }
    SendZapAnswer(socket, frames.size() > 1 ? frames[1] : "", key, fits);
  }
}

}  // namespace

std::string ZmqVersion() {
  const auto [major, minor, patch] = zmq::version();
  return StrCat(major, ".", minor, ".", patch);
}

NetContext::NetContext(Security security) : impl_(std::make_unique<Impl>()) {
  // Else an unsent message could hold up the end of the process for ever.
  impl_->context.set(zmq::ctxopt::blocky, 0);
  // The library's own limit of 1023 is soon reached: a request channel has three.
  impl_->context.set(zmq::ctxopt::max_sockets, kMaxSockets);
  impl_->security = std::move(security);
  const Security& mine = impl_->security;
  if (!mine.own) return;
  std::vector<std::string> allowed = mine.allowed;
  allowed.push_back(mine.own->public_key);
  zmq::socket_t socket(impl_->context, zmq::socket_type::rep);
  socket.set(zmq::sockopt::linger, 0);
  socket.bind(kZapEndpoint);
  // Signals are for the program's own threads: this one inherits a mask with all of them.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  impl_->zap_thread = std::thread(AnswerZap, std::move(socket), std::move(allowed));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

NetContext::~NetContext() {
  impl_->context.shutdown();
  if (impl_->zap_thread.joinable()) impl_->zap_thread.join();
  impl_->context.close();
}

void NetContext::Shutdown() { impl_->context.shutdown(); }

Result<KeyPair> MakeKeyPair() {
  char public_key[41] = {};
  char secret_key[41] = {};
  if (zmq_curve_keypair(public_key, secret_key) != 0) {
    return Fail(ErrorCode::kUnsupported, StrCat("cannot make keys: ", zmq_strerror(zmq_errno())));
  }
  return KeyPair{public_key, secret_key};
}

}  // namespace mr::net
