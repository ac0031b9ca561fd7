//! Activities and the objects in them, as inboxes and fetches read them.

#![no_main]

use kith::db::accounts::Account;
use kith::domain::chats::MAX_ENCRYPTED;
use kith::domain::statuses::{RemoteMedia, RemoteNote};
use kith::domain::visibility::Visibility;
use kith::federation::activities::{chat, emoji_react};
use kith::federation::inbox::{self, Envelope};
use kith::federation::objects::{note, quote};
use kith::federation::value::{self, id, ids, is_public, link, same_origin, text, uri};
use kith_fuzz::{NOW, assert_cleaned, assert_emojis, assert_inline, author, bounded, expand};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// The largest activity that is taken.
const LIMIT: usize = 1 << 20;

fuzz_target!(|data: &[u8]| {
    bounded(|| activity(&expand(data, LIMIT)));
});

fn activity(data: &[u8]) {
    let Ok(activity) = value::parse(data) else {
        return;
    };
    origins(&activity);
    if let Ok(envelope) = Envelope::read(&activity) {
        let (Some(id), Some(actor)) = (uri(envelope.id), uri(envelope.actor)) else {
            panic!("an envelope with ids that are none");
        };
        assert_eq!(id.origin(), actor.origin());
        assert!(envelope.kind.len() <= 100);
    }
    if let Some(emoji) = emoji_react::emoji(&activity) {
        assert!(!emoji.shortcode.is_empty() && !emoji.shortcode.contains(['<', '>', '"', '&']));
    }
    let embedded = inbox::object(&activity).map(|(_, object)| object);
    for object in [&activity].into_iter().chain(embedded) {
        let by =
            value::first_id(object, "attributedTo").or_else(|| object.get("actor").and_then(id));
        if let Some(author) = by.and_then(author) {
            read(object, &author);
        }
    }
}

/// Ids that are compared at first sight compare as they do when they are parsed.
fn origins(activity: &Value) {
    let named: Vec<&str> = ["id", "actor", "object", "target", "to", "url"]
        .into_iter()
        .flat_map(|name| ids(activity, name).take(3))
        .collect();
    for a in &named {
        for b in &named {
            let parsed = match (uri(a), uri(b)) {
                (Some(a), Some(b)) => a.origin() == b.origin(),
                _ => false,
            };
            assert_eq!(same_origin(a, b), parsed, "{a:?} and {b:?}");
        }
    }
}

fn read(object: &Value, author: &Account) {
    let mentioned = note::mentioned(object);
    assert!(mentioned.len() <= 100 && mentioned.iter().all(|id| uri(id).is_some()));
    let recipients: Vec<&str> = note::recipients(object).collect();
    assert!(recipients.len() <= 1000);
    if note::visibility(object, author) == Visibility::Direct {
        assert!(
            !recipients
                .iter()
                .any(|to| is_public(to) || **to == author.followers_url)
        );
    }
    if let Some(quote) = quote::quote(object) {
        assert!(uri(&quote.uri).is_some() && !quote.verified);
        assert!(
            quote
                .authorization
                .is_none_or(|stamp| uri(&stamp).is_some())
        );
    }
    quote::policy(object, author);
    if let Ok(note) = note::read(object, author, NOW) {
        status(&note, object, author);
    }
    for form in ["ChatMessage", "Note"] {
        let Ok(message) = chat::read(object, author, NOW, form) else {
            continue;
        };
        assert!(uri(&message.uri).is_some() && same_origin(&message.uri, &author.uri));
        assert_cleaned(&message.content);
        assert_emojis(&message.emojis);
        files(&message.media);
        for id in [&message.in_reply_to, &message.quote, &message.shared] {
            assert!(id.as_deref().is_none_or(|id| uri(id).is_some()));
        }
        if let Some(sealed) = &message.encrypted {
            assert!(sealed.content.len() <= MAX_ENCRYPTED);
        }
    }
}

/// A status says nothing that its author may not, and is bounded in everything.
fn status(note: &RemoteNote, object: &Value, author: &Account) {
    assert!(note::is_note(object) && text(object, "id") == Some(&note.uri));
    assert_eq!(
        uri(&note.uri).map(|u| u.origin()),
        uri(&author.uri).map(|u| u.origin())
    );
    assert!(ids(object, "attributedTo").any(|by| by == author.uri));
    assert!(link(&note.url).is_some());
    assert_cleaned(&note.content);
    assert!(note.content.len() < 120_000);
    assert_inline(&note.title);
    assert_inline(&note.spoiler_text);
    assert!(note.tags.len() <= 100);
    note.tags.iter().for_each(|tag| assert_inline(tag));
    assert!(
        note.in_reply_to
            .as_deref()
            .is_none_or(|parent| uri(parent).is_some())
    );
    assert_emojis(&note.emojis);
    files(&note.media);
    if let Some(poll) = &note.poll {
        assert!((1..=50).contains(&poll.options.len()));
        for (at, (title, votes)) in poll.options.iter().enumerate() {
            assert_inline(title);
            assert!(!title.is_empty() && *votes >= 0);
            assert!(poll.options[..at].iter().all(|(other, _)| other != title));
        }
        assert!(poll.voters_count.is_none_or(|count| count >= 0));
    }
}

fn files(media: &[RemoteMedia]) {
    assert!(media.len() <= 16);
    for file in media {
        assert!(link(&file.url).is_some());
        assert!(matches!(
            &*file.kind,
            "image" | "video" | "audio" | "unknown"
        ));
        assert_inline(&file.mime);
        assert_inline(&file.description);
        assert!(file.blurhash.len() <= 100);
        if let Some((x, y)) = file.focus {
            assert!((-1000..=1000).contains(&x) && (-1000..=1000).contains(&y));
        }
    }
}
