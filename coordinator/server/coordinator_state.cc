#include "coordinator/server/coordinator_state.h"

#include "common/base/strings.h"
#include "common/wire/codec.h"

namespace mr::coordinator {
namespace {

// The bytes are whole, their checksums say so; that they cannot be understood has another reason.
tl::unexpected<Error> Misunderstood(const std::string& what, const Error& error) {
  return Fail(ErrorCode::kUnsupported, StrCat("the coordinator's log: ", what, " cannot be applied: ", error.text,
                                              ". Was it written by a newer version? Use that one; nothing was changed"));
}

}  // namespace

Status CoordinatorState::Apply(const raft::Entry& command) {
  if (core_ != nullptr) return {};
  const std::string what = StrCat("entry ", command.index.value);
  const Result<wire::Record> record = wire::Decode<wire::Record>(command.payload);
  if (!record) return Misunderstood(what, record.error());
  if (const Status valid = Validate(state_, *record); !valid) return Misunderstood(what, valid.error());
  mr::coordinator::Apply(state_, *record);
  if (const auto* removed = std::get_if<wire::PluginRemoved>(&record->body)) removed_plugins_.push_back(removed->sha256);
  return {};
}

std::string CoordinatorState::Save() { return EncodeState(state()); }

Status CoordinatorState::Load(std::string_view bytes) {
  Result<State> decoded = DecodeState(bytes);
  if (!decoded) return Misunderstood("the snapshot", decoded.error());
  state_ = std::move(*decoded);
  return {};
}

}  // namespace mr::coordinator
