//! `GET /api/v1/instance/domain_blocks`: whom this server does not, or only partly, federate with.

use aws_lc_rs::digest::{SHA256, digest};
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

pub fn routes() -> Router<App> {
    Router::new().route("/api/v1/instance/domain_blocks", get(index))
}

/// `DomainBlock`.
#[derive(Debug, Serialize)]
struct Entity<'a> {
    domain: &'a str,
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
                domain: &policy.domain,
                digest: hex(digest(&SHA256, policy.domain.as_bytes()).as_ref()),
                severity: match policy.severity.as_str() {
                    "block" => "suspend",
                    "limit" => "silence",
                    _ => return None,
                },
                comment: comments.then_some(policy.public_comment.as_str()),
            })
        })
        .collect();
    entities.sort_by_key(|entity| (entity.severity != "suspend", entity.domain));
    list::json(&entities)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
