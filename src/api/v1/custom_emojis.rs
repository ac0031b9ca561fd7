//! `GET /api/v1/custom_emojis`: ours, those for the picker.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde::Serialize;

use crate::api::entities::Json;
use crate::app::App;
use crate::db;
use crate::error::AppResult;

pub fn routes() -> Router<App> {
    Router::new().route("/api/v1/custom_emojis", get(index))
}

/// `CustomEmoji`.
#[derive(Debug, Serialize)]
struct Entity<'a> {
    shortcode: &'a str,
    url: String,
    static_url: String,
    visible_in_picker: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'a str>,
}

async fn index(State(app): State<App>) -> AppResult<Json> {
    if let Some(json) = app.caches.custom_emojis.get() {
        return Ok(Json(json.as_ref().to_owned()));
    }
    let ticket = app.caches.custom_emojis.ticket();
    let rows = app
        .read(|c| Box::pin(async move { Ok(db::emojis::local(c).await?) }))
        .await?;
    let entities: Vec<Entity<'_>> = rows
        .iter()
        .map(|emoji| Entity {
            shortcode: &emoji.shortcode,
            url: app.config.media_url(&emoji.image),
            static_url: app.config.media_url(&emoji.static_image),
            visible_in_picker: emoji.visible_in_picker,
            category: Some(emoji.category.as_str()).filter(|category| !category.is_empty()),
        })
        .collect();
    let json: Arc<str> = serde_json::to_string(&entities)?.into();
    app.caches.custom_emojis.put(ticket, json.clone());
    Ok(Json(json.as_ref().to_owned()))
}
