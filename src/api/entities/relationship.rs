//! How the reader and other accounts stand to each other.

use std::collections::HashSet;

use serde::Serialize;

use super::account;
use crate::app::App;
use crate::clock::iso;
use crate::db;
use crate::db::relations::Follow;
use crate::error::AppResult;

/// `Relationship`.
#[derive(Debug, Serialize)]
pub struct Entity {
    id: String,
    following: bool,
    showing_reblogs: bool,
    notifying: bool,
    languages: Option<Vec<String>>,
    followed_by: bool,
    blocking: bool,
    blocked_by: bool,
    muting: bool,
    muting_notifications: bool,
    muting_expires_at: Option<String>,
    requested: bool,
    requested_by: bool,
    domain_blocking: bool,
    endorsed: bool,
    note: String,
}

/// What one account has to do with some others.
struct Rows {
    follows: Vec<Follow>,
    followed_by: Vec<i64>,
    requests: Vec<Follow>,
    requested_by: Vec<i64>,
    endorsed: Vec<i64>,
    notes: Vec<(i64, String)>,
}

/// Shows how `account_id` stands to others, in their order: six statements, and the relations
/// and accounts that are in memory.
pub async fn render(app: &App, account_id: i64, others: &[i64]) -> AppResult<Vec<Entity>> {
    let relations = app.relations(account_id).await?;
    let now = app.clock.now_ms();
    let ids = others.to_vec();
    let rows = app
        .read(move |c| {
            Box::pin(async move {
                Ok(Rows {
                    follows: db::relations::follows_to(c, account_id, &ids).await?,
                    followed_by: db::relations::followed_by(c, account_id, &ids).await?,
                    requests: db::relations::requests_to(c, account_id, &ids).await?,
                    requested_by: db::relations::requested_by(c, account_id, &ids).await?,
                    endorsed: db::personal::endorsed_among(c, account_id, &ids).await?,
                    notes: db::personal::notes_on(c, account_id, &ids).await?,
                })
            })
        })
        .await?;
    let mut blocked = HashSet::new();
    if !relations.domain_blocks.is_empty() {
        // Loaded once for all, then from memory.
        account::json(app, others).await?;
        for id in others {
            let account = app.account(*id).await?;
            if account.is_some_and(|account| relations.blocks_domain(&account.domain)) {
                blocked.insert(*id);
            }
        }
    }
    let with = |list: &[Follow], id: i64| list.iter().find(|row| row.target_id == id).cloned();
    Ok(others
        .iter()
        .map(|id| {
            let follow = with(&rows.follows, *id);
            let request = with(&rows.requests, *id);
            // What was asked for shows before it is granted.
            let options = follow.as_ref().or(request.as_ref());
            let mute = relations
                .muting
                .get(id)
                .filter(|_| relations.mutes(*id, now));
            Entity {
                id: id.to_string(),
                following: follow.is_some(),
                showing_reblogs: options.is_some_and(|f| f.reblogs),
                notifying: options.is_some_and(|f| f.notify),
                languages: options
                    .filter(|f| !f.languages.is_empty())
                    .map(|f| f.languages.split(',').map(str::to_owned).collect()),
                followed_by: rows.followed_by.contains(id),
                blocking: relations.blocking.contains(id),
                blocked_by: relations.blocked_by.contains(id),
                muting: mute.is_some(),
                muting_notifications: mute.is_some_and(|m| m.notifications),
                muting_expires_at: mute.and_then(|m| m.expires_at).map(iso),
                requested: request.is_some(),
                requested_by: rows.requested_by.contains(id),
                domain_blocking: blocked.contains(id),
                endorsed: rows.endorsed.contains(id),
                note: rows
                    .notes
                    .iter()
                    .find(|(target, _)| target == id)
                    .map(|(_, note)| note.clone())
                    .unwrap_or_default(),
            }
        })
        .collect())
}
