// A job's specification as a client sends it: decoded, judged, and cut into map tasks. Whatever is
// accepted has to have a plan that covers its input exactly, or a refusal.
#include <algorithm>

#include "common/base/logging.h"
#include "common/wire/codec.h"
#include "coordinator/core/split_planner.h"
#include "test/fuzz/fuzz.h"

namespace mr::fuzz {
namespace {

wire::JobSpec Valid() {
  wire::JobSpec spec;
  spec.config.plugin_sha256 = std::string(64, 'a');
  spec.config.output_dir = "/out";
  spec.config.split_bytes = 1000;
  spec.config.record_bytes = 7;
  for (const uint64_t size : {0, 1, 999, 1000, 12'345}) {
    wire::InputFile file;
    file.path = "/in/" + std::to_string(size);
    file.size_bytes = size;
    spec.inputs.push_back(file);
  }
  return spec;
}

std::string Encoded(const wire::JobSpec& spec) {
  wire::SubmitJobRequest submit;
  submit.spec = spec;
  wire::Request request;
  request.body = std::move(submit);
  return wire::Encode(request);
}

void CheckPlan(const wire::JobSpec& spec, const std::vector<wire::MapWork>& plan) {
  CHECK(!plan.empty() && plan.size() <= coordinator::kMaxMapTasks);
  const wire::JobConfig& config = spec.config;
  auto file = spec.inputs.begin();
  uint64_t reached = 0;
  for (const wire::MapWork& work : plan) {
    CHECK_LE(work.splits.size(), coordinator::kMaxFilesPerTask);
    for (const wire::Split& split : work.splits) {
      while (file != spec.inputs.end() && reached == file->size_bytes &&
             !(split.file == *file && split.begin == 0)) {
        ++file;
        reached = 0;
      }
      CHECK(file != spec.inputs.end() && split.file == *file);
      CHECK_EQ(split.begin, reached);
      CHECK(split.begin <= split.end && split.end <= file->size_bytes);
      reached = split.end;
      if (config.input_format == wire::InputFormat::kFixed)
        CHECK_EQ(split.begin % config.record_bytes, 0u);
      (void)coordinator::DescribeSplits(work);
    }
  }
  for (; file != spec.inputs.end(); ++file) {
    CHECK(reached == file->size_bytes || file->size_bytes == 0) << file->path;
    reached = 0;
  }
}

}  // namespace

void OneInput(std::string_view bytes) {
  const auto request = wire::Decode<wire::Request>(bytes);
  if (!request) return;
  const auto* submit = std::get_if<wire::SubmitJobRequest>(&request->body);
  if (submit == nullptr) return;
  if (const Status status = coordinator::CheckSpec(submit->spec); !status) {
    CHECK(status.error().code == ErrorCode::kInvalidArgument && !status.error().text.empty());
    return;
  }
  const auto plan = coordinator::PlanSplits(submit->spec);
  if (!plan) return CHECK(plan.error().code == ErrorCode::kInvalidArgument);
  CheckPlan(submit->spec, *plan);
  CHECK(coordinator::PlanSplits(submit->spec) == plan)
      << "a plan is never stored: it has to come out the same";
}

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds = {Encoded({}), Encoded(Valid())};
  for (const auto format :
       {wire::InputFormat::kBlocks, wire::InputFormat::kWhole, wire::InputFormat::kFixed}) {
    wire::JobSpec spec = Valid();
    spec.config.input_format = format;
    spec.config.reducers = 3;
    spec.config.range_bounds = {"a", "b"};
    spec.inputs[4].compression = wire::Compression::kGzip;
    seeds.push_back(Encoded(spec));
  }
  return seeds;
}

}  // namespace mr::fuzz
