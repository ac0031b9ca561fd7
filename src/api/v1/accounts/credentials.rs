//! `GET /api/v1/accounts/verify_credentials`, `PATCH /api/v1/accounts/update_credentials`, and
//! removing the pictures.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::entities::account;
use crate::api::v1::{MAX_DISPLAY_NAME, MAX_FIELD, MAX_FIELDS, MAX_NOTE, MAX_PICTURE_DESCRIPTION};
use crate::app::App;
use crate::db;
use crate::db::accounts::Account;
use crate::domain::accounts::change_profile;
use crate::domain::visibility::Visibility;
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::params::{self, Upload};
use crate::media::image::{self, Limits};
use crate::media::storage::Key;
use crate::text::{language, plain, sanitize};

pub async fn verify(
    State(app): State<App>,
    user: User<scope::ReadAccounts>,
) -> AppResult<Json<Value>> {
    Ok(Json(account::credential(&app, &user.account).await?))
}

#[derive(Debug, Default, Deserialize)]
pub struct Body {
    #[serde(default, deserialize_with = "params::text")]
    display_name: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    note: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    avatar_description: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    header_description: Option<String>,
    #[serde(default, deserialize_with = "params::flag")]
    locked: Option<bool>,
    #[serde(default, deserialize_with = "params::flag")]
    bot: Option<bool>,
    #[serde(default, deserialize_with = "params::flag")]
    discoverable: Option<bool>,
    #[serde(default, deserialize_with = "params::flag")]
    indexable: Option<bool>,
    #[serde(default, deserialize_with = "params::flag")]
    hide_collections: Option<bool>,
    fields_attributes: Option<Value>,
    source: Option<Source>,
}

#[derive(Debug, Default, Deserialize)]
struct Source {
    #[serde(default, deserialize_with = "params::text")]
    privacy: Option<String>,
    #[serde(default, deserialize_with = "params::flag")]
    sensitive: Option<bool>,
    #[serde(default, deserialize_with = "params::text")]
    language: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    quote_policy: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Field {
    #[serde(default, deserialize_with = "params::text")]
    name: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    value: Option<String>,
}

pub async fn update(
    State(app): State<App>,
    user: User<scope::WriteAccounts>,
    Upload {
        params: body,
        files,
    }: Upload<Body>,
) -> AppResult<Json<Value>> {
    let mut avatar = None;
    let mut header = None;
    for file in files {
        match file.field.as_str() {
            "avatar" => {
                avatar = Some(store_picture(&app, user.account.id, file.bytes, true).await?)
            }
            "header" => {
                header = Some(store_picture(&app, user.account.id, file.bytes, false).await?)
            }
            _ => {}
        }
    }
    check_lengths(&body)?;
    let ctx = app.ctx.clone();
    let id = user.account.id;
    let changed = app
        .write(move |tx| {
            Box::pin(async move {
                let mut account = db::accounts::by_id(tx, id)
                    .await?
                    .ok_or_else(AppError::not_found)?;
                let mut user = db::users::by_account(tx, id)
                    .await?
                    .ok_or_else(AppError::not_found)?;
                let mut settings: Value = serde_json::from_str(&user.settings).unwrap_or_default();
                if !settings.is_object() {
                    settings = json!({});
                }
                if let Some(avatar) = avatar {
                    account.avatar = avatar;
                }
                if let Some(header) = header {
                    account.header = header;
                }
                apply(&mut account, &mut settings, body)?;
                user.settings = settings.to_string();
                db::users::update(tx, &user).await?;
                change_profile(tx, &ctx, &account).await?;
                Ok(account)
            })
        })
        .await?;
    Ok(Json(account::credential(&app, &changed).await?))
}

fn check_lengths(body: &Body) -> AppResult<()> {
    let too_long =
        |text: &Option<String>, max: usize| text.as_ref().is_some_and(|t| t.chars().count() > max);
    let checks = [
        ("Display name", &body.display_name, MAX_DISPLAY_NAME),
        (
            "Avatar description",
            &body.avatar_description,
            MAX_PICTURE_DESCRIPTION,
        ),
        (
            "Header description",
            &body.header_description,
            MAX_PICTURE_DESCRIPTION,
        ),
    ];
    for (name, text, max) in checks {
        if too_long(text, max) {
            return Err(AppError::invalid(format!(
                "Validation failed: {name} is too long (maximum is {max} characters)"
            )));
        }
    }
    if body
        .note
        .as_deref()
        .is_some_and(|note| plain::char_count(note) > MAX_NOTE)
    {
        return Err(AppError::invalid(format!(
            "Validation failed: Note character limit of {MAX_NOTE} exceeded"
        )));
    }
    Ok(())
}

/// Writes what the body says into the account and the user's settings.
fn apply(account: &mut Account, settings: &mut Value, body: Body) -> AppResult<()> {
    if let Some(name) = body.display_name {
        account.display_name = sanitize::clean_inline(&name, MAX_DISPLAY_NAME);
    }
    if let Some(note) = body.note {
        account.note = render(&note);
        settings["note"] = note.into();
    }
    if let Some(text) = body.avatar_description {
        account.avatar_description = text;
    }
    if let Some(text) = body.header_description {
        account.header_description = text;
    }
    if let Some(locked) = body.locked {
        account.locked = locked;
    }
    if let Some(bot) = body.bot {
        account.kind = if bot { "Service" } else { "Person" }.to_owned();
    }
    if let Some(flag) = body.discoverable {
        account.discoverable = flag;
    }
    if let Some(flag) = body.indexable {
        account.indexable = flag;
    }
    if let Some(flag) = body.hide_collections {
        account.hide_collections = flag;
    }
    if let Some(fields) = body.fields_attributes {
        let (shown, source) = profile_fields(fields)?;
        account.fields = shown.to_string();
        settings["fields"] = source;
    }
    if let Some(source) = body.source {
        if let Some(privacy) = source.privacy {
            if Visibility::parse(&privacy).is_none() {
                return Err(AppError::invalid(
                    "Validation failed: Privacy is not included in the list",
                ));
            }
            settings["privacy"] = privacy.into();
        }
        if let Some(policy) = source.quote_policy {
            if crate::domain::quotes::Policy::parse(&policy).is_none() {
                return Err(AppError::invalid(
                    "Validation failed: Quote policy is not included in the list",
                ));
            }
            settings["quote_policy"] = policy.into();
        }
        if let Some(sensitive) = source.sensitive {
            settings["sensitive"] = sensitive.into();
        }
        if let Some(code) = source.language.filter(|code| !code.is_empty()) {
            let code = language::normalize(&code)
                .ok_or_else(|| AppError::invalid("Validation failed: Language is not valid"))?;
            settings["language"] = code.into();
        }
    }
    Ok(())
}

/// Profile fields as shown (HTML) and as typed.
fn profile_fields(value: Value) -> AppResult<(Value, Value)> {
    let fields: Vec<Field> = params::list(value).map_err(|e: serde_json::Error| {
        AppError::invalid("Validation failed").describe(e.to_string())
    })?;
    let mut shown = Vec::new();
    let mut source = Vec::new();
    for field in fields {
        let name = sanitize::clean_inline(field.name.as_deref().unwrap_or_default(), MAX_FIELD);
        let value = field.value.unwrap_or_default();
        if name.is_empty() && value.is_empty() {
            continue;
        }
        if value.chars().count() > MAX_FIELD || shown.len() >= MAX_FIELDS {
            return Err(AppError::invalid(
                "Validation failed: Fields are too long or too many",
            ));
        }
        let html = render(&value);
        // A field is one line: Mastodon shows it without the paragraph.
        let html = html
            .strip_prefix("<p>")
            .and_then(|html| html.strip_suffix("</p>"))
            .unwrap_or(&html);
        shown.push(json!({"name": name, "value": html, "verified_at": null}));
        source.push(json!({"name": name, "value": value, "verified_at": null}));
    }
    Ok((shown.into(), source.into()))
}

/// Plain text to HTML with its links; mentions and tags stay text.
fn render(text: &str) -> String {
    plain::compose(text, &plain::scan(text), &|_| None)
}

/// Processes and stores an avatar or header; gives its storage key.
async fn store_picture(
    app: &App,
    account_id: i64,
    bytes: bytes::Bytes,
    avatar: bool,
) -> AppResult<String> {
    let process = move || {
        let limits = Limits::default();
        if avatar {
            image::avatar(&bytes, &limits)
        } else {
            image::header(&bytes, &limits)
        }
    };
    let picture = tokio::task::spawn_blocking(process)
        .await
        .map_err(AppError::internal)?
        .map_err(|e| AppError::invalid(format!("Validation failed: {e}")))?;
    let shown = picture.shown;
    let area = if avatar { "avatars" } else { "headers" };
    let key = Key::for_content(
        area,
        &account_id.to_string(),
        &shown.bytes,
        shown.format.extension(),
    )
    .map_err(AppError::internal)?;
    app.storage
        .put(&key, shown.bytes)
        .await
        .map_err(AppError::internal)?;
    Ok(key.to_string())
}

pub async fn delete_avatar(
    State(app): State<App>,
    user: User<scope::WriteAccounts>,
) -> AppResult<Json<Value>> {
    remove_picture(app, user, true).await
}

pub async fn delete_header(
    State(app): State<App>,
    user: User<scope::WriteAccounts>,
) -> AppResult<Json<Value>> {
    remove_picture(app, user, false).await
}

async fn remove_picture(
    app: App,
    user: User<scope::WriteAccounts>,
    avatar: bool,
) -> AppResult<Json<Value>> {
    let ctx = app.ctx.clone();
    let id = user.account.id;
    let changed = app
        .write(move |tx| {
            Box::pin(async move {
                let mut account = db::accounts::by_id(tx, id)
                    .await?
                    .ok_or_else(AppError::not_found)?;
                if avatar {
                    account.avatar.clear();
                    account.avatar_description.clear();
                } else {
                    account.header.clear();
                    account.header_description.clear();
                }
                change_profile(tx, &ctx, &account).await?;
                Ok(account)
            })
        })
        .await?;
    Ok(Json(account::credential(&app, &changed).await?))
}
