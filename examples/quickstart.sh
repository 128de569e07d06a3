#!/bin/sh
# From a checkout to a first sync: builds destination-jsonl and loads the sample input in examples/data with it.
#
#   sh examples/quickstart.sh
#
# Missing packages are installed first (cmake/install-packages.sh). The files land in build/quickstart/.
# LANDFALL_JOBS: how many compilers at once; default: one for each processor.
set -eu
cd "$(dirname "$0")/.."
jobs=${LANDFALL_JOBS:-$(nproc)}
connector=build/bin/destination-jsonl
work=$PWD/build/quickstart

fail() {
  printf '\nquickstart: %s\n' "$1" >&2
  exit 1
}
title() { printf '\n%s\n' "$1"; }

sh cmake/install-packages.sh build || fail "packages are missing, see above"

title "Building destination-jsonl (a few minutes the first time)"
mkdir -p build
log=build/quickstart-build.log
# A build folder that is there already, from tests/run.sh say, is used as it is.
if [ ! -f build/CMakeCache.txt ]; then
  launcher=
  if command -v ccache >/dev/null 2>&1; then launcher=ccache; fi
  cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER_LAUNCHER="$launcher" \
    -DLANDFALL_BUILD_TESTS=OFF >"$log" 2>&1 || { cat "$log" >&2; fail "CMake could not configure, see above"; }
fi
cmake --build build --parallel "$jobs" --target destination-jsonl >"$log" 2>&1 ||
  { tail -n 40 "$log" >&2; fail "the build failed, see above (all of it: $log)"; }
[ -x "$connector" ] || fail "the build left no $connector"

rm -rf "$work"
mkdir -p "$work"
printf '{"destination_path": "%s/data"}\n' "$work" >"$work/config.json"

title "Loading examples/data/input.jsonl ($(grep -c '"RECORD"' examples/data/input.jsonl) records)"
echo "  \$ $connector write --config build/quickstart/config.json --catalog examples/data/catalog.json --log plain \\"
echo "      < examples/data/input.jsonl"
if ! "$connector" write --config "$work/config.json" --catalog examples/data/catalog.json --log plain \
  <examples/data/input.jsonl >"$work/stdout.jsonl" 2>"$work/stderr.log"; then
  cat "$work/stderr.log" "$work/stdout.jsonl" >&2
  fail "the sync failed, see above"
fi

title "What was written, with the first line of each file"
written_files() { find "$work/data" -name .landfall -prune -o -type f -print | sort; }
[ -n "$(written_files)" ] || fail "the sync succeeded but wrote no file"
written_files | while IFS= read -r file; do
  count=$(wc -l <"$file" | tr -d ' ')
  if [ "$count" = 1 ]; then lines=line; else lines=lines; fi
  printf '  build/quickstart/%s: %s %s\n' "${file#"$work/"}" "$count" "$lines"
  if [ "$count" != 0 ]; then printf '    %s\n' "$(head -n 1 "$file")"; fi
done

title "STATE messages on stdout: each says that every record before it is safe"
grep '"STATE"' "$work/stdout.jsonl" | sed 's/^/  /' || fail "no STATE came back"

title "The report of the run (stderr, because of --log plain)"
sed 's/^/  /' "$work/stderr.log"

title "How to go on"
cat <<'END'
  build/bin/destination-jsonl --help         the commands; spec, check and write are what Airbyte calls
  examples/minimal/main.cpp                  the smallest connector
  examples/destination-jsonl/                a whole one
  README.md                                  how to use landfall in your own project
  sh tests/run.sh                            landfall's own tests
END
