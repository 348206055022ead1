/* A plugin in plain C for the tests of the plugin host: what map() does is chosen by the parameter "mode". */
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <unistd.h>

#include "common/abi/mr_abi.h"

#ifdef MR_TEST_UNDEFINED
void a_function_that_nobody_defines(void);
#endif

__attribute__((section(MR_ABI_TAG_SECTION), used)) static const mr_abi_tag kTag = {
    MR_ABI_MAGIC, MR_ABI_MAJOR, MR_ABI_MINOR, sizeof(mr_abi_tag), sizeof(mr_job_def), sizeof(mr_task),
#ifdef __SANITIZE_ADDRESS__
    MR_FLAG_ASAN,
#elif defined(__SANITIZE_THREAD__)
    MR_FLAG_TSAN,
#else
    0,
#endif
    "0.1.0", __VERSION__, "none"};

struct instance {
  const mr_task *task;
  char mode[32];
};

static mr_bytes text(const char *from) {
  mr_bytes bytes = {from, strlen(from)};
  return bytes;
}

static void *create(const mr_task *task) {
  static struct instance self;
  mr_bytes mode = task->param(task->host, text("mode"));
  self.task = task;
  memset(self.mode, 0, sizeof self.mode);
  if (mode.size != MR_UNSET && mode.size < sizeof self.mode) memcpy(self.mode, mode.data, mode.size);
  return &self;
}

static void destroy(void *self) { (void)self; }

/* Not inlined, so that its name can be looked for in the stack. */
__attribute__((noinline)) static void touch_bad_address(void) { *(volatile int *)0x10 = 1; }

static int misbehave(struct instance *self) {
  if (strcmp(self->mode, "segv") == 0) touch_bad_address();
  if (strcmp(self->mode, "abort") == 0) abort();
  if (strcmp(self->mode, "exit") == 0) exit(3);
  if (strcmp(self->mode, "hang") == 0) {
    puts("hanging");
    for (;;) pause();
  }
  if (strcmp(self->mode, "fail") == 0) {
    self->task->fail(self->task->host, MR_FAIL_EXCEPTION, text("test::Error"), text("told to fail"));
    return MR_FAILED;
  }
  return MR_OK;
}

/* Emits (first four bytes of the record, ""); misbehaves at the record that starts with '!'. */
static int map(void *instance, const mr_records *records, mr_sink *sink) {
  struct instance *self = instance;
  uint32_t i;
#ifdef MR_TEST_UNDEFINED
  a_function_that_nobody_defines();
#endif
  self->task->where->batch_data = records->count > 0 ? records->records[0].data : NULL;
  self->task->where->batch_offset = records->first_offset;
  for (i = 0; i < records->count; ++i) {
    mr_bytes record = records->records[i];
    uint32_t sizes[2] = {0, 0};
    self->task->where->record_data = record.data;
    self->task->where->record_size = record.size;
    self->task->where->record_no = records->first_no + i;
    if (record.size > 0 && record.data[0] == '!') {
      int code = misbehave(self);
      if (code != MR_OK) return code;
    }
    sizes[0] = record.size < 4 ? (uint32_t)record.size : 4;
    if ((size_t)(sink->end - sink->cursor) < sizeof sizes + sizes[0] && sink->more(sink, sizeof sizes + sizes[0])) {
      return MR_STOP;
    }
    memcpy(sink->cursor, sizes, sizeof sizes);
    memcpy(sink->cursor + sizeof sizes, record.data, sizes[0]);
    sink->cursor += sizeof sizes + sizes[0];
  }
  return MR_OK;
}

static int reduce(void *instance, mr_group *group, mr_sink *sink) {
  mr_bytes key, value;
  (void)instance;
  (void)sink;
  while (group->next(group->host, &key, &value) == 1) {
  }
  return MR_OK;
}

static const mr_param_def kParams[] = {{sizeof(mr_param_def), "mode", "string", "ok", "what map() does"}};

static const mr_job_def kJob = {.size = sizeof(mr_job_def),
                                .name = "prefixes",
                                .help = "first bytes of lines",
                                .key_type = "bytes",
                                .value_type = "bytes",
                                .input_format = "lines",
                                .output_format = "raw",
                                .param_count = 1,
                                .params = kParams,
                                .create = create,
                                .destroy = destroy,
                                .map = map,
                                .reduce = reduce};
static const mr_job_def *const kJobs[] = {&kJob};
static const mr_plugin kPlugin = {sizeof(mr_plugin), MR_ABI_MAGIC, MR_ABI_MAJOR, MR_ABI_MINOR, 1, kJobs};

#ifndef MR_TEST_NO_ENTRY
MR_EXPORT const mr_plugin *mr_plugin_entry(void);
MR_EXPORT const mr_plugin *mr_plugin_entry(void) { return &kPlugin; }
#else
MR_EXPORT const void *another_name(void);
MR_EXPORT const void *another_name(void) { return &kPlugin; }
#endif
