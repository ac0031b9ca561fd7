//! `GET /api/v1/instance/domain_blocks`: whom this server does not, or only partly, federate with.

use std::borrow::Cow;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde::Serialize;

use crate::api::entities::Json;
use crate::api::entities::instance::about;
use crate::api::list;
use crate::app::App;
use crate::domain::instance::Shown;
use crate::error::{AppError, AppResult};
use crate::http::auth::MaybeUser;
use crate::secret;

pub fn routes() -> Router<App> {
    Router::new().route("/api/v1/instance/domain_blocks", get(index))
}

/// `DomainBlock`.
#[derive(Debug, Serialize)]
struct Entity<'a> {
    /// A part of it alone where the policy says so.
    domain: Cow<'a, str>,
    /// SHA-256 of the domain, in hexadecimal.
    digest: String,
    severity: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'a str>,
}

async fn index(State(app): State<App>, user: MaybeUser) -> AppResult<Json> {
    let about = about(&app).await?;
    let signed_in = user.account.is_some();
    match about.shown("domain_blocks_shown") {
        Shown::Users if !signed_in => return Err(AppError::unauthorized()),
        Shown::Disabled => return Err(AppError::not_found()),
        _ => {}
    }
    let comments = match about.shown("domain_block_comments_shown") {
        Shown::All => true,
        Shown::Users => signed_in,
        Shown::Disabled => false,
    };
    let policies = app.policies().await?;
    let mut entities: Vec<Entity<'_>> = policies
        .all()
        .filter_map(|policy| {
            Some(Entity {
                domain: if policy.obfuscate {
                    Cow::Owned(obfuscated(&policy.domain))
                } else {
                    Cow::Borrowed(policy.domain.as_str())
                },
                digest: secret::hash(&policy.domain),
                severity: match policy.severity.as_str() {
                    "block" => "suspend",
                    "limit" => "silence",
                    _ => return None,
                },
                comment: comments.then_some(policy.public_comment.as_str()),
            })
        })
        .collect();
    entities.sort_by(|a, b| {
        let by = |entity: &Entity<'_>| entity.severity != "suspend";
        (by(a), &a.domain).cmp(&(by(b), &b.domain))
    });
    list::json(&entities)
}

/// A name of which the first and the last quarter are told, and its dots.
fn obfuscated(domain: &str) -> String {
    let length = domain.chars().count();
    let told = length / 4;
    domain
        .chars()
        .enumerate()
        .map(|(at, c)| {
            if at > told && at < length - told && c != '.' {
                '*'
            } else {
                c
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::obfuscated;

    #[test]
    fn a_part_of_the_name_is_told() {
        assert_eq!(obfuscated("example.com"), "exa****.*om");
        assert_eq!(obfuscated("a.b"), "a.*");
        assert_eq!(obfuscated(""), "");
    }
}
