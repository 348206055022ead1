// MR_JOB(T): makes T a job of this plugin. Any number per plugin, in any of its source files.
#pragma once

#include <mr/adapter.hpp>

#define MR_SDK_VERSION "0.1.0"

namespace mr::detail {

// One entry of the plugin's list of jobs; an object with static life in the file of its MR_JOB.
class JobEntry {
 public:
  JobEntry(const JobEntry&) = delete;
  JobEntry& operator=(const JobEntry&) = delete;
  virtual const mr_job_def* Make() = 0;
  JobEntry* next = nullptr;

 protected:
  JobEntry();
  ~JobEntry() = default;
};

// Hidden, and not shared with another plugin of the process whatever that one was compiled with.
[[gnu::visibility("hidden")]] inline constinit JobEntry* first_entry = nullptr;
[[gnu::visibility("hidden")]] inline constinit JobEntry* last_entry = nullptr;

[[gnu::visibility("hidden")]] inline JobEntry::JobEntry() {
  (last_entry == nullptr ? first_entry : last_entry->next) = this;
  last_entry = this;
}

template <class T, bool kGood>
class Registration final : public JobEntry {
 public:
  explicit Registration(const char* name) : name_(name) {}
  const mr_job_def* Make() override {
    if constexpr (kGood) {
      if (!def_) def_.emplace(name_);
      return &def_->def();
    } else {
      return nullptr;  // a static_assert of MR_JOB has spoken
    }
  }

 private:
  const char* name_;
  std::optional<std::conditional_t<kGood, JobDef<T>, int>> def_;
};

[[gnu::visibility("hidden")]] inline const mr_plugin* PluginTable() {
  static std::vector<const mr_job_def*> jobs;
  static mr_plugin plugin{};
  if (plugin.size == 0) {
    for (JobEntry* entry = first_entry; entry != nullptr; entry = entry->next) jobs.push_back(entry->Make());
    plugin = {sizeof plugin, MR_ABI_MAGIC, MR_ABI_MAJOR, MR_ABI_MINOR,
              static_cast<std::uint32_t>(jobs.size()), jobs.data()};
  }
  return &plugin;
}

consteval std::uint32_t BuildFlags() {
  std::uint32_t flags = 0;
#if defined(__SANITIZE_ADDRESS__)
  flags |= MR_FLAG_ASAN;
#endif
#if defined(__SANITIZE_THREAD__)
  flags |= MR_FLAG_TSAN;
#endif
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
  flags |= MR_FLAG_ASAN;
#endif
#if __has_feature(thread_sanitizer)
  flags |= MR_FLAG_TSAN;
#endif
#endif
#if defined(_GLIBCXX_DEBUG)
  flags |= MR_FLAG_DEBUG_STL;
#endif
#if defined(_GLIBCXX_USE_CXX11_ABI) && !_GLIBCXX_USE_CXX11_ABI
  flags |= MR_FLAG_OLD_STRING_ABI;
#endif
#if defined(__OPTIMIZE__)
  flags |= MR_FLAG_OPTIMIZED;
#endif
  return flags;
}

#define MR_DETAIL_TEXT2(X) #X
#define MR_DETAIL_TEXT(X) MR_DETAIL_TEXT2(X)
consteval mr_abi_tag MakeTag() {
  mr_abi_tag tag{};
  tag.magic = MR_ABI_MAGIC;
  tag.abi_major = MR_ABI_MAJOR;
  tag.abi_minor = MR_ABI_MINOR;
  tag.size = sizeof(mr_abi_tag);
  tag.job_def_size = sizeof(mr_job_def);
  tag.task_size = sizeof(mr_task);
  tag.flags = BuildFlags();
  const auto copy = [](char* to, std::size_t room, View text) {
    for (std::size_t i = 0; i + 1 < room && i < text.size(); ++i) to[i] = text[i];
  };
  copy(tag.sdk_version, sizeof tag.sdk_version, MR_SDK_VERSION);
#if defined(__clang__)
  copy(tag.compiler, sizeof tag.compiler, __VERSION__);
#else
  copy(tag.compiler, sizeof tag.compiler, "GCC " __VERSION__);
#endif
#if defined(__GLIBCXX__)
  copy(tag.stdlib, sizeof tag.stdlib, "libstdc++ " MR_DETAIL_TEXT(__GLIBCXX__));
#elif defined(_LIBCPP_VERSION)
  copy(tag.stdlib, sizeof tag.stdlib, "libc++ " MR_DETAIL_TEXT(_LIBCPP_VERSION));
#endif
  return tag;
}

#if defined(__has_attribute) && __has_attribute(retain)
#define MR_DETAIL_RETAIN , retain
#else
#define MR_DETAIL_RETAIN
#endif
// Read by the host from the file, before any code of the plugin runs. One per plugin: the linker folds the
// copies of several source files.
__attribute__((section(MR_ABI_TAG_SECTION), visibility("hidden"), used MR_DETAIL_RETAIN)) inline constexpr mr_abi_tag
    kAbiTag = MakeTag();

}  // namespace mr::detail

// The plugin's one exported symbol; weak, so several source files may include this header.
extern "C" __attribute__((visibility("default"), used)) inline const mr_plugin* mr_plugin_entry() {
  return ::mr::detail::PluginTable();
}

#define MR_DETAIL_GLUE2(A, B) A##B
#define MR_DETAIL_GLUE(A, B) MR_DETAIL_GLUE2(A, B)
#define MR_DETAIL_REGISTER(T, NAME)                                                                          \
  [[maybe_unused]] static ::mr::detail::Registration<T, ::mr::detail::CheckJob<T>() ==                       \
                                                            ::mr::detail::Problem::kNone>                    \
      MR_DETAIL_GLUE(mr_registration_, __COUNTER__)(NAME)

// At namespace scope, behind the job's definition. The job is called T (without its namespaces).
#define MR_JOB(T)         \
  MR_DETAIL_CHECK_JOB(T); \
  MR_DETAIL_REGISTER(T, #T)

// … under another name.
#define MR_JOB_NAMED(T, NAME) \
  MR_DETAIL_CHECK_JOB(T);     \
  MR_DETAIL_REGISTER(T, NAME)
