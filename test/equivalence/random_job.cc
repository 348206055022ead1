#include "test/equivalence/random_job.h"

#include <algorithm>
#include <array>

#include "common/base/hash.h"
#include "common/base/strings.h"
#include "worker/run/frame.h"

namespace mr::worker::test {
namespace {

constexpr uint64_t kTargetBytes =
    1u << 20;  // of a job, more or less: many small jobs find more than a big one

template <class T>
T OneOf(Random& random, std::initializer_list<T> choices) {
  return choices.begin()[random.Below(choices.size())];
}

std::string RandomBytes(Random& random, uint64_t size) {
  std::string bytes(size, '\0');
  const bool text = random.Chance(0.5);  // compresses, or does not
  for (char& c : bytes) c = static_cast<char>(text ? 'a' + random.Below(3) : random.Next());
  return bytes;
}

std::string Sized(std::string_view bytes) {
  std::string out(4, '\0');
  StoreLittle(out.data(), static_cast<uint32_t>(bytes.size()));
  return out.append(bytes);
}

// Not the plugin's own: what is expected comes from other code than what is tested.
std::string ExpectedBigEndian(uint64_t value, uint32_t width) {
  std::string bytes(width, '\0');
  for (uint32_t i = 0; i < width; ++i) bytes[width - 1 - i] = static_cast<char>(value >> (8 * i));
  return bytes;
}

}  // namespace

RandomJob RandomJob::Draw(uint64_t seed) {
  RandomJob job;
  job.seed = seed;
  Random random(Hash64(StrCat("job ", seed)));
  job.DrawShapes(random);
  job.DrawSizes(random);
  if (job.partitioning == Partitioning::kRange) job.DrawBounds(random);
  return job;
}

void RandomJob::DrawShapes(Random& random) {
  kind = OneOf(random, {Kind::kGather, Kind::kGather, Kind::kSum, Kind::kSum, Kind::kMin,
                        Kind::kMax, Kind::kDedup});
  if (kind != Kind::kGather) {
    combining = OneOf(random, {Combining::kNone, Combining::kUser, Combining::kNative});
    fold_width = kind == Kind::kDedup ? 0 : OneOf(random, {4u, 7u, 8u});
  } else if (random.Chance(0.3)) {
    group_prefix_ = OneOf<size_t>(random, {0, 1, 4, 9, 20});
  }
  partitioning = OneOf(
      random, {Partitioning::kHash, Partitioning::kHash, Partitioning::kOwn, Partitioning::kRange});
  key_shape_ = OneOf(random, {KeyShape::kNumber, KeyShape::kBytes, KeyShape::kSharedPrefix,
                              KeyShape::kZeros, KeyShape::kHuge});
  distinct_keys_ = OneOf<uint64_t>(random, {1, 3, 50, 2000, 50'000});
  skew_ = static_cast<uint32_t>(random.Below(4));
  value_bytes_ = OneOf<uint64_t>(random, {0, 1, 10, 100, 5000, 100'000});
  per_line_ = OneOf(random, {1u, 1u, 3u, 50u});
  skips_values_ = random.Chance(0.15);
  codec = OneOf(random, {wire::Compression::kNone, wire::Compression::kLz4, wire::Compression::kZstd,
                         wire::Compression::kAuto});
  output_codec = OneOf(random, {wire::Compression::kNone, wire::Compression::kNone,
                                wire::Compression::kGzip, wire::Compression::kZstd});
}

void RandomJob::DrawSizes(Random& random) {
  const uint64_t key_bytes = key_shape_ == KeyShape::kHuge ? 50'000 : 16;
  const uint64_t record_bytes =
      kFrameHeaderBytes + key_bytes + (kind == Kind::kGather ? value_bytes_ / 2 : 8);
  const uint64_t records = std::clamp<uint64_t>(kTargetBytes / record_bytes, 8, 12'000);
  lines = 1 + random.Below(2 * records / (1 + per_line_) + 1);
  if (random.Chance(0.03)) lines = 0;
  line_bytes_ = OneOf(random, {0u, 10u, 300u});
  const uint64_t input_bytes = lines * (6 + line_bytes_ / 2) + 1;
  // Between one split of everything and hundreds of tiny ones.
  split_bytes =
      std::max<uint64_t>(input_bytes / OneOf<uint64_t>(random, {1, 1, 3, 12, 40, 260}), 1);
  splits_per_map = OneOf(random, {1u, 1u, 2u, 5u});
  partitions = OneOf(random, {1u, 1u, 2u, 3u, 7u, 30u});
  workers = OneOf(random, {1u, 2u, 3u});
  map_memory = OneOf<uint64_t>(random, {1, 20'000, 300'000, 64u << 20});
  reduce_memory = OneOf<uint64_t>(random, {1, 200'000, 3u << 20, 64u << 20});
}

void RandomJob::DrawBounds(Random& random) {
  for (uint32_t i = 1; i < partitions; ++i)
    bounds.push_back(GroupOf(KeyOf(random.Below(distinct_keys_))));
  std::sort(bounds.begin(), bounds.end());  // equal ones leave partitions empty
}

std::string RandomJob::InputText() const {
  Random random(seed);
  std::string text;
  for (uint64_t line = 0; line < lines; ++line) {
    text += std::to_string(line);
    if (line_bytes_ > 0) text += " " + std::string(random.Below(line_bytes_), 'x');
    text += '\n';
  }
  return text;
}

std::string RandomJob::KeyOf(uint64_t index) const {
  Random random(Hash64(StrCat("key ", index), seed));
  switch (key_shape_) {
    case KeyShape::kNumber:
      return ExpectedBigEndian(index, 8);
    case KeyShape::kBytes:
      return RandomBytes(random, random.Below(24));
    case KeyShape::kSharedPrefix:  // equal past the bytes that a comparison looks at first
      return "the same prefix " + std::to_string(index);
    case KeyShape::kZeros:  // differ in length only, or hardly
      return std::string(random.Below(40), random.Chance(0.5) ? '\0' : '\xff');
    case KeyShape::kHuge:
      return random.Chance(0.5) ? RandomBytes(random, random.Below(100'001))
                                : std::to_string(index);
  }
  return {};
}

std::string RandomJob::ValueOf(Random& random) const {
  if (kind == Kind::kGather) return RandomBytes(random, random.Below(value_bytes_ + 1));
  return ExpectedBigEndian(random.Below(1000), fold_width);
}

std::vector<Record> RandomJob::RecordsOf(uint64_t line) const {
  Random random(Hash64(StrCat("line ", line), seed));
  std::vector<Record> records(per_line_ == 1 ? 1 : random.Below(per_line_ + 1));
  for (auto& [key, value] : records) {
    uint64_t index = random.Below(distinct_keys_);
    for (uint32_t i = 0; i < skew_; ++i) index = random.Below(index + 1);
    key = KeyOf(index);
    value = ValueOf(random);
  }
  return records;
}

uint32_t RandomJob::OwnPartition(std::string_view group, uint32_t count) {
  return static_cast<uint32_t>(
      (group.size() + (group.empty() ? 0 : static_cast<unsigned char>(group[0]))) % count);
}

uint64_t RandomJob::RecordCount() const {
  uint64_t count = 0;
  for (uint64_t line = 0; line < lines; ++line) count += RecordsOf(line).size();
  return count;
}

std::pair<uint64_t, uint64_t> RandomJob::EmittedBytes() const {
  uint64_t sum = 0, largest = 0;
  for (uint64_t line = 0; line < lines; ++line) {
    for (const auto& [key, value] : RecordsOf(line)) {
      const uint64_t bytes = kFrameHeaderBytes + key.size() + value.size();
      sum += bytes;
      largest = std::max(largest, bytes);
    }
  }
  return {sum, largest};
}

std::map<std::string, std::string> RandomJob::ExpectedGroups() const {
  std::vector<Record> all;
  for (uint64_t line = 0; line < lines; ++line) {
    for (Record& record : RecordsOf(line)) all.push_back(std::move(record));
  }
  // Equal keys in the order of the input, a key that another one begins with first.
  std::stable_sort(all.begin(), all.end(),
                   [](const Record& a, const Record& b) { return a.first < b.first; });
  std::map<std::string, std::string> groups;
  std::map<std::string, uint64_t> folded;
  for (const auto& [key, value] : all) {
    const std::string group = GroupOf(key);
    if (kind == Kind::kGather) {
      std::string& text = groups[group];
      if (text.empty() || !skips_values_) text += "R" + Sized(key) + Sized(value);
      continue;
    }
    uint64_t number = 0;
    for (const char c : value) number = number << 8 | static_cast<unsigned char>(c);
    const auto [found, is_new] = folded.emplace(group, number);
    if (is_new) continue;
    if (kind == Kind::kSum) found->second += number;
    if (kind == Kind::kMin) found->second = std::min(found->second, number);
    if (kind == Kind::kMax) found->second = std::max(found->second, number);
  }
  for (const auto& [group, number] : folded)
    groups[group] = "S" + Sized(ExpectedBigEndian(number, fold_width));
  return groups;
}

std::string RandomJob::Describe() const {
  static constexpr std::array kKinds = {"gather", "sum", "min", "max", "dedup"};
  static constexpr std::array kCombining = {"", " combine", " fold"};
  static constexpr std::array kPartitioning = {"hash", "own", "range"};
  static constexpr std::array kShapes = {"numbers", "bytes", "shared prefix", "zeros", "huge"};
  static constexpr std::array kCodecs = {"none", "gzip", "zstd", "lz4", "auto"};
  const auto at = [](const auto& names, auto value) { return names[static_cast<size_t>(value)]; };
  return StrCat(at(kKinds, kind), at(kCombining, combining), ", keys ", at(kShapes, key_shape_),
                " of ", distinct_keys_, " skew ", skew_, ", values ", value_bytes_, ", lines ",
                lines, " x ", per_line_, ", split ", split_bytes, " x ", splits_per_map, ", -r ",
                partitions, " ", at(kPartitioning, partitioning), ", workers ", workers,
                ", memory ", map_memory, "/", reduce_memory, ", ", at(kCodecs, codec), " -> ",
                at(kCodecs, output_codec),
                group_prefix_ == SIZE_MAX ? "" : StrCat(", groups of ", group_prefix_),
                skips_values_ ? ", skips" : "");
}

bool ParseGroups(std::string_view bytes, std::vector<WrittenGroup>& groups) {
  const auto take = [&bytes](size_t count, std::string* into) {
    if (bytes.size() < count) return false;
    if (into != nullptr) into->append(bytes.substr(0, count));
    bytes.remove_prefix(count);
    return true;
  };
  const auto take_sized = [&](std::string* into, bool with_size) {
    if (bytes.size() < 4) return false;
    const auto size = LoadLittle<uint32_t>(bytes.data());
    return take(4, with_size ? into : nullptr) && take(size, into);
  };
  while (!bytes.empty()) {
    const char tag = bytes.front();
    if (tag == 'G') {
      groups.emplace_back();
      if (!take(1, nullptr) || !take_sized(&groups.back().group, false)) return false;
      continue;
    }
    if ((tag != 'R' && tag != 'S') || groups.empty()) return false;
    std::string& text = groups.back().text;
    if (!take(1, &text) || !take_sized(&text, true)) return false;
    if (tag == 'R' && !take_sized(&text, true)) return false;
  }
  return true;
}

}  // namespace mr::worker::test
