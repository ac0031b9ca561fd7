//! Custom emoji.

use bytes::Bytes;

use super::{Intake, IntakeError};
use crate::media::image::{self, Limits};
use crate::media::storage::Key;

/// An emoji's picture, stored.
#[derive(Debug, Clone)]
pub struct Emoji {
    pub image: Key,
    /// The same without motion; `image` itself where it has none.
    pub static_image: Key,
    pub mime: &'static str,
}

impl Intake {
    /// Takes in an emoji's picture: recognised by its bytes, without metadata, at most
    /// `max_bytes` large. Its name goes into the keys.
    pub async fn emoji(
        &self,
        name: &str,
        bytes: Bytes,
        max_bytes: usize,
    ) -> Result<Emoji, IntakeError> {
        let limits = Limits {
            max_bytes,
            ..Limits::default()
        };
        let done = self.work(move || image::process(&bytes, &limits)).await?;
        let name = name.to_ascii_lowercase();
        let key = |file: &image::Rendition| {
            Key::for_content("emojis", &name, &file.bytes, file.format.extension())
        };
        let image = key(&done.original)?;
        let mime = done.original.format.mime();
        self.storage.put(&image, done.original.bytes).await?;
        let static_image = if done.animated {
            let still = key(&done.small)?;
            self.storage.put(&still, done.small.bytes).await?;
            still
        } else {
            image.clone()
        };
        Ok(Emoji {
            image,
            static_image,
            mime,
        })
    }
}
