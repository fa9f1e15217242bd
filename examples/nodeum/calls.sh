# What the walkthroughs are made of; sourced by them. CAPSTAN, CAPSTAN_USER and CAPSTAN_PASSWORD say where the host is and who calls.

# call METHOD PATH [JSON]: prints the answer; an error prints what the host says and ends the script. BASE: another API than Nodeum's.
call() {
  local answer status
  answer=$(curl --silent --show-error --user "$CAPSTAN_USER:$CAPSTAN_PASSWORD" --request "$1" --header 'Content-Type: application/json' \
    ${3:+--data "$3"} --write-out '\n%{http_code}' "$CAPSTAN${BASE-/api/v2}$2")
  status=${answer##*$'\n'} answer=${answer%$'\n'*}
  [[ $status == 2* ]] || { echo "$1 $2: $status: $answer" >&2; exit 1; }
  printf '%s\n' "$answer"
}

# begin PATH: what a PUT begins, a GET of the same path tells the end of; 202 while it runs, and also when it failed.
begin() {
  local job answer
  job=$(call PUT "$1" | jq --raw-output .job_id)
  for _ in $(seq 300); do
    answer=$(call GET "$1?job_id=$job")
    case $(jq --raw-output '.status // "completed"' <<<"$answer") in
      queued | working) sleep 0.2 ;;
      failed) echo "PUT $1 failed: $answer" >&2; exit 1 ;;
      *) printf '%s\n' "$answer"; return ;;
    esac
  done
  echo "PUT $1 did not end" >&2; exit 1
}

# run TASK: starts it and shows how it goes until it has ended.
run() {
  local execution status
  begin "/tasks/$1/action/run" >/dev/null
  while :; do
    execution=$(call GET "/tasks/$1/task_executions?sort_by=log_time:desc&limit=1" | jq '.task_executions[0]')
    status=$(jq --raw-output .status <<<"$execution")
    jq --raw-output '"   \(.status): \(.finalized_files) of \(.to_process_files) files, \(.processed_size) bytes"' <<<"$execution"
    case $status in in_queue | calculating | in_progress) sleep 1 ;; *) break ;; esac
  done
  [ "$status" = done ] || { echo "the task ended with $status" >&2; exit 1; }
}
