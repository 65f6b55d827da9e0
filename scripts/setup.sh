#!/usr/bin/env bash
# Installs what this machine lacks. Safe to run again: it looks first.
#
#   scripts/setup.sh build          what `make demo` needs: a C compiler, Node.js, Python, the ONNX Runtime library
#   scripts/setup.sh test           also PostgreSQL, promtool, Chromium and the Python clients
#   scripts/setup.sh bench          also wrk
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

APT_UPDATED=''

# ensure COMMAND PACKAGE...: installs the packages when the command is missing.
ensure() {
    local command=$1
    shift
    if have "$command"; then
        return 0
    fi
    apt_install "$command" "$@"
    have "$command" || [ -x "/usr/sbin/$command" ] || fail "\`$command\` is still missing after installing $*"
}

apt_install() {
    local command=$1 sudo=()
    shift
    have apt-get || fail "\`$command\` is missing: install $* with your package manager"
    if [ "$(id -u)" -ne 0 ]; then
        have sudo || fail "\`$command\` is missing: as root, run \`apt-get install $*\`"
        sudo=(sudo)
    fi
    if [ -z "$APT_UPDATED" ]; then
        note "apt-get update"
        quietly "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q || fail "apt-get update failed"
        APT_UPDATED=yes
    fi
    note "apt-get install $*"
    quietly "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -q --no-install-recommends "$@" ||
        fail "apt-get install $* failed"
}

check_rust() {
    have cargo || fail "Rust is missing: install it with rustup (https://rustup.rs), then run this again"
    local wanted found
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$ROOT/Cargo.toml" | head -n 1)
    found=$(rustc --version | cut -d' ' -f2)
    if [ "$(printf '%s\n%s\n' "$wanted" "$found" | sort -V | head -n 1)" != "$wanted" ]; then
        fail "Rust $found is too old: $wanted or newer is needed (\`rustup update\`)"
    fi
}

check_node() {
    ensure node nodejs npm
    ensure npm npm
    local major
    major=$(node --version | sed 's/^v\([0-9]*\).*/\1/')
    [ "$major" -ge 20 ] || fail "Node.js $(node --version) is too old: 20 or newer is needed"
}

check_python() {
    ensure python3 python3
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "$(python3 --version) is too old: 3.11 or newer is needed"
    python3 -c 'import venv, ensurepip' 2>/dev/null || apt_install python3-venv python3-venv
}

# PostgreSQL's server programs stand outside PATH on Debian.
check_postgres() {
    if have initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then
        return 0
    fi
    apt_install initdb postgresql
}

for_build() {
    check_rust
    ensure cc build-essential
    ensure git git
    check_node
    check_python
    bash "$ROOT/scripts/onnxruntime.sh"
}

for_test() {
    for_build
    check_postgres
    ensure promtool prometheus
    ensure chromium chromium
    bash "$ROOT/scripts/venv.sh" clients tests/python/requirements.txt >/dev/null
}

for_bench() {
    for_test
    ensure wrk wrk
}

case "${1:-build}" in
    build) step "set-up for building" for_build ;;
    test) step "set-up for testing" for_test ;;
    bench) step "set-up for measuring" for_bench ;;
    *) fail "usage: scripts/setup.sh build | test | bench" ;;
esac
