#include "worker/shuffle/segment_fetcher.h"

#include <algorithm>
#include <deque>
#include <map>
#include <optional>

#include "common/base/strings.h"
#include "worker/shuffle/fetch_route.h"
#include "worker/shuffle/run_files.h"

namespace mr::worker {
namespace {

// Before deadlines and silent servers are looked at again.
constexpr Duration kTick = std::chrono::milliseconds(100);

// A source on this worker stays where it is: a range of its run file.
Attempted<void> TakeLocal(AttemptContext& context, uint32_t partition, const FetchOptions& options,
                          FetchedSource& source) {
  const auto run = OpenRunFile(context.env, options.own_output_dirs, source.attempt);
  if (!run) return tl::unexpected(FetchFailure(source, run.error().code, run.error().text));
  const auto extent = ExtentOf(*run, partition);
  if (!extent) return tl::unexpected(FetchFailure(source, extent.error().code, extent.error().text));
  source.segment.path = run->file->path();
  source.segment.offset = extent->offset;
  source.segment.bytes = extent->bytes;
  context.black_box.shuffle_bytes_done.fetch_add(extent->bytes, std::memory_order_relaxed);
  context.black_box.Beat();
  return {};
}

class Fetch {
 public:
  Fetch(AttemptContext& context, const wire::ReduceWork& work, const FetchOptions& options)
      : context_(context), work_(work), options_(options), budget_(options.memory_bytes) {}

  Attempted<std::vector<Segment>> Run() {
    for (const wire::MapOutput& output : work_.sources) {
      FetchedSource& source = sources_.emplace_back();
      source.attempt = output.attempt;
      source.endpoint = output.endpoint;
      source.segment.source = output.attempt;
    }
    // Sorted before anything is connected: a local output that is gone is found at once.
    std::map<std::string, std::vector<FetchedSource*>> remote;
    for (FetchedSource& source : sources_) {
      if (source.endpoint != options_.own_endpoint) {
        remote[source.endpoint].push_back(&source);
      } else if (auto taken = TakeLocal(context_, work_.partition, options_, source); !taken) {
        return tl::unexpected(std::move(taken.error()));
      }
    }
    if (auto fetched = FetchRemote(std::move(remote)); !fetched)
      return tl::unexpected(std::move(fetched.error()));
    std::vector<Segment> segments;
    for (FetchedSource& source : sources_) {
      if (source.segment.bytes > 0) segments.push_back(std::move(source.segment));
    }
    return segments;
  }

 private:
  Attempted<void> FetchRemote(std::map<std::string, std::vector<FetchedSource*>> remote) {
    if (remote.empty()) return {};
    std::optional<net::NetContext> own_context;  // outlives the routes
    if (options_.net == nullptr) own_context.emplace();
    net::NetContext& net = own_context ? *own_context : *options_.net;
    std::deque<std::pair<std::string, std::vector<FetchedSource*>>> waiting(remote.begin(),
                                                                            remote.end());
    // Each reducer begins with another server, or all would crowd at the first.
    std::rotate(waiting.begin(), waiting.begin() + work_.partition % waiting.size(), waiting.end());
    std::map<int, std::unique_ptr<FetchRoute>> active;
    net::Poller poller;
    for (int next_key = 0; !active.empty() || !waiting.empty();) {
      while (!waiting.empty() && active.size() < std::max(1u, options_.parallel)) {
        const int key = next_key++;
        SegmentStore store(context_.env, budget_,
                           JoinPath(context_.scratch_dir, StrCat("fetch-", key, ".seg")));
        auto route = FetchRoute::Open(net, context_.black_box, options_, work_.partition,
                                      std::move(waiting.front().second), std::move(store));
        if (!route) return tl::unexpected(std::move(route.error()));
        waiting.pop_front();
        poller.Add((*route)->channel(), key);
        active[key] = std::move(*route);
      }
      if (auto stepped = StepAll(poller, active); !stepped) return stepped;
      const bool may_start_another = active.size() < options_.parallel && !waiting.empty();
      if (active.empty() || may_start_another) continue;
      const auto ready = poller.Wait(kTick);
      if (!ready) return tl::unexpected(FailureOf(ready.error()));
    }
    return {};
  }

  Attempted<void> StepAll(net::Poller& poller, std::map<int, std::unique_ptr<FetchRoute>>& active) {
    for (auto each = active.begin(); each != active.end();) {
      auto stepped = each->second->Step(SystemClock().Read().mono);
      if (!stepped) return tl::unexpected(std::move(stepped.error()));
      if (!*stepped) {
        ++each;
        continue;
      }
      poller.Remove(each->first);
      each = active.erase(each);
    }
    return {};
  }

  AttemptContext& context_;
  const wire::ReduceWork& work_;
  const FetchOptions& options_;
  MemoryBudget budget_;
  std::deque<FetchedSource> sources_;  // in the order of the work; addresses are kept
};

}  // namespace

Attempted<std::vector<Segment>> FetchSegments(AttemptContext& context, const wire::ReduceWork& work,
                                              const FetchOptions& options) {
  return Fetch(context, work, options).Run();
}

}  // namespace mr::worker
