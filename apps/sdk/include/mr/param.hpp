// Parameters and counters, declared as members of a job. Their constructors announce them, so that the engine
// can show and check them, load the former before setup() and find the latter's cells.
#pragma once

#include <initializer_list>
#include <utility>

#include <mr/task.hpp>

namespace mr {

namespace detail {

class ParamBase;
class CounterBase;

// Collects what a job's constructor declares.
struct Scope {
  Task* task = nullptr;  // null: the job is only asked for its declarations
  std::vector<ParamBase*> params;
  std::vector<CounterBase*> counters;
};
[[gnu::visibility("hidden")]] inline constinit thread_local Scope* current_scope = nullptr;

class ParamBase {
 public:
  ParamBase(const ParamBase&) = delete;
  ParamBase& operator=(const ParamBase&) = delete;
  virtual void Load(const Task& task) = 0;
  const char* name;
  const char* help;
  std::string type;  // as in mr_param_def
  std::optional<std::string> default_text;

 protected:
  // Calls take(View) with the parameter's text, if there is one; what it throws names the parameter.
  template <class F>
  void LoadText(const Task& task, F take) {
    const std::optional<View> text = task.param(name);
    const std::string label = "parameter '" + std::string(name) + "'";
    if (!text && !default_text) {
      throw Fatal(label + " (" + help + ") is required: pass -P " + name + "=VALUE");
    }
    if (!text) return;
    try {
      take(*text);
    } catch (const BadRecord& e) {
      throw Fatal(label + ": " + e.what() + "; pass another with -P " + name + "=VALUE");
    }
  }
  ParamBase(const char* the_name, const char* the_help, std::string the_type)
      : name(the_name), help(the_help), type(std::move(the_type)) {
    if (current_scope != nullptr) current_scope->params.push_back(this);
  }
  ~ParamBase() = default;
};

class CounterBase {
 public:
  CounterBase(const CounterBase&) = delete;
  CounterBase& operator=(const CounterBase&) = delete;
  void Bind(Task& task) { cell_ = task.cell(group_, name_); }

 protected:
  CounterBase(const char* group, const char* name) : group_(group), name_(name) {
    if (current_scope != nullptr) current_scope->counters.push_back(this);
  }
  ~CounterBase() = default;
  const char* group_;
  const char* name_;
  std::int64_t unbound_ = 0;
  std::int64_t* cell_ = &unbound_;
};

template <class T>
inline constexpr bool kParamPlain = std::is_same_v<T, std::string> || std::is_arithmetic_v<T> ||
                                    std::is_same_v<T, Size> || std::is_same_v<T, Duration>;
template <class T>
inline constexpr bool kParamList = false;
template <class T>
inline constexpr bool kParamList<std::vector<T>> = kParamPlain<T>;

template <class T>
constexpr const char* ParamType() {
  if constexpr (std::is_same_v<T, std::string>) return "string";
  if constexpr (std::is_same_v<T, bool>) return "bool";
  if constexpr (std::is_same_v<T, Size>) return "bytes";
  if constexpr (std::is_same_v<T, Duration>) return "duration";
  if constexpr (std::is_floating_point_v<T>) return "float";
  return "int";
}

template <class T>
std::string ParamText(const T& v) {
  if constexpr (std::is_same_v<T, std::string>) return v;
  else if constexpr (std::is_same_v<T, bool>) return v ? "true" : "false";
  else if constexpr (std::is_same_v<T, Size>) return std::to_string(v.bytes);
  else if constexpr (std::is_same_v<T, Duration>) return std::to_string(v.ms) + "ms";
  else {
    char text[40];
    return std::string(text, std::to_chars(text, text + sizeof text, v).ptr);
  }
}

}  // namespace detail

// mr::Param<int> min{"min_length", "ignore shorter words", 1};   read as *min; set by -P min_length=3
// Without a default the parameter must be given. T: std::string, integers, double, bool, mr::Size, mr::Duration, a
// std::vector of these, or an enum (both below).
template <class T>
class Param final : public detail::ParamBase {
  static_assert(detail::kParamPlain<T>,
                "mr::Param<T>: T is std::string, an integer, double, bool, mr::Size, mr::Duration, a std::vector of "
                "these, or an enum");

 public:
  Param(const char* the_name, const char* the_help)
      : ParamBase(the_name, the_help, detail::ParamType<T>()) {}
  Param(const char* the_name, const char* the_help, T default_value)
      : ParamBase(the_name, the_help, detail::ParamType<T>()), value_(std::move(default_value)) {
    default_text = detail::ParamText(value_);
  }
  const T& operator*() const { return value_; }
  const T* operator->() const { return &value_; }

  void Load(const Task& task) override {
    LoadText(task, [this](View text) { value_ = to<T>(text); });
  }

 private:
  T value_{};
};

// A list, its items with commas between them: -P stopwords=a,the; an empty text is an empty list.
//   mr::Param<std::vector<std::string>> stop{"stopwords", "words to leave out", {"a", "the"}};
template <class T>
  requires detail::kParamList<std::vector<T>>
class Param<std::vector<T>> final : public detail::ParamBase {
 public:
  Param(const char* the_name, const char* the_help)
      : ParamBase(the_name, the_help, std::string("list:") + detail::ParamType<T>()) {}
  Param(const char* the_name, const char* the_help, std::vector<T> default_value) : Param(the_name, the_help) {
    value_ = std::move(default_value);
    default_text = "";
    for (std::size_t i = 0; i < value_.size(); ++i) {
      const T item = value_[i];
      *default_text += (i == 0 ? "" : ",") + detail::ParamText<T>(item);
    }
  }
  const std::vector<T>& operator*() const { return value_; }
  const std::vector<T>* operator->() const { return &value_; }

  void Load(const Task& task) override {
    LoadText(task, [this](View text) {
      value_.clear();
      if (text.empty()) return;
      for (View item : fields(text, ',')) value_.push_back(to<T>(item));
    });
  }

 private:
  std::vector<T> value_;
};

// One of several names. Which ones there are is part of what `mrsubmit describe` shows.
//   enum class By { kWord, kFile };
//   mr::Param<By> by{"by", "what to count", {{"word", By::kWord}, {"file", By::kFile}}, By::kWord};
template <class T>
  requires std::is_enum_v<T>
class Param<T> final : public detail::ParamBase {
 public:
  using Names = std::initializer_list<std::pair<const char*, T>>;
  Param(const char* the_name, const char* the_help, Names names)
      : ParamBase(the_name, the_help, "enum:" + Choices(names, "|")), names_(names) {}
  Param(const char* the_name, const char* the_help, Names names, T default_value) : Param(the_name, the_help, names) {
    value_ = default_value;
    for (const auto& [text, value] : names_) {
      if (value == default_value && !default_text) default_text = text;
    }
    if (!default_text) throw std::logic_error("the default of parameter '" + std::string(name) + "' has no name");
  }
  const T& operator*() const { return value_; }

  void Load(const Task& task) override {
    LoadText(task, [this](View text) {
      for (const auto& [name_of_value, value] : names_) {
        if (text == name_of_value) {
          value_ = value;
          return;
        }
      }
      throw BadRecord(detail::Quote(text) + " is not one of " + Choices(names_, ", "));
    });
  }

 private:
  template <class Range>
  static std::string Choices(const Range& names, const char* separator) {
    std::string all;
    for (const auto& each : names) all += (all.empty() ? "" : separator) + std::string(each.first);
    return all;
  }
  std::vector<std::pair<const char*, T>> names_;
  T value_{};
};

// mr::Counter skipped{"parse", "lines_skipped"};   ++skipped; skipped += n;
class Counter final : public detail::CounterBase {
 public:
  Counter(const char* group, const char* name) : CounterBase(group, name) {}
  explicit Counter(const char* name) : CounterBase("user", name) {}
  Counter& operator++() {
    ++*cell_;
    return *this;
  }
  Counter& operator+=(std::int64_t by) {
    *cell_ += by;
    return *this;
  }
};

}  // namespace mr
