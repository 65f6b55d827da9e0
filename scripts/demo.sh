#!/usr/bin/env bash
# Builds the web UI and the release binary, then runs the first demo. `make demo` calls it.
#
#   DATA=path/to/hour.csv     the public table instead of the simulator
#   SEED=7                    another world
#   EXIT=1                    end the server when the lap is over
#   LISTEN=127.0.0.1:7070     where the server answers
#   FOLDER=demo-home          where the demo keeps its data
#   PITCREW_BIN=path          run this binary instead of building one
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"

if [ -z "${PITCREW_BIN:-}" ]; then
    bash scripts/setup.sh build
    started=$SECONDS
    PITCREW_BIN=$(build_release)
    note "built in $((SECONDS - started)) s"
fi

arguments=(demo bikes --folder "${FOLDER:-$ROOT/demo-home}")
if [ -n "${DATA:-}" ]; then
    arguments+=(--data "$DATA")
fi
if [ -n "${SEED:-}" ]; then
    arguments+=(--seed "$SEED")
fi
if [ -n "${LISTEN:-}" ]; then
    arguments+=(--listen "$LISTEN")
fi
if [ -n "${EXIT:-}" ] && [ "$EXIT" != 0 ]; then
    arguments+=(--exit)
fi
say "${PITCREW_BIN##*/} ${arguments[*]}"
exec "$PITCREW_BIN" "${arguments[@]}"
