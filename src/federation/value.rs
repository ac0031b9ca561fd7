//! Reading ActivityStreams JSON as the fediverse writes it: one or many, a string or an object,
//! things missing or of another type. Nothing here fails; what cannot be read is not there.
//!
//! Documents are read as plain JSON in their compacted form and never processed as JSON-LD
//! (threat S2): `@graph`, `@id` and aliases mean nothing here.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value};
use url::Url;

use crate::domain::outgoing::PUBLIC;

/// The longest id or URL kept, in bytes.
pub const MAX_URI: usize = 2048;

/// A JSON object whose own keys each stand there once: where two readers of one document could
/// take different values for `id` or `actor`, nothing is to be believed.
#[derive(Debug)]
pub struct Unambiguous(pub Map<String, Value>);

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Unambiguous;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Unambiguous, A::Error> {
                let mut map = Map::new();
                while let Some((key, value)) = entries.next_entry::<String, Value>()? {
                    if map.contains_key(&key) {
                        return Err(A::Error::custom(format_args!("{key:?} stands there twice")));
                    }
                    map.insert(key, value);
                }
                Ok(Unambiguous(map))
            }
        }

        deserializer.deserialize_map(Reader)
    }
}

/// Parses an object whose top-level keys are unique.
pub fn parse(text: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice::<Unambiguous>(text).map(|object| Value::Object(object.0))
}

/// A string property.
pub fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str()
}

/// A property that is true or false; some write it as a string.
pub fn flag(value: &Value, name: &str) -> Option<bool> {
    match value.get(name)? {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// A time property in milliseconds since the epoch.
pub fn time(value: &Value, name: &str) -> Option<i64> {
    crate::clock::parse_iso(text(value, name)?)
}

/// The values of a property that may be one or many; `null` is none.
pub fn many<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    match value.get(name) {
        None | Some(Value::Null) => &[],
        Some(Value::Array(list)) => list,
        Some(one) => std::slice::from_ref(one),
    }
}

/// The id of a value that is an id or an object with one.
pub fn id(value: &Value) -> Option<&str> {
    match value {
        Value::String(id) => Some(id),
        Value::Object(object) => object.get("id")?.as_str(),
        _ => None,
    }
}

/// The ids of a property that may be one or many.
pub fn ids<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a str> {
    many(value, name).iter().filter_map(id)
}

/// The first id of a property.
pub fn first_id<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    ids(value, name).next()
}

/// Whether an object is of a type; some have several.
pub fn is_a(value: &Value, kind: &str) -> bool {
    many(value, "type").iter().any(|t| t.as_str() == Some(kind))
}

/// The first of an object's types that is in a list.
pub fn kind_of(value: &Value, known: &[&'static str]) -> Option<&'static str> {
    many(value, "type")
        .iter()
        .filter_map(Value::as_str)
        .find_map(|kind| known.iter().find(|k| **k == kind).copied())
}

/// The URL of a value that is a URL, or a Link, Image or Document with one.
pub fn url(value: &Value) -> Option<&str> {
    match value {
        Value::String(url) => Some(url),
        Value::Object(object) => object
            .get("href")
            .or_else(|| object.get("url"))
            .and_then(url),
        Value::Array(list) => list.iter().find_map(url),
        _ => None,
    }
}

/// Whether a recipient is everyone.
pub fn is_public(recipient: &str) -> bool {
    recipient == PUBLIC || recipient == "as:Public" || recipient == "Public"
}

/// Parses what can be an id here: http or https, a host, no credentials, not too long, and
/// written in the one normal form of its origin, so that comparing texts compares origins
/// (threat S3: IDN and case tricks).
pub fn uri(text: &str) -> Option<Url> {
    if text.len() > MAX_URI || text.bytes().any(|b| b.is_ascii_control() || b == b' ') {
        return None;
    }
    let url = Url::parse(text).ok()?;
    let normal = matches!(url.scheme(), "http" | "https")
        // A dot at its end is another name of the same host.
        && url.host_str().is_some_and(|host| !host.ends_with('.'))
        && url.username().is_empty()
        && url.password().is_none()
        && text
            .strip_prefix(&url.origin().ascii_serialization())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']));
    normal.then_some(url)
}

/// A link to show or to load from: http or https, not too long.
pub fn link(text: &str) -> Option<&str> {
    let url = Url::parse(text).ok().filter(|_| text.len() <= MAX_URI)?;
    (matches!(url.scheme(), "http" | "https") && url.host_str().is_some()).then_some(text)
}

/// The origin of an id that is in normal form at first sight, as nearly all are: a host of plain
/// labels that ends in a letter (so it is no address), nothing to be escaped.
fn plain_origin(text: &str) -> Option<&str> {
    let scheme = ["https://", "http://"]
        .into_iter()
        .find(|scheme| text.starts_with(scheme))?;
    let rest = &text[scheme.len()..];
    let authority = rest.split('/').next()?;
    let (host, port) = authority.split_once(':').unwrap_or((authority, "1"));
    // `0x7f` is a number, whatever it ends in.
    let is_number = |label: &str| label.starts_with("0x");
    let plain = host.ends_with(|c: char| c.is_ascii_lowercase())
        && !host.rsplit('.').next().is_some_and(is_number)
        && host.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !host.contains("..")
        && !host.contains("xn--")
        && host
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-'))
        && port.starts_with(|c: char| c.is_ascii_digit() && c != '0')
        && !matches!(port, "80" | "443")
        && port.parse::<u16>().is_ok()
        && text.len() <= MAX_URI
        && rest.bytes().all(|b| b.is_ascii_graphic());
    plain.then(|| &text[..scheme.len() + authority.len()])
}

/// Whether two ids have one origin: scheme, host and port.
pub fn same_origin(a: &str, b: &str) -> bool {
    if let (Some(a), Some(b)) = (plain_origin(a), plain_origin(b)) {
        return a == b;
    }
    match (uri(a), uri(b)) {
        (Some(a), Some(b)) => a.origin() == b.origin(),
        _ => false,
    }
}

/// Host, and port where it is not the scheme's default.
pub fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// A URL or id without its fragment.
pub fn without_fragment(uri: &str) -> &str {
    uri.split('#').next().unwrap_or_default()
}

/// Custom emoji among an object's tags as the database keeps them, at most 100: JSON,
/// `[{"shortcode", "url", "static_url"}]`.
pub fn emojis(object: &Value) -> String {
    let list: Vec<Value> = many(object, "tag")
        .iter()
        .filter(|tag| is_a(tag, "Emoji"))
        .filter_map(|tag| {
            let shortcode = text(tag, "name")?.trim_matches(':');
            let fine = (1..=100).contains(&shortcode.len())
                && shortcode
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'+'));
            let url = tag.get("icon").and_then(url).and_then(link)?;
            fine.then(|| serde_json::json!({"shortcode": shortcode, "url": url, "static_url": url}))
        })
        .take(100)
        .collect();
    Value::Array(list).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn one_or_many() {
        let value =
            json!({"to": ["a", {"id": "b"}, 3, null], "cc": "c", "bto": null, "x": {"id": 7}});
        assert_eq!(ids(&value, "to").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(ids(&value, "cc").collect::<Vec<_>>(), ["c"]);
        assert_eq!(ids(&value, "bto").count(), 0);
        assert_eq!(ids(&value, "nothing").count(), 0);
        assert_eq!(first_id(&value, "x"), None);
        assert_eq!(id(&json!(["a"])), None);
    }

    #[test]
    fn keys_stand_once() {
        assert!(parse(br#"{"id": "a", "object": {"id": 1, "id": 2}}"#).is_ok());
        assert!(parse(br#"{"id": "a", "actor": "b", "id": "c"}"#).is_err());
        for text in ["[]", "null", "\"x\"", "{", "", "{}{}", &"[".repeat(100_000)] {
            assert!(parse(text.as_bytes()).is_err());
        }
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200));
        assert!(parse(deep.as_bytes()).is_err());
    }

    #[test]
    fn ids_have_one_spelling() {
        for fine in [
            "https://remote.example/users/a",
            "https://remote.example:8443/a#b",
            "http://localhost:3000/users/a?x=1",
            "https://xn--bcher-kva.example/a",
            "https://remote.example",
        ] {
            assert!(uri(fine).is_some(), "{fine}");
        }
        for bad in [
            "https://Remote.example/users/a",
            "HTTPS://remote.example/a",
            "https://remote.example:443/a",
            "https://bücher.example/a",
            "https://remote.example./a",
            "https://remote。example/a",
            "https://127.1/a",
            "https://a:b@remote.example/",
            "https://remote.example\\@evil.example/",
            "https:/remote.example/a",
            "https://remote.example/a b",
            "ftp://remote.example/a",
            "acct:a@remote.example",
            "javascript:alert(1)",
            "https://",
            "",
            &format!("https://remote.example/{}", "a".repeat(3000)),
        ] {
            assert!(uri(bad).is_none(), "{bad}");
        }
        assert!(same_origin("https://a.example/1", "https://a.example/2"));
        assert!(!same_origin(
            "https://a.example/1",
            "https://a.example:8443/1"
        ));
        assert!(!same_origin("https://a.example/1", "http://a.example/1"));
        assert!(!same_origin(
            "https://a.example/1",
            "https://a.example.evil.example/1"
        ));
        // What is no id has no origin, however plain it looks.
        for bad in [
            "https://a.example:65536/1",
            "https://0xab/1",
            "https://a.0x/1",
        ] {
            assert!(uri(bad).is_none() && !same_origin(bad, bad), "{bad}");
        }
    }

    #[test]
    fn custom_emoji() {
        let tags = json!({"tag": [
            {"type": "Emoji", "name": ":boat:", "icon": {"type": "Image", "url": "https://x.example/b.png"}},
            {"type": "Emoji", "name": ":bad\"name:", "icon": {"url": "https://x.example/b.png"}},
            {"type": "Emoji", "name": ":js:", "icon": {"url": "javascript:alert(1)"}},
            {"type": "Mention", "name": "@a"},
            7
        ]});
        let list: Value = serde_json::from_str(&emojis(&tags)).unwrap();
        assert_eq!(
            list,
            json!([{"shortcode": "boat", "url": "https://x.example/b.png", "static_url": "https://x.example/b.png"}])
        );
    }

    proptest::proptest! {
        #[test]
        fn reading_never_panics(text in "\\PC{0,60}") {
            let _ = uri(&text);
            let _ = link(&text);
            let _ = same_origin(&text, &text);
            let _ = parse(text.as_bytes());
        }
    }
}
