#!/usr/bin/env bash
# Measures, and prints a table for each harness; the numbers go to bench/results/*.json. `make bench` calls it.
#
#   scripts/bench.sh                      all of them
#   scripts/bench.sh startup predict      only these
#   KILLS=200                             kills of the kill harness
#   PITCREW_BIN=path                      measure this binary instead of building the release
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"

KILLS=${KILLS:-200}

bash scripts/setup.sh bench
if [ -z "${PITCREW_BIN:-}" ]; then
    PITCREW_BIN=$(build_release)
fi
python=$(bash scripts/venv.sh clients tests/python/requirements.txt)/bin/python

harnesses=("$@")
if [ "${#harnesses[@]}" -eq 0 ]; then
    harnesses=(startup tracking reads predict canary_load kill)
fi
for harness in "${harnesses[@]}"; do
    say "bench/$harness.py"
    extra=()
    if [ "$harness" = kill ]; then
        extra=(--kills "$KILLS")
    fi
    "$python" "bench/$harness.py" --bin "$PITCREW_BIN" "${extra[@]}"
done
