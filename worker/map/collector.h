// What EmitBuffer and EmitTable have in common: they take windows of frames, and give them back sorted by
// partition and key. (They are used as template arguments, so this is a convention, not a base class:
//   Attempted<void> Consume(std::string_view frames, Spill spill);   // spill() is called when the budget is used up
//   Attempted<void> Sort();                                          // afterwards Records(p) may be called …
//   Source Records(uint32_t partition);                              // … Step Next(), key(), value()
//   void Clear();  bool empty() const; )
#pragma once

#include <functional>

#include "worker/run/frame.h"
#include "worker/userjob/attempt_context.h"

namespace mr::worker {

// Writes the collector's records to a scratch run and clears it.
using Spill = std::function<Attempted<void>()>;

// The plugin's frames do not follow each other to the end of the window.
wire::Failure TornFrame(size_t offset, size_t window_bytes);

struct EmitStats {
  uint64_t records = 0;
  uint64_t bytes = 0;  // of keys and values
};

}  // namespace mr::worker
