// A plugin as it was built, loaded as mrtask loads it, and driven by the SDK's test driver.
#pragma once

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <mr/test.hpp>

#include "test/support/paths.h"

namespace mr {

inline const mr_job_def& PluginJob(const std::string& file, uint32_t index = 0) {
  void* library = dlopen((std::string(MR_PLUGIN_DIR "/") + file + ".so").c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error(dlerror());
  const auto entry = reinterpret_cast<mr_plugin_entry_fn>(dlsym(library, MR_PLUGIN_ENTRY));
  if (entry == nullptr) throw std::runtime_error(dlerror());
  const mr_plugin* plugin = entry();
  if (index >= plugin->job_count) throw std::runtime_error("no such job");
  return *plugin->jobs[index];
}

inline test::Result RunPlugin(const std::string& file, const std::vector<test::Input>& inputs,
                              std::map<std::string, std::string> params = {}, test::Options options = {}) {
  options.params = std::move(params);
  return test::Driver(PluginJob(file), options).run(inputs);
}

}  // namespace mr
