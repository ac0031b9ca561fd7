//! Follows that a decision of this server cut off (`RelationshipSeveranceEvent`).

use std::collections::HashMap;

use serde::Serialize;

use crate::app::App;
use crate::clock::iso;
use crate::db;
use crate::db::severances::{AccountSeverance, Severance};
use crate::domain::notifications::Type;
use crate::error::AppResult;

/// `RelationshipSeveranceEvent`.
#[derive(Debug, Clone, Serialize)]
pub struct Entity {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    /// Whether the list of who was cut off is not told any more.
    purged: bool,
    target_name: String,
    followers_count: i64,
    following_count: i64,
    created_at: String,
}

impl Entity {
    /// An event as one account has it.
    pub fn of((ours, event): &(AccountSeverance, Severance)) -> Entity {
        Entity {
            id: ours.id.to_string(),
            kind: event.kind.clone(),
            purged: event.purged,
            target_name: event.target_name.clone(),
            followers_count: ours.followers_count,
            following_count: ours.following_count,
            created_at: iso(ours.created_at),
        }
    }
}

/// Whether a notification of that type is about such an event.
pub fn is_about(kind: &str) -> bool {
    Type::parse(kind) == Some(Type::SeveredRelationships)
}

/// An account's events, by id.
pub async fn by_ids(app: &App, owner: i64, ids: Vec<i64>) -> AppResult<HashMap<i64, Entity>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = app
        .read(move |c| Box::pin(async move { Ok(db::severances::by_ids(c, owner, &ids).await?) }))
        .await?;
    Ok(rows.iter().map(|row| (row.0.id, Entity::of(row))).collect())
}
