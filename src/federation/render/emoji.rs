//! Custom emoji as tags, and on their own.

use serde_json::{Value, json};

use super::CONTEXT;
use crate::domain::emojis::Used;

/// What an emoji's terms mean.
pub fn context() -> Value {
    json!([CONTEXT, {"toot": "http://joinmastodon.org/ns#", "Emoji": "toot:Emoji"}])
}

/// What a reaction's terms mean (FEP-c0e0).
pub fn react_context() -> Value {
    json!([
        CONTEXT,
        {
            "litepub": "http://litepub.social/ns#",
            "EmojiReact": "litepub:EmojiReact",
            "toot": "http://joinmastodon.org/ns#",
            "Emoji": "toot:Emoji",
        },
    ])
}

/// An emoji without context.
pub fn object(emoji: &Used) -> Value {
    let mut icon = json!({"type": "Image", "url": emoji.url});
    if !emoji.mime.is_empty() {
        icon["mediaType"] = json!(emoji.mime);
    }
    let mut object = json!({
        "type": "Emoji",
        "name": format!(":{}:", emoji.shortcode),
        "icon": icon,
    });
    if !emoji.uri.is_empty() {
        object["id"] = json!(emoji.uri);
    }
    if !emoji.updated.is_empty() {
        object["updated"] = json!(emoji.updated);
    }
    object
}
