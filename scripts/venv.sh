#!/usr/bin/env bash
# Makes a Python virtual environment in the cache and prints its folder. Keyed by the requirements and the interpreter, so an
# unchanged one is found and a changed one is built beside it.
#
#   scripts/venv.sh NAME REQUIREMENTS
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

name=${1:?usage: scripts/venv.sh NAME REQUIREMENTS}
requirements=$ROOT/${2:?usage: scripts/venv.sh NAME REQUIREMENTS}
python=${PYTHON:-python3}

key=$( (cat "$requirements"; "$python" -c 'import sys; print(sys.version, sys.base_prefix)') | sha256sum | cut -c1-16)
folder=$PITCREW_CACHE/venv/$name-$key

# The mark is written last: a folder without it is half-built.
if [ ! -f "$folder/.ready" ]; then
    say "Python environment \`$name\` from ${requirements#"$ROOT"/}"
    rm -rf "$folder"
    mkdir -p "$(dirname "$folder")"
    "$python" -m venv "$folder"
    quietly "$folder/bin/python" -m pip install -q -r "$requirements" || fail "pip could not install ${requirements#"$ROOT"/}"
    touch "$folder/.ready"
fi
printf '%s\n' "$folder"
