// CRC-32C (Castagnoli), the checksum of the replicated log's files.
#pragma once

#include <cstdint>
#include <string_view>

namespace mr::raft {

// Starts from `seed`: a salt makes bytes that were copied from elsewhere fail the check.
uint32_t Crc32c(std::string_view bytes, uint32_t seed = 0);

}  // namespace mr::raft
