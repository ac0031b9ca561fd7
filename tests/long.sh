#!/usr/bin/env bash
# The tests that show rare faults only when repeated: the server is killed (SIGKILL) at random moments, and nothing
# acknowledged may be missing afterwards.
#
#   tests/long.sh [short|full]     1 or 50 rounds (default: $KITH_LONG, else full)
#
# tests/run.sh runs one round of each on both databases, with the rest of the suite.
#
# KITH_TEST_DATABASE and KITH_TEST_POSTGRES choose the database as for any other test.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/cargo.sh

KITH_LONG=${1:-${KITH_LONG:-full}}
case $KITH_LONG in
  short) rounds=1 ;;
  full) rounds=50 ;;
  *)
    echo "usage: tests/long.sh [short|full]" >&2
    exit 2
    ;;
esac

# A filter that matches nothing passes in cargo's eyes; here it is a fault. Each of these tests reads the rounds.
found=$(cargo_test --test it -- --list kill_ 2>/dev/null | grep -c ': test$' || true)
if [ "$found" = 0 ]; then
  echo "no test whose name begins with kill_ was found" >&2
  exit 1
fi
echo "$found tests, $rounds round(s) each"
KITH_TEST_ROUNDS=$rounds cargo_test --test it -- kill_
