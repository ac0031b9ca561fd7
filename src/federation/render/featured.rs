//! Featured collections, asking for leave to feature, and giving it (FEP-7aa9).

use serde_json::{Value, json};

use super::{CONTEXT, document, note::time};
use crate::domain::outgoing::{FeaturedCollection, FeaturedItem, RequestRef};

/// What the terms mean.
pub fn context() -> Value {
    json!([
        CONTEXT,
        {
            "FeaturedCollection": "https://w3id.org/fep/7aa9#FeaturedCollection",
            "FeaturedItem": "https://w3id.org/fep/7aa9#FeaturedItem",
            "FeatureRequest": "https://w3id.org/fep/7aa9#FeatureRequest",
            "topic": {"@id": "https://w3id.org/fep/7aa9#topic", "@type": "@id"},
            "featuredObject": {"@id": "https://w3id.org/fep/7aa9#featuredObject", "@type": "@id"},
            "featureAuthorization": {"@id": "https://w3id.org/fep/7aa9#featureAuthorization", "@type": "@id"},
            "Hashtag": "as:Hashtag",
            "sensitive": "as:sensitive",
            "toot": "http://joinmastodon.org/ns#",
            "discoverable": "toot:discoverable",
        },
    ])
}

/// A collection without context.
pub fn object(collection: &FeaturedCollection) -> Value {
    let items: Vec<Value> = collection.items.iter().map(item).collect();
    let mut object = json!({
        "id": collection.uri,
        "type": "FeaturedCollection",
        "attributedTo": collection.attributed_to,
        "name": collection.name,
        "summary": collection.summary,
        "sensitive": collection.sensitive,
        "discoverable": collection.discoverable,
        "published": time(collection.published),
        "updated": time(collection.updated),
        "totalItems": items.len(),
        "orderedItems": items,
    });
    if !collection.url.is_empty() {
        object["url"] = json!(collection.url);
    }
    if let Some(language) = &collection.language {
        object["summaryMap"] = json!({language: collection.summary});
    }
    if let Some(topic) = &collection.topic {
        object["topic"] = json!({
            "type": "Hashtag",
            "href": topic.href,
            "name": format!("#{}", topic.name),
        });
    }
    object
}

/// An item without context.
pub fn item(item: &FeaturedItem) -> Value {
    json!({
        "id": item.uri,
        "type": "FeaturedItem",
        "featuredObject": item.object,
        "featureAuthorization": item.authorization,
        "published": time(item.published),
    })
}

/// A request, as its answers repeat it.
pub fn request(request: &RequestRef) -> Value {
    json!({
        "id": request.uri,
        "type": "FeatureRequest",
        "actor": request.actor,
        "object": request.object,
        "instrument": request.instrument,
    })
}

/// What a stamp's terms mean.
pub fn stamp_context() -> Value {
    json!([
        CONTEXT,
        {
            "gts": "https://gotosocial.org/ns#",
            "FeatureAuthorization": "https://w3id.org/fep/7aa9#FeatureAuthorization",
            "interactingObject": {"@id": "gts:interactingObject", "@type": "@id"},
            "interactionTarget": {"@id": "gts:interactionTarget", "@type": "@id"},
        },
    ])
}

/// A stamp without context: `featured` lets `collection` feature it.
pub fn stamp(uri: &str, featured: &str, collection: &str) -> Value {
    json!({
        "id": uri,
        "type": "FeatureAuthorization",
        "attributedTo": featured,
        "interactingObject": collection,
        "interactionTarget": featured,
    })
}

/// A stamp on its own.
pub fn authorization(uri: &str, featured: &str, collection: &str) -> Value {
    document(stamp_context(), stamp(uri, featured, collection))
}
