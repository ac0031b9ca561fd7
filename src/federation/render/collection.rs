//! Collections and their pages.

use serde_json::{Value, json};

use super::plain_document;

/// `Collection` or `OrderedCollection`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Unordered,
    /// Newest first (ActivityPub, section 5).
    Newest,
    /// Oldest first, as threads are (FEP-f228).
    Oldest,
}

impl Order {
    fn kind(self) -> &'static str {
        match self {
            Order::Unordered => "Collection",
            Order::Newest | Order::Oldest => "OrderedCollection",
        }
    }

    fn items(self) -> &'static str {
        match self {
            Order::Unordered => "items",
            Order::Newest | Order::Oldest => "orderedItems",
        }
    }
}

/// A collection: its number of items where that is told, its first page where there is one.
pub fn head(id: &str, order: Order, total: Option<i64>, first: Option<&str>) -> Value {
    let mut value = json!({"id": id, "type": order.kind()});
    if let Some(total) = total {
        value["totalItems"] = json!(total.max(0));
    }
    if let Some(first) = first {
        value["first"] = json!(first);
    }
    plain_document(value)
}

/// A page of a collection, without context: the caller knows what its items need.
pub fn page(id: &str, part_of: &str, order: Order, next: Option<&str>, items: Vec<Value>) -> Value {
    let mut value = json!({
        "id": id,
        "type": format!("{}Page", order.kind()),
        "partOf": part_of,
    });
    value[order.items()] = Value::Array(items);
    if let Some(next) = next {
        value["next"] = json!(next);
    }
    value
}
