#!/bin/bash
# An API key that may list pools and nothing else, made with the administrator's password and used without it.
#
#   CAPSTAN=http://127.0.0.1:8080 CAPSTAN_USER=admin CAPSTAN_PASSWORD=… ./api-key.sh
set -euo pipefail
: "${CAPSTAN:?}" "${CAPSTAN_USER:?}" "${CAPSTAN_PASSWORD:?}"

# The key is readable in full only in this answer; later it is masked.
answer=$(curl --silent --show-error --fail-with-body --user "$CAPSTAN_USER:$CAPSTAN_PASSWORD" --header 'Content-Type: application/json' \
  --data '{"name": "pool reader", "api_key_scopes": [{"controller": "pools", "action": "index"}]}' "$CAPSTAN/api/v2/users/me/api_keys")
key=$(jq --raw-output .key <<<"$answer")

status() { curl --silent --output /dev/null --write-out '%{http_code}' --header "Authorization: $key" "$CAPSTAN/api/v2/$1"; }
echo "GET /pools with the key: $(status pools)"
echo "GET /tasks with the key: $(status tasks)"
[ "$(status pools)" = 200 ] && [ "$(status tasks)" = 403 ]
