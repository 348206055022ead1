#include "worker/shuffle/fetch_route.h"

#include <algorithm>

#include "common/base/strings.h"

namespace mr::worker {
namespace {

constexpr size_t kSourcesPerFetch = 1024;
constexpr Duration kPingAfter = std::chrono::milliseconds(500);
// A server that lives but sends nothing is given this many stall time-outs: it may have much to do.
constexpr int kPatienceWithTheLiving = 6;

std::string Seconds(Duration duration) {
  return StrCat(
      static_cast<double>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()) /
          1000,
      " s");
}

}  // namespace

wire::Failure FetchFailure(const FetchedSource& source, ErrorCode code, std::string_view reason) {
  wire::Failure failure;
  failure.cause = wire::FailureCause::kFetch;
  failure.type = ErrorCodeName(code);
  failure.message = StrCat("map output ", ToString(source.attempt), " could not be fetched from ",
                           source.endpoint, ": ", reason);
  failure.failed_source = source.attempt;
  return failure;
}

Attempted<std::unique_ptr<FetchRoute>> FetchRoute::Open(net::NetContext& net, BlackBox& black_box,
                                                        const FetchOptions& options,
                                                        uint32_t partition,
                                                        std::vector<FetchedSource*> sources,
                                                        SegmentStore store) {
  auto channel = net::DataChannel::Connect(net, sources.front()->endpoint);
  if (!channel) return tl::unexpected(FetchFailure(*sources.front(), channel.error().code, channel.error().text));
  return std::make_unique<FetchRoute>(black_box, options, partition, std::move(sources),
                                      std::move(store), std::move(*channel));
}

FetchRoute::FetchRoute(BlackBox& black_box, const FetchOptions& options, uint32_t partition,
                       std::vector<FetchedSource*> sources, SegmentStore store,
                       std::unique_ptr<net::DataChannel> channel)
    : black_box_(black_box),
      options_(options),
      partition_(partition),
      sources_(std::move(sources)),
      store_(std::move(store)),
      channel_(std::move(channel)) {}

Attempted<bool> FetchRoute::Step(Time now) {
  std::optional<wire::Failure> failure;
  while (!failure &&
         channel_->Receive([&](std::string_view bytes) { failure = Take(bytes, now); })) {
  }
  if (failure) return tl::unexpected(std::move(*failure));
  if (done_ == sources_.size()) {
    if (const Status finished = store_.Finish(); !finished)
      return tl::unexpected(FailureOf(finished.error()));
    return true;
  }
  if (done_ == asked_end_) must_ask_ = true;
  if (must_ask_) Ask(now);
  GiveCredits(now);
  PingIfSilent(now);
  if (auto late = CheckDeadlines(now)) return tl::unexpected(std::move(*late));
  return false;
}

bool FetchRoute::Send(const FetchMessage& message, Time now) {
  if (channel_->Send(Encode(message))) {
    unconnected_since_.reset();
    return true;
  }
  // The connection is gone, and with it what the server knew: it is asked again when there is a new
  // one.
  if (!unconnected_since_) unconnected_since_ = now;
  must_ask_ = true;
  return false;
}

// Asks for what is missing, from where it is missing.
void FetchRoute::Ask(Time now) {
  FetchMessage message;
  message.kind = ShuffleKind::kFetch;
  message.fetch_id = fetch_id_ + 1;
  message.credits = std::clamp(options_.window, 1u, kMaxCredits);
  message.partition = partition_;
  const size_t end = std::min(sources_.size(), done_ + kSourcesPerFetch);
  for (size_t i = done_; i < end; ++i)
    message.sources.push_back({sources_[i]->attempt, sources_[i]->received});
  if (!Send(message, now)) return;
  fetch_id_ = message.fetch_id;
  asked_begin_ = done_;
  asked_end_ = end;
  must_ask_ = false;
  owed_credits_ = 0;
  if (!heard_) heard_ = now;
  if (!progress_) progress_ = now;
}

void FetchRoute::GiveCredits(Time now) {
  if (owed_credits_ == 0 || must_ask_) return;
  FetchMessage message;
  message.kind = ShuffleKind::kCredit;
  message.fetch_id = fetch_id_;
  message.credits = owed_credits_;
  if (Send(message, now)) owed_credits_ = 0;
}

void FetchRoute::PingIfSilent(Time now) {
  if (must_ask_ || !heard_ || now - *heard_ < kPingAfter) return;
  if (pinged_ && now - *pinged_ < kPingAfter) return;
  pinged_ = now;
  FetchMessage message;
  message.kind = ShuffleKind::kPing;
  message.fetch_id = fetch_id_;
  Send(message, now);
}

std::optional<wire::Failure> FetchRoute::CheckDeadlines(Time now) const {
  if (unconnected_since_ && now - *unconnected_since_ > options_.connect_timeout) {
    return FetchFailure(current(), ErrorCode::kTimeout,
                        StrCat("no connection within ", Seconds(options_.connect_timeout),
                               ": its worker is gone or cannot be reached"));
  }
  if (heard_ && now - *heard_ > options_.stall_timeout) {
    return FetchFailure(
        current(), ErrorCode::kTimeout,
        StrCat("its worker has not answered for ", Seconds(options_.stall_timeout)));
  }
  const Duration patience = options_.stall_timeout * kPatienceWithTheLiving;
  if (progress_ && now - *progress_ > patience) {
    return FetchFailure(current(), ErrorCode::kTimeout,
                        StrCat("its worker answers, but has sent nothing for ", Seconds(patience)));
  }
  return std::nullopt;
}

std::optional<wire::Failure> FetchRoute::Take(std::string_view bytes, Time now) {
  const Result<ServerMessage> message = DecodeServerMessage(bytes);
  if (!message) return FetchFailure(current(), message.error().code, message.error().text);
  heard_ = now;
  black_box_.Beat();
  if (message->fetch_id != fetch_id_) return std::nullopt;  // of before the connection broke
  if (message->kind == ShuffleKind::kPong) {
    if (!message->known) must_ask_ = true;
    return std::nullopt;
  }
  progress_ = now;
  ++owed_credits_;
  std::string_view rest = message->payload;
  for (const PiecePart& part : message->parts) {
    if (auto failure = TakePart(part, rest.substr(0, part.length))) return failure;
    rest.remove_prefix(part.length);
  }
  return std::nullopt;
}

std::optional<wire::Failure> FetchRoute::TakePart(const PiecePart& part, std::string_view bytes) {
  // Sources are sent in order, so a part is always of the first one that is not complete.
  if (done_ >= asked_end_ || asked_begin_ + part.source != done_) {
    return FetchFailure(current(), ErrorCode::kInternal, "its worker sent what was not asked for");
  }
  FetchedSource& source = *sources_[done_];
  if (part.status != PartStatus::kBytes) {
    const char* what = part.status == PartStatus::kNotHere   ? "it is not there"
                       : part.status == PartStatus::kDamaged ? "it is damaged there"
                                                             : "it cannot be read there";
    const ErrorCode code = part.status == PartStatus::kNotHere   ? ErrorCode::kNotFound
                           : part.status == PartStatus::kDamaged ? ErrorCode::kDataLoss
                                                                 : ErrorCode::kIo;
    return FetchFailure(source, code, StrCat(what, " (", Printable(bytes), ")"));
  }
  if (part.offset != source.received ||
      (source.begun && part.segment_bytes != source.segment.bytes)) {
    return FetchFailure(source, ErrorCode::kInternal, "it has changed while it was fetched");
  }
  if (!source.begun) {
    source.begun = true;
    source.segment.bytes = part.segment_bytes;
    if (const Status begun = store_.Begin(source.segment); !begun) return FailureOf(begun.error());
  }
  if (const Status stored = store_.Append(source.segment, bytes); !stored)
    return FailureOf(stored.error());
  source.received += bytes.size();
  black_box_.shuffle_bytes_done.fetch_add(bytes.size(), std::memory_order_relaxed);
  if (source.received == source.segment.bytes) ++done_;
  return std::nullopt;
}

}  // namespace mr::worker
