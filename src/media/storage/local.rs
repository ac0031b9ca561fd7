//! Media files in a directory of this machine.

use std::io::{self, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use futures::Stream;
use tokio::fs;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio_util::io::ReaderStream;

use super::{Found, Key, Spool, StorageError, Stored};

/// Where files are written before they get their name. No key can name it: it begins with a dot.
pub(super) const INCOMING: &str = ".incoming";
/// No file takes that long to write, in milliseconds.
pub(super) const HALF_WRITTEN: i64 = 3_600_000;
/// Bytes read at a time.
const CHUNK: usize = 64 << 10;

/// A directory with media files.
#[derive(Debug, Clone)]
pub struct Local {
    root: Arc<Path>,
    /// Tells apart the temporary files of this process.
    serial: Arc<AtomicU64>,
}

impl Local {
    /// Opens a directory, and creates it where needed.
    pub(super) async fn open(root: PathBuf) -> Result<Local, StorageError> {
        match fs::create_dir_all(root.join(INCOMING)).await {
            Ok(()) => Ok(Local {
                root: root.into(),
                serial: Arc::default(),
            }),
            Err(source) => Err(StorageError::Directory { path: root, source }),
        }
    }

    pub(super) async fn spool(&self) -> Result<Spool, StorageError> {
        match self.temporary().await {
            Ok((file, path)) => Ok(Spool::new(file, path)),
            Err(source) => Err(StorageError::Directory {
                path: self.root.join(INCOMING),
                source,
            }),
        }
    }

    pub(super) async fn sweep_incoming(&self, now: i64) -> Result<usize, StorageError> {
        let path = self.root.join(INCOMING);
        match self.sweep(&path, now - HALF_WRITTEN).await {
            Ok(swept) => Ok(swept),
            Err(source) => Err(StorageError::Directory { path, source }),
        }
    }

    pub(super) async fn remove(&self, key: &Key) -> io::Result<()> {
        fs::remove_file(self.path(key)).await
    }

    pub(super) async fn size(&self, key: &Key) -> io::Result<Option<u64>> {
        let metadata = fs::metadata(self.path(key)).await?;
        Ok(metadata.is_file().then_some(metadata.len()))
    }

    pub(super) async fn read(
        &self,
        key: &Key,
        part: Option<Range<u64>>,
    ) -> io::Result<Option<Stored>> {
        let mut file = fs::File::open(self.path(key)).await?;
        let metadata = file.metadata().await?;
        if !metadata.is_file() {
            return Ok(None);
        }
        let part = part.unwrap_or(0..metadata.len());
        if part.start > 0 {
            file.seek(SeekFrom::Start(part.start)).await?;
        }
        let size = part.end.saturating_sub(part.start);
        Ok(Some(Stored {
            size,
            content: Box::pin(ReaderStream::with_capacity(file.take(size), CHUNK)),
        }))
    }

    /// The files of an area, directory by directory.
    pub(super) fn list<'s>(
        &'s self,
        area: &str,
    ) -> impl Stream<Item = Result<Found, StorageError>> + Send + use<'s> {
        let begin = (vec![self.root.join(area)], None);
        futures::stream::try_unfold(begin, move |(mut waiting, mut open)| async move {
            loop {
                let (path, mut entries): (PathBuf, fs::ReadDir) = match open.take() {
                    Some(open) => open,
                    None => {
                        let Some(path) = waiting.pop() else {
                            return Ok(None);
                        };
                        match fs::read_dir(&path).await {
                            Ok(entries) => (path, entries),
                            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                            Err(source) => return Err(StorageError::Directory { path, source }),
                        }
                    }
                };
                let entry = match entries.next_entry().await {
                    Ok(Some(entry)) => entry,
                    Ok(None) => continue,
                    Err(source) => return Err(StorageError::Directory { path, source }),
                };
                open = Some((path, entries));
                let Ok(known) = entry.metadata().await else {
                    // It went meanwhile.
                    continue;
                };
                let path = entry.path();
                if known.is_dir() {
                    waiting.push(path);
                    continue;
                }
                let name = path.strip_prefix(&self.root).ok().and_then(Path::to_str);
                let Some(key) = name.and_then(|name| name.parse().ok()) else {
                    continue;
                };
                let found = Found {
                    key,
                    size: known.len(),
                    written: known.modified().map_or(0, millis),
                };
                return Ok(Some((found, (waiting, open))));
            }
        })
    }

    pub(super) fn path(&self, key: &Key) -> PathBuf {
        self.root.join(key.as_str())
    }

    pub(super) async fn put(&self, key: &Key, content: &[u8]) -> io::Result<()> {
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

    pub(super) async fn copy(&self, key: &Key, from: &Path) -> io::Result<()> {
        let (file, path) = self.temporary().await?;
        let mut copy = Spool::new(file, path);
        fs::copy(from, copy.path()).await?;
        copy.rewritten().await?;
        self.adopt(key, copy).await
    }

    pub(super) async fn adopt(&self, key: &Key, spool: Spool) -> io::Result<()> {
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
            if millis(modified) < before && fs::remove_file(entry.path()).await.is_ok() {
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

fn millis(time: SystemTime) -> i64 {
    let age = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(age.as_millis()).unwrap_or(i64::MAX)
}
