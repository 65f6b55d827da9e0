#!/usr/bin/env bash
# Builds the web UI and the release binary, then runs the first demo. `make demo` calls it.
#
#   DATA=path/to/hour.csv     the public table instead of the simulator
#   SEED=7                    another world
#   EXIT=1                    end the server when the lap is over
#   LISTEN=127.0.0.1:7070     where the server answers; without it, a free port when that one is in use
#   FOLDER=demo-home          where the demo keeps its data; without it, the next free of demo-home, demo-home-2, ...
#   PITCREW_BIN=path          run this binary instead of building one
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"

# What cannot work is said before minutes of building.
if [ -n "${FOLDER:-}" ] && [ -e "$FOLDER/project/pitcrew.yaml" ]; then
    fail "\`$FOLDER\` already holds a lap: remove it, give another FOLDER, or none"
fi
if [ -n "${DATA:-}" ] && [ ! -f "$DATA" ]; then
    fail "there is no file \`$DATA\`: DATA is relative to the repository"
fi

if [ -z "${PITCREW_BIN:-}" ]; then
    bash scripts/setup.sh build
    started=$SECONDS
    PITCREW_BIN=$(build_release)
    note "built in $((SECONDS - started)) s"
fi

arguments=(demo bikes)
if [ -n "${FOLDER:-}" ]; then
    arguments+=(--folder "$FOLDER")
fi
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
