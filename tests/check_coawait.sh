#!/bin/sh
# Looks in every coroutine for temporaries that g++ 12 destroys twice (tests/coawait_temporaries.query).
#
#   sh tests/check_coawait.sh [file.cpp...]     after tests/run.sh; default: every .cpp that says co_await
#
# Headers are looked at through the files that include them. First the check itself is tried on a bad line.
set -eu
cd "$(dirname "$0")/.."
jobs=${LANDFALL_JOBS:-$(nproc)}
clang_query=${CLANG_QUERY:-clang-query-19}
work=build/check_coawait

command -v "$clang_query" >/dev/null 2>&1 || { echo "check_coawait: $clang_query is missing" >&2; exit 1; }
[ -f build/compile_commands.json ] || { echo "check_coawait: run sh tests/run.sh first" >&2; exit 1; }
rm -rf "$work"
mkdir -p "$work"

# One file: what was found is printed; a file that clang cannot read counts as found.
cat >"$work/query.sh" <<'END'
log=$2/$(echo "$3" | tr / _).log
"$1" -f tests/coawait_temporaries.query -p build --extra-arg=-w --extra-arg=-Wno-unknown-warning-option "$3" >"$log" 2>&1
status=$?
found=$(grep -E 'binds here|error:' "$log" | sort -u)
if [ "$status" != 0 ] || [ -n "$found" ]; then
  printf '%s:\n%s\n' "$3" "${found:-clang-query ended with $status, see $log}"
  exit 1
fi
END

cat >"$work/bad_line.cpp" <<'END'
#include <boost/asio/awaitable.hpp>
#include <string>
struct Options {
  std::string name;
};
boost::asio::awaitable<void> work(Options);
boost::asio::awaitable<void> bad() { co_await work(Options{"twice destroyed"}); }
END
"$clang_query" -f tests/coawait_temporaries.query "$work/bad_line.cpp" -- -std=c++20 -w >"$work/bad_line.log" 2>&1 || true
if ! grep -q 'binds here' "$work/bad_line.log"; then
  echo "check_coawait: the check does not find a bad line, see $work/bad_line.log" >&2
  exit 1
fi

if [ $# = 0 ]; then
  set -- $(grep -rl --include='*.cpp' co_await src tests examples | sort)
fi
count=$#
[ "$count" -gt 0 ] || { echo "check_coawait: no file to look at" >&2; exit 1; }
if ! printf '%s\n' "$@" | xargs -P "$jobs" -n 1 sh "$work/query.sh" "$clang_query" "$work"; then
  echo "check_coawait: see above; name such a value on the line before and move it in" >&2
  exit 1
fi
echo "check_coawait: $count files, nothing found"
