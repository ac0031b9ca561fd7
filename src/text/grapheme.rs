//! Grapheme clusters, near enough to UAX #29 for counting and cutting.
//!
//! Covers combining marks, emoji sequences, flags and Hangul syllables. Left
//! out are the rules for prepended signs and Indic conjuncts: such a cluster
//! counts as two.

use unicode_normalization::char::is_combining_mark;

/// The number of user-perceived characters in `text`.
pub(super) fn count(text: &str) -> usize {
    starts(text).count()
}

/// `text` cut after at most `limit` user-perceived characters.
pub(super) fn truncate(text: &str, limit: usize) -> &str {
    starts(text).nth(limit).map_or(text, |at| &text[..at])
}

/// The byte offset at which each cluster starts.
fn starts(text: &str) -> impl Iterator<Item = usize> + '_ {
    let mut state = State::default();
    text.char_indices()
        .filter_map(move |(at, c)| state.is_start(c).then_some(at))
}

#[derive(Default)]
struct State {
    previous: Option<char>,
    /// Regional indicators seen in a row: they pair into flags.
    indicators: usize,
    /// The cluster so far is an emoji and its modifiers, so a joiner extends it.
    pictograph: bool,
}

impl State {
    fn is_start(&mut self, c: char) -> bool {
        let starts = self
            .previous
            .is_none_or(|previous| !self.joins(previous, c));
        self.indicators = if is_indicator(c) {
            self.indicators + 1
        } else {
            0
        };
        self.pictograph = is_pictograph(c) || (self.pictograph && is_extend(c));
        self.previous = Some(c);
        starts
    }

    fn joins(&self, previous: char, c: char) -> bool {
        if previous == '\r' && c == '\n' {
            return true;
        }
        if previous.is_control() || c.is_control() {
            return false;
        }
        is_extend(c)
            || (previous == '\u{200d}' && self.pictograph && is_pictograph(c))
            || (is_indicator(c) && self.indicators % 2 == 1)
            || hangul_joins(previous, c)
    }
}

pub(super) fn is_indicator(c: char) -> bool {
    matches!(c, '\u{1f1e6}'..='\u{1f1ff}')
}

fn is_extend(c: char) -> bool {
    // ASCII is by far the most frequent and has none.
    !c.is_ascii()
        && (is_combining_mark(c)
            || matches!(
                c,
                '\u{200c}' | '\u{200d}' | '\u{ff9e}' | '\u{ff9f}'
                    | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0020}'..='\u{e007f}'
            ))
}

pub(super) fn is_pictograph(c: char) -> bool {
    matches!(
        c,
        '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}'
            | '\u{2194}'..='\u{21aa}' | '\u{231a}'..='\u{23ff}' | '\u{24c2}'
            | '\u{25aa}'..='\u{27bf}' | '\u{2934}' | '\u{2935}' | '\u{2b05}'..='\u{2b55}'
            | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}'
            | '\u{1f000}'..='\u{1f1e5}' | '\u{1f200}'..='\u{1f3fa}' | '\u{1f400}'..='\u{1faff}'
    )
}

#[derive(PartialEq)]
enum Hangul {
    Lead,
    Vowel,
    Trail,
    LeadVowel,
    Full,
    No,
}

fn hangul(c: char) -> Hangul {
    match c {
        '\u{1100}'..='\u{115f}' | '\u{a960}'..='\u{a97c}' => Hangul::Lead,
        '\u{1160}'..='\u{11a7}' | '\u{d7b0}'..='\u{d7c6}' => Hangul::Vowel,
        '\u{11a8}'..='\u{11ff}' | '\u{d7cb}'..='\u{d7fb}' => Hangul::Trail,
        '\u{ac00}'..='\u{d7a3}' if (u32::from(c) - 0xac00).is_multiple_of(28) => Hangul::LeadVowel,
        '\u{ac00}'..='\u{d7a3}' => Hangul::Full,
        _ => Hangul::No,
    }
}

fn hangul_joins(previous: char, c: char) -> bool {
    use Hangul::{Full, Lead, LeadVowel, Trail, Vowel};
    match hangul(previous) {
        Lead => matches!(hangul(c), Lead | Vowel | LeadVowel | Full),
        LeadVowel | Vowel => matches!(hangul(c), Vowel | Trail),
        Full | Trail => hangul(c) == Trail,
        Hangul::No => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_a_reader_sees() {
        for (text, expected) in [
            ("", 0),
            ("abc", 3),
            ("e\u{301}", 1),
            ("👩‍👩‍👧‍👦", 1),
            ("🇩🇪🇫🇷", 2),
            ("👍🏽", 1),
            ("❤️", 1),
            ("한글", 2),
            ("\u{1112}\u{1161}\u{11ab}", 1),
            ("\r\n", 1),
            ("1️⃣", 1),
            (
                "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
                1,
            ),
        ] {
            assert_eq!(count(text), expected, "{text:?}");
        }
    }

    #[test]
    fn cuts_between_clusters() {
        assert_eq!(truncate("e\u{301}xyz", 2), "e\u{301}x");
        assert_eq!(truncate("ab", 5), "ab");
        assert_eq!(truncate("👍🏽b", 1), "👍🏽");
        assert_eq!(truncate("ab", 0), "");
    }
}
