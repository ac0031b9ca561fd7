//! How the reader and other accounts stand to each other.

use serde::Serialize;

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
    note: &'static str,
}

/// Shows how `account_id` stands to others, in their order: four statements, and the relations
/// that are in memory.
pub async fn render(app: &App, account_id: i64, others: &[i64]) -> AppResult<Vec<Entity>> {
    let relations = app.relations(account_id).await?;
    let now = app.clock.now_ms();
    let ids = others.to_vec();
    let (follows, followed_by, requested, requested_by) = app
        .read(move |c| {
            Box::pin(async move {
                Ok((
                    db::relations::follows_to(c, account_id, &ids).await?,
                    db::relations::followed_by(c, account_id, &ids).await?,
                    db::relations::requests_to(c, account_id, &ids).await?,
                    db::relations::requested_by(c, account_id, &ids).await?,
                ))
            })
        })
        .await?;
    Ok(others
        .iter()
        .map(|id| {
            let follow: Option<&Follow> = follows.iter().find(|f| f.target_id == *id);
            let mute = relations
                .muting
                .get(id)
                .filter(|_| relations.mutes(*id, now));
            Entity {
                id: id.to_string(),
                following: follow.is_some(),
                showing_reblogs: follow.is_some_and(|f| f.reblogs),
                notifying: follow.is_some_and(|f| f.notify),
                languages: follow
                    .filter(|f| !f.languages.is_empty())
                    .map(|f| f.languages.split(',').map(str::to_owned).collect()),
                followed_by: followed_by.contains(id),
                blocking: relations.blocking.contains(id),
                blocked_by: relations.blocked_by.contains(id),
                muting: mute.is_some(),
                muting_notifications: mute.is_some_and(|m| m.notifications),
                muting_expires_at: mute.and_then(|m| m.expires_at).map(iso),
                requested: requested.contains(id),
                requested_by: requested_by.contains(id),
                domain_blocking: false,
                endorsed: false,
                note: "",
            }
        })
        .collect())
}
