#include "worker/task/app_library.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <unistd.h>

#include <boost/dll/shared_library.hpp>
#include <cctype>
#include <cstdlib>
#include <memory>

#include "common/base/strings.h"
#include "worker/task/plugin_gate.h"

namespace mr::worker {
namespace {

constexpr uint32_t kJobsMax = 1000;
constexpr uint32_t kParamsMax = 1000;

// Boost prefixes what dlerror said with an unrelated errno text.
std::string UsefulPart(std::string_view what) {
  constexpr std::string_view kMarker = "dlerror system message: ";
  const size_t at = what.find(kMarker);
  if (at != std::string_view::npos) {
    what = what.substr(at + kMarker.size());
    if (const size_t end = what.rfind("): "); end != std::string_view::npos)
      what = what.substr(0, end);
    if (!what.empty() && what.back() == ')') what.remove_suffix(1);
  }
  // "PATH: undefined symbol: x": the path is a hash in a cache, of no use to the author.
  if (const size_t colon = what.find(".so: "); colon != std::string_view::npos)
    what = what.substr(colon + 5);
  return std::string(Trim(what));
}

using Library = boost::dll::shared_library;

Result<mr_plugin_entry_fn> Open(const std::string& path, const std::string& shown_name) {
  try {
    // RTLD_NODELETE, which Boost has no name for: the plugin outlives `library`, on purpose.
    const Library library(path, boost::dll::load_mode::rtld_now |
                                    boost::dll::load_mode::rtld_local |
                                    static_cast<boost::dll::load_mode::type>(RTLD_NODELETE));
    return &library.get<const mr_plugin*()>(MR_PLUGIN_ENTRY);
  } catch (const std::exception& error) {
    const std::string useful = DemangleAll(UsefulPart(error.what()));
    std::string hint = "rebuild it with all the libraries it needs";
    if (useful.find("undefined symbol") != std::string::npos) {
      hint =
          "define it, or link the library that does (-Wl,-z,defs finds such symbols at build time)";
    } else if (useful.find("cannot open shared object") != std::string::npos) {
      hint = "install that library on every worker, or link it statically";
    }
    return Fail(ErrorCode::kInvalidArgument,
                StrCat(shown_name, " cannot be loaded: ", useful, ": ", hint));
  }
}

tl::unexpected<Error> Broken(std::string_view what) {
  return Fail(ErrorCode::kInvalidArgument, std::string(what));
}

}  // namespace

std::string DemangleAll(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const bool starts = text.substr(at, 2) == "_Z" &&
                        (at == 0 || !std::isalnum(static_cast<unsigned char>(text[at - 1])));
    if (!starts) {
      out += text[at++];
      continue;
    }
    size_t end = at;
    while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) ||
                                 text[end] == '_' || text[end] == '.'))
      ++end;
    const std::string mangled(text.substr(at, end - at));
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> plain(
        abi::__cxa_demangle(mangled.c_str(), nullptr, nullptr, &status), &std::free);
    out += status == 0 && plain ? std::string(plain.get()) : mangled;
    at = end;
  }
  return out;
}

Status CheckJobDef(const mr_job_def& job) {
  if (job.size < offsetof(mr_job_def, partition) + sizeof job.partition) {
    return Broken(StrCat("has a job table of ", job.size, " bytes, and ", sizeof(mr_job_def),
                         " are needed: rebuild it against these headers"));
  }
  if (job.name == nullptr || *job.name == '\0') return Broken("has a job without a name");
  const std::string name = job.name;
  const auto lacks = [&](const char* what) {
    return Broken(StrCat("has a job '", name, "' without ", what,
                         ": build it with MR_JOB(...) of mr/mr.hpp"));
  };
  if (job.create == nullptr || job.destroy == nullptr) return lacks("constructor or destructor");
  if (job.map == nullptr) return lacks("map()");
  const bool map_only = (job.flags & MR_JOB_MAP_ONLY) != 0;
  if (!map_only && job.reduce == nullptr) return lacks("reduce(), though it is not map-only");
  if (job.input_format == nullptr || job.output_format == nullptr)
    return lacks("input or output format");
  if (job.key_type == nullptr || job.value_type == nullptr) return lacks("key or value type");
  if (job.fold > MR_FOLD_DEDUP)
    return Broken(StrCat("has a job '", name, "' with the unknown fold ", job.fold));
  if (job.fold != MR_FOLD_NONE && job.fold != MR_FOLD_DEDUP && job.fold_width != 1 &&
      job.fold_width != 2 && job.fold_width != 4 && job.fold_width != 8) {
    return Broken(StrCat("has a job '", name, "' that folds values of ", job.fold_width,
                         " bytes, and 1, 2, 4 and 8 are possible"));
  }
  if (job.partition_kind > MR_PARTITION_RANGE) {
    return Broken(
        StrCat("has a job '", name, "' with the unknown partition kind ", job.partition_kind));
  }
  if (job.param_count > kParamsMax || (job.param_count > 0 && job.params == nullptr)) {
    return Broken(
        StrCat("has a job '", name, "' with a broken table of ", job.param_count, " parameters"));
  }
  for (uint32_t i = 0; i < job.param_count; ++i) {
    const mr_param_def& param = job.params[i];
    if (param.size < sizeof(mr_param_def) || param.name == nullptr || param.type == nullptr) {
      return Broken(StrCat("has a job '", name, "' whose parameter ", i, " is incomplete"));
    }
  }
  return {};
}

Result<std::unique_ptr<AppLibrary>> AppLibrary::Load(Env& env, const std::string& path,
                                                     const std::string& shown_name) {
  auto app = std::make_unique<AppLibrary>();
  app->shown_name_ = shown_name;
  MR_ASSIGN_OR_RETURN(app->tag_, InspectPlugin(env, path, shown_name, ThisHost(env)));
  // dlopen searches the library path for a name without a slash.
  MR_ASSIGN_OR_RETURN(const std::string absolute, AbsolutePath(path));
  MR_ASSIGN_OR_RETURN(const mr_plugin_entry_fn entry, Open(absolute, shown_name));
  const mr_plugin* plugin = entry();
  const auto refuse = [&](std::string_view what) {
    return Fail(ErrorCode::kInvalidArgument, StrCat(shown_name, " ", what));
  };
  if (plugin == nullptr || plugin->size < sizeof(mr_plugin) || plugin->magic != MR_ABI_MAGIC ||
      plugin->abi_major != MR_ABI_MAJOR) {
    return refuse(StrCat("answers ", MR_PLUGIN_ENTRY,
                         "() with something that is not a table of plugin ABI ", MR_ABI_MAJOR,
                         ": rebuild it with mr/mr.hpp"));
  }
  if (plugin->job_count == 0 || plugin->job_count > kJobsMax || plugin->jobs == nullptr) {
    return refuse(StrCat("declares ", plugin->job_count, " jobs, and 1 to ", kJobsMax,
                         " are possible: is MR_JOB(...) there?"));
  }
  for (uint32_t i = 0; i < plugin->job_count; ++i) {
    if (plugin->jobs[i] == nullptr) return refuse(StrCat("has an empty entry as job ", i));
    if (const Status status = CheckJobDef(*plugin->jobs[i]); !status)
      return refuse(status.error().text);
    app->jobs_.push_back(plugin->jobs[i]);
  }
  return app;
}

Result<const mr_job_def*> AppLibrary::FindJob(std::string_view name) const {
  std::vector<std::string> names;
  for (const mr_job_def* job : jobs_) {
    if (name == job->name) return job;
    names.emplace_back(job->name);
  }
  if (name.empty()) {
    if (jobs_.size() == 1) return jobs_.front();
    return Fail(ErrorCode::kNotFound,
                StrCat(shown_name_, " holds ", jobs_.size(), " jobs (", Join(names, ", "),
                       "): say which, as in ", shown_name_, ":", names.front()));
  }
  const std::string_view nearest = Nearest(name, names);
  return Fail(ErrorCode::kNotFound,
              StrCat(shown_name_, " holds no job '", name, "', only ", Join(names, ", "),
                     nearest.empty() ? std::string() : StrCat(": did you mean ", nearest, "?")));
}

}  // namespace mr::worker
