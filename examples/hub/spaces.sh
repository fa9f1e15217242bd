#!/bin/bash
# A space whose files go to a bucket and come back when somebody reads them, over the Hub's API with nothing but curl and jq.
#
#   CAPSTAN=http://127.0.0.1:8080 CAPSTAN_USER=admin CAPSTAN_PASSWORD=… \
#   BUCKET='{"name": "archive", "storage_type": "S3", "scheme": "http", "endpoint": "127.0.0.1", "port": 7480,
#            "access_key_id": "…", "secret_access_key": "…"}' \
#   MOUNTPOINT=/mnt/walkthrough ./spaces.sh FILES
#
# BUCKET: how the bucket is reached, as `POST /api/buckets/` takes it. FILES of up to 64 KiB are made, and one of 40 MiB.
set -euo pipefail
: "${CAPSTAN:?}" "${CAPSTAN_USER:?}" "${CAPSTAN_PASSWORD:?}" "${BUCKET:?}" "${MOUNTPOINT:?}"
files=${1:?how many files}

# call METHOD PATH [JSON]: prints the answer; an error prints what the host says and ends the script.
call() {
  local answer status
  answer=$(curl --silent --show-error --request "$1" --header 'Content-Type: application/json' ${token:+--header "Authorization: Bearer $token"} \
    ${3:+--data "$3"} --write-out '\n%{http_code}' "$CAPSTAN/api$2")
  status=${answer##*$'\n'} answer=${answer%$'\n'*}
  [[ $status == 2* ]] || { echo "$1 $2: $status: $answer" >&2; exit 1; }
  printf '%s\n' "$answer"
}

# run WORKFLOW PATH…: starts it on these paths and waits until the job has ended.
run() {
  local job state paths
  paths=$(printf '%s\n' "${@:2}" | jq --raw-input . | jq --slurp --compact-output .)
  job=$(call POST /file/workflow/ "{\"site\": \"$site\", \"workflow\": \"$1\", \"discovery\": \"recursive\", \"paths\": $paths}" | jq .id)
  for _ in $(seq 600); do
    state=$(call GET "/jobs/$job/" | jq --raw-output .state)
    case $state in PENDING | STARTED) sleep 0.5 ;; *) break ;; esac
  done
  call GET "/jobs/$job/statistics/" | jq --raw-output --arg name "$1" '"   \($name): \(.processed) of \(.total) paths, \(.processed_size) bytes"'
  [ "$state" = SUCCESS ] || { call GET "/jobs/$job/files/?category=failed&page_size=5" >&2; echo "the job ended with $state" >&2; exit 1; }
}

echo "1. Who calls, and where"
credentials=$(jq --null-input --arg username "$CAPSTAN_USER" --arg password "$CAPSTAN_PASSWORD" '{$username, $password}')
token=$(call POST /auth/token/ "$credentials" | jq --raw-output .access)
site=$(call GET /sites/ | jq --raw-output '.results[0].name')
echo "   site $site"

echo "2. A bucket, a space, and which files of the space go to the bucket"
bucket=$(call POST /buckets/ "$BUCKET" | jq .id)
call POST /spaces/ "{\"name\": \"walkthrough\", \"mountpoint\": \"$MOUNTPOINT\", \"sites\": [\"$site\"]}" >/dev/null
call POST /external_targets/ "{\"name\": \"walkthrough\", \"local_file_regex\": \".*\", \"space\": {\"name\": \"walkthrough\"},
  \"bucket_instance\": $bucket}" >/dev/null
until mountpoint --quiet "$MOUNTPOINT"; do sleep 0.2; done

echo "3. $files files, written through the view"
mkdir "$MOUNTPOINT/data"
for number in $(seq "$files"); do head --bytes $((number * 7919 % 65536)) /dev/urandom >"$MOUNTPOINT/data/file-$number.bin"; done
head --bytes $((40 << 20)) /dev/urandom >"$MOUNTPOINT/data/large.bin"
before=$(cd "$MOUNTPOINT" && find data -type f -print0 | sort --zero-terminated | xargs --null sha256sum)
used() { du --block-size=1 --summarize "$MOUNTPOINT/data" | cut --fields 1; }
echo "   on disk: $(used) bytes"

echo "4. Migrated: names and sizes stay, bytes go"
run migrate "$MOUNTPOINT/data"
echo "   on disk: $(used) bytes; $(stat --format %s "$MOUNTPOINT/data/large.bin") bytes to whoever asks"
call GET "/file/?site=$site&path=$MOUNTPOINT/data/large.bin" | jq --raw-output '"   \(.path): \(.status)"'

echo "5. Some are read, which brings them back"
grep --fixed-strings --regexp=file-1.bin --regexp=large.bin <<<"$before" | (cd "$MOUNTPOINT" && sha256sum --check --quiet)

echo "6. The others are recalled"
run recall "$MOUNTPOINT/data"
(cd "$MOUNTPOINT" && sha256sum --check --quiet <<<"$before")
echo "all files came back as they were"
