// Result<T>: the return type of everything that can fail because of the outside world.
//
// Broken invariants use CHECK (logging.h) instead. An Error's code says what the caller should do;
// its text is one sentence that names the object, the limit and the next step.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace mr {

// Few codes, chosen by what the caller does next. Values travel on the wire: never renumber.
enum class ErrorCode : uint8_t {
  kOk = 0,               // only in wire structs; an Error never carries it
  kInvalidArgument = 1,  // the request itself is wrong: tell the user, do not retry
  kNotFound = 2,         // the named thing is not there
  kAlreadyExists = 3,    // refused, because it would replace something
  kUnavailable = 4,      // try again later, perhaps elsewhere
  kTimeout = 5,          // no answer in time: whether it happened is unknown
  kDataLoss = 6,         // bytes are damaged: make them again
  kNoSpace = 7,          // disk or memory budget is used up
  kFenced = 8,           // stale session, attempt or epoch: stop what you are doing
  kCancelled = 9,        // somebody asked for it to stop
  kIo = 10,              // the operating system refused
  kPermission = 11,      // not allowed
  kUnsupported = 12,     // version or feature that this program does not speak
  kInternal = 13,        // a bug of ours
};

std::string_view ErrorCodeName(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string text;
  friend bool operator==(const Error&, const Error&) = default;
};

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

// return Fail(ErrorCode::kNotFound, StrCat("no such job: ", id));
inline tl::unexpected<Error> Fail(ErrorCode code, std::string text) {
  return tl::unexpected<Error>(Error{code, std::move(text)});
}
inline tl::unexpected<Error> Fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

// Fail with "TEXT: strerror(errno_value)". ENOSPC and EDQUOT become kNoSpace, ENOENT kNotFound, EEXIST
// kAlreadyExists, EACCES and EPERM kPermission, everything else kIo.
tl::unexpected<Error> FailErrno(int errno_value, std::string text);

}  // namespace mr

// MR_RETURN_IF_ERROR(Status-valued expression);
#define MR_RETURN_IF_ERROR(expression)                                        \
  do {                                                                        \
    if (auto mr_status_ = (expression); !mr_status_)                          \
      return ::mr::Fail(std::move(mr_status_).error());                       \
  } while (false)

// MR_ASSIGN_OR_RETURN(auto value, Result-valued expression);
#define MR_CONCAT_INNER_(a, b) a##b
#define MR_CONCAT_(a, b) MR_CONCAT_INNER_(a, b)
#define MR_ASSIGN_OR_RETURN(declaration, expression)                          \
  MR_ASSIGN_OR_RETURN_(MR_CONCAT_(mr_result_, __LINE__), declaration, expression)
#define MR_ASSIGN_OR_RETURN_(temporary, declaration, expression)              \
  auto temporary = (expression);                                              \
  if (!temporary) return ::mr::Fail(std::move(temporary).error());            \
  declaration = std::move(*temporary)
