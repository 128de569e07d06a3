#!/bin/sh
# A PostgreSQL server for tests and benchmarks: one more on this machine, with a cluster that nobody will miss.
#
#   sh tests/postgres/server.sh start FOLDER [--tcp] [--set NAME=VALUE ...]
#   sh tests/postgres/server.sh stop | crash | restart | remove | conninfo FOLDER
#   sh tests/postgres/server.sh psql FOLDER [ARGUMENT ...]
#   sh tests/postgres/server.sh run FOLDER COMMAND [ARGUMENT ...]
#   sh tests/postgres/server.sh check
#
# start      makes the cluster where there is none, and starts its server where it does not run. It is asked by a Unix
#            socket, or with --tcp at 127.0.0.1 and a free port. The settings are those that the cluster was made with;
#            fsync is off, because a server that is killed here is not a machine that loses power (--set fsync=on).
# stop       ends the server and its connections. Fine where it does not run.
# crash      kills the server and its processes (SIGKILL). The next start recovers.
# restart    stop and start.
# remove     stops the server and deletes the cluster, and FOLDER, if nothing else is in it.
# conninfo   what libpq and psql are given to connect.
# psql       asks the server.
# run        runs a command that finds the server by PGHOST, PGPORT, PGUSER and PGDATABASE, as libpq does.
# check      is everything here that a server needs? Prints where its programs are, or says what is missing.
#
# In FOLDER the files `host` and `port` are what a client is configured with (host: the folder of the socket, or the
# address), `place` is the folder where cluster, log and socket are: in FOLDER, or, where the server's user does not get
# there or the path is too long for a socket, in a temporary folder.
#
# PostgreSQL refuses to run as root: then it runs as the user postgres. User and database are "postgres"; no password.
set -eu

socket_name=.s.PGSQL.5432
longest_socket_path=107  # sun_path of unix(7)
patience_s=60

fail() {
  echo "server.sh: $*" >&2
  exit 1
}

newest_programs() {
  for folder in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV); do
    if [ -x "$folder/initdb" ] && [ -x "$folder/pg_ctl" ]; then
      echo "$folder"
      return
    fi
  done
  if command -v initdb >/dev/null && command -v pg_ctl >/dev/null; then dirname "$(realpath "$(command -v pg_ctl)")"; fi
}

check() {
  programs=$(newest_programs)
  [ -n "$programs" ] ||
    fail "there is no server in /usr/lib/postgresql/*/bin or in PATH (Debian's package: postgresql)"
  [ "$(id -u)" = 0 ] || return 0
  id postgres >/dev/null 2>&1 || fail "PostgreSQL does not run as root, and there is no user postgres"
  command -v runuser >/dev/null || fail "PostgreSQL does not run as root, and there is no runuser"
}

as_server() {
  if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

# ---- where it is ----

is_fit() {
  [ $((${#1} + 1 + ${#socket_name})) -le "$longest_socket_path" ] && as_server test -w "$1"
}

# An empty folder that belongs to the server.
make_place() {
  for made in "$folder/server" "${TMPDIR:-/tmp}" /tmp; do
    if [ "$made" = "$folder/server" ]; then
      mkdir -p "$made"
    else
      made=$(mktemp -d "$made/landfall-postgres.XXXXXX")
    fi
    if [ "$(id -u)" = 0 ]; then chown postgres "$made"; fi
    chmod 700 "$made"
    if is_fit "$made"; then
      echo "$made" >"$folder/place"
      return
    fi
    rmdir "$made"
  done
  fail "no folder found that the server's user can get to"
}

find_place() {
  place=
  if [ -r "$folder/place" ]; then place=$(cat "$folder/place"); fi
  data=$place/data
}

has_cluster() { [ -n "$place" ] && [ -e "$data/PG_VERSION" ]; }

# ---- is it running? ----

# The process, if it is the server of this cluster: a number left behind by a crash may be somebody else's by now.
server_pid() {
  has_cluster && [ -r "$data/postmaster.pid" ] || return 0
  pid=$(head -n 1 "$data/postmaster.pid")
  if [ "$(readlink "/proc/$pid/cwd" 2>/dev/null)" = "$(realpath "$data")" ]; then echo "$pid"; fi
}

# Those of its cluster that are left, the server itself among them.
processes() {
  home=$(realpath "$data")
  for cwd in /proc/[0-9]*/cwd; do
    if [ "$(readlink "$cwd" 2>/dev/null)" = "$home" ]; then
      pid=${cwd#/proc/}
      echo "${pid%/cwd}"
    fi
  done
}

# ---- what it does ----

# A value of postgresql.conf.
quoted() { printf "'%s'" "$(printf %s "$1" | sed "s/'/''/g")"; }

make_cluster() {
  rm -rf "$place/data.unfinished"
  as_server "$programs/initdb" -D "$place/data.unfinished" --no-sync -A trust -U postgres -E UTF8 --locale=C \
    >"$folder/initdb.log" 2>&1 || { cat "$folder/initdb.log" >&2; fail "initdb failed"; }
  {
    echo "listen_addresses = ''"
    echo "unix_socket_directories = $(quoted "$place")"
    echo "fsync = off"
    echo "$settings"
    echo "include_if_exists = 'port.conf'"
  } | as_server tee -a "$place/data.unfinished/postgresql.conf" >/dev/null
  printf %s "$settings" >"$folder/settings"
  set_port 5432
  mv "$place/data.unfinished" "$data"
  if [ -n "$tcp" ]; then echo 127.0.0.1 >"$folder/host"; else echo "$place" >"$folder/host"; fi
}

set_port() {
  for made in "$place/data.unfinished" "$data"; do
    if [ -d "$made" ]; then echo "port = $1" | as_server tee "$made/port.conf" >/dev/null; fi
  done
  echo "$1" >"$folder/port"
}

start_once() {
  as_server "$programs/pg_ctl" -D "$data" -l "$place/log" -w -t "$patience_s" start >/dev/null 2>&1 </dev/null
}

start() {
  check
  mkdir -p "$folder"
  find_place
  is_new=
  if ! has_cluster; then
    if [ -z "$place" ] || [ ! -d "$place" ]; then make_place; find_place; fi
    make_cluster
    is_new=yes
  elif [ -n "$settings" ] && [ "$settings" != "$(cat "$folder/settings")" ]; then
    fail "the cluster in $folder was made with other settings; 'remove' it first"
  fi
  if [ -n "$(server_pid)" ]; then return; fi
  await_last_process
  cd "$place"
  if [ -z "$is_new" ] || [ -z "$tcp" ]; then
    start_once && return
  else
    # Below the ports that the system gives to clients; taken ones are found out by trying.
    for attempt in 1 2 3 4 5 6 7 8 9 10; do
      set_port $((20000 + $(od -An -N2 -tu2 /dev/urandom) % 10000))
      start_once && return
    done
  fi
  tail -n 20 "$place/log" >&2
  fail "the server in $folder did not start"
}

# What a killed server has left behind ends by itself, but not at once; its files do not go at all, and keep the next
# one from starting as long as its number is not free.
await_last_process() {
  waited=0
  while [ -n "$(processes)" ]; do
    [ "$waited" -lt $((10 * patience_s)) ] || fail "processes of the cluster in $folder do not end: $(processes)"
    sleep 0.1
    waited=$((waited + 1))
  done
  rm -f "$data/postmaster.pid" "$place/.s.PGSQL."*
}

stop() {
  find_place
  if [ -z "$(server_pid)" ]; then return; fi
  check
  cd "$place"
  as_server "$programs/pg_ctl" -D "$data" -m fast -w -t "$patience_s" stop >/dev/null ||
    as_server "$programs/pg_ctl" -D "$data" -m immediate -w -t "$patience_s" stop >/dev/null
}

crash() {
  find_place
  has_cluster || fail "there is no cluster in $folder"
  running=$(processes)
  [ -n "$running" ] || fail "the server in $folder does not run"
  while [ -n "$running" ]; do
    kill -9 $running 2>/dev/null || true  # some may have ended on their own
    running=$(processes)
  done
}

remove() {
  find_place
  if has_cluster; then
    stop
    while [ -n "$(processes)" ]; do kill -9 $(processes) 2>/dev/null || true; done
  fi
  if [ -n "$place" ] && [ -d "$place" ]; then
    rm -rf "$place/data" "$place/data.unfinished" "$place/log"
    rm -f "$place/.s.PGSQL."*
    rmdir "$place"
  fi
  rm -f "$folder/place" "$folder/host" "$folder/port" "$folder/settings" "$folder/initdb.log"
  if [ -d "$folder" ]; then rmdir --ignore-fail-on-non-empty "$folder"; fi
}

conninfo() {
  [ -r "$folder/host" ] || fail "there is no cluster in $folder"
  host=$(sed "s/[\\\\']/\\\\&/g" "$folder/host")
  echo "host='$host' port=$(cat "$folder/port") user=postgres dbname=postgres"
}

# ---- the command line ----

usage() {
  sed -n '4,8s/^# *//p' "$0" >&2
  exit 2
}

[ $# -ge 1 ] || usage
command=$1
shift
if [ "$command" = check ]; then
  check
  echo "$programs"
  exit
fi
[ $# -ge 1 ] && [ -n "$1" ] || usage
case $1 in
  /*) folder=$1 ;;
  *) folder=$PWD/$1 ;;
esac
shift
if [ "$command" = psql ]; then
  check
  exec "$programs/psql" --no-psqlrc --quiet --set ON_ERROR_STOP=1 --dbname "$(conninfo)" "$@"
fi
if [ "$command" = run ]; then
  [ -r "$folder/host" ] || fail "there is no cluster in $folder"
  [ $# -ge 1 ] || usage
  exec env PGHOST="$(cat "$folder/host")" PGPORT="$(cat "$folder/port")" PGUSER=postgres PGDATABASE=postgres "$@"
fi

tcp=
settings=
while [ $# -gt 0 ]; do
  case $1 in
    --tcp)
      tcp=yes
      settings="$settings
listen_addresses = '127.0.0.1'" ;;
    --set)
      [ $# -ge 2 ] || usage
      shift
      settings="$settings
${1%%=*} = $(quoted "${1#*=}")" ;;
    *) usage ;;
  esac
  shift
done

case $command in
  start | stop | crash | remove | conninfo) "$command" ;;
  restart)
    stop
    start ;;
  *) usage ;;
esac
