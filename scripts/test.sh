#!/usr/bin/env bash
# Runs the stages of scripts/stages.txt, then prints a table and, as the last line, the sum: `N passed, N failed, N skipped`.
#
#   scripts/test.sh                 set-up, then every stage; stops at the first that fails
#   scripts/test.sh rust clippy     only these, without set-up
#   KEEP_GOING=1                    run the rest after a failure as well
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"

LOGS=${TEST_LOGS:-$PITCREW_CACHE/test-logs}
TABLE=$(mktemp "${TMPDIR:-/tmp}/pitcrew-table.XXXXXX")
trap 'rm -f "$TABLE"' EXIT
mkdir -p "$LOGS"

passed=0 failed=0 skipped=0 broken=''

row() { printf '%-10s %-8s %8s %8s %8s %9s  %s\n' "$@" >>"$TABLE"; }

# run NAME LIMIT RUNNER WHAT: one stage, its output shown and kept.
run() {
    local name=$1 limit=$2 runner=$3 what=$4
    local log=$LOGS/$name.log started=$SECONDS status=0 p f s result=passed
    say "$name: $what"
    # `timeout` keeps a stage that hangs from eating the whole run.
    timeout --kill-after=10 "$limit" bash "$ROOT/scripts/stage.sh" "$name" </dev/null 2>&1 | tee "$log" || status=$?
    read -r p f s < <(python3 "$ROOT/scripts/count.py" "$runner" "$log" "$status")
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    if [ "$f" -gt 0 ]; then
        result=FAILED
        broken="$broken $name"
        if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
            what="over its limit of $limit s; log: $log"
        else
            what="log: $log"
        fi
        printf '%sstage %s failed%s after %s s\n' "$RED$BOLD" "$name" "$RESET" "$((SECONDS - started))" >&2
    else
        note "$name: $p passed, $s skipped in $((SECONDS - started)) s"
    fi
    row "$name" "$result" "$p" "$f" "$s" "$((SECONDS - started)) s" "$what"
}

wanted() {
    [ "$#" -eq 1 ] && return 0
    local name=$1 each
    shift
    for each in "$@"; do
        [ "$each" = "$name" ] && return 0
    done
    return 1
}

started=$SECONDS
row stage result passed failed skipped time what
if [ "$#" -eq 0 ]; then
    bash scripts/setup.sh test </dev/null
    row set-up 'done' '' '' '' "$((SECONDS - started)) s" 'what this machine lacked'
fi

# The table is read on another descriptor: a stage must not eat it from standard input.
while read -r -u 9 name state limit runner what; do
    case "$name" in '' | '#'*) continue ;; esac
    wanted "$name" "$@" || continue
    if [ "$state" = pending ]; then
        row "$name" pending '' '' '' '' "$what"
    elif [ -n "$broken" ] && [ -z "${KEEP_GOING:-}" ]; then
        row "$name" 'not run' '' '' '' '' "after the failure of$broken"
    else
        run "$name" "$limit" "$runner" "$what"
    fi
done 9<scripts/stages.txt

printf '\n' && cat "$TABLE"
row=$((SECONDS - started))
printf '\n%s min %s s in all\n' "$((row / 60))" "$((row % 60))"
if [ -n "$broken" ]; then
    printf 'failed:%s\n' "$broken"
fi
printf '%s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
