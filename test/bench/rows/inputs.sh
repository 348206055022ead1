# shellcheck shell=bash disable=SC2034,SC2154  # used by, and set by, scripts/bench and the rows
# Inputs, made once into the cache: sourced by scripts/bench.

text_bytes_quick=$((64 << 20))
record_count_full=10000000
text_origin=

# make_once FILE COMMAND…: COMMAND's output becomes FILE if it is not there yet; half a file never does.
make_once() {
  local file=$1
  shift
  [[ -e $file ]] && return
  say "making ${file##*/}"
  "$@" >"$file.part" || { rm -f "$file.part"; return 1; }
  mv "$file.part" "$file"
}

is_text=(-name '*.c' -o -name '*.h' -o -name '*.S' -o -name '*.rst' -o -name '*.txt')

# The kernel's sources, from Debian's package; only the files that count as text.
unpack_linux() {
  local into=$1
  [[ -e $into/complete ]] && return
  rm -rf "$into"
  mkdir -p "$into/package" "$into/tree"
  say "fetching linux-source-6.1 (139 MB)"
  (cd "$into/package" && timeout 300 apt-get download linux-source-6.1) >"$into/log" 2>&1 || return 1
  say "unpacking linux-source-6.1"
  dpkg-deb --fsys-tarfile "$into"/package/*.deb |
    tar -xO --wildcards './usr/src/linux-source-6.1.tar.xz' | xz -T2 -dc |
    tar -x -C "$into/tree" --strip-components=1 --wildcards --no-anchored '*.c' '*.h' '*.S' '*.rst' '*.txt' || return 1
  find "$into/tree" -type l -delete
  rm -rf "$into/package"
  touch "$into/complete"
}

concatenate_tree() { (cd "$1" && find . -type f \( "${is_text[@]}" \) -print0 | sort -z | xargs -0 cat); }

# repeat_kjv BYTES: the text of data/ over and over.
repeat_kjv() {
  local bytes=$1
  (
    set +o pipefail
    while cat "$root"/data/kjv/*.txt 2>/dev/null; do :; done | head -c "$bytes"
  )
}

# Sets $text (a file) and $text_origin. Its pages are read once: all runs find them in memory.
need_text() {
  local full_bytes=1216000000
  if [[ $size == quick && ! -e $cache/linux-text ]]; then  # nothing is fetched for a quick look
    text=$cache/kjv-64M text_origin='text: 64 MB of data/kjv, over and over'
    make_once "$text" repeat_kjv "$text_bytes_quick"
  elif unpack_linux "$cache/linux"; then
    text=$cache/linux-text text_origin='text: linux-source-6.1'
    make_once "$text" concatenate_tree "$cache/linux/tree"
    if [[ $size == quick ]]; then
      make_once "$text-quick" head -c "$text_bytes_quick" "$text"
      text+=-quick text_origin+=', first 64 MB'
    fi
  else
    text=$cache/kjv-$full_bytes text_origin='text: data/kjv over and over, as linux-source-6.1 could not be fetched'
    make_once "$text" repeat_kjv "$full_bytes"
  fi
  cat "$text" >/dev/null
}

# Sets $records (a file) of a size that goes with the text's.
need_records() {
  local count=$record_count_full
  [[ $size != quick ]] || count=640000
  records=$cache/records-$count
  make_once "$records" "$peers/make_records" "$count" 1
  cat "$records" >/dev/null
}

# Sets $files (a list, a path per line), $file_count and $files_text (the same bytes in one file).
need_files() {
  need_text
  if [[ $size == full && -e $cache/linux/complete ]]; then
    files=$cache/linux-files
    [[ -e $files ]] || find "$cache/linux/tree" -type f \( "${is_text[@]}" \) | sort >"$files"
    files_text=$text
  else
    # Pieces of the text, as large as the kernel's files are on average.
    local pieces=$text-pieces
    if [[ ! -e $pieces.list ]]; then
      rm -rf "$pieces"
      mkdir -p "$pieces"
      split -C 20k -a 5 -d --additional-suffix=.txt "$text" "$pieces/"
      find "$pieces" -type f | sort >"$pieces.list"
    fi
    files=$pieces.list files_text=$text
  fi
  file_count=$(wc -l <"$files")
  xargs -a "$files" -d '\n' cat >/dev/null
}
