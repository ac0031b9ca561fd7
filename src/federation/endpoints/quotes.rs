//! `/users/{name}/quote_authorizations/{id}`: the stamps of local authors (FEP-044f).

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::actor::local;
use super::{Ap, Reader};
use crate::app::App;
use crate::db;
use crate::error::{AppError, AppResult};
use crate::federation::render;

pub fn routes() -> Router<App> {
    Router::new().route("/users/{name}/quote_authorizations/{id}", get(show))
}

/// The stamp, for whoever has it named to them; 410 where it was taken back.
async fn show(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
    reader: Reader,
) -> AppResult<Response> {
    reader.admit()?;
    let id: i64 = id.parse().map_err(|_| AppError::not_found())?;
    let config = app.config.clone();
    app.read(move |c| {
        Box::pin(async move {
            let author = local(c, &name).await?;
            let uri = config.url(&format!(
                "/users/{}/quote_authorizations/{id}",
                author.username
            ));
            match db::quotes::authorization_by_id(c, id).await? {
                Some((stamp, quoted)) if stamp.account_id == author.id => {
                    let quoting = &stamp.quoting_uri;
                    let document =
                        render::quote::authorization(&uri, &author.uri, quoting, &quoted);
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
