#!/usr/bin/env bash
# Everything that must pass before a change lands: format, lints, the whole suite on SQLite and on PostgreSQL (with one
# round of what tests/long.sh repeats), and unmodified clients against the binary on both.
#
#   tests/run.sh
#
# Installs what it lacks where it may (root, or sudo without a password), else says what is missing.
# KITH_TEST_POSTGRES=postgres://… names a server to use; without it a private one is started.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/packages.sh
. tests/pg.sh
. tests/cargo.sh

TARGET=${CARGO_TARGET_DIR:-target}
STARTED=$SECONDS
JOB=
OWN_PG=

# Stops what is under way, with its children: each section runs in a process group of its own.
finish() {
  local status=$?
  trap - EXIT
  if [ -n "$JOB" ]; then
    kill -TERM -- "-$JOB" 2>/dev/null || true
    wait "$JOB" 2>/dev/null || true
  fi
  if [ -n "$OWN_PG" ]; then pg_stop; fi
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# section TITLE COMMAND [ARG...]: runs it under a heading; a failure ends the run.
section() {
  local title=$1 from=$SECONDS status=0
  shift
  printf '\n=== %s\n' "$title"
  set -m
  "$@" </dev/null &
  JOB=$!
  set +m
  wait "$JOB" || status=$?
  # What a section leaves behind (a test binary that outlived its time) ends with it.
  kill -KILL -- "-$JOB" 2>/dev/null || true
  JOB=
  if [ "$status" != 0 ]; then
    printf '\nFAILED: %s (exit status %s, after %s s)\n' "$title" "$status" "$((SECONDS - from))"
    exit 1
  fi
  printf -- '--- %s: %s s\n' "$title" "$((SECONDS - from))"
}

# tests_on DATABASE ARG...: the suite on a database, unless it hangs.
tests_on() {
  local database=$1
  shift
  (sleep 1200 && echo "the tests hang" && kill -TERM 0) &
  # A test waits much of its time, for a peer or a mail: three to a core keep it busy.
  KITH_TEST_DATABASE=$database RUST_TEST_THREADS=$((3 * $(nproc))) cargo_test "$@"
}

# The last of the build is a single crate's and keeps one core busy: the clients' journeys on SQLite have the others.
build_tests_beside_clients() {
  local told status=0
  told=$(mktemp)
  trap 'wait; exit 143' TERM
  cargo_test --no-run --test it >"$told" 2>&1 &
  tests/clients/run.sh sqlite || status=1
  wait $! || status=1
  cat "$told"
  rm -f "$told"
  return "$status"
}

missing() {
  printf '\nFAILED: set-up: %s\n' "$1"
  exit 1
}

# The Python environment of the client journeys and of the peer on apkit, made again when its requirements change.
prepare_python() {
  local venv=$TARGET/test-venv clients=tests/clients/requirements.txt peer=tests/peers/apkit/requirements.txt want
  want=$(cat "$clients" "$peer" | sha256sum)
  if [ "$(cat "$venv/requirements.sha256" 2>/dev/null)" = "$want" ]; then return 0; fi
  need_package python3 python3 python3-venv || return 1
  if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then install_packages python3-venv || return 1; fi
  rm -rf "$venv"
  python3 -m venv "$venv" || return 1
  "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$clients" -r "$peer" || return 1
  echo "$want" >"$venv/requirements.sha256"
}

# Whether what a directory's lock file names is not there.
lacks_modules() {
  [ "$(cat "$1/node_modules/.lock.sha256" 2>/dev/null)" != "$(sha256sum <"$1/package-lock.json")" ]
}

# What a directory's lock file names: the federation peer, the JavaScript clients. It brings the Node they run on.
prepare_node() {
  lacks_modules "$1" || return 0
  (cd "$1" && npm ci --no-audit --no-fund --loglevel=error) || return 1
  sha256sum <"$1/package-lock.json" >"$1/node_modules/.lock.sha256"
}

# Both at the same time: unpacking them waits for the disk.
prepare_nodes() {
  if lacks_modules tests/clients/node || lacks_modules tests/peers/fedify; then
    need_package npm npm || return 1
  fi
  prepare_node tests/clients/node &
  prepare_node tests/peers/fedify || { wait $!; return 1; }
  wait $!
}

# The object store of the tests, built once for each version. It has a target directory of its own.
S3S_VERSION=0.14.1
prepare_s3s() {
  local root=$TARGET/s3s-fs
  if [ "$(cat "$root/version" 2>/dev/null)" = "$S3S_VERSION" ] && [ -x "$root/bin/s3s-fs" ]; then return 0; fi
  cargo install s3s-fs --version "$S3S_VERSION" --features binary --locked --quiet --force \
    --root "$root" --target-dir "$root/build" || return 1
  rm -rf "$root/build"
  echo "$S3S_VERSION" >"$root/version"
}

# Settings of whoever runs this must not leak into the servers under test.
for name in $(compgen -e | grep '^KITH_' || true); do
  case $name in
    KITH_TEST_* | KITH_SHARED | KITH_LONG) ;;
    *) unset "$name" ;;
  esac
done

command -v cargo >/dev/null 2>&1 || missing "no cargo; install the Rust toolchain that Cargo.toml names"
section "client libraries" prepare_python
section "JavaScript clients, and federation peer" prepare_nodes
section "object store" prepare_s3s
KITH_TEST_S3S=$(cd "$TARGET" && pwd)/s3s-fs/bin/s3s-fs
export KITH_TEST_S3S
need_package nginx nginx || missing "no nginx to stand in front of several processes"
need_package chromium chromium || missing "no browser to try a web client in"
need_package ffmpeg ffmpeg || missing "no ffmpeg to make and convert videos with"
need_package redis-server redis-server || missing "no redis-server for several processes to meet at"
need_package c++ g++ || missing "no C++ compiler for libFuzzer, which the fuzz targets are linted with"
export KITH_TEST_FEDIFY=$PWD/tests/peers/fedify
# Runs the mail server that letters are sent to, and the peer on apkit.
KITH_TEST_PYTHON=$(cd "$TARGET" && pwd)/test-venv/bin/python
export KITH_TEST_PYTHON
# A snapshot that differs fails; nothing is written.
export INSTA_UPDATE=no
if [ -z "${KITH_TEST_POSTGRES:-}" ]; then
  OWN_PG=yes
  pg_start || missing "no PostgreSQL to test on"
fi

section "cargo fmt" cargo fmt --all --check
section "cargo clippy, and build" cargo_test --no-run --lib --benches --bin 'fuzz_*'
section "clients on SQLite, and build of the tests" build_tests_beside_clients
section "tests on SQLite" tests_on sqlite
section "tests on PostgreSQL" tests_on postgres --test it
section "clients on PostgreSQL" tests/clients/run.sh postgres

printf '\nAll passed in %s s.\n' "$((SECONDS - STARTED))"
