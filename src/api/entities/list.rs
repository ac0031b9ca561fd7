//! Lists (Mastodon documentation, entities/List).

use serde::Serialize;

use crate::db::lists::List;

/// `List`.
#[derive(Debug, Serialize)]
pub struct Entity {
    id: String,
    title: String,
    replies_policy: String,
    exclusive: bool,
}

/// Shows a list to its owner.
pub fn entity(list: List) -> Entity {
    Entity {
        id: list.id.to_string(),
        title: list.title,
        replies_policy: list.replies_policy,
        exclusive: list.exclusive,
    }
}
