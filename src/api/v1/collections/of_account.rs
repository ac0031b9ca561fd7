//! `GET /api/v1/accounts/:id/collections`, `…/in_collections`

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};

use crate::api::entities::collection;
use crate::api::list::json;
use crate::api::v1::accounts::find;
use crate::app::App;
use crate::db;
use crate::db::accounts::Account;
use crate::db::collections::Collection;
use crate::error::{AppError, AppResult};
use crate::federation;
use crate::http::auth::{MaybeUser, User, scope};
use crate::http::pagination::Paging;

pub async fn get(
    State(app): State<App>,
    user: MaybeUser,
    Path(id): Path<String>,
    paging: Paging,
) -> AppResult<Response> {
    let reader = super::reader(&user)?;
    let account = find(&app, &id).await?;
    let blocked = match reader {
        Some(reader) => app
            .relations(reader.id)
            .await?
            .blocked_by
            .contains(&account.id),
        None => false,
    };
    if blocked || !account.is_active() {
        return page(&app, reader, Vec::new(), &paging).await;
    }
    if reader.is_some() && !account.is_local() {
        federation::collections::look_again(&app, account.id).await?;
    }
    let open = reader.is_none_or(|reader| reader.id != account.id);
    let (limit, offset) = (paging.page(40, 80).limit, paging.offset());
    let rows = app
        .read(move |c| {
            Box::pin(async move {
                Ok(db::collections::of_account(c, account.id, open, offset, limit).await?)
            })
        })
        .await?;
    page(&app, reader, rows, &paging).await
}

/// What oneself is in; 403 for whom others are in.
pub async fn featuring(
    State(app): State<App>,
    user: User<scope::ReadCollections>,
    Path(id): Path<String>,
    paging: Paging,
) -> AppResult<Response> {
    let account = find(&app, &id).await?;
    if account.id != user.account.id {
        return Err(AppError::forbidden("This action is not allowed"));
    }
    let (limit, offset) = (paging.page(40, 80).limit, paging.offset());
    let rows = app
        .read(move |c| {
            Box::pin(
                async move { Ok(db::collections::featuring(c, account.id, offset, limit).await?) },
            )
        })
        .await?;
    page(&app, Some(&user.account), rows, &paging).await
}

async fn page(
    app: &App,
    reader: Option<&Account>,
    rows: Vec<Collection>,
    paging: &Paging,
) -> AppResult<Response> {
    let links = paging.offset_links(paging.page(40, 80).limit, rows.len());
    let collections = collection::render(app, reader, rows).await?;
    Ok((links, json(&collection::Many { collections })?).into_response())
}
