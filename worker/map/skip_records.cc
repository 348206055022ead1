#include "worker/map/skip_records.h"

#include <algorithm>

namespace mr::worker {

void SkipRecords::EnterSplit(std::string_view path) {
  here_.clear();
  next_ = 0;
  for (const wire::BadRecord& record : bad_) {
    if (record.input_path == path) here_.push_back(&record);
  }
  std::sort(here_.begin(), here_.end(), [](const auto* a, const auto* b) { return a->offset < b->offset; });
}

size_t SkipRecords::Next(const RecordReader::Batch& batch, size_t begin) {
  const std::vector<mr_bytes>& records = *batch.records;
  const auto offset_of = [&](const mr_bytes& record) {
    return batch.first_offset + static_cast<uint64_t>(record.data - records.front().data);
  };
  for (; next_ < here_.size() && begin < records.size(); ++next_) {
    const uint64_t wanted = here_[next_]->offset;
    const auto found = std::lower_bound(records.begin() + static_cast<ptrdiff_t>(begin), records.end(), wanted,
                                        [&](const mr_bytes& record, uint64_t offset) { return offset_of(record) < offset; });
    if (found == records.end()) break;  // it lies in a later batch
    if (offset_of(*found) == wanted) return static_cast<size_t>(found - records.begin());
  }
  return records.size();
}

void SkipRecords::Take(const mr_bytes& record, uint64_t number) {
  wire::BadRecord taken = *here_[next_++];
  taken.number = number;
  taken.bytes = record.size;
  taken.data.assign(record.data, std::min<size_t>(record.size, wire::kMaxBadRecordData));
  taken_.push_back(std::move(taken));
}

}  // namespace mr::worker
