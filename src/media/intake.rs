//! Takes files in: image work on blocking threads, video and audio in child processes, a few at a
//! time, and the result into storage.

mod emoji;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use thiserror::Error;
use tokio::sync::{OnceCell, Semaphore};

use super::MediaError;
use super::av::{self, Av, AvError, Plan, Probe, Tools};
use super::image::{self, Limits, Processed, ProfileImage, Rendition};
use super::sniff::{Format, Kind};
use super::storage::{InvalidKey, Key, Spool, Storage, StorageError};

pub use emoji::Emoji;

/// Images worked on at once: each may take a second of a core and some hundred megabytes.
const AT_ONCE: usize = 2;
/// Videos and sounds converted at once.
const CONVERTED_AT_ONCE: usize = 2;

/// Why a file was not taken in.
#[derive(Debug, Error)]
pub enum IntakeError {
    /// The sender's fault.
    #[error(transparent)]
    Refused(#[from] MediaError),
    /// The storage's.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A file that was on its way could not be read or written.
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// The id makes no key.
    #[error(transparent)]
    Key(#[from] InvalidKey),
    /// ffmpeg cannot be run.
    #[error("{0}")]
    Machine(String),
    /// What ffmpeg made found no room.
    #[error("there is no room on the disk")]
    Full,
    /// The work did not come to its end.
    #[error("media processing was interrupted")]
    Interrupted,
}

impl From<AvError> for IntakeError {
    fn from(error: AvError) -> IntakeError {
        match error {
            AvError::Refused(refused) => IntakeError::Refused(refused),
            AvError::Machine(text) => IntakeError::Machine(text),
            AvError::Full => IntakeError::Full,
        }
    }
}

/// An attachment, worked out but not stored yet.
#[derive(Debug)]
pub struct Attachment {
    /// `image`, `gifv`, `video` or `audio`.
    pub kind: &'static str,
    pub file: Key,
    /// A sound without a cover has none.
    pub preview: Option<Key>,
    pub mime: &'static str,
    pub blurhash: String,
    /// `MediaAttachment.meta`.
    pub meta: Value,
    /// Bytes of both files.
    pub size: u64,
    original: Content,
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

/// What a profile may call a picture, one of whose files has this key.
pub fn picture_names(key: &str) -> Vec<String> {
    let mut names = vec![key.to_owned()];
    if let Some(stem) = key.strip_suffix(STILL) {
        // An animation is one of these.
        for format in [Format::Gif, Format::Png, Format::Webp] {
            names.push(format!("{stem}{ANIMATED}{}", format.extension()));
        }
    }
    names
}

#[derive(Debug)]
enum Content {
    Bytes(Bytes),
    File(Spool),
}

/// A thumbnail that somebody chose, worked out but not stored yet.
#[derive(Debug, Clone)]
pub struct Thumbnail {
    pub key: Key,
    pub blurhash: String,
    /// `MediaAttachment.meta.small`.
    pub meta: Value,
    pub bytes: Bytes,
}

/// What an upload is, before anything was done to it.
#[derive(Debug, Clone, PartialEq)]
pub enum Sort {
    /// A picture that is done at once.
    Image,
    /// What takes its time.
    Slow(Plan),
}

/// Where files come in. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Intake {
    storage: Storage,
    limits: Arc<Limits>,
    turns: Arc<Semaphore>,
    conversions: Arc<Semaphore>,
    tools: Option<Tools>,
    av: Arc<OnceCell<Option<Av>>>,
}

impl Intake {
    /// An intake that stores there; of videos and sounds too, where the tools were found and work.
    pub fn new(storage: Storage, tools: Option<Tools>) -> Intake {
        Intake {
            storage,
            tools,
            limits: Arc::new(Limits::default()),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            conversions: Arc::new(Semaphore::new(CONVERTED_AT_ONCE)),
            av: Arc::default(),
        }
    }

    /// ffmpeg, where it works, which is tried out once.
    pub async fn av(&self) -> Option<&Av> {
        let check = async {
            match &self.tools {
                Some(tools) => Av::check(tools.clone()).await,
                None => None,
            }
        };
        self.av.get_or_init(|| check).await.as_ref()
    }

    /// Whether videos and sounds are taken in, as far as is known: tools that were found are held
    /// to work until they have been tried out.
    pub fn takes_av(&self) -> bool {
        self.av
            .get()
            .map_or(self.tools.is_some(), |av| av.is_some())
    }

    /// What images are held to.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Largest file of a format, in bytes.
    pub fn max_bytes(&self, format: Format) -> u64 {
        match format.kind() {
            Kind::Image => self.limits.max_bytes as u64,
            _ => av::MAX_BYTES,
        }
    }

    /// Tells what an upload is, and refuses what cannot be taken in: by its bytes, and for video
    /// and sound by what is truly inside.
    pub async fn sort(&self, upload: &Spool, format: Format) -> Result<Sort, IntakeError> {
        match (format.kind(), self.av().await) {
            (Kind::Image, Some(av)) if format == Format::Gif && av.encodes() => {
                let bytes = upload.read().await?;
                let frames = self.work(move || image::frames(&bytes)).await?;
                Ok(if frames > 1 {
                    Sort::Slow(av::GIFV)
                } else {
                    Sort::Image
                })
            }
            (Kind::Image, _) => Ok(Sort::Image),
            (Kind::Video | Kind::Audio, Some(_)) => {
                let (_, plan) = self.examine(upload.path(), format).await?;
                Ok(Sort::Slow(plan))
            }
            _ => Err(MediaError::Unsupported(format.mime()).into()),
        }
    }

    async fn examine(&self, path: &Path, format: Format) -> Result<(Probe, Plan), IntakeError> {
        let av = self.av().await;
        let av = av.ok_or(MediaError::Unsupported(format.mime()))?;
        let probe = av.probe(path, format).await?;
        let plan = av.plan(&probe, format)?;
        Ok((probe, plan))
    }

    /// Works out an image attachment; `id` goes into its keys. Nothing is stored: the caller
    /// first writes down the keys, so that no file is ever without a row, then calls
    /// [`Intake::store`].
    pub async fn image(&self, id: i64, bytes: Bytes) -> Result<Attachment, IntakeError> {
        let done = self.process(bytes).await?;
        let id = id.to_string();
        let key = |area: &str, file: &Rendition| {
            Key::for_content(area, &id, &file.bytes, file.format.extension())
        };
        Ok(Attachment {
            kind: "image",
            file: key("attachments", &done.original)?,
            preview: Some(key("previews", &done.small)?),
            mime: done.original.format.mime(),
            blurhash: done.blurhash,
            meta: json!(done.meta),
            size: (done.original.bytes.len() + done.small.bytes.len()) as u64,
            original: Content::Bytes(done.original.bytes),
            small: done.small.bytes,
        })
    }

    /// Works out any attachment from a file; may take minutes. Like [`Intake::image`], it stores
    /// nothing.
    pub async fn slow(
        &self,
        id: i64,
        path: &Path,
        format: Format,
    ) -> Result<Attachment, IntakeError> {
        let turn = self.conversions.acquire().await;
        let _turn = turn.map_err(|_| IntakeError::Interrupted)?;
        if format.kind() == Kind::Image {
            let bytes = Bytes::from(tokio::fs::read(path).await?);
            let animation = format == Format::Gif && self.av().await.is_some_and(Av::encodes);
            if !animation {
                return self.image(id, bytes).await;
            }
            // The picture's own decoder has the first word: what it refuses is refused.
            let done = self.process(bytes).await?;
            return self.convert(id, path, format, av::GIFV, Some(done)).await;
        }
        let (probe, plan) = self.examine(path, format).await?;
        let av = self.av().await;
        let av = av.ok_or(MediaError::Unsupported(format.mime()))?;
        let still = match (&probe.video, probe.cover) {
            (Some(_), _) => Some(av.poster(path, format).await?),
            // A cover that cannot be read is no reason to refuse the record.
            (None, Some(stream)) => av.cover(path, format, stream).await.ok(),
            (None, None) => None,
        };
        let still = match still {
            Some(png) if probe.video.is_some() => Some(self.process(png.into()).await?),
            Some(png) => self.process(png.into()).await.ok(),
            None => None,
        };
        self.convert(id, path, format, plan, still).await
    }

    async fn convert(
        &self,
        id: i64,
        path: &Path,
        format: Format,
        plan: Plan,
        still: Option<Processed>,
    ) -> Result<Attachment, IntakeError> {
        let av = self.av().await;
        let av = av.ok_or(MediaError::Unsupported(format.mime()))?;
        let mut made = self.storage.spool().await?;
        av.convert(path, format, &plan, made.path()).await?;
        made.rewritten().await?;
        if made.is_empty() || made.len() > av::MAX_BYTES {
            return Err(MediaError::TooLarge {
                bytes: made.len() as usize,
                max: av::MAX_BYTES as usize,
            }
            .into());
        }
        let result = plan.container.format();
        let mut meta = av.probe(made.path(), result).await?.meta();
        let id = id.to_string();
        let file = Key::for_digest(
            "attachments",
            &id,
            &made.digest().await?,
            result.extension(),
        )?;
        let (mut preview, mut blurhash, mut small) = (None, String::new(), Bytes::new());
        if let Some(still) = still {
            let picture = still.small;
            meta["small"] = json!(still.meta.small);
            let extension = picture.format.extension();
            preview = Some(Key::for_content(
                "previews",
                &id,
                &picture.bytes,
                extension,
            )?);
            (blurhash, small) = (still.blurhash, picture.bytes);
        }
        Ok(Attachment {
            kind: plan.kind,
            file,
            preview,
            mime: result.mime(),
            blurhash,
            meta,
            size: made.len() + small.len() as u64,
            original: Content::File(made),
            small,
        })
    }

    /// Stores what [`Intake::image`] or [`Intake::slow`] worked out.
    pub async fn store(&self, attachment: Attachment) -> Result<(), IntakeError> {
        let Attachment {
            file,
            preview,
            original,
            small,
            ..
        } = attachment;
        match original {
            Content::Bytes(bytes) => self.storage.put(&file, bytes).await?,
            Content::File(spool) => self.storage.adopt(&file, spool).await?,
        }
        if let Some(preview) = preview {
            self.storage.put(&preview, small).await?;
        }
        Ok(())
    }

    /// Works out a thumbnail from a picture.
    pub async fn thumbnail(&self, id: i64, bytes: Bytes) -> Result<Thumbnail, IntakeError> {
        let done = self.process(bytes).await?;
        let small = done.small;
        let extension = small.format.extension();
        Ok(Thumbnail {
            key: Key::for_content("previews", &id.to_string(), &small.bytes, extension)?,
            blurhash: done.blurhash,
            meta: json!(done.meta.small),
            bytes: small.bytes,
        })
    }

    /// A still from a video, as a picture; `None` where that cannot be had.
    pub async fn poster(&self, path: &Path, format: Format) -> Option<Rendition> {
        let png = self.av().await?.poster(path, format).await.ok()?;
        Some(self.process(png.into()).await.ok()?.small)
    }

    /// Makes a picture safe to serve, with its thumbnail.
    pub async fn process(&self, bytes: Bytes) -> Result<Processed, IntakeError> {
        let limits = self.limits.clone();
        self.work(move || image::process(&bytes, &limits)).await
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

    /// Makes an avatar of a picture.
    pub async fn as_avatar(&self, bytes: Bytes) -> Result<ProfileImage, IntakeError> {
        let limits = self.limits.clone();
        self.work(move || image::avatar(&bytes, &limits)).await
    }

    /// Makes a profile header of a picture.
    pub async fn as_header(&self, bytes: Bytes) -> Result<ProfileImage, IntakeError> {
        let limits = self.limits.clone();
        self.work(move || image::header(&bytes, &limits)).await
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
