//! Emoji in texts: the custom ones by their shortcodes, and what counts as one of Unicode's.

use super::grapheme;

/// Longest shortcode, in characters.
pub const MAX_SHORTCODE: usize = 64;

/// Whether a text can be the name of a custom emoji: letters, digits and `_`, at least two.
pub fn is_shortcode(text: &str) -> bool {
    (2..=MAX_SHORTCODE).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The shortcodes that stand as `:shortcode:` in some texts, each once, at most `limit`. Before
/// and after the colons is no letter, digit or colon.
pub fn shortcodes(texts: &[&str], limit: usize) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for text in texts {
        let free = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != ':');
        let mut colons = text.match_indices(':').map(|(at, _)| at).peekable();
        while let Some(open) = colons.next() {
            let Some(close) = colons.peek().copied() else {
                break;
            };
            let name = &text[open + 1..close];
            if is_shortcode(name)
                && free(text[..open].chars().next_back())
                && free(text[close + 1..].chars().next())
            {
                colons.next();
                if found.len() < limit && found.iter().all(|known| known != name) {
                    found.push(name.to_owned());
                }
            }
        }
    }
    found
}

/// Whether a text is one emoji of Unicode's, and nothing else.
pub fn is_emoji(text: &str) -> bool {
    let Some(first) = text.chars().next() else {
        return false;
    };
    if text.len() > 64 || grapheme::count(text) != 1 {
        return false;
    }
    let keycap = matches!(first, '0'..='9' | '#' | '*') && text.ends_with('\u{20e3}');
    let flag = grapheme::is_indicator(first) && text.chars().count() == 2;
    // What is a sign by itself becomes an emoji by the selector that follows it.
    let sign = matches!(
        first,
        '\u{a9}' | '\u{ae}' | '\u{2122}' | '\u{2139}' | '\u{203c}' | '\u{2049}'
    );
    keycap || flag || (grapheme::is_pictograph(first) && (!sign || text.ends_with('\u{fe0f}')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortcodes_stand_between_colons_by_themselves() {
        let found = |text| shortcodes(&[text], 10);
        assert_eq!(found("a :cat: b :dog_2:"), ["cat", "dog_2"]);
        assert_eq!(found(":cat::dog: (:fox:) :cat:"), ["fox", "cat"]);
        assert_eq!(found("10:30:45 a:cat:b http://x:80/:cat:/"), ["cat"]);
        assert_eq!(found(":a: :a-b: :: :é:"), Vec::<String>::new());
        assert_eq!(shortcodes(&[":aa: :bb: :cc:"], 2), ["aa", "bb"]);
        assert_eq!(shortcodes(&[":aa:", ":bb: :aa:"], 9), ["aa", "bb"]);
    }

    #[test]
    fn emoji_are_told_from_text() {
        for emoji in ["👍", "👍🏽", "❤️", "👩‍👩‍👧‍👦", "🇩🇪", "1️⃣", "🏳️‍🌈", "☺", "©️"]
        {
            assert!(is_emoji(emoji), "{emoji}");
        }
        for other in [
            "", "a", "👍👍", "👍 ", "1", "©", "🇩", "<b>", "한", "e\u{301}",
        ] {
            assert!(!is_emoji(other), "{other:?}");
        }
    }
}
