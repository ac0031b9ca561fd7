//! Where media files are kept: a local directory.
//!
//! A key is the path of a file below the directory and below the public media address alike, so that
//! a reverse proxy can serve the directory by itself.

use aws_lc_rs::digest;
use bytes::Bytes;
use std::{
    fmt, io,
    path::{Path, PathBuf},
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use thiserror::Error;
use tokio::{fs, io::AsyncWriteExt};

mod spool;

pub use spool::Spool;

/// Longest key, in bytes.
const MAX_KEY: usize = 512;
/// Where files are written before they get their name. No key can name it: it begins with a dot.
const INCOMING: &str = ".incoming";

/// No file takes that long to write, in milliseconds.
const HALF_WRITTEN: i64 = 3_600_000;

/// The name of a stored file: segments of `a-z 0-9 _ . -` joined by `/`, none of them empty or beginning with a dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Box<str>);

/// A text that is no [`Key`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not a storage key")]
pub struct InvalidKey;

impl FromStr for Key {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let segment = |segment: &str| {
            !segment.is_empty()
                && !segment.starts_with('.')
                && segment
                    .bytes()
                    .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-'))
        };
        if text.len() <= MAX_KEY && text.split('/').all(segment) {
            Ok(Key(text.into()))
        } else {
            Err(InvalidKey)
        }
    }
}

impl Key {
    /// The key for new content: `{area}/{2 hex}/{2 hex}/{id}-{32 hex}.{extension}`.
    ///
    /// The hexadecimal digits come from the SHA-256 of the content: directories stay small, an address
    /// cannot be guessed from the id alone, and content never changes under its address.
    ///
    /// # Errors
    /// [`InvalidKey`] when a part holds other characters than a key may.
    pub fn for_content(
        area: &str,
        id: &str,
        content: &[u8],
        extension: &str,
    ) -> Result<Self, InvalidKey> {
        let hash = digest::digest(&digest::SHA256, content);
        Key::for_digest(area, id, &hash, extension)
    }

    /// The same, of content whose SHA-256 is known.
    ///
    /// # Errors
    /// Those of [`Key::for_content`].
    pub fn for_digest(
        area: &str,
        id: &str,
        hash: &digest::Digest,
        extension: &str,
    ) -> Result<Self, InvalidKey> {
        let hex: String = hash.as_ref()[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let (a, b) = (&hex[..2], &hex[2..4]);
        format!("{area}/{a}/{b}/{id}-{hex}.{extension}").parse()
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a file could not be kept or read. That there is none is no error.
#[derive(Debug, Error)]
pub enum StorageError {
    /// The file system refused.
    #[error("media storage, {doing} {key}: {source}")]
    Io {
        /// What was attempted.
        doing: &'static str,
        /// The file's key.
        key: Key,
        /// The cause.
        source: io::Error,
    },
    /// The directory cannot be used.
    #[error("media directory {path}: {source}", path = path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// A place for media files. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Storage {
    /// A directory of this machine.
    Local(Local),
}

/// A directory with media files.
#[derive(Debug, Clone)]
pub struct Local {
    root: Arc<Path>,
    /// Tells apart the temporary files of this process.
    serial: Arc<AtomicU64>,
}

/// A stored file, opened.
#[derive(Debug)]
pub struct Stored {
    /// Bytes.
    pub size: u64,
    /// Its content, from the start.
    pub file: fs::File,
}

impl Storage {
    /// Opens, and creates where needed, a directory as storage.
    ///
    /// # Errors
    /// [`StorageError::Directory`] when it cannot be created.
    pub async fn local(root: impl Into<PathBuf>) -> Result<Self, StorageError> {
        let root = root.into();
        let incoming = root.join(INCOMING);
        match fs::create_dir_all(&incoming).await {
            Ok(()) => Ok(Storage::Local(Local {
                root: root.into(),
                serial: Arc::default(),
            })),
            Err(source) => Err(StorageError::Directory { path: root, source }),
        }
    }

    /// Stores a file, in place of one that has the key already. Whoever reads sees all of it or nothing of it,
    /// also after a loss of power; when this returns, it is on disk.
    ///
    /// # Errors
    /// [`StorageError::Io`]; nothing is stored then.
    pub async fn put(&self, key: &Key, content: Bytes) -> Result<(), StorageError> {
        let Storage::Local(local) = self;
        local
            .put(key, &content)
            .await
            .map_err(failed("writing", key))
    }

    /// A new file without a name, to be written bit by bit.
    ///
    /// # Errors
    /// [`StorageError::Directory`].
    pub async fn spool(&self) -> Result<Spool, StorageError> {
        let Storage::Local(local) = self;
        match local.temporary().await {
            Ok((file, path)) => Ok(Spool::new(file, path)),
            Err(source) => Err(StorageError::Directory {
                path: local.root.join(INCOMING),
                source,
            }),
        }
    }

    /// Gives a file its name, under the promises of [`Storage::put`].
    ///
    /// # Errors
    /// [`StorageError::Io`]; the file is gone then.
    pub async fn adopt(&self, key: &Key, spool: Spool) -> Result<(), StorageError> {
        let Storage::Local(local) = self;
        local
            .adopt(key, spool)
            .await
            .map_err(failed("writing", key))
    }

    /// Where a child process finds a file.
    pub fn path(&self, key: &Key) -> PathBuf {
        let Storage::Local(local) = self;
        local.path(key)
    }

    /// Opens a file to be read; `None` when there is none.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    pub async fn open(&self, key: &Key) -> Result<Option<Stored>, StorageError> {
        let Storage::Local(local) = self;
        found(local.open(key).await)
            .map(Option::flatten)
            .map_err(failed("opening", key))
    }

    /// Reads a whole file; `None` when there is none.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    pub async fn get(&self, key: &Key) -> Result<Option<Bytes>, StorageError> {
        let Storage::Local(local) = self;
        found(fs::read(local.path(key)).await)
            .map(|content| content.map(Bytes::from))
            .map_err(failed("reading", key))
    }

    /// Deletes a file; `false` when there was none.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    pub async fn delete(&self, key: &Key) -> Result<bool, StorageError> {
        let Storage::Local(local) = self;
        found(fs::remove_file(local.path(key)).await)
            .map(|removed| removed.is_some())
            .map_err(failed("deleting", key))
    }

    /// Whether there is such a file.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    pub async fn exists(&self, key: &Key) -> Result<bool, StorageError> {
        Ok(self.size(key).await?.is_some())
    }

    /// Bytes of a file; `None` when there is none.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    pub async fn size(&self, key: &Key) -> Result<Option<u64>, StorageError> {
        let Storage::Local(local) = self;
        found(fs::metadata(local.path(key)).await)
            .map(|metadata| metadata.filter(|it| it.is_file()).map(|it| it.len()))
            .map_err(failed("looking at", key))
    }

    /// Deletes what processes that died left half-written more than an hour ago; says how many.
    /// `now` in milliseconds since the epoch.
    ///
    /// # Errors
    /// [`StorageError::Directory`].
    pub async fn sweep_incoming(&self, now: i64) -> Result<usize, StorageError> {
        let Storage::Local(local) = self;
        let path = local.root.join(INCOMING);
        match local.sweep(&path, now - HALF_WRITTEN).await {
            Ok(swept) => Ok(swept),
            Err(source) => Err(StorageError::Directory { path, source }),
        }
    }

    /// The public address of a file below `base`, with or without a slash at its end.
    pub fn url(&self, key: &Key, base: &str) -> String {
        format!("{}/{key}", base.trim_end_matches('/'))
    }
}

impl Local {
    fn path(&self, key: &Key) -> PathBuf {
        self.root.join(key.as_str())
    }

    async fn open(&self, key: &Key) -> io::Result<Option<Stored>> {
        let file = fs::File::open(self.path(key)).await?;
        let metadata = file.metadata().await?;
        Ok(metadata.is_file().then_some(Stored {
            size: metadata.len(),
            file,
        }))
    }

    async fn put(&self, key: &Key, content: &[u8]) -> io::Result<()> {
        let path = self.path(key);
        let parent = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(parent).await?;
        let (mut file, temporary) = self.temporary().await?;
        let written = async {
            file.write_all(content).await?;
            file.sync_all().await?;
            drop(file);
            fs::rename(&temporary, &path).await
        };
        if let Err(error) = written.await {
            // The first error counts; what is left behind is only unused.
            let _ = fs::remove_file(&temporary).await;
            return Err(error);
        }
        // The name lasts only once the directory is on disk as well.
        fs::File::open(parent).await?.sync_all().await
    }

    async fn adopt(&self, key: &Key, spool: Spool) -> io::Result<()> {
        let path = self.path(key);
        let parent = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(parent).await?;
        spool.settle(&path).await?;
        fs::File::open(parent).await?.sync_all().await
    }

    async fn sweep(&self, directory: &Path, before: i64) -> io::Result<usize> {
        let mut entries = fs::read_dir(directory).await?;
        let mut swept = 0;
        while let Some(entry) = entries.next_entry().await? {
            let Ok(modified) = entry.metadata().await.and_then(|it| it.modified()) else {
                // It got its name meanwhile.
                continue;
            };
            let age = modified
                .duration_since(std::time::UNIX_EPOCH)
                .unwrap_or_default();
            if (age.as_millis() as i64) < before && fs::remove_file(entry.path()).await.is_ok() {
                swept += 1;
            }
        }
        Ok(swept)
    }

    /// A new file of a name that no other process has taken.
    async fn temporary(&self) -> io::Result<(fs::File, PathBuf)> {
        loop {
            let serial = self.serial.fetch_add(1, Ordering::Relaxed);
            let name = format!("{}-{serial}", std::process::id());
            let path = self.root.join(INCOMING).join(name);
            match fs::File::create_new(&path).await {
                Ok(file) => return Ok((file, path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Separates "there is none" from true failures.
fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound
                    | io::ErrorKind::NotADirectory
                    | io::ErrorKind::IsADirectory
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn failed(doing: &'static str, key: &Key) -> impl FnOnce(io::Error) -> StorageError {
    let key = key.clone();
    move |source| StorageError::Io { doing, key, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    async fn storage() -> (Storage, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        (Storage::local(dir.path().join("media")).await.unwrap(), dir)
    }

    #[test]
    fn keys_cannot_leave_the_directory() {
        for bad in [
            "",
            "/",
            "/etc/passwd",
            "..",
            "../secrets.toml",
            "media/../../secrets.toml",
            "media/..",
            "media//a",
            "media/",
            ".incoming/1",
            "media/.hidden",
            "media/./a",
            "a\\b",
            "a\0b",
            "A.jpg",
            "c:/a",
            "a b",
            "é",
            "%2e%2e/a",
            "a\n",
        ] {
            assert_eq!(bad.parse::<Key>(), Err(InvalidKey), "{bad:?}");
        }
        assert_eq!("a/".repeat(300).parse::<Key>(), Err(InvalidKey));
        assert_eq!("a".repeat(MAX_KEY + 1).parse::<Key>(), Err(InvalidKey));
        for good in ["a", "media/3f/a2/17-abc.jpg", "a_b/c-d.tar.gz", "a..b"] {
            assert_eq!(good.parse::<Key>().unwrap().as_str(), good);
        }
    }

    #[test]
    fn content_keys_are_sharded_and_bound_to_content() {
        let key = Key::for_content("media", "17", b"abc", "png").unwrap();
        // SHA-256 of "abc", FIPS 180-2 appendix B.1.
        assert_eq!(
            key.as_str(),
            "media/ba/78/17-ba7816bf8f01cfea414140de5dae2223.png"
        );
        assert_ne!(key, Key::for_content("media", "17", b"abd", "png").unwrap());
        assert_eq!(
            Key::for_content("media", "../../17", b"abc", "png"),
            Err(InvalidKey)
        );
    }

    #[tokio::test]
    async fn stores_replaces_and_deletes() {
        let (storage, dir) = storage().await;
        let key: Key = "media/ab/cd/1.png".parse().unwrap();
        assert!(!storage.exists(&key).await.unwrap());
        assert!(storage.open(&key).await.unwrap().is_none());
        assert_eq!(storage.get(&key).await.unwrap(), None);
        assert!(!storage.delete(&key).await.unwrap());

        storage
            .put(&key, Bytes::from_static(b"first"))
            .await
            .unwrap();
        storage
            .put(&key, Bytes::from_static(b"second"))
            .await
            .unwrap();
        assert_eq!(storage.get(&key).await.unwrap().unwrap(), "second");
        assert_eq!(storage.size(&key).await.unwrap(), Some(6));
        let mut stored = storage.open(&key).await.unwrap().unwrap();
        let mut text = String::new();
        stored.file.read_to_string(&mut text).await.unwrap();
        assert_eq!((stored.size, text.as_str()), (6, "second"));
        let left = std::fs::read_dir(dir.path().join("media").join(INCOMING)).unwrap();
        assert_eq!(left.count(), 0, "temporary files are gone");

        assert!(storage.delete(&key).await.unwrap());
        assert!(!storage.exists(&key).await.unwrap());
    }

    #[tokio::test]
    async fn a_directory_is_not_a_file() {
        let (storage, _dir) = storage().await;
        let key: Key = "media/ab/1.png".parse().unwrap();
        storage.put(&key, Bytes::from_static(b"x")).await.unwrap();
        for other in ["media/ab", "media/ab/1.png/deeper"] {
            let other: Key = other.parse().unwrap();
            assert!(!storage.exists(&other).await.unwrap(), "{other}");
            assert!(storage.open(&other).await.unwrap().is_none(), "{other}");
            assert!(storage.get(&other).await.unwrap().is_none(), "{other}");
        }
        let directory: Key = "media/ab".parse().unwrap();
        assert!(storage.put(&directory, Bytes::new()).await.is_err());
        assert_eq!(storage.get(&key).await.unwrap().unwrap(), "x");
    }

    #[tokio::test]
    async fn two_processes_do_not_share_temporary_files() {
        let (storage, dir) = storage().await;
        let taken = dir
            .path()
            .join("media")
            .join(INCOMING)
            .join(format!("{}-0", std::process::id()));
        std::fs::write(&taken, "someone else's").unwrap();
        let key: Key = "a".parse().unwrap();
        storage
            .put(&key, Bytes::from_static(b"mine"))
            .await
            .unwrap();
        assert_eq!(storage.get(&key).await.unwrap().unwrap(), "mine");
        assert_eq!(std::fs::read_to_string(&taken).unwrap(), "someone else's");
    }

    #[tokio::test]
    async fn what_was_left_half_written_goes() {
        let (storage, dir) = storage().await;
        let left = dir.path().join("media").join(INCOMING).join("1-0");
        std::fs::write(&left, "half").unwrap();
        let written = std::fs::metadata(&left).unwrap().modified().unwrap();
        let written = written.duration_since(std::time::UNIX_EPOCH).unwrap();
        let written = written.as_millis() as i64;
        assert_eq!(storage.sweep_incoming(written + 1).await.unwrap(), 0);
        assert!(left.exists());
        let later = written + HALF_WRITTEN + 1;
        assert_eq!(storage.sweep_incoming(later).await.unwrap(), 1);
        assert!(!left.exists());
    }

    #[tokio::test]
    async fn a_spooled_file_gets_its_name_or_goes() {
        let (storage, dir) = storage().await;
        let key: Key = "a/b.mp4".parse().unwrap();
        let mut spool = storage.spool().await.unwrap();
        for part in [b"one ", b"two "] {
            spool.write(part).await.unwrap();
        }
        spool.flush().await.unwrap();
        assert_eq!((spool.len(), spool.head()), (8, &b"one two "[..]));
        let digest = spool.digest().await.unwrap();
        assert_eq!(
            Key::for_digest("x", "1", &digest, "mp4").unwrap(),
            Key::for_content("x", "1", b"one two ", "mp4").unwrap()
        );
        storage.adopt(&key, spool).await.unwrap();
        assert_eq!(storage.get(&key).await.unwrap().unwrap(), "one two ");
        drop(storage.spool().await.unwrap());
        let left = std::fs::read_dir(dir.path().join("media").join(INCOMING)).unwrap();
        assert_eq!(left.count(), 0);
    }

    #[tokio::test]
    async fn addresses_join_with_one_slash() {
        let (storage, _dir) = storage().await;
        let key: Key = "a/b.png".parse().unwrap();
        for base in ["https://kith.example/media", "https://kith.example/media/"] {
            assert_eq!(
                storage.url(&key, base),
                "https://kith.example/media/a/b.png"
            );
        }
    }
}
