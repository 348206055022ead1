#include "worker/agent/plugin_fetcher.h"

#include "common/base/strings.h"
#include "worker/task/plugin_gate.h"

namespace mr::worker {
namespace {

constexpr Duration kFetchAnswerTimeout = std::chrono::seconds(3);
constexpr Duration kRefusedPause = std::chrono::milliseconds(5);
constexpr Duration kErrorPause = std::chrono::milliseconds(200);

}  // namespace

std::optional<wire::GetBlobRequest> PluginFetcher::Next(Time now) {
  if (waiting_.empty() || now < ask_at_) return std::nullopt;
  asked_ = true;
  ask_at_ = now + kFetchAnswerTimeout;
  return wire::GetBlobRequest{waiting_.front(), bytes_.size()};
}

void PluginFetcher::OnRefused(Time now) { ask_at_ = now + kRefusedPause; }

std::optional<Time> PluginFetcher::deadline() const {
  if (waiting_.empty()) return std::nullopt;
  return ask_at_;
}

PluginFetcher::Finished PluginFetcher::Finish(Result<std::string> bytes) {
  Finished finished{std::move(waiting_.front()), std::move(bytes)};
  waiting_.pop_front();
  bytes_.clear();
  return finished;
}

std::optional<PluginFetcher::Finished> PluginFetcher::OnResponse(
    Time now, const wire::ResponseBody& response) {
  if (waiting_.empty() || !asked_) return std::nullopt;
  asked_ = false;
  ask_at_ = now;
  if (const auto* error = std::get_if<wire::ErrorResponse>(&response)) {
    if (error->code == ErrorCode::kUnavailable || error->code == ErrorCode::kTimeout) {
      ask_at_ = now + kErrorPause;
      return std::nullopt;
    }
    return Finish(Fail(error->code, error->text));
  }
  const auto* piece = std::get_if<wire::GetBlobResponse>(&response);
  if (piece == nullptr)
    return Finish(Fail(ErrorCode::kInternal,
                       "the coordinator answered a request for a plugin "
                       "with another kind of message"));
  if (piece->total_bytes > kPluginBytesMax ||
      bytes_.size() + piece->bytes.size() > piece->total_bytes ||
      (piece->bytes.empty() && bytes_.size() < piece->total_bytes)) {
    return Finish(
        Fail(ErrorCode::kDataLoss, StrCat("the coordinator gives a plugin of ", piece->total_bytes,
                                          " bytes in pieces that do not fit together")));
  }
  bytes_ += piece->bytes;
  if (bytes_.size() < piece->total_bytes) return std::nullopt;
  return Finish(std::move(bytes_));
}

}  // namespace mr::worker
