#!/usr/bin/env bash
# The web UI: `scripts/ui.sh packages` installs what package-lock.json names, `scripts/ui.sh build` also builds ui/dist.
# Both do nothing when nothing changed.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

PACKAGES_MARK=$ROOT/ui/node_modules/.pitcrew-packages
BUILD_MARK=$ROOT/ui/node_modules/.pitcrew-build

packages() {
    local key
    key="$(sha256sum <"$ROOT/ui/package-lock.json" | cut -c1-16) $(node --version)"
    if [ "$(cat "$PACKAGES_MARK" 2>/dev/null)" = "$key" ]; then
        return 0
    fi
    say "npm packages of the web UI"
    (cd "$ROOT/ui" && quietly npm ci --ignore-scripts --prefer-offline) || fail "npm ci failed"
    printf '%s\n' "$key" >"$PACKAGES_MARK"
}

build() {
    packages
    local key
    key=$(digest_of ui)
    if [ "$(cat "$BUILD_MARK" 2>/dev/null)" = "$key" ] && [ -f "$ROOT/ui/dist/index.html" ]; then
        return 0
    fi
    say "web UI"
    (cd "$ROOT/ui" && quietly npm run build) || fail "the build of the web UI failed"
    printf '%s\n' "$key" >"$BUILD_MARK"
}

case "${1:-build}" in
    packages) packages ;;
    build) build ;;
    *) fail "usage: scripts/ui.sh packages | build" ;;
esac
