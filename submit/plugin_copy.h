// A plugin's bytes as they were at one moment, and a private file with just these: what is described, sampled and sent is
// the same, whatever becomes of the user's file meanwhile (a linker may be writing it).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "common/io/env.h"

namespace mr::submit {

class PluginCopy {
 public:
  // Of the file `source`. Errors: those of reading, or of writing the copy into $TMPDIR.
  static Result<PluginCopy> Take(Env& env, const std::string& source);
  // Of bytes that come from elsewhere; `source` is what messages call them.
  static Result<PluginCopy> Make(Env& env, const std::string& source, std::string bytes);

  const std::string& source() const { return source_; }
  const std::string& path() const { return path_; }  // of the copy; named by the hash; gone with this object
  const std::string& bytes() const { return bytes_; }
  const std::string& sha256() const { return sha256_; }
  int64_t file_unix_ms() const { return file_unix_ms_; }  // last change of the source; 0 = not a file

 private:
  struct Directory {
    Directory(Env& the_env, std::string the_path) : env(the_env), path(std::move(the_path)) {}
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
    ~Directory();
    Env& env;
    const std::string path;
  };
  std::string source_;
  std::string path_;
  std::string bytes_;
  std::string sha256_;
  int64_t file_unix_ms_ = 0;
  std::unique_ptr<Directory> directory_;
};

}  // namespace mr::submit
