// The two streams: results go to standard output, everything else to standard error. One thread.
#pragma once

#include <string>
#include <string_view>

#include "submit/settings.h"

namespace mr::submit {

// How text may look; meaning is never carried by colour alone.
struct Style {
  bool colour = false;
  bool utf8 = true;

  std::string_view ok() const { return utf8 ? "✓" : "ok"; }
  std::string_view bad() const { return utf8 ? "✗" : "FAIL"; }
  std::string_view warning() const { return utf8 ? "⚠" : "!"; }
  std::string_view dot() const { return utf8 ? "·" : "-"; }
  std::string_view arrow() const { return utf8 ? "→" : "->"; }
  std::string Green(std::string_view text) const { return Paint("32", text); }
  std::string Red(std::string_view text) const { return Paint("31", text); }
  std::string Yellow(std::string_view text) const { return Paint("33", text); }
  std::string Bold(std::string_view text) const { return Paint("1", text); }

 private:
  std::string Paint(std::string_view code, std::string_view text) const;
};

// Columns that `text` takes on a terminal: one per code point, escape sequences none.
size_t DisplayWidth(std::string_view text);
// `text` cut to `columns`, escape sequences kept whole.
std::string CutToWidth(std::string_view text, size_t columns);

class Console {
 public:
  explicit Console(const Settings& settings);

  // To standard output. False once the reader has gone away: stop producing, it is not an error.
  bool Out(std::string_view text);
  void Err(std::string_view text);
  // "mrsubmit: TEXT" on standard error.
  void Error(std::string_view text);
  // A line of news, unless --quiet.
  void Note(std::string_view text);
  // A hint about what to do next: only for a person at a terminal.
  void Hint(std::string_view text);

  bool json() const { return json_; }
  bool quiet() const { return quiet_; }
  int verbose() const { return verbose_; }
  bool err_is_terminal() const { return err_is_terminal_; }
  bool out_is_terminal() const { return out_is_terminal_; }
  bool in_is_terminal() const { return in_is_terminal_; }
  size_t ErrWidth() const;  // columns of the terminal, 80 if unknown
  const Style& err_style() const { return err_style_; }
  const Style& out_style() const { return out_style_; }

 private:
  bool json_ = false;
  bool quiet_ = false;
  int verbose_ = 0;
  bool err_is_terminal_ = false;
  bool out_is_terminal_ = false;
  bool in_is_terminal_ = false;
  bool out_broken_ = false;
  Style err_style_;
  Style out_style_;
};

}  // namespace mr::submit
