//! `/api/v1/admin/ip_blocks`: rules about IP addresses.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use serde::{Deserialize, Serialize};

use super::{page_of, rows};
use crate::api::entities::Json;
use crate::api::list::json as answer;
use crate::app::App;
use crate::clock::iso;
use crate::db;
use crate::db::sign_up_rules::IpBlock;
use crate::domain::ip_blocks::{self, Change};
use crate::domain::moderation::audit;
use crate::error::{AppError, AppResult};
use crate::http::auth::scope;
use crate::http::pagination::{Paging, path_id};
use crate::http::params::{Params, integer, text};
use crate::http::staff::{Permitted, may};

type Reader = Permitted<may::ManageBlocks, scope::AdminReadIpBlocks>;
type Writer = Permitted<may::ManageBlocks, scope::AdminWriteIpBlocks>;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/admin/ip_blocks", get(index).post(create))
        .route(
            "/api/v1/admin/ip_blocks/{id}",
            get(show).put(update).delete(remove),
        )
}

/// `Admin::IpBlock`.
#[derive(Debug, Serialize)]
struct Entity {
    id: String,
    ip: String,
    severity: String,
    comment: String,
    created_at: String,
    expires_at: Option<String>,
}

impl Entity {
    fn of(row: &IpBlock) -> Entity {
        Entity {
            id: row.id.to_string(),
            ip: row.ip.clone(),
            severity: row.severity.clone(),
            comment: row.comment.clone(),
            created_at: iso(row.created_at),
            expires_at: row.expires_at.map(iso),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body {
    #[serde(deserialize_with = "text")]
    ip: Option<String>,
    #[serde(deserialize_with = "text")]
    severity: Option<String>,
    #[serde(deserialize_with = "text")]
    comment: Option<String>,
    #[serde(deserialize_with = "integer")]
    expires_in: Option<i64>,
}

impl Body {
    fn change(self) -> Change {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        Change {
            ip: given(self.ip),
            severity: given(self.severity),
            comment: self.comment,
            expires_in: self.expires_in,
        }
    }
}

async fn index(State(app): State<App>, _staff: Reader, paging: Paging) -> AppResult<Response> {
    let page = page_of(&paging);
    let found = app
        .read(move |c| Box::pin(async move { Ok(db::sign_up_rules::ips(c, page).await?) }))
        .await?;
    rows(&found, &paging, page, |row| row.id, Entity::of)
}

async fn show(State(app): State<App>, _staff: Reader, Path(id): Path<String>) -> AppResult<Json> {
    let id = path_id(&id)?;
    let row = app
        .read(move |c| Box::pin(async move { Ok(db::sign_up_rules::ip(c, id).await?) }))
        .await?
        .ok_or_else(AppError::not_found)?;
    answer(&Entity::of(&row))
}

async fn create(
    State(app): State<App>,
    staff: Writer,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let (ctx, wanted) = (app.ctx.clone(), body.change());
    let actor = staff.staff.actor();
    let row = app
        .write(move |tx| {
            Box::pin(async move {
                let row = ip_blocks::add(tx, &ctx, wanted.clone()).await?;
                audit::ip_block(tx, &ctx, &actor, "create", &row).await?;
                Ok(row)
            })
        })
        .await?;
    answer(&Entity::of(&row))
}

async fn update(
    State(app): State<App>,
    staff: Writer,
    Path(id): Path<String>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let (ctx, id, wanted) = (app.ctx.clone(), path_id(&id)?, body.change());
    let actor = staff.staff.actor();
    let row = app
        .write(move |tx| {
            Box::pin(async move {
                let row = ip_blocks::change(tx, &ctx, id, wanted.clone()).await?;
                audit::ip_block(tx, &ctx, &actor, "update", &row).await?;
                Ok(row)
            })
        })
        .await?;
    answer(&Entity::of(&row))
}

/// Removes a rule; the answer is what was removed.
async fn remove(State(app): State<App>, staff: Writer, Path(id): Path<String>) -> AppResult<Json> {
    let id = path_id(&id)?;
    let (ctx, actor) = (app.ctx.clone(), staff.staff.actor());
    let row = app
        .write(move |tx| {
            Box::pin(async move {
                let row = ip_blocks::remove(tx, id).await?;
                audit::ip_block(tx, &ctx, &actor, "destroy", &row).await?;
                Ok(row)
            })
        })
        .await?;
    answer(&Entity::of(&row))
}
