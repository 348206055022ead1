#include "common/http/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include "common/http/metrics_text.h"

namespace mr::http {
namespace {

TEST(ParseAddress, Forms) {
  EXPECT_EQ(ParseAddress("127.0.0.1:4611")->port, 4611);
  EXPECT_EQ(ParseAddress("[::1]:0")->host, "::1");
  for (const char* bad : {"4611", ":80", "a:b", "a:99999", "a:", "a:-1", ""})
    EXPECT_FALSE(ParseAddress(bad).has_value()) << bad;
}

Site EchoSite() {
  Site site;
  site.routes = {{R"(/echo/([a-z]+))", [](const std::string& captured) -> Response {
                    return {200, kPlainText, captured};
                  }}};
  site.refusal = [](int status) -> Response { return {status, kPlainText, "refused"}; };
  return site;
}

TEST(Server, Get_HandsTheRouteWhatItCaptured) {
  const auto server = Server::Start({"127.0.0.1", 0}, EchoSite()).value();
  httplib::Client client(server->url());
  EXPECT_EQ(client.Get("/echo/hello")->body, "hello");
  EXPECT_EQ(client.Get("/other")->status, 404);
  EXPECT_EQ(client.Get("/other")->body, "refused");
}

TEST(Server, Get_ForeignHostHeader_IsRefused) {
  const auto server = Server::Start({"127.0.0.1", 0}, EchoSite()).value();
  httplib::Client client(server->url());
  const httplib::Headers headers{{"Host", "evil.example"}};
  EXPECT_EQ(client.Get("/echo/hello", headers)->status, 403);
}

TEST(Server, Start_PortInUse_IsRefusedNamingIt) {
  const auto first = Server::Start({"127.0.0.1", 0}, EchoSite()).value();
  const int port = std::stoi(first->url().substr(first->url().rfind(':') + 1));
  const auto second = Server::Start({"127.0.0.1", port}, EchoSite());
  ASSERT_FALSE(second.has_value());
  EXPECT_THAT(second.error().text, testing::HasSubstr(std::to_string(port)));
}

TEST(MetricsText, Samples) {
  MetricsText metrics;
  metrics.Family("up_seconds", "gauge", "How long.");
  metrics.Seconds("up_seconds", Label("path", "a\"b\\c"), 61'005);
  EXPECT_EQ(metrics.Take(),
            "# HELP up_seconds How long.\n# TYPE up_seconds gauge\n"
            "up_seconds{path=\"a\\\"b\\\\c\"} 61.005\n");
}

}  // namespace
}  // namespace mr::http
