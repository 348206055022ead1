#include <algorithm>

#include "common/base/strings.h"
#include "common/net/zmq_socket.h"

namespace mr::net {

struct Poller::Impl {
  struct Entry {
    int key = 0;
    zmq_pollitem_t item{};
    bool* wants_to_send = nullptr;  // channels only
  };
  std::vector<Entry> entries;
  std::vector<zmq_pollitem_t> items;  // scratch of Wait

  void Add(int key, zmq::socket_t& socket, bool* wants_to_send) {
    entries.push_back({key, {socket.handle(), 0, ZMQ_POLLIN, 0}, wants_to_send});
  }
};

Poller::Poller() : impl_(std::make_unique<Impl>()) {}
Poller::~Poller() = default;

void Poller::Add(RequestChannel& channel, int key) {
  impl_->Add(key, channel.impl().socket, &channel.impl().wants_to_send);
  impl_->Add(key, channel.impl().monitor, nullptr);
}
void Poller::Add(RequestServer& server, int key) { impl_->Add(key, server.impl().socket, nullptr); }
void Poller::Add(DataServer& server, int key) { impl_->Add(key, server.impl().socket, nullptr); }
void Poller::Add(DataChannel& channel, int key) {
  impl_->Add(key, channel.impl().socket, &channel.impl().wants_to_send);
}
void Poller::AddFd(int descriptor, int key) {
  impl_->entries.push_back({key, {nullptr, descriptor, ZMQ_POLLIN, 0}, nullptr});
}

void Poller::Remove(int key) {
  std::erase_if(impl_->entries, [key](const Impl::Entry& entry) { return entry.key == key; });
}

Result<std::vector<int>> Poller::Wait(Duration timeout) {
  using std::chrono::milliseconds;
  // Rounded up: rounded down, a deadline less than a millisecond away would make the caller spin.
  const Duration bounded = std::clamp<Duration>(timeout, Duration::zero(), std::chrono::hours(1));
  const milliseconds wait = std::chrono::ceil<milliseconds>(bounded);
  impl_->items.clear();
  for (const Impl::Entry& entry : impl_->entries) {
    impl_->items.push_back(entry.item);
    if (entry.wants_to_send && *entry.wants_to_send) impl_->items.back().events |= ZMQ_POLLOUT;
  }
  std::vector<int> ready;
  try {
    zmq::poll(impl_->items, wait);
  } catch (const zmq::error_t& error) {
    if (error.num() == EINTR) return ready;
    if (error.num() == ETERM) return Fail(ErrorCode::kCancelled, "the network is shut down");
    return Fail(ErrorCode::kInternal, StrCat("cannot wait for messages: ", error.what()));
  }
  for (size_t i = 0; i < impl_->items.size(); ++i) {
    const short events = impl_->items[i].revents;
    if (events == 0) continue;
    Impl::Entry& entry = impl_->entries[i];
    if (events & ZMQ_POLLOUT)
      *entry.wants_to_send = false;  // reported once, or an idle sender would spin
    if (ready.empty() || ready.back() != entry.key) ready.push_back(entry.key);
  }
  return ready;
}

}  // namespace mr::net
