//! `GET /oauth/userinfo`: who is signed in, in OpenID Connect's words.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::api::entities::account::picture;
use crate::app::App;
use crate::error::AppResult;
use crate::http::auth::{User, scope};

pub async fn userinfo(
    State(app): State<App>,
    user: User<scope::Profile>,
) -> AppResult<Json<Value>> {
    let account = &user.account;
    Ok(Json(json!({
        "iss": app.config.url("/"),
        "sub": account.uri,
        "name": account.display_name,
        "preferred_username": account.username,
        "profile": account.url,
        "picture": picture(&app.config, &account.avatar, "/static/avatar.png"),
    })))
}
