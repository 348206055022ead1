// Folds that the engine computes itself, on values of 0 to 8 bytes in the SDK's order-preserving encoding.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "common/abi/mr_abi.h"

namespace mr::worker {

// A value is held as the number that its bytes are in big endian; min and max need no more to know of it.
struct FoldSpec {
  uint32_t kind = MR_FOLD_NONE;
  uint32_t width = 0;  // bytes of a value
  uint64_t mask = 0;   // sums wrap around at `width`, as they do in the plugin's own integer type
  uint64_t bias = 0;   // signed values have their sign bit flipped: two of them added carry it once too often

  // kind is MR_FOLD_NONE if the engine cannot do it: combine() will.
  static FoldSpec Of(const mr_job_def& job) {
    FoldSpec spec;
    bool known = job.fold >= MR_FOLD_SUM && job.fold <= MR_FOLD_DEDUP && job.fold_value <= MR_VALUE_SIGNED;
    if (!known || job.fold_width > 8 || (job.fold_width == 0 && job.fold != MR_FOLD_DEDUP)) return spec;
    spec.kind = job.fold;
    spec.width = job.fold_width;
    spec.mask = job.fold_width == 8 ? ~uint64_t{0} : (uint64_t{1} << (8 * job.fold_width)) - 1;
    if (job.fold_value == MR_VALUE_SIGNED && spec.width > 0) spec.bias = uint64_t{1} << (8 * spec.width - 1);
    return spec;
  }

  uint64_t Apply(uint64_t a, uint64_t b) const {
    switch (kind) {
      case MR_FOLD_SUM:
        return (a + b + bias) & mask;
      case MR_FOLD_MIN:
        return a < b ? a : b;
      case MR_FOLD_MAX:
        return a > b ? a : b;
      default:
        return a;  // dedup: values are not looked at, the first stays
    }
  }

  uint64_t Load(const char* value) const {
    uint64_t number = 0;
    if (width == 8) {
      std::memcpy(&number, value, 8);
      return __builtin_bswap64(number);
    }
    for (uint32_t i = 0; i < width; ++i) number = number << 8 | static_cast<unsigned char>(value[i]);
    return number;
  }

  // Writes 8 bytes; the value is the last `width` of them.
  std::string_view Store(uint64_t number, char* eight) const {
    number = __builtin_bswap64(number);
    std::memcpy(eight, &number, 8);
    return {eight + 8 - width, width};
  }
};

}  // namespace mr::worker
