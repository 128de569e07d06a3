#!/bin/sh
# What server.sh promises.
#
#   sh tests/postgres/server_test.sh FOLDER      for its servers: FOLDER, and FOLDER with a longer name
set -eu
server="$(dirname "$0")/server.sh"
folder=$1
trap 'sh "$server" remove "$folder"' EXIT

step() { echo "-- $*"; }

expect() { # WANTED GOT
  if [ "$1" != "$2" ]; then
    echo "expected: $1" >&2
    echo "but it is: $2" >&2
    exit 1
  fi
}

ask() { sh "$server" psql "$folder" -Atc "$1"; }
setting() { ask "SHOW $1"; }
pid() { head -n 1 "$(cat "$folder/place")/data/postmaster.pid"; }

refused() { # WORDS ARGUMENT ...
  words=$1
  shift
  if said=$(sh "$server" "$@" 2>&1); then
    echo "not refused: $*" >&2
    exit 1
  fi
  case $said in
    *"$words"*) ;;
    *) expect "... $words ..." "$said" ;;
  esac
}

step "what was never started can be stopped and removed, but not killed or asked"
sh "$server" stop "$folder"
sh "$server" remove "$folder"
refused "there is no cluster" crash "$folder"
refused "there is no cluster" conninfo "$folder"
refused "there is no cluster" run "$folder" true

step "a started server answers, by a socket only"
sh "$server" start "$folder"
expect "1" "$(ask 'SELECT 1')"
expect "" "$(setting listen_addresses)"
expect "off" "$(setting fsync)"
expect "UTF8" "$(setting server_encoding)"
expect "$(cat "$folder/host")" "$(setting unix_socket_directories)"
expect "$(cat "$folder/port")" "$(setting port)"

step "a command is told where it is"
code=0
told=$(sh "$server" run "$folder" sh -c 'echo "$PGHOST" "$PGPORT" "$PGUSER" "$PGDATABASE"; exit 3') || code=$?
expect 3 "$code"
expect "$(cat "$folder/host") $(cat "$folder/port") postgres postgres" "$told"

step "start leaves a running server alone"
first=$(pid)
sh "$server" start "$folder"
expect "$first" "$(pid)"

step "what was committed before a crash is there after it"
ask 'CREATE TABLE kept AS SELECT 7 AS answer'
sh "$server" crash "$folder"
refused "Connection refused" psql "$folder" -c 'SELECT 1'
refused "does not run" crash "$folder"
sh "$server" start "$folder"
expect "7" "$(ask 'SELECT answer FROM kept')"

step "a number left behind that is another process by now"
sh "$server" crash "$folder"
data=$(cat "$folder/place")/data
sed -i "1s/.*/$$/" "$data/postmaster.pid"
sh "$server" stop "$folder"
sh "$server" start "$folder"
expect "7" "$(ask 'SELECT answer FROM kept')"

step "restart is another process with the same cluster"
first=$(pid)
sh "$server" restart "$folder"
[ "$first" != "$(pid)" ] || expect "another process" "$first"
expect "7" "$(ask 'SELECT answer FROM kept')"

step "stop, also with a connection that waits for something"
(ask 'SELECT pg_sleep(100)' >/dev/null 2>&1 || true) &
sleeping="SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
until [ "$(ask "$sleeping")" = 1 ]; do sleep 0.1; done
sh "$server" stop "$folder"
refused "No such file" psql "$folder" -c 'SELECT 1'
sh "$server" stop "$folder"
wait

step "other settings than those it was made with are refused"
refused "made with other settings" start "$folder" --set fsync=on

step "nothing is left of what is removed, running or not"
sh "$server" start "$folder"
sh "$server" remove "$folder"
[ ! -e "$folder" ] || expect "no folder" "$(ls -la "$folder")"

step "TCP, settings, and a folder whose path is too long for a socket"
folder=$folder-$(printf "it's %0100d" 0)
sh "$server" start "$folder" --tcp --set max_connections=7 --set "cluster_name=it's one"
place=$(cat "$folder/place")
[ "$place" != "$folder/server" ] || expect "another place" "$place"
expect "127.0.0.1" "$(cat "$folder/host")"
expect "$(cat "$folder/port")" "$(setting port)"
expect "7" "$(setting max_connections)"
expect "it's one" "$(setting cluster_name)"
expect "t" "$(ask 'SELECT inet_client_addr() IS NOT NULL')"
port=$(cat "$folder/port")
sh "$server" crash "$folder"
sh "$server" start "$folder"
expect "$port" "$(setting port)"
sh "$server" remove "$folder"
[ ! -e "$folder" ] && [ ! -e "$place" ] || expect "no folders" "$(ls -d "$folder" "$place")"
