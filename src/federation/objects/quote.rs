//! What a status of another server quotes, and who may quote it.

use serde_json::Value;

use crate::db::accounts::Account;
use crate::domain::quotes::{Policy, RemoteQuote, who};
use crate::federation::value::{first_id, id, ids, is_a, is_public, many, same_origin, text, uri};

/// Relations that make a link in the tags a quote (FEP-e232, FEP-044f).
const RELATIONS: [&str; 2] = [
    "https://misskey-hub.net/ns#_misskey_quote",
    "https://w3id.org/fep/044f#quote",
];

/// What an object quotes: by FEP-044f, or by one of the names that were in use before it.
pub fn quote(object: &Value) -> Option<RemoteQuote> {
    let named = |name: &str| first_id(object, name).filter(|id| uri(id).is_some());
    let own = named("quote");
    let quoted = own
        .or_else(|| named("quoteUrl"))
        .or_else(|| named("_misskey_quote"))
        .or_else(|| named("quoteUri"))
        .or_else(|| linked(object))?;
    Some(RemoteQuote {
        uri: quoted.to_owned(),
        legacy: own.is_none(),
        authorization: named("quoteAuthorization").map(str::to_owned),
        verified: false,
    })
}

fn linked(object: &Value) -> Option<&str> {
    many(object, "tag")
        .iter()
        .filter(|tag| is_a(tag, "Link"))
        .filter(|tag| {
            many(tag, "rel")
                .iter()
                .filter_map(Value::as_str)
                .any(|rel| RELATIONS.contains(&rel))
        })
        .find_map(|tag| text(tag, "href").filter(|href| uri(href).is_some()))
}

/// Who may quote an object, where it says so.
pub fn policy(object: &Value, author: &Account) -> Option<Policy> {
    let endpoints: Value = serde_json::from_str(&author.endpoints).unwrap_or_default();
    let people = People {
        actor: &author.uri,
        followers: &author.followers_url,
        following: text(&endpoints, "following").unwrap_or_default(),
    };
    approval(object, "canQuote", people)
}

/// The ids that a policy names people by.
#[derive(Debug, Clone, Copy)]
pub struct People<'a> {
    pub actor: &'a str,
    /// `''` where there is none.
    pub followers: &'a str,
    pub following: &'a str,
}

/// Who may do something with an object of theirs, where it says so.
pub fn approval(object: &Value, what: &str, people: People<'_>) -> Option<Policy> {
    let policy = object.get("interactionPolicy")?.get(what)?;
    let bits = |names: [&str; 2]| {
        names
            .iter()
            .flat_map(|name| ids(policy, name))
            .filter(|id| !id.is_empty())
            .take(100)
            .fold(0, |bits, id| {
                bits | if is_public(id) {
                    who::EVERYONE
                } else if id == people.followers {
                    who::FOLLOWERS
                } else if id == people.following {
                    who::FOLLOWING
                } else if id == people.actor {
                    0
                } else {
                    who::OTHERS
                }
            })
    };
    // GoToSocial's first names for the same.
    Some(Policy {
        automatic: bits(["automaticApproval", "always"]),
        manual: bits(["manualApproval", "approvalRequired"]),
    })
}

/// Whether a document is the stamp with that id, by `author`, for `quoting` to quote `quoted`.
pub fn is_stamp(document: &Value, stamp: &str, author: &str, quoting: &str, quoted: &str) -> bool {
    let is = |name: &str, wanted: &str| document.get(name).and_then(id) == Some(wanted);
    is_a(document, "QuoteAuthorization")
        && text(document, "id") == Some(stamp)
        && same_origin(stamp, author)
        && is("attributedTo", author)
        && is("interactingObject", quoting)
        && is("interactionTarget", quoted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn quotes_by_any_name() {
        let uri = "https://a.example/1";
        let own = quote(&json!({"quote": uri, "quoteUrl": "https://a.example/2", "quoteAuthorization": "https://a.example/s"})).unwrap();
        assert_eq!((own.uri.as_str(), own.legacy), (uri, false));
        assert_eq!(own.authorization.as_deref(), Some("https://a.example/s"));
        for legacy in [
            json!({"quoteUrl": uri}),
            json!({"quoteUri": uri}),
            json!({"_misskey_quote": uri}),
            json!({"tag": [{"type": "Link", "rel": RELATIONS[0], "href": uri}]}),
            json!({"tag": {"type": "Link", "rel": ["x", RELATIONS[1]], "href": uri}}),
        ] {
            let found = quote(&legacy).unwrap();
            assert_eq!((found.uri.as_str(), found.legacy), (uri, true), "{legacy}");
        }
        for none in [
            json!({}),
            json!({"quote": null}),
            json!({"quoteUrl": "javascript:x"}),
            json!({"tag": {"type": "Link", "rel": "me", "href": uri}}),
        ] {
            assert_eq!(quote(&none), None, "{none}");
        }
    }

    #[test]
    fn s16_a_stamp_names_everything_it_is_for() {
        let good = json!({
            "id": "https://a.example/s", "type": "QuoteAuthorization", "attributedTo": "https://a.example/u",
            "interactingObject": {"id": "https://b.example/q"}, "interactionTarget": "https://a.example/1",
        });
        let fits = |stamp: &Value| {
            is_stamp(
                stamp,
                "https://a.example/s",
                "https://a.example/u",
                "https://b.example/q",
                "https://a.example/1",
            )
        };
        assert!(fits(&good));
        for (name, other) in [
            ("id", "https://a.example/t"),
            ("type", "Note"),
            ("attributedTo", "https://a.example/v"),
            ("interactingObject", "https://b.example/r"),
            ("interactionTarget", "https://a.example/2"),
        ] {
            let mut bad = good.clone();
            bad[name] = json!(other);
            assert!(!fits(&bad), "{name}");
        }
    }
}
