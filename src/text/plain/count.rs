//! The length of a status.

use super::scan::{Kind, scan};
use crate::text::grapheme;

/// What a link counts, however long it is.
const URL_CHARS: &str = "xxxxxxxxxxxxxxxxxxxxxxx";

/// The length of a status as Mastodon counts it: user-perceived characters,
/// every link 23, of a remote mention only `@user`.
pub fn char_count(text: &str) -> usize {
    let mut counted = String::with_capacity(text.len());
    let mut done = 0;
    for entity in scan(text) {
        counted.push_str(&text[done..entity.range.start]);
        match &entity.kind {
            Kind::Url(_) => counted.push_str(URL_CHARS),
            Kind::Mention { username, .. } => {
                counted.push('@');
                counted.push_str(username);
            }
            Kind::Hashtag(_) => counted.push_str(&text[entity.range.clone()]),
        }
        done = entity.range.end;
    }
    counted.push_str(&text[done..]);
    grapheme::count(&counted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_like_mastodon() {
        for (text, expected) in [
            ("", 0),
            ("hello", 5),
            (
                "https://example.com/a/very/long/path/that/goes/on/and/on",
                23,
            ),
            ("http://a.example", 23),
            ("see https://example.com.", 4 + 23 + 1),
            ("@alice@some.remote.example hi", 9),
            ("@alice hi", 9),
            ("#tag", 4),
            ("👩‍👩‍👧‍👦🇩🇪e\u{301}", 3),
        ] {
            assert_eq!(char_count(text), expected, "{text}");
        }
        assert_eq!(URL_CHARS.len(), 23);
    }
}
