//! Featured collections of other servers (FEP-7aa9).

use serde_json::Value;

use super::actor::page;
use crate::domain::collections::{MAX_REMOTE_ITEMS, RemoteCollection, RemoteItem};
use crate::federation::value::{first_id, flag, id, is_a, many, same_origin, text, time, uri};
use crate::text::language;
use crate::text::sanitize::{clean_account_html, clean_inline};

/// Characters of a name kept.
const MAX_NAME: usize = 256;
/// Bytes of a description kept, before it is cleaned.
const MAX_SUMMARY: usize = 2048;
/// Characters of a hashtag kept.
const MAX_TAG: usize = 100;

/// Whether a document is a featured collection.
pub fn is_collection(document: &Value) -> bool {
    is_a(document, "FeaturedCollection")
}

/// Reads a collection of `owner`, with the items it lists itself, and whether there are more on
/// pages. The owner's server vouches for it; for who is in it, the stamps do.
pub fn read(document: &Value, owner: &str) -> Result<RemoteCollection, &'static str> {
    if !is_collection(document) {
        return Err("not a featured collection");
    }
    let own_id = text(document, "id").ok_or("a collection without an id")?;
    let parsed = uri(own_id).ok_or("the collection's id is no URL in its normal form")?;
    if !same_origin(own_id, owner) {
        return Err("the collection is on another host than its owner");
    }
    if first_id(document, "attributedTo") != Some(owner) {
        return Err("the collection is attributed to somebody else");
    }
    let name = clean_inline(text(document, "name").unwrap_or_default(), MAX_NAME);
    let (language, summary) = summary(document);
    let tag = document
        .get("topic")
        .and_then(|topic| text(topic, "name"))
        .unwrap_or_default();
    Ok(RemoteCollection {
        uri: own_id.to_owned(),
        url: page(document, &parsed).unwrap_or_default().to_owned(),
        name,
        description: clean_account_html(head(summary, MAX_SUMMARY)),
        language,
        tag: clean_inline(tag.trim_start_matches('#'), MAX_TAG),
        sensitive: flag(document, "sensitive").unwrap_or(false),
        // Who says nothing keeps nobody from finding it.
        discoverable: flag(document, "discoverable").unwrap_or(true),
        published: time(document, "published"),
        updated: time(document, "updated"),
        items: items(document, own_id),
    })
}

/// The description, and its language where that is known.
fn summary(document: &Value) -> (String, &str) {
    let by_language = document
        .get("summaryMap")
        .and_then(Value::as_object)
        .and_then(|map| map.iter().next());
    if let Some((tag, Value::String(summary))) = by_language {
        return (language::normalize(tag).unwrap_or_default(), summary);
    }
    (String::new(), text(document, "summary").unwrap_or_default())
}

fn head(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// The items that a collection or one of its pages lists, as far as they can be read.
pub fn items(page: &Value, collection: &str) -> Vec<RemoteItem> {
    many(page, "orderedItems")
        .iter()
        .chain(many(page, "items"))
        .take(MAX_REMOTE_ITEMS)
        .filter_map(|entry| item(entry, collection))
        .collect()
}

/// Reads an item of a collection: it stands on the collection's host, and its stamp on that of
/// whom it features.
pub fn item(entry: &Value, collection: &str) -> Option<RemoteItem> {
    let own_id = text(entry, "id").filter(|own| uri(own).is_some())?;
    let object = first_id(entry, "featuredObject").filter(|object| uri(object).is_some())?;
    if !is_a(entry, "FeaturedItem") || !same_origin(own_id, collection) {
        return None;
    }
    let authorization = first_id(entry, "featureAuthorization")
        .filter(|stamp| same_origin(stamp, object))
        .unwrap_or_default();
    Some(RemoteItem {
        uri: own_id.to_owned(),
        object: object.to_owned(),
        authorization: authorization.to_owned(),
        published: time(entry, "published"),
    })
}

/// Whether a document is the stamp with that id, by which `featured` lets `collection` feature it.
pub fn is_stamp(document: &Value, stamp: &str, featured: &str, collection: &str) -> bool {
    let is = |name: &str, wanted: &str| document.get(name).and_then(id) == Some(wanted);
    is_a(document, "FeatureAuthorization")
        && text(document, "id") == Some(stamp)
        && same_origin(stamp, featured)
        && is("interactingObject", collection)
        && is("interactionTarget", featured)
        // Most do not say it: the target is its author.
        && document
            .get("attributedTo")
            .is_none_or(|author| id(author) == Some(featured))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const OWNER: &str = "https://a.example/users/ann";
    const OWN: &str = "https://a.example/collections/1";

    fn entry(n: usize) -> Value {
        json!({
            "id": format!("{OWN}/items/{n}"), "type": "FeaturedItem",
            "featuredObject": format!("https://b.example/users/{n}"),
            "featureAuthorization": format!("https://b.example/stamps/{n}"),
            "published": "2026-01-02T03:04:05Z",
        })
    }

    fn collection() -> Value {
        json!({
            "id": OWN, "type": ["OrderedCollection", "FeaturedCollection"], "attributedTo": OWNER,
            "name": "<b>Cute</b>\ncats", "summaryMap": {"EN": "Well <script>x</script><b>worth</b>"},
            "topic": {"type": "Hashtag", "name": "#cats"}, "sensitive": true, "discoverable": false,
            "url": "https://a.example/c/1", "published": "2026-01-02T03:04:05Z",
            "orderedItems": [entry(1), entry(2)],
        })
    }

    #[test]
    fn a_collection_is_read() {
        let read = read(&collection(), OWNER).unwrap();
        assert_eq!(
            (read.name.as_str(), read.tag.as_str()),
            ("Cute cats", "cats")
        );
        assert_eq!(read.language, "en");
        assert!(!read.description.contains("script") && read.description.contains("worth"));
        assert!(read.sensitive && !read.discoverable);
        assert_eq!(read.items.len(), 2);
        assert_eq!(read.items[1].authorization, "https://b.example/stamps/2");
    }

    #[test]
    fn s3_what_is_not_the_owners_is_refused() {
        for (name, other) in [
            ("type", json!("OrderedCollection")),
            ("id", json!("https://evil.example/1")),
            ("id", json!(7)),
            ("attributedTo", json!("https://a.example/users/eve")),
            ("attributedTo", json!(null)),
        ] {
            let mut bad = collection();
            bad[name] = other;
            assert!(read(&bad, OWNER).is_err(), "{bad}");
        }
    }

    #[test]
    fn s16_items_and_stamps_stand_where_they_belong() {
        for (name, other) in [
            ("id", json!("https://evil.example/items/1")),
            ("id", json!(null)),
            ("type", json!("Note")),
            ("featuredObject", json!(7)),
            ("featuredObject", json!("javascript:x")),
        ] {
            let mut bad = entry(1);
            bad[name] = other;
            assert_eq!(item(&bad, OWN), None, "{bad}");
        }
        let mut elsewhere = entry(1);
        elsewhere["featureAuthorization"] = json!("https://a.example/stamps/1");
        assert_eq!(item(&elsewhere, OWN).unwrap().authorization, "");
        let many: Vec<Value> = (0..1000).map(entry).collect();
        let page = json!({"orderedItems": many});
        assert_eq!(items(&page, OWN).len(), MAX_REMOTE_ITEMS);
    }

    #[test]
    fn s16_a_stamp_names_everything_it_is_for() {
        let (stamp, featured) = ("https://b.example/s", "https://b.example/u");
        let good = json!({
            "id": stamp, "type": "FeatureAuthorization",
            "interactingObject": OWN, "interactionTarget": {"id": featured},
        });
        assert!(is_stamp(&good, stamp, featured, OWN));
        for (name, other) in [
            ("id", "https://b.example/t"),
            ("type", "QuoteAuthorization"),
            ("attributedTo", "https://b.example/v"),
            ("interactingObject", "https://a.example/collections/2"),
            ("interactionTarget", "https://b.example/v"),
        ] {
            let mut bad = good.clone();
            bad[name] = json!(other);
            assert!(!is_stamp(&bad, stamp, featured, OWN), "{name}");
        }
        assert!(!is_stamp(&good, stamp, "https://c.example/u", OWN));
    }
}
