// From what the user typed after the plugin to the job's list of input files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/io/env.h"
#include "common/wire/job.h"

namespace mr::submit {

// One INPUT of the command line: a file, a directory (taken with everything below it), or a pattern
// with * ? [ ] and ** (any number of folders).
struct InputPattern {
  std::string text;
  std::string tag;  // -I TAG=PATH
};

// "TAG=PATH" or "PATH"; a TAG is a word of letters, digits, '_', '-' and '.'.
InputPattern ParseTaggedInput(std::string_view text);

// Files in the user's order; those of one directory or pattern are sorted by path. In directories
// and patterns, names that begin with '_' or '.' are passed over, as other tools' markers and
// half-written files. Paths come back absolute. Errors: kNotFound naming the input that is missing
// or matches nothing.
Result<std::vector<wire::InputFile>> ExpandInputs(Env& env,
                                                  const std::vector<InputPattern>& patterns);

wire::Compression CompressionOf(std::string_view path);  // .gz, .zst

// Shell pattern against one name, without '/': * ? [a-z] [!a-z] and \x.
bool MatchName(std::string_view pattern, std::string_view name);

}  // namespace mr::submit
