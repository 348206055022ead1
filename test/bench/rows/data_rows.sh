# shellcheck shell=bash disable=SC2154  # text, records, bin, … come from scripts/bench
# Rows about data: B1, B2, B5, B6 and B8. Sourced by scripts/bench. ROW_CANDIDATE is the timed part of a candidate.

mr_local() { "$bin/mrsubmit" run --no-config -q --local=2 "$@" </dev/null; }

# ---- B1: word count -----------------------------------------------------------------------------------------

before_B1_ours() { rm -rf "$work/words"; }
B1_ours() { mr_local wordcount "$text" -o "$work/words"; }
B1_hand() { "$peers/peer_word_count" "$text" "$work/words.hand"; }
B1_tuned() { "$peers/peer_word_count_tuned" "$text" "$work/words.tuned"; }
B1_mawk() {
  mawk '{ gsub(/[^A-Za-z]+/, " "); n = split($0, w, " "); for (i = 1; i <= n; i++) if (w[i] != "") c[w[i]]++ }
    END { for (x in c) print x "\t" c[x] }' "$text" | sort >"$work/words.mawk"
}

B1_wc() { wc -w <"$text" >"$work/words.wc"; }
B1_fields() { mawk '{ n += NF } END { print n }' "$text" >"$work/words.fields"; }

# Busy: the processor time of all map attempts over the time from the first one's start to the last one's end, two slots
# long. On a cluster of one worker, so that it can be asked about its tasks afterwards.
B1_busy() {
  local round
  start_coordinator
  start_worker w1 --slots 2
  for ((round = 1; round <= runs; ++round)); do
    before_B1_ours
    "$bin/mrsubmit" run --no-config -q -c "$endpoint" wordcount "$text" -o "$work/words" </dev/null >"$work/log" 2>&1 ||
      stop "B1: $(tail -3 "$work/log")" 1
    "$bin/mrsubmit" tasks last --no-config --json -c "$endpoint" >"$work/tasks.json"
    sample B1 busy "$(sed 's/{"task":/\n&/g' "$work/tasks.json" | awk '
      function ms(key,  text, part) {
        if (!match($0, "\"" key "\":\"[^\"]*T[0-9:.]*")) return -1
        text = substr($0, RSTART, RLENGTH)
        sub(/.*T/, "", text)
        split(text, part, ":")
        return ((part[1] * 60 + part[2]) * 60 + part[3]) * 1000
      }
      /"phase":"map"/ {
        if (match($0, /"cpu_ms":[0-9]+/)) cpu += substr($0, RSTART + 9, RLENGTH - 9)
        from = ms("started"); to = ms("ended")
        if (first == "" || from < first) first = from
        if (to > last) last = to
      }
      END { printf "%.4f", (last > first ? cpu / (last - first) / 2 : 0) }')"
  done
  stop_cluster
  rm -rf "$work/state"
}

row_B1() {
  local slow=$runs
  need_text
  alternate B1 "$runs" ours hand tuned
  # These take half a minute for the whole text, or nearly, and are far behind: once is enough.
  [[ $size != full ]] || slow=1
  alternate B1 "$slow" mawk wc fields
  B1_busy
  sort "$work"/words/part-* | cmp - "$work/words.hand" || stop "B1: ours and the hand-written program differ" 1
  cmp "$work/words.mawk" "$work/words.hand" || stop "B1: mawk and the hand-written program differ" 1
  cmp "$work/words.tuned" "$work/words.hand" || stop "B1: the two hand-written programs differ" 1
  report_ratio B1 'word count' ours hand 'hand-written, 2 threads' '<= 1.0'
  report_ratio B1 'word count' ours tuned 'the same, batched and tuned' ''
  report_ratio B1 'word count' ours mawk 'mawk' ''
  report_ratio B1 'word count' ours wc 'wc -w: a number, no table' ''
  report_ratio B1 'word count' ours fields "mawk '{n+=NF}': a number" ''
  report_value B1 'map phase: both processors busy' 'x' busy '>= 0.9'
}

# ---- B2: sort ------------------------------------------------------------------------------------------------

before_B2_ours() { rm -rf "$work/sorted"; }
B2_ours() { mr_local terasort "$records" -o "$work/sorted" -r 4; }
before_B2_hand() { rm -f "$work"/sorted.hand?; }
B2_hand() { "$peers/peer_record_sort" "$records" "$work/sorted.hand"; }
before_B2_gnu() { rm -f "$work/sorted.gnu"; }
B2_gnu() { sort --parallel=2 -S 8G -T "$work" "$records" -o "$work/sorted.gnu"; }
before_B2_copy() { rm -f "$work/sorted.copy"; }
B2_copy() { cp "$records" "$work/sorted.copy" && sync "$work/sorted.copy"; }
after_B2_copy() { rm -f "$work/sorted.copy"; }

row_B2() {
  need_records
  alternate B2 "$runs" ours hand gnu copy
  cat "$work"/sorted/part-* | cmp - "$work/sorted.gnu" || stop "B2: ours and GNU sort differ" 1
  cat "$work"/sorted.hand? | cmp - "$work/sorted.gnu" || stop "B2: the hand-written program and GNU sort differ" 1
  rm -rf "$work"/sorted*
  report_ratio B2 'sort, 4 partitions' ours hand 'hand-written, 2 threads' '<= 1.4'
  report_ratio B2 'sort, 4 partitions' ours gnu 'GNU sort --parallel=2' '<= 0.20'
  report_ratio B2 'sort, 4 partitions' ours copy 'cp + fsync' ''
}

# ---- B5: shuffle ---------------------------------------------------------------------------------------------

# All print the seconds of the transfer alone, without starting up, between two processes. The shuffle leaves the bytes in
# memory; so does the peer that it is measured by. The other one shows what keeping them costs.
row_B5() {
  local bytes=$((1000 << 20)) round
  [[ $size != quick ]] || bytes=$((64 << 20))
  mkdir -p "$work/shuffle"
  "$peers/shuffle_bench" make "$work/shuffle" "$bytes"
  cat "$work"/shuffle/*.run >"$work/shuffle.all"
  for ((round = 1; round <= runs; ++round)); do
    sample B5 ours "$("$peers/shuffle_bench" fetch "$work/shuffle")"
    sample B5 kept "$("$peers/peer_socket_copy" "$work/shuffle.all" keep)"
    sample B5 copy "$("$peers/peer_socket_copy" "$work/shuffle.all")"
  done
  rm -rf "$work"/shuffle*
  # At least 0.8 of the speed is at most 1.25 of the time.
  report_ratio B5 'shuffle over TCP, 8 segments' ours kept 'raw TCP copy, bytes kept' '<= 1.25'
  report_ratio B5 'shuffle over TCP, 8 segments' ours copy 'raw TCP copy, thrown away' ''
}

# ---- B6: ten times the memory --------------------------------------------------------------------------------

# sort_in MEMORY RECORDS CANDIDATE: one slot, one map task and one partition, so that all of it is in one task's budget.
sort_in() {
  local from
  rm -rf "$work/spilled"
  sync -f "$work"
  from=${EPOCHREALTIME/./}
  "$bin/mrsubmit" run --no-config --json --local=1 terasort "$2" -o "$work/spilled" -r 1 --split-size 64Gi \
    --task-memory "$1" </dev/null >"$work/log" 2>&1 || stop "B6: $(tail -3 "$work/log")" 1
  sample B6 "$3" "$(awk -v us=$((${EPOCHREALTIME/./} - from)) -v bytes="$(stat -c %s "$2")" 'BEGIN { printf "%.9f", us * 1e3 / bytes }')"
  sample B6 "$3.peak" "$(grep -o '"peak_memory_bytes":[0-9]*' "$work/log" | tail -1 |
    awk -F: -v budget="$1" '{ printf "%.4f", $2 / budget }')"
}

row_B6() {
  local budget part round
  need_records
  budget=$(($(stat -c %s "$records") / 10))
  ((budget >= 1 << 20)) || budget=$((1 << 20))
  part=$work/records-part  # half a budget: nothing is spilled
  local half=$((budget / 200))  # records
  head -c $((half * 100)) "$records" >"$part"
  for ((round = 1; round <= runs; ++round)); do
    sort_in "$budget" "$records" spilled
    sort_in "$budget" "$part" fits
  done
  cat "$work"/spilled/part-* | cmp -s - <(sort "$part") || stop "B6: not what GNU sort makes of it" 1
  rm -rf "$work/spilled" "$part"
  report_ratio B6 'input 10 x memory, ns per byte' spilled fits 'the same, input fits' '<= 1.3' ns
  report_value B6 'peak memory / --task-memory' 'x' spilled.peak '<= 1.1'
}

# ---- B8: small files -----------------------------------------------------------------------------------------

# A job that does next to nothing with its input: what is left is the handling of files.
before_B8_files() { rm -rf "$work/few"; }
B8_files() { mr_local grep --input-list "$files" -P pattern=qXzNowhereZxq -o "$work/few"; }
before_B8_text() { rm -rf "$work/few"; }
B8_text() { mr_local grep "$files_text" -P pattern=qXzNowhereZxq -o "$work/few"; }
B8_readfiles() { "$peers/peer_read_files" <"$files"; }
B8_readtext() { "$peers/peer_read_files" <<<"$files_text"; }
before_B8_index() { rm -rf "$work/index"; }
B8_index() { mr_local indexer --input-list "$files" -P full_path=true -o "$work/index"; }

row_B8() {
  need_files
  alternate B8 "$runs" files readfiles text readtext index
  rm -rf "$work/index"
  # What a file costs a job more than the same bytes in one file, and what it costs a program that only reads it.
  paste "$work"/samples/B8.{files,text,readfiles,readtext} |
    awk -v n="$file_count" '{ printf "%.9f\n", (($1 - $2) - ($3 - $4)) / n }' >"$work/samples/B8.overhead"
  paste "$work"/samples/B8.{files,readfiles} | awk -v n="$file_count" '{ printf "%.9f\n", ($1 - $2) / n }' >"$work/samples/B8.total"
  report_value B8 "$file_count files: overhead per file" s overhead '< 0.00002'
  report_value B8 '  with start, and looking for a word' s total ''
  report_ratio B8 'indexer over these files' index readfiles 'only reading them' ''
}
