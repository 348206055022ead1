#!/usr/bin/env bash
# Hostile bytes on every port of a running cluster: the daemons lose that connection and nothing else.
# shellcheck source=test/system/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

texts=("$data/kjv/04-job.txt" "$data/kjv/12-acts.txt")

# A cluster whose four ports are known: ports=(coordinator, its page, the worker's map outputs, its page).
cluster() {
  spawn coordinator "$bin/mrcoordinator" --listen tcp://127.0.0.1:0 --http 127.0.0.1:0 --state-dir "$work/state" \
    --rendezvous "$work/cluster.json"
  coordinator=$spawned
  wait_for 20 "the coordinator writes its rendezvous file" test -s cluster.json
  export MR_COORDINATOR="file:$work/cluster.json"
  start_worker w1 --slots 2 --http 127.0.0.1:0
  wait_for 20 "the worker says where its page is" grep -q 'status page http' w1.log
  wait_for 20 "the worker is there" one_alive
  control=$(port_in '"control": "tcp://[^"]*' cluster.json)
  page=$(port_in '"http": "http://[^"]*' cluster.json)
  data_port=$(port_in 'map outputs at tcp://[0-9.:]+' w1.log)
  worker_page=$(port_in 'status page http://[0-9.:]+' w1.log)
  wordcount_oracle "${texts[@]}" >oracle
}
one_alive() { mr status | grep -q '1 of 1 alive'; }
port_in() { grep -oE "$1" "$2" | head -1 | grep -oE '[0-9]+/?$' | tr -d /; }

# say [HOST:]PORT FILE: the file's bytes to the port (of 127.0.0.1), and whatever it answers into answer.txt; ends when the other side closes,
# or after five seconds. Files in zmtp/ come after the greeting of a REQ socket of ZeroMQ, in its two steps.
say() {
  # shellcheck disable=SC2016  # the inner shell expands
  timeout 5 bash -c '
    exec 3<>"/dev/tcp/$3/$1"
    if [[ $2 == */zmtp/* ]]; then
      head -c 10 zmtp-greeting >&3
      head -c 10 <&3
      tail -c +11 zmtp-greeting >&3
      head -c 54 <&3
    fi >answer.txt
    cat "$2" >&3 &
    head -c 1000000 <&3 | tr -d "\0" >>answer.txt
    wait' - "${1##*:}" "$2" "$([[ $1 == *:* ]] && echo "${1%:*}" || echo 127.0.0.1)" >/dev/null 2>&1 || true
}
bytes() { printf '%b' "$1"; }
# zeros N, times N TEXT
zeros() { head -c "$1" /dev/zero; }
times() { zeros "$1" | tr '\0' "$2"; }

# ZMTP 3.0, mechanism NULL: 64 bytes, then the command READY.
greeting() { bytes '\xff'; zeros 8; bytes '\x7f\x03\x00NULL'; zeros 48; }
ready() { bytes '\x04\x26\x05READY\x0bSocket-Type\x00\x00\x00\x03REQ\x08Identity\x00\x00\x00\x00'; }

make_hostile() {
  mkdir -p hostile/zmtp hostile/raw
  greeting >zmtp-greeting
  cd hostile/zmtp
  head -c 64 /dev/urandom >random-command
  { ready; bytes '\x01\x00\x00'; } >cut-off
  { ready; bytes '\x01\x00\x00\x40'; head -c 64 /dev/urandom; } >random-message
  # One frame alone, as the data plane and the members of a group take it.
  { ready; bytes '\x00\x40'; head -c 64 /dev/urandom; } >bare-message
  # A frame that says it has 2^62 bytes, and one of 200 MB of which some come.
  { ready; bytes '\x01\x00\x02\x40\x00\x00\x00\x00\x00\x00\x00'; zeros 100000; } >oversized
  { ready; bytes '\x01\x00\x02\x00\x00\x00\x00\x0b\xeb\xc2\x00'; zeros 3000000; } >large
  # 100,000 arrays in each other, in MessagePack; and an array of 4 billion elements that are not there.
  { ready; bytes '\x01\x00\x02\x00\x00\x00\x00\x00\x01\x86\xa0'; times 100000 '\221'; } >nested
  { ready; bytes '\x01\x00\x00\x05\xdd\xff\xff\xff\xff'; } >many
  # A message that never ends: frame after frame, each with "more to come".
  { ready; for _ in {1..2000}; do bytes '\x01\x02ab'; done; } >endless
  cd ../raw
  head -c 300000 /dev/urandom >random
  head -c 40 ../../zmtp-greeting >half-a-greeting
  { bytes 'GET /'; times 1000000 a; bytes ' HTTP/1.1\r\n\r\n'; } >long-path
  { bytes 'GET / HTTP/1.1\r\n'; for _ in {1..5000}; do bytes 'X-Header: y\r\n'; done; bytes '\r\n'; } >many-headers
  { bytes 'POST / HTTP/1.1\r\nContent-Length: 99999999999999\r\n\r\n'; zeros 1000000; } >large-body
  bytes 'GET /../../../../etc/passwd HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n' >outside
  bytes 'GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n' >foreign-host
  bytes 'GET /%00%ff%zz HTTP/9.9\r\n\r\n' >odd
  cd ../..
}

case_daemons_go_on() {
  local port file
  cluster
  make_hostile
  # A job runs meanwhile, slowly enough to be there all the time.
  expect 0 mr run --detach "$plugins/slow.so" "${texts[@]}" -o "$work/out" -r 2 --split-size 32Ki -P map_ms=1 -P reduce_ms=1
  local job
  job=$(cat out.txt)
  for port in "$control" "$page" "$data_port" "$worker_page"; do
    for file in hostile/*/*; do
      say "$port" "$file" &
    done
    wait
    alive "$coordinator" || fail "the coordinator died of something on port $port"
    alive "$worker" || fail "the worker died of something on port $port"
    expect 0 mr status
  done
  says 'refused a request' coordinator.log  # so what was well framed came through to the decoder
  expect 0 mr wait --timeout 100s "$job"
  same <(sorted_parts out) oracle
  expect 0 mr run "$plugins/wordcount.so" "${texts[@]}" -o "$work/second" -r 2
  same <(sorted_parts second) oracle
  stop_cluster
}

# The ports by which members of a replicated coordinator reach each other: they go on, with the same leader.
case_members_go_on() {
  local node file before
  peer_scheme=tcp
  start_group 3
  start_worker w1 --slots 2
  make_hostile
  leader_is_known
  before=$leader
  for node in 1 2 3; do
    for file in hostile/*/*; do
      say "$(peer_address "$node")" "$file" &
    done
    wait
  done
  for node in 1 2 3; do alive "$(pid_of_member "$node")" || fail "member $node died: $(tail -3 "member$node.log")"; done
  says 'a message to member [123] was dropped' <(cat member?.log)
  expect 0 mr run "$plugins/wordcount.so" "${texts[@]}" -o "$work/out" -r 2
  same <(sorted_parts out) <(wordcount_oracle "${texts[@]}")
  leader_is_known
  [[ $leader == "$before" ]] || fail "member $leader leads instead of $before"
  peer_scheme=ipc
  stop_cluster
}

case_pages_give_nothing_away() {
  cluster
  make_hostile
  local port
  for port in "$page" "$worker_page"; do
    say "$port" hostile/raw/outside
    ! grep -q 'root:' answer.txt || fail "a page serves files of the machine"
  done
  # DNS rebinding: a page on loopback answers for loopback's names only.
  say "$page" hostile/raw/foreign-host
  grep -qE '^HTTP/1.1 4' answer.txt || fail "answered for another host: $(head -3 answer.txt)"
  stop_cluster
}

run_cases
