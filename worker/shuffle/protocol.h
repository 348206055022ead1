// The messages between a segment fetcher and a segment server; FORMAT.md says what is in them.
//
// Framed by hand: bulk bytes would be copied and walked by the control plane's codec. Reading never
// trusts its input: limits hold before anything is allocated, and whatever does not fit exactly is
// refused.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ids.h"
#include "common/base/result.h"

namespace mr::worker {

inline constexpr uint32_t kMaxCredits = 16;
inline constexpr uint32_t kMaxFetchSources = 4096;
inline constexpr uint64_t kPieceBytes = 512u
                                        << 10;  // of payload: smaller messages cost more per byte

enum class ShuffleKind : uint8_t { kFetch = 1, kCredit = 2, kPing = 3, kPiece = 4, kPong = 5 };

struct FetchSource {
  AttemptId attempt;       // of a map task
  uint64_t resume_at = 0;  // bytes of the segment that are there already
  friend bool operator==(const FetchSource&, const FetchSource&) = default;
};

// What a fetcher says.
struct FetchMessage {
  ShuffleKind kind = ShuffleKind::kPing;  // kFetch, kCredit, kPing
  uint64_t fetch_id = 0;
  uint32_t credits = 0;              // kFetch, kCredit
  uint32_t partition = 0;            // kFetch
  std::vector<FetchSource> sources;  // kFetch
  friend bool operator==(const FetchMessage&, const FetchMessage&) = default;
};
std::string Encode(const FetchMessage& message);
Result<FetchMessage> DecodeFetchMessage(std::string_view bytes);  // kInvalidArgument, kUnsupported

enum class PartStatus : uint32_t { kBytes = 0, kNotHere = 1, kDamaged = 2, kUnreadable = 3 };

struct PiecePart {
  uint32_t source = 0;  // index in the fetch
  PartStatus status = PartStatus::kBytes;
  uint64_t segment_bytes = 0;
  uint64_t offset = 0;
  uint32_t length = 0;
  friend bool operator==(const PiecePart&, const PiecePart&) = default;
};

// What a server says.
struct ServerMessage {
  ShuffleKind kind = ShuffleKind::kPong;  // kPiece, kPong
  uint64_t fetch_id = 0;
  bool known = false;            // kPong
  std::vector<PiecePart> parts;  // kPiece
  std::string_view payload;      // kPiece: of all parts; points into what was decoded
};
// Without the payload: the server reads the file right behind it.
std::string EncodeHeader(const ServerMessage& message);
Result<ServerMessage> DecodeServerMessage(std::string_view bytes);

}  // namespace mr::worker
