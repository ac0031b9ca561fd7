//! Attachments (Mastodon documentation, entities/MediaAttachment).

use serde::Serialize;
use serde_json::value::RawValue;

use crate::config::Config;
use crate::db::media::Media;

/// A `MediaAttachment`.
#[derive(Debug, Clone, Serialize)]
pub struct MediaAttachment {
    pub id: String,
    /// `unknown`, `image`, `gifv`, `video` or `audio`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The file; `null` while it is worked on.
    pub url: Option<String>,
    pub preview_url: Option<String>,
    /// Where a remote attachment is at home.
    pub remote_url: Option<String>,
    pub preview_remote_url: Option<String>,
    /// Deprecated, always `null`.
    pub text_url: Option<String>,
    /// Sizes and focus; the shape depends on the type.
    pub meta: Option<Box<RawValue>>,
    pub description: Option<String>,
    pub blurhash: Option<String>,
}

/// Renders an attachment.
pub fn render(config: &Config, media: &Media) -> MediaAttachment {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let (url, preview_url) = addresses(config, media);
    MediaAttachment {
        id: media.id.to_string(),
        kind: media.kind.clone(),
        url,
        preview_url,
        remote_url: text(&media.remote_url),
        preview_remote_url: None,
        text_url: None,
        meta: meta(&media.meta),
        description: text(&media.description),
        blurhash: text(&media.blurhash),
    }
}

/// The same for one that is not fetched, by a policy: where it is at home is told.
pub fn render_unfetched(config: &Config, media: &Media) -> MediaAttachment {
    let shown = render(config, media);
    if media.remote_url.is_empty() {
        return shown;
    }
    MediaAttachment {
        kind: "unknown".to_owned(),
        url: shown.remote_url.clone(),
        preview_url: None,
        meta: None,
        ..shown
    }
}

/// Where a file and its thumbnail are: ours by their keys, others' by our copy, and what we make
/// no copy of by its address at home. Nothing is looked up.
pub fn addresses(config: &Config, media: &Media) -> (Option<String>, Option<String>) {
    let stored = |key: &str| (!key.is_empty()).then(|| config.media_url(key));
    if media.file.starts_with("chats/") {
        // A document, before a message takes it up: its owner's.
        let (url, _) = config.chat_file_url(media, media.account_id, None);
        return (Some(url), None);
    }
    if media.remote_url.is_empty() || !media.file.is_empty() {
        let url = stored(&media.file);
        let preview = stored(&media.preview).or_else(|| {
            // Only a picture can stand for itself.
            let picture = matches!(media.kind.as_str(), "image" | "gifv");
            url.clone().filter(|_| picture)
        });
        return (url, preview);
    }
    let copy = |size| Some(config.remote_attachment_url(media.id, size));
    match media.kind.as_str() {
        "image" => (copy("original"), copy("small")),
        // What a video looks like is for ffmpeg to say.
        "video" | "gifv" => (
            copy("original"),
            copy("small").filter(|_| config.ffmpeg.is_some()),
        ),
        "audio" => (copy("original"), None),
        _ => (Some(media.remote_url.clone()), None),
    }
}

/// The kept JSON when it is an object that says something.
fn meta(text: &str) -> Option<Box<RawValue>> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).ok()?;
    if object.is_empty() {
        return None;
    }
    serde_json::value::to_raw_value(&object).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media(file: &str, remote_url: &str, meta: &str) -> Media {
        Media {
            id: 7,
            account_id: 1,
            status_id: None,
            position: 0,
            kind: "image".to_owned(),
            mime: "image/png".to_owned(),
            file: file.to_owned(),
            preview: String::new(),
            remote_url: remote_url.to_owned(),
            description: String::new(),
            blurhash: String::new(),
            meta: meta.to_owned(),
            size: 0,
            created_at: 0,
        }
    }

    #[test]
    fn addresses_are_ours_where_we_keep_the_file() {
        let config = Config::load(Default::default(), std::iter::empty(), None).unwrap();
        let kept = render(
            &config,
            &media("media/a.png", "", r#"{"focus":{"x":0.5,"y":0}}"#),
        );
        assert_eq!(
            kept.url.as_deref(),
            Some("http://localhost:8080/media/media/a.png")
        );
        assert_eq!(kept.remote_url, None);
        assert_eq!(kept.meta.unwrap().get(), r#"{"focus":{"x":0.5,"y":0}}"#);
        assert_eq!(kept.preview_url, kept.url);
        let remote = render(&config, &media("", "https://b.example/x.png", "{}"));
        let url = remote.url.unwrap();
        assert!(
            url.starts_with("http://localhost:8080/media/proxy/media/7-"),
            "{url}"
        );
        assert_eq!(remote.preview_url, Some(url.replace("/original", "/small")));
        assert_eq!(
            remote.remote_url.as_deref(),
            Some("https://b.example/x.png")
        );
        assert!(remote.meta.is_none());
    }

    #[test]
    fn what_is_no_media_stays_where_it_is() {
        let config = Config::load(Default::default(), std::iter::empty(), None).unwrap();
        let mut document = media("", "https://b.example/x.pdf", "{}");
        document.kind = "unknown".to_owned();
        let shown = render(&config, &document);
        assert_eq!(shown.url.as_deref(), Some("https://b.example/x.pdf"));
        assert_eq!(shown.preview_url, None);
        document.kind = "video".to_owned();
        assert_eq!(render(&config, &document).preview_url, None, "no ffmpeg");
        document.remote_url.clear();
        let waiting = render(&config, &document);
        assert_eq!((waiting.url, waiting.preview_url), (None, None));
    }
}
