# How the tests are built; sourced by the scripts that build them.

# The project's own code is built unoptimised, with overflow checked: what it does is the same, and building it takes
# half the time. Dependencies are those of the release build, compiled once for both.
KITH_TEST_PROFILE=()
for package in kith kith-db; do
  for setting in opt-level=0 debug-assertions=true overflow-checks=true; do
    KITH_TEST_PROFILE+=(--config "profile.release.package.$package.$setting")
  done
done

# cargo_test ARG...: cargo test, so built.
cargo_test() {
  cargo "${KITH_TEST_PROFILE[@]}" test --release --locked "$@"
}
