// Turns on the mistake that MR_MUTANT names; linked with sources that were compiled with MR_MUTANTS.
#include <cstdlib>
#include <iostream>
#include <string>

#define MR_MUTANTS
#include "common/base/mutants.h"

namespace mr {

bool Mutated(Mutant mutant) {
  static const Mutant active = [] {
    const char* given = std::getenv("MR_MUTANT");
    const std::string name = given == nullptr ? "" : given;
#define MR_MUTANT_CASE(known) \
  if (name == #known) return Mutant::k##known;
    MR_MUTANT_LIST(MR_MUTANT_CASE)
#undef MR_MUTANT_CASE
    if (!name.empty()) {
      std::cerr << "no such mutant: " << name << "\n";
      std::exit(0);  // as a survivor
    }
    return Mutant::kNone;
  }();
  return mutant == active;
}

}  // namespace mr
