//! Reading collections of other servers, whatever their shape: items in the collection or on
//! pages, pages embedded or by URL, one item or many, ids or objects.
//!
//! A collection is asked for at its own host alone, page by page, and never further than it
//! may: pages that go on for ever, or round in a circle, end (threat S6).

use std::collections::HashSet;

use serde_json::Value;

use super::fetch;
use super::objects::note::{is_note, replies_of};
use super::value::{id, is_a, many, same_origin};
use crate::app::App;
use crate::client::Budget;

/// The highest number that is believed.
const MAX_TOTAL: i64 = 2_000_000_000;

/// How far a collection is read.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Pages that are fetched.
    pub pages: usize,
    pub items: usize,
}

/// What a collection lists.
#[derive(Debug, Default)]
pub struct Listing {
    /// As they stand there.
    pub items: Vec<Value>,
    /// How many there are, where it says so.
    pub total: Option<i64>,
    /// Whether these are all.
    pub complete: bool,
    /// An id of the origin that served it.
    origin: String,
}

/// A post that a collection lists.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    pub id: String,
    /// Itself, where its own origin served it with the collection: what others say of it is not
    /// looked at.
    pub embedded: Option<Value>,
}

impl Listing {
    /// The posts among the items: as they are, or in their Creates.
    pub fn into_posts(self) -> Vec<Listed> {
        let origin = self.origin;
        self.items
            .into_iter()
            .filter_map(|item| post(item, &origin))
            .collect()
    }
}

/// The post that an item is, or is the Create of.
pub fn post(mut item: Value, origin: &str) -> Option<Listed> {
    if is_a(&item, "Create") {
        item = item.get_mut("object")?.take();
    }
    let listed = id(&item)?.to_owned();
    if item.is_object() && !is_note(&item) {
        return None;
    }
    let served = item.is_object() && same_origin(&listed, origin);
    Some(Listed {
        id: listed,
        embedded: served.then_some(item),
    })
}

/// The number of items that a collection tells.
pub fn total(collection: &Value) -> Option<i64> {
    let total = collection.get("totalItems")?;
    let number = total.as_i64().or_else(|| total.as_f64().map(|n| n as i64));
    number.map(|n| n.clamp(0, MAX_TOTAL))
}

/// Reads the collection at a URL; at the id of a post, the collection of its replies.
pub async fn read(
    app: &App,
    at: &str,
    budget: &Budget,
    bounds: Bounds,
) -> Result<Listing, fetch::Error> {
    let found = fetch::listing(app, at, budget).await?;
    let collection = match is_note(&found) {
        true => replies_of(&found).cloned().unwrap_or_default(),
        false => found,
    };
    Ok(read_from(app, at, &collection, budget, bounds).await)
}

/// Reads a collection of which a part is at hand, as the origin of an id served it.
pub async fn read_from(
    app: &App,
    origin: &str,
    collection: &Value,
    budget: &Budget,
    bounds: Bounds,
) -> Listing {
    let mut listing = Listing {
        total: total(collection),
        origin: origin.to_owned(),
        ..Listing::default()
    };
    take(&mut listing, collection, bounds);
    let mut next = match collection {
        Value::String(url) => Some(Next::Url(url.clone())),
        _ => next_of(collection, "first").or_else(|| next_of(collection, "next")),
    };
    let mut seen: HashSet<String> = HashSet::new();
    let mut fetched = 0;
    loop {
        let page = match next.take() {
            None => {
                listing.complete = true;
                break;
            }
            // Of these there is one, in the head of the collection.
            Some(Next::Page(page)) => page,
            Some(Next::Url(url)) => {
                if !seen.insert(url.clone()) {
                    // The last page of some leads to itself.
                    listing.complete = true;
                    break;
                }
                if fetched >= bounds.pages || !same_origin(&url, origin) {
                    break;
                }
                fetched += 1;
                match fetch::listing(app, &url, budget).await {
                    Ok(page) => page,
                    Err(error) => {
                        tracing::debug!(url, %error, "a page of a collection cannot be had");
                        break;
                    }
                }
            }
        };
        take(&mut listing, &page, bounds);
        if listing.items.len() >= bounds.items {
            break;
        }
        next = match next_of(&page, "next") {
            // Pages in pages are not read.
            Some(Next::Page(_)) => None,
            next => next,
        }
        // What was fetched may be the collection itself.
        .or_else(|| (fetched == 1).then(|| next_of(&page, "first")).flatten());
    }
    listing
}

enum Next {
    Page(Value),
    Url(String),
}

/// What a collection names as its `first` page, or a page as its `next`.
fn next_of(value: &Value, name: &str) -> Option<Next> {
    let named = value.get(name)?;
    if let Some(url) = named.as_str() {
        return Some(Next::Url(url.to_owned()));
    }
    let says_more = ["items", "orderedItems", "next"]
        .iter()
        .any(|member| named.get(*member).is_some());
    if says_more {
        return Some(Next::Page(named.clone()));
    }
    id(named).map(|url| Next::Url(url.to_owned()))
}

fn take(listing: &mut Listing, page: &Value, bounds: Bounds) {
    let room = bounds.items.saturating_sub(listing.items.len());
    let items = many(page, "orderedItems").iter().chain(many(page, "items"));
    listing.items.extend(items.take(room).cloned());
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn posts_are_believed_where_their_origin_serves_them() {
        let own = json!({"id": "https://a.example/1", "type": "Note"});
        let other = json!({"id": "https://b.example/1", "type": "Note"});
        let at = "https://a.example/replies";
        let listed = |item: &Value| post(item.clone(), at);
        assert_eq!(listed(&own).unwrap().embedded, Some(own.clone()));
        let foreign = listed(&other).unwrap();
        assert_eq!(
            (foreign.id.as_str(), foreign.embedded),
            ("https://b.example/1", None)
        );
        let create = json!({"type": "Create", "id": "https://a.example/2", "object": own});
        assert_eq!(listed(&create).unwrap().id, "https://a.example/1");
        let by_id = json!({"type": "Create", "object": "https://a.example/3"});
        assert_eq!(listed(&by_id).unwrap().id, "https://a.example/3");
        for nothing in [
            json!({"type": "Announce", "id": "https://a.example/4", "object": "https://a.example/1"}),
            json!({"type": "Tombstone", "id": "https://a.example/5"}),
            json!({"type": "Note"}),
            json!({"type": "Create"}),
            json!(7),
        ] {
            assert_eq!(listed(&nothing), None, "{nothing}");
        }
    }

    #[test]
    fn totals_are_numbers_within_reason() {
        assert_eq!(total(&json!({"totalItems": 3})), Some(3));
        assert_eq!(total(&json!({"totalItems": -3})), Some(0));
        assert_eq!(total(&json!({"totalItems": 1e300})), Some(MAX_TOTAL));
        assert_eq!(total(&json!({"totalItems": "3"})), None);
        assert_eq!(total(&json!({})), None);
    }
}
