// Sorts records of 100 bytes by their first 10, as the sort benchmarks do. The partitions are ranges sampled from
// the input, so the part files, one behind the other, are one sorted file.
#include <mr/mr.hpp>

struct TeraSort : mr::Job<mr::View, mr::View> {
  static constexpr const char* kHelp = "sorts records of 100 bytes by their first 10 bytes";
  using Input = mr::FixedRecords<100>;
  using Output = mr::RawBytes;
  using Partition = mr::TotalOrder;
  void map(View record, Emit& emit) { emit(record.substr(0, 10), record.substr(10)); }
  using Reduce = mr::Identity;
};
MR_JOB(TeraSort);
