//! Finding links, mentions and hashtags in plain text.
//!
//! The rules are those of Mastodon (`app/lib/extractor.rb`, twitter-text),
//! except that a link's host need not be under a known top-level domain, and
//! may be `localhost` or an IPv4 address. One pass; every attempt at a match
//! is bounded, so the whole is linear.

use std::net::Ipv4Addr;
use std::ops::Range;

use super::{is_tag_separator, is_word};
use crate::text::names::normalize_domain;

/// Longer links are left as text.
const MAX_URL: usize = 8192;

/// Something in a text that can be a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity {
    /// Where it stands, in bytes, the `@` or `#` included.
    pub range: Range<usize>,
    pub kind: Kind,
}

/// What an [`Entity`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `@user` or `@user@domain`; the username as written, the domain in the
    /// form of [`normalize_domain`].
    Mention {
        username: String,
        domain: Option<String>,
    },
    /// A hashtag as written, without its `#`.
    Hashtag(String),
    /// An `http` or `https` URL as written.
    Url(String),
}

/// The entities of a text, in order, not overlapping. What is inside a URL is
/// part of the URL.
pub fn scan(text: &str) -> Vec<Entity> {
    let mut entities = Vec::new();
    let mut at = 0;
    let mut previous: Option<char> = None;
    while let Some(c) = text[at..].chars().next() {
        let found = match c {
            'h' | 'H' if previous.is_none_or(may_precede_url) => url(text, at),
            '@' if !previous.is_some_and(|p| is_word(p) || matches!(p, '=' | '/')) => {
                mention(text, at)
            }
            '#' | '＃'
                if !previous
                    .is_some_and(|p| p.is_alphanumeric() || matches!(p, '=' | '/' | ')')) =>
            {
                hashtag(text, at + c.len_utf8(), at)
            }
            _ => None,
        };
        let end = found
            .as_ref()
            .map_or(at + c.len_utf8(), |entity| entity.range.end);
        previous = text[at..end].chars().next_back();
        at = end;
        // Overlong links are passed over whole: looking into them for others
        // would take quadratic time.
        entities.extend(found.filter(|entity| {
            !matches!(entity.kind, Kind::Url(_)) || entity.range.len() <= MAX_URL
        }));
    }
    entities
}

fn may_precede_url(c: char) -> bool {
    !c.is_ascii_alphanumeric()
        && !matches!(c, '@' | '＠' | '$' | '#' | '＃' | '\u{202a}'..='\u{202e}')
}

/// The end of the longest run of characters from `at` that satisfy `accepted`.
fn run(text: &str, at: usize, accepted: impl Fn(char) -> bool) -> usize {
    text[at..]
        .find(|c| !accepted(c))
        .map_or(text.len(), |offset| at + offset)
}

fn char_at(text: &str, at: usize) -> Option<char> {
    text[at..].chars().next()
}

// Mentions

fn mention(text: &str, at: usize) -> Option<Entity> {
    let user_start = at + 1;
    let user_end = dotted(text, user_start, |c| c.is_ascii_alphanumeric() || c == '_')?;
    let mut end = user_end;
    let mut domain = None;
    if text[user_end..].starts_with('@')
        && let Some(host_end) = dotted(text, user_end + 1, is_word)
    {
        end = host_end + port_length(&text[host_end..]);
        domain = Some(normalize_domain(&text[user_end + 1..end])?);
    }
    if char_at(text, end).is_some_and(forbids_mention_before) || text[end..].starts_with("://") {
        return None;
    }
    Some(Entity {
        range: at..end,
        kind: Kind::Mention {
            username: text[user_start..user_end].to_owned(),
            domain,
        },
    })
}

/// Runs of `accepted` characters joined by `.` and `-`.
fn dotted(text: &str, at: usize, accepted: impl Fn(char) -> bool) -> Option<usize> {
    let mut end = run(text, at, &accepted);
    if end == at {
        return None;
    }
    loop {
        let next = run(text, end, |c| matches!(c, '.' | '-'));
        let after = run(text, next, &accepted);
        if next == end || after == next {
            return Some(end);
        }
        end = after;
    }
}

/// The length of `:port` at the start of `text`, 0 when there is none.
fn port_length(text: &str) -> usize {
    let Some(rest) = text.strip_prefix(':') else {
        return 0;
    };
    let digits = run(rest, 0, |c| c.is_ascii_digit());
    match rest[..digits].parse::<u16>() {
        Ok(port) if port != 0 && digits <= 5 => digits + 1,
        _ => 0,
    }
}

/// A second `@`, or an accented letter, makes it something else.
fn forbids_mention_before(c: char) -> bool {
    matches!(
        c,
        '@' | '＠' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{24f}' | '\u{300}'..='\u{36f}'
            | '\u{1e00}'..='\u{1eff}'
    )
}

// Hashtags

fn hashtag(text: &str, name_start: usize, at: usize) -> Option<Entity> {
    let reach = run(text, name_start, |c| is_word(c) || is_tag_separator(c));
    let mut name = text[name_start..reach].trim_end_matches(is_tag_separator);
    if !name.starts_with(is_word) {
        return None;
    }
    if text[name_start + name.len()..].starts_with("://") {
        // `#taghttps://…`: the scheme belongs to the link.
        name = name
            .strip_suffix("https")
            .or_else(|| name.strip_suffix("http"))?;
    }
    // Not digits alone, but digits may be joined: `#2024_25`.
    let joined = || {
        let inner = name.trim_matches('_');
        inner.contains('_') || inner.contains(is_tag_separator)
    };
    if !name.contains(char::is_alphabetic) && !joined() {
        return None;
    }
    Some(Entity {
        range: at..name_start + name.len(),
        kind: Kind::Hashtag(name.to_owned()),
    })
}

// URLs

fn url(text: &str, at: usize) -> Option<Entity> {
    let bytes = &text.as_bytes()[at..];
    let starts = |scheme: &[u8]| {
        bytes
            .get(..scheme.len())
            .is_some_and(|found| found.eq_ignore_ascii_case(scheme))
    };
    let host_start = if starts(b"https://") {
        at + 8
    } else if starts(b"http://") {
        at + 7
    } else {
        return None;
    };
    let mut end = host(text, host_start)?;
    end += port_length(&text[end..]);
    if text[end..].starts_with('/') {
        end = path(text, end);
    }
    if text[end..].starts_with('?') {
        end = query(text, end);
    }
    Some(Entity {
        range: at..end,
        kind: Kind::Url(text[at..end].to_owned()),
    })
}

fn host(text: &str, start: usize) -> Option<usize> {
    let reach = run(text, start, |c| is_word(c) || matches!(c, '-' | '.'));
    let mut host = text[start..reach].trim_end_matches(['.', '-', '_']);
    // Scripts written without spaces follow a link directly.
    let last = host.rfind('.').map_or(0, |dot| dot + 1);
    if let Some(foreign) = host[last..].find(|c: char| !c.is_ascii())
        && foreign >= 2
        && host[last..last + foreign]
            .bytes()
            .all(|b| b.is_ascii_alphabetic())
    {
        host = &host[..last + foreign];
    }
    is_linkable_host(host).then(|| start + host.len())
}

fn is_linkable_host(host: &str) -> bool {
    if host.len() > 253
        || host
            .split('.')
            .any(|label| label.is_empty() || label.len() > 63 * 4)
    {
        return false;
    }
    match host.rsplit_once('.') {
        None => host.eq_ignore_ascii_case("localhost"),
        Some((_, top)) => {
            host.parse::<Ipv4Addr>().is_ok()
                || (top.chars().nth(1).is_some()
                    && top.starts_with(char::is_alphabetic)
                    && !top.contains('_'))
        }
    }
}

fn path(text: &str, start: usize) -> usize {
    let mut end = start + 1;
    let mut at = end;
    while let Some(c) = char_at(text, at) {
        match c {
            '(' => match balanced(text, at, true) {
                Some(after) => {
                    at = after;
                    end = after;
                }
                None => break,
            },
            ')' => break,
            c if !is_path_char(c) => break,
            c => {
                at += c.len_utf8();
                if !"!*\"'「」;:=,.$%[]~&|@".contains(c) {
                    end = at;
                }
            }
        }
    }
    end
}

fn is_path_char(c: char) -> bool {
    !c.is_whitespace()
        && !c.is_control()
        && !matches!(c, '<' | '>' | '(' | ')' | '?' | '\u{202a}'..='\u{202e}')
}

/// The end of a non-empty `(…)` at `open`, with at most one level nested.
fn balanced(text: &str, open: usize, may_nest: bool) -> Option<usize> {
    let mut at = open + 1;
    loop {
        match char_at(text, at)? {
            ')' if at > open + 1 => return Some(at + 1),
            '(' if may_nest => at = balanced(text, at, false)?,
            c if is_path_char(c) => at += c.len_utf8(),
            _ => return None,
        }
    }
}

fn query(text: &str, start: usize) -> usize {
    let is_wide = |c: char| c >= '\u{a0}' && is_path_char(c);
    let mut end = start;
    for (offset, c) in text[start..].char_indices().skip(1) {
        let ends = c.is_ascii_alphanumeric() || "_&=#/-".contains(c) || is_wide(c);
        if ends {
            end = start + offset + c.len_utf8();
        } else if !"!?*'();:+$%[].,~|@^".contains(c) {
            break;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Entities by their text, mentions and hashtags marked by their sign.
    fn found(text: &str) -> Vec<&str> {
        scan(text).into_iter().map(|e| &text[e.range]).collect()
    }

    #[test]
    fn mentions() {
        for (text, expected) in [
            ("@alice", vec!["@alice"]),
            (
                "hi @alice, @bob@example.com!",
                vec!["@alice", "@bob@example.com"],
            ),
            ("@alice.", vec!["@alice"]),
            ("@a.b-c@x-y.example.com.", vec!["@a.b-c@x-y.example.com"]),
            ("@a@localhost:1234 x", vec!["@a@localhost:1234"]),
            ("@a@127.0.0.1:1234: x", vec!["@a@127.0.0.1:1234"]),
            ("@a@b.example: x", vec!["@a@b.example"]),
            ("(@alice)", vec!["@alice"]),
            (".@alice", vec!["@alice"]),
            ("@alice\n@bob", vec!["@alice", "@bob"]),
            ("@a@münchen.example", vec!["@a@münchen.example"]),
            ("こんにちは @alice さん", vec!["@alice"]),
            ("a@example.com", vec![]),
            ("/@alice", vec![]),
            ("x=@alice", vec![]),
            ("é@alice", vec![]),
            ("@", vec![]),
            ("@@", vec![]),
            ("@alice@", vec![]),
            ("@aliceé", vec![]),
            ("@http://x", vec![]),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
        assert_eq!(
            scan("@Bob@EXAMPLE.com")[0].kind,
            Kind::Mention {
                username: "Bob".to_owned(),
                domain: Some("example.com".to_owned())
            }
        );
    }

    #[test]
    fn hashtags() {
        for (text, expected) in [
            ("#rust", vec!["#rust"]),
            ("#rust #Go, #c_lang.", vec!["#rust", "#Go", "#c_lang"]),
            ("(#rust)", vec!["#rust"]),
            ("#日本語 と ＃タグ", vec!["#日本語", "＃タグ"]),
            (
                "#l·l #中・国・ #می\u{200c}خواهم",
                vec!["#l·l", "#中・国", "#می\u{200c}خواهم"],
            ),
            ("#2024 #1", vec![]),
            ("#2024_25 #24h", vec!["#2024_25", "#24h"]),
            ("#_ #___ #", vec![]),
            ("#·a", vec![]),
            ("a#b /#c =#d )#e", vec![]),
            ("##a", vec!["#a"]),
            ("1️⃣ #️⃣", vec![]),
            ("#tag😀", vec!["#tag"]),
            ("#don't", vec!["#don"]),
            ("#foohttps://example.com", vec!["#foo"]),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
        assert_eq!(scan("＃タグ")[0].kind, Kind::Hashtag("タグ".to_owned()));
    }

    #[test]
    fn urls() {
        for (text, expected) in [
            ("https://example.com", "https://example.com"),
            ("HTTP://Example.COM/", "HTTP://Example.COM/"),
            ("see https://example.com/a.", "https://example.com/a"),
            ("(https://example.com/a)", "https://example.com/a"),
            (
                "https://en.wikipedia.org/wiki/Rust_(language)",
                "https://en.wikipedia.org/wiki/Rust_(language)",
            ),
            ("(https://x.org/a_(b_(c)_d))", "https://x.org/a_(b_(c)_d)"),
            ("https://x.org/a(b", "https://x.org/a"),
            (
                "https://example.com/a?b=c&d=e#f, ok",
                "https://example.com/a?b=c&d=e#f",
            ),
            ("https://example.com?q=1.", "https://example.com?q=1"),
            ("https://example.com/a#b", "https://example.com/a#b"),
            ("https://example.com:8080/x", "https://example.com:8080/x"),
            ("http://localhost:3000/@a", "http://localhost:3000/@a"),
            ("http://127.0.0.1/x", "http://127.0.0.1/x"),
            (
                "https://example.com/@alice/1#tag",
                "https://example.com/@alice/1#tag",
            ),
            ("https://münchen.de/ü", "https://münchen.de/ü"),
            ("https://例え.jp", "https://例え.jp"),
            ("見て https://example.comを", "https://example.com"),
            ("見てhttps://example.com/", "https://example.com/"),
            ("<https://example.com/a>", "https://example.com/a"),
            ("https://example.com/a\nb", "https://example.com/a"),
            ("https://example.com!", "https://example.com"),
            ("https://example.com_", "https://example.com"),
            ("https://example.com/?", "https://example.com/"),
        ] {
            assert_eq!(found(text), [expected], "{text}");
        }
        for text in [
            "https://",
            "http://foo",
            "xhttps://a.example",
            "https:/a.example",
            "https://a..b",
            "https://1.2",
            "https://-",
            "ftp://a.example",
            "javascript:alert(1)",
            "@https://a.example",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
        assert!(scan(&format!("https://a.example/{}", "x".repeat(MAX_URL))).is_empty());
    }

    #[test]
    fn s8_adversarial_text_is_linear() {
        for piece in [
            "@",
            "#",
            "http://",
            "@a.",
            "@a@b.",
            "http://a.bc/(",
            "http://a.bc/?",
            "#a·",
            "@a@",
            "a.",
            "((",
            "http://a.",
            "@a-",
            "#_",
            "#1",
            "h",
        ] {
            let text = piece.repeat(1_000_000 / piece.len());
            let started = std::time::Instant::now();
            scan(&text);
            assert!(started.elapsed().as_secs() < 10, "{piece}");
        }
    }

    proptest! {
        #[test]
        fn entities_are_in_order_and_true_to_the_text(
            text in "(\\PC|@[a-z]{1,3}|#[a-z]{1,3}|https?://[a-z.]{1,9}|[@#:/.()? \n]){0,40}"
        ) {
            let mut end = 0;
            for entity in scan(&text) {
                prop_assert!(entity.range.start >= end && entity.range.end > entity.range.start);
                end = entity.range.end;
                let written = &text[entity.range];
                match entity.kind {
                    Kind::Url(url) => prop_assert_eq!(url, written),
                    Kind::Hashtag(tag) => prop_assert!(written.ends_with(&tag)),
                    Kind::Mention { username, .. } => prop_assert!(written[1..].starts_with(&username)),
                }
            }
        }

        #[test]
        fn nothing_panics(text in any::<String>()) {
            scan(&text);
            super::super::char_count(&text);
        }
    }
}
