#include "coordinator/server/endpoints.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mr::coordinator {
namespace {

TEST(CheckExposure, OpenAddressWithoutKeys_NeedsInsecure) {
  EXPECT_TRUE(CheckExposure({"tcp://127.0.0.1:0", "ipc:///tmp/x", "tcp://[::1]:1"}, false, false)
                  .has_value());
  for (const char* open :
       {"tcp://0.0.0.0:0", "tcp://*:4610", "tcp://10.0.0.1:1", "tcp://eth0:1", "tcp://[::]:1"}) {
    const Status status = CheckExposure({"tcp://127.0.0.1:0", open}, false, false);
    ASSERT_FALSE(status.has_value()) << open;
    EXPECT_THAT(status.error().text, testing::HasSubstr("--insecure"));
    EXPECT_TRUE(CheckExposure({open}, true, false).has_value());
    EXPECT_TRUE(CheckExposure({open}, false, true).has_value());
  }
}

TEST(AdvertisedEndpoint, Wildcard_BecomesAName) {
  EXPECT_EQ(AdvertisedEndpoint({"tcp://0.0.0.0:99"}, "", "n17"), "tcp://n17:99");
  EXPECT_EQ(AdvertisedEndpoint({"tcp://0.0.0.0:99"}, "head", "n17"), "tcp://head:99");
  EXPECT_EQ(AdvertisedEndpoint({"tcp://127.0.0.1:99"}, "", "n17"), "tcp://127.0.0.1:99");
  EXPECT_EQ(AdvertisedEndpoint({"ipc:///tmp/x"}, "head", "n17"), "ipc:///tmp/x");
  EXPECT_EQ(AdvertisedEndpoint({"ipc:///tmp/x", "tcp://10.0.0.1:5"}, "", "n17"),
            "tcp://10.0.0.1:5");
}

}  // namespace
}  // namespace mr::coordinator
