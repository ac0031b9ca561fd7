//! Plain text as local authors write it: what is in it, how long it is, and
//! its HTML, by Mastodon's rules.

mod compose;
mod count;
mod scan;
mod tag;

pub use compose::{Link, compose};
pub use count::char_count;
pub use scan::{Entity, Kind, scan};
pub use tag::normalize_tag;

pub(super) use compose::link_into;

use unicode_normalization::char::is_combining_mark;

/// `[[:word:]]`: letters, marks, numbers and connecting punctuation.
fn is_word(c: char) -> bool {
    c.is_alphanumeric()
        || matches!(
            c,
            '_' | '\u{203f}' | '\u{2040}' | '\u{2054}' | '\u{fe33}' | '\u{fe34}' | '\u{fe4d}'
                ..='\u{fe4f}' | '\u{ff3f}'
        )
        || (!c.is_ascii() && is_combining_mark(c))
}

/// What may stand inside a hashtag besides word characters: middle dots, and
/// the non-joiner that Persian spelling needs.
fn is_tag_separator(c: char) -> bool {
    matches!(c, '\u{b7}' | '\u{30fb}' | '\u{200c}')
}
