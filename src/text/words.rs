//! Text as words to search for: the same for what is kept and for what is asked.
//!
//! Words are folded (compatibility forms, case, Latin accents) and hold letters and digits
//! alone. Scripts that put no spaces between words are taken letter by letter; a query's
//! letters then have to stand side by side.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Characters of a word that count.
const MAX_WORD: usize = 64;

/// The words of a text, in order, at most `limit`.
pub fn words(text: &str, limit: usize) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut length = 0;
    // By way of the decomposed form, where an accent is a character of its own.
    let folded = text
        .nfkd()
        .filter(|c| !is_latin_accent(*c))
        .flat_map(char::to_lowercase)
        .nfc();
    for c in folded {
        if words.len() >= limit {
            return words;
        }
        if stands_alone(c) {
            flush(&mut words, &mut word, &mut length);
            words.push(c.to_string());
        } else if c.is_alphanumeric() || (is_combining_mark(c) && !word.is_empty()) {
            length += 1;
            if length <= MAX_WORD {
                word.push(c);
            }
        } else {
            flush(&mut words, &mut word, &mut length);
        }
    }
    if words.len() < limit {
        flush(&mut words, &mut word, &mut length);
    }
    words
}

fn flush(words: &mut Vec<String>, word: &mut String, length: &mut usize) {
    *length = 0;
    if !word.is_empty() {
        words.push(std::mem::take(word));
    }
}

fn is_latin_accent(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

/// A letter of a script that is written without spaces: Chinese, Japanese, Korean, Thai, Lao,
/// Khmer, Burmese.
fn stands_alone(c: char) -> bool {
    matches!(c,
        '\u{0e01}'..='\u{0e30}' | '\u{0e32}' | '\u{0e33}' | '\u{0e40}'..='\u{0e46}'
        | '\u{0e81}'..='\u{0eb0}' | '\u{0eb2}' | '\u{0eb3}' | '\u{0ec0}'..='\u{0ec6}'
        | '\u{1000}'..='\u{102a}' | '\u{1780}'..='\u{17b3}'
        | '\u{3005}'..='\u{3007}' | '\u{3041}'..='\u{3096}' | '\u{309d}'..='\u{309f}'
        | '\u{30a1}'..='\u{30fa}' | '\u{30fc}'..='\u{30ff}' | '\u{3105}'..='\u{312f}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3134f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn folds_and_splits() {
        for (text, expected) in [
            ("Hello, world!", vec!["hello", "world"]),
            ("Café CAFE\u{301} naïve", vec!["cafe", "cafe", "naive"]),
            (
                "don't @user@a.example #Tag_one",
                vec!["don", "t", "user", "a", "example", "tag", "one"],
            ),
            ("日本語とEnglish", vec!["日", "本", "語", "と", "english"]),
            ("ｆｕｌｌ １２", vec!["full", "12"]),
            ("Ёлка й", vec!["елка", "и"]),
            ("हिन्दी", vec!["हिन्दी"]),
            ("", vec![]),
            ("…¦—", vec![]),
        ] {
            assert_eq!(words(text, 100), expected, "{text}");
        }
    }

    #[test]
    fn numbers_are_bounded() {
        assert_eq!(words("a b c d", 2), ["a", "b"]);
        assert_eq!(words(&"x".repeat(1000), 5), ["x".repeat(MAX_WORD)]);
    }

    proptest! {
        #[test]
        fn words_are_words(text in "\\PC*") {
            for word in words(&text, 1000) {
                prop_assert!(!word.is_empty());
                prop_assert!(!word.contains(|c: char| c.is_ascii_punctuation() || c.is_whitespace() || c == '¦'));
            }
        }
    }
}
