// Tells where its tasks run: the working directory, and how many of the job's map tasks have been in it so far.
#include <mr/mr.hpp>

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

struct Surroundings : mr::Job<std::string, uint64_t> {
  void map(mr::View, Emit& emit) {
    const std::string cwd = std::filesystem::current_path().string();
    const std::string mine = "visit-" + std::string(std::getenv("MR_TASK"));
    std::ofstream(mine) << "here\n";
    uint64_t visits = 0;
    for (const auto& entry : std::filesystem::directory_iterator("."))
      visits += entry.path().filename().string().starts_with("visit-") ? 1 : 0;
    emit(cwd == std::getenv("MR_SCRATCH") ? "private" : cwd, visits);
  }
  using Reduce = mr::Max;
};
MR_JOB(Surroundings);
