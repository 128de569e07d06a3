#!/bin/sh
# Builds landfall with its tests and examples, and runs the tests.
#
#   sh tests/run.sh             optimised, warnings are errors, in build/
#   sh tests/run.sh address     address and undefined-behaviour sanitizers, in build-address/
#   sh tests/run.sh thread      thread sanitizer, in build-thread/
#
# Ends with ctest's summary and its exit code. Missing packages are installed first (cmake/install-packages.sh).
# No server is left behind, also when it is interrupted.
# LANDFALL_JOBS: how many compilers and tests at once; default: one for each processor.
set -eu
cd "$(dirname "$0")/.."
jobs=${LANDFALL_JOBS:-$(nproc)}

sanitizer=${1:-}
case $sanitizer in
  '') folder=build optimisation=-O2 ;;
  address | thread) folder=build-$sanitizer optimisation=-O1 ;;
  *) echo "usage: sh tests/run.sh [address|thread]" >&2; exit 2 ;;
esac

sh cmake/install-packages.sh build tests

launcher=
if command -v ccache >/dev/null 2>&1; then launcher=ccache; fi

cmake -S . -B "$folder" -G Ninja \
  -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE="$optimisation -g1" \
  -DCMAKE_CXX_COMPILER_LAUNCHER="$launcher" -DCMAKE_EXPORT_COMPILE_COMMANDS=ON \
  -DLANDFALL_BUILD_TESTS=ON -DLANDFALL_BUILD_EXAMPLES=ON \
  -DLANDFALL_WARNINGS=ON -DLANDFALL_SANITIZE="$sanitizer"
cmake --build "$folder" --parallel "$jobs"

export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"
export TSAN_OPTIONS="suppressions='$PWD/tests/tsan.suppressions' ${TSAN_OPTIONS:-}"
fixed_addresses=
if [ "$sanitizer" = thread ] && setarch "$(uname -m)" -R true 2>/dev/null; then
  # The thread sanitizer of g++ 12 refuses the memory layouts that newer kernels may pick.
  fixed_addresses="setarch $(uname -m) -R"
fi

# ctest stops the servers of the tests itself, but not when it is interrupted.
remove_servers() {
  for server in "$folder"/postgres*; do sh tests/postgres/server.sh remove "$server"; done
}
trap remove_servers EXIT
for number in 1 2 15; do trap "exit $((128 + number))" "$number"; done
$fixed_addresses ctest --test-dir "$folder" --output-on-failure -j "$jobs" --no-tests=error
