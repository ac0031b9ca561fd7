//! OAuth scopes (Mastodon documentation, api/oauth-scopes).

/// What a request without a scope gets.
pub const DEFAULT: &str = "read";

/// Every scope there is.
pub const KNOWN: &[&str] = &[
    "profile",
    "read",
    "read:accounts",
    "read:blocks",
    "read:bookmarks",
    "read:collections",
    "read:favourites",
    "read:filters",
    "read:follows",
    "read:lists",
    "read:mutes",
    "read:notifications",
    "read:search",
    "read:statuses",
    "write",
    "write:accounts",
    "write:blocks",
    "write:bookmarks",
    "write:collections",
    "write:conversations",
    "write:favourites",
    "write:filters",
    "write:follows",
    "write:lists",
    "write:media",
    "write:mutes",
    "write:notifications",
    "write:reports",
    "write:statuses",
    "follow",
    "push",
    "admin:read",
    "admin:read:accounts",
    "admin:read:reports",
    "admin:read:domain_allows",
    "admin:read:domain_blocks",
    "admin:read:ip_blocks",
    "admin:read:email_domain_blocks",
    "admin:read:canonical_email_blocks",
    "admin:write",
    "admin:write:accounts",
    "admin:write:reports",
    "admin:write:domain_allows",
    "admin:write:domain_blocks",
    "admin:write:ip_blocks",
    "admin:write:email_domain_blocks",
    "admin:write:canonical_email_blocks",
];

/// The scopes of a text, by spaces, each once; the error is one that nobody knows.
pub fn parse(text: &str) -> Result<Vec<&'static str>, String> {
    let mut scopes = Vec::new();
    for word in text.split_ascii_whitespace() {
        let scope = KNOWN
            .iter()
            .find(|known| **known == word)
            .ok_or_else(|| word.to_owned())?;
        if !scopes.contains(scope) {
            scopes.push(*scope);
        }
    }
    Ok(scopes)
}

/// Whether registered scopes hold one: the same, or the one it is part of (`read` holds
/// `read:accounts`, `admin:read` holds `admin:read:reports`).
fn holds(registered: &str, scope: &str) -> bool {
    registered.split_ascii_whitespace().any(|own| {
        own == scope
            || scope
                .strip_prefix(own)
                .is_some_and(|rest| rest.starts_with(':'))
    })
}

/// What an app that registered for some scopes gets when it asks for others; `None` when it asks
/// for more, or for what nobody knows.
pub fn granted(registered: &str, asked: Option<&str>) -> Option<String> {
    let asked = parse(asked.unwrap_or_default()).ok()?;
    if asked.is_empty() {
        return Some(if holds(registered, DEFAULT) {
            DEFAULT.to_owned()
        } else {
            registered.to_owned()
        });
    }
    asked
        .iter()
        .all(|scope| holds(registered, scope))
        .then(|| asked.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_holds_its_parts_and_nothing_else() {
        assert!(holds("read write", "read:accounts"));
        assert!(holds("admin:read", "admin:read:reports"));
        assert!(!holds("read:accounts", "read"));
        assert!(!holds("read", "admin:read"));
        assert!(!holds("read", "readx"));
        assert!(!holds("", "read"));
    }

    #[test]
    fn scopes_are_known_and_named_once() {
        assert_eq!(parse(" read  write read ").unwrap(), ["read", "write"]);
        assert_eq!(parse("read crypto").unwrap_err(), "crypto");
        assert!(parse("").unwrap().is_empty());
    }

    #[test]
    fn nothing_asked_is_read_or_what_there_is() {
        assert_eq!(granted("read write", None).unwrap(), "read");
        assert_eq!(
            granted("write:statuses", Some("")).unwrap(),
            "write:statuses"
        );
    }
}
