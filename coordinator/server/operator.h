// What an operator does with a member's directory while no coordinator runs on it: make it, look into it, take the
// state out of it, and make a new group of that state.
#pragma once

#include <string_view>

namespace mr::coordinator {

// "bootstrap", "inspect", "export", "restore".
bool IsOperatorCommand(std::string_view word);
// The whole command line after the program's name, the command first. The process's exit code: 0; 2: usage; 6: refused.
int RunOperatorCommand(int argc, const char* const* argv);

}  // namespace mr::coordinator
