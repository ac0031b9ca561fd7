//! `GET /api/v1/accounts/:id/followers`, `…/following`

use axum::extract::{Path, State};
use axum::response::Response;

use super::find;
use crate::api::list;
use crate::app::App;
use crate::db;
use crate::db::accounts::Account;
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
    let relations = match &user.account {
        Some(reader) => Some(app.relations(reader.id).await?),
        None => None,
    };
    let own = user.account.as_ref().is_some_and(|u| u.id == account.id);
    let blocked = relations
        .as_ref()
        .is_some_and(|relations| relations.blocked_by.contains(&account.id));
    let rows = if (account.hide_collections && !own) || blocked || !account.is_active() {
        Vec::new()
    } else {
        let id = account.id;
        app.read(move |c| {
            Box::pin(async move { Ok(db::relations::page(c, kind, id, page).await?) })
        })
        .await?
    };
    let now = app.clock.now_ms();
    // Of one's own lists all, of others' nobody with whom one has nothing to do.
    let shown = |listed: &Account| {
        relations.as_ref().is_none_or(|relations| {
            own || !(relations.blocking.contains(&listed.id)
                || relations.blocked_by.contains(&listed.id)
                || relations.mutes(listed.id, now)
                || relations.blocks_domain(&listed.domain))
        })
    };
    list::accounts_where(&app, rows, &paging, page, shown).await
}
