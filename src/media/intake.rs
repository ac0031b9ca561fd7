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

/// A profile picture, worked out but not stored yet.
#[derive(Debug, Clone)]
pub struct Picture {
    pub key: Key,
    /// Of an animation, its first frame; the key is [`still_of`] the other.
    still: Option<(Key, Bytes)>,
    shown: Bytes,
}

impl Picture {
    /// The keys of its files.
    pub fn files(&self) -> Vec<String> {
        let still = self.still.as_ref().map(|(key, _)| key);
        std::iter::once(&self.key)
            .chain(still)
            .map(Key::to_string)
            .collect()
    }
}

/// What stands before the extension of an animated profile picture, and of its still.
const ANIMATED: &str = ".animated.";
const STILL: &str = ".still.png";

/// The key of an animated profile picture's first frame; `None` for pictures that stand still.
pub fn still_of(key: &str) -> Option<String> {
    key.rsplit_once(ANIMATED)
        .map(|(stem, _)| format!("{stem}{STILL}"))
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

    /// Works out an avatar; `id`, which no other file has, goes into its keys. Nothing is stored:
    /// see [`Intake::attachment`].
    pub async fn avatar(&self, id: i64, bytes: Bytes) -> Result<Picture, IntakeError> {
        let limits = self.limits.clone();
        let done = self.work(move || image::avatar(&bytes, &limits)).await?;
        picture("avatars", id, done)
    }

    /// Works out a profile header, like an avatar.
    pub async fn header(&self, id: i64, bytes: Bytes) -> Result<Picture, IntakeError> {
        let limits = self.limits.clone();
        let done = self.work(move || image::header(&bytes, &limits)).await?;
        picture("headers", id, done)
    }

    /// Stores what [`Intake::avatar`] or [`Intake::header`] worked out.
    pub async fn store_picture(&self, picture: &Picture) -> Result<(), IntakeError> {
        self.storage
            .put(&picture.key, picture.shown.clone())
            .await?;
        if let Some((key, bytes)) = &picture.still {
            self.storage.put(key, bytes.clone()).await?;
        }
        Ok(())
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

fn picture(area: &str, id: i64, done: ProfileImage) -> Result<Picture, IntakeError> {
    let shown = done.shown;
    let id = id.to_string();
    let extension = shown.format.extension();
    let (key, still) = match done.still {
        Some(still) => {
            let extension = format!("animated.{extension}");
            let key = Key::for_content(area, &id, &shown.bytes, &extension)?;
            let still_key = still_of(key.as_str()).unwrap_or_default().parse()?;
            (key, Some((still_key, still.bytes)))
        }
        None => (Key::for_content(area, &id, &shown.bytes, extension)?, None),
    };
    Ok(Picture {
        key,
        still,
        shown: shown.bytes,
    })
}
