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
    /// The file; `null` only while it is not there yet.
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

/// Renders an attachment. A file that is not kept here is named by its address at home.
pub fn render(config: &Config, media: &Media) -> MediaAttachment {
    let stored = |key: &str| (!key.is_empty()).then(|| config.media_url(key));
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let remote_url = text(&media.remote_url);
    let url = stored(&media.file).or_else(|| remote_url.clone());
    MediaAttachment {
        id: media.id.to_string(),
        kind: media.kind.clone(),
        preview_url: stored(&media.preview).or_else(|| {
            // Only a picture can stand for itself.
            matches!(media.kind.as_str(), "image" | "gifv")
                .then(|| url.clone())
                .flatten()
        }),
        url,
        remote_url,
        preview_remote_url: None,
        text_url: None,
        meta: meta(&media.meta),
        description: text(&media.description),
        blurhash: text(&media.blurhash),
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
        let remote = render(&config, &media("", "https://b.example/x.png", "{}"));
        assert_eq!(remote.url.as_deref(), Some("https://b.example/x.png"));
        assert_eq!(remote.remote_url, remote.url);
        assert!(remote.meta.is_none());
    }
}
