//! `/api/v1/notifications/policy` and `/api/v2/notifications/policy`

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde::Deserialize;
use serde_json::json;

use crate::api::entities::Json;
use crate::api::list;
use crate::app::App;
use crate::db::notification_requests as rows;
use crate::domain::notifications::{Policy, Verdict};
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::params::{self, Params};

/// Requests and notifications are counted that far.
const COUNTED: i64 = 100;

pub fn routes() -> Router<App> {
    Router::new()
        .route(
            "/api/v1/notifications/policy",
            get(show_v1).patch(change_v1).put(change_v1),
        )
        .route(
            "/api/v2/notifications/policy",
            get(show).patch(change).put(change),
        )
}

/// What waits: requests and filtered notifications.
struct Summary {
    requests: i64,
    notifications: i64,
}

async fn load(app: &App, id: i64) -> AppResult<(Policy, Summary)> {
    app.read(move |c| {
        Box::pin(async move {
            let policy = Policy::load(c, id).await?;
            let summary = Summary {
                requests: rows::count(c, id, COUNTED).await?,
                notifications: rows::count_filtered(c, id, COUNTED).await?,
            };
            Ok((policy, summary))
        })
    })
    .await
}

/// Changes a policy and gives what it is now.
async fn save(
    app: &App,
    id: i64,
    change: impl FnOnce(&mut Policy) + Clone + Send + 'static,
) -> AppResult<(Policy, Summary)> {
    app.write(move |tx| {
        Box::pin(async move {
            let mut policy = Policy::load(tx, id).await?;
            change(&mut policy);
            policy.save(tx, id).await
        })
    })
    .await?;
    load(app, id).await
}

fn entity((policy, summary): (Policy, Summary)) -> AppResult<Json> {
    list::json(&json!({
        "for_not_following": policy.not_following.as_str(),
        "for_not_followers": policy.not_followers.as_str(),
        "for_new_accounts": policy.new_accounts.as_str(),
        "for_private_mentions": policy.private_mentions.as_str(),
        "for_limited_accounts": policy.limited_accounts.as_str(),
        "summary": {
            "pending_requests_count": summary.requests,
            "pending_notifications_count": summary.notifications,
        },
    }))
}

fn entity_v1((policy, summary): (Policy, Summary)) -> AppResult<Json> {
    list::json(&json!({
        "filter_not_following": policy.not_following > Verdict::Accept,
        "filter_not_followers": policy.not_followers > Verdict::Accept,
        "filter_new_accounts": policy.new_accounts > Verdict::Accept,
        "filter_private_mentions": policy.private_mentions > Verdict::Accept,
        "summary": {
            "pending_requests_count": summary.requests,
            "pending_notifications_count": summary.notifications,
        },
    }))
}

async fn show(State(app): State<App>, user: User<scope::ReadNotifications>) -> AppResult<Json> {
    entity(load(&app, user.account.id).await?)
}

async fn show_v1(State(app): State<App>, user: User<scope::ReadNotifications>) -> AppResult<Json> {
    entity_v1(load(&app, user.account.id).await?)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Change {
    #[serde(deserialize_with = "params::text")]
    for_not_following: Option<String>,
    #[serde(deserialize_with = "params::text")]
    for_not_followers: Option<String>,
    #[serde(deserialize_with = "params::text")]
    for_new_accounts: Option<String>,
    #[serde(deserialize_with = "params::text")]
    for_private_mentions: Option<String>,
    #[serde(deserialize_with = "params::text")]
    for_limited_accounts: Option<String>,
}

async fn change(
    State(app): State<App>,
    user: User<scope::WriteNotifications>,
    Params(change): Params<Change>,
) -> AppResult<Json> {
    let read = |text: Option<String>| {
        text.map(|text| {
            Verdict::parse(&text).ok_or_else(|| {
                AppError::invalid(format!(
                    "Validation failed: {text:?} is not accept, filter or drop"
                ))
            })
        })
        .transpose()
    };
    let not_following = read(change.for_not_following)?;
    let not_followers = read(change.for_not_followers)?;
    let new_accounts = read(change.for_new_accounts)?;
    let private_mentions = read(change.for_private_mentions)?;
    let limited_accounts = read(change.for_limited_accounts)?;
    let changed = save(&app, user.account.id, move |policy| {
        policy.not_following = not_following.unwrap_or(policy.not_following);
        policy.not_followers = not_followers.unwrap_or(policy.not_followers);
        policy.new_accounts = new_accounts.unwrap_or(policy.new_accounts);
        policy.private_mentions = private_mentions.unwrap_or(policy.private_mentions);
        policy.limited_accounts = limited_accounts.unwrap_or(policy.limited_accounts);
    });
    entity(changed.await?)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ChangeV1 {
    #[serde(deserialize_with = "params::flag")]
    filter_not_following: Option<bool>,
    #[serde(deserialize_with = "params::flag")]
    filter_not_followers: Option<bool>,
    #[serde(deserialize_with = "params::flag")]
    filter_new_accounts: Option<bool>,
    #[serde(deserialize_with = "params::flag")]
    filter_private_mentions: Option<bool>,
}

async fn change_v1(
    State(app): State<App>,
    user: User<scope::WriteNotifications>,
    Params(change): Params<ChangeV1>,
) -> AppResult<Json> {
    let changed = save(&app, user.account.id, move |policy| {
        let set = |slot: &mut Verdict, flag: Option<bool>| match flag {
            Some(false) => *slot = Verdict::Accept,
            // What is dropped already is not let nearer.
            Some(true) => *slot = (*slot).max(Verdict::Filter),
            None => {}
        };
        set(&mut policy.not_following, change.filter_not_following);
        set(&mut policy.not_followers, change.filter_not_followers);
        set(&mut policy.new_accounts, change.filter_new_accounts);
        set(&mut policy.private_mentions, change.filter_private_mentions);
    });
    entity_v1(changed.await?)
}
