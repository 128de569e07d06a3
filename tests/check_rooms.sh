#!/bin/sh
# A room includes nothing from a room above it; bookkeeping and decisions include no Asio.
set -eu
cd "$(dirname "$0")/.."
status=0

# From the ground up. testing/ stands above all of them; their tests may use it.
above='protocol destination table spill state launcher pipeline tasks connector testing'
for room in runtime protocol destination table spill state launcher pipeline tasks connector; do
  above=$(echo " $above " | sed "s/ $room / /")
  pattern=$(echo $above | tr ' ' '|')
  folders=
  for folder in "src/$room" "include/landfall/$room"; do
    if [ -d "$folder" ]; then folders="$folders $folder"; fi
  done
  if grep -nrE "^ *# *include +[<\"](landfall/)?($pattern)/" $folders; then
    echo "check_rooms: $room includes from a room above it" >&2
    status=1
  fi
done

if grep -nrE '^ *# *include +[<"]boost/asio' src/state include/landfall/state src/launcher/decisions* include/landfall/launcher/decisions* 2>/dev/null; then
  echo "check_rooms: bookkeeping and decisions are plain values, without Asio" >&2
  status=1
fi
if [ $status = 0 ]; then echo "check_rooms: no include points upwards"; fi
exit $status
