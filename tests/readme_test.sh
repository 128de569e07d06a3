#!/bin/sh
# The code in README.md is code that compiles: a block below <!-- file: PATH --> is that file, line by line.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

awk -v work="$work" '
  /^<!-- file: .* -->$/ { path = $3; next }
  /^```/ && path != "" && !inside { inside = 1; count++; block = work "/" count; print path > (block ".path"); printf "" > block; next }
  /^```/ && inside { inside = 0; path = ""; close(block); close(block ".path"); next }
  inside { print > block }
' README.md

count=0
status=0
for named in "$work"/*.path; do
  [ -e "$named" ] || break
  count=$((count + 1))
  path=$(cat "$named")
  if ! diff -u "$path" "${named%.path}"; then
    echo "README.md shows $path differently (-: the file, +: README.md)" >&2
    status=1
  fi
done
[ "$count" -gt 0 ] || { echo "README.md has no block marked with <!-- file: PATH -->" >&2; exit 1; }

# Files and folders that the text names by their place in the repository exist.
for path in $(grep -oE '`(src|include|tests|examples|cmake)/[A-Za-z0-9_./-]+`' README.md | tr -d '`' | sort -u); do
  if [ ! -e "$path" ]; then
    echo "README.md names $path, which is not there" >&2
    status=1
  fi
done
exit $status
