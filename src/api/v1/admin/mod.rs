//! `/api/v1/admin`, and what `/api/v2/admin` has besides.

use axum::Router;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::api::list::json;
use crate::app::App;
use crate::db::policies::DomainPolicy;
use crate::db::relations::Page;
use crate::domain::moderation::{Actor, audit};
use crate::domain::policies;
use crate::error::{AppError, AppResult};
use crate::http::pagination::Paging;

mod accounts;
mod action;
mod canonical_email_blocks;
mod dimensions;
mod domain_allows;
mod domain_blocks;
mod email_domain_blocks;
mod ip_blocks;
mod measures;
mod period;
mod reports;
mod retention;
mod tags;
mod trends;

/// The routes of the areas under `/api/v1/admin`.
pub fn routes() -> Router<App> {
    Router::new()
        .merge(accounts::routes())
        .merge(action::routes())
        .merge(canonical_email_blocks::routes())
        .merge(dimensions::routes())
        .merge(domain_allows::routes())
        .merge(domain_blocks::routes())
        .merge(email_domain_blocks::routes())
        .merge(ip_blocks::routes())
        .merge(measures::routes())
        .merge(reports::routes())
        .merge(retention::routes())
        .merge(tags::routes())
        .merge(trends::routes())
}

/// The page that lists of rules come by.
fn page_of(paging: &Paging) -> Page {
    paging.page(100, 200)
}

/// Answers with a page of rows that are named by their ids.
fn rows<R, E: Serialize>(
    found: &[R],
    paging: &Paging,
    asked: Page,
    id: impl Fn(&R) -> i64,
    entity: impl Fn(&R) -> E,
) -> AppResult<Response> {
    let links = paging.links(
        found.first().map(&id),
        found.last().map(&id),
        found.len() as i64 >= asked.limit,
    );
    let entities: Vec<E> = found.iter().map(entity).collect();
    Ok((links, json(&entities)?).into_response())
}

/// Lifts the policy for a domain.
async fn lift(app: &App, actor: Actor, policy: &DomainPolicy) -> AppResult<()> {
    let (ctx, policy) = (app.ctx.clone(), policy.clone());
    app.write(move |tx| {
        Box::pin(async move {
            if policies::lift(tx, &ctx, &policy.domain).await? {
                audit::domain_policy(tx, &ctx, &actor, "destroy", &policy).await?;
            }
            Ok(())
        })
    })
    .await
}

/// 422 for a parameter that is needed.
fn blank(name: &str) -> AppError {
    AppError::invalid(format!("Validation failed: {name} can't be blank"))
}
