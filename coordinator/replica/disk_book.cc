#include "coordinator/replica/disk_book.h"

#include <cstring>
#include <optional>

#include "common/base/random.h"
#include "common/base/strings.h"

namespace mr::coordinator {
namespace {

tl::unexpected<Error> Damaged(const std::string& path) {
  return Fail(ErrorCode::kDataLoss, StrCat(path, " is damaged: without it this member cannot tell the disks of the group "
                                                 "apart. Restore the directory from a copy, or replace this member as "
                                                 "after the loss of its disk; nothing was changed"));
}

}  // namespace

Status DiskBook::Create(Env& env, const std::string& directory) {
  DiskId id{};
  for (size_t i = 0; i < id.size(); i += sizeof(uint64_t)) {
    const uint64_t random = RandomSeed();
    std::memcpy(id.data() + i, &random, sizeof random);
  }
  return WriteFileAtomically(env, JoinPath(directory, "disk"), HexOf(id) + "\n");
}

Result<std::unique_ptr<DiskBook>> DiskBook::Open(Env& env, const std::string& directory) {
  std::unique_ptr<DiskBook> book(new DiskBook(env, directory));
  const std::string own = JoinPath(directory, "disk");
  if (!env.Exists(own)) return Damaged(own);
  MR_ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(env, own));
  const auto id = ParseId(Trim(text));
  if (!id) return Damaged(own);
  book->own_ = *id;
  const std::string peers = JoinPath(directory, "peers");
  if (!env.Exists(peers)) return book;
  MR_ASSIGN_OR_RETURN(const std::string lines, ReadWholeFile(env, peers));
  for (const std::string_view line : Split(Trim(lines), '\n')) {
    const size_t space = line.find(' ');
    raft::NodeId node;
    const auto [end, error] = std::from_chars(line.data(), line.data() + std::min(space, line.size()), node.value);
    const auto disk = space == std::string_view::npos ? std::nullopt : ParseId(line.substr(space + 1));
    if (error != std::errc() || !disk) return Damaged(peers);
    book->peers_[node] = *disk;
  }
  return book;
}

Result<bool> DiskBook::Admit(raft::NodeId node, const DiskId& disk) {
  if (const auto known = peers_.find(node); known != peers_.end()) return known->second == disk;
  peers_[node] = disk;
  std::string text;
  for (const auto& [each, id] : peers_) text += StrCat(each.value, " ", HexOf(id), "\n");
  MR_RETURN_IF_ERROR(WriteFileAtomically(env_, JoinPath(directory_, "peers"), text));
  return true;
}

}  // namespace mr::coordinator
