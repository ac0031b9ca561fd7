//! `POST /api/v1/statuses/:id/reblog`, `…/unreblog`

use axum::extract::{Path, State};
use serde::Deserialize;

use super::answer;
use crate::api::entities::Json;
use crate::app::App;
use crate::domain::reactions::{self, Reblog};
use crate::domain::visibility::Visibility;
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::pagination::path_id;
use crate::http::params::{self, Params};

#[derive(Debug, Deserialize)]
pub struct Body {
    #[serde(default, deserialize_with = "params::text")]
    visibility: Option<String>,
}

pub async fn post(
    State(app): State<App>,
    user: User<scope::WriteStatuses>,
    Path(id): Path<String>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let visibility = match body.visibility.as_deref().filter(|text| !text.is_empty()) {
        Some(text) => Some(Visibility::parse(text).ok_or_else(|| {
            AppError::invalid("Validation failed: Visibility is not included in the list")
        })?),
        None => None,
    };
    let (ctx, account) = (app.ctx.clone(), user.account.clone());
    let made = app
        .write(move |tx| {
            Box::pin(async move {
                let status = reactions::subject(tx, &account, id).await?;
                let reblog = Reblog {
                    visibility,
                    remote: None,
                    quiet: false,
                };
                reactions::reblog(tx, &ctx, &account, &status, reblog).await
            })
        })
        .await?;
    answer(&app, made.id, user.account.id).await
}

pub async fn undo(
    State(app): State<App>,
    user: User<scope::WriteStatuses>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let (ctx, account) = (app.ctx.clone(), user.account.clone());
    let subject = app
        .write(move |tx| {
            Box::pin(async move {
                let status = reactions::subject(tx, &account, id).await?;
                reactions::unreblog(tx, &ctx, &account, &status).await?;
                Ok(status.id)
            })
        })
        .await?;
    answer(&app, subject, user.account.id).await
}
