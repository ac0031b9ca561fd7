//! Room on the disk.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::clock::{Clock, SECOND};

/// Bytes below which no more copies of files from elsewhere are kept.
pub const COPIES: u64 = 1 << 30;
/// Bytes below which no more uploads are taken. Posts are taken as long as the disk does.
pub const UPLOADS: u64 = 256 << 20;

/// What is free where a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes that may still be written, and bytes in all.
    pub free: u64,
    pub total: u64,
    /// Files that may still be made, and files in all; 0 of 0 where the file system does not count them.
    pub free_files: u64,
    pub total_files: u64,
}

impl Space {
    /// Looks at the file system that holds a path, or would.
    pub fn at(path: &Path) -> io::Result<Space> {
        let mut path = path.to_owned();
        while !path.exists() {
            path = match path.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
                _ => PathBuf::from("."),
            };
        }
        let found = rustix::fs::statvfs(&path)?;
        Ok(Space {
            free: found.f_bavail.saturating_mul(found.f_frsize),
            total: found.f_blocks.saturating_mul(found.f_frsize),
            free_files: found.f_favail,
            total_files: found.f_files,
        })
    }

    /// Whether less is free than a bound, which on a small disk is a twentieth of it.
    pub fn is_low(&self, bound: u64) -> bool {
        self.lacking(bound) > 0
    }

    /// Bytes that would have to be freed for it not to be.
    pub fn lacking(&self, bound: u64) -> u64 {
        bound.min(self.total / 20).saturating_sub(self.free)
    }
}

/// How much room there is below a directory, looked at every few seconds at most.
#[derive(Debug)]
pub struct Room {
    directory: PathBuf,
    clock: Clock,
    seen: Mutex<Option<(i64, Space)>>,
}

impl Room {
    /// How long what was seen is good.
    const GOOD: i64 = 5 * SECOND;

    pub fn new(directory: PathBuf, clock: Clock) -> Room {
        Room {
            directory,
            clock,
            seen: Mutex::new(None),
        }
    }

    /// Whether less is free than a bound.
    pub fn is_low(&self, bound: u64) -> bool {
        self.lacking(bound) > 0
    }

    /// Bytes that are lacking to a bound. A disk that cannot be asked is not full.
    pub fn lacking(&self, bound: u64) -> u64 {
        let now = self.clock.now_ms();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = seen.filter(|(at, _)| now < *at + Room::GOOD);
        let space = match fresh {
            Some((_, space)) => space,
            None => {
                let Ok(space) = Space::at(&self.directory) else {
                    return 0;
                };
                if space.is_low(bound) {
                    tracing::warn!(free = human(space.free), "the disk is nearly full");
                }
                *seen = Some((now, space));
                space
            }
        };
        space.lacking(bound)
    }

    /// Takes this for what is there until a moment, for tests that need a full disk.
    pub fn assume(&self, space: Space, until: i64) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = Some((until - Room::GOOD, space));
    }
}

/// Writes out all that the file system of a directory still holds in memory.
pub fn sync_file_system(directory: &Path) -> io::Result<()> {
    let directory = std::fs::File::open(directory)?;
    Ok(rustix::fs::syncfs(&directory)?)
}

/// Bytes as people read them: `1.5 GiB`.
pub fn human(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut whole = bytes as f64;
    while whole >= 1024.0 && unit + 1 < UNITS.len() {
        whole /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{bytes} B"),
        _ => format!("{whole:.1} {}", UNITS[unit]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_told() {
        let space = Space::at(Path::new("/nowhere/at/all")).unwrap();
        assert!(space.total >= space.free && space.total > 0);
        let small = Space {
            free: 90 << 20,
            total: 2 << 30,
            free_files: 0,
            total_files: 0,
        };
        assert!(small.is_low(COPIES) && small.is_low(UPLOADS));
        assert!(
            !Space {
                free: 110 << 20,
                ..small
            }
            .is_low(COPIES)
        );
        let large = Space {
            free: 300 << 20,
            total: 1 << 40,
            ..small
        };
        assert!(large.is_low(COPIES) && !large.is_low(UPLOADS));
        assert_eq!(human(0), "0 B");
        assert_eq!(human(1536), "1.5 KiB");
        assert_eq!(human(3 << 30), "3.0 GiB");
    }
}
