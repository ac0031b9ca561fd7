//! `GET /api/v2/instance`: who we are and what our limits are.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::api::entities::instance::{about, contact_json, numbers};
use crate::app::App;
use crate::config::Registration;
use crate::domain::statuses::LIMITS;
use crate::domain::{pins, polls};
use crate::error::AppResult;

/// What we say we are: clients go by the first number.
pub fn version() -> String {
    format!("4.5.0 (compatible; Kith {})", env!("CARGO_PKG_VERSION"))
}

/// The part of the configuration that both versions of the entity share.
pub fn shared_configuration(app: &App) -> Value {
    json!({
        "statuses": {
            "max_characters": LIMITS.max_characters,
            "max_media_attachments": LIMITS.max_media,
            "characters_reserved_per_url": LIMITS.characters_per_url,
            "supported_mime_types": ["text/plain", "text/markdown", "text/html"],
        },
        "media_attachments": crate::api::media::configuration(app),
        "polls": {
            "max_options": polls::LIMITS.max_options,
            "max_characters_per_option": polls::LIMITS.max_characters,
            "min_expiration": polls::LIMITS.min_expiration,
            "max_expiration": polls::LIMITS.max_expiration,
        },
    })
}

/// Where clients open streams.
pub fn streaming_url(app: &App) -> String {
    app.config.url("").replacen("http", "ws", 1)
}

/// Languages of the instance.
pub const LANGUAGES: [&str; 1] = ["en"];

pub async fn get(State(app): State<App>) -> AppResult<Json<Value>> {
    let about = about(&app).await?;
    let numbers = numbers(&app).await?;
    let vapid = app.vapid().await?;
    let mut configuration = shared_configuration(&app);
    if let Some(object) = configuration.as_object_mut() {
        object.insert(
            "urls".to_owned(),
            json!({
                "streaming": streaming_url(&app),
                "status": null,
                "about": app.config.url("/"),
                "privacy_policy": app.config.url("/privacy-policy"),
                "terms_of_service": (!about.terms.is_empty())
                    .then(|| app.config.url("/terms-of-service")),
            }),
        );
        object.insert(
            "accounts".to_owned(),
            json!({
                "max_display_name_length": crate::api::v1::MAX_DISPLAY_NAME,
                "max_note_length": crate::api::v1::MAX_NOTE,
                "max_avatar_description_length": crate::api::v1::MAX_PICTURE_DESCRIPTION,
                "max_header_description_length": crate::api::v1::MAX_PICTURE_DESCRIPTION,
                "max_featured_tags": crate::domain::tags::MAX_FEATURED,
                "max_pinned_statuses": pins::MAX_PINS,
                "max_profile_fields": crate::api::v1::MAX_FIELDS,
                "profile_field_name_limit": crate::api::v1::MAX_FIELD,
                "profile_field_value_limit": crate::api::v1::MAX_FIELD,
            }),
        );
        object.insert(
            "translation".to_owned(),
            json!({"enabled": app.translator.is_some()}),
        );
        object.insert(
            "timelines_access".to_owned(),
            json!({
                "live_feeds": {"local": "public", "remote": "public"},
                "hashtag_feeds": {"local": "public", "remote": "public"},
                "trending_link_feeds": {"local": "public", "remote": "public"},
            }),
        );
        object.insert("limited_federation".to_owned(), json!(false));
        object.insert(
            "vapid".to_owned(),
            json!({"public_key": vapid.public_key()}),
        );
    }
    let registration = app.registration().await?;
    Ok(Json(json!({
        "domain": app.config.account_domain,
        "title": about.title(),
        "version": version(),
        "source_url": env!("CARGO_PKG_REPOSITORY"),
        "description": about.text("description"),
        "wrapstodon": null,
        "usage": {"users": {"active_month": numbers.active}},
        "thumbnail": {"url": app.config.url("/static/header.png"), "description": ""},
        "icon": [],
        "languages": LANGUAGES,
        "configuration": configuration,
        "registrations": {
            "enabled": matches!(registration, Registration::Open | Registration::Approval),
            "approval_required": registration == Registration::Approval,
            "message": about.html("registration_message"),
            "min_age": null,
            "reason_required": registration == Registration::Approval,
            "url": null,
        },
        "api_versions": {"mastodon": 7},
        "contact": {
            "email": about.text("contact_email"),
            "account": contact_json(&app, &about).await?,
        },
        "rules": about.rules,
    })))
}
