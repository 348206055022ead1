# shellcheck shell=bash disable=SC2154  # text, records, bin, … come from scripts/bench
# Rows about data: B1 and B2. Sourced by scripts/bench. ROW_CANDIDATE is the timed part of a candidate.

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

row_B1() {
  local slow=$runs
  need_text
  alternate B1 "$runs" ours hand tuned
  # mawk takes half a minute for the whole text, and is far behind: once is enough.
  [[ $size != full ]] || slow=1
  alternate B1 "$slow" mawk
  sort "$work"/words/part-* | cmp - "$work/words.hand" || stop "B1: ours and the hand-written program differ" 1
  cmp "$work/words.mawk" "$work/words.hand" || stop "B1: mawk and the hand-written program differ" 1
  cmp "$work/words.tuned" "$work/words.hand" || stop "B1: the two hand-written programs differ" 1
  report_ratio B1 'word count' ours hand 'hand-written, 2 threads' '<= 1.0'
  report_ratio B1 'word count' ours tuned 'the same, batched and tuned' ''
  report_ratio B1 'word count' ours mawk 'mawk' ''
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
