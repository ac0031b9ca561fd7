//! `/api/v1/instance/extended_description`, `privacy_policy` and `terms_of_service`

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::api::entities::instance::{About, about, html, terms_at};
use crate::app::App;
use crate::clock::iso;
use crate::db::instance::Terms;
use crate::domain::instance::day;
use crate::error::{AppError, AppResult};

pub fn routes() -> Router<App> {
    Router::new()
        .route(
            "/api/v1/instance/extended_description",
            get(extended_description),
        )
        .route("/api/v1/instance/privacy_policy", get(privacy_policy))
        .route("/api/v1/instance/terms_of_service", get(terms))
        .route("/api/v1/instance/terms_of_service/{date}", get(terms_of))
}

async fn extended_description(State(app): State<App>) -> AppResult<Json<Value>> {
    let about = about(&app).await?;
    let name = "extended_description";
    Ok(Json(json!({
        "updated_at": iso(about.changed_at(name)),
        "content": about.html(name).unwrap_or_default(),
    })))
}

async fn privacy_policy(State(app): State<App>) -> AppResult<Json<Value>> {
    let about = about(&app).await?;
    Ok(Json(json!({
        "updated_at": iso(about.changed_at("privacy_policy")),
        "content": crate::api::entities::instance::privacy_policy(&app, &about),
    })))
}

fn entity(app: &App, about: &About, terms: &Terms) -> Json<Value> {
    let today = day(app.clock.now_ms());
    // The next ones after these.
    let successor = about
        .terms
        .iter()
        .rev()
        .find(|other| other.effective_date > terms.effective_date);
    Json(json!({
        "effective_date": terms.effective_date,
        "effective": terms.effective_date <= today,
        "content": html(&terms.body),
        "succeeded_by": successor.map(|other| &other.effective_date),
    }))
}

async fn terms(State(app): State<App>) -> AppResult<Json<Value>> {
    let about = about(&app).await?;
    let current = terms_at(&about, app.clock.now_ms()).ok_or_else(AppError::not_found)?;
    Ok(entity(&app, &about, current))
}

async fn terms_of(State(app): State<App>, Path(date): Path<String>) -> AppResult<Json<Value>> {
    let about = about(&app).await?;
    let found = about
        .terms
        .iter()
        .find(|terms| terms.effective_date == date)
        .ok_or_else(AppError::not_found)?;
    Ok(entity(&app, &about, found))
}
