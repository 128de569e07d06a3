#!/bin/sh
# Installs what is missing of the system packages that landfall needs. Debian 12, Ubuntu 24.04.
#
#   sh cmake/install-packages.sh build [tests] [checks]     checks: what CI uses besides
#
# Where everything is there, apt-get is not called. Where it may not be called, the missing packages are named and the
# exit code is 1. LANDFALL_INSTALL_PACKAGES=no: trust that everything is there (another system, own builds).
set -eu

if [ "${LANDFALL_INSTALL_PACKAGES:-yes}" = no ]; then exit 0; fi

distribution=unknown
if [ -r /etc/os-release ]; then
  distribution=$(. /etc/os-release && echo "${ID:-unknown} ${VERSION_ID:-}")
fi

# Debian 12's own Boost is 1.74, and its packages exclude those of 1.81: there only the versioned names will do.
case $distribution in
  'debian 12') boost='libboost1.81-dev libboost-json1.81-dev libboost-program-options1.81-dev' ;;
  *) boost='libboost-dev libboost-json-dev libboost-program-options-dev' ;;
esac

wanted=
for group in "$@"; do
  case $group in
    build)
      wanted="$wanted g++ cmake ninja-build $boost libfmt-dev libspdlog-dev libsimdjson-dev libxxhash-dev libsqlite3-dev"
      wanted="$wanted libutf8proc-dev libpq-dev" ;;
    tests) wanted="$wanted libgtest-dev libgmock-dev libbenchmark-dev postgresql" ;;
    checks) wanted="$wanted ccache git clang-19 clang-format-19 clang-tools-19" ;;
    *) echo "install-packages.sh: unknown group '$group' (build, tests, checks)" >&2; exit 1 ;;
  esac
done

if ! command -v dpkg-query >/dev/null 2>&1; then
  echo "This system has no dpkg. landfall needs the counterparts of these packages:" >&2
  printf '  %s\n' $wanted >&2
  echo "Install them and run again with LANDFALL_INSTALL_PACKAGES=no." >&2
  exit 1
fi

missing_packages() {
  for package in $wanted; do
    case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true) in
      'install ok installed') ;;
      *) printf ' %s' "$package" ;;
    esac
  done
}

missing=$(missing_packages)
if [ -z "$missing" ]; then exit 0; fi

give_up() {
  echo "Missing packages:$missing" >&2
  echo "$1" >&2
  exit 1
}

as_root=
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null 2>&1 || give_up "They cannot be installed: not root, and there is no sudo. As root: apt-get install$missing"
  as_root=sudo
fi
command -v apt-get >/dev/null 2>&1 || give_up "They cannot be installed: there is no apt-get."

echo "Installing missing packages:$missing"
install_missing() {
  # No questions, and no progress that would bury the build's own output.
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
}
$as_root apt-get update -qq || echo "apt-get update failed; trying with the package lists that are there" >&2
install_missing || give_up "apt-get could not install them (see its message above). By hand: apt-get install$missing"
missing=$(missing_packages)
if [ -n "$missing" ]; then give_up "apt-get said it installed them, but they are still missing."; fi
