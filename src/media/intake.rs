//! Takes files in: image work on blocking threads, a few at a time, and the result into storage.

use std::sync::Arc;

use bytes::Bytes;
use thiserror::Error;
use tokio::sync::Semaphore;

use super::MediaError;
use super::image::{self, Limits, Meta, ProfileImage, Rendition};
use super::storage::{InvalidKey, Key, Storage, StorageError};

/// Images worked on at once: each may take a second of a core and some hundred megabytes.
const AT_ONCE: usize = 2;

/// Why a file was not taken in.
#[derive(Debug, Error)]
pub enum IntakeError {
    /// The sender's fault.
    #[error(transparent)]
    Refused(#[from] MediaError),
    /// The storage's.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The id makes no key.
    #[error(transparent)]
    Key(#[from] InvalidKey),
    /// The work did not come to its end.
    #[error("image processing was interrupted")]
    Interrupted,
}

/// An image attachment, worked out but not stored yet.
#[derive(Debug, Clone)]
pub struct Attachment {
    pub file: Key,
    pub preview: Key,
    pub mime: &'static str,
    pub blurhash: String,
    pub meta: Meta,
    /// Bytes of both files.
    pub size: u64,
    original: Bytes,
    small: Bytes,
}

/// A small still picture.
#[derive(Debug, Clone)]
pub struct Thumbnail {
    pub file: Rendition,
    pub blurhash: String,
}

/// Where files come in. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Intake {
    storage: Storage,
    limits: Arc<Limits>,
    turns: Arc<Semaphore>,
}

impl Intake {
    /// An intake that stores there.
    pub fn new(storage: Storage) -> Intake {
        Intake {
            storage,
            limits: Arc::new(Limits::default()),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Largest file, in bytes.
    pub fn max_bytes(&self) -> usize {
        self.limits.max_bytes
    }

    /// Works out an image attachment; `id` goes into its keys. Nothing is stored: the caller
    /// first writes down the keys, so that no file is ever without a row, then calls
    /// [`Intake::store`].
    pub async fn attachment(&self, id: i64, bytes: Bytes) -> Result<Attachment, IntakeError> {
        let limits = self.limits.clone();
        let done = self.work(move || image::process(&bytes, &limits)).await?;
        let id = id.to_string();
        let key = |area: &str, file: &Rendition| {
            Key::for_content(area, &id, &file.bytes, file.format.extension())
        };
        Ok(Attachment {
            file: key("attachments", &done.original)?,
            preview: key("previews", &done.small)?,
            mime: done.original.format.mime(),
            blurhash: done.blurhash,
            meta: done.meta,
            size: (done.original.bytes.len() + done.small.bytes.len()) as u64,
            original: done.original.bytes,
            small: done.small.bytes,
        })
    }

    /// Stores what [`Intake::attachment`] worked out.
    pub async fn store(&self, attachment: &Attachment) -> Result<(), IntakeError> {
        let Attachment { file, preview, .. } = attachment;
        self.storage.put(file, attachment.original.clone()).await?;
        self.storage.put(preview, attachment.small.clone()).await?;
        Ok(())
    }

    /// Works out a small still picture; nothing is stored.
    pub async fn thumbnail(&self, bytes: Bytes) -> Result<Thumbnail, IntakeError> {
        let limits = self.limits.clone();
        let done = self.work(move || image::process(&bytes, &limits)).await?;
        Ok(Thumbnail {
            file: done.small,
            blurhash: done.blurhash,
        })
    }

    /// Takes in an avatar; the key it is stored under.
    pub async fn avatar(&self, id: i64, bytes: Bytes) -> Result<Key, IntakeError> {
        let limits = self.limits.clone();
        let done = self.work(move || image::avatar(&bytes, &limits)).await?;
        self.profile_image("avatars", id, done).await
    }

    /// Takes in a profile header; the key it is stored under.
    pub async fn header(&self, id: i64, bytes: Bytes) -> Result<Key, IntakeError> {
        let limits = self.limits.clone();
        let done = self.work(move || image::header(&bytes, &limits)).await?;
        self.profile_image("headers", id, done).await
    }

    async fn profile_image(
        &self,
        area: &str,
        id: i64,
        done: ProfileImage,
    ) -> Result<Key, IntakeError> {
        let shown = done.shown;
        let key = Key::for_content(
            area,
            &id.to_string(),
            &shown.bytes,
            shown.format.extension(),
        )?;
        self.storage.put(&key, shown.bytes).await?;
        Ok(key)
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, MediaError> + Send + 'static,
    ) -> Result<T, IntakeError> {
        // The permit goes into the thread: a request that is dropped frees no turn early.
        let turn = self.turns.clone().acquire_owned().await;
        let turn = turn.map_err(|_| IntakeError::Interrupted)?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        Ok(done.await.map_err(|_| IntakeError::Interrupted)??)
    }
}
