// Cuts a sorted stream of records into groups and offers each to user code as an mr_group.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include "common/abi/mr_abi.h"
#include "worker/run/step.h"
#include "worker/userjob/host_scope.h"
#include "worker/userjob/user_job.h"

namespace mr::worker {

// Source has `Step Next()`, and `key()` and `value()`, valid until the next Next(). It is a template parameter,
// not an interface: this is the path of every record. A group is never held in memory. One thread; does not move.
template <class Source>
class GroupStream {
 public:
  GroupStream(Source& source, const UserJob& job, BlackBox& black_box)
      : source_(source), job_(job), black_box_(black_box), by_prefix_(job.def().group_size != nullptr) {
    group_.size = sizeof group_;
    group_.host = this;
    group_.next = Next;
  }
  GroupStream(const GroupStream&) = delete;
  GroupStream& operator=(const GroupStream&) = delete;

  // On to the next group, over what the user code left of the current one. kRecord: there is one.
  Step NextGroup() {
    if (step_ == Step::kError) return step_;
    if (!started_) {
      started_ = true;
      Pull();
    }
    while (in_group_) {
      if (Pull() == Step::kRecord && !SameGroup()) in_group_ = false;
    }
    if (step_ != Step::kRecord) return step_;
    std::string_view key = source_.key();
    name_.assign(by_prefix_ ? job_.GroupOf(key) : key);
    in_group_ = first_ = true;
    ++groups_;
    Publish();
    return step_;
  }

  mr_group& abi() { return group_; }
  std::string_view name() const { return name_; }  // the bytes that the group's keys share
  bool failed() const { return step_ == Step::kError; }
  uint64_t groups() const { return groups_; }
  uint64_t records() const { return records_; }

 private:
  static constexpr uint64_t kBeatEvery = 1024;

  static int Next(void* host, mr_bytes* key, mr_bytes* value) {
    GroupStream& self = *static_cast<GroupStream*>(host);
    PhaseScope scope(self.black_box_, MR_PHASE_NONE);
    if (!self.in_group_) return self.failed() ? -1 : 0;
    if (self.first_) {
      self.first_ = false;
    } else {
      if (self.Pull() != Step::kRecord) return self.failed() ? -1 : 0;
      if (!self.SameGroup()) {
        self.in_group_ = false;
        return 0;
      }
    }
    std::string_view k = self.source_.key(), v = self.source_.value();
    *key = {k.data(), k.size()};
    *value = {v.data(), v.size()};
    return 1;
  }

  Step Pull() {
    step_ = source_.Next();
    if (step_ == Step::kRecord) {
      if (++records_ % kBeatEvery == 0) black_box_.Beat();
    } else {
      in_group_ = false;
    }
    return step_;
  }

  bool SameGroup() const {
    std::string_view key = source_.key();
    return (by_prefix_ ? job_.GroupOf(key) : key) == name_;
  }

  // So that a death in user code can name its group.
  void Publish() {
    size_t size = std::min(name_.size(), sizeof black_box_.excerpt);
    std::memcpy(black_box_.excerpt, name_.data(), size);
    black_box_.excerpt_size = static_cast<uint32_t>(size);
    black_box_.record_size = name_.size();
    black_box_.Beat();
  }

  Source& source_;
  const UserJob& job_;
  BlackBox& black_box_;
  bool by_prefix_;
  bool started_ = false;
  bool in_group_ = false;
  bool first_ = false;
  Step step_ = Step::kRecord;
  std::string name_;
  uint64_t groups_ = 0;
  uint64_t records_ = 0;
  mr_group group_{};
};

}  // namespace mr::worker
