// What map() is given of a line when the job says `using Input = mr::Csv`, `mr::JsonLines` or `mr::KeyValueFile`. The
// engine reads lines for all three; a line that is not of the form throws BadRecord. Views are valid within the call.
#pragma once

#include <algorithm>

#include <mr/text.hpp>

namespace mr {

// The fields of one line of comma-separated values (RFC 4180): "a","b ""c""",d. What is in quotes may hold commas and
// doubled quotes, but no line end: the engine cuts files at line ends, without a look at quotes.
//   void map(const mr::CsvRow& row, Emit& emit) { emit(row[0], mr::to<double>(row[2])); }
class CsvRow {
 public:
  CsvRow() = default;
  CsvRow(const CsvRow&) = delete;
  CsvRow& operator=(const CsvRow&) = delete;

  View line() const { return line_; }  // as it is in the file
  std::size_t size() const { return fields_.size(); }
  View operator[](std::size_t i) const {
    if (i >= fields_.size()) {
      throw BadRecord("there is no field " + std::to_string(i) + " (from 0): the line has " +
                      std::to_string(fields_.size()));
    }
    return fields_[i];
  }
  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }

  void parse(View line) {
    line_ = line;
    fields_.clear();
    text_.clear();
    text_.reserve(line.size());  // never grows, as fields have views of it: they are shorter than the line
    while (line.starts_with('"') ? Quoted(line) : Plain(line)) {
    }
  }

 private:
  // Take the next field off `rest`; answer whether another follows.
  bool Plain(View& rest) {
    const std::size_t n = rest.find(',');
    fields_.push_back(rest.substr(0, n));
    if (n == View::npos) return false;
    rest.remove_prefix(n + 1);
    return true;
  }
  bool Quoted(View& rest) {
    const std::size_t begin = text_.size();
    rest.remove_prefix(1);
    for (;;) {
      const std::size_t n = rest.find('"');
      if (n == View::npos) {
        throw BadRecord("a quoted field has no end on its line: mr::Csv reads line by line, so that a field cannot "
                        "hold a line end");
      }
      const bool doubled = n + 1 < rest.size() && rest[n + 1] == '"';
      if (!doubled && begin == text_.size()) {
        fields_.push_back(rest.substr(0, n));  // nothing to undo: where it is
        return AfterQuote(rest, n);
      }
      text_ += rest.substr(0, doubled ? n + 1 : n);
      if (!doubled) {
        fields_.push_back(View(text_).substr(begin));
        return AfterQuote(rest, n);
      }
      rest.remove_prefix(n + 2);
    }
  }
  static bool AfterQuote(View& rest, std::size_t quote) {
    rest.remove_prefix(quote + 1);
    if (rest.empty()) return false;
    if (rest.front() != ',') throw BadRecord("a comma is missing behind the closing quote, at " + detail::Quote(rest));
    rest.remove_prefix(1);
    return true;
  }

  View line_;
  std::vector<View> fields_;
  std::string text_;  // of fields that hold quotes
};

// The members of one line that is a JSON object. Values that are objects or arrays are passed over by their brackets,
// not checked; take them whole, with raw().
//   void map(const mr::JsonObject& row, Emit& emit) { emit(row.get<View>("user"), row.get<double>("price", 0)); }
class JsonObject {
 public:
  JsonObject() = default;
  JsonObject(const JsonObject&) = delete;
  JsonObject& operator=(const JsonObject&) = delete;

  View line() const { return line_; }  // as it is in the file
  bool has(View name) const { return Find(name) != nullptr; }
  // A value's JSON text: 12, "a\n", [1,2], null. Empty: there is no such member.
  View raw(View name) const {
    const Member* member = Find(name);
    return member == nullptr ? View() : member->raw;
  }
  // A member as a T, as mr::to<T> reads it; BadRecord if it is not there, or null.
  template <class T>
  T get(View name) const {
    const Member* member = Find(name);
    if (member == nullptr || member->raw == "null") {
      throw BadRecord("the object has no " + detail::Quote(name) + (member == nullptr ? "" : ": it is null"));
    }
    return to<T>(member->text);
  }
  // … or `fallback` if it is not there, or null.
  template <class T>
  T get(View name, T fallback) const {
    const Member* member = Find(name);
    return member == nullptr || member->raw == "null" ? fallback : to<T>(member->text);
  }

  void parse(View line) {
    line_ = rest_ = line;
    members_.clear();
    text_.clear();
    text_.reserve(line.size());  // never grows: what is escaped is longer than what it stands for
    Expect('{');
    Space();
    if (!Take('}')) {
      do {
        Space();
        const View name = String();
        Expect(':');
        Space();
        const View before = rest_;
        const View text = Value();
        const View raw = before.substr(0, before.size() - rest_.size());
        members_.push_back({name, raw, text.data() == nullptr ? raw : text});
        Space();
      } while (Take(','));
      Expect('}');
    }
    Space();
    if (!rest_.empty()) Wrong();
  }

 private:
  struct Member {
    View name;
    View raw;
    View text;  // of a string what it says, else `raw`
  };

  const Member* Find(View name) const {
    const Member* found = nullptr;
    for (const Member& member : members_) {
      if (member.name == name) found = &member;  // the last counts, as in most readers
    }
    return found;
  }
  [[noreturn, gnu::cold]] void Wrong() const {
    throw BadRecord("the line is not a JSON object: byte " + std::to_string(line_.size() - rest_.size()) + ", at " +
                    detail::Quote(rest_));
  }
  void Space() {
    while (!rest_.empty() && View(" \t\r\n").find(rest_.front()) != View::npos) rest_.remove_prefix(1);
  }
  bool Take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void Expect(char c) {
    Space();
    if (!Take(c)) Wrong();
  }
  static bool IsDigit(char c) { return c >= '0' && c <= '9'; }
  // What a string says; no view for other values.
  View Value() {
    if (rest_.starts_with('"')) return String();
    if (rest_.starts_with('{') || rest_.starts_with('[')) {
      Nested();
      return {};
    }
    const std::size_t n = std::min(rest_.find_first_of(" \t\r\n,}]"), rest_.size());
    const View word = rest_.substr(0, n);
    double number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    const bool is_number = error != std::errc::invalid_argument && end == word.data() + word.size() &&
                           (IsDigit(word[0]) || (word[0] == '-' && word.size() > 1 && IsDigit(word[1])));  // no -inf
    if (!is_number && word != "true" && word != "false" && word != "null") Wrong();
    rest_.remove_prefix(n);
    return {};
  }
  void Nested() {
    std::string open;  // the brackets to be closed
    do {
      const std::size_t n = rest_.find_first_of("\"{}[]");
      if (n == View::npos) Wrong();
      rest_.remove_prefix(n);
      const char c = rest_.front();
      if (c == '"') {
        const std::size_t kept = text_.size();
        String();
        text_.resize(kept);
        continue;
      }
      if (c == '{' || c == '[') {
        open += c;
      } else {
        if (open.back() != (c == '}' ? '{' : '[')) Wrong();
        open.pop_back();
      }
      rest_.remove_prefix(1);
    } while (!open.empty());
  }
  View String() {
    if (!Take('"')) Wrong();
    const std::size_t plain = rest_.find_first_of("\"\\");
    if (plain == View::npos) Wrong();
    if (rest_[plain] == '"') {
      const View text = rest_.substr(0, plain);
      rest_.remove_prefix(plain + 1);
      return text;
    }
    const std::size_t begin = text_.size();
    for (;;) {
      const std::size_t n = rest_.find_first_of("\"\\");
      if (n == View::npos) Wrong();
      text_ += rest_.substr(0, n);
      rest_.remove_prefix(n);
      if (Take('"')) return View(text_).substr(begin);
      Escaped();
    }
  }
  void Escaped() {
    if (rest_.size() < 2) Wrong();
    const std::size_t n = View("\"\\/bfnrtu").find(rest_[1]);
    if (n == View::npos) Wrong();
    if (rest_[1] != 'u') {
      text_ += "\"\\/\b\f\n\r\t"[n];
      rest_.remove_prefix(2);
      return;
    }
    std::uint32_t c = Unit();
    if (c >= 0xd800 && c < 0xdc00 && rest_.starts_with("\\u")) {  // the first half of a pair
      const View before = rest_;
      const std::uint32_t second = Unit();
      if (second >= 0xdc00 && second < 0xe000) {
        c = 0x10000 + ((c - 0xd800) << 10) + (second - 0xdc00);
      } else {
        rest_ = before;
      }
    }
    if (c >= 0xd800 && c < 0xe000) c = 0xfffd;  // half of a pair alone
    PutUtf8(c);
  }
  std::uint32_t Unit() {  // \uXXXX
    std::uint32_t c = 0;
    const char* digits = rest_.data() + 2;
    if (rest_.size() < 6 || std::from_chars(digits, digits + 4, c, 16).ptr != digits + 4) Wrong();
    rest_.remove_prefix(6);
    return c;
  }
  void PutUtf8(std::uint32_t c) {
    const auto put = [this](std::uint32_t byte) { text_ += static_cast<char>(byte); };
    if (c < 0x80) return put(c);
    if (c < 0x800) {
      put(0xc0 | c >> 6);
    } else if (c < 0x10000) {
      put(0xe0 | c >> 12);
      put(0x80 | (c >> 6 & 63));
    } else {
      put(0xf0 | c >> 18);
      put(0x80 | (c >> 12 & 63));
      put(0x80 | (c >> 6 & 63));
    }
    put(0x80 | (c & 63));
  }

  View line_, rest_;
  std::vector<Member> members_;
  std::string text_;  // of strings with escapes
};

namespace detail {

// A line of `using Output = mr::KeyValueFile`: key TAB value, in which \t \n \r \\ stand for a TAB, a line end, a
// carriage return and a backslash, so that all bytes come back as they were (PostgreSQL's COPY does the same). Other
// backslashes stand for themselves; without a TAB the value is empty.
class KeyValueLine {
 public:
  View key, value;
  void parse(View line) {
    const std::size_t n = line.find('\t');
    key = line.substr(0, n);
    value = n == View::npos ? View() : line.substr(n + 1);
    if (line.find('\\') == View::npos) return;
    text_.clear();
    text_.reserve(line.size());
    key = Plain(key);
    value = Plain(value);
  }
  // Calls write(View) with what stands for `bytes`.
  template <class W>
  static void Escape(View bytes, W&& write) {
    for (;;) {
      const std::size_t n = bytes.find_first_of("\t\n\r\\");
      write(bytes.substr(0, n));
      if (n == View::npos) return;
      const char escaped[] = {'\\', kLetters[kBytes.find(bytes[n])]};
      write(View(escaped, 2));
      bytes.remove_prefix(n + 1);
    }
  }

 private:
  static constexpr View kBytes = "\t\n\r\\";
  static constexpr View kLetters = "tnr\\";
  View Plain(View escaped) {
    const std::size_t begin = text_.size();
    for (std::size_t i = 0; i < escaped.size(); ++i) {
      const std::size_t n =
          escaped[i] == '\\' && i + 1 < escaped.size() ? kLetters.find(escaped[i + 1]) : View::npos;
      text_ += n == View::npos ? escaped[i] : kBytes[n];
      if (n != View::npos) ++i;
    }
    return View(text_).substr(begin);
  }
  std::string text_;
};

struct WholeRecord {};  // formats that hand out the record itself

template <class Input>
struct RowOf {
  using type = WholeRecord;
};
template <>
struct RowOf<Csv> {
  using type = CsvRow;
};
template <>
struct RowOf<JsonLines> {
  using type = JsonObject;
};
template <>
struct RowOf<KeyValueFile> {
  using type = KeyValueLine;
};

}  // namespace detail
}  // namespace mr
