//! `GET /api/v1/accounts/familiar_followers`

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::api::entities::{Json, account};
use crate::api::list::json;
use crate::app::App;
use crate::db;
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::params::{self, Params};

/// Accounts in one request at most.
const MAX: usize = 40;
/// Followers found for all of them together.
const FOUND: i64 = 2000;

#[derive(Debug, Deserialize)]
pub struct Query {
    #[serde(default, deserialize_with = "params::ids")]
    id: Vec<i64>,
}

/// `FamiliarFollowers`
#[derive(Serialize)]
struct Familiar {
    id: String,
    accounts: Vec<Box<RawValue>>,
}

pub async fn get(
    State(app): State<App>,
    user: User<scope::ReadFollows>,
    Params(query): Params<Query>,
) -> AppResult<Json> {
    let mut ids = query.id;
    ids.dedup();
    if ids.len() > MAX {
        return Err(AppError::invalid(format!("At most {MAX} accounts")));
    }
    let known = account::json(&app, &ids).await?;
    ids.retain(|id| known.contains_key(id));
    let (reader, asked) = (user.account.id, ids.clone());
    let pairs = app
        .read(move |c| {
            Box::pin(async move { Ok(db::discovery::familiar(c, reader, &asked, FOUND).await?) })
        })
        .await?;
    let followers: Vec<i64> = pairs.iter().map(|(follower, _)| *follower).collect();
    // Loaded once for all, then from memory.
    account::json(&app, &followers).await?;
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let of: Vec<i64> = pairs
            .iter()
            .filter(|(_, target)| *target == id)
            .map(|(follower, _)| *follower)
            .collect();
        found.push(Familiar {
            id: id.to_string(),
            accounts: account::render(&app, &of).await?,
        });
    }
    json(&found)
}
