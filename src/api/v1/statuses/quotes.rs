//! `GET /api/v1/statuses/:id/quotes`, `POST …/quotes/:quoting_status_id/revoke`,
//! `PUT …/interaction_policy`

use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;

use super::{answer, shown};
use crate::api::entities::Json;
use crate::api::entities::status::{Mode, Reader};
use crate::api::list;
use crate::api::v1::interaction_policies;
use crate::app::App;
use crate::db;
use crate::domain::interactions;
use crate::domain::quotes::{self, Policy};
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::pagination::{Paging, path_id};
use crate::http::params::{self, Params};

pub async fn get(
    State(app): State<App>,
    user: User<scope::ReadStatuses>,
    Path(id): Path<String>,
    paging: Paging,
) -> AppResult<Response> {
    let id = path_id(&id)?;
    shown(&app, id, Some(user.account.id)).await?;
    let reader = Reader::of(&app, user.account.id).await?;
    let asked = paging.page(20, 40);
    let wanted = list::generous(asked);
    let ids = app
        .read(move |c| Box::pin(async move { Ok(db::quotes::page(c, id, wanted).await?) }))
        .await?;
    list::timeline(&app, ids, Some(&reader), Mode::Timeline, &paging, asked).await
}

pub async fn revoke(
    State(app): State<App>,
    user: User<scope::WriteStatuses>,
    Path((id, quoting)): Path<(String, String)>,
) -> AppResult<Json> {
    let (id, quoting) = (path_id(&id)?, path_id(&quoting)?);
    let (ctx, author) = (app.ctx.clone(), user.account.clone());
    app.write(move |tx| {
        Box::pin(async move { quotes::revoke(tx, &ctx, &author, id, quoting).await })
    })
    .await?;
    answer(&app, quoting, user.account.id).await
}

#[derive(Debug, Deserialize)]
pub struct Body {
    #[serde(default, deserialize_with = "params::text")]
    quote_approval_policy: Option<String>,
    #[serde(default)]
    interaction_policy: Option<interaction_policies::Body>,
}

/// A policy that a client named.
pub fn parse_policy(text: Option<String>) -> AppResult<Option<Policy>> {
    match text.filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => Policy::parse(&text).map(Some).ok_or_else(|| {
            AppError::invalid(
                "Validation failed: Quote approval policy is not included in the list",
            )
        }),
    }
}

pub async fn policy(
    State(app): State<App>,
    user: User<scope::WriteStatuses>,
    Path(id): Path<String>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let policy = parse_policy(body.quote_approval_policy)?;
    let policies = interaction_policies::parse(body.interaction_policy)?;
    let (ctx, author) = (app.ctx.clone(), user.account.clone());
    app.write(move |tx| {
        Box::pin(async move {
            if let Some(policy) = policy {
                quotes::change_policy(tx, &ctx, &author, id, policy).await?;
            }
            if let Some(policies) = policies {
                interactions::change_policies(tx, &ctx, &author, id, policies).await?;
            }
            Ok(())
        })
    })
    .await?;
    answer(&app, id, user.account.id).await
}
