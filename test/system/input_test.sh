#!/usr/bin/env bash
# What inputs may look like: empty, odd line ends, NUL, compressed, many, very long. All through mrsubmit run --local.
# shellcheck source=test/system/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# count_words OUTPUT ARGUMENT…: wordcount of it, sorted lines in $work/words.
count_words() {
  local out=$1
  shift
  expect 0 mr run --local=2 "$plugins/wordcount.so" "$@" -o "$work/$out" -r 2
  clean_output "$work/$out"
  sorted_parts "$work/$out" >"$work/words"
}
# lines_of OUTPUT PATTERN FILE…: what grep finds, without the "file:line:" in front, if it puts one there.
grep_lines() {
  local out=$1 pattern=$2
  shift 2
  expect 0 mr run --local=2 "$plugins/grep.so" -P "pattern=$pattern" "$@" -o "$work/$out"
  clean_output "$work/$out"
  sorted_parts "$work/$out" >"$work/lines"
}

case_empty_file() {
  : >empty.txt
  echo 'one two one' >full.txt
  count_words mixed empty.txt full.txt
  same words <(printf 'one\t2\ntwo\t1\n')
  count_words only empty.txt
  [[ ! -s words ]] || fail "words out of nothing"
}

case_one_byte() {
  printf 'a' >byte.txt
  count_words out byte.txt
  same words <(printf 'a\t1\n')
}

case_no_final_newline() {
  printf 'to be or\nnot to be' >a.txt
  printf 'be' >b.txt
  count_words out a.txt b.txt
  same words <(printf 'be\t3\nnot\t1\nor\t1\nto\t2\n')
}

case_crlf() {
  printf 'first line\r\nsecond line\r\nthird' >dos.txt
  count_words out dos.txt
  same words <(wordcount_oracle dos.txt)
  # A record has neither end: "line$" matches, and the carriage return is not part of what is printed.
  grep_lines ends 'line$' dos.txt
  [[ $(wc -l <lines) == 2 ]] || fail "'line\$' matched $(wc -l <lines) lines: $(cat -A lines)"
  ! grep -q $'\r' lines || fail "a carriage return was kept: $(cat -A lines)"
}

case_nul_bytes() {
  printf 'before\0after and\0\0more\nnext\0' >nul.txt
  count_words out nul.txt
  same words <(wordcount_oracle nul.txt)
  printf 'x\0y\n' >one.txt
  grep_lines kept x one.txt
  [[ $(tr -cd '\0' <lines | wc -c) == 1 ]] || fail "the NUL byte is lost: $(od -c lines | head -3)"
}

case_bytes_that_are_no_text() {
  head -c 200000 /dev/urandom >random.bin
  count_words out random.bin
  same words <(wordcount_oracle random.bin)
}

case_compressed() {
  local text=$data/kjv/04-job.txt
  gzip -c "$text" >job.txt.gz
  zstd -q -c "$text" >job.txt.zst
  # Concatenated members are one file.
  { head -c 50000 "$text" | gzip -c; tail -c +50001 "$text" | gzip -c; } >two.txt.gz
  wordcount_oracle "$text" >expected
  local name
  for name in job.txt.gz job.txt.zst two.txt.gz; do
    count_words "out-$name" "$name"
    same words expected
  done
}

case_truncated_gzip_is_an_error() {
  gzip -c "$data/kjv/04-job.txt" | head -c 20000 >cut.txt.gz
  expect 1 mr run --local=2 "$plugins/wordcount.so" cut.txt.gz -o out
  says 'cut\.txt\.gz'
  [[ ! -e out/_SUCCESS ]] || fail "a broken input gave a result"
}

case_directory() {
  mkdir -p in/deeper
  echo 'one' >in/a.txt
  echo 'two' >in/deeper/b.txt
  echo 'hidden' >in/.hidden
  echo 'ignored' >in/_SUCCESS
  count_words out in
  same words <(printf 'one\t1\ntwo\t1\n')
}

case_glob() {
  mkdir -p in/x/y
  echo 'one' >in/a.txt
  echo 'two' >in/b.log
  echo 'three' >in/x/y/c.txt
  count_words plain 'in/*.txt'
  same words <(printf 'one\t1\n')
  count_words deep 'in/**/*.txt'
  grep -q '^three' words || fail "** does not descend: $(cat words)"
  expect 6 mr run --local=2 "$plugins/wordcount.so" 'in/*.nothing' -o none
  says 'in/\*\.nothing'
}

case_small_files_are_packed() {
  mkdir in
  local i
  for i in $(seq 1 400); do echo "word common" >"in/f$i.txt"; done
  count_words out in
  same words <(printf 'common\t400\nword\t400\n')
  # 400 files of 12 bytes are a handful of tasks, as the receipt's counters or the dry run say.
  expect 0 mr run --local=2 --dry-run "$plugins/wordcount.so" in -o other
  local maps
  maps=$(cat out.txt err.txt | grep -oE '[0-9]+ map' | head -1 | cut -d' ' -f1)
  ((maps <= 10)) || fail "$maps map tasks for 400 tiny files"
  [[ ! -e other ]] || fail "a dry run created its output"
}

case_splits_lose_nothing() {
  local size
  cat "$data/kjv/12-acts.txt" "$data/kjv/14-revelation.txt" >text.txt
  wordcount_oracle text.txt >expected
  for size in 4Ki 65537 1Mi; do
    count_words "out-$size" text.txt --split-size "$size"
    same words expected
  done
}

case_line_of_100_megabytes() {
  # yes ends by SIGPIPE.
  { yes 'lorem ipsum' || true; } | head -c 100000000 | tr '\n' ' ' >long.txt
  printf '\nshort line\n' >>long.txt
  count_words out long.txt
  same words <(printf 'ipsum\t8333333\nline\t1\nlore\t1\nlorem\t8333333\nshort\t1\n')
}

case_input_changed_or_missing() {
  expect 6 mr run --local=2 "$plugins/wordcount.so" no-such-file.txt -o out
  says 'no-such-file\.txt'
  [[ ! -e out ]] || fail "an output directory was made for nothing"
}

case_standard_output_and_input() {
  echo 'b a b' >in.txt
  expect 0 mr run --local=2 "$plugins/wordcount.so" in.txt -o - -r 2
  same <(sort out.txt) <(printf 'a\t1\nb\t2\n')
}

run_cases
