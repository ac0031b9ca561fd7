//! Where media files are kept: a local directory, or a bucket of an object store that speaks S3.
//!
//! A key is the path of a file below the directory or in the bucket, and below the public media address
//! alike, so that a reverse proxy or a CDN can serve either by itself.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::str::FromStr;

use aws_lc_rs::digest;
use bytes::Bytes;
use futures::{Stream, TryStreamExt};
use http::StatusCode;
use thiserror::Error;

use super::sniff::{Format, Kind};
use crate::config::{Config, S3};
use crate::disk::{COPIES, UPLOADS};

mod local;
mod s3;
mod spool;

pub use local::Local;
pub use s3::Bucket;
pub use spool::Spool;

/// What an address that changes with its content may be kept for.
pub const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Longest key, in bytes.
const MAX_KEY: usize = 512;
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

/// What lies there is for those alone who are let in by the server: no public address leads to it.
pub const PRIVATE_AREAS: [&str; 5] = ["archives", "chats", "remote", "remote-chats", "uploads"];

/// Where an upload's file is to lie once a chat holds it; `None` where it lies as well hidden already.
pub fn in_chat(name: &str) -> Option<Key> {
    let (area, rest) = name.split_once('/')?;
    match area {
        "attachments" | "previews" => format!("chats/{rest}").parse().ok(),
        _ => None,
    }
}

impl Key {
    /// What stands before the first slash.
    pub fn area(&self) -> &str {
        self.0.split_once('/').map_or("", |(area, _)| area)
    }

    /// What its format calls itself; bytes, where the name tells of none.
    pub fn mime(&self) -> &'static str {
        Format::of_name(self.as_str()).map_or("application/octet-stream", Format::mime)
    }

    /// `Content-Disposition`: documents are for other programs, all else is shown where it is asked for.
    pub fn disposition(&self) -> String {
        let how = match Format::of_name(self.as_str()).map(Format::kind) {
            Some(Kind::Document) | None => "attachment",
            Some(_) => "inline",
        };
        let name = self.0.rsplit('/').next().unwrap_or_default();
        format!("{how}; filename=\"{name}\"")
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
    /// The object store refused, or could not be reached.
    #[error("object store, {doing} {what}: {source}")]
    Store {
        /// What was attempted.
        doing: &'static str,
        /// The file's key, or what else.
        what: String,
        /// The cause.
        source: Box<object_store::Error>,
    },
    /// The object store did not answer in time.
    #[error("object store, {doing} {what}: no answer in time")]
    Silent {
        /// What was attempted.
        doing: &'static str,
        /// The file's key, or what else.
        what: String,
    },
}

impl StorageError {
    /// Whether nothing was heard at all.
    pub fn is_silence(&self) -> bool {
        matches!(self, StorageError::Silent { .. })
    }

    /// Whether it may go better later, without anybody doing anything here.
    pub fn is_unavailable(&self) -> bool {
        match self {
            StorageError::Silent { .. } => true,
            StorageError::Io { source, .. } if source.kind() == io::ErrorKind::TimedOut => true,
            _ => (self.of_store()).is_some_and(|error| refusal(error).is_none()),
        }
    }

    /// Whether it goes better once an admin has seen to it: the store lets nobody in, or the disk is full.
    pub fn awaits_admin(&self) -> bool {
        match self {
            StorageError::Io { source, .. } | StorageError::Directory { source, .. }
                if is_full(source) =>
            {
                true
            }
            _ => {
                let refused = self.of_store().and_then(refusal);
                refused.is_some_and(|status| matches!(status.as_u16(), 401 | 403))
            }
        }
    }

    /// What the object store's client said. What came of a file may have come from a store, too.
    fn of_store(&self) -> Option<&object_store::Error> {
        match self {
            StorageError::Store { source, .. } => Some(source),
            StorageError::Io { source, .. } => source.get_ref()?.downcast_ref(),
            _ => None,
        }
    }
}

/// Whether nothing more can be written where something was to be.
pub fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// The status by which a store said that it is asked for what it will not do. One that is busy says so, too.
fn refusal(error: &object_store::Error) -> Option<StatusCode> {
    let status = match error {
        object_store::Error::PermissionDenied { .. } => StatusCode::FORBIDDEN,
        object_store::Error::Unauthenticated { .. } => StatusCode::UNAUTHORIZED,
        object_store::Error::Generic { source, .. } => {
            // Its client has a type for this, which it shows to nobody.
            let first: &(dyn std::error::Error + 'static) = source.as_ref();
            std::iter::successors(Some(first), |error| error.source()).find_map(|error| {
                let text = error.to_string();
                let status = text.strip_prefix("Server returned non-2xx status code: ")?;
                StatusCode::from_bytes(status.as_bytes().get(..3)?).ok()
            })?
        }
        _ => return None,
    };
    let busy = [
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::TOO_EARLY,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    (status.is_client_error() && !busy.contains(&status)).then_some(status)
}

/// A place for media files. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Storage {
    /// A directory of this machine.
    Local(Local),
    /// A bucket. What is on its way there is on this machine.
    Bucket(Bucket),
}

/// Bytes as they come.
pub type ByteStream = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// A stored file, or a part of one, on its way.
pub struct Stored {
    /// Bytes that come.
    pub size: u64,
    /// They.
    pub content: ByteStream,
}

/// A stored file on the disk of this machine: itself, or a copy that goes when this is dropped.
#[derive(Debug)]
pub struct OnDisk {
    path: PathBuf,
    size: u64,
    /// Holds the copy.
    _copy: Option<Spool>,
}

impl OnDisk {
    /// Where a child process finds it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes.
    pub fn size(&self) -> u64 {
        self.size
    }
}

/// A file that was found by looking through the storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub key: Key,
    /// Bytes.
    pub size: u64,
    /// When it was written, in milliseconds since the epoch.
    pub written: i64,
}

impl Storage {
    /// Opens the storage that the settings name.
    ///
    /// # Errors
    /// [`StorageError::Directory`]; [`StorageError::Store`] when the settings make no client. A store that
    /// does not answer is no error.
    pub async fn open_configured(config: &Config) -> Result<Self, StorageError> {
        let directory = config.data_dir.join("media");
        match &config.s3 {
            Some(s3) => Storage::bucket(s3, directory).await,
            None => Storage::local(directory).await,
        }
    }

    /// Opens, and creates where needed, a directory as storage.
    ///
    /// # Errors
    /// [`StorageError::Directory`] when it cannot be created.
    pub async fn local(root: impl Into<PathBuf>) -> Result<Self, StorageError> {
        Ok(Storage::Local(Local::open(root.into()).await?))
    }

    /// Opens a bucket as storage; what is on its way there lies in a directory of this machine.
    ///
    /// # Errors
    /// Those of [`Storage::open_configured`].
    pub async fn bucket(s3: &S3, root: impl Into<PathBuf>) -> Result<Self, StorageError> {
        let local = Local::open(root.into()).await?;
        Ok(Storage::Bucket(Bucket::open(s3, local)?))
    }

    /// The directory that takes what has no name yet.
    fn local_part(&self) -> &Local {
        match self {
            Storage::Local(local) => local,
            Storage::Bucket(bucket) => bucket.local(),
        }
    }

    /// What it is, for people: `local`, or the bucket's address without keys.
    pub fn name(&self) -> &str {
        match self {
            Storage::Local(_) => "local",
            Storage::Bucket(bucket) => bucket.name(),
        }
    }

    /// Whether files are on the disk of this machine.
    pub fn is_local(&self) -> bool {
        matches!(self, Storage::Local(_))
    }

    /// Bytes that must be free on the disk of this machine for more copies of files from elsewhere: those that
    /// go into a bucket only pass through it.
    pub fn room_for_copies(&self) -> u64 {
        match self {
            Storage::Local(_) => COPIES,
            Storage::Bucket(_) => UPLOADS,
        }
    }

    /// Stores a file, in place of one that has the key already. Whoever reads sees all of it or nothing of it,
    /// also after a loss of power; when this returns, it is on disk, or the object store has said that it has it.
    ///
    /// # Errors
    /// [`StorageError::Io`], or that of the object store; nothing is stored then.
    pub async fn put(&self, key: &Key, content: Bytes) -> Result<(), StorageError> {
        match self {
            Storage::Local(local) => local
                .put(key, &content)
                .await
                .map_err(failed("writing", key)),
            Storage::Bucket(bucket) => bucket.put(key, content).await,
        }
    }

    /// A new file without a name, to be written bit by bit.
    ///
    /// # Errors
    /// [`StorageError::Directory`].
    pub async fn spool(&self) -> Result<Spool, StorageError> {
        self.local_part().spool().await
    }

    /// Gives a file its name, under the promises of [`Storage::put`].
    ///
    /// # Errors
    /// Those of [`Storage::put`]; the file is gone then.
    pub async fn adopt(&self, key: &Key, spool: Spool) -> Result<(), StorageError> {
        match self {
            Storage::Local(local) => local
                .adopt(key, spool)
                .await
                .map_err(failed("writing", key)),
            Storage::Bucket(bucket) => bucket.upload(key, spool.path(), spool.len()).await,
        }
    }

    /// Stores a copy of a file of this machine, under the promises of [`Storage::put`].
    ///
    /// # Errors
    /// Those of [`Storage::put`].
    pub async fn send(&self, key: &Key, file: &Path) -> Result<(), StorageError> {
        match self {
            Storage::Local(local) => local.copy(key, file).await.map_err(failed("writing", key)),
            Storage::Bucket(bucket) => {
                let known = tokio::fs::metadata(file).await;
                let known = known.map_err(failed("reading what is to be", key))?;
                bucket.upload(key, file, known.len()).await
            }
        }
    }

    /// A file where a child process finds it; `None` when there is none.
    ///
    /// # Errors
    /// [`StorageError::Io`], [`StorageError::Directory`], or that of the object store.
    pub async fn on_disk(&self, key: &Key) -> Result<Option<OnDisk>, StorageError> {
        if let Storage::Local(local) = self {
            let size = self.size(key).await?;
            return Ok(size.map(|size| OnDisk {
                path: local.path(key),
                size,
                _copy: None,
            }));
        }
        let Some(mut stored) = self.open(key, None).await? else {
            return Ok(None);
        };
        let mut copy = self.spool().await?;
        let copied = async {
            while let Some(chunk) = stored.content.try_next().await? {
                copy.write(&chunk).await?;
            }
            copy.flush().await?;
            match copy.len() == stored.size {
                true => Ok(()),
                false => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
            }
        };
        copied.await.map_err(failed("reading", key))?;
        Ok(Some(OnDisk {
            path: copy.path().to_owned(),
            size: copy.len(),
            _copy: Some(copy),
        }))
    }

    /// Opens a file, or some of its bytes, to be read; `None` when there is none.
    ///
    /// # Errors
    /// [`StorageError::Io`], or that of the object store.
    pub async fn open(
        &self,
        key: &Key,
        part: Option<Range<u64>>,
    ) -> Result<Option<Stored>, StorageError> {
        match self {
            Storage::Local(local) => found(local.read(key, part).await)
                .map(Option::flatten)
                .map_err(failed("opening", key)),
            Storage::Bucket(bucket) => bucket.read(key, part).await,
        }
    }

    /// Reads a whole file; `None` when there is none.
    ///
    /// # Errors
    /// Those of [`Storage::open`].
    pub async fn get(&self, key: &Key) -> Result<Option<Bytes>, StorageError> {
        let Some(mut stored) = self.open(key, None).await? else {
            return Ok(None);
        };
        let mut content = Vec::with_capacity(usize::try_from(stored.size).unwrap_or_default());
        while let Some(chunk) = stored
            .content
            .try_next()
            .await
            .map_err(failed("reading", key))?
        {
            content.extend_from_slice(&chunk);
        }
        Ok(Some(content.into()))
    }

    /// Deletes a file; `false` when there was none, where the storage tells.
    ///
    /// # Errors
    /// [`StorageError::Io`], or that of the object store.
    pub async fn delete(&self, key: &Key) -> Result<bool, StorageError> {
        match self {
            Storage::Local(local) => found(local.remove(key).await)
                .map(|removed| removed.is_some())
                .map_err(failed("deleting", key)),
            Storage::Bucket(bucket) => bucket.delete(key).await,
        }
    }

    /// Whether there is such a file.
    ///
    /// # Errors
    /// Those of [`Storage::size`].
    pub async fn exists(&self, key: &Key) -> Result<bool, StorageError> {
        Ok(self.size(key).await?.is_some())
    }

    /// Bytes of a file; `None` when there is none.
    ///
    /// # Errors
    /// [`StorageError::Io`], or that of the object store.
    pub async fn size(&self, key: &Key) -> Result<Option<u64>, StorageError> {
        match self {
            Storage::Local(local) => found(local.size(key).await)
                .map(Option::flatten)
                .map_err(failed("looking at", key)),
            Storage::Bucket(bucket) => bucket.size(key).await,
        }
    }

    /// All files of an area, as they are come upon. What has no key's name is passed over.
    ///
    /// # Errors
    /// The stream's: [`StorageError::Directory`], or that of the object store.
    pub fn list<'s>(
        &'s self,
        area: &str,
    ) -> Pin<Box<dyn Stream<Item = Result<Found, StorageError>> + Send + 's>> {
        match self {
            Storage::Local(local) => Box::pin(local.list(area)),
            Storage::Bucket(bucket) => Box::pin(bucket.list(area)),
        }
    }

    /// Deletes what processes that died left half-written more than an hour ago; says how many.
    /// `now` in milliseconds since the epoch.
    ///
    /// # Errors
    /// [`StorageError::Directory`].
    pub async fn sweep_incoming(&self, now: i64) -> Result<usize, StorageError> {
        self.local_part().sweep_incoming(now).await
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
    use super::local::{HALF_WRITTEN, INCOMING};
    use super::*;

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
        assert!(storage.open(&key, None).await.unwrap().is_none());
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
        for (part, text) in [(None, "second"), (Some(1..4), "eco"), (Some(2..2), "")] {
            let stored = storage.open(&key, part).await.unwrap().unwrap();
            let read: Vec<Bytes> = stored.content.try_collect().await.unwrap();
            assert_eq!(
                (stored.size, read.concat().as_slice()),
                (text.len() as u64, text.as_bytes())
            );
        }
        let on_disk = storage.on_disk(&key).await.unwrap().unwrap();
        assert_eq!(std::fs::read(on_disk.path()).unwrap(), b"second");
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
            assert!(
                storage.open(&other, None).await.unwrap().is_none(),
                "{other}"
            );
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
    async fn an_area_is_looked_through() {
        let (storage, dir) = storage().await;
        for name in ["a/1/2/x.png", "a/y.png", "b/z.png"] {
            let key = name.parse().unwrap();
            storage
                .put(&key, Bytes::from_static(b"four"))
                .await
                .unwrap();
        }
        std::fs::write(dir.path().join("media/a/No key"), "").unwrap();
        let mut found: Vec<Found> = storage.list("a").try_collect().await.unwrap();
        found.sort_by(|a, b| a.key.cmp(&b.key));
        let names: Vec<&str> = found.iter().map(|it| it.key.as_str()).collect();
        assert_eq!(names, ["a/1/2/x.png", "a/y.png"]);
        assert!(found.iter().all(|it| it.size == 4 && it.written > 0));
        let none: Vec<Found> = storage.list("c").try_collect().await.unwrap();
        assert!(none.is_empty());
    }

    #[test]
    fn keys_say_what_they_are_and_how_they_are_shown() {
        let key = |text: &str| text.parse::<Key>().unwrap();
        assert_eq!(key("archives/1.zip").area(), "archives");
        assert_eq!(key("a.png").area(), "");
        assert_eq!(key("a/b.png").mime(), "image/png");
        assert_eq!(key("a/b.png").disposition(), "inline; filename=\"b.png\"");
        assert_eq!(key("a/b.unheard").mime(), "application/octet-stream");
        assert!(key("a/b.unheard").disposition().starts_with("attachment"));
    }
}
