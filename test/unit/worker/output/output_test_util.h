// What the tests of this room share: a job, its attempts, and the state of its output directory.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/io/env.h"
#include "worker/output/output_writer.h"

namespace mr::worker::test {

using Tree = std::map<std::string, std::string>;

inline wire::JobConfig MakeConfig(const std::string& out, bool overwrite = false) {
  wire::JobConfig config;
  config.output_dir = out;
  config.overwrite = overwrite;
  config.output_nonce = 0xabc;
  return config;
}

inline AttemptId MakeAttempt(uint32_t number, uint32_t partition = 0) {
  return {{JobId{42}, Phase::kReduce, partition}, number, 7};
}

// Named outputs ("" is the main one) and their content.
using Outputs = std::vector<std::pair<std::string, std::string>>;

// Writes and finishes an attempt; null after an error.
inline Result<std::unique_ptr<OutputWriter>> WriteAttempt(Env& env, const wire::JobConfig& config,
                                                          const AttemptId& attempt,
                                                          const Outputs& outputs) {
  MR_ASSIGN_OR_RETURN(auto writer, OutputWriter::Create(env, config, attempt));
  for (const auto& [name, content] : outputs) {
    OutputWriter::File* file = &writer->Main();
    if (!name.empty()) {
      MR_ASSIGN_OR_RETURN(file, writer->Named(name));
    }
    MR_RETURN_IF_ERROR(file->Append(content));
    file->CountRecords(1);
  }
  MR_RETURN_IF_ERROR(writer->Finish());
  return writer;
}

inline Result<std::vector<wire::OutputFile>> RunAttempt(Env& env, const wire::JobConfig& config,
                                                        const AttemptId& attempt,
                                                        const Outputs& outputs) {
  MR_ASSIGN_OR_RETURN(const auto writer, WriteAttempt(env, config, attempt, outputs));
  return writer->Publish();
}

inline wire::FinishWork Success(std::vector<wire::OutputFile> files) {
  return {true, std::move(files), "{\"job\": \"j42\"}", {}};
}

inline wire::FinishWork Failure(std::vector<wire::OutputFile> files = {}) {
  return {false, std::move(files), "", {}};
}

}  // namespace mr::worker::test
