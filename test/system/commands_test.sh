#!/usr/bin/env bash
# The options of mrsubmit's commands, each against a real cluster: what they print, and what they leave alone.
# shellcheck disable=SC2119  # start_coordinator takes no options here
# shellcheck source=test/system/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

gated=$plugins/gated.so

cluster() {
  start_coordinator
  start_worker w1 --slots 2
  printf 'to be or not to be\n' >in.txt
}
# gated_job DIR [OPTION…]: a job whose map waits for DIR/open-map; its id in $job.
gated_job() {
  mkdir -p "$1"
  expect 0 mr run --detach "$gated" in.txt -o "$1-out" -r 1 --job-dir "$work/$1" "${@:2}"
  job=$(cat out.txt)
  wait_for 30 "the map task of $job runs" bash -c "ls '$work/$1'/map-*"
}
open() { touch "$1/open-map" "$1/open-reduce"; }
lines_are() { [[ $(wc -l <out.txt) == "$1" ]] || fail "not $1 lines: $(cat out.txt)"; }
log_holds() { mr logs "$1" | grep -q "$2"; }

case_logs() {
  cluster
  gated_job a
  wait_for 30 "the log has arrived" log_holds "$job-m0" 'waits for'
  spawn follow "$bin/mrsubmit" logs "$job-m0" -f
  local follow=$spawned
  spawn chosen "$bin/mrsubmit" logs "$job-m0" -f --grep 'goes'
  local chosen=$spawned
  wait_for 20 "the follower shows what there is" grep -q 'waits for' follow.log
  ! grep -q 'goes on' follow.log || fail "the task did not wait"
  open a
  wait_gone "$follow" 30
  wait_gone "$chosen" 30
  grep -q 'goes on' follow.log || fail "the follower missed the end: $(cat follow.log)"
  [[ $(wc -l <chosen.log) == 1 ]] || fail "--grep while following: $(cat chosen.log)"
  expect 0 mr wait "$job"
  expect 0 mr logs "$job-m0" -n 1
  lines_are 1
  says 'goes on' out.txt
  expect 0 mr logs "$job-m0" --grep 'wait|plain'
  lines_are 2
  expect 0 mr logs "$job-m0" --stream output
  same out.txt <(echo 'plain text of map')
  expect 0 mr logs "$job-m0" --stream log -n 1
  says '^[0-9:.]+ I +goes on$' out.txt
  expect 2 mr logs "$job-m0" --grep '('
  says "'\\(' is not an extended regular expression"
  # Of a job: the failed attempts only, unless told otherwise.
  expect 0 mr logs "$job"
  says 'no attempt of j1 has failed'
  expect 0 mr logs "$job" --all-attempts --since 1h
  says "==> $job-m0\\.0" out.txt
  says "==> $job-r0\\.0" out.txt
  says 'plain text of reduce' out.txt
  expect 0 mr logs "$job-r0" --all-attempts
  [[ $(grep -c '==>' out.txt) == 1 ]] || fail "logs of other tasks: $(cat out.txt)"
  expect 0 mr logs "$job" --job-log
  says 'submitted by' out.txt
  says 'succeeded$' out.txt
  stop_cluster
}

case_cat() {
  cluster
  local text=$data/kjv/04-job.txt
  expect 0 mr run "$plugins/wordcount.so" "$text" -o out -r 3
  expect 0 mr cat last --part 1
  same out.txt out/part-r-00001
  expect 0 mr cat out --head 2
  same out.txt <(head -n 2 out/part-r-00000)
  expect 0 mr cat out --sorted
  same out.txt <(sorted_parts out)
  expect 0 mr cat out --sorted --head 3
  same out.txt <(sorted_parts out | head -n 3)
  expect 5 mr cat out --part 9
  says 'no part 9'
  expect 5 mr cat nowhere
  local codec suffix
  for codec in gzip:gz zstd:zst; do
    suffix=${codec#*:}
    expect 0 mr run "$plugins/wordcount.so" "$text" -o "out-$suffix" -r 3 --compress-output "${codec%:*}"
    clean_output "out-$suffix"
    [[ -s out-$suffix/part-r-00000.$suffix ]] || fail "not compressed: $(ls "out-$suffix")"
    expect 0 mr cat "out-$suffix" --sorted
    same out.txt <(sorted_parts out)
  done
  # A reader that leaves is no error.
  "$bin/mrsubmit" cat out | head -n 1 >first.txt
  [[ -s first.txt ]] || fail 'cat into head printed nothing'
  stop_cluster
}

case_tasks_and_counters() {
  cluster
  for i in 1 2 3; do printf 'to be %s\n' "$i" >"in-$i.txt"; done
  expect 0 mr run "$plugins/wordcount.so" in-?.txt -o out -r 2 --split-size 8
  expect 0 mr tasks last
  lines_are 6
  expect 0 mr tasks last --phase reduce
  lines_are 3
  ! grep -q 'j1-m' out.txt || fail "--phase reduce shows maps: $(cat out.txt)"
  expect 0 mr tasks last --phase map --slowest 1
  lines_are 2
  expect 0 mr tasks last --state running
  lines_are 1
  expect 0 mr tasks last --failed
  lines_are 1
  expect 0 mr counters last
  local name
  name=$(grep -oE '^mr\.[a-z_.]*map[a-z_.]*' out.txt | head -1)
  [[ -n $name ]] || fail "no counter of maps: $(cat out.txt)"
  expect 0 mr counters last "$name"
  lines_are 2
  expect 0 mr counters last "$name" --csv
  says "^$name,[0-9]+\$" out.txt
  says '^counter,value$' out.txt
  expect 0 mr counters last "$name" --by-task --csv
  says "^j1-m0,$name,[0-9]+\$" out.txt
  lines_are 4
  expect 5 mr counters last "${name}x"
  says "Did you mean $name"
  stop_cluster
}

case_status_watch() {
  cluster
  gated_job a
  spawn watch env --default-signal=INT "$bin/mrsubmit" status "$job" --watch 200ms
  local watch=$spawned
  wait_for 20 "it shows the running job twice" bash -c "(( \$(grep -c '$job .*running' watch.log) >= 2 ))"
  open a
  wait_for 30 "it shows the end" grep -q "$job .*succeeded" watch.log
  alive "$watch" || fail 'status --watch ended by itself'
  kill -INT "$watch"
  wait_gone "$watch" 20
  stop_cluster
}

case_wait_any() {
  cluster
  gated_job a
  local first=$job
  gated_job b
  expect 4 mr wait --any --timeout 300ms "$first" "$job"
  open b
  expect 0 mr wait --any "$first" "$job"
  says "$job succeeded"
  expect 4 mr wait --all --timeout 300ms "$first" "$job"
  open a
  expect 0 mr wait --all "$first" "$job"
  stop_cluster
}

case_ls() {
  cluster
  gated_job a
  expect 0 mr run "$plugins/wordcount.so" in.txt -o out -n counted
  expect 0 mr kill "$job"
  expect 3 mr wait "$job"
  expect 0 mr ls
  lines_are 3
  expect 0 mr ls --state killed
  lines_are 2
  says "^$job .*killed" out.txt
  expect 0 mr ls --limit 1
  lines_are 2
  says '^j2 ' out.txt
  expect 0 mr ls --user nobody-of-this-name
  lines_are 1
  expect 0 mr ls --mine --since 1h -a
  lines_are 3
  expect 0 mr ls --columns job,name,state --sort job
  same out.txt <(printf 'JOB  NAME     STATE\nj1   Gated    killed\nj2   counted  succeeded\n')
  expect 0 mr ls --columns job --sort=-job
  same out.txt <(printf 'JOB\nj2\nj1\n')
  expect 2 mr ls --columns job,nmae
  says "'nmae' is not one of job, name.*Did you mean name\\?"
  expect 2 mr ls --sort sise
  stop_cluster
}

case_kill() {
  cluster
  gated_job a
  local first=$job
  # An attempt only: the task runs again, and the job does not count it as a failure.
  expect 0 mr kill "$first-m0"
  wait_for 30 "the task runs again" bash -c "ls '$work/a'/map-0.1@*"
  expect 0 mr logs "$first" --job-log
  says "$first-m0\\.0 was killed by a user" out.txt
  gated_job b
  expect 2 mr kill --all
  says 'nothing was killed; --yes confirms'
  expect 2 mr kill --all --no-input
  expect 0 mr kill --all --yes --user nobody-of-this-name
  expect 4 mr wait --timeout 100ms "$first"
  expect 0 mr kill --all --yes --reason 'all of them'
  says "killing $first"
  expect 3 mr wait "$first"
  expect 3 mr wait "$job"
  expect 0 mr status "$first"
  says 'all of them' out.txt
  expect 2 mr kill
  stop_cluster
}

case_inputs_and_surroundings() {
  cluster
  printf 'a side file\n' >side.txt
  printf 'word = "with spaces"\n' >params.toml
  local asked='MR_JOB MR_TASK MR_PHASE MR_WORKER MR_PARTITION MR_INPUT_FILE MR_SIDE_STOP MR_PARAM_WORD GIVEN TAKEN'
  tr ' ' '\n' <<<"$asked" >names.txt
  TAKEN=here expect 0 mr run "$plugins/environment.so" names.txt -o out -r 1 -f stop=side.txt --param-file params.toml \
    --env GIVEN=1 --env TAKEN
  local line
  for line in 'map MR_JOB=j1' 'reduce MR_TASK=j1-r0' 'map MR_PHASE=map' 'reduce MR_PHASE=reduce' 'map MR_WORKER=w1' \
    'map MR_PARTITION=-' 'reduce MR_PARTITION=0' "map MR_INPUT_FILE=$work/names.txt" 'reduce MR_INPUT_FILE=-' \
    "map MR_SIDE_STOP=$work/side.txt" "reduce MR_SIDE_STOP=$work/side.txt" 'map MR_PARAM_WORD=with spaces' \
    'map GIVEN=1' 'reduce TAKEN=here'; do
    grep -qxF "$line" out/part-r-00000 || fail "no '$line' in: $(cat out/part-r-00000)"
  done
  expect 2 mr run "$plugins/environment.so" names.txt -o out2 --env NOT_SET_ANYWHERE
  says 'not set here'
  expect 6 mr run "$plugins/environment.so" names.txt -o out2 -f stop=missing.txt
  says 'missing\.txt'
  # Tagged inputs, and a list of them.
  printf 'LEFT\n' >left.txt
  printf 'RIGHT\n' >right.txt
  expect 0 mr run "$plugins/environment.so" -I one=left.txt -I two=right.txt -o tagged -r 1
  says '^map tag of LEFT=one$' tagged/part-r-00000
  says '^map tag of RIGHT=two$' tagged/part-r-00000
  printf 'left.txt\n\nright.txt\n' >list.txt
  expect 0 mr run "$plugins/wordcount.so" --input-list list.txt -o listed -r 1
  same listed/part-r-00000 <(printf 'LEFT\t1\nRIGHT\t1\n')
  # What a job was asked can be asked again.
  expect 0 mr describe j1 --params
  says '^"word" = "with spaces"$' out.txt
  mr describe j1 --spec >job.toml
  expect 0 mr run "$plugins/environment.so" --spec job.toml -o again
  # The output names the job.
  same <(grep -vE 'MR_(JOB|TASK)=' again/part-r-00000) <(grep -vE 'MR_(JOB|TASK)=' out/part-r-00000)
  expect 0 mr describe "$plugins/grep.so" --params
  says 'required: string' out.txt
  stop_cluster
}

case_standard_input() {
  printf 'to be or not to be' | "$bin/mrsubmit" run --local=2 wordcount - -o - 2>err.txt | sort >out.txt
  same out.txt <(printf 'be\t2\nnot\t1\nor\t1\nto\t2\n')
  printf 'x' | expect 2 mr run wordcount - -o out
  says 'needs --local'
}

case_progress_and_quiet() {
  cluster
  gated_job a
  spawn plain "$bin/mrsubmit" attach "$job" --progress plain --progress-interval 100ms
  local plain=$spawned
  spawn json "$bin/mrsubmit" attach "$job" --progress json --progress-interval 100ms
  local json=$spawned
  spawn none "$bin/mrsubmit" attach "$job" --progress none
  local none=$spawned
  spawn quiet "$bin/mrsubmit" -q attach "$job"
  local quiet=$spawned
  wait_for 20 'two plain lines' bash -c "(( \$(grep -cE '^[0-9:]+ $job map' plain.log) >= 2 ))"
  wait_for 20 'a progress line of JSON' grep -q '"type":"progress"' json.log
  open a
  local one
  for one in "$plain" "$json" "$none" "$quiet"; do wait_gone "$one" 30; done
  grep '^{' json.log >lines.json
  json_lines lines.json
  says '"type":"result"' lines.json
  ! grep -q "$job map" none.log || fail "--progress none shows progress: $(cat none.log)"
  says 'succeeded' none.log
  [[ ! -s quiet.log ]] || fail "--quiet says: $(cat quiet.log)"
  MR_PROGRESS=nonsense expect 2 mr attach "$job"
  says "MR_PROGRESS"
  stop_cluster
}

case_colour() {
  printf 'to be\n' >in.txt
  local escape=$'\e'
  expect 0 mr --color always run --local=1 wordcount in.txt -o out
  says "$escape\\["
  NO_COLOR=1 expect 0 mr --color always run --local=1 wordcount in.txt -o out1  # the flag is stronger
  says "$escape\\["
  FORCE_COLOR=1 expect 0 mr run --local=1 wordcount in.txt -o out2
  says "$escape\\["
  NO_COLOR=1 expect 0 mr run --local=1 wordcount in.txt -o out3
  ! grep -q "$escape" err.txt || fail "colour with NO_COLOR: $(cat -v err.txt)"
  expect 2 mr --color sometimes ls
  # At a terminal: painted, unless told otherwise.
  on_a_terminal "'$bin/mrsubmit' run --local=1 wordcount in.txt -o out4"
  on_screen succeeded
  wait "$terminal" || fail "ended with $?"
  exec 9>&-
  grep -aq "$escape\\[32m" screen || fail "no colour at a terminal: $(cat -v screen)"
  on_a_terminal "NO_COLOR=1 '$bin/mrsubmit' run --local=1 wordcount in.txt -o out5"
  on_screen succeeded
  wait "$terminal" || fail "ended with $?"
  exec 9>&-
  ! grep -aq "$escape\\[32m" screen || fail "colour at a terminal with NO_COLOR: $(cat -v screen)"
}

case_completion() {
  expect 0 mr completion bash
  cp out.txt bash.sh
  # shellcheck disable=SC2016
  bash -c 'source ./bash.sh; COMP_WORDS=(mrsubmit run --redu); COMP_CWORD=2; _mrsubmit; echo "${COMPREPLY[@]}"
           COMP_WORDS=(mrsubmit expl); COMP_CWORD=1; _mrsubmit; echo "${COMPREPLY[@]}"' >completed
  same completed <(printf -- '--reducers\nexplain\n')
  expect 0 mr completion zsh
  says '^#compdef mrsubmit$' out.txt
  says "'--reducers\\[reduce tasks" out.txt
  if command -v zsh >/dev/null; then zsh -n out.txt || fail 'zsh does not accept its script'; fi
  expect 0 mr completion fish
  says "__fish_seen_subcommand_from run submit' -l reducers -s r -r" out.txt
  if command -v fish >/dev/null; then fish -n out.txt || fail 'fish does not accept its script'; fi
  expect 2 mr completion tcsh
  says 'bash, zsh, fish'
}

# Keys at a terminal, of jobs on a cluster: c goes on, d leaves the job alone, a second Ctrl-C kills it.
case_keys() {
  cluster
  mkdir a b
  on_a_terminal "'$bin/mrsubmit' run '$gated' in.txt -o a-out -r 1 --job-dir a"
  on_screen '1 running'
  printf '\003' >&9
  on_screen '\[k\].*kill.*\[d\].*detach.*\[c\].*go on'
  printf 'c' >&9
  open a
  leaves_with 0
  expect 0 mr run --detach "$gated" in.txt -o b-out -r 1 --job-dir b
  on_a_terminal "'$bin/mrsubmit' attach j2"
  on_screen '1 running'
  printf '\003' >&9
  on_screen '\[d\].*detach'
  printf 'd' >&9
  leaves_with 4
  grep -aq 'detached\. Watch: mrsubmit attach j2' screen || fail "detached without a word: $(cat -v screen)"
  expect 0 mr status j2
  says running out.txt
  on_a_terminal "'$bin/mrsubmit' attach j2"
  on_screen '1 running'
  printf '\003' >&9
  on_screen '\[k\].*kill'
  printf '\003' >&9
  leaves_with 130
  expect 3 mr wait j2
  stop_cluster
}
# leaves_with CODE: the program on the terminal has ended so.
leaves_with() {
  local code=0
  wait "$terminal" || code=$?
  exec 9>&-
  [[ $code == "$1" ]] || fail "ended with $code instead of $1: $(cat -v screen)"
}

run_cases
