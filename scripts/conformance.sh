#!/usr/bin/env bash
# Runs MLflow's own tests of its server against Pitcrew, with the client as published. `make conformance-mlflow` calls it.
#
#   MLFLOW_SOURCE=path     a checkout of MLflow's source, best of the version in tests/python/requirements.txt; without one nothing is run
#   PITCREW_BIN=path       the binary to test; else it is built
#   ONLY="test_rest_tracking.py"   only these files
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"

if [ -z "${MLFLOW_SOURCE:-}" ]; then
    note "skipped: MLFLOW_SOURCE names no checkout of MLflow's source"
    exit 0
fi
if [ ! -f "$MLFLOW_SOURCE/tests/tracking/test_rest_tracking.py" ]; then
    fail "there are no tests of MLflow's in $MLFLOW_SOURCE"
fi
if [ -z "${PITCREW_BIN:-}" ]; then
    cargo build --locked -p pitcrew-app
    PITCREW_BIN=$CARGO_TARGET_DIR/debug/pitcrew
fi
PITCREW_BIN=$(realpath "$PITCREW_BIN")
export PITCREW_BIN
python=$(bash scripts/venv.sh clients tests/python/requirements.txt)/bin/python

# What only these tests need stands beside the environment of the client, which stays as it is pinned.
extras=$PITCREW_CACHE/venv/conformance-$(digest_of tests/conformance/requirements.txt)
if [ ! -f "$extras/.ready" ]; then
    rm -rf "$extras"
    "$python" -m pip install -q --no-deps --target "$extras" -r tests/conformance/requirements.txt
    touch "$extras/.ready"
fi

files=(
    tests/tracking/test_rest_tracking.py
    tests/tracking/test_model_registry.py
    tests/tracking/test_client_webhooks.py
    tests/store/model_registry/test_rest_store_webhooks.py
    tests/tracing/test_otel_logging.py
    tests/tracing/test_otel_loading.py
    tests/webhooks/test_e2e.py
)
if [ -n "${ONLY:-}" ]; then
    wanted=()
    for file in "${files[@]}"; do
        if [[ " $ONLY " == *" $(basename "$file") "* ]]; then
            wanted+=("$file")
        fi
    done
    files=("${wanted[@]}")
fi

# Beside the tests stands nothing else of the checkout, so that the client is the published one.
place=$(mktemp -d)
# The folder is known now and gone later, so it is written into the trap.
# shellcheck disable=SC2064
trap "rm -rf '$place'" EXIT
ln -s "$(realpath "$MLFLOW_SOURCE")/tests" "$place/tests"
cd "$place"
MLFLOW_DISABLE_TELEMETRY=true DO_NOT_TRACK=true GIT_PYTHON_REFRESH=quiet PYTHONPATH="$place:$ROOT/tests/conformance:$extras" \
    "$python" -m pytest -q -p no:cacheprovider -p mlflow_on_pitcrew -c /dev/null --rootdir "$place" -rfEX --tb=line "${files[@]}"
