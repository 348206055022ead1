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
  source.fetched = true;
  return {};
}

// Fetches what there is, hears what more there is, and so on, until it has an output of every map. What became of map outputs
// while a round of fetching went on is heard after it, or when it fails: its source may be gone, and made again elsewhere.
class Fetch {
 public:
  Fetch(AttemptContext& context, const wire::ReduceWork& work, const FetchOptions& options)
      : context_(context), partition_(work.partition), options_(options), budget_(options.memory_bytes) {
    for (const wire::MapOutput& output : work.sources) Learn(output);
    complete_ = work.complete;
  }

  Attempted<std::vector<Segment>> Run() {
    for (;;) {
      if (auto fetched = FetchKnown(); !fetched) {
        const AttemptId failed = fetched.error().failed_source.value_or(AttemptId{});
        if (auto heard = Hear({}); !heard) return tl::unexpected(std::move(heard.error()));
        if (IsWanted(failed) || failed == AttemptId{}) return tl::unexpected(std::move(fetched.error()));
        continue;
      }
      if (complete_) break;
      if (auto heard = Hear(kTick); !heard) return tl::unexpected(std::move(heard.error()));
      context_.black_box.Beat();  // it waits for others
    }
    if (context_.sources_fetched) {
      if (const Status told = context_.sources_fetched(); !told) return tl::unexpected(FailureOf(told.error()));
    }
    std::vector<Segment> segments;
    for (auto& [map, source] : sources_) {
      if (source.segment.bytes > 0) segments.push_back(std::move(source.segment));
    }
    return segments;
  }

 private:
  using Sources = std::vector<FetchedSource*>;

  void Learn(const wire::MapOutput& output) {
    FetchedSource& source = sources_[output.attempt.task.index];
    if (source.fetched) return;  // whoever made it, it is of the same map
    source.attempt = output.attempt;
    source.endpoint = output.endpoint;
    source.segment.source = output.attempt;
  }

  bool IsWanted(const AttemptId& attempt) const {
    const auto found = sources_.find(attempt.task.index);
    return found != sources_.end() && found->second.attempt == attempt;
  }

  // Everything that has come by now; waits for the first of it.
  Attempted<void> Hear(Duration wait) {
    if (!context_.next_sources) {
      if (complete_) return {};
      return tl::unexpected(FailureOf(Error{ErrorCode::kInternal, "nobody tells this reduce of the maps that it waits for"}));
    }
    for (;; wait = {}) {
      const auto update = context_.next_sources(wait);
      if (!update) return tl::unexpected(FailureOf(update.error()));
      if (!*update) return {};
      for (const uint32_t map : (*update)->gone) {
        const auto found = sources_.find(map);
        if (found != sources_.end() && !found->second.fetched) sources_.erase(found);
      }
      for (const wire::MapOutput& output : (*update)->sources) Learn(output);
      complete_ = (*update)->complete;
    }
  }

  Attempted<void> FetchKnown() {
    std::map<std::string, Sources> remote;
    // Before anything is connected: a local output that is gone is found at once.
    for (auto& [map, source] : sources_) {
      if (source.fetched) continue;
      if (source.endpoint != options_.own_endpoint) {
        remote[source.endpoint].push_back(&source);
      } else if (auto taken = TakeLocal(context_, partition_, options_, source); !taken) {
        return taken;
      }
    }
    if (remote.empty()) return {};
    auto fetched = FetchRemote(std::deque<std::pair<std::string, Sources>>(remote.begin(), remote.end()));
    if (!fetched) {
      for (auto& [endpoint, sources] : remote) {
        for (FetchedSource* source : sources) Forget(*source);
      }
    }
    return fetched;
  }

  // What came of it before the round failed.
  void Forget(FetchedSource& source) {
    if (source.fetched) return;
    context_.black_box.shuffle_bytes_done.fetch_sub(source.received, std::memory_order_relaxed);
    source.segment = {};
    source.segment.source = source.attempt;
    source.begun = false;
    source.received = 0;
  }

  struct Active {
    Sources sources;
    std::unique_ptr<FetchRoute> route;
  };

  Attempted<void> FetchRemote(std::deque<std::pair<std::string, Sources>> waiting) {
    if (options_.net == nullptr && !own_context_) own_context_.emplace();
    net::NetContext& net = own_context_ ? *own_context_ : *options_.net;
    // Each reducer begins with another server, or all would crowd at the first.
    std::rotate(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(partition_ % waiting.size()), waiting.end());
    std::map<int, Active> active;
    net::Poller poller;
    while (!active.empty() || !waiting.empty()) {
      while (!waiting.empty() && active.size() < std::max(1u, options_.parallel)) {
        const int key = next_key_++;
        SegmentStore store(context_.env, budget_, JoinPath(context_.scratch_dir, StrCat("fetch-", key, ".seg")));
        const Sources& sources = waiting.front().second;
        auto route = FetchRoute::Open(net, context_.black_box, options_, partition_, sources, std::move(store));
        if (!route) return tl::unexpected(std::move(route.error()));
        poller.Add((*route)->channel(), key);
        active[key] = {sources, std::move(*route)};
        waiting.pop_front();
      }
      if (auto stepped = StepAll(poller, active); !stepped) return stepped;
      const bool may_start_another = active.size() < options_.parallel && !waiting.empty();
      if (active.empty() || may_start_another) continue;
      const auto ready = poller.Wait(kTick);
      if (!ready) return tl::unexpected(FailureOf(ready.error()));
    }
    return {};
  }

  Attempted<void> StepAll(net::Poller& poller, std::map<int, Active>& active) {
    for (auto each = active.begin(); each != active.end();) {
      auto stepped = each->second.route->Step(SystemClock().Read().mono);
      if (!stepped) return tl::unexpected(std::move(stepped.error()));
      if (!*stepped) {
        ++each;
        continue;
      }
      for (FetchedSource* source : each->second.sources) source->fetched = true;
      poller.Remove(each->first);
      each = active.erase(each);
    }
    return {};
  }

  AttemptContext& context_;
  const uint32_t partition_;
  const FetchOptions& options_;
  MemoryBudget budget_;
  std::optional<net::NetContext> own_context_;
  std::map<uint32_t, FetchedSource> sources_;  // by map; addresses are kept
  bool complete_ = false;                      // no map is still to come
  int next_key_ = 0;
};

}  // namespace

Attempted<std::vector<Segment>> FetchSegments(AttemptContext& context, const wire::ReduceWork& work,
                                              const FetchOptions& options) {
  return Fetch(context, work, options).Run();
}

}  // namespace mr::worker
