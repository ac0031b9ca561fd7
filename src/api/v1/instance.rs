//! `/api/v1/instance`

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::api::v2::instance::{LANGUAGES, shared_configuration, streaming_url, texts, version};
use crate::app::App;
use crate::config::Registration;
use crate::db;
use crate::error::AppResult;

pub fn routes() -> Router<App> {
    Router::new().route("/api/v1/instance", get(index))
}

async fn index(State(app): State<App>) -> AppResult<Json<Value>> {
    let texts = texts(&app).await?;
    let (users, statuses, domains) = app
        .read(|c| {
            Box::pin(async move {
                Ok((
                    db::accounts::count_local(c).await?,
                    db::statuses::count_local(c).await?,
                    db::accounts::count_domains(c).await?,
                ))
            })
        })
        .await?;
    let mut configuration = shared_configuration(&app);
    if let Some(object) = configuration.as_object_mut() {
        object.insert(
            "accounts".to_owned(),
            json!({"max_featured_tags": crate::domain::tags::MAX_FEATURED}),
        );
    }
    let registration = app.config.registration;
    Ok(Json(json!({
        "uri": app.config.account_domain,
        "title": texts.title,
        "short_description": texts.description,
        "description": texts.description,
        "email": texts.contact_email,
        "version": version(),
        "urls": {"streaming_api": streaming_url(&app)},
        "stats": {"user_count": users, "status_count": statuses, "domain_count": domains},
        "thumbnail": app.config.url("/static/header.png"),
        "languages": LANGUAGES,
        "registrations": matches!(registration, Registration::Open | Registration::Approval),
        "approval_required": registration == Registration::Approval,
        "invites_enabled": false,
        "configuration": configuration,
        "contact_account": null,
        "rules": [],
    })))
}
