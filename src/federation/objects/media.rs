//! Files that objects of other servers bring: attachments, and what an object of a media type is
//! itself.

use std::borrow::Cow;

use serde_json::Value;

use crate::domain::statuses::RemoteMedia;
use crate::federation::value::{is_a, kind_of, link, many, text, url};
use crate::media::av::MAX_BYTES;
use crate::text::sanitize::clean_inline;

/// Characters of an alt text kept.
const MAX_DESCRIPTION: usize = 10_000;
/// Files kept.
const MAX_MEDIA: usize = 16;
/// The highest picture that a video is chosen in where there are several.
const MAX_LINES: i64 = 1080;

/// The files of an object.
pub fn media(object: &Value, kind: &str) -> Vec<RemoteMedia> {
    let own = matches!(kind, "Video" | "Audio" | "Image")
        .then(|| own_file(object, kind))
        .flatten();
    let mut files: Vec<RemoteMedia> = own.into_iter().collect();
    for attachment in many(object, "attachment") {
        if files.len() >= MAX_MEDIA {
            break;
        }
        if let Some(file) = file(attachment)
            && files.iter().all(|f| f.url != file.url)
        {
            files.push(file);
        }
    }
    // The picture above an article, where it is not among its files as well.
    if kind == "Article" && files.is_empty() {
        let picture = many(object, "image").first();
        files.extend(picture.and_then(|picture| match picture {
            Value::String(url) => link(url).map(|url| plain("image", url, "", "")),
            picture => file(picture),
        }));
    }
    files
}

/// Whether a link leads to a file that is shown as an attachment: link aggregators write
/// pictures as links.
pub fn is_file(attachment: &Value) -> bool {
    is_a(attachment, "Link") && file(attachment).is_some()
}

/// A URL as it was meant: some write it as in HTML.
pub fn unescaped(url: &str) -> Cow<'_, str> {
    if url.contains("&#038;") || url.contains("&amp;") {
        return Cow::Owned(url.replace("&#038;", "&").replace("&amp;", "&"));
    }
    Cow::Borrowed(url)
}

fn plain(kind: &str, url: &str, mime: &str, description: &str) -> RemoteMedia {
    RemoteMedia {
        url: url.to_owned(),
        mime: clean_inline(mime, 100),
        kind: kind.to_owned(),
        description: clean_inline(description, MAX_DESCRIPTION),
        blurhash: String::new(),
        width: None,
        height: None,
        focus: None,
    }
}

/// The file that an object of a media type is itself: PeerTube's and Funkwhale's are among links
/// in `url`, those of PeerTube's streams one level down. Of several, the one with the most lines
/// up to [`MAX_LINES`]; one that is known to be too large for a copy is none.
fn own_file(object: &Value, kind: &str) -> Option<RemoteMedia> {
    let wanted = kind.to_ascii_lowercase();
    let direct = many(object, "url").iter();
    let nested = direct.clone().flat_map(|link| many(link, "tag"));
    let number = |entry: &Value, name: &str| entry.get(name).and_then(Value::as_i64);
    let fits = |entry: &&Value| {
        let is_file = text(entry, "mediaType")
            .and_then(|mime| mime.strip_prefix(wanted.as_str()))
            .is_some_and(|rest| rest.starts_with('/'));
        let size = number(entry, "size").unwrap_or_default();
        is_file && u64::try_from(size).is_ok_and(|size| size <= MAX_BYTES)
    };
    let rank = |entry: &&Value| {
        let lines = number(entry, "height").unwrap_or_default();
        if lines <= MAX_LINES { lines } else { -lines }
    };
    // Of those that are equally good the first.
    let found = direct
        .chain(nested)
        .take(200)
        .filter(fits)
        .filter(|entry| url(entry).and_then(link).is_some())
        .rev_max(rank)?;
    let dimension = |name: &str| number(found, name).filter(|n| (1..=65_535).contains(n));
    Some(RemoteMedia {
        width: dimension("width"),
        height: dimension("height"),
        ..plain(
            &wanted,
            url(found).and_then(link)?,
            text(found, "mediaType").unwrap_or_default(),
            text(object, "name").unwrap_or_default(),
        )
    })
}

/// The first of the greatest, where `max_by_key` gives the last.
trait FirstMax: Iterator + Sized {
    fn rev_max(self, key: impl Fn(&Self::Item) -> i64) -> Option<Self::Item> {
        self.reduce(
            |best, next| {
                if key(&next) > key(&best) { next } else { best }
            },
        )
    }
}

impl<I: Iterator> FirstMax for I {}

fn file(attachment: &Value) -> Option<RemoteMedia> {
    let kind = kind_of(attachment, &["Document", "Image", "Video", "Audio", "Link"])?;
    let address = match kind {
        "Link" => url(attachment),
        _ => attachment.get("url").and_then(url),
    };
    let address = unescaped(address?);
    let link = link(&address)?;
    // Pleroma's files are Links in `url`, and the media type and size may stand on those alone.
    let inner = many(attachment, "url").first();
    let mime = text(attachment, "mediaType")
        .or_else(|| text(inner?, "mediaType"))
        .filter(|mime| mime.len() <= 100)
        .unwrap_or_default();
    let shown_as = media_kind(kind, mime, link);
    if kind == "Link" && (shown_as == "unknown" || mime.starts_with("text/")) {
        return None;
    }
    let description = text(attachment, "name").or_else(|| text(attachment, "summary"));
    let blurhash = text(attachment, "blurhash")
        .filter(|hash| (6..=100).contains(&hash.len()) && hash.is_ascii())
        .unwrap_or_default();
    let size = |name: &str| {
        attachment
            .get(name)
            .or_else(|| inner?.get(name))
            .and_then(Value::as_i64)
            .filter(|n| (1..=65_535).contains(n))
    };
    Some(RemoteMedia {
        blurhash: blurhash.to_owned(),
        width: size("width"),
        height: size("height"),
        focus: focus(attachment),
        ..plain(shown_as, link, mime, description.unwrap_or_default())
    })
}

/// Where to crop a picture, as Mastodon's `focalPoint` says it.
fn focus(attachment: &Value) -> Option<(i64, i64)> {
    let [x, y] = many(attachment, "focalPoint") else {
        return None;
    };
    let thousandths = |value: &Value| {
        let part = value.as_f64().filter(|part| (-1.0..=1.0).contains(part))?;
        Some((part * 1000.0).round() as i64)
    };
    Some((thousandths(x)?, thousandths(y)?))
}

/// `image`, `video`, `audio` or `unknown`, by media type, else by object type, else by the
/// file's name.
fn media_kind(kind: &str, mime: &str, url: &str) -> &'static str {
    let by_mime = |mime: &str| match mime.split('/').next() {
        Some("image") => Some("image"),
        Some("video") => Some("video"),
        Some("audio") => Some("audio"),
        _ => None,
    };
    if let Some(known) = by_mime(mime) {
        return known;
    }
    match kind {
        "Image" => return "image",
        "Video" => return "video",
        "Audio" => return "audio",
        _ => {}
    }
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let extension = path.rsplit('.').next().unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "jpg" | "jpeg" | "png" | "gif" | "webp" | "avif" => "image",
        "mp4" | "webm" | "mov" | "m4v" => "video",
        "mp3" | "ogg" | "oga" | "flac" | "wav" | "m4a" => "audio",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn one(attachment: Value) -> Option<(String, String)> {
        let files = media(&json!({"attachment": attachment}), "Note");
        files.into_iter().next().map(|file| (file.kind, file.url))
    }

    #[test]
    fn links_to_pictures_are_pictures() {
        let some = |url: &str| Some(("image".to_owned(), url.to_owned()));
        let picture = "https://a.example/boat.jpg";
        assert_eq!(one(json!({"type": "Link", "href": picture})), some(picture));
        let bare = "https://a.example/1";
        let typed = json!({"type": "Link", "href": bare, "mediaType": "image/png"});
        assert_eq!(one(typed), some(bare));
        for page in [
            json!({"type": "Link", "href": "https://a.example/boats"}),
            json!({"type": "Link", "href": picture, "mediaType": "text/html; charset=utf-8"}),
            json!({"type": "Link", "href": "javascript:x.png"}),
            json!({"type": "Page", "url": picture}),
        ] {
            assert_eq!(one(page.clone()), None, "{page}");
        }
    }

    #[test]
    fn urls_written_as_in_html() {
        let escaped =
            json!({"type": "Image", "url": "https://a.example/b.png?fit=1&#038;ssl=1&amp;x"});
        assert_eq!(
            one(escaped).unwrap().1,
            "https://a.example/b.png?fit=1&ssl=1&x"
        );
    }

    #[test]
    fn a_video_is_chosen_that_can_be_copied() {
        let entry = |height: i64, size: i64| {
            json!({"type": "Link", "mediaType": "video/mp4", "height": height, "size": size,
                "href": format!("https://a.example/{height}.mp4")})
        };
        let page =
            json!({"type": "Link", "mediaType": "text/html", "href": "https://a.example/w/1"});
        let chosen = |direct: Vec<Value>, nested: Vec<Value>| {
            let mut urls = vec![page.clone()];
            urls.extend(direct);
            urls.push(json!({"type": "Link", "mediaType": "application/x-mpegURL",
                "href": "https://a.example/all.m3u8", "tag": nested}));
            let files = media(&json!({"url": urls}), "Video");
            files.into_iter().next().map(|file| file.url)
        };
        let mp4 = |height: i64| Some(format!("https://a.example/{height}.mp4"));
        assert_eq!(
            chosen(vec![entry(2160, 10), entry(480, 1), entry(1080, 5)], vec![]),
            mp4(1080)
        );
        assert_eq!(
            chosen(vec![], vec![entry(1080, 1 << 30), entry(360, 1)]),
            mp4(360)
        );
        assert_eq!(chosen(vec![entry(2160, 10)], vec![]), mp4(2160));
        assert_eq!(chosen(vec![entry(480, 1 << 30)], vec![]), None);
        let single = json!({"type": "Video", "url": {"type": "Link", "mediaType": "video/webm", "href": "https://a.example/x"}});
        assert_eq!(media(&single, "Video").len(), 1);
    }
}
