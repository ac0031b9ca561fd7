//! `/api/kith/v1/chats`: what two people say to each other.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post, put};
use http::StatusCode;
use serde::Deserialize;

use crate::api::entities::{Json, chat};
use crate::api::list::json;
use crate::app::App;
use crate::db;
use crate::db::chats::Member;
use crate::domain::chats;
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::pagination::{Paging, path_id};
use crate::http::params::{self, Params};

pub mod messages;

pub fn routes() -> Router<App> {
    const ONE: &str = "/api/kith/v1/chats/{id}";
    let message = format!("{ONE}/messages/{{message_id}}");
    Router::new()
        .route("/api/kith/v1/chats", get(all).post(open))
        .route(ONE, get(show).delete(leave))
        .route(&format!("{ONE}/accept"), post(accept))
        .route(&format!("{ONE}/read"), post(read))
        .route(&format!("{ONE}/typing"), post(typing))
        .route(
            &format!("{ONE}/messages"),
            get(messages::page).post(messages::send),
        )
        .route(&message, patch(messages::edit).delete(messages::remove))
        .route(&format!("{message}/history"), get(messages::history))
        .route(
            &format!("{message}/reactions/{{emoji}}"),
            put(messages::react).delete(messages::unreact),
        )
}

/// Answers with one chat.
async fn answer(app: &App, owner: i64, member: Member) -> AppResult<Json> {
    let entity = chat::chats(app, owner, &[member]).await?.pop();
    json(&entity.ok_or_else(AppError::not_found)?)
}

#[derive(Debug, Deserialize)]
pub struct Listed {
    filter: Option<String>,
}

async fn all(
    State(app): State<App>,
    user: User<scope::ReadStatuses>,
    paging: Paging,
    axum::extract::Query(listed): axum::extract::Query<Listed>,
) -> AppResult<Response> {
    let requests = match listed.filter.as_deref() {
        None | Some("") => false,
        Some("requests") => true,
        Some(_) => return Err(AppError::invalid("Validation failed: Filter is not known")),
    };
    let page = paging.page(20, 40);
    let owner = user.account.id;
    let rows = app
        .read(move |c| {
            Box::pin(async move {
                // The list goes by what was said last; the id of a chat stands for its place.
                let mut max = page.max_id;
                if let Some(id) = max
                    && let Some(member) = db::chats::member(c, id, owner).await?
                {
                    max = Some(member.position);
                }
                let min = page.min_id.or(page.since_id);
                Ok(db::chats::page(c, owner, requests, (max, min), page.limit).await?)
            })
        })
        .await?;
    let links = paging.links(
        rows.first().map(|row| row.position),
        rows.last().map(|row| row.position),
        rows.len() as i64 >= page.limit,
    );
    let entities = chat::chats(&app, owner, &rows).await?;
    Ok((links, json(&entities)?).into_response())
}

#[derive(Debug, Deserialize)]
pub struct Opening {
    #[serde(default, deserialize_with = "params::text")]
    account_id: Option<String>,
}

async fn open(
    State(app): State<App>,
    user: User<scope::WriteStatuses>,
    Params(body): Params<Opening>,
) -> AppResult<Json> {
    let with = body
        .account_id
        .ok_or_else(|| AppError::invalid("Validation failed: Account can't be blank"))?;
    let with = path_id(&with)?;
    let (ctx, account) = (app.ctx.clone(), user.account.clone());
    let member = app
        .write(move |tx| Box::pin(async move { chats::open(tx, &ctx, &account, with).await }))
        .await?;
    answer(&app, user.account.id, member).await
}

async fn show(
    State(app): State<App>,
    user: User<scope::ReadStatuses>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let account = user.account.clone();
    let side = app
        .read(move |c| Box::pin(async move { chats::side(c, &account, id).await }))
        .await?;
    answer(&app, user.account.id, side.own).await
}

async fn leave(
    State(app): State<App>,
    user: User<scope::WriteStatuses>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let ctx = app.ctx.clone();
    app.write(move |tx| Box::pin(async move { chats::leave(tx, &ctx, &user.account, id).await }))
        .await?;
    Ok(Json("{}".to_owned()))
}

async fn accept(
    State(app): State<App>,
    user: User<scope::WriteStatuses>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let (ctx, account) = (app.ctx.clone(), user.account.clone());
    let member = app
        .write(move |tx| Box::pin(async move { chats::accept(tx, &ctx, &account, id).await }))
        .await?;
    answer(&app, user.account.id, member).await
}

#[derive(Debug, Deserialize)]
pub struct Reading {
    #[serde(default, deserialize_with = "params::text")]
    message_id: Option<String>,
}

async fn read(
    State(app): State<App>,
    user: User<scope::WriteStatuses>,
    Path(id): Path<String>,
    Params(body): Params<Reading>,
) -> AppResult<Json> {
    let message = body
        .message_id
        .ok_or_else(|| AppError::invalid("Validation failed: Message can't be blank"))?;
    let at = (path_id(&id)?, path_id(&message)?);
    let (ctx, account) = (app.ctx.clone(), user.account.clone());
    let member = app
        .write(move |tx| Box::pin(async move { chats::read(tx, &ctx, &account, at).await }))
        .await?;
    answer(&app, user.account.id, member).await
}

async fn typing(
    State(app): State<App>,
    user: User<scope::WriteStatuses>,
    Path(id): Path<String>,
) -> AppResult<(StatusCode, Json)> {
    let id = path_id(&id)?;
    crate::api::streaming::chat::typing(&app, &user.account, id).await?;
    Ok((StatusCode::ACCEPTED, Json("{}".to_owned())))
}
