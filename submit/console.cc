#include "submit/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "common/base/strings.h"

namespace mr::submit {
namespace {

std::string_view Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool LocaleIsUtf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string_view value = Variable(name);
    if (value.empty()) continue;
    return value.find("UTF-8") != std::string_view::npos ||
           value.find("utf8") != std::string_view::npos ||
           value.find("UTF8") != std::string_view::npos ||
           value.find("utf-8") != std::string_view::npos;
  }
  return true;  // nothing is said: containers and services set no locale, and their logs are UTF-8
}

bool WantColour(const std::string& choice, bool is_terminal) {
  if (choice == "always") return true;
  if (choice == "never") return false;
  if (!Variable("NO_COLOR").empty()) return false;
  if (!Variable("FORCE_COLOR").empty()) return true;
  return is_terminal && Variable("TERM") != "dumb";
}

bool WriteAll(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

// Bytes of the escape sequence at the front of `text`; 0 if there is none.
size_t EscapeLength(std::string_view text) {
  if (text.size() < 2 || text[0] != '\x1b' || text[1] != '[') return 0;
  size_t i = 2;
  while (i < text.size() && (text[i] < '@' || text[i] > '~')) ++i;
  return std::min(i + 1, text.size());
}

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

}  // namespace

std::string Style::Paint(std::string_view code, std::string_view text) const {
  if (!colour) return std::string(text);
  return StrCat("\x1b[", code, "m", text, "\x1b[0m");
}

size_t DisplayWidth(std::string_view text) {
  size_t width = 0;
  while (!text.empty()) {
    const size_t escape = EscapeLength(text);
    if (escape == 0 && !IsContinuation(text.front())) ++width;
    text.remove_prefix(std::max<size_t>(escape, 1));
  }
  return width;
}

std::string CutToWidth(std::string_view text, size_t columns) {
  std::string out;
  size_t width = 0;
  while (!text.empty()) {
    const size_t escape = EscapeLength(text);
    if (escape > 0) {
      out.append(text.substr(0, escape));
      text.remove_prefix(escape);
      continue;
    }
    if (!IsContinuation(text.front())) ++width;
    if (width <= columns) out.push_back(text.front());
    text.remove_prefix(1);
  }
  return out;
}

Console::Console(const Settings& settings)
    : json_(settings.Flag("json")),
      quiet_(settings.Flag("quiet")),
      verbose_(static_cast<int>(settings.All("verbose").size())),
      err_is_terminal_(::isatty(STDERR_FILENO) == 1),
      out_is_terminal_(::isatty(STDOUT_FILENO) == 1),
      in_is_terminal_(::isatty(STDIN_FILENO) == 1) {
  const std::string colour = settings.Get("color", "auto");
  const bool utf8 = LocaleIsUtf8();
  err_style_ = Style{WantColour(colour, err_is_terminal_), utf8};
  out_style_ = Style{WantColour(colour, out_is_terminal_), utf8};
}

bool Console::Out(std::string_view text) {
  if (out_broken_) return false;
  out_broken_ = !WriteAll(STDOUT_FILENO, text);
  return !out_broken_;
}

void Console::Err(std::string_view text) { WriteAll(STDERR_FILENO, text); }

void Console::Error(std::string_view text) { Err(StrCat("mrsubmit: ", text, "\n")); }

void Console::Note(std::string_view text) {
  if (!quiet_) Err(StrCat(text, "\n"));
}

void Console::Hint(std::string_view text) {
  if (!quiet_ && err_is_terminal_ && !json_) Err(StrCat(text, "\n"));
}

size_t Console::ErrWidth() const {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

}  // namespace mr::submit
