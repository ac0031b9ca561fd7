//! `/api/v1/admin/trends`: what trends, with what waits for review, and deciding on it.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::value::RawValue;

use super::tags;
use crate::api::entities::status::{self, Mode, Reader as Seen};
use crate::api::entities::{Json, card};
use crate::api::list::json;
use crate::app::App;
use crate::db;
use crate::db::statuses::Tag;
use crate::db::trends::Kind;
use crate::domain::moderation::audit::{self, Target};
use crate::domain::trend_reviews::{self, Reviews};
use crate::error::{AppError, AppResult};
use crate::http::auth::scope;
use crate::http::pagination::{Paging, path_id};
use crate::http::staff::{Permitted, may};

type Reader = Permitted<may::ManageTaxonomies, scope::AdminRead>;
type Writer = Permitted<may::ManageTaxonomies, scope::AdminWrite>;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/admin/trends/tags", get(list_tags))
        .route("/api/v1/admin/trends/statuses", get(list_statuses))
        .route("/api/v1/admin/trends/links", get(list_links))
        .route("/api/v1/admin/trends/{kind}/{id}/approve", post(approve))
        .route("/api/v1/admin/trends/{kind}/{id}/reject", post(reject))
}

/// Ids of what trends or would, in their order, with the decisions on them.
async fn found(app: &App, kind: Kind, limit: i64, offset: i64) -> AppResult<(Vec<i64>, Reviews)> {
    app.read(move |c| {
        Box::pin(async move {
            let ids = db::trends::list_all(c, kind, limit, offset).await?;
            let reviews = Reviews::load(c, kind, &ids).await?;
            Ok((ids, reviews))
        })
    })
    .await
}

async fn tags_of(app: &App, ids: &[i64]) -> AppResult<Vec<Tag>> {
    let wanted = ids.to_vec();
    let mut found = app
        .read(move |c| Box::pin(async move { Ok(db::tags::by_ids(c, &wanted).await?) }))
        .await?;
    found.sort_by_key(|tag| ids.iter().position(|id| *id == tag.id));
    Ok(found)
}

async fn list_tags(State(app): State<App>, _staff: Reader, paging: Paging) -> AppResult<Response> {
    let (limit, offset) = (paging.page(10, 20).limit, paging.offset());
    let (ids, _) = found(&app, Kind::Tag, limit, offset).await?;
    let rows = tags_of(&app, &ids).await?;
    let links = paging.offset_links(limit, ids.len());
    Ok((links, json(&tags::render(&app, &rows).await?)?).into_response())
}

/// An entity with what moderators are told besides.
fn reviewed(entity: &str, requires_review: bool) -> Option<Box<RawValue>> {
    let open = entity.strip_suffix('}')?;
    RawValue::from_string(format!("{open},\"requires_review\":{requires_review}}}")).ok()
}

async fn statuses_of(
    app: &App,
    reader: i64,
    ids: &[i64],
    reviews: &Reviews,
) -> AppResult<Vec<Box<RawValue>>> {
    let reader = Seen::of(app, reader).await?;
    let page = status::page(app, ids, Some(&reader), Mode::Visible).await?;
    let shown = page.ids.iter().filter_map(|id| {
        let entity = page.one(*id)?;
        reviewed(&entity, reviews.requires_review(*id))
    });
    Ok(shown.collect())
}

async fn list_statuses(
    State(app): State<App>,
    staff: Reader,
    paging: Paging,
) -> AppResult<Response> {
    let (limit, offset) = (paging.page(20, 40).limit, paging.offset());
    let (ids, reviews) = found(&app, Kind::Status, limit, offset).await?;
    let links = paging.offset_links(limit, ids.len());
    let shown = statuses_of(&app, staff.staff.user.account.id, &ids, &reviews).await?;
    Ok((links, json(&shown)?).into_response())
}

async fn links_of(app: &App, ids: Vec<i64>, reviews: &Reviews) -> AppResult<Vec<Box<RawValue>>> {
    let shown = card::trending_by_id(app, ids).await?;
    let shown = shown.iter().filter_map(|(id, entity)| {
        let entity = entity.get().strip_prefix('{')?;
        let entity = format!("{{\"id\":\"{id}\",{entity}");
        reviewed(&entity, reviews.requires_review(*id))
    });
    Ok(shown.collect())
}

async fn list_links(State(app): State<App>, _staff: Reader, paging: Paging) -> AppResult<Response> {
    let (limit, offset) = (paging.page(10, 20).limit, paging.offset());
    let (ids, reviews) = found(&app, Kind::Link, limit, offset).await?;
    let links = paging.offset_links(limit, ids.len());
    let shown = links_of(&app, ids, &reviews).await?;
    Ok((links, json(&shown)?).into_response())
}

async fn approve(
    State(app): State<App>,
    staff: Writer,
    Path(path): Path<(String, String)>,
) -> AppResult<Json> {
    decide(&app, &staff, path, true).await
}

async fn reject(
    State(app): State<App>,
    staff: Writer,
    Path(path): Path<(String, String)>,
) -> AppResult<Json> {
    decide(&app, &staff, path, false).await
}

/// Decides on a subject that is there, and shows it.
async fn decide(
    app: &App,
    staff: &Writer,
    (kind, id): (String, String),
    trendable: bool,
) -> AppResult<Json> {
    let kind = match kind.as_str() {
        "tags" => Kind::Tag,
        "statuses" => Kind::Status,
        "links" => Kind::Link,
        _ => return Err(AppError::not_found()),
    };
    let (ctx, id, actor) = (app.ctx.clone(), path_id(&id)?, staff.staff.actor());
    let verb = match trendable {
        true => "approve_trend",
        false => "reject_trend",
    };
    let reviews = app
        .write(move |tx| {
            Box::pin(async move {
                let (what, name) = match kind {
                    Kind::Tag => {
                        let tag = db::tags::by_ids(tx, &[id]).await?.pop();
                        ("tag", tag.map(|tag| tag.name))
                    }
                    Kind::Status => {
                        let status = db::statuses::by_id(tx, id).await?;
                        ("status", status.map(|status| status.uri))
                    }
                    _ => {
                        let card = db::cards::by_ids(tx, &[id]).await?.pop();
                        ("link", card.map(|card| card.url))
                    }
                };
                let name = name.ok_or_else(AppError::not_found)?;
                trend_reviews::decide(tx, &ctx, kind, id, trendable).await?;
                let target = Target::Policy(what, id, &name);
                audit::record(tx, &ctx, &actor, verb, target, &[]).await?;
                Reviews::load(tx, kind, &[id]).await
            })
        })
        .await?;
    match kind {
        Kind::Tag => json(&tags::render(app, &tags_of(app, &[id]).await?).await?.pop()),
        Kind::Status => {
            let reader = staff.staff.user.account.id;
            let shown = statuses_of(app, reader, &[id], &reviews).await?.pop();
            json(&shown.ok_or_else(AppError::not_found)?)
        }
        _ => {
            let shown = links_of(app, vec![id], &reviews).await?.pop();
            json(&shown.ok_or_else(AppError::not_found)?)
        }
    }
}
