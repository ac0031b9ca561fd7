//! Asking for leave to quote, and giving it (FEP-044f).

use serde_json::{Value, json};

use super::{CONTEXT, document, note};
use crate::domain::outgoing::RequestRef;

/// A note's terms, and the request's type.
pub fn request_context() -> Value {
    let mut context = note::context();
    if let Some(terms) = context.pointer_mut("/1") {
        terms["QuoteRequest"] = json!("https://w3id.org/fep/044f#QuoteRequest");
    }
    context
}

/// What the answers' terms mean.
pub fn answer_context() -> Value {
    json!([
        CONTEXT,
        {"QuoteRequest": "https://w3id.org/fep/044f#QuoteRequest"},
    ])
}

/// A request, as its answers repeat it.
pub fn request(request: &RequestRef) -> Value {
    let mut value = json!({
        "type": "QuoteRequest",
        "actor": request.actor,
        "object": request.object,
        "instrument": request.instrument,
    });
    if !request.uri.is_empty() {
        value["id"] = json!(request.uri);
    }
    value
}

/// A stamp on its own: `author` lets `quoting` quote `quoted`.
pub fn authorization(uri: &str, author: &str, quoting: &str, quoted: &str) -> Value {
    let context = json!([
        CONTEXT,
        {
            "gts": "https://gotosocial.org/ns#",
            "QuoteAuthorization": "https://w3id.org/fep/044f#QuoteAuthorization",
            "interactingObject": {"@id": "gts:interactingObject", "@type": "@id"},
            "interactionTarget": {"@id": "gts:interactionTarget", "@type": "@id"},
        },
    ]);
    let object = json!({
        "id": uri,
        "type": "QuoteAuthorization",
        "attributedTo": author,
        "interactingObject": quoting,
        "interactionTarget": quoted,
    });
    document(context, object)
}
