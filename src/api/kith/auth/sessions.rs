//! `GET /api/kith/v1/auth/sessions`, `DELETE …/:id`.

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::clock::iso;
use crate::domain::sign_in;
use crate::error::{AppError, AppResult};
use crate::http::auth::{EvenMoved, User, scope};
use crate::http::pagination::path_id;

/// A `Session`.
#[derive(Debug, Serialize)]
pub struct Session {
    id: String,
    /// The app, where it is one's.
    app: Option<String>,
    scopes: Vec<String>,
    ip: String,
    user_agent: String,
    created_at: String,
    /// When it was last used, give or take ten minutes.
    last_used_at: String,
    /// Whether it is the one that asks.
    current: bool,
}

pub async fn list(
    State(app): State<App>,
    user: User<scope::ReadAccounts>,
) -> AppResult<Json<Vec<Session>>> {
    let (id, token) = (user.account.id, user.session.token_id);
    let now = app.clock.now_ms();
    let listed = app
        .read(move |c| Box::pin(async move { sign_in::sessions(c, id, token, now).await }))
        .await?;
    let sessions = listed
        .into_iter()
        .map(|session| Session {
            id: session.id.to_string(),
            app: session.app,
            scopes: session
                .token
                .scopes
                .split_ascii_whitespace()
                .map(str::to_owned)
                .collect(),
            created_at: iso(session.created_at),
            last_used_at: iso(session
                .token
                .last_used_at
                .unwrap_or(session.token.created_at)),
            ip: session.token.ip,
            user_agent: session.token.user_agent,
            current: session.current,
        })
        .collect();
    Ok(Json(sessions))
}

pub async fn end(
    State(app): State<App>,
    EvenMoved { user }: EvenMoved<scope::WriteAccounts>,
    Path(id): Path<String>,
) -> AppResult<Json<Value>> {
    let account_id = user.account.id;
    let id = path_id(&id)?;
    let ctx = app.ctx.clone();
    let ended = app
        .write(move |tx| {
            Box::pin(async move { sign_in::end_session(tx, &ctx, account_id, id).await })
        })
        .await?;
    if ended {
        Ok(Json(json!({})))
    } else {
        Err(AppError::not_found())
    }
}
