//! How the binary is linked.

use std::process::Command;

/// The glibc that can load a program with packed relocations.
const PACKED: (u32, u32) = (2, 36);

#[expect(
    clippy::disallowed_methods,
    reason = "what cargo tells a build script stands there alone"
)]
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let var = |name: &str| std::env::var(name).unwrap_or_default();
    let at_home = var("HOST") == var("TARGET") && var("TARGET") == "x86_64-unknown-linux-gnu";
    // Ninety thousand addresses that are put right when the program starts: packed they take 24 KiB instead of 2 MiB.
    if at_home && glibc().is_some_and(|version| version >= PACKED) {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// The version of this machine's.
fn glibc() -> Option<(u32, u32)> {
    let said = Command::new("getconf")
        .arg("GNU_LIBC_VERSION")
        .output()
        .ok()?;
    let text = String::from_utf8(said.stdout).ok()?;
    let (major, minor) = text.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
