//! Policies, requests for leave, their answers and stamps, in GoToSocial's terms.

use serde_json::{Value, json};

use super::{CONTEXT, document, insert, note, plain_document, wrap};
use crate::domain::interactions::Verb;
use crate::domain::outgoing::{CanQuote, Note, NotePolicies, RequestRef};

/// Where the terms are defined.
pub const GOTOSOCIAL: &str = "https://gotosocial.org/ns";

/// What the terms of requests, answers and stamps mean.
pub fn context() -> Value {
    json!([CONTEXT, GOTOSOCIAL])
}

/// The same with a note in it.
pub fn note_context(note: &Note) -> Value {
    let mut context = note::context_of(note);
    if let Value::Array(terms) = &mut context
        && terms.iter().all(|term| term != GOTOSOCIAL)
    {
        terms.push(json!(GOTOSOCIAL));
    }
    context
}

/// A Like or Announce with the stamp that allows it.
pub fn stamped(mut activity: Value, verb: Verb, stamp: Option<&str>) -> Value {
    let Some(stamp) = stamp else {
        return plain_document(activity);
    };
    insert(&mut activity, authorization_name(verb), json!(stamp));
    insert(&mut activity, "approvedBy", json!(stamp));
    document(context(), activity)
}

/// The property that names a stamp.
pub fn authorization_name(verb: Verb) -> &'static str {
    match verb {
        Verb::Quote => "quoteAuthorization",
        Verb::Like => "likeAuthorization",
        Verb::Reply => "replyAuthorization",
        Verb::Announce => "announceAuthorization",
    }
}

/// Who may like, answer and boost a note.
pub fn policies(policies: &NotePolicies) -> impl Iterator<Item = (&'static str, Value)> {
    [
        ("canLike", &policies.can_like),
        ("canReply", &policies.can_reply),
        ("canAnnounce", &policies.can_announce),
    ]
    .into_iter()
    .map(|(name, CanQuote { automatic, manual })| {
        // Under the older names as well.
        let policy = json!({
            "automaticApproval": automatic,
            "manualApproval": manual,
            "always": automatic,
            "approvalRequired": manual,
        });
        (name, policy)
    })
}

/// An Accept or Reject of a request; or of what was done without one, which has no id.
pub fn answer(uri: &str, kind: &str, actor: &str, verb: Verb, request: &RequestRef) -> Value {
    let polite = !request.uri.is_empty();
    let object = if polite {
        json!({
            "type": format!("{}Request", verb.stem()),
            "id": request.uri,
            "actor": request.actor,
            "object": request.object,
            "instrument": request.instrument,
        })
    } else {
        json!(request.instrument)
    };
    let mut answer = wrap(uri, kind, actor, object);
    insert(&mut answer, "to", json!([request.actor]));
    if !polite {
        insert(&mut answer, "target", json!(request.object));
    }
    answer
}

/// A stamp on its own: `author` lets `interacting` do something with `target`.
pub fn authorization(
    uri: &str,
    verb: Verb,
    author: &str,
    interacting: &str,
    target: &str,
) -> Value {
    let stamp = json!({
        "id": uri,
        "type": format!("{}Authorization", verb.stem()),
        "attributedTo": author,
        "interactingObject": interacting,
        "interactionTarget": target,
    });
    document(context(), stamp)
}
