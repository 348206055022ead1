// From a job struct to the C table of mr_abi.h. Every exception ends here.
#pragma once

#include <cxxabi.h>

#include <cstdlib>
#include <deque>
#include <new>
#include <typeinfo>

#include <mr/check.hpp>

namespace mr::detail {

inline std::string Demangle(const char* name) {
  int status = 0;
  char* text = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  std::string result = status == 0 && text != nullptr ? text : name;
  std::free(text);
  return result;
}

inline void Report(const mr_task* task, int kind, View type, View what) {
  task->fail(task->host, kind, ToBytes(type), ToBytes(what));
}

// Call from a catch block: tells the host what was thrown; returns what the ABI call returns.
[[gnu::cold]] inline int ReportCurrentException(const mr_task* task) {
  try {
    throw;
  } catch (const Stop&) {
    return MR_STOP;
  } catch (const Failed&) {
  } catch (const BadRecord& e) {
    Report(task, MR_FAIL_BAD_RECORD, Demangle(typeid(e).name()), e.what());
  } catch (const Fatal& e) {
    Report(task, MR_FAIL_FATAL, Demangle(typeid(e).name()), e.what());
  } catch (const std::bad_alloc& e) {
    Report(task, MR_FAIL_MEMORY, Demangle(typeid(e).name()), e.what());
  } catch (const std::exception& e) {
    Report(task, MR_FAIL_EXCEPTION, Demangle(typeid(e).name()), e.what());
  } catch (...) {
    const std::type_info* type = abi::__cxa_current_exception_type();
    const std::string name = type != nullptr ? Demangle(type->name()) : "unknown";
    Report(task, MR_FAIL_EXCEPTION, name, "an exception that is not a std::exception, of type " + name);
  }
  return MR_FAILED;
}

// Turns framed records into text, for a job with reduce that runs with no reducers.
template <class K, class V>
class TextSink : public mr_sink {
 public:
  TextSink(mr_sink* out, bool raw, Form form) : mr_sink{}, out_(out), raw_(raw), form_(form), buffer_(1 << 16) {
    size = sizeof(mr_sink);
    format = out->format;
    more = [](mr_sink* self, std::size_t need) { return static_cast<TextSink*>(self)->Drain(need); };
    Reset();
  }
  int Drain(std::size_t need) {
    if constexpr (HasText<K>() && HasText<V>()) {
      Write();
    } else {
      throw Fatal("what map emits has no text form: run the job with reducers (-r 1 or more)");
    }
    if (buffer_.size() < need) buffer_.resize(need);
    Reset();
    return 0;
  }

 private:
  void Write() {
    View frames(buffer_.data(), static_cast<std::size_t>(cursor - buffer_.data()));
    Out out(out_, form_);
    while (!frames.empty()) {
      std::uint32_t sizes[2];
      std::memcpy(sizes, frames.data(), 8);
      Arena arena;
      const K key = decode<K>(frames.substr(8, sizes[0]), arena);
      const V value = decode<V>(frames.substr(8 + std::size_t{sizes[0]}, sizes[1]), arena);
      frames.remove_prefix(8 + std::size_t{sizes[0]} + sizes[1]);
      if (raw_) {
        out.text(key, value);
      } else {
        out.kv(key, value);
      }
    }
  }
  void Reset() {
    cursor = buffer_.data();
    end = cursor + buffer_.size();
  }
  mr_sink* out_;
  bool raw_;
  Form form_;
  std::vector<char> buffer_;
};

// Takes the records of a job that counts, and passes their keys on, each with the number 1 as its value.
class CountSink : public mr_sink {
 public:
  explicit CountSink(mr_sink* out) : mr_sink{}, out_(out) {
    size = sizeof(mr_sink);
    format = out->format;
    more = [](mr_sink* self, std::size_t need) { return static_cast<CountSink*>(self)->Drain(need); };
    Resize(1 << 16);
  }
  int Drain(std::size_t need) {
    char one[8];
    PutBits(one, std::uint64_t{1});
    mr::Emit<View, View> emit(out_);
    for (const char* at = buffer_.get(); at != cursor;) {
      std::uint32_t sizes[2];
      std::memcpy(sizes, at, 8);
      emit.encoded(View(at + 8, sizes[0]), View(one, sizeof one));
      at += 8 + std::size_t{sizes[0]} + sizes[1];
    }
    if (need > static_cast<std::size_t>(end - buffer_.get())) Resize(need);
    cursor = buffer_.get();
    return 0;
  }

 private:
  void Resize(std::size_t bytes) {
    buffer_.reset(new char[bytes]);
    cursor = buffer_.get();
    end = cursor + bytes;
  }
  mr_sink* out_;
  std::unique_ptr<char[]> buffer_;
};

// Sets this thread's scope while a job is constructed.
class ScopeGuard {
 public:
  explicit ScopeGuard(Scope* scope) { current_scope = scope; }
  ~ScopeGuard() { current_scope = nullptr; }
  ScopeGuard(const ScopeGuard&) = delete;
  ScopeGuard& operator=(const ScopeGuard&) = delete;
};

template <class T>
struct Instance {
  explicit Instance(const mr_task* abi) : task(abi), scope{&task, {}, {}}, guard(&scope), job() {
    current_scope = nullptr;
    job.BindTask(&task);
  }
  Task task;
  Scope scope;
  ScopeGuard guard;
  T job;
  Row<T> row;         // the current record, in formats that have one
  std::string group;  // the bytes of the current group: records are only valid until the next one
  Arena arena;
};

template <class T>
struct Adapter {
  using Self = Instance<T>;

  static void* Create(const mr_task* abi) {
    try {
      auto self = std::make_unique<Self>(abi);
      current_task = &self->task;
      for (ParamBase* param : self->scope.params) param->Load(self->task);
      for (CounterBase* counter : self->scope.counters) counter->Bind(self->task);
      if constexpr (kHas_setup<T>) self->job.setup(self->task);
      return self.release();
    } catch (...) {
      current_task = nullptr;
      ReportCurrentException(abi);
      return nullptr;
    }
  }
  static void Destroy(void* instance) {
    const std::unique_ptr<Self> self(static_cast<Self*>(instance));
    current_task = nullptr;
  }

  template <class F>
  static int Guarded(void* instance, F call) {
    Self& self = *static_cast<Self*>(instance);
    current_task = &self.task;
    try {
      call(self);
      return MR_OK;
    } catch (...) {
      return ReportCurrentException(self.task.abi());
    }
  }

  // Calls body(emit) with an Emit that frames into `sink`, or writes text to it when there are no reducers.
  template <class F>
  static void WithEmit(Self& self, mr_sink* sink, F body) {
    using K = typename T::Key;
    using V = typename T::Value;
    if (self.task.partition_count == 0) {
      TextSink<K, V> text(sink, kRawOutput<T>, kForm<T>);
      mr::Emit<K, V> emit(&text);
      body(emit);
      text.Drain(0);
    } else if constexpr (kCounts<T>) {
      CountSink counts(sink);
      mr::Emit<K, V> emit(&counts);
      body(emit);
      counts.Drain(0);
    } else {
      mr::Emit<K, V> emit(sink);
      body(emit);
    }
  }

  static int Map(void* instance, const mr_records* records, mr_sink* sink) {
    return Guarded(instance, [&](Self& self) {
      if constexpr (kMapOnly<T>) {
        Out out(sink, kForm<T>);
        MapAll(self, *records, out);
      } else {
        WithEmit(self, sink, [&](auto& emit) { MapAll(self, *records, emit); });
      }
    });
  }

  static int Reduce(void* instance, mr_group* group, mr_sink* sink) {
    return Guarded(instance, [&](Self& self) {
      WithGroup(self, group, [&](const typename T::Group& name, typename T::Values& values) {
        Out out(sink, kForm<T>);
        if constexpr (kHas_reduce<T>) {
          self.job.reduce(name, values, out);
        } else if constexpr (Fold<typename T::Reduce, typename T::Value>) {
          FoldReduce<T, typename T::Reduce>(name, values, out);
        } else {
          T::Reduce::template reduce<T>(name, values, out, self.task);
        }
      });
    });
  }

  static int Combine(void* instance, mr_group* group, mr_sink* sink) {
    return Guarded(instance, [&](Self& self) {
      WithGroup(self, group, [&](const typename T::Group& name, typename T::Values& values) {
        using C = typename CombinerOf<T>::type;
        mr::Emit<typename T::Key, typename T::Value> emit(sink);
        if constexpr (kHas_combine<T>) {
          self.job.combine(name, values, emit);
        } else if constexpr (Fold<C, typename T::Value>) {
          FoldCombine<T, C>(values, emit);
        } else {
          C::template combine<T>(values, emit, self.task);
        }
      });
    });
  }

  static int Finish(void* instance, mr_sink* sink) {
    return Guarded(instance, [&](Self& self) {
      self.task.abi()->where->record_data = nullptr;
      if constexpr (kMapOnly<T>) {
        Out out(sink, kForm<T>);
        self.job.finish(out);
      } else {
        if (self.task.is_map) {
          if constexpr (requires(T& t, typename T::Emit& e) { t.finish(e); }) {
            WithEmit(self, sink, [&](auto& emit) { self.job.finish(emit); });
          }
        } else {
          if constexpr (requires(T& t, Out& o) { t.finish(o); }) {
            Out out(sink, kForm<T>);
            self.job.finish(out);
          }
        }
      }
    });
  }

  static std::size_t GroupSize(mr_bytes key) {
    try {
      return Grouping<typename T::Key, typename T::GroupBy>::Size(ToView(key));
    } catch (...) {
      return key.size;  // torn bytes: decoding them will say so where there is a way to
    }
  }

  // UINT32_MAX, which is no partition, after fail().
  static std::uint32_t Partition(void* instance, mr_bytes key, std::uint32_t count) {
    std::uint32_t partition = UINT32_MAX;
    Guarded(instance, [&](Self& self) {
      if constexpr (kHas_partition<T>) {
        self.arena.clear();
        const auto decoded = decode<typename T::Key>(ToView(key), self.arena);
        partition = static_cast<std::uint32_t>(self.job.partition(decoded, count));
      } else {
        constexpr std::size_t kParts = kByFirst<typename PartitionOf<T>::type>;
        partition = Scale(Hash(ToView(key).substr(0, PrefixSize<typename T::Key, kParts>(ToView(key)))), count);
      }
    });
    return partition;
  }

 private:
  template <class E>
  static void MapAll(Self& self, const mr_records& in, E& emit) {
    Task& task = self.task;
    mr_where& where = *task.abi()->where;
    task.input_name = ToView(in.input_name);
    task.input_tag = ToView(in.input_tag);
    for (std::uint32_t i = 0; i < in.count; ++i) {
      const mr_bytes& bytes = in.records[i];
      where.record_data = bytes.data;
      where.record_size = bytes.size;
      where.record_no = task.record_no = in.first_no + i;
      if constexpr (std::is_same_v<Row<T>, KeyValueLine>) {
        self.row.parse(ToView(bytes));
        self.job.map(self.row.key, self.row.value, emit);
      } else if constexpr (!std::is_same_v<Row<T>, WholeRecord>) {
        self.row.parse(ToView(bytes));
        self.job.map(std::as_const(self.row), emit);
      } else if constexpr (MapsView<T, E>) {
        self.job.map(ToView(bytes), emit);
      } else {
        const auto offset = in.first_offset + static_cast<std::uint64_t>(bytes.data - in.records[0].data);
        const Record record{ToView(bytes), task.input_name, task.input_tag, offset, task.record_no};
        self.job.map(record, emit);
      }
    }
  }

  template <class F>
  static void WithGroup(Self& self, mr_group* group, F body) {
    using By = Grouping<typename T::Key, typename T::GroupBy>;
    mr_bytes key{}, value{};
    const int answer = group->next(group->host, &key, &value);
    if (answer < 0) throw Stop{};
    if (answer == 0) return;
    self.arena.clear();
    self.group.assign(key.data, By::Size(ToView(key)));
    typename T::Values values(group, key, value);
    body(By::Decode(self.group, self.arena), values);
  }
};

// The table of one job, with the memory its pointers go to. Must stay where it is.
template <class T>
class JobDef {
 public:
  explicit JobDef(const char* name) : name_(name) {
    const std::size_t scope_end = name_.rfind("::");
    if (scope_end != std::string::npos) name_.erase(0, scope_end + 2);
    FindParams();
    def_.size = sizeof def_;
    def_.flags = kMapOnly<T> ? MR_JOB_MAP_ONLY : 0;
    def_.name = name_.c_str();
    def_.help = "";
    if constexpr (requires { View(T::kHelp); }) def_.help = T::kHelp;
    input_ = InputFormat<typename InputOf<T>::type>();
    def_.input_format = input_.c_str();
    def_.output_format = kRawOutput<T> ? "raw" : "tsv";
    def_.param_count = static_cast<std::uint32_t>(params_.size());
    def_.params = params_.data();
    def_.create = &Adapter<T>::Create;
    def_.destroy = &Adapter<T>::Destroy;
    def_.map = &Adapter<T>::Map;
    if constexpr (kHas_finish<T>) def_.finish = &Adapter<T>::Finish;
    if constexpr (!kMapOnly<T>) SetReduce();
    def_.key_type = key_type_.c_str();
    def_.value_type = value_type_.c_str();
  }
  JobDef(const JobDef&) = delete;
  JobDef& operator=(const JobDef&) = delete;
  const mr_job_def& def() const { return def_; }

 private:
  void SetReduce() {
    using C = typename CombinerOf<T>::type;
    using V = typename T::Value;
    key_type_ = TypeName<typename T::Key>();
    value_type_ = TypeName<V>();
    def_.reduce = &Adapter<T>::Reduce;
    if constexpr (kHas_combine<T> || !std::is_same_v<C, None>) def_.combine = &Adapter<T>::Combine;
    if constexpr (kCounts<T>) {
      def_.fold = MR_FOLD_SUM;
      def_.fold_width = sizeof(std::uint64_t);
      def_.fold_value = MR_VALUE_UNSIGNED;
    }
    if constexpr (!kHas_combine<T> && requires { C::kFold; }) {
      if constexpr (C::kFold == MR_FOLD_DEDUP ? std::is_same_v<V, None> : Integer<V>) {
        def_.fold = C::kFold;
        def_.fold_width = Integer<V> ? sizeof(V) : 0;
        def_.fold_value = std::is_signed_v<V> ? MR_VALUE_SIGNED : MR_VALUE_UNSIGNED;
      }
    }
    if constexpr (!Grouping<typename T::Key, typename T::GroupBy>::kFull) {
      def_.group_size = &Adapter<T>::GroupSize;
    }
    if constexpr (PassesRecords()) def_.flags |= MR_JOB_IDENTITY_REDUCE;
    using P = typename PartitionOf<T>::type;
    def_.partition_kind = std::is_same_v<P, TotalOrder> ? MR_PARTITION_RANGE : MR_PARTITION_HASH;
    if constexpr (kHas_partition<T> || kByFirst<P> > 0) def_.partition = &Adapter<T>::Partition;
  }

  // Whether what reduce writes are the very bytes of the records.
  static constexpr bool PassesRecords() {
    if constexpr (!kHas_reduce<T> && requires { typename T::Reduce; }) {
      return std::is_same_v<typename T::Reduce, Identity> && kRawOutput<T> && Text<typename T::Key> &&
             Text<typename T::Value>;
    }
    return false;
  }

  template <class R>
  static constexpr bool NeedsK() {
    return requires { R::kNeedsK; };
  }
  static constexpr bool NeedsK() {
    bool needs = false;
    if constexpr (requires { typename T::Reduce; }) needs = needs || NeedsK<typename T::Reduce>();
    if constexpr (requires { typename T::Combine; }) needs = needs || NeedsK<typename T::Combine>();
    return needs;
  }

  // A job announces its parameters when it is constructed.
  void FindParams() {
    Scope scope;
    bool has_k = false;
    try {
      const ScopeGuard guard(&scope);
      [[maybe_unused]] const T job{};
      for (const ParamBase* param : scope.params) {
        const char* text = nullptr;
        if (param->default_text) text = texts_.emplace_back(*param->default_text).c_str();
        Add(texts_.emplace_back(param->name).c_str(), texts_.emplace_back(param->type).c_str(), text,
            texts_.emplace_back(param->help).c_str());
        has_k = has_k || View(param->name) == "k";
      }
    } catch (...) {
      // The constructor will throw again in Create(), where it can be reported.
    }
    if (NeedsK() && !has_k) Add("k", "int", "10", "how many records of each group to keep");
  }
  void Add(const char* name, const char* type, const char* default_text, const char* help) {
    params_.push_back(mr_param_def{sizeof(mr_param_def), name, type, default_text, help});
  }

  std::string name_, input_, key_type_, value_type_;
  std::deque<std::string> texts_;
  std::vector<mr_param_def> params_;
  mr_job_def def_{};
};

}  // namespace mr::detail
