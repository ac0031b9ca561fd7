//! `/api/v1/instance`

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::api::entities::instance::{about, contact_json, numbers};
use crate::api::v2::instance::{LANGUAGES, shared_configuration, streaming_url, version};
use crate::app::App;
use crate::config::Registration;
use crate::error::AppResult;

mod domain_blocks;
mod peers;
mod texts;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/instance", get(index))
        .route("/api/v1/instance/rules", get(rules))
        .route("/api/v1/instance/languages", get(languages))
        .merge(domain_blocks::routes())
        .merge(peers::routes())
        .merge(texts::routes())
}

async fn index(State(app): State<App>) -> AppResult<Json<Value>> {
    let about = about(&app).await?;
    let numbers = numbers(&app).await?;
    let mut configuration = shared_configuration(&app);
    if let Some(object) = configuration.as_object_mut() {
        object.insert(
            "accounts".to_owned(),
            json!({"max_featured_tags": crate::domain::tags::MAX_FEATURED}),
        );
    }
    let registration = app.registration().await?;
    Ok(Json(json!({
        "uri": app.config.account_domain,
        "title": about.title(),
        "short_description": about.text("description"),
        "description": about
            .html("extended_description")
            .unwrap_or_else(|| about.text("description").to_owned()),
        "email": about.text("contact_email"),
        "version": version(),
        "urls": {"streaming_api": streaming_url(&app)},
        "stats": {
            "user_count": numbers.users,
            "status_count": numbers.statuses,
            "domain_count": numbers.domains.len(),
        },
        "thumbnail": app.config.url("/static/header.png"),
        "languages": LANGUAGES,
        "registrations": matches!(registration, Registration::Open | Registration::Approval),
        "approval_required": registration == Registration::Approval,
        "invites_enabled": false,
        "configuration": configuration,
        "contact_account": contact_json(&app, &about).await?,
        "rules": about.rules,
    })))
}

async fn rules(State(app): State<App>) -> AppResult<Json<Value>> {
    Ok(Json(serde_json::to_value(&about(&app).await?.rules)?))
}

/// Languages that posts can be in.
async fn languages() -> Json<Value> {
    let language = |(code, name): &(&str, &str)| json!({"code": code, "name": name});
    Json(
        crate::text::languages::LANGUAGES
            .iter()
            .map(language)
            .collect(),
    )
}
