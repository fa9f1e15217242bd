#!/bin/bash
# The main job over the Nodeum API v2 with nothing but curl and jq: a folder of files into an S3 bucket, and back.
#
#   CAPSTAN=http://127.0.0.1:8080 CAPSTAN_USER=admin CAPSTAN_PASSWORD=… \
#   S3=https://s3.example.com S3_ACCESS_KEY=… S3_SECRET_KEY=… S3_BUCKET=my-bucket \
#   SPACES=/var/lib/capstan/spaces ./first-cargo.sh
#
# SPACES is where the host keeps containers: `spaces` in its data directory. The bucket must exist.
set -euo pipefail
: "${CAPSTAN:?}" "${CAPSTAN_USER:?}" "${CAPSTAN_PASSWORD:?}" "${S3:?}" "${S3_ACCESS_KEY:?}" "${S3_SECRET_KEY:?}" "${S3_BUCKET:?}" "${SPACES:?}"

# shellcheck source=calls.sh
. "$(dirname "$0")/calls.sh"

echo "1. A connector for the account"
connector=$(call POST /cloud_connectors "$(jq --null-input --arg url "$S3" --arg access "$S3_ACCESS_KEY" --arg secret "$S3_SECRET_KEY" \
  '{name: "walkthrough", provider: "generic_s3", $url, region: "us-east-1", access_key: $access, secret_key: $secret}')" | jq .id)

echo "2. Its buckets, as the provider lists them"
bucket=$(begin "/cloud_connectors/$connector/cloud_buckets/-/sync" |
  jq --arg name "$S3_BUCKET" '.cloud_buckets[] | select(.name == $name) | .id')

echo "3. A pool over the bucket, two containers"
call POST /pools "{\"name\": \"walkthrough\", \"type\": \"data_exchange\", \"content\": \"cloud\", \"cloud_bucket_ids\": [$bucket]}" >/dev/null
call POST /containers '{"name": "walkthrough-out"}' >/dev/null
call POST /containers '{"name": "walkthrough-in"}' >/dev/null

echo "4. Some files"
for number in $(seq 20); do head --bytes $((number * 1000)) /dev/urandom >"$SPACES/walkthrough-out/file-$number.bin"; done

echo "5. A task from the container into the pool"
up=$(call POST /tasks '{"name": "walkthrough up", "workflow_type": "data_exchange", "workflow_action": "copy",
  "source_type": "container", "destination_type": "secondary_cloud", "activate": true}' | jq .id)
call POST "/tasks/$up/task_sources" '{"file_path": "/walkthrough-out"}' >/dev/null
call POST "/tasks/$up/task_destinations" '{"pool_name": "walkthrough"}' >/dev/null
run "$up"

echo "6. A task from the pool into the other container"
down=$(call POST /tasks '{"name": "walkthrough down", "workflow_type": "data_exchange", "workflow_action": "copy",
  "source_type": "secondary_cloud", "destination_type": "container", "activate": true}' | jq .id)
call POST "/tasks/$down/task_sources" '{"pool_name": "walkthrough"}' >/dev/null
call POST "/tasks/$down/task_destinations" '{"folder_path": "/walkthrough-in"}' >/dev/null
run "$down"

echo "7. Compared, byte by byte"
diff --recursive "$SPACES/walkthrough-out" "$SPACES/walkthrough-in"
echo "all files came back as they were"
