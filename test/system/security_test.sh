#!/usr/bin/env bash
# Encryption and who may connect: CURVE keys for the coordinator, workers, tasks and clients, and addresses that are
# refused without them.
# shellcheck source=test/system/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Every program of the cluster uses the one key file $work/cluster.key; two workers with a slot each.
encrypted_cluster() {
  expect 0 mr config keygen cluster.key
  public=$(cat out.txt)
  secret=$(sed -n 's/.*"secret": "\(.*\)",/\1/p' cluster.key)
  [[ ${#public} == 40 && ${#secret} == 40 && $public != "$secret" ]] || fail "no keys: $(cat cluster.key)"
  start_coordinator --auth curve --key-file "$work/cluster.key"
  start_worker w1 --key-file "$work/cluster.key"
  start_worker w2 --key-file "$work/cluster.key"
}
both_workers_ready() { [[ $("$bin/mrsubmit" workers | grep -cE '\bw[12]\b') == 2 ]]; }
# The secret is nowhere but in the key file: not in a command line, an environment or a log.
secret_is_kept() {
  local pid
  ! grep -lF -- "$secret" "$work"/*.log || fail "the secret key is in a log"
  for pid in $(leftovers | cut -d' ' -f1); do
    ! grep -qaF -- "$secret" "/proc/$pid/cmdline" "/proc/$pid/environ" 2>/dev/null ||
      fail "the secret key is in the arguments or the environment of process $pid"
  done
}

case_shuffle_is_encrypted() {
  encrypted_cluster
  export MR_KEY_FILE=$work/cluster.key
  wait_for 20 "two workers" both_workers_ready
  for file in 1 2 3 4 5 6 7 8; do
    seq "$file" 3 400 | sed 's/[0-9]/&x/g; y/0123456789/abcdefghij/' >"in-$file"
  done
  mkdir gates
  expect 0 mr run --detach "$plugins/gated.so" in-* -o out -r 2 --split-size 500 --job-dir "$work/gates"
  local job
  job=$(cat out.txt)
  # One map runs on each worker, so that both have something the other's reducers need.
  wait_for 20 "a map runs on each worker" bash -c "(( \$(ls '$work/gates' | grep -c '^map-') >= 2 ))"
  touch gates/open-map
  wait_for 30 "a reduce runs" bash -c "ls '$work/gates'/reduce-*"
  secret_is_kept
  touch gates/open-reduce
  expect 0 mr wait "$job"
  clean_output out
  same <(sorted_parts out) <(wordcount_oracle in-*)
  # The segment servers' addresses carry the key, and nobody in the cluster was refused.
  grep -qF -- "#$public" w1.log || fail "w1 offers its map outputs without a key"
  ! grep -q 'refused a connection' ./*.log || fail "a connection inside the cluster was refused"
  secret_is_kept
  unset MR_KEY_FILE
  stop_cluster
}

case_client_without_keys_is_refused() {
  encrypted_cluster
  # From the rendezvous file it is known at once.
  expect 8 mr ls
  says '--key-file'
  # By the address alone: nobody answers.
  local address
  address=$(sed -n 's/.*"control": "\(.*\)",/\1/p' cluster.json)
  expect 7 mr -c "$address" --connect-timeout 1s ls
  says '--auth curve: give your --key-file'
  # With keys of somebody else neither.
  expect 0 mr config keygen stranger.key cluster.key
  expect 7 mr --key-file stranger.key --connect-timeout 1s ls
  says 'does its key file allow your key'
  wait_for 5 "the coordinator names who it refused" grep -q 'refused a connection' coordinator.log
  # The wrong coordinator, or the wrong file.
  expect 0 mr config keygen other.key
  expect 8 mr --key-file other.key ls
  grep -qF -- "$public" err.txt || fail "the coordinator's key is not named: $(cat err.txt)"
  expect 0 mr --key-file cluster.key ls
  chmod 644 cluster.key
  expect 8 mr --key-file cluster.key ls
  says 'chmod 600'
  stop_cluster
}

case_own_keys_for_a_client() {
  expect 0 mr config keygen cluster.key
  expect 0 mr config keygen me.key cluster.key
  local mine
  mine=$(cat out.txt)
  sed -i "s|\"allowed\": \[\]|\"allowed\": [\"${mine//&/\\&}\"]|" cluster.key
  start_coordinator --auth curve --key-file "$work/cluster.key"
  expect 0 mr --key-file me.key ls
  stop_cluster
}

case_open_address_needs_a_decision() {
  expect 2 "$bin/mrcoordinator" --listen tcp://0.0.0.0:0 --http off --state-dir "$work/state"
  says 'mrsubmit config keygen'
  says '--insecure'
  expect 2 "$bin/mrcoordinator" --listen tcp://0.0.0.0:0 --http off --auth curve
  says '--key-file.*mrsubmit config keygen'
  expect 2 "$bin/mrworker" -c tcp://127.0.0.1:1 --data-listen tcp://0.0.0.0:0
  says 'mrsubmit config keygen'
  says '--insecure'
  expect 2 "$bin/mrworker" -c tcp://127.0.0.1:1 --auth curve
  says '--key-file'
}

# The user's keys are for a cluster; a private one of --local has none.
case_local_ignores_keys() {
  expect 0 mr config keygen cluster.key
  printf 'to be or not to be\n' >in.txt
  MR_KEY_FILE=$work/cluster.key expect 0 mr run --local "$plugins/wordcount.so" in.txt -o out
  same <(sorted_parts out) <(printf 'be\t2\nnot\t1\nor\t1\nto\t2\n')
}

run_cases
