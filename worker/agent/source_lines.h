// Where in the source an address of a plugin is, as binutils' addr2line says.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/io/env.h"

namespace mr::worker {

// "FILE:LINE" (without the file's folder) for each of `addresses`, relative to the load base of the ELF file `module`;
// "" where it is not known, so for all of them without debug information in the file or `program` on PATH, or when it
// takes longer than two seconds. Blocks, so it is not for the agent's loop.
std::vector<std::string> SourceLines(Env& env, const std::string& module, const std::vector<uint64_t>& addresses,
                                     const char* program = "addr2line");

// Stack frames "/cache/3f9c….so+0x1234 symbol", as the crash handler writes them, to
// "Parser::field(int) at parser.cpp:88 (wordcount.so)", as far as it is known. Blocks as well.
std::vector<std::string> SymbolizeFrames(Env& env, const std::vector<std::string>& frames,
                                         const std::string& plugin_name);

}  // namespace mr::worker
