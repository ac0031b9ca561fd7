//! `GET /api/v2/instance`: who we are and what our limits are.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::app::App;
use crate::config::Registration;
use crate::db;
use crate::domain::statuses::LIMITS;
use crate::domain::{pins, polls};
use crate::error::AppResult;

/// What we say we are: clients go by the first number.
pub fn version() -> String {
    format!("4.5.0 (compatible; Kith {})", env!("CARGO_PKG_VERSION"))
}

/// Texts that an admin sets, with what stands where nothing is set.
pub struct Texts {
    pub title: String,
    pub description: String,
    pub contact_email: String,
}

/// Reads the instance's texts: one statement.
pub async fn texts(app: &App) -> AppResult<Texts> {
    let settings = app
        .read(|c| Box::pin(async move { Ok(db::policies::settings(c).await?) }))
        .await?;
    let get = |name: &str| {
        settings
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.clone())
    };
    Ok(Texts {
        title: get("title").unwrap_or_else(|| "Kith".to_owned()),
        description: get("description").unwrap_or_default(),
        contact_email: get("contact_email").unwrap_or_default(),
    })
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
    let texts = texts(&app).await?;
    let users = app
        .read(|c| Box::pin(async move { Ok(db::accounts::count_local(c).await?) }))
        .await?;
    let mut configuration = shared_configuration(&app);
    if let Some(object) = configuration.as_object_mut() {
        object.insert(
            "urls".to_owned(),
            json!({
                "streaming": streaming_url(&app),
                "status": null,
                "about": app.config.url("/"),
                "privacy_policy": null,
                "terms_of_service": null,
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
    }
    let registration = app.config.registration;
    Ok(Json(json!({
        "domain": app.config.account_domain,
        "title": texts.title,
        "version": version(),
        "source_url": env!("CARGO_PKG_REPOSITORY"),
        "description": texts.description,
        "wrapstodon": null,
        "usage": {"users": {"active_month": users}},
        "thumbnail": {"url": app.config.url("/static/header.png"), "description": ""},
        "icon": [],
        "languages": LANGUAGES,
        "configuration": configuration,
        "registrations": {
            "enabled": matches!(registration, Registration::Open | Registration::Approval),
            "approval_required": registration == Registration::Approval,
            "message": null,
            "min_age": null,
            "reason_required": registration == Registration::Approval,
            "url": null,
        },
        "api_versions": {"mastodon": 7},
        "contact": {"email": texts.contact_email, "account": null},
        "rules": [],
    })))
}
