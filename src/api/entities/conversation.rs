//! Conversations (Mastodon documentation, entities/Conversation).

use serde::Serialize;
use serde_json::value::RawValue;

use super::status::{self, Mode, Reader};
use super::{account, raw};
use crate::app::App;
use crate::db;
use crate::db::conversations::Conversation;
use crate::error::AppResult;

/// `Conversation`.
#[derive(Debug, Serialize)]
pub struct Entity {
    id: String,
    unread: bool,
    accounts: Vec<Box<RawValue>>,
    last_status: Option<Box<RawValue>>,
}

/// Shows conversations to whose they are. With nobody but oneself, that is who is shown.
pub async fn render(app: &App, owner: i64, rows: &[Conversation]) -> AppResult<Vec<Entity>> {
    let reader = Reader::of(app, owner).await?;
    let people: Vec<Vec<i64>> = rows
        .iter()
        .map(|row| match row.others() {
            others if others.is_empty() => vec![owner],
            others => others,
        })
        .collect();
    let everyone: Vec<i64> = people.iter().flatten().copied().collect();
    let accounts = account::json(app, &everyone).await?;
    let last: Vec<i64> = rows.iter().map(|row| row.last_status_id).collect();
    let statuses = status::page(app, &last, Some(&reader), Mode::Visible).await?;
    Ok(rows
        .iter()
        .zip(people)
        .map(|(row, people)| Entity {
            id: row.id.to_string(),
            unread: row.unread,
            accounts: people
                .iter()
                .filter_map(|id| raw(accounts.get(id)?))
                .collect(),
            last_status: statuses.one(row.last_status_id).and_then(|json| raw(&json)),
        })
        .collect())
}

/// One conversation of an account as JSON; `None` when it is gone.
pub async fn render_one(app: &App, owner: i64, id: i64) -> AppResult<Option<Box<RawValue>>> {
    let row = app
        .read(move |c| Box::pin(async move { Ok(db::conversations::by_id(c, owner, id).await?) }))
        .await?;
    let Some(row) = row else { return Ok(None) };
    match render(app, owner, &[row]).await?.pop() {
        Some(entity) => Ok(raw(&serde_json::to_string(&entity)?)),
        None => Ok(None),
    }
}
