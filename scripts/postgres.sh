#!/usr/bin/env bash
# A private PostgreSQL for tests: its own folder, its own port on loopback, no password, no fsync unless DURABLE is set. Never for data you
# want to keep.
#
#   folder=$(scripts/postgres.sh start)     prints the folder; the address is in $folder/url
#   export TEST_POSTGRES_URL=$(cat "$folder/url")
#   scripts/postgres.sh restart "$folder"   ends it as a crash would, and starts it again
#   scripts/postgres.sh stop "$folder"      ends the server and removes the folder
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

CONNECTIONS_MAX=300
START_TRIES=3

programs() {
    local initdb
    initdb=$(command -v initdb || true)
    if [ -n "$initdb" ]; then
        dirname "$(readlink -f "$initdb")"
        return
    fi
    compgen -G '/usr/lib/postgresql/*/bin' | sort -V | tail -n 1
}

# PostgreSQL refuses to run as root; Debian's package brings the user for it.
as_owner() {
    if [ "$(id -u)" -eq 0 ]; then
        runuser -u postgres -- "$@"
    else
        "$@"
    fi
}

start() {
    local bin folder port try
    bin=$(programs)
    [ -n "$bin" ] || fail "PostgreSQL is missing: run scripts/setup.sh test"
    # Not under the cache: the home folder of root is closed to the user postgres.
    folder=$(mktemp -d "${TMPDIR:-/tmp}/pitcrew-postgres.XXXXXX")
    if [ "$(id -u)" -eq 0 ]; then
        chown postgres "$folder"
    fi
    cd "$folder"
    as_owner "$bin/initdb" -D "$folder/data" -U pitcrew -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$folder.log" 2>&1 ||
        { cat "$folder.log" >&2; fail "initdb failed"; }
    for ((try = 1; try <= START_TRIES; try++)); do
        port=$(free_port)
        if as_owner "$bin/pg_ctl" -D "$folder/data" -l "$folder/log" -w -t 60 -o "$(options "$folder" "$port")" start >>"$folder.log" 2>&1; then
            as_owner "$bin/createdb" -h 127.0.0.1 -p "$port" -U pitcrew pitcrew
            rm -f "$folder.log"
            printf 'postgres://pitcrew@127.0.0.1:%s/pitcrew\n' "$port" >"$folder/url"
            printf '%s\n' "$folder"
            return 0
        fi
    done
    cat "$folder/log" >&2
    fail "PostgreSQL did not start"
}

options() {
    printf '%s ' -c listen_addresses=127.0.0.1 -c port="$2" -c unix_socket_directories="$1" -c max_connections="$CONNECTIONS_MAX" \
        -c shared_buffers=64MB
    # Measurements compare what is on disk when it is acknowledged; tests only want to be quick.
    if [ -z "${DURABLE:-}" ]; then
        printf '%s ' -c fsync=off -c synchronous_commit=off -c full_page_writes=off
    fi
}

# A folder that `start` printed.
ours() {
    case "${1:?a folder is missing}" in
        */pitcrew-postgres.*) ;;
        *) fail "\`$1\` is not a folder this script made" ;;
    esac
}

restart() {
    ours "$1"
    cd "$1"
    as_owner "$(programs)/pg_ctl" -D "$1/data" -l "$1/log" -m immediate -w -t 60 restart >>"$1.log" 2>&1 || { cat "$1.log" >&2; fail "PostgreSQL did not restart"; }
    rm -f "$1.log"
}

stop() {
    local folder=$1
    ours "$folder"
    if [ -f "$folder/data/postmaster.pid" ]; then
        as_owner "$(programs)/pg_ctl" -D "$folder/data" -m immediate -w stop >/dev/null 2>&1 || true
    fi
    rm -rf "$folder"
}

case "${1:-}" in
    start) start ;;
    restart) restart "${2:-}" ;;
    stop) stop "${2:-}" ;;
    *) fail "usage: scripts/postgres.sh start | restart FOLDER | stop FOLDER" ;;
esac
