//! `GET /api/v2/search`: accounts by name or handle, tags by name, and whatever a URL or handle
//! leads to, here or elsewhere.

use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::api::entities::status::{self, Mode, Reader};
use crate::api::entities::{Json, account};
use crate::api::list::json;
use crate::app::App;
use crate::db;
use crate::error::{AppError, AppResult};
use crate::http::auth::MaybeUser;
use crate::http::pagination::Paging;
use crate::http::params::{self, Params};
use crate::text::names::parse_handle;
use crate::text::plain::normalize_tag;

#[derive(Debug, serde::Deserialize)]
pub struct Query {
    #[serde(default, deserialize_with = "params::text")]
    q: Option<String>,
    #[serde(default, rename = "type", deserialize_with = "params::text")]
    kind: Option<String>,
    #[serde(default, deserialize_with = "params::flag")]
    resolve: Option<bool>,
}

#[derive(Default, Serialize)]
struct Found {
    accounts: Vec<Box<RawValue>>,
    statuses: Vec<Box<RawValue>>,
    hashtags: Vec<Value>,
}

pub async fn get(
    State(app): State<App>,
    user: MaybeUser,
    paging: Paging,
    Params(query): Params<Query>,
) -> AppResult<Json> {
    let reader = match user.with("read:search")? {
        Some(account) => Some(Reader::of(&app, account.id).await?),
        None => None,
    };
    let text = query.q.unwrap_or_default().trim().to_owned();
    if text.is_empty() {
        return Err(AppError::bad_request("The query must not be empty"));
    }
    let resolve = query.resolve.unwrap_or(false);
    let offset = paging.offset();
    if reader.is_none() && (resolve || offset > 0) {
        return Err(AppError::new(
            http::StatusCode::UNAUTHORIZED,
            "Search queries that resolve or page need authentication",
        ));
    }
    let limit = paging.page(20, 40).limit;
    let wants = |kind: &str| {
        query
            .kind
            .as_deref()
            .is_none_or(|k| k.is_empty() || k == kind)
    };
    let mut found = Found::default();
    if let Some(url) = as_url(&text) {
        match crate::federation::find(&app, &url, resolve).await? {
            Some(crate::federation::Found::Account(id)) if wants("accounts") => {
                found.accounts = account::render(&app, &[id]).await?;
            }
            Some(crate::federation::Found::Status(id)) if wants("statuses") => {
                let page = status::page(&app, &[id], reader.as_ref(), Mode::Visible).await?;
                found.statuses = page.values();
            }
            _ => {}
        }
        return json(&found);
    }
    if wants("accounts") && !text.starts_with('#') {
        let ids = accounts(&app, &text, resolve, limit, offset).await?;
        found.accounts = account::render(&app, &ids).await?;
    }
    if wants("hashtags") && !text.starts_with('@') {
        let name = normalize_tag(text.trim_start_matches('#'));
        if !name.is_empty() && !name.contains(char::is_whitespace) {
            let tags = app
                .read(move |c| {
                    Box::pin(async move {
                        Ok(db::statuses::search_tags(c, &name, limit, offset).await?)
                    })
                })
                .await?;
            found.hashtags = tags
                .iter()
                .map(|tag| {
                    serde_json::json!({
                        "id": tag.id.to_string(),
                        "name": tag.name,
                        "url": app.config.tag_url(&tag.name),
                        "history": [],
                        "following": false,
                        "featuring": false,
                    })
                })
                .collect();
        }
    }
    json(&found)
}

fn as_url(text: &str) -> Option<String> {
    (text.starts_with("https://") || text.starts_with("http://")).then(|| text.to_owned())
}

/// Ids of accounts that a text names: the exact handle first (looked up elsewhere when `resolve`
/// says so), then those whose name begins with it.
pub async fn accounts(
    app: &App,
    text: &str,
    resolve: bool,
    limit: i64,
    offset: i64,
) -> AppResult<Vec<i64>> {
    let text = text.trim().trim_start_matches('@');
    let mut ids = Vec::new();
    if offset == 0
        && parse_handle(text).is_some()
        && let Some(crate::federation::Found::Account(id)) =
            crate::federation::find(app, text, resolve).await?
    {
        ids.push(id);
    }
    let (name, domain) = text.split_once('@').unwrap_or((text, ""));
    let (name, domain) = (name.to_owned(), domain.to_owned());
    if !name.is_empty() {
        let matching = app
            .read(move |c| {
                Box::pin(async move {
                    Ok(db::accounts::search(c, &name, &domain, limit, offset).await?)
                })
            })
            .await?;
        for account in matching {
            if !ids.contains(&account.id) {
                ids.push(account.id);
            }
        }
    }
    ids.truncate(usize::try_from(limit).unwrap_or_default());
    Ok(ids)
}
