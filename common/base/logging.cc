#include "common/base/logging.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <ctime>
#include <string>

#include "common/base/log_level.h"
#include "common/base/strings.h"

namespace mr {
namespace {

// Where lines go. One write(2) per line, so that lines of several processes never mix in a shared file.
class LineSink final : public google::LogSink {
 public:
  void send(google::LogSeverity severity, const char*, const char* base_filename, int line,
            const google::LogMessageTime& time, const char* message, size_t length) override {
    const std::string_view text(message, length);
    std::string out;
    char stamp[64];
    std::strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &time.tm());
    char micros[16];
    std::snprintf(micros, sizeof micros, ".%06d", static_cast<int>(time.usec()));
    if (json) {
      out = StrCat("{\"time\":\"", stamp, micros, "\",\"level\":\"", google::GetLogSeverityName(severity),
                   "\",\"program\":\"", program, "\",\"source\":\"", base_filename, ":", line,
                   "\",\"message\":\"", Escaped(text), "\"}\n");
    } else {
      out = StrCat(stamp, micros, " ", std::string(1, google::GetLogSeverityName(severity)[0]), " ",
                   program, " ", base_filename, ":", line, "] ", text, "\n");
    }
    [[maybe_unused]] const ssize_t written = ::write(descriptor.load(), out.data(), out.size());
  }

  std::string program;
  std::string path;
  bool json = false;
  std::atomic<int> descriptor{STDERR_FILENO};

 private:
  static std::string Escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      if (static_cast<unsigned char>(c) < 0x20) {
        char code[8];
        std::snprintf(code, sizeof code, "\\u%04x", c);
        out += code;
      } else {
        out += c;
      }
    }
    return out;
  }
};

LineSink& Sink() {
  static LineSink* sink = new LineSink;  // never destroyed: lines may come during exit
  return *sink;
}

Result<int> OpenLogFile(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (descriptor < 0) return FailErrno(errno, StrCat("cannot open the log file ", path));
  return descriptor;
}

}  // namespace

Status SetLogLevel(const std::string& level) {
  int severity = google::GLOG_INFO;
  if (level == "warning") severity = google::GLOG_WARNING;
  else if (level == "error") severity = google::GLOG_ERROR;
  else if (level != "info" && level != "debug") {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("unknown log level '", level, "'; use debug, info, warning or error"));
  }
  FLAGS_minloglevel = severity;
  FLAGS_v = level == "debug" ? 1 : 0;
  return {};
}

Status InitLogging(const char* program, const LogOptions& options) {
  MR_RETURN_IF_ERROR(SetLogLevel(options.level));
  if (options.format != "text" && options.format != "json") {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("unknown log format '", options.format, "'; use text or json"));
  }
  LineSink& sink = Sink();
  if (!options.file.empty()) {
    MR_ASSIGN_OR_RETURN(sink.descriptor, OpenLogFile(options.file));
  }
  sink.program = program;
  sink.path = options.file;
  sink.json = options.format == "json";

  // glog itself writes nothing but FATAL lines: no files in /tmp, no buffering (glog.s rotation
  // loses lines, and its file names are predictable).
  FLAGS_logtostderr = false;
  FLAGS_stderrthreshold = google::GLOG_FATAL;
  for (int level = 0; level < google::NUM_SEVERITIES; ++level) google::SetLogDestination(level, "");
  google::InitGoogleLogging(program);
  google::AddLogSink(&sink);
  return {};
}

void ReopenLog() {
  LineSink& sink = Sink();
  if (sink.path.empty()) return;
  if (auto opened = OpenLogFile(sink.path)) {
    // dup2 keeps the descriptor number, so that a line being written meanwhile goes to one of the files.
    ::dup2(*opened, sink.descriptor);
    ::close(*opened);
  } else {
    LOG(ERROR) << opened.error().text << "; going on with the old one";
  }
}

}  // namespace mr
