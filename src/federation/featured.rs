//! Asking another server what an actor has pinned.

use std::time::Duration;

use serde_json::Value;

use super::activities::create::{self, Ready};
use super::fetch;
use super::value::{id, ids, many, same_origin};
use crate::app::App;
use crate::client::{Budget, Limits};
use crate::db;
use crate::db::accounts::Account;
use crate::domain::{groups, pins, statuses};
use crate::error::AppResult;

/// Pins looked at.
const MAX_ITEMS: usize = 10;
/// What asking may cost.
const LIMITS: Limits = Limits {
    requests: 12,
    bytes: 4 * 1024 * 1024,
    depth: 3,
    time: Duration::from_secs(20),
};

/// The collection of what an account elsewhere has pinned.
pub fn collection_of(account: &Account) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Endpoints {
        #[serde(default)]
        featured: String,
    }
    let endpoints: Endpoints = serde_json::from_str(&account.endpoints).ok()?;
    Some(endpoints.featured).filter(|uri| !uri.is_empty())
}

/// Pins what an account elsewhere has pinned there, as far as everyone may see it and it can be
/// had. What was pinned here before stays: its removal is told.
pub async fn refresh_featured(app: &App, account_id: i64) -> AppResult<()> {
    let account = app.account(account_id).await?;
    let Some(account) = account.filter(|account| !account.is_local() && account.is_active()) else {
        return Ok(());
    };
    let Some(uri) = collection_of(&account) else {
        return Ok(());
    };
    let budget = Budget::new(LIMITS);
    let collection = match fetch::document(app, &uri, &budget).await {
        Ok(collection) => collection,
        Err(error) => {
            tracing::debug!(actor = account.uri, %error, "what is pinned could not be had");
            return Ok(());
        }
    };
    let listed = ids(&collection, "orderedItems").chain(ids(&collection, "items"));
    // What is pinned in a group is by anybody, anywhere.
    let in_group = groups::is_group(&account);
    let listed: Vec<String> = listed
        .filter(|item| in_group || same_origin(item, &account.uri))
        .take(MAX_ITEMS)
        .map(str::to_owned)
        .collect();
    // The last pinned stands first, and is to be pinned last.
    for item in listed.iter().rev() {
        let Some(found) = status(app, &account, &collection, item, &budget).await else {
            continue;
        };
        let (ctx, account, uri) = (app.ctx.clone(), account.clone(), item.clone());
        app.write(move |tx| {
            Box::pin(async move {
                if let Some(found) = found {
                    found.store_quoted(tx, &ctx).await?;
                    statuses::receive(tx, &ctx, &found.author, found.note, true).await?;
                }
                let status = db::statuses::by_uri(tx, &uri).await?;
                if let Some(status) = status.as_ref().filter(|_| in_group) {
                    groups::pin(tx, &ctx, &account, status, true).await?;
                }
                if let Some(status) = status.filter(|status| status.account_id == account.id) {
                    match pins::pin(tx, &ctx, &account, &status).await {
                        Err(error) if error.status.is_client_error() => {}
                        other => other?,
                    }
                }
                Ok(())
            })
        })
        .await?;
    }
    Ok(())
}

/// A pinned status: `Some(None)` when it is here, `None` when it cannot be had or is not for
/// everyone. One that the collection embeds is served by its origin.
async fn status(
    app: &App,
    account: &Account,
    collection: &Value,
    item: &str,
    budget: &Budget,
) -> Option<Option<Ready>> {
    let uri = item.to_owned();
    let here = app
        .read(move |c| Box::pin(async move { Ok(db::statuses::by_uri(c, &uri).await?.is_some()) }))
        .await;
    if here.ok()? {
        return Some(None);
    }
    let embedded = many(collection, "orderedItems")
        .iter()
        .find(|value| value.is_object() && id(value) == Some(item))
        .filter(|_| same_origin(item, &account.uri) && !groups::is_group(account));
    let ready = match embedded {
        Some(document) => create::ready_alone(app, account.clone(), document).await,
        None => {
            let budget = budget.deeper().ok()?;
            let (author, document) = fetch::note(app, item, &budget).await.ok()?;
            create::ready_alone(app, author, &document).await
        }
    };
    let mut ready = ready.ok().filter(|r| r.note.visibility.is_open())?;
    create::resolve(app, &mut ready, budget).await;
    let is_theirs = ready.author.id == account.id || ready.note.groups.found.contains(&account.id);
    is_theirs.then_some(Some(ready))
}
