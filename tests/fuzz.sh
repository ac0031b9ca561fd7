#!/usr/bin/env bash
# What reads foreign bytes, fed with bytes that nobody thought of: libFuzzer, guided by the branches it reaches. Each
# target (fuzz/targets) also holds what was read against what may come out.
#
#   tests/fuzz.sh [SECONDS|short] [TARGET...]     seconds for each target, 600 or (short) 10; all targets unless named
#
# Targets run side by side, one on each core; KITH_FUZZ_JOBS sets another number. They begin with fuzz/corpus and
# tests/fixtures, to which nothing is added: what a run learns is lost, unless KITH_FUZZ_CORPUS names a directory to
# keep it in. An input that fails stays in the build directory, and is tried again with the command shown.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/packages.sh
. tests/cargo.sh

usage() {
  echo "usage: tests/fuzz.sh [SECONDS|short] [TARGET...]; targets: ${ALL[*]}" >&2
  exit 2
}

ALL=()
for source in fuzz/targets/*.rs; do ALL+=("$(basename "$source" .rs)"); done
SECONDS_EACH=${1:-600}
SEED=()
# The short round is the same every time: what passed once is not to fail by chance.
if [ "$SECONDS_EACH" = short ]; then SECONDS_EACH=10 SEED=(-seed=1); fi
case $SECONDS_EACH in '' | *[!0-9]*) usage ;; esac
TARGETS=("${@:2}")
if [ ${#TARGETS[@]} = 0 ]; then TARGETS=("${ALL[@]}"); fi
for target in "${TARGETS[@]}"; do
  if [ ! -f "fuzz/targets/$target.rs" ]; then usage; fi
done

# The compiler of libFuzzer itself.
need_package c++ g++
cargo_fuzz build

BUILD=${CARGO_TARGET_DIR:-target}
WORK=$(mktemp -d "${TMPDIR:-/tmp}/kith-fuzz.XXXXXX")
CORPUS=${KITH_FUZZ_CORPUS:-$WORK/corpus}
FOUND=$BUILD/fuzz-found
declare -A RUNNING=()
finish() {
  local status=$?
  trap - EXIT
  if [ ${#RUNNING[@]} != 0 ]; then kill "${!RUNNING[@]}" 2>/dev/null || true; fi
  wait
  rm -rf "$WORK"
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# start TARGET: runs it in the background, with the seeds it has.
start() {
  local target=$1 length=65536 seeds=() options=()
  case $target in
    activities | actors) seeds+=(tests/fixtures) ;;
    html_long) length=512 ;;
    keys | webfinger) length=4096 ;;
    signatures) length=16384 ;;
  esac
  if [ -d "fuzz/corpus/$target" ]; then seeds+=("fuzz/corpus/$target"); fi
  if [ -f "fuzz/dictionaries/${target%_*}.dict" ]; then options+=("-dict=fuzz/dictionaries/${target%_*}.dict"); fi
  mkdir -p "$CORPUS/$target" "$FOUND"
  # Targets look at the time an input takes themselves (kith_fuzz::bounded); this is for what never ends.
  RUST_BACKTRACE=0 "$BUILD/release/fuzz_$target" -max_total_time="$SECONDS_EACH" -timeout=120 -report_slow_units=120 \
    -rss_limit_mb=1024 -max_len="$length" -artifact_prefix="$FOUND/$target-" -print_final_stats=1 "${SEED[@]}" "${options[@]}" "$CORPUS/$target" "${seeds[@]}" \
    >"$WORK/$target.log" 2>&1 </dev/null &
  RUNNING[$!]=$target
}

# ended TARGET STATUS: what came of it.
ended() {
  local target=$1 status=$2 log=$WORK/$1.log input
  if [ "$status" != 0 ]; then
    input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    printf '\nFAILED: %s: %s\n' "$target" "${input:-no input was kept (exit status $status)}"
    if [ -n "$input" ]; then printf 'again: %s %s\n' "$BUILD/release/fuzz_$target" "$input"; fi
    grep -a -A 5 'panicked at\|ERROR: libFuzzer' "$log" | cut -c 1-1000 | head -n 12
    return 1
  fi
  # A target that counts nothing is not guided by anything.
  if ! grep -aq 'inline 8-bit counters' "$log"; then
    printf '\nFAILED: %s: built without counters\n' "$target"
    return 1
  fi
  printf '%s: %s runs, coverage %s, no faults\n' "$target" \
    "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" "$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)"
}

failed=0
# reap: waits until one has ended.
reap() {
  local pid status=0
  wait -n -p pid "${!RUNNING[@]}" || status=$?
  ended "${RUNNING[$pid]}" "$status" || failed=1
  unset "RUNNING[$pid]"
}

for target in "${TARGETS[@]}"; do
  while [ ${#RUNNING[@]} -ge "${KITH_FUZZ_JOBS:-$(nproc)}" ]; do reap; done
  start "$target"
done
while [ ${#RUNNING[@]} != 0 ]; do reap; done
exit "$failed"
