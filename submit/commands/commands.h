// The commands of mrsubmit, one file each, and what they share.
#pragma once

#include <string>
#include <vector>

#include "common/io/env.h"
#include "submit/cluster.h"
#include "submit/command_line.h"
#include "submit/config_files.h"
#include "submit/console.h"
#include "submit/exit_codes.h"

namespace mr::submit {

struct Invocation {
  const std::vector<CommandSpec>& commands;
  const CommandSpec& command;
  std::vector<std::string> arguments;
  Settings settings;  // flags, variables and the top level of the files
  Console& console;
  Env& env;
  ConfigPlaces places;
  Variables variables;
};

const std::vector<CommandSpec>& Commands();

int RunCommand(Invocation& invocation);
int AttachCommand(Invocation& invocation);
int WaitCommand(Invocation& invocation);
int ListCommand(Invocation& invocation);
int StatusCommand(Invocation& invocation);
int ExplainCommand(Invocation& invocation);
int TasksCommand(Invocation& invocation);
int LogsCommand(Invocation& invocation);
int KillCommand(Invocation& invocation);
int SetCommand(Invocation& invocation);
int CountersCommand(Invocation& invocation);
int CatCommand(Invocation& invocation);
int DescribeCommand(Invocation& invocation);
int WorkersCommand(Invocation& invocation);
int DrainCommand(Invocation& invocation);
int GcCommand(Invocation& invocation);
int ConfigCommand(Invocation& invocation);
int CompletionCommand(Invocation& invocation);
int HelpCommand(Invocation& invocation);

// Prints the error and gives its exit code.
int StopWith(Invocation& invocation, const Error& error);
// The same with a fixed exit code; kInvalidArgument means a usage error: adds "try 'mrsubmit X
// --help'".
int StopAs(Invocation& invocation, int exit_code, const std::string& text);
int UsageStop(Invocation& invocation, const std::string& text);

// "j42", "last", or nothing (= last).
std::string JobArgument(const Invocation& invocation, size_t index);
// Running time so far, or in all.
int64_t ElapsedMs(const wire::JobView& job, int64_t now_unix_ms);
// All tasks that match, page by page.
Result<std::vector<wire::TaskView>> ListAllTasks(Cluster& cluster, wire::ListTasksRequest request);

}  // namespace mr::submit
