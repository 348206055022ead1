// The control plane's codec. The first byte chooses the message type; what decodes has to encode to
// something that decodes to the same.
#include <variant>

#include "common/base/logging.h"
#include "common/wire/codec.h"
#include "test/fuzz/fuzz.h"
#include "test/support/one_of_each.h"

namespace mr::fuzz {
namespace {

template <class M>
void Try(std::string_view bytes) {
  const auto message = wire::Decode<M>(bytes);
  if (!message) {
    CHECK(message.error().code == ErrorCode::kInvalidArgument ||
          message.error().code == ErrorCode::kUnsupported)
        << message.error().text;
    CHECK(!message.error().text.empty());
    return;
  }
  (void)wire::Describe(*message);
  const auto again = wire::Decode<M>(wire::Encode(*message));
  CHECK(again.has_value()) << again.error().text;
  CHECK(*again == *message);
}

template <class M>
void AddSeeds(char type, std::vector<std::string>& seeds) {
  for (const M& message : test::OneOfEach<M>()) seeds.push_back(type + wire::Encode(message));
}

}  // namespace

void OneInput(std::string_view bytes) {
  if (bytes.empty()) return;
  const std::string_view rest = bytes.substr(1);
  switch (static_cast<unsigned char>(bytes[0]) % 5) {
    case 0:
      return Try<wire::Request>(rest);
    case 1:
      return Try<wire::Response>(rest);
    case 2:
      return Try<wire::ToTaskMessage>(rest);
    case 3:
      return Try<wire::FromTaskMessage>(rest);
    default:
      return Try<wire::Record>(rest);
  }
}

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  AddSeeds<wire::Request>(0, seeds);
  AddSeeds<wire::Response>(1, seeds);
  AddSeeds<wire::ToTaskMessage>(2, seeds);
  AddSeeds<wire::FromTaskMessage>(3, seeds);
  AddSeeds<wire::Record>(4, seeds);
  return seeds;
}

}  // namespace mr::fuzz
