//! `GET`, `PATCH /api/v1/interaction_policies/defaults`, and how clients write policies.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde::Deserialize;

use crate::api::entities::Json;
use crate::api::entities::interaction_policy::{Entity, bit, entity};
use crate::api::list::json;
use crate::app::App;
use crate::domain::interactions::{self, Policies, Policy};
use crate::domain::settings::Settings;
use crate::domain::visibility::Visibility;
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::params::{self, Params};

pub fn routes() -> Router<App> {
    Router::new().route(
        "/api/v1/interaction_policies/defaults",
        get(show).patch(change),
    )
}

/// A policy as clients write it; what it leaves out is open to everyone.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Body {
    can_favourite: Option<Rules>,
    can_reply: Option<Rules>,
    can_reblog: Option<Rules>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Rules {
    #[serde(deserialize_with = "params::texts")]
    always: Vec<String>,
    #[serde(deserialize_with = "params::texts")]
    with_approval: Vec<String>,
    #[serde(deserialize_with = "params::texts")]
    automatic_approval: Vec<String>,
    #[serde(deserialize_with = "params::texts")]
    manual_approval: Vec<String>,
}

impl Rules {
    fn policy(self) -> AppResult<Policy> {
        let bits = |names: [Vec<String>; 2]| {
            names
                .iter()
                .flatten()
                .try_fold(0, |bits, name| match bit(name) {
                    Some(bit) => Ok(bits | bit),
                    None => Err(AppError::invalid(
                        "Validation failed: Interaction policy is not included in the list",
                    )
                    .describe("It is public, followers, following, mutuals, mentioned or author.")),
                })
        };
        Ok(Policy {
            automatic: bits([self.always, self.automatic_approval])?,
            manual: bits([self.with_approval, self.manual_approval])?,
        })
    }
}

impl Body {
    /// As the domain takes it.
    pub fn policies(self) -> AppResult<Policies> {
        let policy = |rules: Option<Rules>| match rules {
            Some(rules) => rules.policy(),
            None => Ok(Policy::EVERYONE),
        };
        Ok(Policies {
            like: policy(self.can_favourite)?,
            reply: policy(self.can_reply)?,
            announce: policy(self.can_reblog)?,
        })
    }
}

/// A policy that a client may have named.
pub fn parse(body: Option<Body>) -> AppResult<Option<Policies>> {
    body.map(Body::policies).transpose()
}

fn defaults(settings: &Settings) -> AppResult<Json> {
    let all: BTreeMap<&str, Entity> = [
        Visibility::Public,
        Visibility::Unlisted,
        Visibility::Private,
        Visibility::Direct,
    ]
    .into_iter()
    .map(|visibility| (visibility.as_api(), entity(settings.policies(visibility))))
    .collect();
    json(&all)
}

async fn show(State(app): State<App>, user: User<scope::ReadAccounts>) -> AppResult<Json> {
    let id = user.account.id;
    let settings = app.read(move |c| Box::pin(Settings::load(c, id))).await?;
    defaults(&settings)
}

/// Null, or none: it goes back to what is usual.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Defaults {
    public: Option<Body>,
    unlisted: Option<Body>,
    private: Option<Body>,
    direct: Option<Body>,
}

async fn change(
    State(app): State<App>,
    user: User<scope::WriteAccounts>,
    Params(body): Params<Defaults>,
) -> AppResult<Json> {
    let chosen = [
        (Visibility::Public, body.public),
        (Visibility::Unlisted, body.unlisted),
        (Visibility::Private, body.private),
        (Visibility::Direct, body.direct),
    ];
    let mut all = BTreeMap::new();
    for (visibility, body) in chosen {
        if let Some(policies) = parse(body)? {
            all.insert(visibility, policies);
        }
    }
    let id = user.account.id;
    let settings = app
        .write(move |tx| Box::pin(async move { interactions::set_defaults(tx, id, &all).await }))
        .await?;
    defaults(&settings)
}
