//! Language tags of statuses and accounts.

/// ISO 639-1, with `bh` and `sh`, which old servers still send.
const TWO_LETTERS: &str = "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy \
    da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz \
    ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt \
    lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu \
    rm rn ro ru rw sa sc sd se sg sh si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr \
    ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu";

/// Brings a language tag (BCP 47, `_` taken for `-`) into its usual form:
/// `EN_gb` is `en-GB`, `zh-hant-tw` is `zh-Hant-TW`. The language is an
/// ISO 639-1 code or has the shape of an ISO 639-3 one; a script and a region
/// are kept, everything after them is dropped. `None` for what is no language
/// tag, and for `und`, `mul`, `mis`, `zxx` and private codes, which name none.
pub fn normalize(tag: &str) -> Option<String> {
    let tag = tag.trim();
    if tag.is_empty() || tag.len() > 35 {
        return None;
    }
    let mut subtags = tag.split(['-', '_']).peekable();
    let mut out = subtags.next()?.to_ascii_lowercase();
    if !is_language(&out) {
        return None;
    }
    // Garbage after the language is refused as a whole.
    let well_formed = tag.split(['-', '_']).all(|part| {
        (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    });
    if !well_formed {
        return None;
    }
    if out == "zh" && subtags.next_if(|s| s.eq_ignore_ascii_case("yue")).is_some() {
        // Mastodon's own name for Cantonese.
        return Some("zh-YUE".to_owned());
    }
    if let Some(script) = subtags.next_if(|s| s.len() == 4 && is_alphabetic(s)) {
        out.push('-');
        out.push_str(&script[..1].to_ascii_uppercase());
        out.push_str(&script[1..].to_ascii_lowercase());
    }
    let is_region = |s: &&str| {
        (s.len() == 2 && is_alphabetic(s))
            || (s.len() == 3 && s.bytes().all(|b| b.is_ascii_digit()))
    };
    if let Some(region) = subtags.next_if(is_region) {
        out.push('-');
        out.push_str(&region.to_ascii_uppercase());
    }
    Some(out)
}

fn is_alphabetic(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphabetic())
}

fn is_language(code: &str) -> bool {
    match code.len() {
        2 => TWO_LETTERS
            .split_ascii_whitespace()
            .any(|known| known == code),
        3 => {
            is_alphabetic(code)
                && !matches!(code, "und" | "mul" | "mis" | "zxx")
                && !("qaa"..="qtz").contains(&code)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keeps_languages_scripts_and_regions() {
        for (tag, expected) in [
            ("en", "en"),
            ("EN", "en"),
            (" de ", "de"),
            ("en-GB", "en-GB"),
            ("en_gb", "en-GB"),
            ("zh-tw", "zh-TW"),
            ("zh-YUE", "zh-YUE"),
            ("zh-hant-tw", "zh-Hant-TW"),
            ("sr-Latn", "sr-Latn"),
            ("es-419", "es-419"),
            ("tok", "tok"),
            ("de-DE-1996", "de-DE"),
            ("en-x-pirate", "en"),
        ] {
            assert_eq!(normalize(tag).as_deref(), Some(expected), "{tag}");
        }
    }

    #[test]
    fn refuses_garbage() {
        for tag in [
            "",
            " ",
            "e",
            "xx",
            "english",
            "en-",
            "-en",
            "en--GB",
            "en GB",
            "en-<b>",
            "12",
            "und",
            "zxx",
            "qaa",
            "日本",
            "en-é",
            "en-abcdefghij",
            "en-US-x-aaaaaaaa-bbbbbbbb-cccccccc-dddd",
        ] {
            assert_eq!(normalize(tag), None, "{tag}");
        }
    }

    proptest! {
        #[test]
        fn its_own_output_is_stable(tag in "([a-zA-Z]{2,3}([-_][a-zA-Z0-9]{2,8}){0,3})|\\PC*") {
            if let Some(normal) = normalize(&tag) {
                prop_assert_eq!(normalize(&normal), Some(normal));
            }
        }
    }
}
