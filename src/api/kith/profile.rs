//! `GET` and `PATCH /api/kith/v1/profile`, `DELETE …/avatar`, `…/header`.

use axum::extract::State;
use axum::routing::{delete, get};
use axum::{Json, Router};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::api::entities::account;
use crate::api::v1::accounts::credentials::apply;
use crate::app::App;
use crate::clock::parse_iso;
use crate::domain::profiles::{Changes, StatusLine};
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::params::{self, Upload};

/// Routes of this area.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/kith/v1/profile", get(show).patch(update))
        .route("/api/kith/v1/profile/avatar", delete(delete_avatar))
        .route("/api/kith/v1/profile/header", delete(delete_header))
}

/// What is not given stays as it is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Body {
    #[serde(deserialize_with = "params::text")]
    display_name: Option<String>,
    #[serde(deserialize_with = "params::text")]
    note: Option<String>,
    #[serde(deserialize_with = "params::text")]
    location: Option<String>,
    /// Null or empty removes it.
    #[serde(deserialize_with = "given")]
    status: Option<Value>,
    #[serde(deserialize_with = "params::text")]
    username: Option<String>,
    /// Without a file: an empty value removes the picture.
    #[serde(deserialize_with = "params::text")]
    avatar: Option<String>,
    #[serde(deserialize_with = "params::text")]
    avatar_description: Option<String>,
    #[serde(deserialize_with = "params::text")]
    header: Option<String>,
    #[serde(deserialize_with = "params::text")]
    header_description: Option<String>,
    #[serde(deserialize_with = "params::text")]
    chat_policy: Option<String>,
    #[serde(deserialize_with = "params::flag")]
    message_requests: Option<bool>,
    #[serde(deserialize_with = "params::flag")]
    read_receipts: Option<bool>,
    #[serde(deserialize_with = "params::flag")]
    presence: Option<bool>,
    #[serde(deserialize_with = "params::flag")]
    notify_dislikes: Option<bool>,
    #[serde(deserialize_with = "params::text")]
    email_digest: Option<String>,
    fields: Option<Value>,
}

/// What is there, null too.
fn given<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(input).map(Some)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    #[serde(deserialize_with = "params::text")]
    text: Option<String>,
    #[serde(deserialize_with = "params::text")]
    emoji: Option<String>,
    #[serde(deserialize_with = "params::text")]
    expires_at: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Field {
    #[serde(deserialize_with = "params::text")]
    name: Option<String>,
    #[serde(deserialize_with = "params::text")]
    value: Option<String>,
}

fn malformed(error: serde_json::Error) -> AppError {
    AppError::invalid("Validation failed").describe(error.to_string())
}

fn status_line(value: Value) -> AppResult<StatusLine> {
    if value.is_null() || value == "" {
        return Ok(StatusLine::default());
    }
    // A struct is read from a list as well.
    if !value.is_object() {
        return Err(AppError::invalid(
            "Validation failed: Status must have text, emoji or expires_at",
        ));
    }
    let status: Status = serde_json::from_value(value).map_err(malformed)?;
    let expires_at = match status.expires_at.filter(|text| !text.is_empty()) {
        Some(text) => Some(parse_iso(&text).ok_or_else(|| {
            AppError::invalid("Validation failed: Status expires at is not a time")
        })?),
        None => None,
    };
    Ok(StatusLine {
        text: status.text.unwrap_or_default().trim().to_owned(),
        emoji: status.emoji.unwrap_or_default().trim().to_owned(),
        expires_at,
    })
}

impl Body {
    fn changes(self) -> AppResult<Changes> {
        let fields = match self.fields {
            Some(value) => {
                let fields: Vec<Field> = params::list(value).map_err(malformed)?;
                let pairs = fields.into_iter().map(|field| {
                    let name = field.name.unwrap_or_default();
                    (name, field.value.unwrap_or_default())
                });
                let filled = |(name, value): &(String, String)| {
                    !name.trim().is_empty() || !value.trim().is_empty()
                };
                Some(pairs.filter(filled).collect())
            }
            None => None,
        };
        let emptied = |text: Option<String>| text.filter(String::is_empty);
        Ok(Changes {
            display_name: self.display_name,
            note: self.note,
            location: self.location,
            status: self.status.map(status_line).transpose()?,
            username: self.username.map(|name| name.trim().to_owned()),
            avatar: emptied(self.avatar),
            avatar_description: self.avatar_description,
            header: emptied(self.header),
            header_description: self.header_description,
            chat_policy: self.chat_policy,
            message_requests: self.message_requests,
            read_receipts: self.read_receipts,
            presence: self.presence,
            notify_dislikes: self.notify_dislikes,
            email_digest: self.email_digest,
            fields,
            ..Changes::default()
        })
    }
}

async fn show(State(app): State<App>, user: User<scope::ReadAccounts>) -> AppResult<Json<Value>> {
    Ok(Json(account::kith_profile(&app, &user.account).await?))
}

async fn update(
    State(app): State<App>,
    user: User<scope::WriteAccounts>,
    Upload { params, files }: Upload<Body>,
) -> AppResult<Json<Value>> {
    let changes: Changes = Body::changes(params)?;
    let changed = apply(&app, user.account.id, changes, files).await?;
    Ok(Json(account::kith_profile(&app, &changed).await?))
}

async fn delete_avatar(
    State(app): State<App>,
    user: User<scope::WriteAccounts>,
) -> AppResult<Json<Value>> {
    let changes = Changes {
        avatar: Some(String::new()),
        ..Changes::default()
    };
    let changed = apply(&app, user.account.id, changes, Vec::new()).await?;
    Ok(Json(account::kith_profile(&app, &changed).await?))
}

async fn delete_header(
    State(app): State<App>,
    user: User<scope::WriteAccounts>,
) -> AppResult<Json<Value>> {
    let changes = Changes {
        header: Some(String::new()),
        ..Changes::default()
    };
    let changed = apply(&app, user.account.id, changes, Vec::new()).await?;
    Ok(Json(account::kith_profile(&app, &changed).await?))
}
