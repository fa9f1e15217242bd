#!/bin/bash
# Files onto tape and back over the Nodeum API v2 with nothing but curl and jq: a library by iSCSI, two tapes formatted and in a pool.
#
#   CAPSTAN=http://127.0.0.1:8080 CAPSTAN_USER=admin CAPSTAN_PASSWORD=… \
#   TAPE_HOST=10.0.0.5 TAPE_PORT=3260 TAPE_TARGET=iqn.… TAPE_USER=… TAPE_SECRET=… \
#   SPACES=/var/lib/capstan/spaces ./tapes.sh TAPE_1 TAPE_2
#
# What is on the two tapes is lost. A library by SCSI devices of the host: `{"devices": ["/dev/sg3", "/dev/sg4"]}` for a configuration, and
# `capstan grant allow library scsi-device /dev/sg3` for each.
set -euo pipefail
: "${CAPSTAN:?}" "${CAPSTAN_USER:?}" "${CAPSTAN_PASSWORD:?}" "${SPACES:?}" "${TAPE_HOST:?}" "${TAPE_PORT:?}" "${TAPE_TARGET:?}"
: "${1:?the barcode of a tape}" "${2:?and of another one}"
# shellcheck source=calls.sh
. "$(dirname "$0")/calls.sh"

echo "1. The way to the library"
BASE=/capstan/v1 call POST /targets "$(jq --null-input --arg host "$TAPE_HOST" --argjson port "$TAPE_PORT" --arg target "$TAPE_TARGET" \
  --arg user "${TAPE_USER-}" --arg secret "${TAPE_SECRET-}" '{name: "robot", plugin: "tape", configuration:
  ({$host, $port, $target} + if $user == "" then {} else {"chap-user": $user, "chap-secret": $secret} end)}')" >/dev/null

echo "2. The library, and its inventory"
library=$(call POST /tape_libraries '{"name": "walkthrough", "device": "target:robot"}' | jq .id)
for barcode in "$1" "$2"; do
  until call GET "/tape_libraries/$library/tapes?barcode=$barcode" | jq --exit-status '.count == 1' >/dev/null; do sleep 1; done
done
call GET "/tape_libraries/$library/tapes" | jq --raw-output '.tapes[] | "   \(.barcode) in \(.location)"'

echo "3. Both tapes formatted, and a pool of them"
format=$(call POST /tasks '{"name": "walkthrough format", "workflow_type": "maintenance", "workflow_action": "format"}' | jq .id)
for barcode in "$1" "$2"; do call POST "/tasks/$format/task_sources" "{\"tape_barcode\": \"$barcode\"}" >/dev/null; done
call POST "/tasks/$format/task_options" '{"type": "overwrite", "value": "true"}' >/dev/null
run "$format"
tapes=$(for barcode in "$1" "$2"; do call GET "/tapes/$barcode" | jq .id; done | jq --slurp --compact-output .)
call POST /pools "{\"name\": \"walkthrough tapes\", \"type\": \"offline_archive\", \"content\": \"tape\", \"tape_ids\": $tapes}" >/dev/null

echo "4. Some files"
call POST /containers '{"name": "to-tape"}' >/dev/null
call POST /containers '{"name": "from-tape"}' >/dev/null
for number in $(seq 20); do head --bytes $((number * 1000)) /dev/urandom >"$SPACES/to-tape/file-$number.bin"; done

echo "5. Onto tape, and where each file lies"
up=$(call POST /tasks '{"name": "walkthrough archive", "workflow_type": "data_exchange", "workflow_action": "copy",
  "source_type": "container", "destination_type": "secondary_tape", "activate": true}' | jq .id)
call POST "/tasks/$up/task_sources" '{"file_path": "/to-tape"}' >/dev/null
call POST "/tasks/$up/task_destinations" '{"pool_name": "walkthrough tapes"}' >/dev/null
run "$up"
call GET "/containers/to-tape/files?limit=3" | jq --raw-output '.files[] | "   \(.name) on \(.tapes | join(" and "))"'

echo "6. And back"
down=$(call POST /tasks '{"name": "walkthrough recall", "workflow_type": "data_exchange", "workflow_action": "copy",
  "source_type": "secondary_tape", "destination_type": "container", "activate": true}' | jq .id)
call POST "/tasks/$down/task_sources" '{"pool_name": "walkthrough tapes"}' >/dev/null
call POST "/tasks/$down/task_destinations" '{"folder_path": "/from-tape"}' >/dev/null
run "$down"
diff --recursive "$SPACES/to-tape" "$SPACES/from-tape"
echo "all files came back as they were"
