// What a job's methods are given, and what the engine is told about it.
#include <gtest/gtest.h>

#include <fstream>
#include <mr/test.hpp>

// Jobs are written inside tests here; the compiler does not see that the SDK's templates read their `using` lines.
#pragma GCC diagnostic ignored "-Wunused-local-typedefs"

namespace {

using mr::View;

struct Visits : mr::Job<std::tuple<View, mr::Desc<int64_t>>, View, mr::First<1>> {
  void map(View line, Emit& emit) {
    const auto f = mr::fields(line, '\t');
    emit({f[0], {mr::to<int64_t>(f[1])}}, f[2]);
  }
  void reduce(View user, Values& urls, Out& out) {
    for (View url : urls) out.line(user, '\t', std::get<1>(urls.key()).v, '\t', url);
  }
};

TEST(Job, SecondarySort_NewestFirst) {
  const std::string text = "bob\t5\t/a\namy\t-1\t/b\nbob\t9\t/c\nbob\t-7\t/d\n";
  for (std::size_t split : {1u, 2u, 9u}) {
    const auto r = mr::test::Run<Visits>().input("/in", text).partitions(1).records_per_split(split).run();
    EXPECT_EQ(r.text(), "amy\t-1\t/b\nbob\t9\t/c\nbob\t5\t/a\nbob\t-7\t/d\n");
  }
}

struct Totals : mr::Job<std::tuple<View, uint8_t>, View, mr::First<1>> {
  void map(View line, Emit& emit) {
    const auto f = mr::fields(line, '\t');
    if (task().input_tag == "users") {
      emit({f[0], 0}, f[1]);
    } else {
      emit({f[1], 1}, f[2]);
    }
  }
  void reduce(View, Values& rows, Out& out) {
    std::string name;
    int64_t cents = 0;
    for (View row : rows) {
      if (std::get<1>(rows.key()) == 0) {
        name = row;
      } else {
        cents += mr::to<int64_t>(row);
      }
    }
    if (name.empty()) {
      task().count("orders_without_user");
    } else {
      out.kv(cents, name);
    }
  }
};

TEST(Job, Join_ByInputTag) {
  const auto r = mr::test::Run<Totals>()
                     .input("/o", "o1\tu1\t500\no2\tu2\t70\no3\tu1\t25\no4\tu9\t1", "orders")
                     .input("/u", "u1\tAda\nu2\tBob\nu3\tCy", "users")
                     .run();
  EXPECT_EQ(r.sorted_text(), "0\tCy\n525\tAda\n70\tBob\n");
  EXPECT_EQ(r.counters.at("orders_without_user"), 1);
}

// Keys with NUL bytes, grouped by two parts; the group outlives the records it came from.
struct Deep : mr::Job<std::tuple<std::string, std::string, int32_t>, mr::None, mr::First<2>> {
  void map(View line, Emit& emit) { emit({line.substr(0, 2), line.substr(2, 1), static_cast<int32_t>(line.size())}); }
  void reduce(const Group& group, Values& values, Out& out) {
    int64_t sum = 0;
    for (; !values.done(); values.advance()) sum += std::get<2>(values.key());
    out.line(std::get<0>(group).size(), std::get<1>(group), sum);
  }
};

TEST(Job, GroupsByTwoParts) {
  const std::string nul("\0\0", 2);
  const auto r = mr::test::Run<Deep>().input("/in", nul + "x\n" + nul + "x4\nabx\n" + nul + "y\n").run();
  EXPECT_EQ(r.sorted_text(), "2x3\n2x7\n2y3\n");
}

struct Everything : mr::Job<View, uint64_t> {
  mr::Counter seen{"group", "seen"};
  mr::Counter plain{"plain"};
  uint64_t records = 0;
  void setup(Task& t) {
    t.log(mr::Info, "setup");
    mr::log(mr::Warning, "task ", t.task_index, " of ", View(t.job_id));
  }
  void map(const mr::Record& r, Emit& emit) {
    ++seen;
    plain += 2;
    ++records;
    emit(std::string(r.file) + ":" + std::to_string(r.offset) + ":" + std::to_string(r.number) + ":" + std::string(r.tag) +
             ":" + std::string(r.text) + ":" + std::to_string(task().record_offset()) + ":" +
             std::to_string(task().record_no),
         1);
  }
  void finish(Emit& emit) { emit("records", records); }
  void finish(Out& out) { out.line("end of ", task().task_index); }
  using Reduce = mr::Sum;
};

TEST(Job, RecordCountersLogAndFinish) {
  const auto r = mr::test::Run<Everything>().input("/f", "ab\n\ncde\n", "t").partitions(1).records_per_split(9).run();
  EXPECT_EQ(r.text(), "/f:0:0:t:ab:0:0\t1\n/f:3:1:t::3:1\t1\n/f:4:2:t:cde:4:2\t1\nrecords\t3\nend of 0\n");
  EXPECT_EQ(r.counters.at("group.seen"), 3);
  EXPECT_EQ(r.counters.at("plain"), 6);
  EXPECT_EQ(r.log[0], "setup");
  EXPECT_EQ(r.log[1], "task 0 of j1");
}

struct Big : mr::Job<View, View> {
  using Input = mr::WholeFile;
  void map(View text, Emit& emit) {
    for (std::size_t n : {1u, 100u, 5000u, 3u}) emit(text.substr(0, n), text.substr(0, n / 2));
  }
  void reduce(View key, Values& values, Out& out) {
    for (View v : values) out.line(key, v);
  }
};

// From one byte upwards: each record that does not fit makes the host's window grow.
TEST(Job, Windows_GrowAsNeeded) {
  std::string text(5000, 'x');
  const auto line = [&](std::size_t n) { return text.substr(0, n + n / 2) + "\n"; };
  text += text;
  for (std::size_t window : {1u, 7u, 8u, 9u, 64u, 70000u}) {
    const auto r = mr::test::Run<Big>().input("/f", text).window(window).partitions(1).run();
    EXPECT_EQ(r.text(), line(1) + line(3) + line(100) + line(5000)) << window;
  }
}

TEST(Job, ThrownThings_BecomeFailures) {
  struct Throws : mr::Job<View, uint64_t> {
    mr::Param<std::string> what{"what", "", ""};
    void map(View line, Emit& emit) {
      emit(line, 1);
      if (*what == "runtime") throw std::runtime_error("so it is");
      if (*what == "bad") throw mr::BadRecord("not good");
      if (*what == "fatal") throw mr::Fatal("give up");
      if (*what == "memory") throw std::bad_alloc();
      if (*what == "int") throw 42;
      if (*what == "c string") throw "text";
    }
    using Reduce = mr::Sum;
  };
  const auto failure = [](const char* what) {
    return mr::test::Run<Throws>().input("/in", "a\nb\n").param("what", what).run().failure.value();
  };
  EXPECT_EQ(failure("runtime").kind, MR_FAIL_EXCEPTION);
  EXPECT_EQ(failure("runtime").type, "std::runtime_error");
  EXPECT_EQ(failure("runtime").what, "so it is");
  EXPECT_EQ(failure("runtime").record, "a");
  EXPECT_EQ(failure("bad").kind, MR_FAIL_BAD_RECORD);
  EXPECT_EQ(failure("bad").type, "mr::BadRecord");
  EXPECT_EQ(failure("fatal").kind, MR_FAIL_FATAL);
  EXPECT_EQ(failure("memory").kind, MR_FAIL_MEMORY);
  EXPECT_EQ(failure("int").type, "int");
  EXPECT_EQ(failure("c string").type, "char const*");
}

TEST(Job, ThrownElsewhere_BecomesAFailureToo) {
  struct Throws : mr::Job<View, uint64_t> {
    mr::Param<std::string> where{"where", "", ""};
    void Maybe(const char* here) {
      if (*where == here) throw std::runtime_error(here);
    }
    void setup(Task&) { Maybe("setup"); }
    void map(View line, Emit& emit) { emit(line, 1); }
    void combine(View group, Values& values, Emit& emit) {
      Maybe("combine");
      for (uint64_t v : values) emit(group, v);
    }
    uint32_t partition(View, uint32_t) {
      Maybe("partition");
      return 0;
    }
    void reduce(View, Values&, Out&) { Maybe("reduce"); }
    void finish(Out&) { Maybe("finish"); }
  };
  for (const char* where : {"setup", "combine", "partition", "reduce", "finish"}) {
    const auto r = mr::test::Run<Throws>().input("/in", "a\n").param("where", where).run();
    ASSERT_TRUE(r.failure) << where;
    EXPECT_EQ(r.failure->what, where);
  }
}

TEST(Job, ThrowingConstructor_IsReportedNotFatalToTheHost) {
  struct Throws : mr::MapOnly {
    Throws() { throw std::logic_error("no"); }
    void map(View, Out&) {}
  };
  const auto r = mr::test::Run<Throws>().input("/in", "a\n").run();
  ASSERT_TRUE(r.failure);
  EXPECT_EQ(r.failure->type, "std::logic_error");
}

TEST(Job, TaskInTheConstructor_SaysWhatToDo) {
  struct Early : mr::MapOnly {
    Early() { task().count("x"); }
    void map(View, Out&) {}
  };
  EXPECT_NE(mr::test::Run<Early>().input("/in", "a\n").run().text().find("use setup(Task&)"), std::string::npos);
}

TEST(Job, HostThatStops_IsObeyed) {
  struct Emits : mr::Job<View, uint64_t> {
    void map(View line, Emit& emit) {
      for (int i = 0; i < 1000; ++i) {
        try {
          emit(line, 1);
        } catch (const std::exception&) {  // must not swallow the stop
        }
      }
    }
    using Reduce = mr::Sum;
  };
  const mr_job_def& def = mr::test::DefOf<Emits>();
  mr::test::Options options;
  mr::test::detail::Attempt attempt(def, options, MR_PHASE_MAP, 0);
  char memory[32];
  mr_sink sink{};
  sink.size = sizeof sink;
  sink.cursor = memory;
  sink.end = memory + sizeof memory;
  sink.more = [](mr_sink*, size_t) { return 1; };
  const mr_bytes record{"abc", 3};
  const mr_records records{sizeof records, 1, &record, 0, 0, {"f", 1}, {nullptr, 0}};
  EXPECT_EQ(def.map(attempt.instance(), &records, &sink), MR_STOP);
  EXPECT_TRUE(attempt.ok());
}

TEST(Job, Where_NamesTheRecordBeforeItIsMapped) {
  struct Looks : mr::Job<View, uint64_t> {
    void map(View line, Emit& emit) {
      const mr_where& where = *task().abi()->where;
      if (where.record_data != line.data() || where.record_size != line.size()) throw std::runtime_error("where is wrong");
      emit("no", where.record_no);
    }
    using Reduce = mr::Max;
  };
  EXPECT_EQ(mr::test::Run<Looks>().input("/in", "a\nbb\nccc\n").records_per_split(9).partitions(1).run().text(), "no\t2\n");
}

TEST(Job, NamedOutputs) {
  struct Sorts : mr::MapOnly {
    void map(View line, Out& out) {
      if (line.empty()) {
        out.to("errors").line("empty line ", task().record_no);
      } else {
        out.line(line, ' ', 1.5, ' ', true, ' ', int8_t{-3}, ' ', std::tuple<int, View>{1, "x"});
      }
    }
  };
  const auto r = mr::test::Run<Sorts>().input("/in", "a\n\n").run();
  EXPECT_EQ(r.text(), "a 1.5 true -3 1\tx\n");
  EXPECT_EQ(r.named.at("errors"), "empty line 1\n");
  EXPECT_EQ(mr::test::DefOf<Sorts>().flags, MR_JOB_MAP_ONLY);
}

TEST(Job, Partitions) {
  struct ByLength : mr::Job<View, uint64_t> {
    void map(View line, Emit& emit) { emit(line, 1); }
    uint32_t partition(const Key& key, uint32_t count) const { return static_cast<uint32_t>(key.size()) % count; }
    using Reduce = mr::Sum;
  };
  EXPECT_EQ(mr::test::Run<ByLength>().input("/in", "a\nbb\nccc\n").partitions(2).run().parts,
            (std::vector<std::string>{"bb\t1\n", "a\t1\nccc\t1\n"}));
  struct ByUser : mr::Job<std::tuple<View, int32_t>, mr::None> {
    void map(View line, Emit& emit) { emit({line.substr(0, 1), static_cast<int32_t>(line.size())}); }
    using Partition = mr::ByFirst<1>;
    using Reduce = mr::Identity;
  };
  const auto r = mr::test::Run<ByUser>().input("/in", "a\naa\naaa\naaaa\naaaaa\n").partitions(7).run();
  std::size_t used = 0;
  for (const auto& part : r.parts) used += !part.empty();
  EXPECT_EQ(used, 1u);
  EXPECT_EQ(r.text(), "a\t1\na\t2\na\t3\na\t4\na\t5\n");
}

TEST(Job, WithoutReducers_MapOutputIsText) {
  struct Pairs : mr::Job<std::tuple<View, int32_t>, double> {
    void map(View line, Emit& emit) { emit({line, -1}, 0.5); }
    using Reduce = mr::Sum;
    using Combine = mr::None;
  };
  for (std::size_t window : {1u, 4096u}) {
    EXPECT_EQ(mr::test::Run<Pairs>().input("/in", "b\na\nb\n").partitions(0).window(window).run().text(),
              "b\t-1\t0.5\na\t-1\t0.5\nb\t-1\t0.5\n");
  }
}

TEST(Job, SideFiles) {
  struct Stops : mr::MapOnly {
    std::vector<std::string> stop;
    void setup(Task& t) {
      for (View word : t.side_lines("stop")) stop.emplace_back(word);
    }
    void map(View line, Out& out) {
      if (std::find(stop.begin(), stop.end(), line) == stop.end()) out.line(line);
    }
  };
  const std::string path = testing::TempDir() + "/mr_side_" + std::to_string(getpid());
  std::ofstream(path) << "the\na\n";
  EXPECT_EQ(mr::test::Run<Stops>().input("/in", "the\nbook\na\n").side("stop", path).run().text(), "book\n");
  std::remove(path.c_str());
  const auto missing = mr::test::Run<Stops>().input("/in", "x\n").run();
  ASSERT_TRUE(missing.failure);
  EXPECT_EQ(missing.failure->kind, MR_FAIL_FATAL);
  EXPECT_NE(missing.failure->what.find("pass -f stop=PATH"), std::string::npos);
  const auto unreadable = mr::test::Run<Stops>().input("/in", "x\n").side("stop", "/nonexistent/file").run();
  EXPECT_EQ(unreadable.failure.value().kind, MR_FAIL_EXCEPTION);
}

// ---- the plugin's table -------------------------------------------------------------------------------------

namespace inner {
struct FirstUnitJob : mr::MapOnly {
  void map(View line, Out& out) { out.line(line); }
};
}  // namespace inner
}  // namespace
MR_JOB(inner::FirstUnitJob);
namespace {

TEST(Plugin, Entry_ListsTheJobsOfAllSourceFiles) {
  const mr_plugin* plugin = mr_plugin_entry();
  EXPECT_EQ(plugin->magic, MR_ABI_MAGIC);
  EXPECT_EQ(plugin->size, sizeof(mr_plugin));
  std::vector<std::string> names;
  for (uint32_t i = 0; i < plugin->job_count; ++i) names.emplace_back(plugin->jobs[i]->name);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (std::vector<std::string>{"FirstUnitJob", "SecondUnitJob", "classroom"}));
  EXPECT_EQ(mr_plugin_entry(), plugin);
}

TEST(Plugin, Tag_DescribesTheBuild) {
  const mr_abi_tag& tag = mr::detail::kAbiTag;
  EXPECT_EQ(tag.magic, MR_ABI_MAGIC);
  EXPECT_EQ(tag.job_def_size, sizeof(mr_job_def));
  EXPECT_STREQ(tag.sdk_version, MR_PROJECT_VERSION);
  EXPECT_NE(View(tag.compiler), "");
  EXPECT_TRUE(View(tag.stdlib).starts_with("libstdc++ "));
}

}  // namespace
