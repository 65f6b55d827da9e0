# shellcheck shell=bash
# Sourced by every script here: where things are, and how to say what happens.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export ROOT
export PITCREW_CACHE=${PITCREW_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pitcrew}
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PITCREW_CACHE/target}
export npm_config_cache=${npm_config_cache:-$PITCREW_CACHE/npm}
export npm_config_update_notifier=false npm_config_fund=false npm_config_audit=false
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
export CARGO_TERM_PROGRESS_WHEN=never
mkdir -p "$PITCREW_CACHE"

# Colours only for people: a terminal that did not ask for plain text.
if [ -t 2 ] && [ -z "${NO_COLOR:-}" ]; then
    BOLD=$'\e[1m' DIM=$'\e[2m' RED=$'\e[31m' RESET=$'\e[0m'
else
    BOLD='' DIM='' RED='' RESET=''
fi

say() { printf '%s==>%s %s\n' "$BOLD" "$RESET" "$*" >&2; }
note() { printf '%s    %s%s\n' "$DIM" "$*" "$RESET" >&2; }
fail() {
    printf '%serror:%s %s\n' "$RED$BOLD" "$RESET" "$*" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Runs a command with its output kept in a log; shows the log's end only when the command fails.
quietly() {
    local log
    log=$(mktemp "${TMPDIR:-/tmp}/pitcrew-log.XXXXXX")
    if "$@" >"$log" 2>&1; then
        rm -f "$log"
        return 0
    fi
    tail -n 40 "$log" >&2
    note "the whole output is in $log"
    return 1
}

# step "what" command...: says it, runs it, says how long it took. No `||` here: it would switch `set -e` off inside.
step() {
    local what=$1 started=$SECONDS
    shift
    say "$what"
    "$@"
    note "done in $((SECONDS - started)) s"
}

# A digest of the named files and folders: their names and contents.
digest_of() {
    (cd "$ROOT" && git ls-files -z --cached --others --exclude-standard -- "$@" | LC_ALL=C sort -zu | xargs -0 -r sha256sum 2>/dev/null) |
        sha256sum | cut -c1-16
}

# A free TCP port on loopback.
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Builds the release binary, with the web UI and the ONNX Runtime library inside, and prints its path.
build_release() {
    local library
    bash "$ROOT/scripts/ui.sh" build
    library=$(bash "$ROOT/scripts/onnxruntime.sh")
    say "release binary"
    (cd "$ROOT" && REQUIRE_UI=1 PITCREW_ONNXRUNTIME_LIB=$library cargo build --locked --release -p pitcrew-app >&2)
    printf '%s\n' "$CARGO_TARGET_DIR/release/pitcrew"
}
