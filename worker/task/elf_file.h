// Just enough of the ELF format to judge a plugin without loading it, and to name the functions of
// a stack. Every offset, size and index is checked: the file comes from outside. 64-bit
// little-endian files only.
//
// Format: System V ABI, generic supplement (gabi 4.1); symbol versions: Linux Standard Base
// core 5.0, 10.7.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/io/env.h"

namespace mr::worker {

std::string MachineName(uint16_t elf_machine);  // "x86_64", "aarch64", … or "machine 42"
uint16_t HostMachine();                         // what this program was compiled for

// One open file. One thread.
class ElfFile {
 public:
  struct Section {
    std::string name;
    uint32_t type = 0;
    uint32_t link = 0;
    uint32_t info = 0;
    uint64_t offset = 0;
    uint64_t size = 0;  // 0 for sections without bytes in the file
    uint64_t entry_size = 0;
  };
  struct VersionNeed {
    std::string library;                // "libc.so.6"
    std::vector<std::string> versions;  // "GLIBC_2.34"
  };

  // Reads the header and the section table. Errors are kInvalidArgument and continue the sentence
  // "NAME …": "is not an ELF file …", "is for aarch64 …"; kIo and friends name the path.
  static Result<ElfFile> Open(Env& env, const std::string& path);

  const std::vector<Section>& sections() const { return sections_; }
  const Section* FindSection(std::string_view name) const;  // null if there is none

  Result<std::string> ReadSection(const Section& section) const;
  // Whether .dynsym defines `name`.
  Result<bool> Exports(std::string_view name) const;
  Result<std::vector<VersionNeed>> VersionNeeds() const;     // of .gnu.version_r; empty without one
  Result<std::vector<std::string>> DefinedVersions() const;  // of .gnu.version_d; empty without one
  std::string BuildId() const;  // of .note.gnu.build-id, lower-case hex; empty without one
  // The (mangled) function that covers `address` (relative to the load base), from .symtab or
  // .dynsym.
  std::optional<std::string> FunctionAt(uint64_t address) const;

 private:
  ElfFile() = default;
  const Section* FindType(uint32_t type) const;
  Status ReadSections();
  Status NameSections(uint16_t names_index);
  Result<std::string> ReadRange(uint64_t offset, uint64_t size) const;

  std::unique_ptr<ReadableFile> file_;
  uint64_t file_size_ = 0;
  std::string header_;
  std::vector<Section> sections_;
};

}  // namespace mr::worker
