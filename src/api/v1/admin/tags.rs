//! `/api/v1/admin/tags`: what moderators decide of tags.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::{Deserialize, Serialize};

use super::page_of;
use crate::api::entities::Json;
use crate::api::entities::tag;
use crate::api::list::json;
use crate::app::App;
use crate::db;
use crate::db::statuses::Tag;
use crate::db::trends::Kind;
use crate::domain::moderation::audit::{self, Target};
use crate::domain::trend_reviews::{self, Reviews, TagChange};
use crate::error::{AppError, AppResult};
use crate::http::auth::scope;
use crate::http::pagination::{Paging, path_id};
use crate::http::params::{Params, flag, text};
use crate::http::staff::{Permitted, may};

type Reader = Permitted<may::ManageTaxonomies, scope::AdminRead>;
type Writer = Permitted<may::ManageTaxonomies, scope::AdminWrite>;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/admin/tags", get(index))
        .route("/api/v1/admin/tags/{id}", get(show).put(update))
}

/// `Admin::Tag`.
#[derive(Debug, Serialize)]
pub struct Entity {
    #[serde(flatten)]
    tag: tag::Entity,
    trendable: bool,
    usable: bool,
    requires_review: bool,
    listable: bool,
}

/// Shows tags in their order.
pub async fn render(app: &App, tags: &[Tag]) -> AppResult<Vec<Entity>> {
    let ids: Vec<i64> = tags.iter().map(|tag| tag.id).collect();
    let reviews = app
        .read(move |c| Box::pin(async move { Reviews::load(c, Kind::Tag, &ids).await }))
        .await?;
    let shown = tag::render(app, tags, None).await?;
    Ok(tags
        .iter()
        .zip(shown)
        .map(|(row, tag)| Entity {
            tag,
            trendable: reviews.trendable(row.id),
            usable: reviews.rule(row.id).usable,
            requires_review: reviews.requires_review(row.id),
            listable: reviews.rule(row.id).listable,
        })
        .collect())
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body {
    #[serde(deserialize_with = "text")]
    display_name: Option<String>,
    #[serde(deserialize_with = "flag")]
    trendable: Option<bool>,
    #[serde(deserialize_with = "flag")]
    usable: Option<bool>,
    #[serde(deserialize_with = "flag")]
    listable: Option<bool>,
}

async fn index(State(app): State<App>, _staff: Reader, paging: Paging) -> AppResult<Response> {
    let page = page_of(&paging);
    let found = app
        .read(move |c| Box::pin(async move { Ok(db::trend_reviews::tags_page(c, page).await?) }))
        .await?;
    let links = paging.links(
        found.first().map(|tag| tag.id),
        found.last().map(|tag| tag.id),
        found.len() as i64 >= page.limit,
    );
    Ok((links, json(&render(&app, &found).await?)?).into_response())
}

async fn show(State(app): State<App>, _staff: Reader, Path(id): Path<String>) -> AppResult<Json> {
    let id = path_id(&id)?;
    let found = app
        .read(move |c| Box::pin(async move { Ok(db::tags::by_ids(c, &[id]).await?) }))
        .await?;
    let shown = render(&app, &found).await?.pop();
    json(&shown.ok_or_else(AppError::not_found)?)
}

async fn update(
    State(app): State<App>,
    staff: Writer,
    Path(id): Path<String>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let (ctx, id) = (app.ctx.clone(), path_id(&id)?);
    let change = TagChange {
        display_name: body.display_name.filter(|name| !name.is_empty()),
        trendable: body.trendable,
        usable: body.usable,
        listable: body.listable,
    };
    let actor = staff.staff.actor();
    let tag = app
        .write(move |tx| {
            Box::pin(async move {
                let tag = trend_reviews::change_tag(tx, &ctx, id, change.clone()).await?;
                let said = |flag: Option<bool>| flag.map(|f| f.to_string()).unwrap_or_default();
                let (trendable, usable) = (said(change.trendable), said(change.usable));
                let listable = said(change.listable);
                let details = [
                    (
                        "display_name",
                        change.display_name.as_deref().unwrap_or_default(),
                    ),
                    ("trendable", trendable.as_str()),
                    ("usable", &usable),
                    ("listable", &listable),
                ];
                let target = Target::Policy("tag", id, &tag.name);
                audit::record(tx, &ctx, &actor, "update", target, &details).await?;
                Ok(tag)
            })
        })
        .await?;
    json(&render(&app, &[tag]).await?.pop())
}
