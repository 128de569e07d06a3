#!/bin/sh
# Prints the rows of a stream of destination-jsonl: the members of _airbyte_data beside the columns of Airbyte.
#
# LANDFALL_CONFIG: its configuration; LANDFALL_STREAM, LANDFALL_NAMESPACE (unset when there is none): the stream.
set -eu
export LC_ALL=C
folder=$(sed -n 's/.*"destination_path": *"\([^"]*\)".*/\1/p' "$LANDFALL_CONFIG")

# The path of a name: what is no plain character is percent-encoded, and a long name goes on in the next folder.
encode() {
  printf %s "$1" | od -A n -v -t u1 | awk '
    { for (i = 1; i <= NF; i++) byte[++count] = $i }
    END {
      if (count == 0) text = "%"
      for (i = 1; i <= count; i++) {
        if (length(part) + 3 > 200) { text = text part "%/"; part = "" }
        c = sprintf("%c", byte[i])
        plain = c ~ /[A-Za-z0-9_-]/ || (c == "." && part != "")
        part = part (plain ? c : sprintf("%%%02X", byte[i]))
      }
      print text part
    }'
}

file=$(encode "$LANDFALL_STREAM").jsonl
if [ "${LANDFALL_NAMESPACE+set}" ]; then
  file=$(encode "$LANDFALL_NAMESPACE" | sed 's/\.jsonl$/%2Ejsonl/')/$file
fi
[ -e "$folder/$file" ] || exit 0
sed -e 's/,"_airbyte_data":{\(.*\)}}$/,\1}/' -e 's/,[[:space:]]*}$/}/' "$folder/$file"
