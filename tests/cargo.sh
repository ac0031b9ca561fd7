# How the tests are built; sourced by the scripts that build them.

# The project's own code is built unoptimised, with overflow checked: what it does is the same, and building it takes
# half the time. Nothing is optimised across packages, which would take minutes for each of the binaries.
KITH_TEST_PROFILE=(--config 'profile.release.lto="off"' --config 'profile.release.strip="debuginfo"'
  --config profile.release.codegen-units=16)
for package in kith kith-db kith-db-core kith-db-people kith-db-posts; do
  for setting in opt-level=0 debug-assertions=true overflow-checks=true; do
    KITH_TEST_PROFILE+=(--config "profile.release.package.$package.$setting")
  done
done

# cargo_test ARG...: cargo test of the whole workspace (the storage's packages have no tests of their own, and `--lib`
# would build some), so built, by clippy: it is the compiler, and says what it thinks of what it compiles. Checking all
# of it a second time took two minutes more.
cargo_test() {
  local linter
  linter=$(command -v clippy-driver)
  RUSTC_WORKSPACE_WRAPPER=$linter CLIPPY_ARGS=-Dwarnings__CLIPPY_HACKERY__ \
    cargo "${KITH_TEST_PROFILE[@]}" test --release --locked -p kith -p kith-fuzz "$@"
}

# cargo_fuzz COMMAND ARG...: a cargo command for the fuzz targets. The project's own code is built so that it counts its
# branches (fuzz/instrument), optimised a little; the storage, of which little is run, not at all. Dependencies are
# those of the tests: with the examples, of which there are none, cargo reckons with what tests depend on.
cargo_fuzz() {
  local profile=("${KITH_TEST_PROFILE[@]}" --config profile.release.package.kith.opt-level=1) setting
  for setting in opt-level=1 debug-assertions=true overflow-checks=true; do
    profile+=(--config "profile.release.package.kith-fuzz.$setting")
  done
  RUSTC_WORKSPACE_WRAPPER=$PWD/fuzz/instrument cargo "${profile[@]}" "$1" --release --locked \
    -p kith -p kith-fuzz --bin 'fuzz_*' --examples "${@:2}"
}
