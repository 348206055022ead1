// Turns on the mistake that MR_RAFT_MUTANT names; linked to the mutants build of the core only.
#include <cstdlib>
#include <iostream>

#define MR_RAFT_MUTANTS
#include "coordinator/raft/core/mutants.h"
#include "test/sim/raft/member.h"

namespace mr::raft {

bool Mutated(Mutant mutant) {
  static const Mutant active = [] {
    const std::string& name = test::ActiveMutant();
#define MR_RAFT_MUTANT_CASE(known) \
  if (name == #known) return Mutant::k##known;
    MR_RAFT_MUTANT_LIST(MR_RAFT_MUTANT_CASE)
#undef MR_RAFT_MUTANT_CASE
    if (!name.empty()) {
      std::cerr << "no such mutant: " << name << "\n";
      std::exit(0);  // as a survivor
    }
    return Mutant::kNone;
  }();
  return mutant == active;
}

MutantMemory& MutantMemoryOf(const void* core) {
  static std::map<const void*, MutantMemory> memory;
  return memory[core];
}

}  // namespace mr::raft
