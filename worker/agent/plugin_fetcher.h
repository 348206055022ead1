// Brings plugins from the coordinator, one after the other, piece by piece. Pure: the agent sends
// what Next gives and hands back what arrives.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/wire/control.h"

namespace mr::worker {

class PluginFetcher {
 public:
  void Add(const std::string& sha256) { waiting_.push_back(sha256); }

  // The request to send now, if one is due; the same one again after a time-out.
  std::optional<wire::GetBlobRequest> Next(Time now);
  void OnRefused(Time now);  // it could not be sent: there is no connection

  struct Finished {
    std::string sha256;
    Result<std::string> bytes;
  };
  // The answer to the last request. A plugin that is complete, or cannot be had.
  std::optional<Finished> OnResponse(Time now, const wire::ResponseBody& response);

  std::optional<Time> deadline() const;  // when to call Next again; none when idle

 private:
  Finished Finish(Result<std::string> bytes);

  std::deque<std::string> waiting_;  // front: the current one
  std::string bytes_;
  bool asked_ = false;
  Time ask_at_{};
};

}  // namespace mr::worker
