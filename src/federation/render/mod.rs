//! Outgoing values as ActivityStreams JSON, in the shapes that Mastodon reads and writes.

use serde_json::{Map, Value, json};

use crate::clock::iso;
use crate::domain::interactions::Verb;
use crate::domain::outgoing::{Addressing, FollowRef, Instrument, Outgoing, PUBLIC, React};

pub mod actor;
pub mod chat;
pub mod collection;
pub mod emoji;
pub mod featured;
pub mod interaction;
pub mod note;
pub mod quote;

pub use actor::ActorDocument;

/// The ActivityStreams 2.0 context.
pub const CONTEXT: &str = "https://www.w3.org/ns/activitystreams";

/// Where Kith's own terms live.
pub const NAMESPACE: &str = "https://kith.example/ns#";

/// What marks a Follow as a friend request.
pub const FRIEND_REQUEST: &str = "kith:friendRequest";

/// The media type of what is rendered here (ActivityPub, section 3.2, names it as equivalent).
pub const CONTENT_TYPE: &str = "application/activity+json";

/// A document on its own: with its context in front.
pub fn document(context: Value, object: Value) -> Value {
    match object {
        Value::Object(mut members) => {
            members.insert("@context".to_owned(), context);
            Value::Object(members)
        }
        other => other,
    }
}

/// A document that uses nothing but ActivityStreams.
pub fn plain_document(object: Value) -> Value {
    document(json!(CONTEXT), object)
}

/// An activity as it is delivered. `actor` is the id of its local actor; `profile` that actor's
/// document, which an Update of it carries.
pub fn activity(
    activity: &Outgoing,
    actor: &str,
    profile: impl FnOnce() -> Option<Value>,
) -> Value {
    match activity {
        Outgoing::Create { note } => document(
            note::context_of(note),
            create(note, note::object(note, None), actor),
        ),
        Outgoing::Update { uri, note } => {
            let mut wrapped = wrap(uri, "Update", actor, note::object(note, None));
            insert(
                &mut wrapped,
                "published",
                note::time(note.updated.unwrap_or(note.published)),
            );
            address(&mut wrapped, &note.addressing);
            document(note::context_of(note), wrapped)
        }
        Outgoing::UpdateActor { uri } => {
            let object = profile().unwrap_or_else(|| json!(actor));
            let context = actor::context_of(&object);
            let mut wrapped = wrap(uri, "Update", actor, object);
            insert(&mut wrapped, "to", json!([PUBLIC]));
            document(context, wrapped)
        }
        Outgoing::Delete {
            uri,
            object,
            addressing,
        } => {
            let tombstone = json!({"id": object, "type": "Tombstone"});
            let mut wrapped = wrap(uri, "Delete", actor, tombstone);
            address(&mut wrapped, addressing);
            plain_document(wrapped)
        }
        Outgoing::DeleteActor { uri } => {
            let mut wrapped = wrap(uri, "Delete", actor, json!(actor));
            insert(&mut wrapped, "to", json!([PUBLIC]));
            plain_document(wrapped)
        }
        Outgoing::Move {
            uri,
            target,
            followers,
        } => {
            let mut wrapped = wrap(uri, "Move", actor, json!(actor));
            insert(&mut wrapped, "target", json!(target));
            insert(&mut wrapped, "to", json!([followers]));
            plain_document(wrapped)
        }
        Outgoing::Vote {
            uri,
            name,
            in_reply_to,
            to,
        } => {
            let vote = json!({
                "id": uri,
                "type": "Note",
                "name": name,
                "attributedTo": actor,
                "inReplyTo": in_reply_to,
                "to": to,
            });
            let mut wrapped = wrap(&format!("{uri}/activity"), "Create", actor, vote);
            insert(&mut wrapped, "to", json!(to));
            plain_document(wrapped)
        }
        Outgoing::Add {
            uri,
            object,
            target,
        } => {
            let mut wrapped = wrap(uri, "Add", actor, json!(object));
            insert(&mut wrapped, "target", json!(target));
            plain_document(wrapped)
        }
        Outgoing::Remove {
            uri,
            object,
            target,
        } => {
            let mut wrapped = wrap(uri, "Remove", actor, json!(object));
            insert(&mut wrapped, "target", json!(target));
            plain_document(wrapped)
        }
        Outgoing::Follow(follow) => plain_document(self::follow(follow)),
        Outgoing::FriendRequest(follow) => {
            let mut follow = self::follow(follow);
            insert(&mut follow, FRIEND_REQUEST, json!(true));
            document(json!([CONTEXT, {"kith": NAMESPACE}]), follow)
        }
        Outgoing::UndoFollow { uri, follow } => {
            plain_document(wrap(uri, "Undo", actor, self::follow(follow)))
        }
        Outgoing::Accept { uri, follow } => {
            plain_document(wrap(uri, "Accept", actor, self::follow(follow)))
        }
        Outgoing::Reject { uri, follow } => {
            plain_document(wrap(uri, "Reject", actor, self::follow(follow)))
        }
        Outgoing::Like {
            uri,
            object,
            addressing,
            authorization,
        } => {
            let like = vote((uri, "Like"), actor, object, addressing);
            interaction::stamped(like, Verb::Like, authorization.as_deref())
        }
        Outgoing::UndoLike {
            uri,
            like,
            object,
            addressing,
        } => undo_vote(uri, actor, (like, "Like"), object, addressing),
        Outgoing::Dislike {
            uri,
            object,
            addressing,
        } => plain_document(vote((uri, "Dislike"), actor, object, addressing)),
        Outgoing::UndoDislike {
            uri,
            dislike,
            object,
            addressing,
        } => undo_vote(uri, actor, (dislike, "Dislike"), object, addressing),
        Outgoing::EmojiReact(react) => document(emoji::react_context(), emoji_react(react, actor)),
        Outgoing::UndoEmojiReact { uri, react } => {
            let mut undo = wrap(uri, "Undo", actor, emoji_react(react, actor));
            insert(&mut undo, "to", json!([react.to]));
            document(emoji::react_context(), undo)
        }
        Outgoing::Announce {
            uri,
            object,
            published,
            addressing,
            authorization,
        } => {
            let announce = announce(uri, actor, object, *published, addressing);
            interaction::stamped(announce, Verb::Announce, authorization.as_deref())
        }
        Outgoing::UndoAnnounce {
            uri,
            announce,
            object,
            addressing,
        } => {
            let mut inner = wrap(announce, "Announce", actor, json!(object));
            address(&mut inner, addressing);
            let mut wrapped = wrap(uri, "Undo", actor, inner);
            address(&mut wrapped, addressing);
            plain_document(wrapped)
        }
        Outgoing::Block { uri, object } => plain_document(wrap(uri, "Block", actor, json!(object))),
        Outgoing::UndoBlock { uri, block, object } => {
            let block = wrap(block, "Block", actor, json!(object));
            plain_document(wrap(uri, "Undo", actor, block))
        }
        Outgoing::Flag {
            uri,
            object,
            content,
            to,
        } => {
            let mut wrapped = wrap(uri, "Flag", actor, json!(object));
            insert(&mut wrapped, "content", json!(content));
            insert(&mut wrapped, "to", json!([to]));
            plain_document(wrapped)
        }
        Outgoing::ChatCreate { note } => {
            let uri = format!("{}/activity", note.uri);
            let mut wrapped = wrap(&uri, "Create", actor, chat::object(note));
            insert(&mut wrapped, "published", json!(iso(note.published)));
            insert(&mut wrapped, "to", json!([note.to]));
            document(chat::context(), wrapped)
        }
        Outgoing::ChatUpdate { uri, note } => {
            let mut wrapped = wrap(uri, "Update", actor, chat::object(note));
            insert(&mut wrapped, "to", json!([note.to]));
            document(chat::context(), wrapped)
        }
        Outgoing::ChatReact {
            uri,
            object,
            content,
            emoji,
            to,
        } => {
            let mut react = wrap(uri, "EmojiReact", actor, json!(object));
            insert(&mut react, "content", json!(content));
            insert(&mut react, "to", json!([to]));
            if let Some(emoji) = emoji {
                insert(&mut react, "tag", json!([emoji::object(emoji)]));
            }
            document(chat::context(), react)
        }
        Outgoing::UndoChatReact {
            uri,
            react,
            object,
            content,
            to,
        } => {
            let mut inner = wrap(react, "EmojiReact", actor, json!(object));
            insert(&mut inner, "content", json!(content));
            insert(&mut inner, "to", json!([to]));
            let mut wrapped = wrap(uri, "Undo", actor, inner);
            insert(&mut wrapped, "to", json!([to]));
            document(chat::context(), wrapped)
        }
        Outgoing::ChatRead { uri, object, to } => {
            let mut wrapped = wrap(uri, "Read", actor, json!(object));
            insert(&mut wrapped, "to", json!([to]));
            plain_document(wrapped)
        }
        Outgoing::QuoteRequest {
            uri,
            object,
            instrument,
        } => {
            let mut request = wrap(uri, "QuoteRequest", actor, json!(object));
            insert(&mut request, "instrument", note::object(instrument, None));
            document(quote::request_context(), request)
        }
        Outgoing::AcceptQuote {
            uri,
            request,
            result,
        } => {
            let mut accept = wrap(uri, "Accept", actor, quote::request(request));
            insert(&mut accept, "to", json!([request.actor]));
            insert(&mut accept, "result", json!(result));
            document(quote::answer_context(), accept)
        }
        Outgoing::RejectQuote { uri, request } => {
            let mut reject = wrap(uri, "Reject", actor, quote::request(request));
            insert(&mut reject, "to", json!([request.actor]));
            document(quote::answer_context(), reject)
        }
        Outgoing::AddCollection {
            uri,
            collection,
            target,
        } => {
            let mut add = wrap(uri, "Add", actor, featured::object(collection));
            insert(&mut add, "target", json!(target));
            insert(&mut add, "to", json!([PUBLIC]));
            document(featured::context(), add)
        }
        Outgoing::UpdateCollection { uri, collection } => {
            let mut update = wrap(uri, "Update", actor, featured::object(collection));
            insert(&mut update, "to", json!([PUBLIC]));
            document(featured::context(), update)
        }
        Outgoing::AddItem { uri, item, target } => {
            let mut add = wrap(uri, "Add", actor, featured::item(item));
            insert(&mut add, "target", json!(target));
            insert(&mut add, "to", json!([PUBLIC]));
            document(featured::context(), add)
        }
        Outgoing::FeatureRequest {
            uri,
            object,
            instrument,
        } => {
            let mut request = wrap(uri, "FeatureRequest", actor, json!(object));
            insert(&mut request, "instrument", json!(instrument));
            insert(&mut request, "to", json!([object]));
            document(featured::context(), request)
        }
        Outgoing::AcceptFeature {
            uri,
            request,
            result,
        } => {
            let mut accept = wrap(uri, "Accept", actor, featured::request(request));
            insert(&mut accept, "to", json!([request.actor]));
            insert(&mut accept, "result", json!(result));
            document(featured::context(), accept)
        }
        Outgoing::RejectFeature { uri, request } => {
            let mut reject = wrap(uri, "Reject", actor, featured::request(request));
            insert(&mut reject, "to", json!([request.actor]));
            document(featured::context(), reject)
        }
        Outgoing::DeleteStamp {
            uri,
            object,
            collection,
            owner,
        } => {
            let stamp = featured::stamp(object, actor, collection);
            let mut delete = wrap(uri, "Delete", actor, stamp);
            insert(&mut delete, "to", json!([PUBLIC]));
            insert(&mut delete, "cc", json!([owner]));
            document(featured::stamp_context(), delete)
        }
        Outgoing::InteractionRequest {
            verb,
            uri,
            object,
            to,
            instrument,
        } => {
            let kind = format!("{}Request", verb.stem());
            let mut request = wrap(uri, &kind, actor, json!(object));
            insert(&mut request, "to", json!([to]));
            let (inner, context) = match instrument {
                Instrument::Like { uri } => {
                    let mut like = wrap(uri, "Like", actor, json!(object));
                    insert(&mut like, "to", json!([to]));
                    (like, interaction::context())
                }
                Instrument::Announce {
                    uri,
                    published,
                    addressing,
                } => {
                    let inner = announce(uri, actor, object, *published, addressing);
                    (inner, interaction::context())
                }
                Instrument::Reply(note) => {
                    (note::object(note, None), interaction::note_context(note))
                }
            };
            insert(&mut request, "instrument", inner);
            document(context, request)
        }
        Outgoing::AcceptInteraction {
            uri,
            verb,
            request,
            result,
            cc,
        } => {
            let mut accept = interaction::answer(uri, "Accept", actor, *verb, request);
            insert(&mut accept, "result", json!(result));
            if !cc.is_empty() {
                insert(&mut accept, "cc", json!(cc));
            }
            document(interaction::context(), accept)
        }
        Outgoing::RejectInteraction { uri, verb, request } => {
            let reject = interaction::answer(uri, "Reject", actor, *verb, request);
            document(interaction::context(), reject)
        }
    }
}

/// The Create of a note that was rendered already, without context.
pub fn create(note: &crate::domain::outgoing::Note, object: Value, actor: &str) -> Value {
    let mut wrapped = wrap(&format!("{}/activity", note.uri), "Create", actor, object);
    insert(&mut wrapped, "published", note::time(note.published));
    address(&mut wrapped, &note.addressing);
    wrapped
}

/// An Announce, without context.
pub fn announce(
    uri: &str,
    actor: &str,
    object: &str,
    published: i64,
    addressing: &Addressing,
) -> Value {
    let mut wrapped = wrap(uri, "Announce", actor, json!(object));
    insert(&mut wrapped, "published", note::time(published));
    address(&mut wrapped, addressing);
    wrapped
}

/// What stands where something was deleted (ActivityStreams vocabulary, Tombstone).
pub fn tombstone(uri: &str, deleted_at: i64) -> Value {
    plain_document(json!({
        "id": uri,
        "type": "Tombstone",
        "deleted": note::time(deleted_at),
    }))
}

/// An emoji reaction, without context.
fn emoji_react(react: &React, actor: &str) -> Value {
    let mut activity = wrap(&react.uri, "EmojiReact", actor, json!(react.object));
    insert(&mut activity, "to", json!([react.to]));
    match &react.emoji {
        None => insert(&mut activity, "content", json!(react.name)),
        Some(used) => {
            insert(&mut activity, "content", json!(format!(":{}:", react.name)));
            insert(&mut activity, "tag", json!([emoji::object(used)]));
        }
    }
    activity
}

/// A Like or Dislike, without context. Only those of posts of groups are addressed to anyone.
fn vote((uri, kind): (&str, &str), actor: &str, object: &str, addressing: &Addressing) -> Value {
    let mut vote = wrap(uri, kind, actor, json!(object));
    if *addressing != Addressing::default() {
        address(&mut vote, addressing);
    }
    vote
}

fn undo_vote(
    uri: &str,
    actor: &str,
    vote: (&str, &str),
    object: &str,
    addressing: &Addressing,
) -> Value {
    let inner = self::vote(vote, actor, object, addressing);
    let mut undo = wrap(uri, "Undo", actor, inner);
    if *addressing != Addressing::default() {
        address(&mut undo, addressing);
    }
    plain_document(undo)
}

fn follow(follow: &FollowRef) -> Value {
    wrap(&follow.uri, "Follow", &follow.actor, json!(follow.object))
}

fn wrap(uri: &str, kind: &str, actor: &str, object: Value) -> Value {
    let mut members = Map::with_capacity(8);
    // A Follow whose id its sender never told is repeated without one.
    if !uri.is_empty() {
        members.insert("id".to_owned(), json!(uri));
    }
    members.insert("type".to_owned(), json!(kind));
    members.insert("actor".to_owned(), json!(actor));
    members.insert("object".to_owned(), object);
    Value::Object(members)
}

fn address(activity: &mut Value, addressing: &Addressing) {
    insert(activity, "to", json!(addressing.to));
    insert(activity, "cc", json!(addressing.cc));
    if !addressing.audience.is_empty() {
        insert(activity, "audience", audience(addressing));
    }
}

/// The groups something is for: one stands alone, as most read no list.
fn audience(addressing: &Addressing) -> Value {
    match &addressing.audience[..] {
        [group] => json!(group),
        groups => json!(groups),
    }
}

fn insert(object: &mut Value, name: &str, value: Value) {
    if let Value::Object(members) = object {
        members.insert(name.to_owned(), value);
    }
}
