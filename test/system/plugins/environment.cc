// Tells what its tasks find in their environment: each record is the name of a variable, and the output says what it was
// in map and in reduce ("-": not set). Also the tag of the input that the record came from.
#include <mr/mr.hpp>

#include <cstdlib>
#include <string>

struct Environment : mr::Job<std::string, std::string> {
  mr::Param<std::string> word{"word", "shown as MR_PARAM_WORD", "none"};

  static std::string ValueOf(mr::View name) {
    const char* value = std::getenv(std::string(name).c_str());
    return value == nullptr ? "-" : value;
  }
  void map(mr::View name, Emit& emit) {
    emit(std::string(name), ValueOf(name));
    if (!task().input_tag.empty()) emit("tag of " + std::string(name), std::string(task().input_tag));
  }
  void reduce(mr::View name, Values& values, Out& out) {
    for (const auto& value : values) out.line("map ", name, "=", value);
    if (!name.starts_with("tag of ")) out.line("reduce ", name, "=", ValueOf(name));
  }
};
MR_JOB(Environment);
