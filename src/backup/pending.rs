//! What a restore that was killed at its end has left to do.
//!
//! A restored database and its secrets get their names one after the other. So that rows never meet the
//! secrets of others, the secrets wait beside under a mark that the new database holds as well: whoever
//! opens the place next sees by the mark which database is there, and finishes the restore or undoes it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Outcome, leftovers};
use crate::db::transfer;
use crate::disk::sync_file_system;

const BEFORE: &str = ".secrets-";
const AFTER: &str = ".restored";

/// Where the secrets of a restore wait.
pub fn path(data_dir: &Path, mark: &str) -> PathBuf {
    data_dir.join(format!("{BEFORE}{mark}{AFTER}"))
}

/// Ends what restores have left that were killed at their ends: puts the secrets that wait into their
/// place where their database is in its own, and deletes them where it is not.
///
/// # Errors
/// A database that cannot be asked: whoever begins with the wrong secrets could not be mended.
pub async fn settle(data_dir: &Path, database_url: &str) -> Outcome<()> {
    let waiting = waiting(data_dir);
    if waiting.is_empty() {
        return Ok(());
    }
    // Where there is no database yet, nothing is known.
    let there = transfer::mark(database_url)
        .await
        .map_err(|e| e.to_string())?;
    let Some(there) = there else { return Ok(()) };
    let failed = |e: io::Error| format!("{}: {e}", data_dir.display());
    for mark in waiting {
        let path = path(data_dir, &mark);
        let ended = match mark == there {
            true => fs::rename(&path, data_dir.join("secrets.toml")),
            false => fs::remove_file(&path),
        };
        match ended {
            Ok(()) if mark == there => {
                tracing::warn!("a restore was ended by force: it is finished now");
            }
            Ok(()) => {}
            // Another was quicker.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
    }
    sync_file_system(data_dir).map_err(failed)
}

/// The marks of secrets that wait.
fn waiting(data_dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(data_dir) else {
        return Vec::new();
    };
    let names = entries.flatten().map(|entry| entry.file_name());
    names
        .filter_map(|name| {
            let name = name.to_str()?;
            let mark = name.strip_prefix(BEFORE)?.strip_suffix(AFTER)?;
            leftovers::is_marked(name, BEFORE, AFTER).then(|| mark.to_owned())
        })
        .collect()
}
