//! A file that is being written and has no name in the storage yet.

use std::io;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use bytes::Bytes;
use tokio::fs;
use tokio::io::AsyncWriteExt;

/// Bytes kept of the beginning: what [`crate::media::sniff`] looks at.
const HEAD: usize = 64;

/// A file on its way into the storage. It is deleted when it is dropped before
/// [`Storage::adopt`](super::Storage::adopt) gave it a name.
#[derive(Debug)]
pub struct Spool {
    path: PathBuf,
    file: Option<fs::File>,
    len: u64,
    head: Vec<u8>,
}

impl Spool {
    pub(super) fn new(file: fs::File, path: PathBuf) -> Spool {
        Spool {
            path,
            file: Some(file),
            len: 0,
            head: Vec::new(),
        }
    }

    /// Adds bytes at the end.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let room = HEAD.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..room]);
        self.len += bytes.len() as u64;
        match &mut self.file {
            Some(file) => file.write_all(bytes).await,
            None => Err(io::Error::other("the file is closed")),
        }
    }

    /// Writes out what is buffered; the file can then be read by its path.
    pub async fn flush(&mut self) -> io::Result<()> {
        match &mut self.file {
            Some(file) => file.flush().await,
            None => Ok(()),
        }
    }

    /// Takes notice of what a child process wrote to the path.
    pub async fn rewritten(&mut self) -> io::Result<()> {
        let file = fs::File::open(&self.path).await?;
        self.len = file.metadata().await?.len();
        self.file = Some(file);
        Ok(())
    }

    /// Bytes written.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first bytes, up to 64.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// Where it is until it gets its name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All of it.
    pub async fn read(&self) -> io::Result<Bytes> {
        Ok(fs::read(&self.path).await?.into())
    }

    /// SHA-256 of the content.
    pub async fn digest(&self) -> io::Result<digest::Digest> {
        let path = self.path.clone();
        tokio::task::spawn_blocking(move || {
            let mut file = std::fs::File::open(path)?;
            let mut context = digest::Context::new(&digest::SHA256);
            let mut buffer = vec![0; 1 << 16];
            loop {
                match io::Read::read(&mut file, &mut buffer)? {
                    0 => return Ok(context.finish()),
                    read => context.update(&buffer[..read]),
                }
            }
        })
        .await
        .map_err(io::Error::other)?
    }

    /// Makes what was written last, and names the file.
    pub(super) async fn settle(mut self, path: &Path) -> io::Result<()> {
        if let Some(mut file) = self.file.take() {
            file.flush().await?;
            file.sync_all().await?;
        }
        fs::rename(&self.path, path).await?;
        // Nothing is left to delete.
        self.path = PathBuf::new();
        Ok(())
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // What cannot be deleted now is swept later.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
