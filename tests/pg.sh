#!/usr/bin/env bash
# A private PostgreSQL cluster for tests, on a unix socket in a temporary directory.
#
#   tests/pg.sh COMMAND [ARG...]   runs COMMAND with KITH_TEST_POSTGRES set, then removes the cluster
#   tests/pg.sh                    prints the export line and keeps the cluster until interrupted
#   . tests/pg.sh                  defines pg_start (exports KITH_TEST_POSTGRES) and pg_stop; the caller traps EXIT
#
# KITH_TEST_POSTGRES is postgres://kith@%2Fthe%2Fdirectory/postgres; the user may create databases.

. "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

PG_DIR=
PG_USER=
PG_PID=
PG_BIN=

# Server binaries are not on Debian's PATH; the newest version wins.
pg_find() {
  local dir
  for dir in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV) \
    "$(pg_config --bindir 2>/dev/null || true)" \
    "$(dirname "$(command -v postgres 2>/dev/null || echo /nowhere/x)")"; do
    if [ -x "$dir/initdb" ] && [ -x "$dir/postgres" ]; then
      PG_BIN=$dir
      return 0
    fi
  done
  return 1
}

# Replaces the (sub)shell it is called in. PostgreSQL refuses to run as root, so root becomes the directory's owner.
pg_exec() {
  cd "$PG_DIR"
  if [ "$(id -u)" = 0 ]; then
    exec setpriv --reuid "$PG_USER" --regid "$(id -g "$PG_USER")" --clear-groups -- env HOME="$PG_DIR" "$@"
  fi
  exec "$@"
}

pg_start() {
  local tmp=${TMPDIR:-/tmp} locale=C.UTF-8 i
  if ! pg_find; then
    install_packages postgresql || return 1
    pg_find || { echo "no PostgreSQL server binaries found" >&2; return 1; }
  fi
  # A database a test is some nine hundred files: in memory that is ten times as quick.
  if [ "$(df --output=avail -k /dev/shm 2>/dev/null | tail -n 1 || echo 0)" -gt 8000000 ] && [ -w /dev/shm ]; then
    tmp=/dev/shm
  fi
  # A socket's path holds 107 bytes at most.
  if [ ${#tmp} -gt 60 ]; then tmp=/tmp; fi
  PG_DIR=$(mktemp -d "$tmp/kith-pg.XXXXXX") || return 1
  if [ "$(id -u)" = 0 ]; then
    PG_USER=nobody
    if id postgres >/dev/null 2>&1; then PG_USER=postgres; fi
    chown "$PG_USER" "$PG_DIR"
  fi
  if ! locale -a 2>/dev/null | grep -qiE '^C\.utf-?8$'; then locale=C; fi
  if ! (pg_exec "$PG_BIN/initdb" --pgdata="$PG_DIR/data" --username=kith --auth=trust \
    --encoding=UTF8 --locale="$locale" --no-sync --no-instructions) >"$PG_DIR.log" 2>&1; then
    cat "$PG_DIR.log" >&2
    pg_stop
    return 1
  fi
  # Nothing here has to outlive the machine, so nothing waits for the disk.
  cat >>"$PG_DIR/data/postgresql.conf" <<CONF
listen_addresses = ''
unix_socket_directories = '$PG_DIR'
max_connections = 300
shared_buffers = 128MB
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = 4GB
checkpoint_timeout = 1h
autovacuum = off
jit = off
plan_cache_mode = force_generic_plan
log_min_messages = fatal
log_min_error_statement = panic
CONF
  # Everything on the way execs, so PG_PID is the server's own.
  (pg_exec "$PG_BIN/postgres" -D "$PG_DIR/data") >"$PG_DIR.log" 2>&1 </dev/null &
  PG_PID=$!
  for i in $(seq 150); do
    if "$PG_BIN/psql" -X -q -h "$PG_DIR" -U kith -d postgres -c 'select 1' >/dev/null 2>&1; then
      KITH_TEST_POSTGRES="postgres://kith@${PG_DIR//\//%2F}/postgres"
      export KITH_TEST_POSTGRES
      return 0
    fi
    if ! kill -0 "$PG_PID" 2>/dev/null; then break; fi
    sleep 0.1
  done
  echo "PostgreSQL did not start:" >&2
  cat "$PG_DIR.log" >&2
  pg_stop
  return 1
}

# Immediate shutdown: the data is thrown away. Safe to call twice.
pg_stop() {
  if [ -n "$PG_PID" ]; then
    kill -QUIT "$PG_PID" 2>/dev/null || true
    wait "$PG_PID" 2>/dev/null || true
    PG_PID=
  fi
  if [ -n "$PG_DIR" ]; then
    rm -rf "$PG_DIR" "$PG_DIR.log"
    PG_DIR=
  fi
  unset KITH_TEST_POSTGRES
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  set -euo pipefail
  trap pg_stop EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  pg_start
  if [ $# -gt 0 ]; then
    "$@"
  else
    echo "export KITH_TEST_POSTGRES=$KITH_TEST_POSTGRES"
    wait "$PG_PID"
  fi
fi
