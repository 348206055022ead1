// Messages to bytes and back: msgpack arrays, each struct as [version, field, …], each variant as [tag, value].
// msgpack itself is included by codec.cc alone.
//
// Decoding never trusts its input: size, depth and count limits hold before anything is allocated, wrong types,
// missing or extra fields, unknown tags and versions, out-of-range numbers and trailing bytes are errors
// (kInvalidArgument, or kUnsupported for a version or tag of a newer program) that say where in the message.
// Decoding always builds a fresh object.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/wire/control.h"
#include "common/wire/records.h"
#include "common/wire/task_link.h"

namespace mr::wire {

// M: Request, Response, ToTaskMessage, FromTaskMessage, Record. Instantiated in codec.cc.
template <class M>
std::string Encode(const M& message);
// The same, behind what `out` holds already.
template <class M>
void EncodeTo(const M& message, std::string& out);
template <class M>
Result<M> Decode(std::string_view bytes);

// One-line text of any message, for logs and golden files: Name{field=value …}, long byte strings cut.
template <class M>
std::string Describe(const M& message);

}  // namespace mr::wire
