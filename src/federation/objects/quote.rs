//! What a status of another server quotes, who may quote, like, answer and boost it, and stamps.

use serde_json::Value;

use crate::db::accounts::Account;
use crate::domain::interactions::{Policies, Policy, Verb, who};
use crate::domain::quotes::RemoteQuote;
use crate::federation::value::{
    first_id, flag, id, ids, is_a, is_public, many, same_origin, text, uri,
};

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

/// Ids of a policy that are looked at.
const MAX_IDS: usize = 1000;

/// The ids that a policy names people by.
#[derive(Debug, Clone, Copy)]
pub struct People<'a> {
    pub actor: &'a str,
    /// `''` where there is none.
    pub followers: &'a str,
    pub following: &'a str,
    pub mentioned: &'a [String],
}

/// A part of an object's policy, by whom its ids mean.
fn part(rules: &Value, people: People<'_>) -> Policy {
    let bits = |names: [&str; 2]| {
        names
            .iter()
            .flat_map(|name| ids(rules, name))
            .filter(|id| !id.is_empty())
            .take(MAX_IDS)
            .fold(0, |bits, id| {
                bits | if is_public(id) {
                    who::EVERYONE
                } else if id == people.followers {
                    who::FOLLOWERS
                } else if id == people.following {
                    who::FOLLOWING
                } else if id == people.actor {
                    0
                } else if people.mentioned.iter().any(|mentioned| mentioned == id) {
                    who::MENTIONED
                } else {
                    who::OTHERS
                }
            })
    };
    // GoToSocial's first names for the same.
    Policy {
        automatic: bits(["automaticApproval", "always"]),
        manual: bits(["manualApproval", "approvalRequired"]),
    }
}

/// Who may do something with an object of theirs, where it says so.
pub fn approval(object: &Value, what: &str, people: People<'_>) -> Option<Policy> {
    let rules = object.get("interactionPolicy")?.get(what)?;
    Some(part(rules, people))
}

/// Who may quote an object, where it says so.
pub fn policy(object: &Value, author: &Account) -> Option<Policy> {
    let endpoints = endpoints(author);
    approval(object, "canQuote", people(author, &endpoints, &[]))
}

fn endpoints(author: &Account) -> Value {
    serde_json::from_str(&author.endpoints).unwrap_or_default()
}

fn people<'a>(author: &'a Account, endpoints: &'a Value, mentioned: &'a [String]) -> People<'a> {
    People {
        actor: &author.uri,
        followers: &author.followers_url,
        following: text(endpoints, "following").unwrap_or_default(),
        mentioned,
    }
}

/// Who may like, answer and boost an object, where it says so: GoToSocial's policy, else
/// Pixelfed's capabilities.
pub fn policies(object: &Value, author: &Account) -> Option<Policies> {
    let mentioned = super::note::mentioned(object);
    let endpoints = endpoints(author);
    let people = people(author, &endpoints, &mentioned);
    let said = |value: Option<&Value>| {
        value
            .filter(|value| value.as_object().is_some_and(|rules| !rules.is_empty()))
            .map(|rules| part(rules, people))
    };
    if let Some(all) = object
        .get("interactionPolicy")
        .filter(|all| all.is_object())
    {
        return Some(Verb::ALL.iter().fold(Policies::OPEN, |policies, verb| {
            match said(all.get(format!("can{}", verb.stem()))) {
                Some(policy) => policies.with(*verb, policy),
                None => policies,
            }
        }));
    }
    let capabilities = object.get("capabilities").and_then(Value::as_object);
    let closed = |verb: Verb| match capabilities?.get(&verb.stem().to_lowercase())? {
        Value::Null => Some(Policy::NOBODY),
        Value::Array(list) if list.is_empty() => Some(Policy::NOBODY),
        _ => None,
    };
    let mut policies = Verb::ALL
        .iter()
        .filter_map(|verb| Some((*verb, closed(*verb)?)))
        .fold(Policies::OPEN, |policies, (verb, policy)| {
            policies.with(verb, policy)
        });
    // Of a group's post it is a lock, which is the group's to lift.
    if flag(object, "commentsEnabled") == Some(false) && many(object, "audience").is_empty() {
        policies.reply = Policy::NOBODY;
    }
    (!policies.is_open()).then_some(policies)
}

/// Whether a document is the stamp with that id, by `author`, for `interacting` to do something
/// with `target`.
pub fn is_stamp(
    document: &Value,
    verb: Verb,
    stamp: &str,
    author: &str,
    interacting: &str,
    target: &str,
) -> bool {
    let is = |name: &str, wanted: &str| document.get(name).and_then(id) == Some(wanted);
    is_a(document, &format!("{}Authorization", verb.stem()))
        && text(document, "id") == Some(stamp)
        && same_origin(stamp, author)
        && is("attributedTo", author)
        && is("interactingObject", interacting)
        && is("interactionTarget", target)
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
                Verb::Quote,
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

    fn author() -> Account {
        let document = json!({
            "id": "https://a.example/u",
            "type": "Person",
            "preferredUsername": "sara",
            "inbox": "https://a.example/u/inbox",
            "followers": "https://a.example/u/followers",
            "following": "https://a.example/u/following",
        });
        super::super::actor::read(&document, 0).unwrap().account
    }

    #[test]
    fn policies_are_read_under_both_names() {
        let public = "https://www.w3.org/ns/activitystreams#Public";
        let object = json!({
            "tag": [{"type": "Mention", "href": "https://b.example/m"}],
            "interactionPolicy": {
                "canLike": {"always": public},
                "canReply": {
                    "automaticApproval": [
                        "https://a.example/u", "https://a.example/u/followers",
                        "https://b.example/m",
                    ],
                    "approvalRequired": [public],
                },
                "canAnnounce": {"automaticApproval": "https://a.example/u"},
            },
        });
        let policies = policies(&object, &author()).unwrap();
        assert_eq!(policies.like, Policy::EVERYONE);
        let reply = Policy {
            automatic: who::FOLLOWERS | who::MENTIONED,
            manual: who::EVERYONE,
        };
        assert_eq!(policies.reply, reply);
        assert_eq!(policies.announce, Policy::NOBODY);
    }

    #[test]
    fn what_is_not_said_is_open() {
        for open in [
            json!({"interactionPolicy": {}}),
            json!({"interactionPolicy": {"canReply": null, "canLike": {}}}),
            json!({"interactionPolicy": {"canQuote": {"automaticApproval": []}}}),
        ] {
            assert_eq!(policies(&open, &author()), Some(Policies::OPEN), "{open}");
        }
        for none in [
            json!({}),
            json!({"interactionPolicy": "x"}),
            json!({"commentsEnabled": true}),
        ] {
            assert_eq!(policies(&none, &author()), None, "{none}");
        }
    }

    #[test]
    fn s7_a_huge_policy_is_read_up_to_a_point() {
        let many: Vec<String> = (0..20_000)
            .map(|n| format!("https://b.example/{n}"))
            .collect();
        let object = json!({"interactionPolicy": {"canReply": {"always": many}}});
        let reply = policies(&object, &author()).unwrap().reply;
        assert_eq!((reply.automatic, reply.manual), (who::OTHERS, 0));
    }

    #[test]
    fn capabilities_of_pixelfed_are_read() {
        let public = "https://www.w3.org/ns/activitystreams#Public";
        let object = json!({"capabilities": {"announce": public, "like": public, "reply": null}});
        let closed = policies(&object, &author()).unwrap();
        assert_eq!(closed.reply, Policy::NOBODY);
        assert!(closed.like.is_open() && closed.announce.is_open());
        let object = json!({"commentsEnabled": false});
        assert_eq!(policies(&object, &author()), Some(closed));
    }
}
