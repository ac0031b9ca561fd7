//! `/api/v1/admin/canonical_email_blocks`: addresses nobody may register with, by their hashes.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};

use super::{blank, page_of, rows};
use crate::api::entities::Json;
use crate::api::list::json as answer;
use crate::app::App;
use crate::db;
use crate::db::sign_up_rules::CanonicalEmailBlock;
use crate::domain::email_blocks;
use crate::domain::moderation::audit;
use crate::error::{AppError, AppResult};
use crate::http::auth::scope;
use crate::http::pagination::{Paging, path_id};
use crate::http::params::{Params, text};
use crate::http::staff::{Permitted, may};

type Reader = Permitted<may::ManageBlocks, scope::AdminReadCanonicalEmailBlocks>;
type Writer = Permitted<may::ManageBlocks, scope::AdminWriteCanonicalEmailBlocks>;

pub fn routes() -> Router<App> {
    Router::new()
        .route(
            "/api/v1/admin/canonical_email_blocks",
            get(index).post(create),
        )
        .route("/api/v1/admin/canonical_email_blocks/test", post(test))
        .route(
            "/api/v1/admin/canonical_email_blocks/{id}",
            get(show).delete(remove),
        )
}

/// `Admin::CanonicalEmailBlock`.
#[derive(Debug, Serialize)]
struct Entity {
    id: String,
    canonical_email_hash: String,
}

impl Entity {
    fn of(row: &CanonicalEmailBlock) -> Entity {
        Entity {
            id: row.id.to_string(),
            canonical_email_hash: row.canonical_email_hash.clone(),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body {
    #[serde(deserialize_with = "text")]
    email: Option<String>,
    #[serde(deserialize_with = "text")]
    canonical_email_hash: Option<String>,
}

async fn index(State(app): State<App>, _staff: Reader, paging: Paging) -> AppResult<Response> {
    let page = page_of(&paging);
    let found = app
        .read(move |c| {
            Box::pin(async move { Ok(db::sign_up_rules::canonical_emails(c, page).await?) })
        })
        .await?;
    rows(&found, &paging, page, |row| row.id, Entity::of)
}

async fn find(app: &App, id: &str) -> AppResult<CanonicalEmailBlock> {
    let id = path_id(id)?;
    app.read(move |c| Box::pin(async move { Ok(db::sign_up_rules::canonical_email(c, id).await?) }))
        .await?
        .ok_or_else(AppError::not_found)
}

async fn show(State(app): State<App>, _staff: Reader, Path(id): Path<String>) -> AppResult<Json> {
    answer(&Entity::of(&find(&app, &id).await?))
}

async fn create(
    State(app): State<App>,
    staff: Writer,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    let (email, hash) = (given(body.email), given(body.canonical_email_hash));
    let (ctx, actor) = (app.ctx.clone(), staff.staff.actor());
    let row = app
        .write(move |tx| {
            Box::pin(async move {
                let (email, hash) = (email.as_deref(), hash.as_deref());
                let row = email_blocks::add_address(tx, &ctx, email, hash).await?;
                audit::canonical_email_block(tx, &ctx, &actor, "create", &row).await?;
                Ok(row)
            })
        })
        .await?;
    answer(&Entity::of(&row))
}

/// The blocks that an address meets.
async fn test(
    State(app): State<App>,
    _staff: Reader,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let email = body
        .email
        .filter(|email| !email.trim().is_empty())
        .ok_or_else(|| blank("Email"))?;
    let found = app
        .read(move |c| Box::pin(async move { email_blocks::of_address(c, &email).await }))
        .await?;
    answer(&found.iter().map(Entity::of).collect::<Vec<_>>())
}

/// Removes a block; the answer is what was removed.
async fn remove(State(app): State<App>, staff: Writer, Path(id): Path<String>) -> AppResult<Json> {
    let row = find(&app, &id).await?;
    let (ctx, actor, gone) = (app.ctx.clone(), staff.staff.actor(), row.clone());
    app.write(move |tx| {
        Box::pin(async move {
            if db::sign_up_rules::remove_canonical_email(tx, gone.id).await? {
                audit::canonical_email_block(tx, &ctx, &actor, "destroy", &gone).await?;
            }
            Ok(())
        })
    })
    .await?;
    answer(&Entity::of(&row))
}
