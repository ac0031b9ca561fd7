//! `/api/v1/push/subscription`: one for each access token.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::api::entities::Json;
use crate::api::list;
use crate::app::App;
use crate::client::Guard;
use crate::db;
use crate::db::push::Subscription;
use crate::domain::notifications::Type;
use crate::domain::push::{self, Policy, Wish};
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::params::{self, Params};
use crate::webpush::Recipient;

/// Kinds that can be pushed; the others are for the list alone.
const ALERTS: [Type; 12] = [
    Type::Mention,
    Type::Quote,
    Type::Status,
    Type::Reblog,
    Type::Follow,
    Type::FollowRequest,
    Type::Favourite,
    Type::Poll,
    Type::Update,
    Type::QuotedUpdate,
    Type::AdminSignUp,
    Type::AdminReport,
];

pub fn routes() -> Router<App> {
    Router::new().route(
        "/api/v1/push/subscription",
        get(show).post(subscribe).put(change).delete(remove),
    )
}

/// `WebPushSubscription`.
#[derive(Debug, Serialize)]
struct Entity {
    id: String,
    endpoint: String,
    standard: bool,
    server_key: String,
    alerts: serde_json::Map<String, Value>,
    policy: String,
}

async fn entity(app: &App, row: Subscription) -> AppResult<Json> {
    let vapid = app.vapid().await?;
    let alerts = ALERTS
        .iter()
        .map(|kind| (kind.as_str().to_owned(), row.wants(kind.as_str()).into()))
        .collect();
    list::json(&Entity {
        id: row.id.to_string(),
        endpoint: row.endpoint,
        standard: row.standard,
        server_key: vapid.public_key().to_owned(),
        alerts,
        policy: row.policy,
    })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body {
    subscription: Given,
    data: Data,
    #[serde(deserialize_with = "params::text")]
    policy: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Given {
    #[serde(deserialize_with = "params::text")]
    endpoint: Option<String>,
    #[serde(deserialize_with = "params::flag")]
    standard: Option<bool>,
    keys: GivenKeys,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct GivenKeys {
    #[serde(deserialize_with = "params::text")]
    p256dh: Option<String>,
    #[serde(deserialize_with = "params::text")]
    auth: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Data {
    alerts: Option<serde_json::Map<String, Value>>,
    #[serde(deserialize_with = "params::text")]
    policy: Option<String>,
}

impl Body {
    /// Kinds that are wanted; `None` where the body says nothing of them.
    fn alerts(&self) -> AppResult<Option<Vec<Type>>> {
        let Some(given) = &self.data.alerts else {
            return Ok(None);
        };
        let mut wanted = Vec::new();
        for kind in ALERTS {
            if let Some(value) = given.get(kind.as_str()) {
                let flag = params::flag(value.clone())
                    .map_err(|_: serde_json::Error| invalid("Alerts"))?;
                if flag == Some(true) {
                    wanted.push(kind);
                }
            }
        }
        Ok(Some(wanted))
    }

    fn policy(&self) -> AppResult<Option<Policy>> {
        let given = self.data.policy.as_ref().or(self.policy.as_ref());
        let Some(text) = given.filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        Policy::parse(text)
            .map(Some)
            .ok_or_else(|| invalid("Policy"))
    }
}

fn invalid(what: &str) -> AppError {
    AppError::invalid(format!("Validation failed: {what} is not valid"))
}

fn present(what: &str, value: Option<String>) -> AppResult<String> {
    value
        .filter(|value| !value.is_empty())
        .ok_or_else(|| AppError::invalid(format!("Validation failed: {what} can't be blank")))
}

async fn subscribe(
    State(app): State<App>,
    user: User<scope::Push>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let (alerts, policy) = (body.alerts()?, body.policy()?);
    let endpoint = present("Endpoint", body.subscription.endpoint)?;
    let p256dh = present("P256dh", body.subscription.keys.p256dh)?;
    let auth = present("Auth", body.subscription.keys.auth)?;
    let url = Url::parse(&endpoint).map_err(|_| invalid("Endpoint"))?;
    Guard::new(app.config.federation_allow_private)
        .check(&url)
        .map_err(|refusal| invalid("Endpoint").describe(refusal.to_string()))?;
    let standard = body.subscription.standard.unwrap_or(false);
    Recipient::new(&p256dh, &auth, standard)
        .map_err(|error| invalid("Key").describe(error.to_string()))?;
    let wish = Wish {
        endpoint,
        p256dh,
        auth,
        standard,
        alerts: alerts.unwrap_or_default(),
        policy: policy.unwrap_or(Policy::All),
    };
    let (account, token, ctx) = (user.account.id, user.session.token_id, app.ctx.clone());
    let row = app
        .write(move |tx| {
            Box::pin(async move { push::subscribe(tx, &ctx, account, token, wish).await })
        })
        .await?;
    entity(&app, row).await
}

async fn show(State(app): State<App>, user: User<scope::Push>) -> AppResult<Json> {
    let token = user.session.token_id;
    let row = app
        .read(move |c| Box::pin(async move { Ok(db::push::of_token(c, token).await?) }))
        .await?
        .ok_or_else(AppError::not_found)?;
    entity(&app, row).await
}

async fn change(
    State(app): State<App>,
    user: User<scope::Push>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let (alerts, policy) = (body.alerts()?, body.policy()?);
    let (token, ctx) = (user.session.token_id, app.ctx.clone());
    let row = app
        .write(move |tx| {
            Box::pin(async move { push::change(tx, &ctx, token, alerts, policy).await })
        })
        .await?;
    entity(&app, row).await
}

async fn remove(State(app): State<App>, user: User<scope::Push>) -> AppResult<Json> {
    let token = user.session.token_id;
    app.write(move |tx| Box::pin(async move { Ok(db::push::remove(tx, token).await?) }))
        .await?;
    Ok(Json("{}".to_owned()))
}
