// The one room of msgpack.
#include "common/wire/codec.h"

#include <limits>
#include <msgpack.hpp>
#include <type_traits>
#include <vector>

#include "common/base/mutants.h"
#include "common/base/strings.h"

namespace mr::wire {
namespace {

// Messages are written where they are wanted: no buffer between.
struct Appender {
  std::string& out;
  void write(const char* bytes, size_t size) { out.append(bytes, size); }
};
using Packer = msgpack::packer<Appender>;

// Every struct starts with this; a changed layout gets a new number (and a decoder for the old one, where
// bytes of the old one can still be around).
constexpr uint8_t kStructVersion = 1;
constexpr size_t kMaxElements = 1u << 20;  // of one array or map
constexpr size_t kMaxDepth = 16;           // the deepest message of ours has 9

// ---- kinds of fields ---------------------------------------------------------------------------------------

template <class T>
constexpr bool kIsStrongId = false;
template <class Tag>
constexpr bool kIsStrongId<StrongId<Tag>> = true;
template <class T>
constexpr bool kIsOptional = false;
template <class T>
constexpr bool kIsOptional<std::optional<T>> = true;
template <class T>
constexpr bool kIsVector = false;
template <class T>
constexpr bool kIsVector<std::vector<T>> = true;
template <class T>
constexpr bool kIsMap = false;
template <class K, class V>
constexpr bool kIsMap<std::map<K, V>> = true;
template <class T>
constexpr bool kIsVariant = false;
template <class... Ts>
constexpr bool kIsVariant<std::variant<Ts...>> = true;

// Enumerators that may come in; anything else is refused.
template <class E>
constexpr bool IsEnumerator(E value) {
  const auto number = static_cast<unsigned>(value);
  if constexpr (std::is_same_v<E, FailureCause>) return number <= 10 || (number >= 20 && number <= 26);
  if constexpr (std::is_same_v<E, InputFormat>) return number <= 3;
  if constexpr (std::is_same_v<E, OnFailure>) return number <= 1;
  if constexpr (std::is_same_v<E, Compression>) return number <= 4;
  if constexpr (std::is_same_v<E, Priority>) return number <= 2;
  if constexpr (std::is_same_v<E, OutputFormat>) return number <= 2;
  if constexpr (std::is_same_v<E, Workdir>) return number <= 2;
  if constexpr (std::is_same_v<E, JobState>) return number <= 6;
  if constexpr (std::is_same_v<E, TaskState>) return number <= 5;
  if constexpr (std::is_same_v<E, AttemptState>) return number <= 4;
  if constexpr (std::is_same_v<E, Phase>) return number <= 2;
  if constexpr (std::is_same_v<E, WorkVerdict>) return number <= 2;
  if constexpr (std::is_same_v<E, ErrorCode>) return number <= 13;
}

// The ids of common/base know nothing of messages: their fields are listed here.
auto Parts(const TaskId& id) { return std::tie(id.job, id.phase, id.index); }
auto Parts(TaskId& id) { return std::tie(id.job, id.phase, id.index); }
auto Parts(const AttemptId& id) { return std::tie(id.task, id.number, id.epoch); }
auto Parts(AttemptId& id) { return std::tie(id.task, id.number, id.epoch); }
auto Parts(const WorkerRef& ref) { return std::tie(ref.worker, ref.session); }
auto Parts(WorkerRef& ref) { return std::tie(ref.worker, ref.session); }
static_assert(CountMembers<TaskId>() == 3 && CountMembers<AttemptId>() == 3 && CountMembers<WorkerRef>() == 2);

template <class T>
concept IdStruct = requires(const T& id) { Parts(id); };

// ---- encoding ----------------------------------------------------------------------------------------------

template <class T>
void Put(Packer& out, const T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    value ? out.pack_true() : out.pack_false();
  } else if constexpr (std::is_enum_v<T>) {
    out.pack_uint64(static_cast<uint64_t>(value));
  } else if constexpr (std::is_unsigned_v<T>) {
    out.pack_uint64(value);
  } else if constexpr (std::is_signed_v<T>) {
    out.pack_int64(value);
  } else if constexpr (std::is_same_v<T, std::string>) {
    out.pack_str(static_cast<uint32_t>(value.size()));
    out.pack_str_body(value.data(), static_cast<uint32_t>(value.size()));
  } else if constexpr (kIsStrongId<T>) {
    out.pack_uint64(value.value);
  } else if constexpr (kIsOptional<T>) {
    value ? Put(out, *value) : static_cast<void>(out.pack_nil());
  } else if constexpr (kIsVector<T>) {
    out.pack_array(static_cast<uint32_t>(value.size()));
    for (const auto& element : value) Put(out, element);
  } else if constexpr (kIsMap<T>) {
    out.pack_map(static_cast<uint32_t>(value.size()));
    for (const auto& [key, mapped] : value) {
      Put(out, key);
      Put(out, mapped);
    }
  } else if constexpr (kIsVariant<T>) {
    out.pack_array(2);
    std::visit([&](const auto& member) {
      out.pack_uint8(std::decay_t<decltype(member)>::kTag);
      Put(out, member);
    }, value);
  } else if constexpr (IdStruct<T>) {
    std::apply([&](const auto&... part) {
      out.pack_array(sizeof...(part));
      (Put(out, part), ...);
    }, Parts(value));
  } else {
    static_assert(Struct<T>);
    out.pack_array(1 + FieldCount<T>());
    out.pack_uint8(kStructVersion);
    MrVisit(value, [&](const auto&... field) { (Put(out, field), ...); });
  }
}

// ---- decoding ----------------------------------------------------------------------------------------------

std::string_view KindName(const msgpack::object& object) {
  switch (object.type) {
    case msgpack::type::NIL: return "nothing";
    case msgpack::type::BOOLEAN: return "a boolean";
    case msgpack::type::POSITIVE_INTEGER:
    case msgpack::type::NEGATIVE_INTEGER: return "an integer";
    case msgpack::type::STR: return "text";
    case msgpack::type::ARRAY: return "an array";
    case msgpack::type::MAP: return "a map";
    default: return "another type";
  }
}

// Walks a message; `where_` names the place for error texts: "Request.body.spec".
class Decoder {
 public:
  template <class T>
  bool Get(const msgpack::object& in, T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      if (in.type != msgpack::type::BOOLEAN) return Expected("a boolean", in);
      value = in.via.boolean;
      return true;
    } else if constexpr (std::is_enum_v<T>) {
      std::underlying_type_t<T> number = 0;
      if (!Get(in, number)) return false;
      value = static_cast<T>(number);
      return IsEnumerator(value) || Refuse(ErrorCode::kUnsupported, StrCat("unknown value ", number));
    } else if constexpr (std::is_integral_v<T>) {
      return GetInteger(in, value);
    } else if constexpr (std::is_same_v<T, std::string>) {
      if (in.type != msgpack::type::STR) return Expected("text", in);
      value.assign(in.via.str.ptr, in.via.str.size);
      return true;
    } else if constexpr (kIsStrongId<T>) {
      return GetInteger(in, value.value);
    } else if constexpr (kIsOptional<T>) {
      if (in.type == msgpack::type::NIL) return true;
      return Get(in, value.emplace());
    } else if constexpr (kIsVector<T>) {
      if (in.type != msgpack::type::ARRAY) return Expected("an array", in);
      value.reserve(in.via.array.size);
      for (uint32_t i = 0; i < in.via.array.size; ++i) {
        if (!Get(in.via.array.ptr[i], value.emplace_back())) return false;
      }
      return true;
    } else if constexpr (kIsMap<T>) {
      return GetMap(in, value);
    } else if constexpr (kIsVariant<T>) {
      return GetVariant(in, value);
    } else if constexpr (IdStruct<T>) {
      auto parts = Parts(value);
      return GetTuple(in, "id", parts, 0);
    } else {
      auto fields = MrVisit(value, [](auto&... field) { return std::tie(field...); });
      static_assert(FieldCount<T>() == std::tuple_size_v<decltype(fields)>);
      return GetTuple(in, MrName(value), fields, 1);
    }
  }

  Error TakeError() { return std::move(error_); }

 private:
  bool Refuse(ErrorCode code, std::string text) {
    error_ = Error{code, StrCat("malformed message: ", Join(where_, "."), ": ", text)};
    return false;
  }
  bool Expected(std::string_view what, const msgpack::object& in) {
    return Refuse(ErrorCode::kInvalidArgument, StrCat("expected ", what, ", got ", KindName(in)));
  }

  template <class T>
  bool GetInteger(const msgpack::object& in, T& value) {
    if (in.type == msgpack::type::POSITIVE_INTEGER && in.via.u64 <= uint64_t{std::numeric_limits<T>::max()}) {
      value = static_cast<T>(in.via.u64);
      return true;
    }
    if constexpr (std::is_signed_v<T>) {
      if (in.type == msgpack::type::NEGATIVE_INTEGER && in.via.i64 >= std::numeric_limits<T>::min()) {
        value = static_cast<T>(in.via.i64);
        return true;
      }
    }
    if (in.type == msgpack::type::POSITIVE_INTEGER || in.type == msgpack::type::NEGATIVE_INTEGER) {
      return Refuse(ErrorCode::kInvalidArgument, "number out of range");
    }
    return Expected("an integer", in);
  }

  template <class K, class V>
  bool GetMap(const msgpack::object& in, std::map<K, V>& value) {
    if (in.type != msgpack::type::MAP) return Expected("a map", in);
    for (uint32_t i = 0; i < in.via.map.size; ++i) {
      K key{};
      V mapped{};
      if (!Get(in.via.map.ptr[i].key, key) || !Get(in.via.map.ptr[i].val, mapped)) return false;
      if (!value.emplace(std::move(key), std::move(mapped)).second) {
        return Refuse(ErrorCode::kInvalidArgument, "the same key twice");
      }
    }
    return true;
  }

  template <class... Ts>
  bool GetVariant(const msgpack::object& in, std::variant<Ts...>& value) {
    if (in.type != msgpack::type::ARRAY || in.via.array.size != 2) return Expected("[tag, value]", in);
    uint8_t tag = 0;
    if (!GetInteger(in.via.array.ptr[0], tag)) return false;
    bool known = false;
    bool good = false;
    ((Ts::kTag == tag ? (known = true, good = GetAlternative<Ts>(in.via.array.ptr[1], value)) : false), ...);
    if (!known) return Refuse(ErrorCode::kUnsupported, StrCat("unknown kind ", tag, "; is one side newer?"));
    return good;
  }

  template <class T, class Variant>
  bool GetAlternative(const msgpack::object& in, Variant& value) {
    T& fresh = value.template emplace<T>();
    if (Mutated(Mutant::kL15DecodesIntoAUsedObject)) fresh = LeftOver<T>();
    const bool good = Get(in, fresh);
    if (Mutated(Mutant::kL15DecodesIntoAUsedObject)) LeftOver<T>() = fresh;
    return good;
  }
  template <class T>
  static T& LeftOver() {
    static T last;
    return last;
  }

  // An array of `lead` version bytes (0 or 1) and exactly the elements of `out`.
  template <class Tuple>
  bool GetTuple(const msgpack::object& in, std::string_view name, Tuple& out, uint32_t lead) {
    constexpr uint32_t count = std::tuple_size_v<Tuple>;
    where_.emplace_back(name);
    if (in.type != msgpack::type::ARRAY) return Expected("an array", in);
    const msgpack::object_array& array = in.via.array;
    if (lead == 1) {
      uint64_t version = 0;
      if (array.size == 0) return Refuse(ErrorCode::kInvalidArgument, "empty");
      if (!GetInteger(array.ptr[0], version)) return false;
      if (version != kStructVersion) {
        return Refuse(ErrorCode::kUnsupported, StrCat("version ", version, ", this program speaks version ",
                                                      kStructVersion));
      }
    }
    if (array.size != lead + count) {
      return Refuse(ErrorCode::kInvalidArgument, StrCat(array.size - lead, " fields instead of ", count));
    }
    const bool good = GetElements(array, lead, out, std::make_index_sequence<count>{});
    if (good) where_.pop_back();
    return good;
  }

  template <class Tuple, size_t... I>
  bool GetElements(const msgpack::object_array& array, uint32_t lead, Tuple& out, std::index_sequence<I...>) {
    return (GetElement(array.ptr[lead + I], std::get<I>(out), I) && ...);
  }
  template <class T>
  bool GetElement(const msgpack::object& in, T& out, size_t index) {
    where_.push_back(StrCat("field ", index));
    if (!Get(in, out)) return false;
    where_.pop_back();
    return true;
  }

  std::vector<std::string> where_;
  Error error_;
};

// ---- describing --------------------------------------------------------------------------------------------

template <class T>
void Say(std::string& out, const T& value) {
  if constexpr (std::is_enum_v<T>) {
    out += StrCat(static_cast<uint64_t>(value));
  } else if constexpr (std::is_arithmetic_v<T>) {
    out += StrCat(value);
  } else if constexpr (std::is_same_v<T, std::string>) {
    out += StrCat("\"", Printable(value, 80), "\"");
  } else if constexpr (kIsStrongId<T>) {
    out += StrCat(value.value);
  } else if constexpr (kIsOptional<T>) {
    value ? Say(out, *value) : static_cast<void>(out += "none");
  } else if constexpr (kIsVector<T>) {
    out += "[";
    for (size_t i = 0; i < value.size() && i < 10; ++i) {
      if (i > 0) out += " ";
      Say(out, value[i]);
    }
    out += value.size() > 10 ? StrCat(" … ", value.size(), " in all]") : "]";
  } else if constexpr (kIsMap<T>) {
    out += "{";
    for (const auto& [key, mapped] : value) {
      if (out.back() != '{') out += " ";
      Say(out, key);
      out += "=";
      Say(out, mapped);
    }
    out += "}";
  } else if constexpr (kIsVariant<T>) {
    std::visit([&](const auto& member) { Say(out, member); }, value);
  } else if constexpr (IdStruct<T>) {
    out += ToString(value);
  } else {
    out += StrCat(MrName(value), "{");
    const std::vector<std::string_view> names = mr::Split(MrFieldNames(value), ',');
    size_t index = 0;
    MrVisit(value, [&](const auto&... field) {
      ((out += StrCat(index == 0 ? "" : " ", Trim(names[index]), "="), Say(out, field), ++index), ...);
    });
    out += "}";
  }
}

}  // namespace

template <class M>
void EncodeTo(const M& message, std::string& out) {
  Appender appender{out};
  Packer packer(appender);
  Put(packer, message);
}

template <class M>
std::string Encode(const M& message) {
  std::string out;
  EncodeTo(message, out);
  return out;
}

template <class M>
Result<M> Decode(std::string_view bytes) {
  if (bytes.size() > kMaxMessageBytes) {
    return Fail(ErrorCode::kInvalidArgument, StrCat("malformed message: ", bytes.size(), " bytes; the limit is ",
                                                    kMaxMessageBytes));
  }
  // An array cannot have more elements than the message has bytes: that bounds what is allocated for a lie.
  const size_t elements = std::min(kMaxElements, bytes.size());
  const msgpack::unpack_limit limit(elements, elements, kMaxMessageBytes, kMaxMessageBytes, 0, kMaxDepth);
  try {
    size_t offset = 0;
    const msgpack::object_handle handle = msgpack::unpack(
        bytes.data(), bytes.size(), offset,
        [](msgpack::type::object_type, size_t, void*) { return true; }, nullptr, limit);
    if (offset != bytes.size()) {
      return Fail(ErrorCode::kInvalidArgument, StrCat("malformed message: ", bytes.size() - offset,
                                                      " bytes behind its end"));
    }
    Decoder decoder;
    M message;
    if (!decoder.Get(handle.get(), message)) return Fail(decoder.TakeError());
    return message;
  } catch (const std::exception& error) {  // msgpack's own, and bad_alloc
    return Fail(ErrorCode::kInvalidArgument, StrCat("malformed message: ", std::string_view(error.what())));
  }
}

template <class M>
std::string Describe(const M& message) {
  std::string out;
  Say(out, message);
  return out;
}

#define MR_WIRE_MESSAGE(Type)                              \
  template void EncodeTo<Type>(const Type&, std::string&); \
  template std::string Encode<Type>(const Type&);          \
  template Result<Type> Decode<Type>(std::string_view);    \
  template std::string Describe<Type>(const Type&)
MR_WIRE_MESSAGE(Request);
MR_WIRE_MESSAGE(Response);
MR_WIRE_MESSAGE(ToTaskMessage);
MR_WIRE_MESSAGE(FromTaskMessage);
MR_WIRE_MESSAGE(Record);
#undef MR_WIRE_MESSAGE

}  // namespace mr::wire
