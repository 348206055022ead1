// One reader per input format, over an InputBuffer. RecordReader::Open chooses.
#pragma once

#include <cstdint>
#include <memory>

#include "worker/input/input_buffer.h"
#include "worker/input/record_reader.h"

namespace mr::worker {

// The part of the (decompressed) file whose records a reader delivers: those whose first byte lies
// in [begin, end).
struct RecordRange {
  uint64_t begin = 0;
  uint64_t end = 0;
};
constexpr uint64_t kToTheEnd = ~uint64_t{0};  // compressed files: their length is not known

// The buffer of a line or block reader starts one byte before range.begin (unless that is 0): that
// byte tells whether a record begins at range.begin.
std::unique_ptr<RecordReader> MakeLineReader(std::unique_ptr<InputBuffer> buffer,
                                             RecordRange range);
std::unique_ptr<RecordReader> MakeBlockReader(std::unique_ptr<InputBuffer> buffer,
                                              RecordRange range);
// The buffer of these starts with the first record.
std::unique_ptr<RecordReader> MakeWholeReader(std::unique_ptr<InputBuffer> buffer,
                                              uint64_t split_bytes);
std::unique_ptr<RecordReader> MakeFixedReader(std::unique_ptr<InputBuffer> buffer,
                                              RecordRange range, uint64_t record_bytes);

// Bytes of the range behind `offset`, or compressed bytes read: what Batch::input_bytes reports.
uint64_t ConsumedBytes(InputBuffer& buffer, RecordRange range);

}  // namespace mr::worker
