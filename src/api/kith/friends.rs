//! `/api/kith/v1/friends`, `/api/kith/v1/friend_requests`

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use serde::Deserialize;

use crate::api::entities::{Json, friend_request, relationship};
use crate::api::list;
use crate::app::App;
use crate::db;
use crate::db::accounts::Account;
use crate::db::friends::{Filter, FriendRequest};
use crate::domain::friends;
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::pagination::{Paging, path_id};
use crate::http::params::{self, Params};
use crate::limits::{Deed, Who};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/kith/v1/friends", get(index))
        .route("/api/kith/v1/friends/{account_id}", delete(part))
        .route("/api/kith/v1/friend_requests", get(requests).post(ask))
        .route("/api/kith/v1/friend_requests/{id}/accept", post(accept))
        .route("/api/kith/v1/friend_requests/{id}/reject", post(reject))
        .route("/api/kith/v1/friend_requests/{id}/cancel", post(cancel))
}

async fn index(
    State(app): State<App>,
    user: User<scope::ReadFollows>,
    paging: Paging,
) -> AppResult<Response> {
    let page = paging.page(40, 80);
    let id = user.account.id;
    let rows = app
        .read(move |c| Box::pin(async move { Ok(db::friends::friends(c, id, page).await?) }))
        .await?;
    list::accounts(&app, rows, &paging, page).await
}

async fn find(app: &App, id: i64) -> AppResult<Arc<Account>> {
    app.account(id)
        .await?
        .filter(|account| account.is_active())
        .ok_or_else(AppError::not_found)
}

async fn part(
    State(app): State<App>,
    user: User<scope::WriteFollows>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let friend = find(&app, path_id(&id)?).await?;
    let (ctx, account) = (app.ctx.clone(), user.account.clone());
    let other = friend.id;
    app.write(move |tx| Box::pin(async move { friends::part(tx, &ctx, &account, &friend).await }))
        .await?;
    let entity = relationship::render(&app, user.account.id, &[other])
        .await?
        .pop();
    list::json(&entity.ok_or_else(AppError::not_found)?)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    #[serde(deserialize_with = "params::text")]
    direction: Option<String>,
    #[serde(deserialize_with = "params::text")]
    status: Option<String>,
}

impl Wanted {
    fn filter(self) -> AppResult<Filter> {
        let incoming = match self.direction.as_deref() {
            None | Some("") => None,
            Some("incoming") => Some(true),
            Some("outgoing") => Some(false),
            Some(_) => {
                return Err(AppError::bad_request(
                    "Invalid value for 'direction': it is incoming or outgoing",
                ));
            }
        };
        let status = match self.status.as_deref() {
            None | Some("") => None,
            Some(text) => Some(friends::State::parse(text).ok_or_else(|| {
                AppError::bad_request(
                    "Invalid value for 'status': it is pending, accepted, rejected or cancelled",
                )
            })?),
        };
        Ok(Filter {
            incoming,
            status: status.map(|status| status.as_str().to_owned()),
        })
    }
}

async fn requests(
    State(app): State<App>,
    user: User<scope::ReadFollows>,
    paging: Paging,
    Params(wanted): Params<Wanted>,
) -> AppResult<Response> {
    let page = paging.page(40, 80);
    let (owner, filter) = (user.account.id, wanted.filter()?);
    let rows = app
        .read(move |c| {
            Box::pin(async move { Ok(db::friends::page(c, owner, &filter, page).await?) })
        })
        .await?;
    let links = paging.links(
        rows.first().map(|row| row.id),
        rows.last().map(|row| row.id),
        rows.len() as i64 >= page.limit,
    );
    let entities = friend_request::render(&app, owner, &rows).await?;
    let entities: Vec<_> = entities.into_iter().map(|(_, entity)| entity).collect();
    Ok((links, list::json(&entities)?).into_response())
}

async fn answer(app: &App, owner: i64, row: FriendRequest) -> AppResult<Json> {
    let shown = friend_request::render(app, owner, &[row]).await?.pop();
    let (_, entity) = shown.ok_or_else(AppError::not_found)?;
    list::json(&entity)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    #[serde(deserialize_with = "params::integer")]
    account_id: Option<i64>,
}

async fn ask(
    State(app): State<App>,
    user: User<scope::WriteFollows>,
    Params(asked): Params<Asked>,
) -> AppResult<Json> {
    let owner = user.account.id;
    let id = asked
        .account_id
        .ok_or_else(|| AppError::invalid("Validation failed: Account can't be blank"))?;
    let (who, now) = (Who::Account(owner), app.clock.now_ms());
    app.limits.count(Deed::FriendRequest, who, now)?;
    let target = find(&app, id).await?;
    let (ctx, account) = (app.ctx.clone(), user.account.clone());
    let row = app
        .write(move |tx| {
            Box::pin(async move { friends::ask(tx, &ctx, &account, &target, None).await })
        })
        .await?
        .ok_or_else(AppError::not_found)?;
    answer(&app, owner, row).await
}

/// What is decided about a request.
#[derive(Debug, Clone, Copy)]
enum Decision {
    Accept,
    Reject,
    Cancel,
}

async fn accept(
    State(app): State<App>,
    user: User<scope::WriteFollows>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    decide(app, user, &id, Decision::Accept).await
}

async fn reject(
    State(app): State<App>,
    user: User<scope::WriteFollows>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    decide(app, user, &id, Decision::Reject).await
}

async fn cancel(
    State(app): State<App>,
    user: User<scope::WriteFollows>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    decide(app, user, &id, Decision::Cancel).await
}

async fn decide(
    app: App,
    user: User<scope::WriteFollows>,
    id: &str,
    decision: Decision,
) -> AppResult<Json> {
    let id = path_id(id)?;
    let (ctx, account) = (app.ctx.clone(), user.account.clone());
    let row = app
        .write(move |tx| {
            Box::pin(async move {
                match decision {
                    Decision::Accept => friends::accept(tx, &ctx, &account, id).await,
                    Decision::Reject => friends::reject(tx, &ctx, &account, id).await,
                    Decision::Cancel => friends::cancel(tx, &ctx, &account, id).await,
                }
            })
        })
        .await?;
    answer(&app, user.account.id, row).await
}
