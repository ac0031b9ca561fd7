//! Usernames, handles, domains and e-mail addresses.

use url::Host;

/// The longest username a local account may have, in characters.
pub const MAX_USERNAME: usize = 30;
/// The longest username accepted from elsewhere.
const MAX_REMOTE_USERNAME: usize = 255;

/// Names no one may register: they read like the server itself or its staff,
/// or are paths and mailboxes with a meaning (RFC 2142). Lower case.
pub const RESERVED: &[&str] = &[
    "about",
    "abuse",
    "account",
    "accounts",
    "actor",
    "admin",
    "administrator",
    "all",
    "announce",
    "announcements",
    "anonymous",
    "api",
    "app",
    "auth",
    "billing",
    "bot",
    "contact",
    "everyone",
    "explore",
    "followers",
    "following",
    "health",
    "help",
    "helpdesk",
    "home",
    "hostmaster",
    "inbox",
    "info",
    "instance",
    "instance_actor",
    "kith",
    "login",
    "logout",
    "mail",
    "mailer_daemon",
    "media",
    "metrics",
    "mod",
    "moderation",
    "moderator",
    "moderators",
    "mods",
    "nobody",
    "nodeinfo",
    "noreply",
    "no_reply",
    "null",
    "oauth",
    "official",
    "outbox",
    "owner",
    "postmaster",
    "privacy",
    "proxy",
    "public",
    "register",
    "root",
    "search",
    "security",
    "server",
    "settings",
    "signup",
    "sitemap",
    "socket",
    "staff",
    "static",
    "statuses",
    "streaming",
    "support",
    "sysadmin",
    "system",
    "tag",
    "tags",
    "team",
    "terms",
    "undefined",
    "user",
    "users",
    "webfinger",
    "webmaster",
    "www",
];

/// Why a name cannot be a local username.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UsernameError {
    #[error("can't be blank")]
    Empty,
    #[error("is too long (maximum is 30 characters)")]
    TooLong,
    #[error("must contain only letters, numbers and underscores")]
    InvalidCharacter,
    #[error("is reserved")]
    Reserved,
}

/// Checks the form of a local username: 1 to 30 of `[A-Za-z0-9_]`. Reserved
/// names pass, since an operator may give them out: see [`available_to_register`].
pub fn valid_username(name: &str) -> Result<(), UsernameError> {
    if name.is_empty() {
        return Err(UsernameError::Empty);
    }
    if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Err(UsernameError::InvalidCharacter);
    }
    if name.len() > MAX_USERNAME {
        return Err(UsernameError::TooLong);
    }
    Ok(())
}

/// [`valid_username`], and not [`RESERVED`]: what someone may sign up with.
pub fn available_to_register(name: &str) -> Result<(), UsernameError> {
    valid_username(name)?;
    if is_reserved(name) {
        return Err(UsernameError::Reserved);
    }
    Ok(())
}

/// Whether `name`, in any case, is one of [`RESERVED`].
pub fn is_reserved(name: &str) -> bool {
    RESERVED
        .iter()
        .any(|reserved| name.eq_ignore_ascii_case(reserved))
}

/// Whether `address` looks like a mailbox that can receive mail: one `@`, a
/// dotted local part without quoting, a domain name with a dot (or
/// `localhost`), no room for header injection. Whether it exists, only mail
/// can tell.
pub fn valid_email(address: &str) -> bool {
    let Some((local, domain)) = address.rsplit_once('@') else {
        return false;
    };
    let local_fine = (1..=64).contains(&local.len())
        && local.split('.').all(|atom| {
            !atom.is_empty()
                && atom
                    .chars()
                    .all(|c| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c))
        });
    let Some(normal) = normalize_domain(domain) else {
        return false;
    };
    let is_name = normal
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
        && normal.parse::<std::net::Ipv4Addr>().is_err()
        && !normal
            .split('.')
            .any(|label| label.starts_with('-') || label.ends_with('-'));
    local_fine
        && is_name
        && !domain.ends_with('.')
        && address.len() <= 254
        && (normal.contains('.') || normal == "localhost")
}

/// An account's name in the fediverse.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Handle {
    /// As written: compare without regard to ASCII case.
    pub username: String,
    /// In the form of [`normalize_domain`]; `None` is this server.
    pub domain: Option<String>,
}

/// Reads `@user`, `user`, `@user@domain`, `user@domain` or `acct:user@domain`
/// (RFC 7565). Usernames are `[A-Za-z0-9_]` with inner `.` and `-`.
pub fn parse_handle(text: &str) -> Option<Handle> {
    let text = text.trim();
    let text = match text.get(..5) {
        Some(scheme) if scheme.eq_ignore_ascii_case("acct:") => &text[5..],
        _ => text,
    };
    let text = text.strip_prefix('@').unwrap_or(text);
    let (username, domain) = match text.split_once('@') {
        Some((username, domain)) => (username, Some(normalize_domain(domain)?)),
        None => (text, None),
    };
    is_handle_username(username).then(|| Handle {
        username: username.to_owned(),
        domain,
    })
}

fn is_handle_username(name: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let bytes = name.as_bytes();
    bytes.len() <= MAX_REMOTE_USERNAME
        && bytes
            .iter()
            .all(|b| is_word(*b) || matches!(b, b'.' | b'-'))
        && bytes.first().copied().is_some_and(is_word)
        && bytes.last().copied().is_some_and(is_word)
}

/// Brings a host, optionally with a port, into the one form used for
/// comparing and storing: lower case, international names in punycode
/// (UTS #46), no trailing dot, IP addresses canonical, IPv6 in brackets, the
/// port kept. `None` for what is no host: empty or overlong labels, white
/// space, control characters, user names, paths.
pub fn normalize_domain(domain: &str) -> Option<String> {
    if domain.len() > 1024 || domain.contains(['%', '/', '@', '\\', '?', '#']) {
        return None;
    }
    let (host, port) = match domain.rfind(':') {
        Some(at) if !domain.ends_with(']') => (&domain[..at], Some(port(&domain[at + 1..])?)),
        _ => (domain, None),
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    let host = match Host::parse(host).ok()? {
        // Mapping may turn other characters, such as `。`, into dots.
        Host::Domain(name) => name.strip_suffix('.').unwrap_or(&name).to_owned(),
        address => address.to_string(),
    };
    let labels_fine = host.starts_with('[')
        || (host.len() <= 253 && host.split('.').all(|label| (1..=63).contains(&label.len())));
    if !labels_fine {
        return None;
    }
    Some(match port {
        Some(port) => format!("{host}:{port}"),
        None => host,
    })
}

fn port(digits: &str) -> Option<u16> {
    let fine = (1..=5).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    fine.then(|| digits.parse().ok())
        .flatten()
        .filter(|port| *port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn usernames() {
        for name in ["a", "alice", "Alice_99", "_", "admin", &"a".repeat(30)] {
            assert_eq!(valid_username(name), Ok(()), "{name}");
        }
        for (name, error) in [
            ("", UsernameError::Empty),
            (&"a".repeat(31), UsernameError::TooLong),
            ("a.b", UsernameError::InvalidCharacter),
            ("a-b", UsernameError::InvalidCharacter),
            ("a b", UsernameError::InvalidCharacter),
            ("ålice", UsernameError::InvalidCharacter),
            ("a\n", UsernameError::InvalidCharacter),
            ("a@b", UsernameError::InvalidCharacter),
        ] {
            assert_eq!(valid_username(name), Err(error), "{name}");
        }
        assert_eq!(available_to_register("Admin"), Err(UsernameError::Reserved));
        assert_eq!(available_to_register("alice"), Ok(()));
    }

    #[test]
    fn reserved_names_are_well_formed_and_unique() {
        for (at, name) in RESERVED.iter().enumerate() {
            assert_eq!(valid_username(name), Ok(()), "{name}");
            assert_eq!(name.to_ascii_lowercase(), *name);
            assert!(!RESERVED[..at].contains(name), "{name}");
        }
    }

    #[test]
    fn emails() {
        for address in [
            "a@example.com",
            "first.last+tag@sub.example.co.uk",
            "o'hara@example.com",
            "a@localhost",
            "user@münchen.example",
            "用户@example.com",
        ] {
            assert!(valid_email(address), "{address}");
        }
        for address in [
            "",
            "a",
            "@example.com",
            "a@",
            "a@b",
            "a b@example.com",
            "a@exa mple.com",
            "a@example.com\r\nBcc: x@y.example",
            "a\n@example.com",
            "a..b@example.com",
            ".a@example.com",
            "a@example.com:25",
            "a@b@example.com",
            "<a@example.com>",
            "a,b@example.com",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "a@.example.com",
            "a@example.com.",
            "a@-x.example",
            " a@example.com",
            "a@example.com ",
        ] {
            assert!(!valid_email(address), "{address}");
        }
        assert!(!valid_email(&format!("{}@example.com", "a".repeat(65))));
    }

    fn handle(text: &str) -> Option<(String, Option<String>)> {
        parse_handle(text).map(|h| (h.username, h.domain))
    }

    #[test]
    fn handles() {
        for (text, username, domain) in [
            ("@alice", "alice", None),
            ("alice", "alice", None),
            ("@Alice@Example.COM", "Alice", Some("example.com")),
            ("alice@example.com", "alice", Some("example.com")),
            ("acct:alice@example.com", "alice", Some("example.com")),
            ("ACCT:alice@example.com", "alice", Some("example.com")),
            ("@a.b-c@example.com", "a.b-c", Some("example.com")),
            ("a@münchen.de", "a", Some("xn--mnchen-3ya.de")),
            ("@a@localhost:3000", "a", Some("localhost:3000")),
            ("@a@127.0.0.1:3000", "a", Some("127.0.0.1:3000")),
            (" @a@b.example ", "a", Some("b.example")),
        ] {
            assert_eq!(
                handle(text),
                Some((username.to_owned(), domain.map(str::to_owned))),
                "{text}"
            );
        }
        for text in [
            "",
            "@",
            "@@a",
            "a@",
            "@a@",
            "a@b@c",
            "a b",
            "acct:",
            ".a@b.example",
            "a.@b.example",
            "a@b.example/x",
            "https://a.example/@b",
            "é",
            "a@b c",
        ] {
            assert_eq!(handle(text), None, "{text}");
        }
    }

    #[test]
    fn domains() {
        for (domain, expected) in [
            ("Example.COM", "example.com"),
            ("example.com.", "example.com"),
            ("example.com:8080", "example.com:8080"),
            ("example.com:08080", "example.com:8080"),
            ("ΕΛΛΆΔΑ.gr", "xn--hxakic4aa.gr"),
            ("xn--mnchen-3ya.de", "xn--mnchen-3ya.de"),
            ("例え。jp", "xn--r8jz45g.jp"),
            ("localhost", "localhost"),
            ("127.0.0.1:1234", "127.0.0.1:1234"),
            ("0x7f.1", "127.0.0.1"),
            ("[::1]:80", "[::1]:80"),
            ("[0:0::1]", "[::1]"),
            ("a_b.example", "a_b.example"),
        ] {
            assert_eq!(
                normalize_domain(domain).as_deref(),
                Some(expected),
                "{domain}"
            );
        }
        for domain in [
            "", ".", "..", "a..b", "a b", "a/b", "a@b", "a\u{0}b", "a:", "a:0", "a:99999", "a:b",
            "a:1:2", "a%62c", "<b>", "a?b", "a#b", "a\\b", "::1", "a\nb",
        ] {
            assert_eq!(normalize_domain(domain), None, "{domain}");
        }
        assert_eq!(
            normalize_domain(&format!("{}.example", "a".repeat(64))),
            None
        );
        assert_eq!(normalize_domain(&"a.".repeat(200)), None);
    }

    proptest! {
        #[test]
        fn normal_domains_stay(domain in "(\\PC{0,12}|[a-zA-Z0-9.:-]{0,20}|[a-zé]{1,5}\\.[a-z]{2,4}\\.?)") {
            if let Some(normal) = normalize_domain(&domain) {
                prop_assert_eq!(normalize_domain(&normal), Some(normal.clone()));
                prop_assert!(normal.is_ascii() && !normal.contains(['@', '/', ' ']));
            }
        }

        #[test]
        fn nothing_panics(text in any::<String>()) {
            let _ = valid_username(&text);
            let _ = valid_email(&text);
            let _ = parse_handle(&text);
        }
    }
}
