#include "submit/leftovers.h"

#include <algorithm>
#include <charconv>

#include "common/base/strings.h"

namespace mr::submit {
namespace {

// Names of the worker's output layout (worker/output/output_layout.h), which no other program may include.
constexpr std::string_view kHidden = ".millrace";
constexpr std::string_view kGone = ".gone";
constexpr size_t kNonceDigits = 16;

// Files that go away meanwhile are somebody else's to count.
uint64_t BytesBelow(Env& env, const std::string& directory) {
  uint64_t bytes = 0;
  const auto names = env.ListDirectory(directory);
  if (!names) return 0;
  for (const std::string& name : *names) {
    const std::string path = JoinPath(directory, name);
    const auto stat = env.Stat(path);
    if (stat) bytes += stat->is_directory ? BytesBelow(env, path) : stat->size_bytes;
  }
  return bytes;
}

bool HoldsOldContent(Env& env, const std::string& path) {
  const auto names = env.ListDirectory(JoinPath(path, "old"));
  if (names) return !names->empty();
  return names.error().code != ErrorCode::kNotFound;  // who cannot look must not remove
}

}  // namespace

std::optional<wire::OutputClaim> ParseClaim(std::string_view name) {
  if (name.ends_with(kGone)) name.remove_suffix(kGone.size());
  wire::OutputClaim claim;
  const size_t dash = name.find('-');
  const auto job = ParseJobId(name.substr(0, dash));
  if (!job) return std::nullopt;
  claim.job = *job;
  if (dash == std::string_view::npos) return claim;
  const std::string_view digits = name.substr(dash + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), claim.nonce, 16);
  const bool whole = error == std::errc() && end == digits.data() + digits.size();
  if (!whole || digits.size() != kNonceDigits) return std::nullopt;
  return claim;
}

Result<std::vector<Leftover>> FindLeftovers(Env& env, const std::string& output_dir) {
  std::vector<Leftover> found;
  MR_RETURN_IF_ERROR(env.ListDirectory(output_dir).map([](const auto&) {}));
  const std::string hidden = JoinPath(output_dir, kHidden);
  auto names = env.ListDirectory(hidden);
  if (!names && names.error().code == ErrorCode::kNotFound) return found;
  if (!names) return Fail(names.error());
  std::sort(names->begin(), names->end());
  for (const std::string& name : *names) {
    const std::optional<wire::OutputClaim> claim = ParseClaim(name);
    if (!claim) continue;
    const std::string path = JoinPath(hidden, name);
    found.push_back({path, *claim, BytesBelow(env, path), HoldsOldContent(env, path)});
  }
  return found;
}

Status RemoveLeftover(Env& env, const Leftover& leftover) {
  // Its job may have moved something aside since it was found.
  if (!leftover.holds_old_content && HoldsOldContent(env, leftover.path)) {
    return Fail(ErrorCode::kAlreadyExists, StrCat(leftover.path, " holds what a job has moved aside since it was looked at; "
                                                       "it stays. Look at it with 'mrsubmit gc' again"));
  }
  MR_RETURN_IF_ERROR(env.RemoveTree(leftover.path));
  [[maybe_unused]] const Status hidden = env.RemoveDirectory(ParentPath(leftover.path));  // refused if it is not empty
  return {};
}

}  // namespace mr::submit
