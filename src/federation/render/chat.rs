//! Chat messages: Pleroma's ChatMessage, or a direct Note for servers that know no chats.

use serde_json::{Map, Value, json};

use super::{CONTEXT, emoji, note};
use crate::clock::iso;
use crate::domain::chats::ChatNote;
use crate::text;

/// What a message's terms mean.
pub fn context() -> Value {
    json!([
        CONTEXT,
        {
            "litepub": "http://litepub.social/ns#",
            "ChatMessage": "litepub:ChatMessage",
            "EmojiReact": "litepub:EmojiReact",
            "toot": "http://joinmastodon.org/ns#",
            "Emoji": "toot:Emoji",
            "blurhash": "toot:blurhash",
            "focalPoint": {"@container": "@list", "@id": "toot:focalPoint"},
            "quoteUri": "http://fedibird.com/ns#quoteUri",
            "kith": super::NAMESPACE,
            "sharedStatus": {"@id": "kith:sharedStatus", "@type": "@id"},
            "encrypted": "kith:encrypted",
        },
    ])
}

/// A message without context. Times are told to the millisecond: they decide its place.
pub fn object(message: &ChatNote) -> Value {
    let mut members = Map::with_capacity(18);
    let mut put = |name: &str, value: Value| {
        members.insert(name.to_owned(), value);
    };
    let is_note = message.form == "Note";
    put("id", json!(message.uri));
    put("type", json!(message.form));
    put("attributedTo", json!(message.attributed_to));
    // Pleroma reads who wrote a ChatMessage here.
    put("actor", json!(message.attributed_to));
    put("to", json!([message.to]));
    put("content", json!(content(message, is_note)));
    if !message.source.is_empty() {
        put(
            "source",
            json!({"content": message.source, "mediaType": message.source_type}),
        );
    }
    put("published", json!(iso(message.published)));
    if let Some(updated) = message.updated {
        put("updated", json!(iso(updated)));
    }
    if let Some(answered) = &message.in_reply_to {
        put("inReplyTo", json!(answered));
    }
    if let Some(quoted) = &message.quote {
        put("quoteUri", json!(quoted));
    }
    if let Some((shared, _)) = &message.shared {
        put("sharedStatus", json!(shared));
    }
    if let Some(encrypted) = &message.encrypted {
        put(
            "encrypted",
            json!({"mediaType": encrypted.kind, "content": encrypted.content}),
        );
    }
    let files: Vec<Value> = message.attachments.iter().map(note::attachment).collect();
    // Pleroma knows one file, as an object by itself.
    match files.len() {
        0 => {}
        1 => put("attachment", files.into_iter().next().unwrap_or_default()),
        _ => put("attachment", json!(files)),
    }
    let mut tags: Vec<Value> = message.emojis.iter().map(emoji::object).collect();
    if is_note {
        put("cc", json!([]));
        put("sensitive", json!(false));
        let mention = json!({"type": "Mention", "href": message.to, "name": message.to_name});
        tags.insert(0, mention);
    }
    put("tag", json!(tags));
    Value::Object(members)
}

/// The HTML. A shared post ends it with a line that leads to it, which those who know
/// `sharedStatus` leave out by its class. A Note names whom it is for, so that they are told.
fn content(message: &ChatNote, is_note: bool) -> String {
    let mut html = message.content.clone();
    if let Some((_, page)) = &message.shared {
        let page = text::escape(page);
        html.push_str(&format!(
            "<p class=\"quote-inline\"><a href=\"{page}\">{page}</a></p>"
        ));
    }
    if is_note && message.encrypted.is_some() && message.content.is_empty() {
        html.push_str("<p>(an encrypted message)</p>");
    }
    if !is_note {
        return html;
    }
    let (href, name) = (text::escape(&message.to), text::escape(&message.to_name));
    let mention = format!(
        "<span class=\"h-card\"><a href=\"{href}\" class=\"u-url mention\">{name}</a></span> "
    );
    match html.strip_prefix("<p>") {
        Some(rest) => format!("<p>{mention}{rest}"),
        None => format!("<p>{mention}</p>{html}"),
    }
}
