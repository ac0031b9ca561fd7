//! Statuses as Notes.

use serde_json::{Map, Value, json};

use super::{CONTEXT, emoji, interaction};
use crate::clock::iso;
use crate::domain::outgoing::{Attachment, CanQuote, Note};

/// What a Note's terms mean.
pub fn context() -> Value {
    json!([
        CONTEXT,
        {
            "sensitive": "as:sensitive",
            "Hashtag": "as:Hashtag",
            "toot": "http://joinmastodon.org/ns#",
            "Emoji": "toot:Emoji",
            "blurhash": "toot:blurhash",
            "votersCount": "toot:votersCount",
            "focalPoint": {"@container": "@list", "@id": "toot:focalPoint"},
            "gts": "https://gotosocial.org/ns#",
            "interactionPolicy": {"@id": "gts:interactionPolicy", "@type": "@id"},
            "canQuote": {"@id": "gts:canQuote", "@type": "@id"},
            "automaticApproval": {"@id": "gts:automaticApproval", "@type": "@id"},
            "manualApproval": {"@id": "gts:manualApproval", "@type": "@id"},
            "quote": {"@id": "https://w3id.org/fep/044f#quote", "@type": "@id"},
            "quoteUri": "http://fedibird.com/ns#quoteUri",
            "_misskey_quote": "https://misskey-hub.net/ns#_misskey_quote",
            "quoteAuthorization": {
                "@id": "https://w3id.org/fep/044f#quoteAuthorization",
                "@type": "@id",
            },
        },
    ])
}

/// What the terms of a particular note mean.
pub fn context_of(note: &Note) -> Value {
    let mut context = context();
    if note.mutuals
        && let Some(terms) = context.get_mut(1)
    {
        terms["kith"] = json!(super::NAMESPACE);
    }
    if (note.policies.is_some() || note.authorization.is_some())
        && let Value::Array(terms) = &mut context
    {
        terms.push(json!(interaction::GOTOSOCIAL));
    }
    context
}

/// How far a note reaches, where that is Kith's own to say.
pub const VISIBILITY: &str = "kith:visibility";

/// How many likes, shares and replies a status has.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    pub likes: i64,
    pub shares: i64,
    /// Those that everyone may see.
    pub replies: i64,
}

/// A Note without context. `counts` are told where they are known: on delivery they are not.
pub fn object(note: &Note, counts: Option<Counts>) -> Value {
    let mut members = Map::with_capacity(24);
    let mut put = |name: &str, value: Value| {
        members.insert(name.to_owned(), value);
    };
    put("id", json!(note.uri));
    let kind = if note.question.is_some() {
        "Question"
    } else {
        "Note"
    };
    put("type", json!(kind));
    put("url", json!(note.url));
    put("attributedTo", json!(note.attributed_to));
    put("to", json!(note.addressing.to));
    put("cc", json!(note.addressing.cc));
    if !note.addressing.audience.is_empty() {
        put("audience", super::audience(&note.addressing));
    }
    if !note.name.is_empty() {
        put("name", json!(note.name));
    }
    put(
        "summary",
        match note.summary.as_str() {
            "" => Value::Null,
            summary => json!(summary),
        },
    );
    put("sensitive", json!(note.sensitive));
    put("inReplyTo", json!(note.in_reply_to));
    if let Some(context) = &note.context {
        put("context", json!(context));
    }
    put("published", time(note.published));
    if let Some(updated) = note.updated {
        put("updated", time(updated));
    }
    let content = content(note);
    if note.mutuals {
        put(VISIBILITY, json!("mutuals"));
    }
    if let Some(language) = &note.language {
        put("contentMap", json!({language: content}));
    }
    put("content", json!(content));
    if !note.source.is_empty() {
        put(
            "source",
            json!({"content": note.source, "mediaType": note.source_type}),
        );
    }
    put(
        "attachment",
        note.attachments.iter().map(attachment).collect(),
    );
    put("tag", tags(note));
    if let Some(question) = &note.question {
        put(
            if question.multiple { "anyOf" } else { "oneOf" },
            question.options.iter().map(choice).collect(),
        );
        if let Some(end) = question.end_time {
            put("endTime", time(end));
        }
        if let Some(closed) = question.closed {
            put("closed", time(closed));
        }
        if let Some(voters) = question.voters_count {
            put("votersCount", json!(voters));
        }
    }
    if let Some(quote) = &note.quote {
        // FEP-044f, and the names that were in use before it.
        for name in ["quote", "quoteUri", "_misskey_quote"] {
            put(name, json!(quote.uri));
        }
        if let Some(authorization) = &quote.authorization {
            put("quoteAuthorization", json!(authorization));
        }
    }
    if let Some(CanQuote { automatic, manual }) = &note.can_quote {
        let mut policy = json!({"automaticApproval": automatic});
        if !manual.is_empty() {
            policy["manualApproval"] = json!(manual);
        }
        let mut all = Map::new();
        all.insert("canQuote".to_owned(), policy);
        for (name, policy) in note.policies.iter().flat_map(|p| interaction::policies(p)) {
            all.insert(name.to_owned(), policy);
        }
        put("interactionPolicy", Value::Object(all));
    }
    if let Some(stamp) = &note.authorization {
        put("replyAuthorization", json!(stamp));
        put("approvedBy", json!(stamp));
    }
    // The first page is given, empty, so that nobody fetches replies to what is new.
    let replies = format!("{}/replies", note.uri);
    let mut collection = json!({
        "id": replies,
        "type": "Collection",
        "first": {
            "type": "CollectionPage",
            "partOf": replies,
            "next": format!("{replies}?page=true"),
            "items": [],
        },
    });
    if let Some(counts) = counts {
        collection["totalItems"] = json!(counts.replies);
    }
    put("replies", collection);
    for (name, total) in [
        ("likes", counts.map(|c| c.likes)),
        ("shares", counts.map(|c| c.shares)),
    ] {
        let id = format!("{}/{name}", note.uri);
        put(
            name,
            match total {
                Some(total) => json!({"id": id, "type": "Collection", "totalItems": total}),
                None => json!(id),
            },
        );
    }
    Value::Object(members)
}

/// An option of a poll; its votes are told where they are.
fn choice((title, votes): &(String, Option<i64>)) -> Value {
    let mut replies = json!({"type": "Collection"});
    if let Some(votes) = votes {
        replies["totalItems"] = json!(votes);
    }
    json!({"type": "Note", "name": title, "replies": replies})
}

/// The HTML. A quote begins with a line that leads to it, for those who know no quotes; the
/// others know it by its class.
fn content(note: &Note) -> String {
    match &note.quote {
        Some(quote) => {
            let page = crate::text::escape(&quote.page);
            format!(
                "<p class=\"quote-inline\">RE: <a href=\"{page}\">{page}</a></p>{}",
                note.content
            )
        }
        None => note.content.clone(),
    }
}

/// A moment, as ActivityStreams writes it: to the millisecond, so that what is done within one
/// second keeps its order elsewhere.
pub fn time(ms: i64) -> Value {
    json!(iso(ms))
}

fn tags(note: &Note) -> Value {
    let mentions = note
        .mentions
        .iter()
        .map(|m| json!({"type": "Mention", "href": m.href, "name": m.name}));
    let tags = note
        .tags
        .iter()
        .map(|t| json!({"type": "Hashtag", "href": t.href, "name": format!("#{}", t.name)}));
    let emojis = note.emojis.iter().map(emoji::object);
    mentions.chain(tags).chain(emojis).collect()
}

/// A file.
pub(super) fn attachment(attachment: &Attachment) -> Value {
    let mut value = json!({
        "type": "Document",
        "mediaType": attachment.mime,
        "url": attachment.url,
        "name": match attachment.description.as_str() {
            "" => Value::Null,
            description => json!(description),
        },
    });
    if !attachment.blurhash.is_empty() {
        value["blurhash"] = json!(attachment.blurhash);
    }
    if let Some((width, height)) = attachment.width.zip(attachment.height) {
        value["width"] = json!(width);
        value["height"] = json!(height);
    }
    if let Some((x, y)) = attachment.focus {
        value["focalPoint"] = json!([x as f64 / 1000.0, y as f64 / 1000.0]);
    }
    value
}
