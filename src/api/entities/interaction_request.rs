//! `InteractionRequest`: a like, reply or boost that needs leave, in GoToSocial's shape.

use serde::Serialize;
use serde_json::value::RawValue;

use super::status::{self, Mode, Reader};
use super::{account, raw};
use crate::app::App;
use crate::clock::iso;
use crate::db::interactions::{ACCEPTED, REJECTED, Request};
use crate::domain::interactions::Verb;
use crate::error::AppResult;

/// `InteractionRequest`.
#[derive(Debug, Serialize)]
pub struct Entity {
    id: String,
    /// `favourite`, `reply` or `reblog`.
    #[serde(rename = "type")]
    kind: &'static str,
    created_at: String,
    /// Who asks.
    account: Box<RawValue>,
    /// What it is about.
    status: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected_at: Option<String>,
    /// The stamp's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<String>,
}

/// Shows requests to whom they wait for, with all that they are about at once. One about what is
/// gone is left out.
pub async fn render(app: &App, owner: i64, rows: &[Request]) -> AppResult<Vec<Entity>> {
    let reader = Reader::of(app, owner).await?;
    let ids: Vec<i64> = rows
        .iter()
        .flat_map(|row| [Some(row.status_id), row.reply_id])
        .flatten()
        .collect();
    let statuses = status::page(app, &ids, Some(&reader), Mode::Visible).await?;
    let authors: Vec<i64> = rows.iter().map(|row| row.account_id).collect();
    let accounts = account::json(app, &authors).await?;
    let show = |id: i64| statuses.one(id).and_then(|json| raw(&json));
    let decided = |row: &Request, state| row.decided_at.filter(|_| row.state == state).map(iso);
    Ok(rows
        .iter()
        .filter_map(|row| {
            Some(Entity {
                id: row.id.to_string(),
                kind: Verb::from_db(row.verb)?.as_api(),
                created_at: iso(row.created_at),
                account: raw(accounts.get(&row.account_id)?)?,
                status: show(row.status_id)?,
                reply: row.reply_id.and_then(show),
                accepted_at: decided(row, ACCEPTED),
                rejected_at: decided(row, REJECTED),
                uri: Some(row.stamp_uri.clone()).filter(|uri| !uri.is_empty()),
            })
        })
        .collect())
}
