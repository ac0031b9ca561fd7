//! `POST /api/v1/accounts/:id/follow`, and the other verbs between two accounts.

use axum::extract::{Path, State};
use serde::Deserialize;

use super::find;
use crate::api::entities::{Json, relationship};
use crate::api::list::json;
use crate::app::App;
use crate::clock::SECOND;
use crate::domain::{blocks, follows};
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::params::{self, Params};
use crate::text::language;

/// Answers with how the two stand now.
pub(super) async fn answer(app: &App, account_id: i64, other: i64) -> AppResult<Json> {
    let entity = relationship::render(app, account_id, &[other]).await?.pop();
    json(&entity.ok_or_else(AppError::not_found)?)
}

#[derive(Debug, Deserialize)]
pub struct Follow {
    #[serde(default, deserialize_with = "params::flag")]
    reblogs: Option<bool>,
    #[serde(default, deserialize_with = "params::flag")]
    notify: Option<bool>,
    languages: Option<serde_json::Value>,
}

pub async fn follow(
    State(app): State<App>,
    user: User<scope::WriteFollows>,
    Path(id): Path<String>,
    Params(body): Params<Follow>,
) -> AppResult<Json> {
    let target = find(&app, &id).await?;
    let languages = match body.languages {
        Some(value) => {
            let codes = params::texts(value)
                .map_err(|e| AppError::invalid("Validation failed").describe(e.to_string()))?;
            let codes: Option<Vec<String>> = codes
                .iter()
                .filter(|code| !code.is_empty())
                .map(|code| language::normalize(code))
                .collect();
            let codes =
                codes.ok_or_else(|| AppError::invalid("Validation failed: Invalid language"))?;
            Some(codes.join(","))
        }
        None => None,
    };
    let options = follows::Options {
        reblogs: body.reblogs,
        notify: body.notify,
        languages,
        ..follows::Options::default()
    };
    let (ctx, account) = (app.ctx.clone(), user.account.clone());
    let other = target.id;
    app.write(move |tx| {
        Box::pin(async move { follows::follow(tx, &ctx, &account, &target, options).await })
    })
    .await?;
    answer(&app, user.account.id, other).await
}

pub async fn unfollow(
    State(app): State<App>,
    user: User<scope::WriteFollows>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let target = find(&app, &id).await?;
    let (ctx, account) = (app.ctx.clone(), user.account.clone());
    let other = target.id;
    app.write(move |tx| {
        Box::pin(async move { follows::unfollow(tx, &ctx, &account, &target).await })
    })
    .await?;
    answer(&app, user.account.id, other).await
}

pub async fn remove_follower(
    State(app): State<App>,
    user: User<scope::WriteFollows>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let follower = find(&app, &id).await?;
    let (ctx, account) = (app.ctx.clone(), user.account.clone());
    let other = follower.id;
    let removed = app
        .write(move |tx| {
            Box::pin(async move { follows::reject(tx, &ctx, &account, &follower).await })
        })
        .await;
    match removed {
        // Nobody to remove is no error.
        Err(error) if error.status != http::StatusCode::NOT_FOUND => return Err(error),
        _ => {}
    }
    answer(&app, user.account.id, other).await
}

pub async fn block(
    State(app): State<App>,
    user: User<scope::WriteBlocks>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let target = find(&app, &id).await?;
    let (ctx, account) = (app.ctx.clone(), user.account.clone());
    let other = target.id;
    app.write(move |tx| {
        Box::pin(async move { blocks::block(tx, &ctx, &account, &target, None).await })
    })
    .await?;
    answer(&app, user.account.id, other).await
}

pub async fn unblock(
    State(app): State<App>,
    user: User<scope::WriteBlocks>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let target = find(&app, &id).await?;
    let (ctx, account) = (app.ctx.clone(), user.account.clone());
    let other = target.id;
    app.write(move |tx| {
        Box::pin(async move { blocks::unblock(tx, &ctx, &account, &target).await })
    })
    .await?;
    answer(&app, user.account.id, other).await
}

#[derive(Debug, Deserialize)]
pub struct Mute {
    #[serde(default, deserialize_with = "params::flag")]
    notifications: Option<bool>,
    /// Seconds; 0 for ever.
    #[serde(default, deserialize_with = "params::integer")]
    duration: Option<i64>,
}

pub async fn mute(
    State(app): State<App>,
    user: User<scope::WriteMutes>,
    Path(id): Path<String>,
    Params(body): Params<Mute>,
) -> AppResult<Json> {
    let target = find(&app, &id).await?;
    let duration = body
        .duration
        .filter(|seconds| *seconds > 0)
        .map(|seconds| seconds.saturating_mul(SECOND));
    let (ctx, account) = (app.ctx.clone(), user.account.clone());
    let other = target.id;
    app.write(move |tx| {
        Box::pin(async move {
            let notifications = body.notifications.unwrap_or(true);
            blocks::mute(tx, &ctx, &account, &target, notifications, duration).await
        })
    })
    .await?;
    answer(&app, user.account.id, other).await
}

pub async fn unmute(
    State(app): State<App>,
    user: User<scope::WriteMutes>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let target = find(&app, &id).await?;
    let account = user.account.clone();
    let other = target.id;
    app.write(move |tx| Box::pin(async move { blocks::unmute(tx, &account, &target).await }))
        .await?;
    answer(&app, user.account.id, other).await
}
