#include "worker/agent/death.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "common/abi/mr_abi.h"
#include "worker/userjob/black_box.h"

namespace mr::worker {
namespace {

using ::testing::HasSubstr;

TEST(FailureOfDeath, SignalInUserCodeNamesAddressAndFunction) {
  DeathReport death;
  death.signalled = true;
  death.signal_number = SIGSEGV;
  death.handler_ran = true;
  death.crash_signal = SIGSEGV;
  death.fault_address = 0x10;
  death.phase = MR_PHASE_MAP;
  death.input_path = "/in";
  const wire::Failure failure = FailureOfDeath(death, std::nullopt);
  EXPECT_EQ(failure.cause, wire::FailureCause::kSignal);
  EXPECT_EQ(failure.type, "SIGSEGV");
  EXPECT_EQ(failure.message, "SIGSEGV, access to address 0x10 in map()");
  EXPECT_EQ(failure.input_path, "/in");
}

// Only then may the next attempt leave the record out.
TEST(FailureOfDeath, PositionOfARecordIsMarked) {
  DeathReport death;
  death.signalled = true;
  death.signal_number = SIGSEGV;
  death.phase = MR_PHASE_MAP;
  EXPECT_FALSE(FailureOfDeath(death, std::nullopt).at_record);
  death.at_record = true;
  EXPECT_TRUE(FailureOfDeath(death, std::nullopt).at_record);
  death.phase = MR_PHASE_NONE;
  EXPECT_FALSE(FailureOfDeath(death, std::nullopt).at_record);
}

TEST(FailureOfDeath, SignalSaysWhatTheMachineDid) {
  DeathReport death;
  death.signalled = true;
  death.handler_ran = true;
  death.crash_signal = SIGSEGV;
  death.phase = MR_PHASE_REDUCE;
  death.fault_access = BlackBox::kWrite;
  EXPECT_EQ(FailureOfDeath(death, std::nullopt).message, "SIGSEGV, write to address 0x0 in reduce()");
  death.fault_access = BlackBox::kRead;
  EXPECT_EQ(FailureOfDeath(death, std::nullopt).message, "SIGSEGV, read of address 0x0 in reduce()");
  death.fault_access = BlackBox::kExecute;
  EXPECT_EQ(FailureOfDeath(death, std::nullopt).message, "SIGSEGV, jump to address 0x0 in reduce()");
}

TEST(FailureOfDeath, SigkillNearTheLimitIsMemory) {
  DeathReport death;
  death.signalled = true;
  death.signal_number = SIGKILL;
  death.phase = MR_PHASE_REDUCE;
  death.peak_memory_bytes = 95;
  death.memory_limit_bytes = 100;
  EXPECT_EQ(FailureOfDeath(death, std::nullopt).cause, wire::FailureCause::kMemory);
  EXPECT_THAT(FailureOfDeath(death, std::nullopt).message,
              HasSubstr("the task's peak was 95 B, its limit is 100 B (this worker's default"));
  death.memory_asked_bytes = 100;
  EXPECT_THAT(FailureOfDeath(death, std::nullopt).message, HasSubstr("its limit is 100 B (the job's --memory)"));
  death.peak_memory_bytes = 10;
  EXPECT_EQ(FailureOfDeath(death, std::nullopt).cause, wire::FailureCause::kSignal);
  death.phase = MR_PHASE_NONE;
  EXPECT_EQ(FailureOfDeath(death, std::nullopt).cause, wire::FailureCause::kInternal);
}

TEST(FailureOfDeath, ExitInUserCodeIsTheUsers) {
  DeathReport death;
  death.exit_code = 1;
  death.phase = MR_PHASE_COMBINE;
  const wire::Failure failure = FailureOfDeath(death, std::nullopt);
  EXPECT_EQ(failure.cause, wire::FailureCause::kExit);
  EXPECT_THAT(failure.message, HasSubstr("combine() ended the process with exit(1)"));
  death.phase = MR_PHASE_NONE;
  EXPECT_EQ(FailureOfDeath(death, std::nullopt).cause, wire::FailureCause::kInternal);
}

}  // namespace
}  // namespace mr::worker
