#!/usr/bin/env bash
# Runs the command that the inputs name, and says how it ended in outputs and in the summary of the job. Nothing of an
# input is read as shell: lists have an element in a line.
set -euo pipefail

fail() {
  echo "::error::$1" >&2
  exit 2
}

lines() {
  local -n list=$1
  mapfile -t list < <(grep -v '^[[:space:]]*$' <<<"$2" || true)
}

case $INPUT_COMMAND/$INPUT_FORMAT in
  check/junit | check/sarif | test/junit) ;;
  *) fail "command and format: check with junit or sarif, or test with junit, not $INPUT_COMMAND with $INPUT_FORMAT" ;;
esac
lines paths "$INPUT_PATHS"
lines args "$INPUT_ARGS"
lines server "$INPUT_SERVER"
((${#server[@]} == 0)) || server=(-- "${server[@]}")
[[ $INPUT_COMMAND = test || ${#server[@]} = 0 ]] || fail 'server: only test runs a server'
[[ $INPUT_COMMAND = check || ${#paths[@]} -gt 0 ]] || fail 'paths: name the cases, one in a line'

report=$(realpath -m -- "$INPUT_REPORT")
mkdir -p "$(dirname "$report")"
code=0
"$RUNNER_TEMP/sidelight/node_modules/.bin/sidelight" "$INPUT_COMMAND" "${paths[@]}" "${args[@]}" \
  --format "$INPUT_FORMAT" "${server[@]}" >"$report" || code=$?
case $code in
  0) result=passed ;;
  1) result=failed ;;
  *) result=error ;;
esac

{
  echo "result=$result"
  echo "exit-code=$code"
  echo "report=$report"
} >>"$GITHUB_OUTPUT"
echo "**sidelight $INPUT_COMMAND**: $result" >>"$GITHUB_STEP_SUMMARY"
echo '::group::Report'
cat "$report"
echo '::endgroup::'
[[ $result = passed ]] || echo "::error::sidelight $INPUT_COMMAND: $result (exit code $code)"
exit "$code"
