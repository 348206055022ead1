// A directory of files for one test, removed at its end.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "common/io/env.h"

namespace mr::submit {

class TemporaryTree {
 public:
  TemporaryTree() {
    Result<std::string> made = CreateTemporaryDirectory(JoinPath(::testing::TempDir(), "submit-"));
    EXPECT_TRUE(made.has_value());
    root_ = made.value_or("");
  }
  ~TemporaryTree() { EXPECT_TRUE(PosixEnv().RemoveTree(root_).has_value()); }
  TemporaryTree(const TemporaryTree&) = delete;
  TemporaryTree& operator=(const TemporaryTree&) = delete;

  // Creates the folders above it too; gives the absolute path.
  std::string Write(std::string_view name, std::string_view content) const {
    const std::string path = Path(name);
    EXPECT_TRUE(PosixEnv().CreateDirectories(ParentPath(path)).has_value());
    EXPECT_TRUE(WriteFileAtomically(PosixEnv(), path, content).has_value());
    return path;
  }
  std::string Path(std::string_view name) const { return JoinPath(root_, name); }
  const std::string& root() const { return root_; }

 private:
  std::string root_;
};

}  // namespace mr::submit
