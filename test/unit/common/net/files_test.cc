#include <gmock/gmock.h>

#include <filesystem>

#include "common/net/client.h"
#include "common/net/endpoint.h"
#include "common/net/key_file.h"
#include "net_testing.h"

namespace mr::net {
namespace {

using std::chrono::milliseconds;

std::filesystem::perms ModeOf(const std::string& path) {
  return std::filesystem::status(path).permissions();
}
constexpr auto kOwnerOnly =
    std::filesystem::perms::owner_read | std::filesystem::perms::owner_write;

void WriteText(const std::string& path, const std::string& text) {
  ASSERT_TRUE(WriteFileAtomically(PosixEnv(), path, text).has_value());
  ASSERT_TRUE(PosixEnv().SetMode(path, 0600).has_value());
}

Rendezvous At(const std::string& control) {
  Rendezvous rendezvous;
  rendezvous.control = control;
  return rendezvous;
}

TEST(Endpoint, Parse_Forms) {
  EXPECT_EQ(ParseEndpoint("tcp://n17:4610")->port, 4610);
  EXPECT_EQ(ParseEndpoint("tcp://[::1]:0")->host, "::1");
  EXPECT_EQ(ToString(*ParseEndpoint("tcp://[::1]:7")), "tcp://[::1]:7");
  EXPECT_EQ(ParseEndpoint("ipc:///tmp/a b")->path, "/tmp/a b");
  EXPECT_TRUE(ParseEndpoint("tcp://*:0").has_value());
  for (const char* bad :
       {"", "n17:4610", "tcp://:1", "tcp://a:", "tcp://a:+1", "tcp://a:1;eth0:2", "tcp://::1:5"}) {
    EXPECT_FALSE(ParseEndpoint(bad).has_value()) << bad;
  }
  const auto long_path = ParseEndpoint("ipc://" + std::string(108, 'p'));
  ASSERT_FALSE(long_path.has_value());
  EXPECT_THAT(long_path.error().text, testing::HasSubstr("107"));
}

TEST(Endpoint, IsLoopback) {
  for (const char* yes : {"tcp://127.0.0.1:1", "tcp://127.9.9.9:0", "tcp://localhost:1",
                          "tcp://[::1]:1", "ipc:///x"}) {
    EXPECT_TRUE(IsLoopbackEndpoint(yes)) << yes;
  }
  for (const char* no :
       {"tcp://0.0.0.0:1", "tcp://*:1", "tcp://127.example.org:1", "tcp://10.0.0.1:1", "x"}) {
    EXPECT_FALSE(IsLoopbackEndpoint(no)) << no;
  }
}

TEST(Rendezvous, Write_ThenRead) {
  const TemporaryDirectory directory;
  const std::string path = directory.path + "/rv";
  const Rendezvous written{.control = "tcp://n17:40113",
                           .http = "http://n17:40121",
                           .cluster = "blue",
                           .server_key = "k",
                           .pid = 42,
                           .started_unix_ms = 1'700'000'000'123};
  ASSERT_TRUE(WriteRendezvous(path, At("tcp://old:1")).has_value());
  ASSERT_TRUE(WriteRendezvous(path, written).has_value());  // replaces

  auto read = ReadRendezvous(path);

  ASSERT_TRUE(read.has_value()) << read.error().text;
  EXPECT_EQ(read->control, written.control);
  EXPECT_EQ(read->http, written.http);
  EXPECT_EQ(read->cluster, written.cluster);
  EXPECT_EQ(read->server_key, written.server_key);
  EXPECT_EQ(read->pid, written.pid);
  EXPECT_EQ(read->started_unix_ms, written.started_unix_ms);
  EXPECT_EQ(ModeOf(path), kOwnerOnly);
  EXPECT_EQ(PosixEnv().ListDirectory(directory.path)->size(), 1u) << "a temporary file is left";
}

TEST(Rendezvous, Read_RefusesWhatIsNotOne) {
  const TemporaryDirectory directory;
  const std::string path = directory.path + "/rv";
  const std::string deep =
      R"({"v":1,"control":)" + std::string(1000, '[') + std::string(1000, ']') + "}";
  for (const std::string& text :
       {std::string(), std::string("[]"), std::string("{"), std::string("{}"), deep,
        std::string(R"({"v":2,"control":"tcp://a:1"})"), std::string(R"({"v":1,"control":7})"),
        std::string(R"({"v":1,"control":"a"})"),
        std::string(R"({"v":1,"control":"tcp://a:1","pid":-1})"),
        std::string(R"({"v":1,"control":"tcp://a:1","pid":1.5})")}) {
    WriteText(path, text);
    auto read = ReadRendezvous(path);
    ASSERT_FALSE(read.has_value()) << text.substr(0, 60);
    EXPECT_THAT(read.error().text, testing::HasSubstr(path));
  }
  EXPECT_EQ(ReadRendezvous(directory.path + "/none").error().code, ErrorCode::kNotFound);
}

TEST(ResolveEndpoint, KeepsAddressesAndRefusesOthers) {
  EXPECT_EQ(*ResolveEndpoint("tcp://a:1", Duration::zero()), "tcp://a:1");
  EXPECT_EQ(*ResolveEndpoint("ipc:///x", Duration::zero()), "ipc:///x");
  EXPECT_EQ(ResolveEndpoint("a:1", Duration::zero()).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(ResolveEndpoint("file:", Duration::zero()).error().code, ErrorCode::kInvalidArgument);
}

TEST(ResolveEndpoint, CarriesTheCoordinatorsKey) {
  const TemporaryDirectory directory;
  const std::string path = directory.path + "/r.json";
  Rendezvous rendezvous;
  rendezvous.control = "tcp://host:4610";
  rendezvous.server_key = std::string(40, 'k');
  ASSERT_TRUE(WriteRendezvous(path, rendezvous).has_value());
  const std::string keyed = "tcp://host:4610#" + rendezvous.server_key;
  EXPECT_EQ(*ResolveEndpoint("file:" + path, Duration::zero()), keyed);
  EXPECT_EQ(*ResolveEndpoint(keyed, Duration::zero()), keyed);
}

TEST(ResolveEndpoint, WaitsForTheFile) {
  const TemporaryDirectory directory;
  const std::string path = directory.path + "/rv";
  const auto missing = ResolveEndpoint("file:" + path, milliseconds(50));
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, ErrorCode::kTimeout);
  EXPECT_THAT(missing.error().text, testing::HasSubstr(path));

  Result<std::string> found;
  std::thread waiter([&] { found = ResolveEndpoint("file:" + path, kPatience); });
  ASSERT_TRUE(WriteRendezvous(path, At("tcp://n1:2")).has_value());
  waiter.join();
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(*found, "tcp://n1:2");
}

TEST(KeyFile, Write_ThenRead) {
  const TemporaryDirectory directory;
  const std::string path = directory.path + "/key";
  const Security written{*MakeKeyPair(),
                         MakeKeyPair()->public_key,
                         {MakeKeyPair()->public_key, MakeKeyPair()->public_key}};
  ASSERT_TRUE(WriteKeyFile(path, written).has_value());

  auto read = ReadKeyFile(path);

  ASSERT_TRUE(read.has_value()) << read.error().text;
  ASSERT_TRUE(read->own.has_value());
  EXPECT_EQ(read->own->public_key, written.own->public_key);
  EXPECT_EQ(read->own->secret_key, written.own->secret_key);
  EXPECT_EQ(read->server_key, written.server_key);
  EXPECT_EQ(read->allowed, written.allowed);
  EXPECT_EQ(ModeOf(path), kOwnerOnly);
  const Status again = WriteKeyFile(path, written);
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().code, ErrorCode::kAlreadyExists);
}

TEST(KeyFile, Read_RefusesOpenFilesAndBadKeys) {
  const TemporaryDirectory directory;
  const std::string path = directory.path + "/key";
  ASSERT_TRUE(WriteKeyFile(path, Security{*MakeKeyPair(), "", {}}).has_value());
  ASSERT_TRUE(PosixEnv().SetMode(path, 0640).has_value());
  const auto open = ReadKeyFile(path);
  ASSERT_FALSE(open.has_value());
  EXPECT_EQ(open.error().code, ErrorCode::kPermission);

  for (const char* text : {"{}", R"({"public":"short","secret":"short"})", R"({"public":7})"}) {
    WriteText(path, text);
    EXPECT_EQ(ReadKeyFile(path).error().code, ErrorCode::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace mr::net
