#include "test/unit/worker/input/input_test_util.h"

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>

namespace mr::worker::test {

wire::InputFile AddInput(mr::test::MemoryEnv& env, const std::string& name, std::string content) {
  wire::InputFile file;
  file.path = "/in/" + name;
  if (name.ends_with(".gz")) file.compression = wire::Compression::kGzip;
  if (name.ends_with(".zst")) file.compression = wire::Compression::kZstd;
  env.Write(file.path, std::move(content));
  const auto stat = env.Stat(file.path);
  file.size_bytes = stat->size_bytes;
  file.mtime_ns = stat->mtime_ns;
  return file;
}

wire::Split WholeSplit(const wire::InputFile& file) { return {file, 0, file.size_bytes}; }

Result<std::vector<ReadRecord>> ReadSplit(Env& env, const wire::Split& split,
                                          wire::InputFormat format, uint64_t record_bytes) {
  MR_ASSIGN_OR_RETURN(const auto reader, RecordReader::Open(env, split, format, record_bytes));
  std::vector<ReadRecord> out;
  uint64_t consumed = 0;
  for (;;) {
    RecordReader::Batch batch;
    MR_ASSIGN_OR_RETURN(const bool more, reader->Next(batch));
    EXPECT_GE(batch.input_bytes, consumed);
    EXPECT_LE(batch.input_bytes, split.end - split.begin);
    consumed = batch.input_bytes;
    if (!more) break;
    EXPECT_FALSE(batch.records->empty());
    const char* base = batch.records->front().data;
    const char* last = base;
    for (const mr_bytes& record : *batch.records) {
      EXPECT_GE(record.data, last);
      last = record.data + record.size;
      out.push_back({batch.first_offset + static_cast<uint64_t>(record.data - base),
                     {record.data, record.size}});
    }
  }
  return out;
}

Result<std::vector<ReadRecord>> ReadInSplits(Env& env, const wire::InputFile& file,
                                             uint64_t split_bytes, wire::InputFormat format,
                                             uint64_t record_bytes) {
  std::vector<ReadRecord> out;
  for (uint64_t begin = 0; begin < file.size_bytes; begin += split_bytes) {
    const wire::Split split{file, begin, std::min(begin + split_bytes, file.size_bytes)};
    MR_ASSIGN_OR_RETURN(const auto records, ReadSplit(env, split, format, record_bytes));
    for (const ReadRecord& record : records) {
      EXPECT_GE(record.offset, split.begin);
      EXPECT_LT(record.offset, split.end);
    }
    out.insert(out.end(), records.begin(), records.end());
  }
  return out;
}

std::string Gzip(std::string_view bytes) {
  z_stream stream = {};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, bytes.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string Zstd(std::string_view bytes, int window_log) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  if (window_log > 0) ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
  std::string out(ZSTD_compressBound(bytes.size()) + 64, '\0');
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  ZSTD_outBuffer output{out.data(), out.size(), 0};
  // In two steps, so that the frame does not carry its size and really needs its window.
  ZSTD_inBuffer front{bytes.data(), bytes.size() / 2, 0};
  while (front.pos < front.size) ZSTD_compressStream2(context, &output, &front, ZSTD_e_continue);
  in.pos = front.pos;
  EXPECT_EQ(ZSTD_compressStream2(context, &output, &in, ZSTD_e_end), 0u);
  ZSTD_freeCCtx(context);
  out.resize(output.pos);
  return out;
}

}  // namespace mr::worker::test
