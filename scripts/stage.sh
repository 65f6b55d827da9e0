#!/usr/bin/env bash
# Runs one stage of `make test` by its name in scripts/stages.txt, by hand or from scripts/test.sh.
#
#   scripts/stage.sh rust
#
# PITCREW_BIN, when set, is the binary the stages run; otherwise it is built.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"

# Kills of a short harness run; the seed is printed and can be given.
KILLS_SHORT=8

binary() {
    if [ -n "${PITCREW_BIN:-}" ]; then
        printf '%s\n' "$PITCREW_BIN"
    else
        printf '%s\n' "$CARGO_TARGET_DIR/debug/pitcrew"
    fi
}

clients_python() {
    printf '%s/bin/python\n' "$(bash scripts/venv.sh clients tests/python/requirements.txt)"
}

stage_fmt() { cargo fmt --all --check; }

stage_scripts() {
    local file
    while IFS= read -r file; do
        bash -n "$file"
    done < <(git ls-files --cached --others --exclude-standard 'scripts/*.sh' '.ci/run')
    git ls-files -z --cached --others --exclude-standard 'scripts/*.py' 'bench/*.py' 'tests/python/*.py' 'templates/*.py' |
        xargs -0 -r python3 -c '
import ast, sys
for path in sys.argv[1:]:
    ast.parse(open(path, encoding="utf-8").read(), path)
'
    if have shellcheck; then
        shellcheck -x -P SCRIPTDIR scripts/*.sh .ci/run
    fi
}

stage_tidy() { cargo xtask tidy; }

stage_clippy() { cargo clippy --locked --workspace --all-targets -- -D warnings; }

stage_ui-check() {
    bash scripts/ui.sh packages
    (cd ui && npm run typecheck && npm run lint)
}

stage_ui-test() {
    bash scripts/ui.sh packages
    (cd ui && NO_COLOR=1 npm test)
}

stage_ui-build() { bash scripts/ui.sh build; }

# Whether this is root with the right to administer the system (capability 21): root in a container often has not.
may_mount() {
    local rights
    rights=$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status)
    [ "$(id -u)" = 0 ] && [ $((16#$rights >> 21 & 1)) = 1 ]
}

stage_rust() {
    local folder
    folder=$(bash scripts/postgres.sh start)
    # The folder is known now and gone later, so it is written into the trap.
    # shellcheck disable=SC2064
    trap "bash '$ROOT/scripts/postgres.sh' stop '$folder'" EXIT
    TEST_POSTGRES_URL=$(cat "$folder/url")
    export TEST_POSTGRES_URL
    # Set-up fetched the library, so a test that cannot find it has failed rather than nothing to do.
    export PITCREW_REQUIRE_ONNXRUNTIME=1
    # The same holds for a full disk, where this user may mount a small one.
    if may_mount; then
        export PITCREW_REQUIRE_TMPFS=1
    else
        note "this user may not mount a tmpfs: the tests of full and read-only disks have nothing to do"
    fi
    say "store tests run on SQLite and on $TEST_POSTGRES_URL"
    if cargo nextest --version >/dev/null 2>&1; then
        cargo nextest run --locked --workspace --no-fail-fast --status-level fail --final-status-level slow
    else
        cargo test --locked --workspace --no-fail-fast
    fi
}

stage_binary() {
    if [ -n "${PITCREW_BIN:-}" ]; then
        note "using $PITCREW_BIN"
        return 0
    fi
    bash scripts/ui.sh build
    cargo build --locked -p pitcrew-app
    "$(binary)" --version
}

stage_clients() {
    local python
    python=$(clients_python)
    PITCREW_BIN=$(binary) "$python" -m pytest -q -p no:cacheprovider --ignore tests/python/test_release.py tests/python
}

stage_release() {
    local python binary=${PITCREW_RELEASE_BIN:-}
    python=$(clients_python)
    if [ -z "$binary" ]; then
        binary=$(build_release)
    fi
    PITCREW_BIN=$binary "$python" -m pytest -q -p no:cacheprovider tests/python/test_release.py
}

stage_e2e() {
    bash scripts/ui.sh packages
    (cd ui && PITCREW_BIN=$(binary) CHROMIUM_BIN=${CHROMIUM_BIN:-$(command -v chromium)} NO_COLOR=1 npm run e2e)
}

stage_kill() {
    local python
    python=$(clients_python)
    "$python" bench/kill.py --bin "$(binary)" --kills "$KILLS_SHORT" ${KILL_SEED:+--seed "$KILL_SEED"}
}

name=${1:?usage: scripts/stage.sh STAGE}
if [ "$(type -t "stage_$name")" != function ]; then
    fail "there is no stage \`$name\`: see scripts/stages.txt"
fi
"stage_$name"
