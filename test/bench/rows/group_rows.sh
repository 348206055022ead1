# shellcheck shell=bash disable=SC2154  # work, bin, … come from scripts/bench
# The row about a replicated coordinator: B9. Sourced by scripts/bench.

# start_group: three members and two workers; sets $members (pids by number) and $endpoint.
start_group() {
  local node _
  peers_list='' endpoint=''
  cluster=()
  for node in 1 2 3; do
    peers_list+="${peers_list:+,}$node=ipc://$work/peer-$node.sock"
    endpoint+="${endpoint:+,}file:$work/cluster-$node.json"
  done
  for node in 1 2 3; do
    "$bin/mrcoordinator" bootstrap --state-dir "$work/state-$node" --node "$node" --peers "$peers_list" >/dev/null
    start_member "$node"
  done
  for node in 1 2; do start_worker "w$node" --slots 1; done
}
start_member() {
  local node=$1 listen=tcp://127.0.0.1:0 file=$work/cluster-$1.json _
  if [[ -s $file ]]; then
    listen=$(sed -n 's/.*"control": *"\([^"]*\)".*/\1/p' "$file")
    rm "$file"
  fi
  spawn "member-$node" "$bin/mrcoordinator" --listen "$listen" --http off --state-dir "$work/state-$node" --node "$node" \
    --peers "$peers_list" --rendezvous "$file"
  members[node]=$spawned
  cluster+=("$spawned")
  for _ in {1..200}; do
    [[ ! -s $file ]] || return 0
    sleep 0.05
  done
  stop "B9: member $node does not start: $(tail -3 "$work/member-$node.log")" 1
}
# Sets $leader and $term.
find_leader() {
  local status _
  for _ in {1..200}; do
    status=$("$bin/mrsubmit" --no-config status --json -c "$endpoint" --connect-timeout 1s 2>/dev/null </dev/null) || continue
    leader=$(grep -oE '"node": ?[0-9]+, ?"endpoint": ?"[^"]*", ?"leads": ?true' <<<"$status" | grep -oE '[0-9]+' | head -1)
    term=$(sed -nE 's/.*"term": ?([0-9]+).*/\1/p' <<<"$status" | head -1)
    [[ -z $leader ]] || return 0
  done
  stop "B9: nobody leads" 1
}
# The name of something of an attempt that a leader of a later term than $1 has handed out.
assigned_after() {
  local name
  for name in "$work"/scratch-w*/tmp/*@* "$work"/scratch-w*/map/*@*; do
    name=${name##*@}
    name=${name%%.*}
    [[ $name =~ ^[0-9]+$ ]] && ((name > $1)) && return 0
  done
  return 1
}

row_B9() {
  local count seconds=5 times=$((runs * 4)) rounds=$runs round begun deadline killed job figures name
  local -a members
  [[ $size != quick ]] || seconds=2 times=4 rounds=1
  for count in 1 3 5; do
    for ((round = 1; round <= rounds; ++round)); do
      rm -rf "$work/replicas" && mkdir "$work/replicas"
      figures=$("$peers/replica_bench" "$count" "$seconds" "$work/replicas" 2>"$work/replica_bench.log") ||
        stop "B9: replica_bench failed: $(tail -3 "$work/replica_bench.log")" 1
      sample B9 "rate$count" "$(awk '{ print $1 }' <<<"$figures")"
      sample B9 "lone$count" "$(awk '{ printf "%.6f", $3 / 1000 }' <<<"$figures")"
    done
  done
  # Enough to do for one round: about ten seconds.
  for ((round = 0; round < 40; ++round)); do cat "$root"/data/kjv/*.txt; done >"$work/group-input"
  start_group
  for ((round = 1; round <= times; ++round)); do
    say "B9: fail-over $round of $times"
    # Tasks of a tenth of a second each: there is always one to hand out.
    job=$("$bin/mrsubmit" run --no-config -q -c "$endpoint" --detach grep "$work/group-input" \
      -P 'pattern=(a|b|c)*(d|e)*zzqx$' --split-size 1Mi -o "$work/group-out-$round" </dev/null)
    find_leader
    until assigned_after $((term - 1)); do sleep 0.01; done
    killed=$leader
    begun=${EPOCHREALTIME/./}
    deadline=$((begun + 60000000))
    kill -KILL -- "-${members[killed]}"
    until assigned_after "$term"; do
      ((${EPOCHREALTIME/./} < deadline)) || stop "B9: no task was handed out again" 1
      sleep 0.002
    done
    sample B9 failover "$(seconds_since "$begun")"
    start_member "$killed"
    "$bin/mrsubmit" kill --no-config -q -c "$endpoint" "$job" >/dev/null 2>&1 </dev/null || true
  done
  stop_cluster
  for count in 1 3 5; do
    report_value B9 "proposals of 200 bytes, members: $count" entries/s "rate$count" ''
    report_value B9 '  a lone one until it is agreed on' s "lone$count" ''
  done
  report_value B9 'leader SIGKILL to the next assignment' s failover '< 2'
}
