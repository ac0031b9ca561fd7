//! `POST /api/kith/v1/auth/register`, and what `POST /api/v1/accounts` shares with it.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::entities::account::entity;
use crate::app::App;
use crate::db::accounts::{Account, AccountStats};
use crate::db::users::User;
use crate::domain::invites;
use crate::domain::ip_blocks::Severity;
use crate::domain::users::{self, Problem, Registered, Registering};
use crate::error::{AppError, AppResult};
use crate::http::client_ip::Caller;
use crate::http::params::{Params, flag, text};
use crate::limits::Deed;
use crate::passwords;
use crate::text::language;

/// The body.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Body {
    #[serde(deserialize_with = "text")]
    username: Option<String>,
    #[serde(deserialize_with = "text")]
    email: Option<String>,
    #[serde(deserialize_with = "text")]
    password: Option<String>,
    #[serde(deserialize_with = "flag")]
    agreement: Option<bool>,
    #[serde(deserialize_with = "text")]
    locale: Option<String>,
    #[serde(deserialize_with = "text")]
    reason: Option<String>,
    #[serde(deserialize_with = "text")]
    invite: Option<String>,
}

/// Registers someone, or answers with what will not do: 422 with `details` (Mastodon
/// documentation, methods/accounts).
pub async fn run(
    app: &App,
    caller: &Caller,
    app_id: Option<i64>,
    body: Body,
) -> AppResult<Result<(Account, User), Response>> {
    let invite = body.invite.unwrap_or_default().trim().to_lowercase();
    users::open_to_strangers(app.registration().await?, !invite.is_empty())?;
    let rule = app.ip_rules().await?;
    let rule = rule.of_address(caller.ip, app.clock.now_ms());
    if rule.is_some_and(|rule| rule >= Severity::SignUpBlock) {
        return Err(AppError::forbidden("This action is not allowed"));
    }
    caller.count(app, Deed::Register)?;
    let username = body.username.unwrap_or_default();
    let email = body.email.unwrap_or_default().trim().to_owned();
    let password = body.password.unwrap_or_default();
    let reason = body.reason.unwrap_or_default().trim().to_owned();
    let agreement = body.agreement == Some(true);
    let mut problems = users::problems(&username, &email, &password, agreement, &reason);
    let locale = body.locale.unwrap_or_default();
    if !locale.is_empty() && language::normalize(&locale).is_none() {
        problems.push(Problem {
            field: "locale",
            code: "ERR_INCLUSION",
            text: "is not included in the list",
        });
    }
    if !problems.is_empty() {
        return Ok(Err(refused(&problems)));
    }
    if !invite.is_empty() {
        let (ctx, code) = (app.ctx.clone(), invite.clone());
        let open = app
            .read(move |c| Box::pin(async move { invites::is_open(c, &ctx, &code).await }))
            .await?;
        // Before the work of hashing is done for a code that was made up.
        if !open {
            return Ok(Err(refused(&[invites::no_good()])));
        }
    }
    let password_hash = passwords::hash(&app.random, password).await?;
    let new = Registering {
        username,
        email,
        password_hash,
        keys: app.keys.next().await?,
        locale,
        reason,
        invite,
        ip: caller.ip.to_string(),
        app_id,
        doubtful: rule.is_some(),
    };
    let registered = match attempt(app, new.clone()).await {
        // Somebody registered the same at the same time, and was quicker: what looks at names once
        // more saw it, and does not say all that is wrong.
        Err(error) if error.status == StatusCode::UNPROCESSABLE_ENTITY => attempt(app, new).await,
        other => other,
    };
    Ok(match registered? {
        Registered::Done(done) => Ok(*done),
        Registered::Refused(problems) => Err(refused(&problems)),
    })
}

async fn attempt(app: &App, new: Registering) -> AppResult<Registered> {
    let ctx = app.ctx.clone();
    app.write(move |tx| Box::pin(async move { users::register(tx, &ctx, new).await }))
        .await
}

fn refused(problems: &[Problem]) -> Response {
    let name = |field: &str| match field {
        "email" => "E-mail".to_owned(),
        other => other[..1].to_uppercase() + &other[1..],
    };
    let texts: Vec<String> = problems
        .iter()
        .map(|problem| format!("{} {}", name(problem.field), problem.text))
        .collect();
    let mut details: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for problem in problems {
        details
            .entry(problem.field)
            .or_default()
            .push(json!({"error": problem.code, "description": problem.text}));
    }
    let body = json!({
        "error": format!("Validation failed: {}", texts.join(", ")),
        "details": details,
    });
    (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response()
}

pub async fn register(
    State(app): State<App>,
    caller: Caller,
    Params(body): Params<Body>,
) -> AppResult<Response> {
    let (account, user) = match run(&app, &caller, None, body).await? {
        Ok(done) => done,
        Err(refused) => return Ok(refused),
    };
    let answer = json!({
        "account": entity(&app.config, &account, AccountStats::default()),
        "verification_required": user.confirmed_at.is_none(),
    });
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}
