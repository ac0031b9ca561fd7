//! What the fuzz targets share. `tests/fuzz.sh` builds and runs them; docs/architecture.md tells more.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use kith::db::accounts::Account;
use kith::federation::objects::actor;
use kith::federation::value::{link, uri};
use kith::text::sanitize::{MAX_ACCOUNT_HTML, clean_status_html};
use serde_json::{Value, json};
use url::Url;

/// The time at which everything arrives, in milliseconds since the epoch: signatures among the seeds were made then.
pub const NOW: i64 = 1_700_000_000_500;

/// Stands before the parts of what [`expand`] makes long: a byte that no text in UTF-8 has.
const SEPARATOR: u8 = 0xff;
/// Stands for the number of the repetition; another such byte.
const NUMBER: u8 = 0xfe;

/// The input itself; or, where it is three parts with the separator before each, the first, the second as often as
/// `limit` bytes have room for, each time with another number where that belongs, and the third. Work that grows faster
/// than its input shows in long inputs alone, which a fuzzer does not make letter by letter.
pub fn expand(data: &[u8], limit: usize) -> Cow<'_, [u8]> {
    let mut parts = data.split(|byte| *byte == SEPARATOR);
    let (Some([]), Some(head), Some(middle), Some(tail), None) = (
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
    ) else {
        return Cow::Borrowed(&data[..data.len().min(limit)]);
    };
    let room = limit.saturating_sub(tail.len());
    let mut whole = head.to_vec();
    let mut number = 0_u32;
    while !middle.is_empty() && whole.len() + middle.len() <= room {
        for (at, piece) in middle.split(|byte| *byte == NUMBER).enumerate() {
            if at > 0 {
                whole.extend_from_slice(format!("{number:x}").as_bytes());
            }
            whole.extend_from_slice(piece);
        }
        number += 1;
    }
    whole.extend_from_slice(tail);
    Cow::Owned(whole)
}

/// What one input may take.
const MAX_WORK: Duration = Duration::from_secs(5);

/// Panics where `read` takes longer than an input may; three times, since on a busy machine anything does once.
pub fn bounded(read: impl Fn()) {
    for _ in 0..3 {
        let started = Instant::now();
        read();
        if started.elapsed() <= MAX_WORK {
            return;
        }
    }
    panic!("it took longer than {MAX_WORK:?}, three times");
}

/// Somebody elsewhere, by the id alone; `None` where that is no actor's.
pub fn author(id: &str) -> Option<Account> {
    let document = json!({
        "id": id,
        "type": "Person",
        "preferredUsername": "sara",
        "inbox": format!("{id}/inbox"),
        "followers": format!("{id}/followers"),
        "following": format!("{id}/following"),
    });
    actor::read(&document, NOW).ok().map(|read| read.account)
}

/// Schemes of links that may be shown.
const SCHEMES: [&str; 11] = [
    "http", "https", "dat", "dweb", "ipfs", "ipns", "ssb", "gopher", "xmpp", "magnet", "gemini",
];
/// Elements that may be shown.
const ELEMENTS: [&str; 20] = [
    "p",
    "br",
    "span",
    "a",
    "del",
    "s",
    "pre",
    "blockquote",
    "code",
    "b",
    "strong",
    "u",
    "i",
    "em",
    "ul",
    "ol",
    "li",
    "ruby",
    "rt",
    "rp",
];

/// Panics unless HTML is of the subset that may be shown, written as a serialiser writes it. Reads it in its own way, so
/// that a fault of the sanitiser's reader does not hide itself.
pub fn assert_clean(html: &str) {
    let mut rest = html;
    while let Some(at) = rest.find(['<', '>']) {
        assert!(rest[at..].starts_with('<'), "a > on its own: {html:?}");
        rest = &rest[at + 1..];
        if let Some(name) = rest.strip_prefix('/') {
            let (name, after) = name.split_once('>').expect("an end tag ends");
            assert!(
                ELEMENTS.contains(&name) && name != "br",
                "</{name}> in {html:?}"
            );
            rest = after;
            continue;
        }
        let end = rest.find([' ', '>']).expect("a tag ends");
        let element = &rest[..end];
        assert!(ELEMENTS.contains(&element), "<{element}> in {html:?}");
        rest = &rest[end..];
        while let Some(attribute) = rest.strip_prefix(' ') {
            let (name, after) = attribute.split_once("=\"").expect("a value is in quotes");
            let (value, after) = after.split_once('"').expect("a quote ends");
            let fine = match name {
                "href" => element == "a" && is_shown_link(value),
                "rel" => element == "a" && value == "nofollow noopener noreferrer",
                "target" => element == "a" && value == "_blank",
                "class" => matches!(element, "a" | "span" | "p"),
                "translate" => matches!(element, "a" | "span") && value == "no",
                "lang" => value
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-'),
                "start" => element == "ol" && value.parse::<i32>().is_ok(),
                "value" => element == "li" && value.parse::<i32>().is_ok(),
                "reversed" => element == "ol" && value.is_empty(),
                _ => false,
            };
            assert!(fine, "{name}={value:?} of <{element}> in {html:?}");
            rest = after;
        }
        rest = rest
            .strip_prefix('>')
            .expect("a tag ends after its attributes");
    }
}

/// Whether the value of an `href`, escaped, leads where links may lead.
fn is_shown_link(value: &str) -> bool {
    let value = value
        .replace("&nbsp;", "\u{a0}")
        .replace("&lt;", "<")
        .replace("&gt;", ">");
    Url::parse(&value.replace("&amp;", "&")).is_ok_and(|url| SCHEMES.contains(&url.scheme()))
}

/// [`assert_clean`], and what was cleaned does not change when it is cleaned again.
pub fn assert_cleaned(html: &str) {
    assert_clean(html);
    // What is longer may be cut off.
    if html.len() <= MAX_ACCOUNT_HTML {
        assert_eq!(in_order(&clean_status_html(html)), in_order(html));
    }
}

/// Clean HTML with the attributes of each tag in the order of their names: the sanitiser leaves them in any.
fn in_order(html: &str) -> String {
    let mut out = String::new();
    for (at, piece) in html.split('<').enumerate() {
        // The text before the first tag.
        let Some((tag, text)) = piece.split_once('>').filter(|_| at > 0) else {
            out.push_str(piece);
            continue;
        };
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let mut attributes: Vec<&str> = attributes.split_inclusive("\" ").map(str::trim).collect();
        attributes.sort_unstable();
        out.push_str(&format!("<{name} {}>{text}", attributes.join(" ")));
    }
    out
}

/// Panics unless a text is one line without anything that could be read as a tag.
pub fn assert_inline(text: &str) {
    assert_eq!(text, text.trim());
    assert!(
        !text
            .chars()
            .any(|c| c.is_control()
                || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
    );
    for (at, _) in text.match_indices('<') {
        let next = text[at + 1..].chars().next();
        let tag = next.is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'));
        assert!(!tag, "{text:?}");
    }
}

/// Panics unless a text is empty or an id.
pub fn assert_id_or_nothing(text: &str) {
    assert!(text.is_empty() || uri(text).is_some(), "{text:?}");
}

/// Panics unless a text is a JSON array of custom emoji with pictures to load.
pub fn assert_emojis(text: &str) {
    let list = array(text);
    assert!(list.len() <= 100);
    for emoji in &list {
        let shortcode = emoji["shortcode"].as_str().unwrap_or_default();
        assert!(
            !shortcode.is_empty()
                && shortcode.is_ascii()
                && !shortcode.contains([':', '"', '<', ' '])
        );
        assert!(emoji["url"].as_str().and_then(link).is_some());
    }
}

/// A JSON array.
pub fn array(text: &str) -> Vec<Value> {
    serde_json::from_str(text).expect("a JSON array")
}
