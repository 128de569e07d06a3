#!/bin/sh
# Every public header compiles alone. Where one is the first include of a .cpp, the build has shown that; the others are
# compiled here.
#
#   sh tests/check_headers.sh     after tests/run.sh, in build/
set -eu
cd "$(dirname "$0")/.."
jobs=${LANDFALL_JOBS:-$(nproc)}

[ -f build/build.ninja ] || { echo "check_headers: run sh tests/run.sh first" >&2; exit 1; }
headers=$(cd include && find landfall -name '*.hpp' | sort)
first_includes=$(find src tests examples -name '*.cpp' -exec grep -m 1 -h '^#include' {} + | sed 's/^#include *[<"]\([^>"]*\)[>"].*/\1/' | sort -u)
left=$(printf '%s\n' "$headers" | grep -vxF "$first_includes")

# An object for each header, which CMake makes for VERIFY_INTERFACE_HEADER_SETS.
known=$(ninja -C build -t targets all | sed -n 's/^\(.*_verify_interface_header_sets\/\(landfall\/.*\)\.cxx\.o\): .*/\2 \1/p')
targets=
for header in $left; do
  object=$(printf '%s\n' "$known" | sed -n "s|^$header ||p")
  [ -n "$object" ] || { echo "check_headers: the build does not know $header" >&2; exit 1; }
  targets="$targets $object"
done
ninja -C build -j "$jobs" $targets
echo "check_headers: $(printf '%s\n' "$headers" | wc -l) headers, $(printf '%s\n' "$left" | wc -l) of them compiled here"
