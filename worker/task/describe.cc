#include "worker/task/describe.h"

#include <nlohmann/json.hpp>

namespace mr::worker {
namespace {

using Json = nlohmann::ordered_json;

std::string Text(const char* text) { return text == nullptr ? "" : text; }

const char* FoldName(uint32_t fold) {
  switch (fold) {
    case MR_FOLD_SUM:
      return "sum";
    case MR_FOLD_MIN:
      return "min";
    case MR_FOLD_MAX:
      return "max";
    case MR_FOLD_DEDUP:
      return "dedup";
    default:
      return "none";
  }
}

Json FlagsJson(uint32_t flags) {
  Json names = Json::array();
  if (flags & MR_FLAG_ASAN) names.push_back("asan");
  if (flags & MR_FLAG_TSAN) names.push_back("tsan");
  if (flags & MR_FLAG_DEBUG_STL) names.push_back("debug-stl");
  if (flags & MR_FLAG_OLD_STRING_ABI) names.push_back("old-string-abi");
  if (flags & MR_FLAG_OPTIMIZED) names.push_back("optimized");
  return names;
}

Json ParamJson(const mr_param_def& param) {
  Json out;
  out["name"] = Text(param.name);
  out["type"] = Text(param.type);
  out["default"] = param.default_text == nullptr ? Json(nullptr) : Json(param.default_text);
  out["required"] = param.default_text == nullptr;
  out["help"] = Text(param.help);
  return out;
}

Json JobJson(const mr_job_def& job) {
  Json out;
  out["name"] = Text(job.name);
  out["help"] = Text(job.help);
  out["key_type"] = Text(job.key_type);
  out["value_type"] = Text(job.value_type);
  out["input_format"] = Text(job.input_format);
  out["output_format"] = Text(job.output_format);
  out["map_only"] = (job.flags & MR_JOB_MAP_ONLY) != 0;
  out["has_combine"] = job.combine != nullptr;
  out["has_reduce"] = job.reduce != nullptr;
  out["fold"] = FoldName(job.fold);
  out["partition"] = job.partition_kind == MR_PARTITION_RANGE ? "range"
                     : job.partition != nullptr               ? "custom"
                                                              : "hash";
  out["range_partition"] = job.partition_kind == MR_PARTITION_RANGE;
  out["params"] = Json::array();
  for (uint32_t i = 0; i < job.param_count; ++i) out["params"].push_back(ParamJson(job.params[i]));
  return out;
}

}  // namespace

std::string DescribeJson(const AppLibrary& app, const std::string& path, const std::string& build_id,
                         bool indent) {
  const mr_abi_tag& tag = app.tag();
  Json out;
  out["plugin"] = path;
  out["build_id"] = build_id;
  out["abi"] = {{"major", tag.abi_major},
                {"minor", tag.abi_minor},
                {"sdk_version", Text(tag.sdk_version)},
                {"compiler", Text(tag.compiler)},
                {"stdlib", Text(tag.stdlib)},
                {"flags", FlagsJson(tag.flags)}};
  out["jobs"] = Json::array();
  for (const mr_job_def* job : app.jobs()) out["jobs"].push_back(JobJson(*job));
  // Plugins may hold any bytes in their texts.
  return out.dump(indent ? 2 : -1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace mr::worker
