//! Friend requests.

use serde::Serialize;
use serde_json::value::RawValue;

use super::{account, raw};
use crate::app::App;
use crate::clock::iso;
use crate::db::friends::FriendRequest;
use crate::error::AppResult;

/// `FriendRequest`.
#[derive(Debug, Clone, Serialize)]
pub struct Entity {
    id: String,
    /// The other one.
    account: Box<RawValue>,
    /// `incoming` or `outgoing`.
    direction: &'static str,
    status: String,
    created_at: String,
    decided_at: Option<String>,
}

/// Shows requests to one of their two accounts, with their ids: the accounts are prepared at
/// once. What is none of the owner's is left out.
pub async fn render(
    app: &App,
    owner: i64,
    rows: &[FriendRequest],
) -> AppResult<Vec<(i64, Entity)>> {
    let other = |row: &FriendRequest| match owner {
        id if id == row.account_id => Some((row.target_id, "outgoing")),
        id if id == row.target_id => Some((row.account_id, "incoming")),
        _ => None,
    };
    let others: Vec<i64> = rows.iter().filter_map(other).map(|(id, _)| id).collect();
    let accounts = account::json(app, &others).await?;
    let shown = rows.iter().filter_map(|row| {
        let (id, direction) = other(row)?;
        let entity = Entity {
            id: row.id.to_string(),
            account: raw(accounts.get(&id)?)?,
            direction,
            status: row.status.clone(),
            created_at: iso(row.created_at),
            decided_at: row.decided_at.map(iso),
        };
        Some((row.id, entity))
    });
    Ok(shown.collect())
}
