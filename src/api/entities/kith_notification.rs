//! Notifications as Kith's own API shows them, and sends them to its streams.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::value::RawValue;

use super::status::{self, Mode, Reader};
use super::{account, friend_request, raw};
use crate::app::App;
use crate::clock::iso;
use crate::db;
use crate::db::kith_notifications::Marks;
use crate::db::notifications::Notification;
use crate::domain::filters::Context;
use crate::domain::notifications::{Type, sentence};
use crate::error::AppResult;

/// `Notification` of Kith's own API.
#[derive(Debug, Serialize)]
pub struct Entity {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    /// A short sentence for a person to read.
    message: String,
    read: bool,
    created_at: String,
    account: Box<RawValue>,
    /// The sender's handle.
    actor_username: String,
    status: Option<Box<RawValue>>,
    chat_id: Option<String>,
    friend_request: Option<friend_request::Entity>,
}

/// Shows notifications of all kinds to their owner, with their ids: a fixed number of statements,
/// whatever their number. One about a status that is gone or out of sight is left out.
pub async fn render(app: &App, owner: i64, rows: &[Notification]) -> AppResult<Vec<(i64, Entity)>> {
    let reader = Reader::of(app, owner).await?.within(Context::Notifications);
    let ids: Vec<i64> = rows.iter().filter_map(|row| row.status_id).collect();
    let statuses = status::page(app, &ids, Some(&reader), Mode::Visible).await?;
    let authors: Vec<i64> = rows.iter().map(|row| row.from_account_id).collect();
    let accounts = account::json(app, &authors).await?;
    let (marks, requests) = about(app, owner, rows).await?;
    let mut entities = Vec::with_capacity(rows.len());
    for row in rows {
        let sender = row.from_account_id;
        let Some(json) = accounts.get(&sender).and_then(|json| raw(json)) else {
            continue;
        };
        let Some(known) = app.account(sender).await? else {
            continue;
        };
        let status = match row.status_id {
            Some(id) => match statuses.one(id).and_then(|json| raw(&json)) {
                Some(status) => Some(status),
                None => continue,
            },
            None => None,
        };
        let kind = Type::parse(&row.kind);
        let subject = row.subject_id;
        let name = match known.display_name.as_str() {
            "" => &known.username,
            name => name,
        };
        let entity = Entity {
            id: row.id.to_string(),
            kind: row.kind.clone(),
            message: sentence(kind, name),
            read: marks.is_read(row),
            created_at: iso(row.created_at),
            account: json,
            actor_username: account::acct(&known),
            status,
            chat_id: subject
                .filter(|_| matches!(kind, Some(Type::ChatMessage | Type::Reaction)))
                .map(|id| id.to_string()),
            friend_request: subject
                .filter(|_| is_about_request(kind))
                .and_then(|id| requests.get(&id).cloned()),
        };
        entities.push((row.id, entity));
    }
    Ok(entities)
}

fn is_about_request(kind: Option<Type>) -> bool {
    matches!(kind, Some(Type::FriendRequest | Type::FriendAccepted))
}

/// What rows are about besides statuses: how far their owner has read, and friend requests.
async fn about(
    app: &App,
    owner: i64,
    rows: &[Notification],
) -> AppResult<(Marks, HashMap<i64, friend_request::Entity>)> {
    let ids: Vec<i64> = rows
        .iter()
        .filter(|row| is_about_request(Type::parse(&row.kind)))
        .filter_map(|row| row.subject_id)
        .collect();
    let (marks, requests) = app
        .read(move |c| {
            Box::pin(async move {
                let marks = db::kith_notifications::marks(c, owner).await?;
                Ok((marks, db::friends::by_ids(c, &ids).await?))
            })
        })
        .await?;
    let requests = friend_request::render(app, owner, &requests).await?;
    Ok((marks, requests.into_iter().collect()))
}

/// Notifications of an account by id, as JSON: what is none of its own is left out.
pub async fn by_ids(app: &App, owner: i64, ids: Vec<i64>) -> AppResult<Vec<(i64, Box<RawValue>)>> {
    let rows = app
        .read(move |c| {
            Box::pin(async move { Ok(db::kith_notifications::by_ids(c, owner, &ids).await?) })
        })
        .await?;
    let mut shown = Vec::with_capacity(rows.len());
    for (id, entity) in render(app, owner, &rows).await? {
        shown.extend(raw(&serde_json::to_string(&entity)?).map(|json| (id, json)));
    }
    Ok(shown)
}

/// One notification of an account, as JSON.
pub async fn render_one(app: &App, owner: i64, id: i64) -> AppResult<Option<Box<RawValue>>> {
    let shown = by_ids(app, owner, vec![id]).await?.pop();
    Ok(shown.map(|(_, json)| json))
}
