#!/usr/bin/env bash
# mrcoordinator and mrworker as an operator meets them: options, configuration files, start-up, signals, exit codes.
# shellcheck disable=SC2119  # start_coordinator takes no options here
# shellcheck source=test/system/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

status_says() { mr status | grep -qE "$1"; }
case_start_up_says_three_lines() {
  "$bin/mrcoordinator" --listen tcp://127.0.0.1:0 --http 127.0.0.1:0 --rendezvous "$work/cluster.json" \
    >started.txt 2>coordinator.log </dev/null &
  local pid=$!
  wait_for 20 'the coordinator is up' test -s cluster.json
  # shellcheck disable=SC2016  # the inner shell expands
  wait_for 20 'it has said three lines' bash -c '[[ $(wc -l <started.txt) == 3 ]]'
  kill -TERM "$pid"
  local code=0
  wait "$pid" || code=$?
  [[ $code == 0 ]] || fail "SIGTERM ended it with $code"
  [[ $(wc -l <started.txt) == 3 ]] || fail "more than three lines: $(cat started.txt)"
  says '^mrcoordinator [0-9.]+ \(' started.txt
  says '^listening on tcp://127\.0\.0\.1:[0-9]+$' started.txt
  says '^status page http://127\.0\.0\.1:[0-9]+$' started.txt
  [[ ! -e cluster.json ]] || fail 'the rendezvous file is still there'
}

case_dev() {
  start_coordinator --dev --dev-workers 2
  wait_for 30 'two workers are alive' status_says '2 of 2 alive'
  printf 'to be or not to be\n' >in.txt
  expect 0 mr run "$plugins/wordcount.so" in.txt -o out -r 1
  same out/part-r-00000 <(printf 'be\t2\nnot\t1\nor\t1\nto\t2\n')
  stop_cluster
}

case_pid_and_log_files() {
  start_coordinator --pid-file "$work/c.pid" --log-file "$work/c.txt" --log-format json
  start_worker w1 --pid-file "$work/w.pid" --log-file "$work/w.txt"
  wait_for 20 'the worker is alive' status_says '1 of 1 alive'
  [[ $(cat c.pid) == "$coordinator" ]] || fail "the coordinator's pid file says $(cat c.pid), not $coordinator"
  [[ $(cat w.pid) == "${worker_w1:?}" ]] || fail "the worker's pid file says $(cat w.pid), not $worker_w1"
  json_lines c.txt
  # Rotated: what comes after the signal is in a new file.
  mv c.txt c.old
  mv w.txt w.old
  kill -HUP "$coordinator" "$worker_w1"
  wait_for 20 'the coordinator has a new log' test -e c.txt
  wait_for 20 'the worker has a new log' test -e w.txt
  kill -USR1 "$coordinator" "$worker_w1"
  wait_for 20 'the state of the coordinator is in it' grep -q 'state: 1 workers, 0 jobs running' c.txt
  wait_for 20 'the worker has said something too' test -s w.txt
  json_lines c.txt
  stop_cluster
  [[ ! -e c.pid && ! -e w.pid ]] || fail "a pid file is left over: $(ls ./*.pid)"
}

case_configuration_is_read_again() {
  configure() {  # configure MAX_JOBS LEVEL SLOTS DRAIN
    cat >mr.toml <<END
[coordinator]
listen = ["tcp://127.0.0.1:0"]
http = "off"
rendezvous = "$work/cluster.json"
max-jobs = $1
[worker]
coordinator = "file:$work/cluster.json"
name = "w1"
slots = $3
drain-timeout = "$4"
[log]
level = "$2"
END
  }
  # Answered by the last line of a reading, in a log of NAME.log from line $seen on.
  reread() {  # reread NAME PID PATTERN
    kill -HUP "$2"
    wait_for 20 "$1 has read it again" bash -c "tail -n +$((seen + 1)) $1.log | grep -qE '$3'"
    tail -n +$((seen + 1)) "$1.log" >again.txt
  }
  configure 50 info 1 30s
  spawn coordinator "$bin/mrcoordinator" --config mr.toml
  local coordinator=$spawned seen
  wait_for 20 'the coordinator is up' test -s cluster.json
  export MR_COORDINATOR="file:$work/cluster.json"
  spawn w1 "$bin/mrworker" --config mr.toml
  local w1=$spawned
  wait_for 20 'the worker is alive' status_says '1 of 1 alive'

  configure 1 warning 2 7s
  seen=$(wc -l <coordinator.log)
  reread coordinator "$coordinator" 'max-jobs "50" -> "1"$'
  says 'configuration: log-level "info" -> "warning"$' again.txt
  ! grep -q 'slots' again.txt || fail "the worker's table is none of the coordinator's: $(cat again.txt)"
  seen=$(wc -l <w1.log)
  reread w1 "$w1" 'slots "1" -> "2", takes effect at the next start$'
  says 'configuration: drain-timeout "30s" -> "7s"$' again.txt
  says 'configuration: log-level "info" -> "warning"$' again.txt

  # It holds: one job at once, and what is only information is not logged.
  printf 'to be\n' >in.txt
  mkdir a
  expect 0 mr run --detach "$plugins/gated.so" in.txt -o out -r 1 --job-dir "$work/a"
  expect 7 mr run --detach "$plugins/wordcount.so" in.txt -o out2 -r 1
  says '1 jobs are active, which is the limit \(--max-jobs 1\)'
  expect 0 mr kill --now last
  touch a/open-map a/open-reduce  # a worker that has not heard of that yet need not wait either
  seen=$(wc -l <w1.log)
  kill -USR1 "$w1"  # its state is only information

  # What is wrong is refused, and changes nothing.
  printf '[worker]\nslots = 1\ndrain-timeot = "1s"\n[log]\nlevel = "error"\n' >mr.toml
  reread w1 "$w1" "everything stays as it was: mr\.toml:3: unknown key .drain-timeot.; did you mean drain-timeout"
  [[ $(wc -l <again.txt) == 1 ]] || fail "the worker said more: $(cat again.txt)"
  configure 0 error 1 1s
  seen=$(wc -l <coordinator.log)
  reread coordinator "$coordinator" 'everything stays as it was: mr\.toml:5: .*max-jobs'
  configure 1 info 1 7s
  seen=$(wc -l <w1.log)
  reread w1 "$w1" 'log-level "warning" -> "info"$'
  ! grep -q 'drain-timeout\|slots' again.txt || fail "what stayed is said to differ: $(cat again.txt)"
  stop_cluster
}

case_advertise() {
  spawn coordinator "$bin/mrcoordinator" --listen tcp://0.0.0.0:0 --insecure --advertise localhost --http off \
    --rendezvous "$work/cluster.json"
  wait_for 20 'the coordinator is up' test -s cluster.json
  says '"control": *"tcp://localhost:[0-9]+"' cluster.json
  export MR_COORDINATOR="file:$work/cluster.json"
  expect 0 mr ls
  stop_cluster
  expect 2 "$bin/mrcoordinator" --listen tcp://0.0.0.0:0 --http off
  says '\-\-insecure'
}

case_configuration_file() {
  expect 0 mr config keygen cluster.key
  cat >mr.toml <<END
[coordinator]
listen = ["tcp://127.0.0.1:0"]
http = "off"
rendezvous = "$work/cluster.json"
[worker]
coordinator = "file:$work/cluster.json"
labels = "disk=ssd,zone=b"
slots = 1
name = "w1"
[auth]
auth = "curve"
key-file = "$work/cluster.key"
[log]
level = "warning"
END
  expect 0 "$bin/mrcoordinator" --config mr.toml --check-config
  expect 0 "$bin/mrworker" --config mr.toml --check-config
  expect 0 "$bin/mrworker" --config mr.toml --print-config --slots 2
  says '^slots = "2"  # flag$' out.txt
  says '^key-file = ".*cluster\.key"  # mr\.toml:12$' out.txt
  says '^drain-timeout = "30s"  # default$' out.txt
  expect 0 mr config check mr.toml
  spawn coordinator "$bin/mrcoordinator" --config mr.toml
  wait_for 20 'the coordinator is up' test -s cluster.json
  spawn w1 "$bin/mrworker" --config mr.toml
  export MR_COORDINATOR="file:$work/cluster.json"
  # The keys of [auth] count: nobody comes in without.
  expect 8 mr --no-config --connect-timeout 1s ls
  export MR_KEY_FILE=$work/cluster.key
  expect 0 mr --no-config ls
  wait_for 20 'the worker is alive' bash -c "'$bin/mrsubmit' --no-config status | grep -q '1 of 1 alive'"
  expect 0 mr --no-config --json workers
  says '"labels":\{"disk":"ssd","zone":"b"\}' out.txt
  stop_cluster
}

case_wrong_configuration() {
  local program
  refused() {  # refused TEXT PATTERN: as a configuration file, by both daemons
    printf '%b' "$1" >mr.toml
    for program in mrcoordinator mrworker; do
      expect 2 "$bin/$program" --config mr.toml --check-config
      says "$2"
    done
  }
  refused '[coordinater]\n' 'mr\.toml:1: unknown table \[coordinater\]; did you mean coordinator'
  refused '[auth]\nkeyfile = "x"\n' "mr\\.toml:2: unknown key 'keyfile' in \\[auth\\]; did you mean key-file"
  refused '[log]\nlevel = "info"\nfromat = "json"\n' "mr\\.toml:3: unknown key 'fromat' in \\[log\\]; did you mean format"
  refused '[auth]\nauth = "curve"\n[worker]\ncoordinator = "tcp://h:1"\n' '\-\-auth curve needs --key-file'
  refused '[coordinator\n' 'mr\.toml:1: '
  expect 2 "$bin/mrworker" -c tcp://h:1 --slots many --check-config
  says "\\-\\-slots 'many'"
  expect 2 "$bin/mrcoordinator" --heartbeat 5s --worker-timeout 6s --check-config
  says 'at least twice --heartbeat'
  printf '[worker.more]\nslots = 1\n' >mr.toml
  expect 2 "$bin/mrworker" -c tcp://h:1 --config mr.toml
  says "'more' in \\[worker\\] must be text"
  expect 2 "$bin/mrworker" -c tcp://h:1 --scratch /a,/b/../a --check-config
  says '\-\-scratch /a,/b/\.\./a: /b/\.\./a is named twice'
  expect 2 "$bin/mrworker" -c tcp://h:1 --scratch /a/b,/a
  says '/a/b lies inside of /a'
  expect 2 "$bin/mrworker" -c tcp://h:1 --advertise a:b:c
  says "\\-\\-advertise 'a:b:c' is neither HOST nor HOST:PORT"
  expect 2 "$bin/mrworker" -c tcp://h:1 --scratch /a,
  says 'a directory between the commas is missing'
  expect 2 "$bin/mrworker" -c tcp://h:1 --config nowhere.toml
  says 'there is no configuration file nowhere\.toml'
}

case_versions() {
  local program
  for program in mrcoordinator mrworker mrsubmit; do
    expect 0 "$bin/$program" --version
    says "^$program [0-9.]+ \\(.*plugin ABI [0-9.]+, .*libzmq 4\\.[0-9.]+\\)\$" out.txt
    expect 0 "$bin/$program" --version --json
    json_lines out.txt
    says '"libzmq":"4\.' out.txt
  done
}

case_worker_without_coordinator() {
  expect 7 "$bin/mrworker" -c "file:$work/nowhere.json" --death-timeout 300ms --scratch s1
  start_coordinator
  spawn_told lonely "$bin/mrworker" -c "file:$work/cluster.json" --name lonely --scratch s2 --death-timeout 2s
  local lonely=$spawned
  wait_for 20 'the worker is alive' status_says '1 of 1 alive'
  kill -KILL "$coordinator"
  wait_gone "$lonely" 60
  [[ $(tail -n 1 lonely.log) == 'exit 7' ]] || fail "the worker ended with $(tail -n 1 lonely.log)"
  stop_cluster
}

case_scratch_reserve() {
  start_coordinator
  start_worker full --scratch-reserve 100%
  wait_for 20 'the worker says why it takes no work' bash -c "'$bin/mrsubmit' workers | grep -qE 'full .*scratch'"
  printf 'to be\n' >in.txt
  expect 0 mr run --detach "$plugins/wordcount.so" in.txt -o out -r 1
  expect 4 mr wait --timeout 300ms last
  start_worker roomy --scratch-reserve 0%
  expect 0 mr wait last
  expect 0 mr tasks last
  ! grep -q ' full ' out.txt || fail "the full worker ran something: $(cat out.txt)"
  stop_cluster
}

run_cases
