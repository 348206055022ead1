#include "test/sim/replay.h"

#include <utility>

#include "common/base/strings.h"
#include "common/wire/codec.h"

namespace mr::sim {
namespace {

// The bytes are whole, their checksums say so; that they cannot be understood has another reason.
tl::unexpected<Error> Misunderstood(const std::string& where, const std::string& what, const Error& error) {
  return Fail(ErrorCode::kUnsupported,
              StrCat(where, ": ", what, " cannot be applied: ", error.text,
                     ". Was it written by a newer version? Use that one; nothing was changed"));
}

}  // namespace

Result<coordinator::State> ReplayRecords(std::string_view snapshot, std::span<const std::string> records, const std::string& where) {
  coordinator::State state;
  if (!snapshot.empty()) {
    Result<coordinator::State> decoded = coordinator::DecodeState(snapshot);
    if (!decoded) return Misunderstood(where, "the snapshot", decoded.error());
    state = std::move(*decoded);
  }
  for (size_t i = 0; i < records.size(); ++i) {
    const std::string what = StrCat("record ", i + 1, " of ", records.size());
    const Result<wire::Record> record = wire::Decode<wire::Record>(records[i]);
    if (!record) return Misunderstood(where, what, record.error());
    if (const Status valid = coordinator::Validate(state, *record); !valid) return Misunderstood(where, what, valid.error());
    coordinator::Apply(state, *record);
  }
  return state;
}

}  // namespace mr::sim
