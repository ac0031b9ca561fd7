//! What runs have left that were killed.

use std::fs;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use crate::clock::DAY;

/// How long nobody has touched what is nobody's any more, in milliseconds.
const STALE: i64 = DAY;

/// Whether a name is what a run gives to something it is making: a text, the run's mark of 16
/// hexadecimal digits, and another text.
pub fn is_marked(name: &str, before: &str, after: &str) -> bool {
    let mark = name
        .strip_prefix(before)
        .and_then(|rest| rest.strip_suffix(after));
    mark.is_some_and(|mark| mark.len() == 16 && mark.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Deletes what stands in a directory under names that a run gives and was last changed more than a
/// day before `now`. What cannot be deleted stays: it is in nobody's way.
pub fn sweep(directory: &Path, now: i64, is_ours: impl Fn(&str) -> bool) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    let before = u64::try_from(now - STALE).unwrap_or_default();
    let before = UNIX_EPOCH + Duration::from_millis(before);
    for entry in entries.flatten() {
        if !entry.file_name().to_str().is_some_and(&is_ours) {
            continue;
        }
        let Ok(known) = entry.metadata() else {
            continue;
        };
        if known.modified().is_ok_and(|changed| changed < before) {
            let _ = match known.is_dir() {
                true => fs::remove_dir_all(entry.path()),
                false => fs::remove_file(entry.path()),
            };
        }
    }
}

/// The same beside a database file, of new ones that were to get its name.
pub fn sweep_databases(path: &str, now: i64, word: &str) {
    let path = Path::new(path);
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return;
    };
    let before = format!("{name}.{word}-");
    sweep(directory, now, |name| {
        is_marked(name, &before, "") || is_marked(name, &before, "-journal")
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_old_and_ours_goes() {
        let dir = tempfile::tempdir().unwrap();
        let mark = "0123456789abcdef";
        let names = [
            format!(".drill-{mark}"),
            format!("kith.db.moving-{mark}"),
            format!("kith.db.moving-{mark}-journal"),
            format!("other.db.moving-{mark}"),
            ".drill-by-hand".to_owned(),
            "kith.db".to_owned(),
        ];
        for name in &names {
            match name.starts_with(".drill") {
                true => fs::create_dir(dir.path().join(name)).unwrap(),
                false => fs::write(dir.path().join(name), "x").unwrap(),
            }
        }
        fs::write(dir.path().join(&names[0]).join("kith.db"), "x").unwrap();
        let path = dir.path().join("kith.db");
        let sweep_all = |now| {
            sweep(dir.path(), now, |name| is_marked(name, ".drill-", ""));
            sweep_databases(path.to_str().unwrap(), now, "moving");
            let left = fs::read_dir(dir.path()).unwrap().flatten();
            let mut left: Vec<String> = left
                .map(|entry| entry.file_name().into_string().unwrap())
                .collect();
            left.sort();
            left
        };
        let changed = fs::metadata(&path).unwrap().modified().unwrap();
        let changed = changed.duration_since(UNIX_EPOCH).unwrap().as_millis();
        let now = i64::try_from(changed).unwrap();
        assert_eq!(sweep_all(now).len(), names.len());
        let left = sweep_all(now + STALE + 60_000);
        let kept = [names[4].as_str(), &names[5], &names[3]];
        assert_eq!(left, kept);
    }
}
