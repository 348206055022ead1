# shellcheck shell=bash disable=SC2154  # root, work, runs, size, bin come from scripts/bench
# Running, timing and reporting: sourced by scripts/bench. A sample is a number of seconds (or another unit that the
# row names) in $work/samples/ROW.CANDIDATE, one a line; lines of the same number were taken one after the other.

results=()   # row|what|unit|ours candidate|peer candidate|peer's name|ratio or value|target|met
pids=()      # process groups that rows started

# What is going on now: one line that is written over; a line per row where it cannot be.
say() {
  if [[ -t 2 ]]; then printf '\r\033[K%s' "$*" >&2; else printf '%s\n' "$*" >&2; fi
}

clean_up() {
  local status=$? pid
  set +e
  [[ ! -t 2 ]] || printf '\r\033[K' >&2
  # A row has failed: what the others gave is not lost with it.
  [[ ${table_due:-no} == no || ${#results[@]} -eq 0 ]] || print_table
  for pid in "${pids[@]}"; do kill -TERM -- "-$pid" 2>/dev/null; done
  for pid in "${pids[@]}"; do
    for _ in {1..100}; do
      kill -0 -- "-$pid" 2>/dev/null || break
      sleep 0.05
    done
    kill -KILL -- "-$pid" 2>/dev/null
  done
  [[ -z ${work:-} ]] || rm -rf "$work"
  exit "$status"
}

# sample ROW CANDIDATE VALUE
sample() {
  mkdir -p "$work/samples"
  echo "$3" >>"$work/samples/$1.$2"
}

# timed ROW CANDIDATE COMMAND…: one run, its wall time as a sample. Before it, what earlier runs left to be written to
# the disk is written, so that no run pays for another's.
timed() {
  local row=$1 candidate=$2 from status=0
  shift 2
  sync -f "$work"
  from=${EPOCHREALTIME/./}
  "$@" >"$work/log" 2>&1 || status=$?
  sample "$row" "$candidate" "$(awk -v us=$((${EPOCHREALTIME/./} - from)) 'BEGIN { printf "%.6f", us / 1e6 }')"
  ((status == 0)) || {
    tail -20 "$work/log" >&2
    stop "$row: exit code $status of: $*" 1
  }
}

# alternate ROW TIMES CANDIDATE…: each round runs every CANDIDATE once: a function ROW_CANDIDATE (the timed part) and,
# where it exists, before_ROW_CANDIDATE and after_ROW_CANDIDATE (not timed).
alternate() {
  local row=$1 times=$2 round candidate
  shift 2
  for ((round = 1; round <= times; ++round)); do
    for candidate in "$@"; do
      [[ ! -t 2 ]] || say "$row: run $round of $times: $candidate"
      ! declare -F "before_${row}_$candidate" >/dev/null || "before_${row}_$candidate"
      timed "$row" "$candidate" "${row}_$candidate"
      ! declare -F "after_${row}_$candidate" >/dev/null || "after_${row}_$candidate"
    done
  done
}

median() { sort -g "$1" | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
median_of() { median "$work/samples/$1.$2"; }
# The median of the ratios of the runs that were taken one after the other.
ratio_of() {
  paste "$work/samples/$1.$2" "$work/samples/$1.$3" | awk 'NF == 2 { print $1 / $2 }' >"$work/ratios"
  median "$work/ratios"
}

# judge NUMBER TARGET: "yes" or "no"; TARGET is "<= 0.75", ">= 20000", "< 0.1" or empty.
judge() {
  [[ -n $2 ]] || { echo ''; return; }
  awk -v number="$1" -v target="$2" 'BEGIN {
    split(target, part, " ")
    bound = part[2] + 0
    met = part[1] == "<=" ? number <= bound : part[1] == ">=" ? number >= bound : number < bound
    print met ? "yes" : "no" }'
}

# report_ratio ROW WHAT OURS PEER PEER_NAME TARGET [UNIT]: a line of the table about ours/peer; seconds by default.
report_ratio() {
  local ratio
  ratio=$(ratio_of "$1" "$3" "$4")
  results+=("$1|$2|${7:-s}|$3|$4|$5|$(printf '%.3f' "$ratio")|$6|$(judge "$ratio" "$6")")
}

# report_value ROW WHAT UNIT OURS TARGET: a line about a figure that has an absolute target, in its own unit.
report_value() {
  local value
  value=$(median_of "$1" "$4")
  results+=("$1|$2|$3|$4|||$value|$5|$(judge "$value" "$5")")
}


# 0.0123 s is 12.3 ms.
with_unit() {
  awk -v value="$1" -v unit="$2" 'BEGIN {
    if (unit == "s" && value < 1e-3) printf "%.1f us", value * 1e6
    else if (unit == "s" && value < 1) printf "%.1f ms", value * 1e3
    else if (unit == "s") printf "%.2f s", value
    else if (value >= 100) printf "%.0f %s", value, unit
    else printf "%.3g %s", value, unit }'
}

print_table() {
  local line row what unit ours peer name number target met ours_text peer_text previous=''
  [[ ! -t 2 ]] || printf '\r\033[K' >&2
  printf '\n%-4s %-34s %10s  %-28s %10s %7s  %-10s %s\n' row work ours peer "peer's" ratio target met
  for line in "${results[@]}"; do
    IFS='|' read -r row what unit ours peer name number target met <<<"$line"
    ours_text='' peer_text=''
    [[ -z $ours ]] || ours_text=$(with_unit "$(median_of "$row" "$ours")" "$unit")
    if [[ -n $peer ]]; then
      peer_text=$(with_unit "$(median_of "$row" "$peer")" "$unit")
    else
      number=''
      [[ $unit != s || -z $target ]] || target="${target% *} $(with_unit "${target#* }" s)"
    fi
    # A further peer of the same work.
    if [[ $row$what == "$previous" ]]; then what='' ours_text=''; else previous=$row$what; fi
    printf '%-4s %-34s %10s  %-28s %10s %7s  %-10s %s\n' \
      "$row" "$what" "$ours_text" "$name" "$peer_text" "$number" "$target" "$met"
  done
  printf '\n%s\n' "${text_origin:-no text was used}; $runs runs; $(uname -srm), $(nproc) processors; medians."
}

json_samples() { paste -sd, "$work/samples/$1.$2" | sed 's/^/[/; s/$/]/'; }

write_json() {
  local line row what unit ours peer name number target met comma=''
  printf '{"v":1,"size":"%s","runs":%d,"machine":"%s","processors":%d,"text":"%s","revision":"%s","rows":[' \
    "$size" "$runs" "$(uname -srm)" "$(nproc)" "${text_origin:-}" "$(git -C "$root" describe --always --dirty 2>/dev/null || true)"
  for line in "${results[@]}"; do
    IFS='|' read -r row what unit ours peer name number target met <<<"$line"
    printf '%s\n{"row":"%s","work":"%s","unit":"%s"' "$comma" "$row" "$what" "$unit"
    [[ -z $ours ]] || printf ',"ours":%s,"ours_samples":%s' "$(median_of "$row" "$ours")" "$(json_samples "$row" "$ours")"
    [[ -z $peer ]] || printf ',"peer":%s,"peer_samples":%s,"ratio":%s' \
      "$(median_of "$row" "$peer")" "$(json_samples "$row" "$peer")" "$number"
    [[ -z $name ]] || printf ',"peer_name":"%s"' "$name"
    [[ -z $target ]] || printf ',"target":"%s"' "$target"
    [[ -z $met ]] || printf ',"met":%s' "$([[ $met == yes ]] && echo true || echo false)"
    printf '}'
    comma=,
  done
  printf '\n]}\n'
}
