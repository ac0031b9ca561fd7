//! `GET /api/v1/preferences`

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::app::App;
use crate::domain::profiles::shown_privacy;
use crate::domain::settings::Settings;
use crate::error::AppResult;
use crate::http::auth::{User, scope};

pub fn routes() -> Router<App> {
    Router::new().route("/api/v1/preferences", get(show))
}

async fn show(State(app): State<App>, user: User<scope::ReadAccounts>) -> AppResult<Json<Value>> {
    let id = user.account.id;
    let settings = app.read(move |c| Box::pin(Settings::load(c, id))).await?;
    Ok(Json(json!({
        "posting:default:visibility": shown_privacy(&settings),
        "posting:default:sensitive": settings.sensitive.unwrap_or(false),
        "posting:default:language": settings.language,
        "posting:default:quote_policy": settings.quote_policy(),
        "reading:expand:media": settings.expand_media.as_deref().unwrap_or("default"),
        "reading:expand:spoilers": settings.expand_spoilers.unwrap_or(false),
        "reading:autoplay:gifs": settings.autoplay_gifs.unwrap_or(false),
    })))
}
