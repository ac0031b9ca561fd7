//! The query language: words, `"phrases"`, `#tags`, `-` before what must not be, and the
//! operators `from: has: is: in: language: before: after: during:`.

use jiff::civil::Date;

use super::mark;
use crate::clock::DAY;
use crate::db::search::Query;
use crate::ids::Ids;
use crate::text::language;
use crate::text::plain::normalize_tag;
use crate::text::words::words;

/// Clauses of a query that count.
const MAX_CLAUSES: usize = 32;
/// Words of one clause.
const MAX_WORDS: usize = 32;

/// An account that a query names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term {
    /// Whoever asks.
    Me,
    /// By handle, without a leading `@`.
    Handle(String),
}

/// A query that was read, but for the accounts it names, which are still to be looked up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parsed {
    pub query: Query,
    /// Authors of whom the post has to be, or must not be (`true`).
    pub from: Vec<(Term, bool)>,
    pub scope: Scope,
    /// It asks for something that cannot be: nothing is found.
    pub nothing: bool,
}

/// Where is searched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scope {
    #[default]
    Everything,
    /// One's own posts, and those that one has to do with.
    Library,
    /// What anyone may find.
    Public,
}

/// Reads a query.
pub fn parse(text: &str) -> Parsed {
    let mut parsed = Parsed {
        query: Query {
            below: i64::MAX,
            above: 0,
            ..Query::default()
        },
        ..Parsed::default()
    };
    for clause in clauses(text).into_iter().take(MAX_CLAUSES) {
        parsed.add(&clause);
    }
    parsed
}

/// One part of a query: `-prefix:"value"`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Clause {
    negated: bool,
    /// In lower case.
    prefix: Option<String>,
    value: String,
    quoted: bool,
}

/// Operators. Anything else before a colon is text.
const PREFIXES: &[&str] = &[
    "from", "has", "is", "in", "language", "lang", "before", "after", "during",
];

fn clauses(text: &str) -> Vec<Clause> {
    let mut clauses = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let mut clause = Clause::default();
        if let Some(after) = rest.strip_prefix('-') {
            clause.negated = true;
            rest = after;
        } else {
            rest = rest.strip_prefix('+').unwrap_or(rest);
        }
        let end = rest
            .find(|c: char| c.is_whitespace() || c == ':' || is_quote(c))
            .unwrap_or(rest.len());
        let prefix = rest[..end].to_ascii_lowercase();
        if rest[end..].starts_with(':') && PREFIXES.contains(&prefix.as_str()) {
            clause.prefix = Some(prefix);
            rest = &rest[end + 1..];
        }
        if let Some(quote) = rest.chars().next().filter(|c| is_quote(*c)) {
            let body = &rest[quote.len_utf8()..];
            let end = body.find(is_quote).unwrap_or(body.len());
            clause.value = body[..end].to_owned();
            clause.quoted = true;
            let mut left = body[end..].chars();
            left.next();
            rest = left.as_str();
        } else {
            let end = rest
                .find(|c: char| c.is_whitespace() || is_quote(c))
                .unwrap_or(rest.len());
            clause.value = rest[..end].to_owned();
            rest = &rest[end..];
        }
        rest = rest.trim_start();
        if !clause.value.trim().is_empty() {
            clauses.push(clause);
        }
    }
    clauses
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '“' | '”' | '„')
}

impl Parsed {
    fn add(&mut self, clause: &Clause) {
        let value = clause.value.trim();
        match clause.prefix.as_deref() {
            Some("from") => {
                let term = match value.trim_start_matches('@') {
                    "me" => Term::Me,
                    handle => Term::Handle(handle.to_owned()),
                };
                self.from.push((term, clause.negated));
            }
            Some("has" | "is") => self.mark(mark::property(&property(value)), clause.negated),
            Some("language" | "lang") => match language::normalize(value) {
                Some(code) => self.mark(mark::language(&code), clause.negated),
                None => self.nothing |= !clause.negated,
            },
            Some("in") => match value {
                "library" if !clause.negated => self.scope = Scope::Library,
                "public" if !clause.negated => self.scope = Scope::Public,
                "all" => {}
                _ => self.nothing = true,
            },
            Some(when @ ("before" | "after" | "during")) => match day(value) {
                Some(day) => self.limit(when, day, clause.negated),
                None => self.nothing = true,
            },
            _ => self.text(clause),
        }
    }

    fn text(&mut self, clause: &Clause) {
        if !clause.quoted
            && let Some(tag) = clause.value.strip_prefix(['#', '＃'])
        {
            let name = normalize_tag(tag);
            if !name.is_empty() {
                self.mark(mark::tag(&name), clause.negated);
            }
            return;
        }
        let words = words(&clause.value, MAX_WORDS);
        if words.is_empty() {
            return;
        }
        if clause.negated {
            self.query.none.push(words);
        } else {
            self.query.all.push(words);
        }
    }

    /// Demands a mark, or forbids it.
    fn mark(&mut self, mark: String, forbidden: bool) {
        let list = if forbidden {
            &mut self.query.none
        } else {
            &mut self.query.all
        };
        list.push(vec![mark]);
    }

    /// Narrows to a time, by whole days (UTC).
    fn limit(&mut self, when: &str, day: i64, negated: bool) {
        let start = Ids::floor(day * DAY);
        let end = Ids::floor((day + 1) * DAY);
        let query = &mut self.query;
        match (when, negated) {
            ("before", false) => query.below = query.below.min(start),
            // Not before a day: on it or after.
            ("before", true) => query.above = query.above.max(start - 1),
            ("after", false) => query.above = query.above.max(end - 1),
            ("after", true) => query.below = query.below.min(end),
            (_, false) => {
                query.below = query.below.min(end);
                query.above = query.above.max(start - 1);
            }
            // All but one day is no range.
            (_, true) => self.nothing = true,
        }
    }
}

/// The name of a property, and what it is also called.
fn property(value: &str) -> String {
    let value = value.to_lowercase();
    match value.as_str() {
        "images" | "picture" | "pictures" => "image".to_owned(),
        "videos" => "video".to_owned(),
        "links" | "url" => "link".to_owned(),
        "replies" => "reply".to_owned(),
        "cw" | "nsfw" => "sensitive".to_owned(),
        _ => value
            .chars()
            .filter(|c| c.is_alphanumeric())
            .take(32)
            .collect(),
    }
}

/// Days since the epoch of a date, `2026-05-04`.
fn day(text: &str) -> Option<i64> {
    let date: Date = text.parse().ok()?;
    let zoned = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    let ms = zoned.timestamp().as_millisecond();
    (ms >= 0).then(|| ms.div_euclid(DAY))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn phrase(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn words_phrases_tags_and_their_negation() {
        let parsed = parse("Cats +dogs \"Black Bird\" -fish -\"red fox\" #Rust -#go don't note: x");
        assert_eq!(
            parsed.query.all,
            ["cats", "dogs", "black bird", "¦trust", "don t", "note", "x"].map(phrase)
        );
        assert_eq!(parsed.query.none, ["fish", "red fox", "¦tgo"].map(phrase));
        assert!(!parsed.nothing && parsed.from.is_empty());
    }

    #[test]
    fn operators() {
        let parsed = parse(
            "from:me -from:@Bob@b.example has:images is:reply -is:sensitive lang:EN in:library",
        );
        assert_eq!(
            parsed.from,
            [
                (Term::Me, false),
                (Term::Handle("Bob@b.example".into()), true)
            ]
        );
        assert_eq!(parsed.query.all, ["¦iimage", "¦ireply", "¦len"].map(phrase));
        assert_eq!(parsed.query.none, ["¦isensitive"].map(phrase));
        assert_eq!(parsed.scope, Scope::Library);
        for nothing in [
            "language:nonsense",
            "before:yesterday",
            "in:heaven",
            "-during:2026-01-01",
        ] {
            assert!(parse(nothing).nothing, "{nothing}");
        }
    }

    #[test]
    fn times_are_whole_days() {
        let at = |text: &str| Ids::floor(crate::clock::parse_iso(text).unwrap());
        let morning = at("2026-05-04T00:00:00Z");
        let evening = at("2026-05-04T23:59:59.999Z");
        let next = at("2026-05-05T00:00:00Z");
        let finds = |text: &str, id: i64| {
            let query = parse(text).query;
            id < query.below && id > query.above
        };
        for (text, found) in [
            ("during:2026-05-04", [true, true, false]),
            ("before:2026-05-04", [false, false, false]),
            ("before:2026-05-05", [true, true, false]),
            ("after:2026-05-04", [false, false, true]),
            ("after:2026-05-03 before:2026-05-05", [true, true, false]),
            ("-before:2026-05-05", [false, false, true]),
            ("-after:2026-05-04", [true, true, false]),
        ] {
            assert_eq!(
                [morning, evening, next].map(|id| finds(text, id)),
                found,
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_query(text in "\\PC*|[-+:\"#a-z ]*") {
            parse(&text);
        }
    }
}
