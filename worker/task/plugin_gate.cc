#include "worker/task/plugin_gate.h"

#include <gnu/libc-version.h>
#include <link.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <tuple>

#include "common/base/strings.h"
#include "worker/task/elf_file.h"

namespace mr::worker {
namespace {

uint32_t OwnFlags() {
  uint32_t flags = 0;
#ifdef __SANITIZE_ADDRESS__
  flags |= MR_FLAG_ASAN;
#endif
#ifdef __SANITIZE_THREAD__
  flags |= MR_FLAG_TSAN;
#endif
#ifdef _GLIBCXX_DEBUG
  flags |= MR_FLAG_DEBUG_STL;
#endif
  return flags;
}

// Path of the libstdc++ this process runs with; empty if it is linked statically.
std::string LoadedStdlibPath() {
  std::string path;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* out) {
        const std::string_view name = info->dlpi_name == nullptr ? "" : info->dlpi_name;
        if (name.find("libstdc++.so") == std::string_view::npos) return 0;
        *static_cast<std::string*>(out) = name;
        return 1;
      },
      &path);
  return path;
}

// "2.36" -> (2, 36, 0); anything that is not a number counts as 0.
std::tuple<int, int, int> VersionNumbers(std::string_view text) {
  int numbers[3] = {0, 0, 0};
  size_t index = 0;
  for (const std::string_view part : Split(text, '.')) {
    if (index == 3) break;
    std::from_chars(part.data(), part.data() + part.size(), numbers[index++]);
  }
  return {numbers[0], numbers[1], numbers[2]};
}

tl::unexpected<Error> Refuse(const std::string& name, std::string_view rest) {
  return Fail(ErrorCode::kInvalidArgument, StrCat(name, " ", rest));
}

Status CheckFile(Env& env, const std::string& path, const std::string& name) {
  MR_ASSIGN_OR_RETURN(const FileStat stat, env.Stat(path));
  if (!stat.is_regular) return Refuse(name, "is not a regular file: give the plugin's .so file");
  if (stat.size_bytes > kPluginBytesMax) {
    return Refuse(name, StrCat("has ", FormatSize(stat.size_bytes), ", more than the limit of ",
                               FormatSize(kPluginBytesMax),
                               " for a plugin: strip it, or leave data out of it"));
  }
  if ((stat.mode & 0002) != 0) {
    return Fail(
        ErrorCode::kPermission,
        StrCat(
            name,
            " can be written by everybody on this machine, so its code is not trusted: chmod o-w ",
            path));
  }
  return {};
}

Result<mr_abi_tag> ReadTag(const ElfFile& elf, const std::string& name) {
  const ElfFile::Section* section = elf.FindSection(MR_ABI_TAG_SECTION);
  if (section == nullptr) {
    return Refuse(
        name, StrCat("exports ", MR_PLUGIN_ENTRY, " but carries no ", MR_ABI_TAG_SECTION,
                     " section: build it with the header mr/mr.hpp, and do not strip sections"));
  }
  auto bytes = elf.ReadSection(*section);
  if (!bytes) return Refuse(name, bytes.error().text);
  // Fields up to `size` exist in every version.
  constexpr size_t kFixedBytes = offsetof(mr_abi_tag, job_def_size);
  mr_abi_tag tag{};
  if (bytes->size() < kFixedBytes) return Refuse(name, "carries a torn ABI tag: build it again");
  std::memcpy(&tag, bytes->data(), std::min(bytes->size(), sizeof tag));
  if (tag.magic != MR_ABI_MAGIC) {
    return Refuse(name,
                  "carries an ABI tag that is not Millrace's: build it with the header mr/mr.hpp");
  }
  tag.sdk_version[sizeof tag.sdk_version - 1] = '\0';
  tag.compiler[sizeof tag.compiler - 1] = '\0';
  tag.stdlib[sizeof tag.stdlib - 1] = '\0';
  return tag;
}

Status CheckVersion(const mr_abi_tag& tag, const std::string& name, const HostAbi& host) {
  if (tag.abi_major != host.abi_major || tag.abi_minor > host.abi_minor) {
    return Refuse(name, StrCat("speaks plugin ABI ", tag.abi_major, ".", tag.abi_minor,
                               ", this Millrace speaks ", host.abi_major, ".", host.abi_minor,
                               ": rebuild it against the headers of ", host.abi_major, ".",
                               host.abi_minor, ", or upgrade Millrace"));
  }
  // Structs grow at the end with the minor version: the same version has the same sizes, an older
  // one no larger.
  const bool same = tag.size == sizeof(mr_abi_tag) && tag.job_def_size == sizeof(mr_job_def) &&
                    tag.task_size == sizeof(mr_task);
  const bool older = tag.abi_minor < host.abi_minor && tag.size <= sizeof(mr_abi_tag) &&
                     tag.job_def_size <= sizeof(mr_job_def) && tag.task_size <= sizeof(mr_task);
  if (!same && !older) {
    return Refuse(
        name, StrCat("was compiled with other struct sizes (tag ", tag.size, ", job ",
                     tag.job_def_size, ", task ", tag.task_size, ") than this Millrace (",
                     sizeof(mr_abi_tag), ", ", sizeof(mr_job_def), ", ", sizeof(mr_task),
                     "): rebuild it with the headers of this version and without packing options"));
  }
  return {};
}

Status CheckBuildFlags(const mr_abi_tag& tag, const std::string& name, const HostAbi& host) {
  const struct {
    uint32_t flag;
    const char* option;
    const char* preset;
  } sanitizers[] = {{MR_FLAG_ASAN, "-fsanitize=address", "asan"},
                    {MR_FLAG_TSAN, "-fsanitize=thread", "tsan"}};
  for (const auto& sanitizer : sanitizers) {
    if ((tag.flags & sanitizer.flag) != 0 && (host.flags & sanitizer.flag) == 0) {
      return Refuse(name, StrCat("was built with ", sanitizer.option,
                                 " and this mrtask without: rebuild the plugin "
                                 "without that option, or run a Millrace built with the preset ",
                                 sanitizer.preset));
    }
  }
  if ((tag.flags & MR_FLAG_DEBUG_STL) != 0 && (host.flags & MR_FLAG_DEBUG_STL) == 0) {
    return Refuse(name,
                  "was built with -D_GLIBCXX_DEBUG and this Millrace without: rebuild the plugin "
                  "without that "
                  "option (-D_GLIBCXX_ASSERTIONS is fine)");
  }
  return {};
}

Status CheckLibraries(const ElfFile& elf, const std::string& name, const HostAbi& host) {
  auto needs = elf.VersionNeeds();
  if (!needs) return Refuse(name, needs.error().text);
  for (const ElfFile::VersionNeed& need : *needs) {
    for (const std::string& version : need.versions) {
      constexpr std::string_view kGlibc = "GLIBC_";
      if (version.starts_with(kGlibc) && !version.starts_with("GLIBC_PRIVATE") &&
          !host.glibc.empty()) {
        const std::string_view wanted = std::string_view(version).substr(kGlibc.size());
        if (VersionNumbers(wanted) > VersionNumbers(host.glibc)) {
          return Refuse(name, StrCat("needs glibc ", wanted, " and this machine has ", host.glibc,
                                     ": build it on a system that is not newer than the workers'"));
        }
      }
      const bool of_stdlib = version.starts_with("GLIBCXX_") || version.starts_with("CXXABI_");
      if (of_stdlib && need.library.starts_with("libstdc++") && !host.stdlib_versions.empty() &&
          std::find(host.stdlib_versions.begin(), host.stdlib_versions.end(), version) ==
              host.stdlib_versions.end()) {
        return Refuse(name,
                      StrCat("needs ", version, " and the libstdc++ of this machine ends at ",
                             host.stdlib_versions.back(),
                             ": build it with a compiler that is not newer than the workers'"));
      }
    }
  }
  return {};
}

}  // namespace

HostAbi ThisHost(Env& env) {
  HostAbi host;
  host.flags = OwnFlags();
  host.glibc = gnu_get_libc_version();
  const std::string path = LoadedStdlibPath();
  if (path.empty()) return host;
  if (const auto elf = ElfFile::Open(env, path)) {
    if (auto versions = elf->DefinedVersions()) host.stdlib_versions = std::move(*versions);
  }
  return host;
}

Result<mr_abi_tag> InspectPlugin(Env& env, const std::string& path, const std::string& shown_name,
                                 const HostAbi& host) {
  MR_RETURN_IF_ERROR(CheckFile(env, path, shown_name));
  auto elf = ElfFile::Open(env, path);
  if (!elf) {
    if (elf.error().code != ErrorCode::kInvalidArgument) return Fail(elf.error());
    return Refuse(shown_name, elf.error().text);
  }
  const auto exported = elf->Exports(MR_PLUGIN_ENTRY);
  if (!exported) return Refuse(shown_name, exported.error().text);
  if (!*exported) {
    return Refuse(shown_name, StrCat("does not export ", MR_PLUGIN_ENTRY,
                                     ": did you forget MR_JOB(...) after your job's struct?"));
  }
  MR_ASSIGN_OR_RETURN(const mr_abi_tag tag, ReadTag(*elf, shown_name));
  MR_RETURN_IF_ERROR(CheckVersion(tag, shown_name, host));
  MR_RETURN_IF_ERROR(CheckBuildFlags(tag, shown_name, host));
  MR_RETURN_IF_ERROR(CheckLibraries(*elf, shown_name, host));
  return tag;
}

}  // namespace mr::worker
