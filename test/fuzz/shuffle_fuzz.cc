// The shuffle's messages, both ways (worker/shuffle/FORMAT.md). The first byte chooses who is
// listening.
#include "common/base/logging.h"
#include "test/fuzz/fuzz.h"
#include "worker/shuffle/protocol.h"

namespace mr::fuzz {
namespace {

using namespace mr::worker;

AttemptId Map(uint32_t index) { return {{JobId{7}, Phase::kMap, index}, 1, 3}; }

}  // namespace

void OneInput(std::string_view bytes) {
  if (bytes.empty()) return;
  const std::string_view rest = bytes.substr(1);
  if (bytes[0] % 2 == 0) {
    const auto message = DecodeFetchMessage(rest);
    if (message) CHECK(Encode(*message) == rest);
    return;
  }
  const auto message = DecodeServerMessage(rest);
  if (!message) return;
  uint64_t sum = 0;
  for (const PiecePart& part : message->parts) sum += part.length;
  if (message->kind == ShuffleKind::kPiece) CHECK_EQ(sum, message->payload.size());
  CHECK(EncodeHeader(*message) + std::string(message->payload) == rest);
}

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  FetchMessage fetch{ShuffleKind::kFetch, 5, 8, 2, {{Map(0), 0}, {Map(1), 12'345}}};
  seeds.push_back('\0' + Encode(fetch));
  seeds.push_back('\0' + Encode({ShuffleKind::kCredit, 5, 3, 0, {}}));
  seeds.push_back('\0' + Encode({ShuffleKind::kPing, 5, 0, 0, {}}));
  ServerMessage piece;
  piece.kind = ShuffleKind::kPiece;
  piece.fetch_id = 5;
  piece.parts = {{0, PartStatus::kBytes, 100, 0, 4}, {1, PartStatus::kNotHere, 0, 0, 3}};
  seeds.push_back('\1' + EncodeHeader(piece) + "bytewhy");
  ServerMessage pong;
  pong.fetch_id = 9;
  pong.known = true;
  seeds.push_back('\1' + EncodeHeader(pong));
  return seeds;
}

}  // namespace mr::fuzz
