#include "test/sim/linearizability.h"

#include <algorithm>
#include <map>
#include <sstream>
#include <tuple>
#include <unordered_set>

namespace mr::test {
namespace {

// What one key holds.
struct State {
  uint64_t value = 0;    // 0: nothing
  bool unnamed = false;  // a submission without an answer chose it: the next answer says which
  bool killed = false;
};

// The state after the operation, or nothing: it could not have given that result then.
std::optional<State> Apply(State state, const Operation& op) {
  const auto answers = [&op](uint64_t result) { return !op.result || *op.result == result; };
  // A job that was submitted without an answer is named by the first who sees it.
  const auto named = [&](uint64_t result) {
    if (state.unnamed) {
      if (result == 0) return false;  // there is one, whatever its name
      state.value = result;
      state.unnamed = false;
    }
    return answers(state.value | (state.killed && op.kind == OpKind::kStatus ? kKilledBit : 0));
  };
  switch (op.kind) {
    case OpKind::kSubmit:
      if (state.value == 0 && !state.unnamed) {
        state.unnamed = !op.result.has_value();
        state.value = op.result.value_or(0);
        if (op.result && *op.result == 0) return std::nullopt;
        return state;
      }
      if (op.result && !named(*op.result)) return std::nullopt;
      return state;
    case OpKind::kKill: {
      const bool exists = state.value != 0 || state.unnamed;
      if (!answers(exists ? 1 : 0)) return std::nullopt;
      state.killed = state.killed || exists;
      return state;
    }
    case OpKind::kCommit:
      if (state.value == 0) state.value = op.argument;
      if (!answers(state.value)) return std::nullopt;
      return state;
    case OpKind::kStatus:
      if (op.result && !named(*op.result & ~kKilledBit)) return std::nullopt;
      return state;
    case OpKind::kSwap:
      if (!answers(state.value)) return std::nullopt;
      state.value = op.argument;
      return state;
  }
  return std::nullopt;
}

// The calls and returns of one key's operations in the order of time, as a list from which the operations that have
// been placed are taken out.
class Search {
 public:
  Search(const std::vector<const Operation*>& operations, uint64_t steps_max)
      : operations_(operations), steps_left_(steps_max), placed_((operations.size() + 63) / 64) {
    struct Moment {
      uint64_t at;
      bool is_return;  // a call at the same instant comes first: the two overlapped
      size_t op;
    };
    std::vector<Moment> moments;
    for (size_t i = 0; i < operations.size(); ++i) {
      moments.push_back({operations[i]->called_at, false, i});
      if (operations[i]->returned_at == kNever) continue;
      moments.push_back({operations[i]->returned_at, true, i});
      ++known_left_;
    }
    std::sort(moments.begin(), moments.end(), [](const Moment& a, const Moment& b) {
      return std::tie(a.at, a.is_return, a.op) < std::tie(b.at, b.is_return, b.op);
    });
    nodes_.resize(moments.size() + 1);  // 0: the head
    std::vector<size_t> call_of(operations.size());
    for (size_t i = 0; i < moments.size(); ++i) {
      nodes_[i + 1] = {i, i + 2 <= moments.size() ? i + 2 : 0, moments[i].op, 0, moments[i].is_return};
      if (moments[i].is_return)
        nodes_[call_of[moments[i].op]].partner = i + 1;
      else
        call_of[moments[i].op] = i + 1;
    }
    nodes_[0].next = moments.empty() ? 0 : 1;
  }

  Verdict Run() {
    size_t at = nodes_[0].next;
    while (known_left_ > 0) {
      if (steps_left_-- == 0) return Verdict::kTooHard;
      if (at != 0 && !nodes_[at].is_return) {
        at = Place(at) ? nodes_[0].next : nodes_[at].next;
        continue;
      }
      // Somebody returned whose operation is not placed yet: what was placed last came too early.
      if (stack_.empty()) return Verdict::kNot;
      at = TakeBack();
    }
    return Verdict::kLinearizable;
  }

 private:
  struct Node {
    size_t previous = 0;
    size_t next = 0;  // 0: the end
    size_t op = 0;
    size_t partner = 0;  // of a call: its return, or 0
    bool is_return = false;
  };

  bool Place(size_t at) {
    const size_t op = nodes_[at].op;
    const std::optional<State> after = Apply(state_, *operations_[op]);
    if (!after) return false;
    placed_[op / 64] |= uint64_t{1} << (op % 64);
    if (!seen_.insert(Configuration(*after)).second) {
      placed_[op / 64] &= ~(uint64_t{1} << (op % 64));
      return false;
    }
    stack_.push_back({at, state_});
    state_ = *after;
    Unlink(at);
    if (nodes_[at].partner != 0) {
      Unlink(nodes_[at].partner);
      --known_left_;
    }
    return true;
  }

  size_t TakeBack() {
    const auto [at, before] = stack_.back();
    stack_.pop_back();
    state_ = before;
    const size_t op = nodes_[at].op;
    placed_[op / 64] &= ~(uint64_t{1} << (op % 64));
    if (nodes_[at].partner != 0) {
      Link(nodes_[at].partner);
      ++known_left_;
    }
    Link(at);
    return nodes_[at].next;
  }

  void Unlink(size_t at) {
    nodes_[nodes_[at].previous].next = nodes_[at].next;
    if (nodes_[at].next != 0) nodes_[nodes_[at].next].previous = nodes_[at].previous;
  }
  void Link(size_t at) {
    nodes_[nodes_[at].previous].next = at;
    if (nodes_[at].next != 0) nodes_[nodes_[at].next].previous = at;
  }

  std::string Configuration(const State& state) const {
    std::string bytes(reinterpret_cast<const char*>(placed_.data()), placed_.size() * 8);
    bytes.append(reinterpret_cast<const char*>(&state.value), 8);
    bytes.push_back(static_cast<char>(state.unnamed * 2 + state.killed));
    return bytes;
  }

  const std::vector<const Operation*>& operations_;
  uint64_t steps_left_;
  std::vector<uint64_t> placed_;
  std::vector<Node> nodes_;
  size_t known_left_ = 0;
  State state_;
  std::vector<std::pair<size_t, State>> stack_;
  std::unordered_set<std::string> seen_;
};

}  // namespace

std::string ToString(const Operation& op) {
  static const char* const kNames[] = {"submit", "kill", "commit", "status", "swap"};
  std::ostringstream text;
  text << op.called_at << ".." << (op.returned_at == kNever ? "?" : std::to_string(op.returned_at)) << " "
       << kNames[static_cast<int>(op.kind)] << " " << op.key << " " << op.argument << " = ";
  text << (op.result ? std::to_string(*op.result) : "?");
  return text.str();
}

Judgement Judge(const std::vector<Operation>& history, uint64_t steps_max) {
  std::map<std::string, std::vector<const Operation*>> by_key;
  std::map<uint64_t, std::string> request_of_job;
  for (const Operation& op : history) {
    by_key[op.key].push_back(&op);
    if (op.kind != OpKind::kSubmit || !op.result) continue;
    const auto [known, news] = request_of_job.try_emplace(*op.result, op.key);
    if (!news && known->second != op.key)
      return {Verdict::kNot, "requests " + known->second + " and " + op.key + " have the same job"};
  }
  Judgement judgement;
  for (const auto& [key, operations] : by_key) {
    const Verdict verdict = Search(operations, steps_max).Run();
    if (verdict == Verdict::kLinearizable) continue;
    judgement = {verdict, "the operations on " + key};
    for (const Operation* op : operations) judgement.reason += "\n  " + ToString(*op);
    if (verdict == Verdict::kNot) return judgement;
  }
  return judgement;
}

}  // namespace mr::test
