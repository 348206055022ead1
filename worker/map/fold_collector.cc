#include "worker/map/fold_collector.h"

#include <string>
#include <utility>

namespace mr::worker {
namespace {

constexpr size_t kWindowBytes = 64u << 10;

}  // namespace

Attempted<void> FoldCollector::Consume(std::string_view frames, const Spill& spill) {
  if (buffer_) return buffer_->Consume(frames, spill);
  auto taken = table_.Consume(frames, spill);
  const uint64_t records = table_.stats().records;
  if (!taken || judged_ || records < sample_) return taken;
  judged_ = true;
  if (static_cast<double>(table_.inserted()) <= kWorstRatio * static_cast<double>(records)) return taken;
  return MoveToBuffer(spill);
}

Attempted<void> FoldCollector::MoveToBuffer(const Spill& spill) {
  buffer_.emplace(budget_, partitioner_, kept_);
  std::string window;
  Attempted<void> taken;
  const auto flush = [&] {
    taken = buffer_->Consume(window, spill);
    window.clear();
  };
  table_.ForEach([&](std::string_view key, uint64_t number) {
    char eight[8], header[kFrameHeaderBytes];
    const std::string_view value = fold_.Store(number, eight);
    WriteFrameHeader(header, key.size(), value.size());
    window.append(header, sizeof header).append(key).append(value);
    ++moved_.records;
    moved_.bytes += key.size() + value.size();
    if (taken && window.size() >= kWindowBytes) flush();
  });
  if (taken) flush();
  table_.Release();
  return taken;
}

EmitStats FoldCollector::stats() const {
  EmitStats stats = table_.stats();
  if (!buffer_) return stats;
  stats.records += buffer_->stats().records - moved_.records;
  stats.bytes += buffer_->stats().bytes - moved_.bytes;
  return stats;
}

}  // namespace mr::worker
