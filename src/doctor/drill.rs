//! The restore drill: a backup that was never restored is none.

use std::path::{Path, PathBuf};

use super::{Check, Patient};
use crate::backup::{self, Place, Wanted, leftovers};
use crate::disk::{Space, human};

const HINT: &str = "The last good backup is all there is until this is mended";

/// Makes a backup, restores it into a directory of its own, and compares.
pub async fn check(patient: &Patient<'_>, checks: &mut Vec<Check>) {
    if !patient.wanted.drill {
        return;
    }
    let mark = u64::from_le_bytes(patient.random.bytes());
    leftovers::sweep(&patient.config.data_dir, patient.clock.now_ms(), |name| {
        leftovers::is_marked(name, ".drill-", "")
    });
    let directory = patient.config.data_dir.join(format!(".drill-{mark:016x}"));
    let drilled = match std::fs::create_dir(&directory) {
        Ok(()) => drill(patient, &directory).await,
        Err(error) => Err(format!("{}: {error}", directory.display())),
    };
    let _ = std::fs::remove_dir_all(&directory);
    checks.push(match drilled {
        Ok(check) => check,
        Err(error) => Check::fail("drill", error, HINT),
    });
}

async fn drill(patient: &Patient<'_>, directory: &Path) -> Result<Check, String> {
    let config = patient.config;
    let space = Space::at(directory).map_err(|e| e.to_string())?;
    let taken = size_of(&config.data_dir.join("media")) + size_of(&config.data_dir.join("kith.db"));
    // Once in the backup, once restored, and some to spare for the server.
    let needed = taken.saturating_mul(2).saturating_add(crate::disk::COPIES);
    if space.free < needed {
        return Ok(Check::skipped(
            "drill",
            format!(
                "it may take {}, and {} are free",
                human(needed),
                human(space.free)
            ),
        ));
    }
    let file = directory.join("drill.kith");
    let now = patient.clock.now_ms();
    let wanted = Wanted {
        remote_media: false,
        stored_files: false,
        now,
    };
    let made = backup::create(config, &patient.random, &file, wanted).await?;
    let place = Place {
        data_dir: directory.join("data"),
        database_url: format!("sqlite:{}", directory.join("data/kith.db").display()),
        s3: config.s3.clone(),
    };
    // It compares every table, and every file by its hash.
    let restored = backup::restore(&place, &patient.random, now, &file, false).await?;
    if restored.manifest != made.manifest {
        return Err("what was restored is not what was backed up".to_owned());
    }
    let missing = made.manifest.files.missing + restored.absent.count;
    let mut told = format!(
        "{} rows and {} files were backed up, restored and compared",
        restored.manifest.rows(),
        restored.manifest.files.count
    );
    if let Some(stayed) = &made.manifest.files.in_store {
        told.push_str(&format!(
            ", {} files are in {}, each of its size",
            stayed.count, stayed.store
        ));
    }
    Ok(match missing {
        0 => Check::ok("drill", told),
        n => Check::warn(
            "drill",
            format!("{told}; {n} files that the database names are not there"),
            "kith media verify names them",
        ),
    })
}

/// Bytes of a file, or of all files of a directory.
fn size_of(path: &Path) -> u64 {
    let Ok(known) = std::fs::symlink_metadata(path) else {
        return 0;
    };
    if !known.is_dir() {
        return known.len();
    }
    let mut bytes = 0;
    let mut waiting: Vec<PathBuf> = vec![path.to_owned()];
    while let Some(directory) = waiting.pop() {
        let Ok(entries) = std::fs::read_dir(&directory) else {
            continue;
        };
        for entry in entries.flatten() {
            match entry.metadata() {
                Ok(known) if known.is_dir() => waiting.push(entry.path()),
                Ok(known) => bytes += known.len(),
                Err(_) => {}
            }
        }
    }
    bytes
}
