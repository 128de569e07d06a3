#!/bin/sh
# Builds the smallest connector (examples/minimal) as somebody else's project, in the two ways the README names: with
# find_package() from an installed landfall, and with landfall as a sub-project. Then runs it.
#
#   sh tests/consumer/run.sh        after tests/run.sh: installs what is in build/; works in build/consumer/
set -eu
cd "$(dirname "$0")/../.."
root=$PWD
jobs=${LANDFALL_JOBS:-$(nproc)}
work=$root/build/consumer
launcher=
if command -v ccache >/dev/null 2>&1; then launcher=ccache; fi

fail() {
  echo "consumer: $1" >&2
  exit 1
}

[ -f build/CMakeCache.txt ] || fail "build/ is not there: run sh tests/run.sh first"
rm -rf "$work"
mkdir -p "$work"

# What a connector must do, however it was built: answer spec, load a record, print the STATE behind it.
cat >"$work/catalog.json" <<'END'
{"streams":[{"stream":{"name":"users","json_schema":{"type":"object"},"supported_sync_modes":["full_refresh"]},"sync_mode":"full_refresh","destination_sync_mode":"append"}]}
END
echo '{}' >"$work/config.json"
cat >"$work/input.jsonl" <<'END'
{"type":"RECORD","record":{"stream":"users","data":{"id":1,"name":"Ada"},"emitted_at":1700000000000}}
{"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"users"},"stream_state":{"cursor":1}},"sourceStats":{"recordCount":1.0}}}
END
try_connector() {
  "$1" spec </dev/null >"$work/spec.out" || fail "spec ended with $?"
  grep -q '"type":"SPEC"' "$work/spec.out" || fail "spec printed no SPEC message"
  "$1" write --config "$work/config.json" --catalog "$work/catalog.json" \
    <"$work/input.jsonl" >"$work/write.out" 2>"$work/write.err" || fail "write ended with $?: $(cat "$work/write.err")"
  grep -qxF '{"id":1,"name":"Ada"}' "$work/write.err" || fail "write did not load the record"
  grep '"type":"STATE"' "$work/write.out" | grep -q '"cursor":1' || fail "write did not print the STATE"
}

echo "== find_package from an install prefix"
cmake --build build --parallel "$jobs" --target landfall landfall_testing
cmake --install build --prefix "$work/prefix" >"$work/install.log"
cmake -S tests/consumer/package -B "$work/package" -G Ninja -DCMAKE_PREFIX_PATH="$work/prefix" \
  -DCMAKE_CXX_COMPILER_LAUNCHER="$launcher"
cmake --build "$work/package" --parallel "$jobs"
try_connector "$work/package/connector"
"$work/package/embedded" >"$work/embedded.out" || fail "the embedded sync ended with $?"
grep -qxF '1 records, complete' "$work/embedded.out" || fail "the embedded sync did not close its loader"
grep -q '"type":"STATE"' "$work/embedded.out" || fail "the embedded sync printed no STATE"
if grep -rqF "$root" "$work/prefix/lib"*/cmake "$work/prefix/lib"*/*/cmake 2>/dev/null; then
  fail "the installed CMake files name the source folder"
fi

echo "== FetchContent, landfall as a sub-project"
cmake -S tests/consumer/subproject -B "$work/subproject" -G Ninja -DFETCHCONTENT_SOURCE_DIR_LANDFALL="$root" \
  -DCMAKE_CXX_COMPILER_LAUNCHER="$launcher" -DCMAKE_EXPORT_COMPILE_COMMANDS=ON
if grep -F "\"command\"" "$work/subproject/compile_commands.json" | grep -F "$root/src/" | grep -qE -- ' -W| -fsanitize| -O'; then
  fail "landfall was built with flags that nobody asked for"
fi
cmake --build "$work/subproject" --parallel "$jobs"
try_connector "$work/subproject/connector"
tests=$(ctest --test-dir "$work/subproject" -N | grep -c 'Test *#') || true
[ "$tests" = 1 ] || fail "the project has one test of its own, but ctest lists $tests"
ctest --test-dir "$work/subproject" --output-on-failure --no-tests=error >"$work/ctest.log" || fail "$(cat "$work/ctest.log")"

echo "consumer: both ways build and run"
