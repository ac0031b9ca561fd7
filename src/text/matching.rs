//! Finding keywords in text, as Mastodon's filters do: whatever the case, as parts of words or as
//! whole ones.

use unicode_normalization::{UnicodeNormalization, is_nfc};

/// Brings text and keywords into the form they are compared in: composed (NFC), lower case.
pub fn fold(text: &str) -> String {
    if is_nfc(text) {
        text.to_lowercase()
    } else {
        text.nfc().collect::<String>().to_lowercase()
    }
}

/// Whether a text holds a keyword, both of them folded. `whole`: where the keyword begins (ends)
/// with a letter of a word, so must a word of the text.
pub fn contains(text: &str, keyword: &str, whole: bool) -> bool {
    if keyword.is_empty() {
        return false;
    }
    if !whole {
        return text.contains(keyword);
    }
    let starts = keyword.chars().next().is_some_and(is_word);
    let ends = keyword.chars().next_back().is_some_and(is_word);
    let mut from = 0;
    while let Some(at) = text[from..].find(keyword) {
        let begin = from + at;
        let end = begin + keyword.len();
        let before = text[..begin].chars().next_back().is_some_and(is_word);
        let after = text[end..].chars().next().is_some_and(is_word);
        if !(starts && before) && !(ends && after) {
            return true;
        }
        // On to the next character: matches may overlap.
        let step = text[begin..].chars().next().map_or(1, char::len_utf8);
        from = begin + step;
    }
    false
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, keyword: &str, whole: bool) -> bool {
        contains(&fold(text), &fold(keyword), whole)
    }

    #[test]
    fn keywords_are_found_whatever_the_case() {
        assert!(found("A CAT sleeps", "cat", true));
        assert!(found("Straße ÉCOLE", "école", true));
        assert!(found("cafe\u{301} noir", "café", true));
        assert!(!found("a dog", "cat", false));
        assert!(!found("anything", "", false));
    }

    #[test]
    fn whole_words_are_no_parts_of_longer_ones() {
        assert!(!found("catalog", "cat", true));
        assert!(found("catalog", "cat", false));
        assert!(found("catalog, cat!", "cat", true));
        assert!(!found("snow_cat", "cat", true));
        assert!(found("the cat's", "cat", true));
        assert!(!found("日本語", "本", true));
        assert!(found("日本語", "本", false));
    }

    #[test]
    fn only_ends_that_are_letters_need_a_boundary() {
        assert!(found("x@example.com", "@example", true));
        assert!(found("#spoilers ahead", "#spoilers", true));
        assert!(!found("#spoilersport", "#spoilers", true));
        assert!(found("aaab", "ab", false));
        assert!(found("abab ab", "ab", true));
        assert!(found("ananas an", "an", true));
    }
}
