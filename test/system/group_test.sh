#!/usr/bin/env bash
# A replicated coordinator: three members, of which one may be lost at any time.
# shellcheck disable=SC2119,SC2154  # start_coordinator takes no options here; start_member sets variables by name
# shellcheck source=test/system/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# start_gated_job [OPTION…]: sets $job; maps and reduces stop at gates.
start_gated_job() {
  mkdir -p gates
  for part in a b c; do printf 'one two %s\n' "$part" >"in-$part.txt"; done
  expect 0 mr run --detach "$plugins/gated.so" in-?.txt -o out -r 2 --job-dir "$work/gates" "$@"
  job=$(cat out.txt)
}
at_gate() { compgen -G "gates/$1" >/dev/null; }
right_output() { same <(sorted_parts out) <(printf 'a\t1\nb\t1\nc\t1\none\t3\ntwo\t3\n'); }
other_leader() { leader_is_known && [[ $leader != "$1" ]]; }
applied() { sed -nE 's/.*"applied_index": ?([0-9]+).*/\1/p' "$1"; }

case_job_and_status() {
  start_group 3
  start_worker w1
  printf 'to be or not to be\n' >in.txt
  expect 0 mr run "$plugins/wordcount.so" in.txt -o out -r 2
  same <(sorted_parts out) <(printf 'be\t2\nnot\t1\nor\t1\nto\t2\n')
  leader_is_known
  expect 0 mr status
  says 'members +3 of 3 answer; term [0-9]+, agreed on up to entry [0-9,]+' out.txt
  says " $leader ipc://.* leads" out.txt
  local node
  for node in 1 2 3; do
    [[ -n $(ls "state-$node/plugins") ]] || fail "member $node does not have the plugin"
  done
  # Whoever is asked names the leader; a list of one is enough.
  for node in 1 2 3; do expect 0 mr -c "file:$work/cluster-$node.json" status --json; done
  stop_cluster
}

# SIGKILL of the leader while a map and then a reduce run: the job goes on, nothing runs twice.
case_leader_is_killed() {
  start_group 3
  start_worker w1 --slots 2
  start_gated_job --max-attempts 1
  wait_for 20 'a map runs' at_gate 'map-*'
  leader_is_known
  local first=$leader
  kill_member "$first"
  wait_for 20 'another member leads' other_leader "$first"
  expect 0 mr status "$job"
  touch gates/open-map
  wait_for 30 'a reduce runs' at_gate 'reduce-*'
  start_member "$first"
  wait_for 20 'all three answer' all_answer
  leader_is_known
  local second=$leader
  kill_member "$second"
  wait_for 20 'another member leads' other_leader "$second"
  touch gates/open-reduce
  expect 0 mr wait "$job"
  right_output
  expect 0 mr tasks "$job"
  ! grep -qE 'failed|lost' out.txt || fail "something was lost: $(cat out.txt)"
  stop_cluster
}
all_answer() { mr status --json >status.json && [[ $(grep -oE '"answers": ?true' status.json | wc -l) == 3 ]]; }

# An attached mrsubmit shows the same job through the change.
case_attached_client_goes_on() {
  start_group 3
  start_worker w1
  mkdir -p gates
  printf 'one two\n' >in.txt
  spawn_told client "$bin/mrsubmit" run "$plugins/gated.so" in.txt -o out -r 1 --job-dir "$work/gates"
  local client=$spawned
  wait_for 20 'the map runs' at_gate 'map-*'
  leader_is_known
  local first=$leader
  kill_member "$first"
  wait_for 20 'another member leads' other_leader "$first"
  touch gates/open-map gates/open-reduce
  wait_gone "$client" 60
  [[ $(tail -n 1 client.log) == 'exit 0' ]] || fail "the client ended with: $(tail -5 client.log)"
  same out/part-r-00000 <(printf 'one\t1\ntwo\t1\n')
  stop_cluster
}

# SIGTERM of the leader: it hands over first, and the change is quick.
case_leader_hands_over() {
  start_group 3
  leader_is_known
  local first=$leader
  kill -TERM "$(pid_of_member "$first")"
  wait_gone "$(pid_of_member "$first")" 10
  wait_for 20 'another member leads' other_leader "$first"
  says 'leading no more' "member$first.log"
  stop_cluster
}

# Without a majority nothing is agreed on, and the answer says who was asked.
case_no_majority() {
  start_group 3
  leader_is_known
  local node
  for node in 1 2 3; do [[ $node == "$leader" ]] || kill_member "$node"; done
  printf 'x\n' >in.txt
  local code=0
  "$bin/mrsubmit" --connect-timeout 3s run --detach "$plugins/wordcount.so" in.txt -o out -r 1 </dev/null >out.txt 2>err.txt || code=$?
  ((code == 3 || code == 4 || code == 7)) || fail "exit code $code: $(cat err.txt)"
  says 'has no leader: members answer' err.txt
  for node in 1 2 3; do [[ $node == "$leader" ]] || start_member "$node"; done
  wait_for 20 'somebody leads again' leader_is_known
  stop_cluster
}

# What an operator does.
case_operator_commands() {
  start_group 3
  start_worker w1
  printf 'to be\n' >in.txt
  expect 0 mr run "$plugins/wordcount.so" in.txt -o out -r 1
  leader_is_known
  # A running member's directory is its own.
  expect 6 "$bin/mrcoordinator" inspect --state-dir "state-$leader"
  says 'stop the coordinator that runs there first'
  expect 6 "$bin/mrcoordinator" bootstrap --state-dir "state-$leader" --node "$leader" --peers "$group_peers"
  local wiped=$((leader % 3 + 1))
  kill_member "$wiped"
  rm -rf "state-$wiped"
  # An empty member is refused, with the procedure.
  expect 6 "$bin/mrcoordinator" --listen tcp://127.0.0.1:0 --http off --state-dir "state-$wiped" --node "$wiped" --peers "$group_peers"
  says "holds nothing of member $wiped.*mrcoordinator export.*restore"
  # Made anew under its old number, it stops: the others know what it had acknowledged, and do not listen to it.
  expect 0 "$bin/mrcoordinator" bootstrap --state-dir "state-$wiped" --node "$wiped" --peers "$group_peers"
  spawn_told again "$bin/mrcoordinator" --listen tcp://127.0.0.1:0 --http off --state-dir "state-$wiped" --node "$wiped" --peers "$group_peers"
  wait_gone "$spawned" 20
  [[ $(tail -n 1 again.log) == 'exit 6' ]] || fail "$(cat again.log)"
  says 'has acknowledged entry [0-9]+ of the log and ends at 1: its disk has lost data' again.log
  # The procedure.
  local node best=0 index newest=0
  kill -TERM "${worker_w1:?}"
  wait_gone "$worker_w1" 10
  for node in 1 2 3; do
    [[ $node == "$wiped" ]] && continue
    kill -TERM "$(pid_of_member "$node")"
    wait_gone "$(pid_of_member "$node")" 10
  done
  for node in 1 2 3; do
    [[ $node == "$wiped" ]] && continue
    expect 0 "$bin/mrcoordinator" inspect --state-dir "state-$node"
    says "^members +1=ipc" out.txt
    says '^jobs +0 active, 1 ended' out.txt
    index=$(sed -nE 's/^last entry +term ([0-9]+), index ([0-9]+)/\1 \2/p' out.txt)
    index=$((${index% *} * 1000000 + ${index#* }))
    if ((index > newest)); then newest=$index best=$node; fi
  done
  expect 0 "$bin/mrcoordinator" export --state-dir "state-$best" -o saved
  for node in 1 2 3; do
    expect 0 "$bin/mrcoordinator" restore --state-dir "state-$node" --node "$node" --peers "$group_peers" --from saved --replace
  done
  expect 6 "$bin/mrcoordinator" restore --state-dir state-1 --node 1 --peers "$group_peers" --from saved
  says 'belongs to a coordinator already: with --replace'
  expect 2 "$bin/mrcoordinator" restore --state-dir state-x --node 1 --peers "$group_peers" --from in.txt
  says "was not written by 'mrcoordinator export'"
  for node in 1 2 3; do start_member "$node"; done
  wait_for 20 'the new group has a leader' leader_is_known
  expect 0 mr ls
  says '^j1 .*succeeded' out.txt
  start_worker w2
  expect 0 mr run "$plugins/wordcount.so" in.txt -o out2 -r 1
  same out/part-r-00000 out2/part-r-00000
  wait_for 20 'the plugin is with every member again' bash -c "[[ \$(ls state-?/plugins | grep -cE '^[0-9a-f]{64}\$') == 3 ]]"
  stop_cluster
}

# A coordinator alone becomes a group, with its jobs.
case_from_one_to_three() {
  start_coordinator
  start_worker w1
  printf 'to be\n' >in.txt
  expect 0 mr run "$plugins/wordcount.so" in.txt -o out -r 1
  stop_cluster
  unset MR_COORDINATOR
  local node
  expect 0 "$bin/mrcoordinator" export --state-dir state -o saved
  group_peers="1=ipc://$(peer_address 1),2=ipc://$(peer_address 2),3=ipc://$(peer_address 3)"
  group_options=()
  expect 0 "$bin/mrcoordinator" restore --state-dir state --node 1 --peers "$group_peers" --from saved --replace
  mv state state-1
  for node in 2 3; do
    expect 0 "$bin/mrcoordinator" restore --state-dir "state-$node" --node "$node" --peers "$group_peers" --from saved
  done
  for node in 1 2 3; do start_member "$node"; done
  export MR_COORDINATOR="file:$work/cluster-1.json,file:$work/cluster-2.json,file:$work/cluster-3.json"
  wait_for 20 'a member leads' leader_is_known
  expect 0 mr ls
  says '^j1 .*succeeded' out.txt
  wait_for 20 'the plugin goes to the new members' bash -c "[[ \$(ls state-?/plugins | grep -cE '^[0-9a-f]{64}\$') == 3 ]]"
  stop_cluster
}

case_wrong_options() {
  local peers=1=tcp://127.0.0.1:4621,2=tcp://127.0.0.1:4622,3=tcp://127.0.0.1:4623
  expect 2 "$bin/mrcoordinator" --node 1 --state-dir s
  says '\-\-node 1 needs --peers'
  expect 2 "$bin/mrcoordinator" --peers "$peers" --state-dir s
  says '\-\-node 0 is none of --peers'
  expect 2 "$bin/mrcoordinator" --peers "$peers" --node 1
  says '\-\-peers needs --state-dir'
  expect 2 "$bin/mrcoordinator" --peers "$peers" --node 1 --state-dir s --dev
  says '\-\-dev is for a coordinator alone'
  expect 2 "$bin/mrcoordinator" --peers 1=tcp://a:1 --node 1 --state-dir s
  says 'a group has 3'
  expect 2 "$bin/mrcoordinator" --peers "${peers/127.0.0.1:4621/0.0.0.0:4621}" --node 1 --state-dir s
  says '\-\-insecure'
  expect 2 "$bin/mrcoordinator" bootstrap --state-dir s --peers "$peers"
  says '\-\-node'
  expect 2 "$bin/mrcoordinator" bootstrap --state-dir s --peers "$peers" --node 9
  says '\-\-node 9 is none of --peers'
  expect 6 "$bin/mrcoordinator" inspect --state-dir nothing
  says "there is no coordinator's state in .*/nothing"
  expect 6 "$bin/mrcoordinator" export --state-dir nothing -o file
  [[ ! -e nothing && ! -e file ]] || fail 'a look at nothing leaves something behind'
  expect 0 "$bin/mrcoordinator" restore --help
  says 'with the same file and' out.txt
}

# Encrypted: the members reach each other with the keys of the cluster, workers and clients them.
case_with_keys() {
  expect 0 mr config keygen cluster.key
  export MR_KEY_FILE=$work/cluster.key
  start_group 3 --auth curve
  start_worker w1
  printf 'to be\n' >in.txt
  expect 0 mr run "$plugins/wordcount.so" in.txt -o out -r 1
  leader_is_known
  local first=$leader
  kill_member "$first"
  wait_for 20 'another member leads' other_leader "$first"
  expect 0 mr run "$plugins/wordcount.so" in.txt -o out2 -r 1
  ! grep -q 'refused a connection' ./*.log || fail 'a connection inside the cluster was refused'
  unset MR_KEY_FILE
  stop_cluster
}

run_cases
