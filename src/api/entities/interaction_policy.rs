//! Who may like, answer and boost a status, in GoToSocial's shapes.

use serde::Serialize;

use crate::domain::interactions::{Policies, Policy, who};

/// `InteractionPolicy`.
#[derive(Debug, Clone, Serialize)]
pub struct Entity {
    can_favourite: Rules,
    can_reply: Rules,
    can_reblog: Rules,
}

/// Who may at once, and who may ask; each under both of its names.
#[derive(Debug, Clone, Serialize)]
struct Rules {
    always: Vec<&'static str>,
    with_approval: Vec<&'static str>,
    automatic_approval: Vec<&'static str>,
    manual_approval: Vec<&'static str>,
}

/// The names of sets.
const NAMES: [(i16, &str); 6] = [
    (who::EVERYONE, "public"),
    (who::FOLLOWERS, "followers"),
    (who::FOLLOWING, "following"),
    (who::MUTUALS, "mutuals"),
    (who::MENTIONED, "mentioned"),
    (who::OTHERS, "unsupported_policy"),
];

/// The bits of a name that clients may choose.
pub fn bit(name: &str) -> Option<i16> {
    let name = name.strip_prefix("urn:mastodon:").unwrap_or(name);
    match name {
        // The author may always.
        "author" | "me" => Some(0),
        "unsupported_policy" => None,
        _ => NAMES
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(bit, _)| *bit),
    }
}

/// Shows policies.
pub fn entity(policies: Policies) -> Entity {
    let rules = |policy: Policy| {
        let names = |bits: i16| {
            NAMES
                .iter()
                .filter(move |(bit, _)| bits & bit != 0)
                .map(|(_, name)| *name)
        };
        let automatic: Vec<&str> = names(policy.automatic).chain(["author"]).collect();
        let manual: Vec<&str> = names(policy.manual).collect();
        Rules {
            always: automatic.clone(),
            with_approval: manual.clone(),
            automatic_approval: automatic,
            manual_approval: manual,
        }
    };
    Entity {
        can_favourite: rules(policies.like),
        can_reply: rules(policies.reply),
        can_reblog: rules(policies.announce),
    }
}
