//! `/users/{name}/collections/featured`: what a local account has pinned.

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use serde_json::{Value, json};

use super::actor::local;
use super::{Ap, Reader};
use crate::app::App;
use crate::db;
use crate::db::relations::Page;
use crate::domain::outgoing::featured_uri;
use crate::domain::pins::MAX_PINS;
use crate::domain::statuses::notes_of;
use crate::domain::visibility::Visibility;
use crate::error::AppResult;
use crate::federation::render::{self, note};

pub fn routes() -> Router<App> {
    Router::new().route("/users/{name}/collections/featured", get(show))
}

/// The notes that everyone may see, the last pinned first.
async fn show(State(app): State<App>, Path(name): Path<String>, reader: Reader) -> AppResult<Ap> {
    reader.admit()?;
    let ctx = app.ctx.clone();
    app.read(move |c| {
        Box::pin(async move {
            let account = local(c, &name).await?;
            let page = Page {
                limit: MAX_PINS,
                ..Page::default()
            };
            let ids: Vec<i64> = db::pins::page(c, account.id, page)
                .await?
                .into_iter()
                .map(|(_, status)| status)
                .collect();
            let mut statuses = db::statuses::by_ids(c, &ids).await?;
            statuses.retain(|s| !s.local_only && Visibility::from_db(s.visibility).is_open());
            statuses.sort_by_key(|s| ids.iter().position(|id| *id == s.id));
            let notes = notes_of(c, &ctx, &account, &statuses).await?;
            let items: Vec<Value> = notes.iter().map(|n| note::object(n, None)).collect();
            let collection = json!({
                "id": featured_uri(&account),
                "type": "OrderedCollection",
                "totalItems": items.len(),
                "orderedItems": items,
            });
            Ok(Ap::open(render::document(note::context(), collection)))
        })
    })
    .await
}
