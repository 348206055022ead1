#include "coordinator/core/plugin_abi.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/base/strings.h"

namespace mr::coordinator {
namespace {

constexpr size_t kMaxWorkersNamed = 6;

}  // namespace

std::string AbiText(const wire::PluginBuild& plugin) { return StrCat(plugin.abi_major, ".", plugin.abi_minor); }

bool Speaks(const wire::RegisterRequest& worker, const wire::PluginBuild& plugin) {
  if (plugin.abi_major == 0 || worker.abi_major == 0) return true;
  return worker.abi_major == plugin.abi_major && worker.abi_minor >= plugin.abi_minor;
}

Status CheckAbi(const std::string& plugin_name, const wire::PluginBuild& plugin, const WorkerTable& workers) {
  std::vector<std::string> names;
  std::pair oldest(UINT32_MAX, UINT32_MAX);  // of their versions
  for (const Worker& worker : workers.workers()) {
    if (!worker.alive || Speaks(worker.info, plugin)) continue;
    const std::pair abi(worker.info.abi_major, worker.info.abi_minor);
    oldest = std::min(oldest, abi);
    names.push_back(StrCat(Printable(worker.info.name, 80), " speaks ", abi.first, ".", abi.second, ", Millrace ",
                           Printable(worker.info.version, 40)));
  }
  if (names.empty()) return {};
  const size_t more = names.size() - std::min(names.size(), kMaxWorkersNamed);
  names.resize(names.size() - more);
  return Fail(ErrorCode::kUnsupported,
              StrCat(Printable(plugin_name, 80), " speaks plugin ABI ", AbiText(plugin),
                     ", these workers do not (", Join(names, "; "), more > 0 ? StrCat("; and ", more, " more") : "",
                     "). Rebuild it against the headers of ", oldest.first, ".", oldest.second,
                     ", or upgrade the workers."));
}

}  // namespace mr::coordinator
