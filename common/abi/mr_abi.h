/*
 * The boundary between Millrace and a plugin: plain C, so that any compiler and any C++ library can build a
 * plugin. No C++ type, no exception and no allocation crosses it. Plugin authors include <mr/mr.hpp>, which
 * sits on top of this header; programs of Millrace never include <mr/mr.hpp>.
 *
 * Compatibility: MAJOR must be equal. A plugin's MINOR may be at most the host's. Structs grow at the end
 * only, and every struct that crosses starts with its own size; a reader looks at no field beyond `size`.
 *
 * Threads: all calls for one job instance (mr_job_def.create's result) come from one thread.
 */
#ifndef MR_ABI_H
#define MR_ABI_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

#define MR_ABI_MAGIC 0x3150524du /* "MRP1" in memory */
#define MR_ABI_MAJOR 1
#define MR_ABI_MINOR 0
#define MR_EXPORT __attribute__((visibility("default")))

/* ---- identity, readable without loading ------------------------------------------------------------- */

/*
 * One constant of this type lies in the ELF section ".mr_abi_tag" of every plugin. It holds no pointer, so
 * the host reads it from the file and can explain a mismatch before dlopen runs any foreign code.
 */
#define MR_ABI_TAG_SECTION ".mr_abi_tag"
#define MR_FLAG_ASAN 1u          /* built with -fsanitize=address */
#define MR_FLAG_TSAN 2u          /* built with -fsanitize=thread */
#define MR_FLAG_DEBUG_STL 4u     /* _GLIBCXX_DEBUG */
#define MR_FLAG_OLD_STRING_ABI 8u /* _GLIBCXX_USE_CXX11_ABI=0 */
#define MR_FLAG_OPTIMIZED 16u    /* __OPTIMIZE__ */
typedef struct mr_abi_tag {
  uint32_t magic;
  uint16_t abi_major, abi_minor;
  uint32_t size;            /* sizeof(mr_abi_tag) */
  uint32_t job_def_size;    /* sizeof(mr_job_def) */
  uint32_t task_size;       /* sizeof(mr_task) */
  uint32_t flags;           /* MR_FLAG_* */
  char sdk_version[16];     /* "0.1.0" */
  char compiler[64];        /* __VERSION__ */
  char stdlib[32];          /* "libstdc++ 20220819" or "libc++ 14000" */
} mr_abi_tag;

/* ---- data ------------------------------------------------------------------------------------------- */

typedef struct mr_bytes {
  const char *data;
  size_t size;
} mr_bytes;

/*
 * Emitted records are frames, one behind the other, without padding:
 *   uint32 key_size, uint32 value_size (native order, unaligned), key bytes, value bytes.
 * The plugin writes a whole frame at `cursor` and advances it. When fewer than 8 + key + value bytes are
 * left it calls more(need): the host takes the frames written so far and makes room for at least `need`
 * bytes, growing the window if it must. more() returns 0, or non-zero: stop and return MR_STOP.
 * In a sink for output (reduce, map-only) the bytes are not framed: they go to the output as they are.
 */
typedef struct mr_sink {
  uint32_t size;
  char *cursor, *end;
  int (*more)(struct mr_sink *, size_t need);
  /* Named extra outputs (out.to("errors")): the sink for that name, or NULL after fail(). NULL for maps
   * that emit. The pointer stays valid for the life of the job instance. */
  struct mr_sink *(*named)(struct mr_sink *, mr_bytes name);
  uint32_t format;           /* MR_OUTPUT_*: of key and value in a sink for output */
  uint32_t reserved;
} mr_sink;
#define MR_OUTPUT_TSV 0u        /* key TAB value NEWLINE */
#define MR_OUTPUT_JSON_LINES 1u /* {"key":…,"value":…} NEWLINE */

/*
 * Where the attempt is: memory shared with the worker, readable after this process has died. The host
 * writes the batch fields; the SDK stores record_data, record_size and record_no before each record, three
 * plain stores. file + offset of the record = input_name, batch_offset + (record_data - batch_data).
 */
typedef struct mr_where {
  uint32_t size;
  uint32_t phase;            /* MR_PHASE_*: in whose code the attempt is now */
  const char *batch_data;    /* first byte of the current batch (address in the task's memory) */
  uint64_t batch_offset;     /* its offset in the (decompressed) input file */
  const char *record_data;   /* current record; NULL = none */
  uint64_t record_size;
  uint64_t record_no;        /* within this attempt's split, from 0 */
} mr_where;
#define MR_PHASE_NONE 0u      /* host code */
#define MR_PHASE_CREATE 1u    /* constructor and setup() */
#define MR_PHASE_MAP 2u
#define MR_PHASE_COMBINE 3u
#define MR_PHASE_REDUCE 4u
#define MR_PHASE_FINISH 5u    /* finish() and destructor */
#define MR_PHASE_PARTITION 6u

/* A batch of input records. All come from one file, in order, and lie in one contiguous buffer, which is
 * valid until the call returns. */
typedef struct mr_records {
  uint32_t size;
  uint32_t count;
  const mr_bytes *records;
  uint64_t first_no;         /* number of records[0] within the split */
  uint64_t first_offset;     /* offset of records[0] within the file (decompressed) */
  mr_bytes input_name;       /* path as the user gave it, made absolute */
  mr_bytes input_tag;        /* -I TAG=PATH, or empty */
} mr_records;

/*
 * The records of one group, in key order, pulled one at a time; single pass. next() returns 1 and fills
 * key and value (valid until the next call), 0 at the end, <0: stop and return MR_STOP. Leaving early is
 * fine: the host skips the rest.
 */
typedef struct mr_group {
  uint32_t size;
  void *host;
  int (*next)(void *host, mr_bytes *key, mr_bytes *value);
} mr_group;

/* ---- what the host offers --------------------------------------------------------------------------- */

#define MR_UNSET ((size_t)-1)
#define MR_LOG_DEBUG 0
#define MR_LOG_INFO 1
#define MR_LOG_WARNING 2
#define MR_LOG_ERROR 3

/* How a call failed: decides what the engine does next. */
#define MR_FAIL_EXCEPTION 0   /* counts as a failed attempt */
#define MR_FAIL_BAD_RECORD 1  /* mr::BadRecord: this record is at fault; may be skipped */
#define MR_FAIL_FATAL 2       /* mr::Fatal: fail the job now, no further attempt */
#define MR_FAIL_MEMORY 3      /* std::bad_alloc */

typedef struct mr_task {
  uint32_t size;
  void *host;
  mr_where *where;           /* never NULL */
  uint32_t phase;            /* MR_PHASE_MAP or MR_PHASE_REDUCE: what this attempt runs */
  uint32_t task_index;       /* map or reduce task number */
  uint32_t attempt;          /* attempt number */
  uint32_t partition_count;  /* reduce tasks of the job; 0 = map only */
  uint64_t seed;             /* of job and task, the same in every attempt */
  mr_bytes job_id;           /* "j42" */
  mr_bytes job_name;
  mr_bytes worker_name;      /* stable identity of the worker that runs this attempt */
  mr_bytes job_dir;          /* directory shared by all tasks of the job, or empty if none was given */
  mr_bytes scratch_dir;      /* private to this attempt, removed after it */
  /* A parameter's text, from -P or the declared default; .size == MR_UNSET: neither. */
  mr_bytes (*param)(void *host, mr_bytes name);
  /* Path of a side file (-f NAME=PATH); .size == MR_UNSET: not given. */
  mr_bytes (*side_path)(void *host, mr_bytes name);
  /* A counter's cell, added to by plain stores; same cell for the same name, valid for the life of the
   * instance. NULL after too many names (fail() has been called). */
  int64_t *(*counter)(void *host, mr_bytes group, mr_bytes name);
  void (*log)(void *host, int level, mr_bytes message);
  void (*status)(void *host, mr_bytes message); /* also counts as progress */
  /* Called by the SDK's catch blocks, once, before returning MR_FAILED. */
  void (*fail)(void *host, int kind, mr_bytes type, mr_bytes what);
} mr_task;

/* ---- what the plugin offers ------------------------------------------------------------------------- */

#define MR_OK 0
#define MR_FAILED 1 /* fail() was called */
#define MR_STOP 2   /* the host asked to stop */

typedef struct mr_param_def {
  uint32_t size;
  /* type: string int float bool bytes duration; "list:TYPE" of these, with commas between the items; "enum:A|B" for
   * one of these texts. A host takes any text for a type that it does not know. */
  const char *name, *type;
  const char *default_text;   /* NULL = required */
  const char *help;
} mr_param_def;

/* Folds the host may compute itself, on values of fixed width in the SDK's order-preserving encoding. */
#define MR_FOLD_NONE 0u
#define MR_FOLD_SUM 1u
#define MR_FOLD_MIN 2u
#define MR_FOLD_MAX 3u
#define MR_FOLD_DEDUP 4u  /* keep one record per distinct key */

#define MR_PARTITION_HASH 0u    /* hash of the group bytes, or partition() if set */
#define MR_PARTITION_RANGE 1u   /* total order: bounds sampled from the input */

#define MR_JOB_MAP_ONLY 1u
/* reduce() writes key and value of each record of its group, one behind the other, and does nothing else: the host may
 * do that itself. A host that does not know the flag calls reduce(). */
#define MR_JOB_IDENTITY_REDUCE 2u

typedef struct mr_job_def {
  uint32_t size;
  uint32_t flags;              /* MR_JOB_* */
  const char *name, *help;
  const char *key_type, *value_type;     /* for people: "string", "uint64", "tuple<string,string>" */
  const char *input_format;    /* "lines", "blocks", "whole", "fixed:N" */
  const char *output_format;   /* "tsv", "raw" */
  uint32_t param_count;
  uint32_t fold;               /* MR_FOLD_* that `combine` is equal to; MR_FOLD_NONE = only combine() knows */
  uint32_t fold_width;         /* bytes of a value, for a native fold */
  uint32_t fold_value;         /* MR_VALUE_*: how those bytes are read */
  uint32_t partition_kind;     /* MR_PARTITION_* */
  uint32_t reserved;
  const mr_param_def *params;  /* param_count of them */
  /* An instance for one attempt; constructor and setup() run here. NULL after fail(). */
  void *(*create)(const mr_task *);
  void (*destroy)(void *);
  /* One call per batch of records. `sink` takes frames; output bytes when MR_JOB_MAP_ONLY, or when
   * mr_task.partition_count is 0 (a job with reduce that is run without: the SDK writes text). */
  int (*map)(void *, const mr_records *, mr_sink *sink);
  /* One group in, frames out; NULL = none. May be run never, once or many times over the same data. */
  int (*combine)(void *, mr_group *, mr_sink *sink);
  /* One group in, output bytes out; NULL = map only. */
  int (*reduce)(void *, mr_group *, mr_sink *sink);
  /* After the last record of the attempt; sink as for map or reduce. NULL = nothing to do. */
  int (*finish)(void *, mr_sink *sink);
  /* Length of the prefix of `key` that names its group; NULL = the whole key. Pure. */
  size_t (*group_size)(mr_bytes key);
  /* Partition of a key, in [0, count); NULL = XXH3-64 of the group bytes, scaled. UINT32_MAX after fail(). */
  uint32_t (*partition)(void *, mr_bytes key, uint32_t count);
} mr_job_def;
#define MR_VALUE_UNSIGNED 0u /* big endian */
#define MR_VALUE_SIGNED 1u   /* big endian, sign bit flipped */

typedef struct mr_plugin {
  uint32_t size;
  uint32_t magic;
  uint16_t abi_major, abi_minor;
  uint32_t job_count;
  const mr_job_def *const *jobs;
} mr_plugin;

/* The only symbol a plugin exports. */
#define MR_PLUGIN_ENTRY "mr_plugin_entry"
typedef const mr_plugin *(*mr_plugin_entry_fn)(void);

#ifdef __cplusplus
}
#endif
#endif
