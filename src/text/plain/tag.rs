//! The form under which hashtags are the same.

use unicode_normalization::UnicodeNormalization;

use super::{is_tag_separator, is_word};

/// The form under which a hashtag is stored and compared: without its `#`,
/// compatibility forms and case folded (NFKC). How its author spelt it is for
/// the caller to keep. Empty when nothing of it can be part of a hashtag.
pub fn normalize_tag(tag: &str) -> String {
    let mut folded = fold(tag);
    // Folding may call for composing again, which settles after a round or two.
    for _ in 0..3 {
        let again = fold(&folded);
        if again == folded {
            break;
        }
        folded = again;
    }
    folded
}

fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.nfkc() {
        if c == 'ı' {
            // The dotless i is a letter of its own; folding keeps it.
            folded.push(c);
            continue;
        }
        // By way of upper case, so that ß and ss, ς and σ meet.
        for upper in c.to_uppercase() {
            folded.extend(upper.to_lowercase());
        }
    }
    folded
        .nfkc()
        .filter(|c| is_word(*c) || is_tag_separator(*c))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn folds_case_and_compatibility_forms() {
        for (tag, expected) in [
            ("Rust", "rust"),
            ("#Rust", "rust"),
            ("Ｒｕｓｔ", "rust"),
            ("STRASSE", "strasse"),
            ("Straße", "strasse"),
            ("ΣΊΣΥΦΟΣ", "σίσυφοσ"),
            ("Σίσυφος", "σίσυφοσ"),
            ("Cafe\u{301}", "café"),
            ("日本・語", "日本・語"),
            ("a b-c!", "abc"),
            ("", ""),
        ] {
            assert_eq!(normalize_tag(tag), expected, "{tag}");
        }
    }

    proptest! {
        #[test]
        fn is_stable(tag in "\\PC*") {
            let normal = normalize_tag(&tag);
            prop_assert_eq!(normalize_tag(&normal), normal);
        }
    }
}
