//! `/api/kith/v1/chats/:id/messages`

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::LINK;
use http::{HeaderMap, HeaderValue};
use serde::Deserialize;

use crate::api::entities::{Json, chat};
use crate::api::list::json;
use crate::app::App;
use crate::db;
use crate::db::chat_messages::{Message, Slice};
use crate::domain::chats::{self, Draft, Encrypted};
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::pagination::path_id;
use crate::http::params::{self, Params};

/// Messages of a page: as many as are asked for, these at most.
const DEFAULT: i64 = 20;
const MOST: i64 = 80;

/// Answers with one message.
pub async fn answer(app: &App, owner: i64, row: Message) -> AppResult<Json> {
    let entity = chat::message(app, owner, row).await?;
    json(&entity.ok_or_else(AppError::not_found)?)
}

#[derive(Debug, Deserialize)]
pub struct Asked {
    #[serde(default, deserialize_with = "params::integer")]
    limit: Option<i64>,
    #[serde(default, deserialize_with = "params::text")]
    before: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    after: Option<String>,
    #[serde(default, deserialize_with = "params::flag")]
    include_deleted: Option<bool>,
}

pub async fn page(
    State(app): State<App>,
    user: User<scope::ReadStatuses>,
    Path(id): Path<String>,
    Params(asked): Params<Asked>,
) -> AppResult<Response> {
    let id = path_id(&id)?;
    let cursor = |text: Option<String>| match text.filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => text
            .parse::<i64>()
            .map(Some)
            .map_err(|_| AppError::bad_request("Invalid id in the query")),
    };
    let slice = Slice {
        before: cursor(asked.before)?,
        after: cursor(asked.after)?,
        include_deleted: asked.include_deleted.unwrap_or(false),
        limit: asked.limit.unwrap_or(DEFAULT).clamp(1, MOST),
    };
    let account = user.account.clone();
    let rows = app
        .read(move |c| {
            Box::pin(async move {
                let own = chats::side(c, &account, id).await?.own;
                let (owner, horizon) = (account.id, own.horizon_id);
                Ok(db::chat_messages::page(c, id, owner, horizon, slice).await?)
            })
        })
        .await?;
    let owner = user.account.id;
    // Whoever fetches a message has got it.
    let fresh: Vec<i64> = rows
        .iter()
        .filter(|row| row.account_id != owner && row.delivered_at.is_none())
        .filter(|row| row.deleted_at.is_none())
        .map(|row| row.id)
        .collect();
    if !fresh.is_empty() {
        let ctx = app.ctx.clone();
        app.write(move |tx| {
            Box::pin(async move { chats::delivered(tx, &ctx, owner, id, &fresh).await })
        })
        .await?;
    }
    let entities = chat::messages(&app, owner, &rows).await?;
    Ok((links(&app, id, &rows, slice), json(&entities)?).into_response())
}

/// `next` leads to what is older, `prev` to what is newer.
fn links(app: &App, id: i64, rows: &[Message], slice: Slice) -> HeaderMap {
    let deleted = if slice.include_deleted {
        "&include_deleted=true"
    } else {
        ""
    };
    let base = app.config.url(&format!(
        "/api/kith/v1/chats/{id}/messages?limit={}{deleted}",
        slice.limit
    ));
    let full = rows.len() as i64 >= slice.limit;
    let mut links = Vec::new();
    if let Some(oldest) = rows.first()
        && (full || slice.after.is_some())
    {
        links.push(format!("<{base}&before={}>; rel=\"next\"", oldest.id));
    }
    if let Some(newest) = rows.last() {
        links.push(format!("<{base}&after={}>; rel=\"prev\"", newest.id));
    }
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(&links.join(", "))
        && !links.is_empty()
    {
        headers.insert(LINK, value);
    }
    headers
}

/// What clients say of a message, over HTTP and over sockets alike.
#[derive(Debug, Default, Deserialize)]
pub struct Body {
    #[serde(default, deserialize_with = "params::text")]
    pub text: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    pub content_type: Option<String>,
    #[serde(default, deserialize_with = "params::ids")]
    pub media_ids: Vec<i64>,
    #[serde(default, deserialize_with = "params::text")]
    pub reply_to_id: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    pub quote_id: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    pub shared_status_id: Option<String>,
    #[serde(default)]
    pub encrypted: Option<Encrypted>,
    #[serde(default, deserialize_with = "params::text")]
    pub idempotency_key: Option<String>,
}

impl Body {
    /// As the domain takes it.
    pub fn draft(self) -> AppResult<Draft> {
        let id = |text: Option<String>| match text.filter(|text| !text.is_empty()) {
            None => Ok(None),
            Some(text) => path_id(&text).map(Some),
        };
        Ok(Draft {
            text: self.text.unwrap_or_default(),
            content_type: self.content_type.unwrap_or_default(),
            media_ids: self.media_ids,
            reply_to_id: id(self.reply_to_id)?,
            quote_id: id(self.quote_id)?,
            shared_status_id: id(self.shared_status_id)?,
            encrypted: self.encrypted,
            idempotency_key: self.idempotency_key.filter(|key| !key.is_empty()),
        })
    }
}

pub async fn send(
    State(app): State<App>,
    user: User<scope::WriteStatuses>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let mut draft = body.draft()?;
    if let Some(key) = headers.get("idempotency-key") {
        let key = key
            .to_str()
            .map_err(|_| AppError::bad_request("Invalid Idempotency-Key"))?;
        draft.idempotency_key = Some(key.to_owned()).filter(|key| !key.is_empty());
    }
    let (ctx, author) = (app.ctx.clone(), user.account.clone());
    let message = app
        .write(move |tx| Box::pin(async move { chats::send(tx, &ctx, &author, id, draft).await }))
        .await?;
    answer(&app, user.account.id, message).await
}

pub async fn edit(
    State(app): State<App>,
    user: User<scope::WriteStatuses>,
    Path((id, message)): Path<(String, String)>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let at = (path_id(&id)?, path_id(&message)?);
    if body.text.is_none() && body.encrypted.is_none() {
        return Err(AppError::invalid("Validation failed: Text can't be blank"));
    }
    let said = (body.text.unwrap_or_default(), body.encrypted);
    let (ctx, author) = (app.ctx.clone(), user.account.clone());
    let message = app
        .write(move |tx| Box::pin(async move { chats::edit(tx, &ctx, &author, at, said).await }))
        .await?;
    answer(&app, user.account.id, message).await
}

pub async fn history(
    State(app): State<App>,
    user: User<scope::ReadStatuses>,
    Path((id, message)): Path<(String, String)>,
) -> AppResult<Json> {
    let at = (path_id(&id)?, path_id(&message)?);
    let account = user.account.clone();
    let versions = app
        .read(move |c| Box::pin(async move { chats::history(c, &account, at).await }))
        .await?;
    json(&chat::versions(versions))
}

#[derive(Debug, Deserialize)]
pub struct Scope {
    #[serde(default, deserialize_with = "params::text")]
    scope: Option<String>,
}

pub async fn remove(
    State(app): State<App>,
    user: User<scope::WriteStatuses>,
    Path((id, message)): Path<(String, String)>,
    Params(body): Params<Scope>,
) -> AppResult<Json> {
    let at = (path_id(&id)?, path_id(&message)?);
    let everyone = match body.scope.as_deref() {
        None | Some("" | "me") => false,
        Some("everyone") => true,
        Some(_) => {
            return Err(AppError::invalid(
                "Validation failed: Scope must be me or everyone",
            ));
        }
    };
    let (ctx, account) = (app.ctx.clone(), user.account.clone());
    app.write(move |tx| {
        Box::pin(async move {
            match everyone {
                true => chats::unsend(tx, &ctx, &account, at).await,
                false => chats::delete(tx, &ctx, &account, at).await,
            }
        })
    })
    .await?;
    Ok(Json("{}".to_owned()))
}

pub async fn react(
    state: State<App>,
    user: User<scope::WriteStatuses>,
    path: Path<(String, String, String)>,
) -> AppResult<Json> {
    reaction(state, user, path, true).await
}

pub async fn unreact(
    state: State<App>,
    user: User<scope::WriteStatuses>,
    path: Path<(String, String, String)>,
) -> AppResult<Json> {
    reaction(state, user, path, false).await
}

async fn reaction(
    State(app): State<App>,
    user: User<scope::WriteStatuses>,
    Path((id, message, name)): Path<(String, String, String)>,
    adds: bool,
) -> AppResult<Json> {
    let at = (path_id(&id)?, path_id(&message)?);
    let (ctx, account) = (app.ctx.clone(), user.account.clone());
    let message = app
        .write(move |tx| {
            Box::pin(async move {
                match adds {
                    true => chats::react(tx, &ctx, &account, at, &name).await,
                    false => chats::unreact(tx, &ctx, &account, at, &name).await,
                }
            })
        })
        .await?;
    answer(&app, user.account.id, message).await
}
