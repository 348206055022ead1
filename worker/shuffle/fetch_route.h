// The stream of segments from one segment server to one reducer: asks, stores, gives credits,
// notices silence, resumes after a broken connection. Used by the segment fetcher alone; one
// thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/net/data_channel.h"
#include "worker/shuffle/protocol.h"
#include "worker/shuffle/segment_fetcher.h"
#include "worker/shuffle/segment_store.h"

namespace mr::worker {

// One map output's part for this reducer, as far as it has come.
struct FetchedSource {
  AttemptId attempt;
  std::string endpoint;
  Segment segment;
  bool begun = false;     // segment.bytes is known
  uint64_t received = 0;  // bytes stored
  bool fetched = false;   // and it is whole, where it stays
};

// kFetch, naming the source, the place and the reason. Its type is the code's name: the coordinator takes
// kNotFound and kDataLoss as the holder's own word that the map output is gone.
wire::Failure FetchFailure(const FetchedSource& source, ErrorCode code, std::string_view reason);

class FetchRoute {
 public:
  // All `sources` (at least one) have the same endpoint. A malformed endpoint is a kFetch failure
  // too.
  static Attempted<std::unique_ptr<FetchRoute>> Open(net::NetContext& net, BlackBox& black_box,
                                                     const FetchOptions& options,
                                                     uint32_t partition,
                                                     std::vector<FetchedSource*> sources,
                                                     SegmentStore store);
  FetchRoute(BlackBox& black_box, const FetchOptions& options, uint32_t partition,
             std::vector<FetchedSource*> sources, SegmentStore store,
             std::unique_ptr<net::DataChannel> channel);

  // Takes what has come and says what is due. True: everything is here.
  Attempted<bool> Step(Time now);
  net::DataChannel& channel() { return *channel_; }

 private:
  // Each gives the failure that ends the fetch, if there is one.
  std::optional<wire::Failure> Take(std::string_view bytes, Time now);
  std::optional<wire::Failure> TakePart(const PiecePart& part, std::string_view bytes);
  std::optional<wire::Failure> CheckDeadlines(Time now) const;
  void Ask(Time now);
  void GiveCredits(Time now);
  void PingIfSilent(Time now);
  bool Send(const FetchMessage& message, Time now);
  const FetchedSource& current() const { return *sources_[std::min(done_, sources_.size() - 1)]; }

  BlackBox& black_box_;
  const FetchOptions& options_;
  const uint32_t partition_;
  const std::vector<FetchedSource*> sources_;
  SegmentStore store_;
  const std::unique_ptr<net::DataChannel> channel_;

  size_t done_ = 0;         // sources that are complete: the first ones
  size_t asked_begin_ = 0;  // first source of the newest FETCH …
  size_t asked_end_ = 0;    // … and behind its last
  uint64_t fetch_id_ = 0;
  bool must_ask_ = true;
  uint32_t owed_credits_ = 0;  // pieces stored since the last CREDIT
  std::optional<Time> unconnected_since_;
  std::optional<Time> heard_;     // any message; at first, when the first FETCH went out
  std::optional<Time> progress_;  // bytes
  std::optional<Time> pinged_;
};

}  // namespace mr::worker
