//! `GET /api/v1/accounts/verify_credentials`, `PATCH /api/v1/accounts/update_credentials`, and
//! the same as `/api/v1/profile`.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::Value;

use crate::api::entities::account;
use crate::app::App;
use crate::db;
use crate::db::accounts::Account;
use crate::domain::profiles::{self, Changes};
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::params::{self, File, Upload};
use crate::media::intake::{IntakeError, Picture};

pub async fn verify(
    State(app): State<App>,
    user: User<scope::ProfileOrReadAccounts>,
) -> AppResult<Json<Value>> {
    Ok(Json(account::credential(&app, &user.account).await?))
}

pub async fn profile(
    State(app): State<App>,
    user: User<scope::ProfileOrReadAccounts>,
) -> AppResult<Json<Value>> {
    Ok(Json(account::profile(&app, &user.account).await?))
}

#[derive(Debug, Default, Deserialize)]
pub struct Body {
    #[serde(default, deserialize_with = "params::text")]
    display_name: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    note: Option<String>,
    /// Without a file: an empty value removes the picture.
    #[serde(default, deserialize_with = "params::text")]
    avatar: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    avatar_description: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    header: Option<String>,
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
    #[serde(default, deserialize_with = "params::flag")]
    show_media: Option<bool>,
    #[serde(default, deserialize_with = "params::flag")]
    show_media_replies: Option<bool>,
    #[serde(default, deserialize_with = "params::flag")]
    show_featured: Option<bool>,
    attribution_domains: Option<Value>,
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

fn malformed(error: serde_json::Error) -> AppError {
    AppError::invalid("Validation failed").describe(error.to_string())
}

impl Body {
    /// What it asks for, but for pictures.
    fn changes(self) -> AppResult<Changes> {
        let fields = match self.fields_attributes {
            Some(value) => {
                let fields: Vec<Field> = params::list(value).map_err(malformed)?;
                let pairs = fields.into_iter().map(|field| {
                    let name = field.name.unwrap_or_default();
                    (name, field.value.unwrap_or_default())
                });
                // Clients send a row for each that there may be.
                let filled = |(name, value): &(String, String)| {
                    !name.trim().is_empty() || !value.trim().is_empty()
                };
                Some(pairs.filter(filled).collect())
            }
            None => None,
        };
        let attribution_domains = match self.attribution_domains {
            Some(value) => {
                let domains = params::texts(value).map_err(malformed)?;
                let named = domains.into_iter().filter(|text| !text.trim().is_empty());
                Some(named.collect())
            }
            None => None,
        };
        let source = self.source.unwrap_or_default();
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let emptied = |text: Option<String>| text.filter(String::is_empty);
        Ok(Changes {
            display_name: self.display_name,
            note: self.note,
            avatar: emptied(self.avatar),
            avatar_description: self.avatar_description,
            header: emptied(self.header),
            header_description: self.header_description,
            locked: self.locked,
            bot: self.bot,
            discoverable: self.discoverable,
            indexable: self.indexable,
            hide_collections: self.hide_collections,
            show_media: self.show_media,
            show_media_replies: self.show_media_replies,
            show_featured: self.show_featured,
            attribution_domains,
            fields,
            privacy: given(source.privacy),
            sensitive: source.sensitive,
            language: source.language,
            quote_policy: given(source.quote_policy),
            ..Changes::default()
        })
    }
}

pub async fn update(
    State(app): State<App>,
    user: User<scope::WriteAccounts>,
    Upload { params, files }: Upload<Body>,
) -> AppResult<Json<Value>> {
    let changed = change(&app, &user, params, files).await?;
    Ok(Json(account::credential(&app, &changed).await?))
}

pub async fn update_profile(
    State(app): State<App>,
    user: User<scope::WriteAccounts>,
    Upload { params, files }: Upload<Body>,
) -> AppResult<Json<Value>> {
    let changed = change(&app, &user, params, files).await?;
    Ok(Json(account::profile(&app, &changed).await?))
}

async fn change(
    app: &App,
    user: &User<scope::WriteAccounts>,
    body: Body,
    files: Vec<File>,
) -> AppResult<Account> {
    apply(app, user.account.id, body.changes()?, files).await
}

/// Makes changes, with the pictures that came along.
pub(crate) async fn apply(
    app: &App,
    id: i64,
    mut changes: Changes,
    files: Vec<File>,
) -> AppResult<Account> {
    // Before a picture is worked on.
    profiles::check(&changes)?;
    for file in files {
        match file.field.as_str() {
            "avatar" => changes.avatar = Some(store(app, file, true).await?),
            "header" => changes.header = Some(store(app, file, false).await?),
            _ => {}
        }
    }
    let ctx = app.ctx.clone();
    app.write(move |tx| Box::pin(async move { profiles::change(tx, &ctx, id, changes).await }))
        .await
}

/// Works out and stores a picture; gives its storage key. Until a profile holds it, it is marked
/// as held by nothing, so that no file is ever lost sight of.
async fn store(app: &App, file: File, avatar: bool) -> AppResult<String> {
    let id = app.ctx.ids.next();
    let refused = |error: IntakeError| match error {
        IntakeError::Refused(error) => {
            let what = if avatar { "Avatar" } else { "Header" };
            AppError::invalid(format!("Validation failed: {what} {error}"))
        }
        IntakeError::Storage(error) => error.into(),
        other => AppError::internal(other),
    };
    let picture: Picture = if avatar {
        app.intake.avatar(id, file.bytes).await
    } else {
        app.intake.header(id, file.bytes).await
    }
    .map_err(refused)?;
    let (names, now) = (picture.files(), app.clock.now_ms());
    app.write(move |tx| {
        Box::pin(async move { Ok(db::profiles::retire_files(tx, &names, now).await?) })
    })
    .await?;
    app.intake.store_picture(&picture).await.map_err(refused)?;
    Ok(picture.key.to_string())
}

pub async fn delete_avatar(
    State(app): State<App>,
    user: User<scope::WriteAccounts>,
) -> AppResult<Json<Value>> {
    let changes = Changes {
        avatar: Some(String::new()),
        ..Changes::default()
    };
    remove(app, user, changes).await
}

pub async fn delete_header(
    State(app): State<App>,
    user: User<scope::WriteAccounts>,
) -> AppResult<Json<Value>> {
    let changes = Changes {
        header: Some(String::new()),
        ..Changes::default()
    };
    remove(app, user, changes).await
}

async fn remove(
    app: App,
    user: User<scope::WriteAccounts>,
    changes: Changes,
) -> AppResult<Json<Value>> {
    let (ctx, id) = (app.ctx.clone(), user.account.id);
    let changed = app
        .write(move |tx| Box::pin(async move { profiles::change(tx, &ctx, id, changes).await }))
        .await?;
    Ok(Json(account::credential(&app, &changed).await?))
}
