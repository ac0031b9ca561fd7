//! Statuses of other servers: notes, and whatever else can be shown as one.

use serde_json::Value;

use super::actor::page;
pub use super::media::media;
use super::{quote, wording};
use crate::db::accounts::Account;
use crate::domain::groups::Addressed;
use crate::domain::outgoing::PUBLIC;
use crate::domain::polls::RemotePoll;
use crate::domain::statuses::RemoteNote;
use crate::domain::visibility::Visibility;
use crate::federation::render::note::VISIBILITY;
use crate::federation::value::{
    emojis, first_id, flag, id, ids, is_a, is_public, kind_of, many, same_origin, text, time, uri,
};
use crate::text::sanitize::clean_inline;

/// Types that are taken in as statuses.
pub const KINDS: &[&str] = &[
    "Note", "Article", "Page", "Question", "Video", "Audio", "Image", "Event",
];

/// Options of a poll kept, and characters of one.
const MAX_OPTIONS: usize = 50;
const MAX_OPTION: usize = 500;
/// Votes or voters believed at most.
const MAX_VOTES: i64 = 10_000_000_000;
/// Recipients that are looked at for groups.
const MAX_GROUPS: usize = 5;
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

/// An object as it was meant that its origin serves to whoever asks: one of a group that
/// addresses nobody at all is for everyone (Discourse addresses activities alone).
pub fn as_served(mut object: Value) -> Value {
    let addressed = ["to", "cc", "bto", "bcc"]
        .iter()
        .any(|name| object.get(name).is_some());
    let in_a_group = first_id(&object, "audience").is_some_and(|group| uri(group).is_some());
    if !addressed
        && in_a_group
        && let Some(fields) = object.as_object_mut()
    {
        fields.insert("to".to_owned(), Value::from(PUBLIC));
    }
    object
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
    let said = wording::read(object, kind, &parsed);
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
        title: said.title,
        content: said.content,
        sensitive: flag(object, "sensitive").unwrap_or(false) || !said.warning.is_empty(),
        spoiler_text: said.warning,
        language: said.language,
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
        policies: quote::policies(object, author),
        authorization: first_id(object, "replyAuthorization")
            .or_else(|| first_id(object, "approvedBy"))
            .filter(|stamp| uri(stamp).is_some())
            .map(str::to_owned),
        vouched: false,
        request: None,
        groups: groups(object, kind, author),
    })
}

/// The groups an object is addressed to, as far as it says: `audience` names them; link aggregators
/// name one among the recipients; elsewhere any recipient, or who else it is attributed to, may be
/// one.
fn groups(object: &Value, kind: &str, author: &Account) -> Addressed {
    let is_actor = |recipient: &&str| {
        !is_public(recipient)
            && *recipient != author.uri
            && *recipient != author.followers_url
            && uri(recipient).is_some()
    };
    let mut named: Vec<String> = Vec::new();
    let mut others: Vec<String> = Vec::new();
    let add = |list: &mut Vec<String>, uri: &str| {
        if list.len() < MAX_GROUPS && list.iter().all(|known| known != uri) {
            list.push(uri.to_owned());
        }
    };
    for group in ids(object, "audience").filter(is_actor) {
        add(&mut named, group);
    }
    let recipients = ids(object, "to")
        .chain(ids(object, "cc"))
        .chain(ids(object, "attributedTo"));
    for recipient in recipients.filter(is_actor).take(MAX_TAGS) {
        let aggregated = kind == "Page" && named.is_empty();
        if aggregated {
            add(&mut named, recipient);
        } else {
            add(&mut others, recipient);
        }
    }
    Addressed {
        named,
        others,
        found: Vec::new(),
        locked: flag(object, "commentsEnabled") == Some(false),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::federation::objects::actor;
    use crate::federation::objects::wording::MAX_CONTENT;
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
