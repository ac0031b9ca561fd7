//! `/users/{name}/quote_authorizations/{id}`, `/users/{name}/authorizations/{id}`: the stamps of
//! local authors, for quotes (FEP-044f) and for likes, replies and boosts.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::actor::local;
use super::{Ap, Reader};
use crate::app::App;
use crate::db;
use crate::domain::interactions::{DEEDS, QUOTES, Verb, stamp_uri};
use crate::error::{AppError, AppResult};
use crate::federation::render;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/users/{name}/quote_authorizations/{id}", get(quote))
        .route("/users/{name}/authorizations/{id}", get(other))
}

async fn quote(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
    reader: Reader,
) -> AppResult<Response> {
    show(app, name, id, reader, QUOTES).await
}

async fn other(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
    reader: Reader,
) -> AppResult<Response> {
    show(app, name, id, reader, DEEDS).await
}

/// The stamp, for whoever has it named to them; 410 where it was taken back.
async fn show(
    app: App,
    name: String,
    id: String,
    reader: Reader,
    kind: &'static str,
) -> AppResult<Response> {
    reader.admit()?;
    let id: i64 = id.parse().map_err(|_| AppError::not_found())?;
    app.read(move |c| {
        Box::pin(async move {
            let author = local(c, &name).await?;
            let uri = stamp_uri(&author, kind, id);
            let quotes = kind == QUOTES;
            let fits = |verb| (verb == Verb::Quote) == quotes;
            match db::interactions::authorization_by_id(c, id).await? {
                Some((stamp, target)) if stamp.account_id == author.id => {
                    let verb = Verb::from_db(stamp.verb).filter(|verb| fits(*verb));
                    let verb = verb.ok_or_else(AppError::not_found)?;
                    let (author, interacting) = (&author.uri, &stamp.interacting_uri);
                    let document = if quotes {
                        render::quote::authorization(&uri, author, interacting, &target)
                    } else {
                        let make = render::interaction::authorization;
                        make(&uri, verb, author, interacting, &target)
                    };
                    Ok(Ap::open(document).into_response())
                }
                Some(_) => Err(AppError::not_found()),
                None => {
                    let deleted_at = db::statuses::buried(c, &uri)
                        .await?
                        .ok_or_else(AppError::not_found)?;
                    Ok(Ap::gone(render::tombstone(&uri, deleted_at)).into_response())
                }
            }
        })
    })
    .await
}
