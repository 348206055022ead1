#include "worker/shuffle/segment_store.h"

namespace mr::worker {

Status SegmentStore::Begin(Segment& segment) {
  if (budget_.Take(segment.bytes)) {
    segment.memory.Reserve(segment.bytes);
    return {};
  }
  if (!spill_) {
    MR_ASSIGN_OR_RETURN(spill_, env_.CreateNew(spill_path_));
  }
  segment.path = spill_path_;
  segment.offset = spill_->size_bytes();
  return {};
}

Status SegmentStore::Append(Segment& segment, std::string_view bytes) {
  if (!segment.path.empty()) return spill_->Append(bytes);
  segment.memory.Append(bytes);
  return {};
}

Status SegmentStore::Finish() {
  if (!spill_) return {};
  return spill_->Close();  // not synced: what is lost with the machine is fetched again
}

}  // namespace mr::worker
