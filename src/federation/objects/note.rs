//! Statuses of other servers: notes, and whatever else can be shown as one.

use serde_json::Value;
use url::Url;

use super::actor::page;
use super::quote;
use crate::db::accounts::Account;
use crate::domain::polls::RemotePoll;
use crate::domain::statuses::{RemoteMedia, RemoteNote};
use crate::domain::visibility::Visibility;
use crate::federation::render::note::VISIBILITY;
use crate::federation::value::{
    emojis, first_id, flag, host, id, ids, is_a, is_public, kind_of, link, many, same_origin, text,
    time, uri, url,
};
use crate::text;
use crate::text::sanitize::{clean_inline, clean_status_html};

/// Types that are taken in as statuses.
pub const KINDS: &[&str] = &[
    "Note", "Article", "Page", "Question", "Video", "Audio", "Image", "Event",
];

/// Bytes of content kept.
const MAX_CONTENT: usize = 100_000;
/// Characters of a title or content warning kept.
const MAX_TITLE: usize = 500;
/// Characters of an alt text kept.
const MAX_DESCRIPTION: usize = 10_000;
/// Files kept.
const MAX_MEDIA: usize = 16;
/// Options of a poll kept, and characters of one.
const MAX_OPTIONS: usize = 50;
const MAX_OPTION: usize = 500;
/// Votes or voters believed at most.
const MAX_VOTES: i64 = 10_000_000_000;
/// Mentions and hashtags kept, of each.
const MAX_TAGS: usize = 100;

/// Whether an object can be taken in as a status.
pub fn is_note(object: &Value) -> bool {
    kind_of(object, KINDS).is_some()
}

/// The id of what an object answers.
pub fn parent(object: &Value) -> Option<&str> {
    first_id(object, "inReplyTo").filter(|parent| uri(parent).is_some())
}

/// The actors an object mentions by tags, each once.
pub fn mentioned(object: &Value) -> Vec<String> {
    let mut mentions: Vec<String> = Vec::new();
    let tags = many(object, "tag")
        .iter()
        .filter(|tag| is_a(tag, "Mention"));
    for href in tags.filter_map(|tag| text(tag, "href")).take(MAX_TAGS) {
        if uri(href).is_some() && mentions.iter().all(|known| known != href) {
            mentions.push(href.to_owned());
        }
    }
    mentions
}

/// Everyone an object is addressed to.
pub fn recipients(object: &Value) -> impl Iterator<Item = &str> {
    ids(object, "to").chain(ids(object, "cc")).take(1000)
}

/// How far an object reaches, by whom it is addressed to.
pub fn visibility(object: &Value, author: &Account) -> Visibility {
    if ids(object, "to").any(is_public) {
        return Visibility::Public;
    }
    if ids(object, "cc").any(is_public) {
        return Visibility::Unlisted;
    }
    let is_followers = |recipient: &str| {
        recipient == author.followers_url
            || recipient.strip_prefix(&author.uri) == Some("/followers")
    };
    if recipients(object).any(is_followers) {
        Visibility::Private
    } else if text(object, VISIBILITY) == Some("mutuals") {
        Visibility::Mutuals
    } else {
        Visibility::Direct
    }
}

/// Reads an object that its author signed or its origin served; its mentions are left for the
/// caller to look up. Refuses one whose author, id and host do not go together (threat S3).
pub fn read(object: &Value, author: &Account, now: i64) -> Result<RemoteNote, &'static str> {
    let kind = kind_of(object, KINDS).ok_or("of a type that is not understood")?;
    let id = text(object, "id").ok_or("an object without an id")?;
    let parsed = uri(id).ok_or("the object's id is no URL in its normal form")?;
    if !ids(object, "attributedTo").any(|by| by == author.uri) {
        return Err("the object is attributed to somebody else");
    }
    if !same_origin(id, &author.uri) {
        return Err("the object's id is on another host than its author");
    }
    let published = time(object, "published").unwrap_or(now);
    let updated = time(object, "updated");
    let (written, language) = content(object);
    let mut content = clean(written);
    if kind != "Note"
        && let Some(shared) = shared_link(object, &parsed)
    {
        content.push_str(&shared);
    }
    // A Note's `name` is a vote's choice, not a title.
    let title = text(object, "name").filter(|_| kind != "Note");
    let summary = text(object, "summary").unwrap_or_default();
    // Articles have a summary in place of a warning.
    let (spoiler_text, content) = match kind {
        "Note" | "Question" => (clean_inline(summary, MAX_TITLE), content),
        _ if content.is_empty() => (String::new(), clean(summary)),
        _ => (String::new(), content),
    };
    let mut tags: Vec<String> = Vec::new();
    for name in many(object, "tag")
        .iter()
        .filter(|tag| is_a(tag, "Hashtag"))
        .filter_map(|tag| text(tag, "name"))
    {
        let name = clean_inline(name.trim_start_matches('#'), 100);
        if !name.is_empty() && tags.len() < MAX_TAGS && !tags.contains(&name) {
            tags.push(name);
        }
    }
    Ok(RemoteNote {
        uri: id.to_owned(),
        url: page(object, &parsed).unwrap_or(id).to_owned(),
        kind: kind.to_owned(),
        title: clean_inline(title.unwrap_or_default(), MAX_TITLE),
        content,
        sensitive: flag(object, "sensitive").unwrap_or(false) || !spoiler_text.is_empty(),
        spoiler_text,
        language,
        visibility: visibility(object, author),
        in_reply_to: parent(object).map(str::to_owned),
        context: first_id(object, "context")
            .filter(|context| uri(context).is_some())
            .map(str::to_owned),
        replies: replies(object, id),
        published,
        updated,
        mentions: Vec::new(),
        tags,
        media: media(object, kind),
        poll: poll(object, kind, now),
        emojis: emojis(object),
        quote: quote::quote(object),
        quote_policy: quote::policy(object, author),
    })
}

/// The collection of an object's replies, as the object has it.
pub fn replies_of(object: &Value) -> Option<&Value> {
    // PeerTube's videos have comments.
    ["replies", "comments"]
        .iter()
        .find_map(|name| object.get(*name).filter(|value| !value.is_null()))
}

/// Where the replies to an object can be read later: a collection of its own host. One that
/// stands in the object alone is read there.
fn replies(object: &Value, own: &str) -> Option<String> {
    let replies = replies_of(object)?;
    let listed = first_id(object, "replies")
        .or_else(|| id(replies))
        .or_else(|| first_id(replies, "first"));
    match listed {
        Some(listed) => same_origin(listed, own).then(|| listed.to_owned()),
        None => replies.is_object().then(|| own.to_owned()),
    }
}

/// The poll of a Question, where it has options to choose from.
fn poll(object: &Value, kind: &str, now: i64) -> Option<RemotePoll> {
    if kind != "Question" {
        return None;
    }
    let votes = |value: Option<&Value>| {
        value
            .and_then(Value::as_i64)
            .map(|number| number.clamp(0, MAX_VOTES))
    };
    let multiple = !many(object, "anyOf").is_empty();
    let mut options: Vec<(String, i64)> = Vec::new();
    for option in many(object, if multiple { "anyOf" } else { "oneOf" }) {
        let name = clean_inline(text(option, "name").unwrap_or_default(), MAX_OPTION);
        let fresh = options.iter().all(|(known, _)| *known != name);
        if !name.is_empty() && fresh && options.len() < MAX_OPTIONS {
            let count = votes(option.pointer("/replies/totalItems"));
            options.push((name, count.unwrap_or(0)));
        }
    }
    if options.is_empty() {
        return None;
    }
    // Some say that it is closed, not when it was.
    let closed = time(object, "closed").or_else(|| flag(object, "closed")?.then_some(now));
    let end = time(object, "endTime");
    Some(RemotePoll {
        options,
        multiple,
        expires_at: match (end, closed) {
            (Some(end), Some(closed)) => Some(end.min(closed)),
            (end, closed) => end.or(closed),
        },
        voters_count: votes(object.get("votersCount")),
    })
}

/// The HTML, and the language where it is told.
fn content(object: &Value) -> (&str, Option<String>) {
    let map = object.get("contentMap").and_then(Value::as_object);
    let written = text(object, "content");
    let entry = map.and_then(|map| {
        // The entry that says the same as `content`, else the first.
        map.iter()
            .find(|(_, value)| written.is_some() && value.as_str() == written)
            .or_else(|| {
                map.iter()
                    .next()
                    .filter(|_| map.len() == 1 || written.is_none())
            })
    });
    let named = object
        .pointer("/language/identifier")
        .or_else(|| object.get("language"))
        .and_then(Value::as_str);
    let language = entry
        .map(|(language, _)| language.as_str())
        .or(named)
        .and_then(text::language::normalize);
    let html = written
        .or_else(|| entry.and_then(|(_, value)| value.as_str()))
        .unwrap_or_default();
    (html, language)
}

/// What a page of a link aggregator is about, where it stands as an attachment and not in the text.
fn shared_link(object: &Value, own: &Url) -> Option<String> {
    let shared = many(object, "attachment")
        .iter()
        .filter(|attachment| is_a(attachment, "Link"))
        .find_map(|attachment| text(attachment, "href").and_then(link))?;
    let parsed = Url::parse(shared).ok()?;
    if parsed.host() == own.host() && parsed.path() == own.path() {
        return None;
    }
    let (href, label) = (text::escape(shared), text::escape(&host(&parsed)));
    Some(clean_status_html(&format!(
        "<p><a href=\"{href}\">{label}{}</a></p>",
        text::escape(parsed.path())
    )))
}

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
    files
}

/// The file that an object of a media type is itself: PeerTube's and Funkwhale's are among links
/// in `url`, those of PeerTube's streams one level down.
fn own_file(object: &Value, kind: &str) -> Option<RemoteMedia> {
    let wanted = kind.to_ascii_lowercase();
    let direct = many(object, "url").iter();
    let nested = direct.clone().flat_map(|link| many(link, "tag"));
    let found = direct.chain(nested).find_map(|entry| {
        let mime = text(entry, "mediaType")?;
        let is_file = mime.starts_with(&wanted) && mime.len() > wanted.len();
        is_file.then(|| url(entry).and_then(link).map(|link| (link, mime)))?
    })?;
    Some(RemoteMedia {
        url: found.0.to_owned(),
        mime: clean_inline(found.1, 100),
        kind: wanted,
        description: clean_inline(text(object, "name").unwrap_or_default(), MAX_DESCRIPTION),
        blurhash: String::new(),
        width: None,
        height: None,
        focus: None,
    })
}

fn file(attachment: &Value) -> Option<RemoteMedia> {
    let kind = kind_of(attachment, &["Document", "Image", "Video", "Audio"])?;
    let link = attachment.get("url").and_then(url).and_then(link)?;
    // Pleroma's files are Links in `url`, and the media type may stand on those alone.
    let mime = text(attachment, "mediaType")
        .or_else(|| text(many(attachment, "url").first()?, "mediaType"))
        .filter(|mime| mime.len() <= 100)
        .unwrap_or_default();
    let description = text(attachment, "name").or_else(|| text(attachment, "summary"));
    let blurhash = text(attachment, "blurhash")
        .filter(|hash| (6..=100).contains(&hash.len()) && hash.is_ascii())
        .unwrap_or_default();
    let size = |name: &str| {
        attachment
            .get(name)
            .and_then(Value::as_i64)
            .filter(|n| (1..=65_535).contains(n))
    };
    Some(RemoteMedia {
        kind: media_kind(kind, mime, link).to_owned(),
        url: link.to_owned(),
        mime: clean_inline(mime, 100),
        description: clean_inline(description.unwrap_or_default(), MAX_DESCRIPTION),
        blurhash: blurhash.to_owned(),
        width: size("width"),
        height: size("height"),
        focus: focus(attachment),
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

/// Cleans HTML, and keeps of it what fits into [`MAX_CONTENT`].
fn clean(html: &str) -> String {
    let cleaned = clean_status_html(html);
    if cleaned.len() <= MAX_CONTENT {
        return cleaned;
    }
    clean_status_html(&cleaned[..cleaned.floor_char_boundary(MAX_CONTENT)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::federation::objects::actor;
    use serde_json::json;

    #[test]
    fn replies_are_listed_at_ones_own_host() {
        let own = "https://a.example/1";
        let at = |value: Value| replies(&json!({ "replies": value }), own);
        let url = "https://a.example/1/replies";
        assert_eq!(at(json!(url)).as_deref(), Some(url));
        // Mastodon and GoToSocial, Pleroma, and one without anything.
        let named =
            json!({"id": url, "type": "Collection", "first": {"next": "https://a.example/2"}});
        assert_eq!(at(named).as_deref(), Some(url));
        assert_eq!(
            at(json!({"type": "Collection", "items": ["https://b.example/1"]})).as_deref(),
            Some(own)
        );
        assert_eq!(at(json!({"first": url})).as_deref(), Some(url));
        assert_eq!(at(json!(null)), None);
        for foreign in [
            json!("https://b.example/1"),
            json!({"id": "https://b.example/1"}),
            json!("tag:a"),
        ] {
            assert_eq!(at(foreign), None);
        }
        let video = json!({"comments": url});
        assert_eq!(replies(&video, own).as_deref(), Some(url));
    }

    #[test]
    fn s7_what_stands_in_for_content_is_bounded_like_it() {
        let author = actor::read(
            &json!({
                "id": "https://a.example/u",
                "type": "Person",
                "preferredUsername": "sara",
                "inbox": "https://a.example/u/inbox",
            }),
            0,
        )
        .unwrap()
        .account;
        let long = "<p><a href=ipfs:>x".repeat(MAX_CONTENT / 10);
        for name in ["summary", "content"] {
            let article = json!({
                "id": "https://a.example/1",
                "type": "Article",
                "attributedTo": author.uri,
                name: long,
            });
            let note = read(&article, &author, 0).unwrap();
            assert!(!note.content.is_empty() && note.content.len() <= MAX_CONTENT);
        }
    }
}
