#include "worker/agent/agent.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <utility>

#include "common/base/logging.h"
#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/net/client.h"
#include "common/wire/codec.h"
#include "worker/agent/agent_keys.h"
#include "worker/shuffle/run_files.h"

namespace mr::worker {
namespace {

constexpr Duration kUnsentPause = std::chrono::milliseconds(1);
constexpr Duration kRendezvousPause = std::chrono::seconds(1);
constexpr Duration kStackPoll = std::chrono::milliseconds(5);
// Several times what an answer may take, and what libzmq needs to notice a dead peer.
constexpr Duration kRenewAfter = std::chrono::seconds(10);

std::vector<ScratchPaths> PathsOf(const std::vector<ScratchDisks::Disk>& disks) {
  std::vector<ScratchPaths> paths;
  for (const ScratchDisks::Disk& disk : disks) paths.emplace_back(disk.root);
  return paths;
}

}  // namespace

Agent::Agent(AgentSettings settings, net::NetContext& context, Env& env, const Clock& clock,
             Spawner& spawner, int signal_fd, std::unique_ptr<Chores> chores)
    : settings_(std::move(settings)),
      context_(context),
      env_(env),
      clock_(clock),
      spawner_(spawner),
      signal_fd_(signal_fd),
      core_(settings_.core, clock.Read()),
      disks_(settings_.scratch),
      scratch_(PathsOf(settings_.scratch)),
      plugins_(env, scratch_.front().plugins),
      client_(RandomSeed()),
      blob_client_(RandomSeed()),
      finder_(settings_.endpoints, [random = Random(RandomSeed())](uint64_t bound) mutable { return random.Below(bound); }),
      started_unix_ms_(clock.Read().unix_ms),
      chores_(std::move(chores)) {
  poller_.AddFd(spawner_.descriptor(), kKeySpawner);
  poller_.AddFd(signal_fd_, kKeySignal);
  poller_.AddFd(chores_->descriptor(), kKeyChores);
}

int Agent::Run() {
  if (const Status connected = Connect(finder_.current()); !connected) {
    LOG(ERROR) << connected.error().text;
    return 6;
  }
  AddSpares();
  Feed(Ticked{});
  while (!exit_code_) {
    auto ready = poller_.Wait(TimeToSleep(clock_.Read().mono));
    if (!ready) {
      LOG(ERROR) << "stopping: " << ready.error().text;
      return kExitBug;
    }
    for (const int key : *ready) OnKey(key);
    const Time now = clock_.Read().mono;
    for (auto& [id, task] : tasks_) {
      if (task.process && task.process->link().has_pending()) {
        [[maybe_unused]] const Status sent =
            task.process->link().Flush();  // its death is news of the spawner
      }
      if (!task.slot && task.process && now >= task.kill_at) task.process->SignalGroup(SIGKILL);
    }
    ReadStacks(now);
    SendBlobRequest();
    FollowRendezvous(now);
    Observe(now);
    Feed(Ticked{});
  }
  return *exit_code_;
}

Duration Agent::TimeToSleep(Time now) const {
  Time due = core_.NextDeadline();
  if (const auto fetch = fetcher_.deadline()) due = std::min(due, *fetch);
  for (const auto& [id, task] : tasks_) {
    if (task.process && task.process->link().has_pending()) due = std::min(due, now + kUnsentPause);
  }
  if (!stacks_asked_.empty()) due = std::min(due, now + kStackPoll);
  return std::max(due - now, Duration{0});
}

void Agent::Feed(AgentEvent event) {
  events_.push_back(std::move(event));
  if (pumping_) return;  // an action made this event: it waits for its turn
  pumping_ = true;
  while (!events_.empty()) {
    const AgentEvent next = std::move(events_.front());
    events_.pop_front();
    for (AgentAction& action : core_.Step(clock_.Read(), next)) {
      VLOG(1) << Describe(action);
      std::visit([this](auto& what) { Perform(std::move(what)); }, action);
    }
  }
  pumping_ = false;
}

// ---- the coordinator
// ------------------------------------------------------------------------------------------

Status Agent::Connect(const std::string& endpoint) {
  connected_at_ = clock_.Read().mono;  // also if it fails: the next try is as far away
  reached_ = false;
  for (const Channel channel : {Channel::kReport, Channel::kWork}) {
    auto& slot = channels_[static_cast<size_t>(channel)];
    const int key = channel == Channel::kReport ? kKeyReport : kKeyWork;
    if (slot) poller_.Remove(key);
    MR_ASSIGN_OR_RETURN(slot, net::RequestChannel::Connect(context_, endpoint));
    poller_.Add(*slot, key);
  }
  if (blob_channel_) poller_.Remove(kKeyBlob);
  MR_ASSIGN_OR_RETURN(blob_channel_, net::RequestChannel::Connect(context_, endpoint));
  poller_.Add(*blob_channel_, kKeyBlob);
  endpoint_ = endpoint;
  return {};
}

// A coordinator that was started anew may listen elsewhere; its rendezvous file says where.
void Agent::FollowRendezvous(Time now) {
  constexpr std::string_view kPrefix = "file:";
  if (!settings_.coordinator.starts_with(kPrefix) || now < next_rendezvous_) return;
  if (now - core_.last_contact() < 2 * core_.heartbeat() + kRendezvousPause) return;
  next_rendezvous_ = now + kRendezvousPause;
  const auto rendezvous = net::ReadRendezvous(settings_.coordinator.substr(kPrefix.size()));
  if (!rendezvous) return;
  const std::string endpoint = net::KeyedControl(*rendezvous);
  if (rendezvous->control.empty() || endpoint == endpoint_) return;
  LOG(INFO) << "the coordinator has moved from " << channels_[0]->endpoint() << " to "
            << rendezvous->control;
  if (const Status connected = Connect(endpoint); !connected)
    LOG(WARNING) << connected.error().text;
}

wire::Request Agent::Envelope(uint64_t request_id, uint64_t epoch, wire::RequestBody body) const {
  wire::Request request;
  request.cluster = settings_.cluster;
  request.client = client_;
  request.request_id = request_id;
  request.epoch = epoch;
  request.body = std::move(body);
  return request;
}

void Agent::Perform(SendRequest action) {
  const Channel channel = action.channel;
  uint64_t& newest = sent_request_[static_cast<size_t>(channel)];
  if (several() && newest == action.request_id) return TakeSilence();  // it is said again for want of an answer
  RenewConnections(channel);
  const wire::Request request = Envelope(action.request_id, action.epoch, std::move(action.body));
  const Status sent = channels_[static_cast<size_t>(channel)]->Send(wire::Encode(request));
  if (!sent) return TakeRefusal(channel);
  newest = action.request_id;
  reached_ = true;
}

// libzmq makes lost connections again by itself, but after a network was cut off one of several sockets has been seen to
// stay without one for good.
void Agent::RenewConnections(Channel channel) {
  if (several()) return;  // silence has made a new connection already
  const Time now = clock_.Read().mono;
  std::optional<Time>& since = unanswered_since_[static_cast<size_t>(channel)];
  if (!since) since = now;
  if (now - *since < kRenewAfter) return;
  if (const Status connected = Connect(endpoint_); !connected) LOG(WARNING) << connected.error().text;
  for (std::optional<Time>& other : unanswered_since_) other = now;
}

void Agent::OnReply(Channel channel) {
  TakeReplies(channel);
  // Whoever had the request is gone, or its host is: nobody will answer.
  if (channels_[static_cast<size_t>(channel)]->TakeLost()) TakeRefusal(channel);
}

void Agent::TakeReplies(Channel channel) {
  while (const auto bytes = channels_[static_cast<size_t>(channel)]->Receive()) {
    unanswered_since_[static_cast<size_t>(channel)].reset();
    auto response = wire::Decode<wire::Response>(*bytes);
    if (!response) {
      LOG(WARNING) << "unreadable answer of the coordinator: " << response.error().text;
      continue;
    }
    if (const auto* other = std::get_if<wire::NotLeaderResponse>(&response->body)) return TakeNotLeader(*other);
    if (several() && !finder_.OnAnswer(response->epoch)) continue;  // it led once, and does not know better
    Feed(Replied{channel, response->request_id, response->epoch, std::move(response->body)});
  }
}

// To look at a plugin means to read and hash all of it.
void Agent::Perform(FetchPlugin action) {
  chores_->Add([this, sha256 = std::move(action.sha256)]() -> Chores::Sequel {
    const bool here = plugins_.Has(sha256);
    return [this, here, sha256] {
      if (here) return Feed(PluginArrived{sha256});
      fetcher_.Add(sha256);
      SendBlobRequest();
    };
  });
}

void Agent::SendBlobRequest() {
  const Time now = clock_.Read().mono;
  auto body = fetcher_.Next(now);
  if (!body) return;
  wire::Request request = Envelope(++blob_request_id_, 0, std::move(*body));
  request.client = blob_client_;
  if (!blob_channel_->Send(wire::Encode(request))) fetcher_.OnRefused(now);
}

void Agent::StorePlugin(PluginFetcher::Finished plugin) {
  const auto shared = std::make_shared<const PluginFetcher::Finished>(std::move(plugin));
  chores_->Add([this, shared]() -> Chores::Sequel {
    const Status stored = shared->bytes ? plugins_.Store(shared->sha256, *shared->bytes)
                                        : Status(tl::unexpected(shared->bytes.error()));
    return [this, stored, sha256 = shared->sha256] {
      if (stored)
        Feed(PluginArrived{sha256});
      else
        Feed(PluginUnavailable{sha256, stored.error()});
    };
  });
}

void Agent::OnBlob() {
  while (const auto bytes = blob_channel_->Receive()) {
    const auto response = wire::Decode<wire::Response>(*bytes);
    if (!response || response->request_id != blob_request_id_) continue;
    auto finished = fetcher_.OnResponse(clock_.Read().mono, response->body);
    if (finished) StorePlugin(std::move(*finished));
    SendBlobRequest();
  }
}

// ---- what there is to do on this host
// ----------------------------------------------------------------------------

// Attempts are never named alike, so nobody waits for these paths to be free.
void Agent::RemoveLater(std::vector<std::string> paths) {
  for (std::string& path : paths) {
    chores_->AddUnhurried([this, path = std::move(path)]() -> Chores::Sequel {
      const Status removed = env_.RemoveTree(path);
      if (removed) return {};
      return [text = removed.error().text] { LOG(WARNING) << text; };
    });
  }
}

void Agent::Perform(DropAttempt action) {
  const std::string name = AttemptFileName(action.attempt);
  for (const ScratchPaths& scratch : scratch_)
    RemoveLater({RunFilePath(scratch.map_outputs, action.attempt), JoinPath(scratch.attempts, name)});
}

void Agent::Perform(DropJob action) {
  chores_->AddUnhurried([this, prefix = ToString(action.job) + "-"]() -> Chores::Sequel {
    std::vector<std::string> paths;
    for (const ScratchPaths& scratch : scratch_) {
      for (const std::string& directory : {scratch.map_outputs, scratch.attempts}) {
        for (const std::string& name : env_.ListDirectory(directory).value_or(std::vector<std::string>())) {
          if (name.starts_with(prefix)) paths.push_back(JoinPath(directory, name));
        }
      }
    }
    return [this, paths = std::move(paths)] { RemoveLater(paths); };
  });
}

void Agent::Perform(ListScratch) {
  chores_->AddUnhurried([this]() -> Chores::Sequel {
    const auto list = [this](const std::string& directory, std::vector<std::string>& names) {
      for (std::string& name : env_.ListDirectory(directory).value_or(std::vector<std::string>()))
        names.push_back(std::move(name));
    };
    ScratchListed listed;
    for (const ScratchPaths& scratch : scratch_) {
      list(scratch.map_outputs, listed.map_outputs);
      list(scratch.attempts, listed.attempts);
    }
    list(scratch_.front().plugins, listed.plugins);
    return [this, listed = std::move(listed)] { Feed(listed); };
  });
}

void Agent::Perform(RemoveLeftovers action) {
  const auto paths = [](const std::string& directory, const std::vector<std::string>& names) {
    std::vector<std::string> joined;
    for (const std::string& name : names) joined.push_back(JoinPath(directory, name));
    return joined;
  };
  // A name lies in one of the directories; removing it from the others changes nothing.
  for (const ScratchPaths& scratch : scratch_) {
    RemoveLater(paths(scratch.map_outputs, action.names.map_outputs));
    RemoveLater(paths(scratch.attempts, action.names.attempts));
  }
  // Before any later look into the cache: what is found there shall stay.
  chores_->Add([this, plugins = paths(scratch_.front().plugins, action.names.plugins)]() -> Chores::Sequel {
    for (const std::string& path : plugins) [[maybe_unused]] const Status removed = env_.RemoveTree(path);
    return {};
  });
}

void Agent::Perform(Note action) {
  if (action.warning)
    LOG(WARNING) << action.text;
  else
    LOG(INFO) << action.text;
}

void Agent::Perform(Exit action) {
  if (action.code == 0)
    LOG(INFO) << "leaving: " << action.reason;
  else
    LOG(ERROR) << action.reason;
  exit_code_ = action.code;
}

void Agent::ObserveScratch() {
  for (size_t i = 0; i < scratch_.size(); ++i) {
    const auto space = env_.Space(scratch_[i].root);
    if (!disks_.Observe(i, space ? std::optional(space->free_bytes) : std::nullopt)) continue;
    const ScratchDisks::Disk& disk = disks_.disks()[i];
    if (disk.usable) {
      LOG(INFO) << "scratch directory " << disk.root << " is used again: " << FormatSize(disk.free_bytes) << " are free";
    } else {
      LOG(WARNING) << "scratch directory " << disk.root << " is left out: "
                   << (space ? StrCat(FormatSize(disk.free_bytes), " are free, and ", FormatSize(disk.reserve_bytes),
                                      " are kept in reserve (--scratch-reserve)")
                             : space.error().text);
    }
  }
  Feed(ScratchObserved{disks_.room_bytes()});
}

void Agent::Observe(Time now) {
  if (now < next_observation_) return;
  next_observation_ = now + core_.heartbeat();
  ObserveScratch();
  for (auto& [id, task] : tasks_) {
    if (!task.slot || !task.process || !task.assignment) continue;
    const BlackBox& box = task.process->black_box();
    TaskObserved seen;
    seen.slot = *task.slot;
    seen.memory_bytes = task.process->MemoryBytes();
    seen.progress.log_bytes = task.process->log().TakeNew();
    if (box.magic == BlackBox::kMagic) {
      seen.beat = box.beat.load(std::memory_order_relaxed);
      seen.progress.bytes_done = box.bytes_done.load(std::memory_order_relaxed);
      seen.progress.bytes_total = box.bytes_total.load(std::memory_order_relaxed);
      seen.progress.records_done = box.records_done.load(std::memory_order_relaxed);
      seen.progress.shuffle_bytes_done = box.shuffle_bytes_done.load(std::memory_order_relaxed);
      seen.progress.status.assign(box.status, ::strnlen(box.status, sizeof box.status));
    }
    Feed(std::move(seen));
  }
  PublishStatus();
}

void Agent::OnSignal() {
  signalfd_siginfo info;
  while (::read(signal_fd_, &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGHUP) {
      ReopenLog();
      if (settings_.reload) {
        if (const auto changed = settings_.reload()) Feed(*changed);
      }
    } else if (info.ssi_signo == SIGUSR1) {
      LogState();
      AskForStacks();
    } else {
      Feed(StopRequested{});
    }
  }
}

void Agent::OnKey(int key) {
  switch (key) {
    case kKeyReport:
      return OnReply(Channel::kReport);
    case kKeyWork:
      return OnReply(Channel::kWork);
    case kKeyBlob:
      return OnBlob();
    case kKeySpawner:
      return OnSpawnerNews();
    case kKeySignal:
      return OnSignal();
    case kKeyChores:
      return chores_->RunSequels();
    default:
      break;
  }
  const uint64_t id = TaskIdOf(key);
  if (!tasks_.contains(id)) return;  // it has gone in this very round
  if (key == LinkKey(id))
    ReadLink(id);
  else
    ReadLog(id);
}

}  // namespace mr::worker
