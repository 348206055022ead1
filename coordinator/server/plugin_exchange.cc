#include "coordinator/server/plugin_exchange.h"

#include <utility>

#include "common/base/logging.h"
#include "common/base/strings.h"

namespace mr::coordinator {
namespace {

constexpr Duration kSayAgain = std::chrono::milliseconds(300);
// Uploads of clients are told apart by their random numbers; this one is the exchange's.
constexpr uint64_t kExchangeClient = 0x706c7567696e7300;

}  // namespace

void PluginExchange::On(raft::NodeId from, const PluginOffer& offer, Time now) {
  holders_[offer.sha256].insert(from);
  if (blobs_.Has(offer.sha256)) {
    if (!offer.answer) (void)links_.Send(from, PluginOffer{offer.sha256, true});
    if (HeldByMajority(offer.sha256)) offered_.erase(offer.sha256);
    return;
  }
  if (offer.answer || wanted_.contains(offer.sha256)) return;
  Ask(offer.sha256, wanted_[offer.sha256], from, now);
}

void PluginExchange::On(raft::NodeId from, const PluginAsk& ask, Time /*now*/) {
  Result<wire::GetBlobResponse> got = blobs_.Get({ask.sha256, ask.offset});
  if (!got) return;  // it will ask another
  (void)links_.Send(from, PluginPart{ask.sha256, got->total_bytes, ask.offset, std::move(got->bytes)});
}

void PluginExchange::On(raft::NodeId from, const PluginPart& part, Time now) {
  const auto found = wanted_.find(part.sha256);
  if (found == wanted_.end() || found->second.offset != part.offset) return;
  const Result<BlobStore::PutResult> put =
      blobs_.Put(kExchangeClient, {part.sha256, part.total_bytes, part.offset, part.bytes});
  if (!put) {
    LOG(WARNING) << "a plugin from member " << from.value << " cannot be stored: " << put.error().text;
    found->second.offset = 0;
    return;  // the next tick asks another
  }
  if (put->response.complete) {
    wanted_.erase(found);
    return links_.Broadcast(PluginOffer{part.sha256, true});
  }
  found->second.offset = put->response.received_bytes;
  Ask(part.sha256, found->second, from, now);
}

void PluginExchange::Want(const std::string& sha256) {
  if (!blobs_.Has(sha256)) wanted_.try_emplace(sha256);
}

void PluginExchange::Offer(const std::string& sha256, Time now) {
  if (HeldByMajority(sha256)) return;
  offered_[sha256] = now;
  links_.Broadcast(PluginOffer{sha256, false});
}

bool PluginExchange::HeldByMajority(const std::string& sha256) const {
  const auto holders = holders_.find(sha256);
  const size_t others = holders == holders_.end() ? 0 : holders->second.size();
  return others + (blobs_.Has(sha256) ? 1 : 0) > group_.members.size() / 2;
}

void PluginExchange::Forget(const std::string& sha256) {
  holders_.erase(sha256);
  offered_.erase(sha256);
  wanted_.erase(sha256);
}

void PluginExchange::Tick(Time now) {
  for (auto& [sha256, said_at] : offered_) {
    if (now - said_at < kSayAgain) continue;
    said_at = now;
    links_.Broadcast(PluginOffer{sha256, false});
  }
  for (auto& [sha256, wanted] : wanted_) {
    if (now - wanted.asked_at >= kSayAgain) Ask(sha256, wanted, NextSource(sha256, wanted.from), now);
  }
}

void PluginExchange::Ask(const std::string& sha256, Wanted& wanted, raft::NodeId from, Time now) {
  wanted.from = from;
  wanted.asked_at = now;
  (void)links_.Send(from, PluginAsk{sha256, wanted.offset});
}

// The next of those that are known to have it; of all, if none is known.
raft::NodeId PluginExchange::NextSource(const std::string& sha256, raft::NodeId after) const {
  const auto holders = holders_.find(sha256);
  std::set<raft::NodeId> sources;
  if (holders != holders_.end()) sources = holders->second;
  if (sources.empty()) {
    for (const GroupMember& member : group_.members)
      if (member.node != self_) sources.insert(member.node);
  }
  const auto next = sources.upper_bound(after);
  return next == sources.end() ? *sources.begin() : *next;
}

}  // namespace mr::coordinator
