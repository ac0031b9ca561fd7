//! `GET /api/v1/accounts/:id/followers`, `…/following`

use axum::extract::{Path, State};
use axum::response::Response;

use super::find;
use crate::api::list;
use crate::app::App;
use crate::db;
use crate::db::relations::List;
use crate::error::AppResult;
use crate::http::auth::MaybeUser;
use crate::http::pagination::Paging;

pub async fn followers(
    State(app): State<App>,
    user: MaybeUser,
    Path(id): Path<String>,
    paging: Paging,
) -> AppResult<Response> {
    show(app, user, id, paging, List::Followers).await
}

pub async fn following(
    State(app): State<App>,
    user: MaybeUser,
    Path(id): Path<String>,
    paging: Paging,
) -> AppResult<Response> {
    show(app, user, id, paging, List::Following).await
}

async fn show(
    app: App,
    user: MaybeUser,
    id: String,
    paging: Paging,
    kind: List,
) -> AppResult<Response> {
    let account = find(&app, &id).await?;
    let page = paging.page(40, 80);
    let own = user.account.as_ref().is_some_and(|u| u.id == account.id);
    let blocked = match &user.account {
        Some(reader) => {
            let relations = app.relations(reader.id).await?;
            relations.blocked_by.contains(&account.id)
        }
        None => false,
    };
    let rows = if (account.hide_collections && !own) || blocked || !account.is_active() {
        Vec::new()
    } else {
        let id = account.id;
        app.read(move |c| {
            Box::pin(async move { Ok(db::relations::page(c, kind, id, page).await?) })
        })
        .await?
    };
    list::accounts(&app, rows, &paging, page).await
}
