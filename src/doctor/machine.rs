//! The data directory and what lies in it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{Check, Patient};
use crate::config::Secrets;
use crate::disk::{Space, human};

/// Free bytes below which uploads are refused, and copies of files from elsewhere are not kept.
const FAIL: u64 = crate::disk::UPLOADS;
const WARN: u64 = crate::disk::COPIES;

/// Looks at the data directory, the room in it and the secrets.
pub fn checks(patient: &Patient<'_>) -> Vec<Check> {
    let directory = &patient.config.data_dir;
    let mut checks = Vec::new();
    checks.push(match writable(patient, directory) {
        Ok(()) => Check::ok(
            "data_dir",
            format!("{} can be written to", directory.display()),
        ),
        Err(error) => Check::fail(
            "data_dir",
            format!("{}: {error}", directory.display()),
            "Check KITH_DATA_DIR, and that the user Kith runs as owns it",
        ),
    });
    match Space::at(directory) {
        Ok(space) => checks.extend([room(space), files(space)]),
        Err(error) => checks.push(Check::fail(
            "disk_space",
            format!("{}: {error}", directory.display()),
            "Check KITH_DATA_DIR",
        )),
    }
    checks.push(secrets(&directory.join("secrets.toml")));
    checks
}

fn writable(patient: &Patient<'_>, directory: &Path) -> std::io::Result<()> {
    let mark = u64::from_le_bytes(patient.random.bytes());
    let path = directory.join(format!(".doctor-{mark:016x}"));
    std::fs::write(&path, b"")?;
    std::fs::remove_file(&path)
}

fn room(space: Space) -> Check {
    const HINT: &str = "Make room: kith media usage tells what takes it, kith media prune deletes \
                        copies of files from elsewhere";
    let percent = space.free * 100 / space.total.max(1);
    let told = format!("{} of {} are free", human(space.free), human(space.total));
    if space.free < FAIL {
        Check::fail("disk_space", format!("{told}: uploads are refused"), HINT)
    } else if space.is_low(WARN) || percent < 5 {
        Check::warn("disk_space", told, HINT)
    } else {
        Check::ok("disk_space", told)
    }
}

fn files(space: Space) -> Check {
    if space.total_files == 0 {
        return Check::skipped("disk_files", "the file system does not count its files");
    }
    let percent = space.free_files * 100 / space.total_files;
    let told = format!(
        "{} of {} files can still be made",
        space.free_files, space.total_files
    );
    const HINT: &str = "Delete small files, or make a file system with more inodes";
    match percent {
        0 => Check::fail("disk_files", told, HINT),
        1..5 => Check::warn("disk_files", told, HINT),
        _ => Check::ok("disk_files", told),
    }
}

fn secrets(path: &Path) -> Check {
    let shown = path.display();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            return Check::fail(
                "secrets",
                format!("{shown}: {error}"),
                "It is made when the server first starts; restore it from a backup where one ran",
            );
        }
    };
    if let Err(error) = Secrets::parse(&text) {
        return Check::fail(
            "secrets",
            format!("{shown}: {error}"),
            "Restore it from a backup: without it every token is void",
        );
    }
    let mode = std::fs::metadata(path).map_or(0, |known| known.permissions().mode() & 0o777);
    match mode & 0o077 {
        0 => Check::ok("secrets", format!("{shown} is readable by its owner alone")),
        _ => Check::fail(
            "secrets",
            format!("{shown} has the mode {mode:03o}: others can read it"),
            "chmod 600 it; whoever read it can sign in as anybody",
        ),
    }
}
