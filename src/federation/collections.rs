//! Asking other servers for the featured collections of their actors, and for the stamps of
//! those who are in them (FEP-7aa9).

use std::time::Duration;

use serde_json::Value;

use super::fetch::{self, Error};
use super::objects::collection as objects;
use super::value::{first_id, id, many, same_origin};
use crate::app::App;
use crate::client::{Budget, Limits};
use crate::clock::{MINUTE, SECOND};
use crate::db;
use crate::db::accounts::Account;
use crate::db::collections::Item;
use crate::domain::collections::{self, MAX_REMOTE, MAX_REMOTE_ITEMS, RemoteCollection};
use crate::domain::jobs::{self, Job};
use crate::error::AppResult;

/// What asking for an actor's collections may cost.
const LIMITS: Limits = Limits {
    requests: 20,
    bytes: 8 * 1024 * 1024,
    depth: 3,
    time: Duration::from_secs(30),
};
/// What looking at one stamp, and at whose it is, may cost.
const STAMP_LIMITS: Limits = Limits {
    requests: 8,
    bytes: 1024 * 1024,
    depth: 3,
    time: Duration::from_secs(15),
};
/// Pages of one list read.
const MAX_PAGES: usize = 8;
/// Stamps looked at in a row.
const ROUND: i64 = 8;
/// Between two rounds: whoever lists many has us ask many others.
const PAUSE: i64 = 5 * SECOND;

/// The list of an account's collections on its server.
pub fn list_of(account: &Account) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Endpoints {
        #[serde(default, rename = "featuredCollections")]
        list: String,
    }
    let endpoints: Endpoints = serde_json::from_str(&account.endpoints).ok()?;
    Some(endpoints.list).filter(|uri| !uri.is_empty())
}

/// Has an account's collections be asked for anew, once an hour at most.
pub async fn look_again(app: &App, account_id: i64) -> AppResult<()> {
    if app.federation.collections.contains(&account_id) {
        return Ok(());
    }
    app.federation.collections.insert(account_id, ());
    let ctx = app.ctx.clone();
    app.write(move |tx| {
        Box::pin(async move { jobs::enqueue(tx, &ctx, &Job::Collections { account_id }).await })
    })
    .await
}

/// What a list holds, on itself or on its pages, and whether that is all of it.
async fn entries(app: &App, list: &Value, budget: &Budget, most: usize) -> (Vec<Value>, bool) {
    fn put(found: &mut Vec<Value>, page: &Value) {
        let items = many(page, "orderedItems").iter().chain(many(page, "items"));
        found.extend(items.cloned());
    }
    let mut found = Vec::new();
    put(&mut found, list);
    let origin = id(list).unwrap_or_default().to_owned();
    let mut next = match many(list, "first").first() {
        Some(page) if page.is_object() => {
            put(&mut found, page);
            first_id(page, "next").map(str::to_owned)
        }
        _ => first_id(list, "first").map(str::to_owned),
    };
    let mut seen = Vec::new();
    while let Some(uri) = next.take() {
        let fine = same_origin(&uri, &origin) && !seen.contains(&uri);
        if !fine || found.len() >= most || seen.len() >= MAX_PAGES {
            return (found, false);
        }
        let Ok(page) = fetch::document(app, &uri, budget).await else {
            return (found, false);
        };
        put(&mut found, &page);
        next = first_id(&page, "next").map(str::to_owned);
        seen.push(uri);
    }
    (found, true)
}

/// Reads a collection of `owner` with what stands on its pages.
pub async fn whole(
    app: &App,
    document: &Value,
    owner: &str,
    budget: &Budget,
) -> Result<RemoteCollection, Error> {
    let mut collection = objects::read(document, owner)
        .map_err(|reason| Error::Hopeless(format!("{:.200}: {reason}", id_of(document))))?;
    if collection.items.is_empty() && document.get("first").is_some() {
        let (found, all) = entries(app, document, budget, MAX_REMOTE_ITEMS).await;
        if found.is_empty() && !all {
            // Not to be taken for a collection that is empty now.
            return Err(Error::Later("its pages cannot be had".to_owned()));
        }
        let read = found
            .iter()
            .filter_map(|entry| objects::item(entry, &collection.uri));
        collection.items = read.take(MAX_REMOTE_ITEMS).collect();
    }
    Ok(collection)
}

fn id_of(document: &Value) -> &str {
    id(document).unwrap_or_default()
}

/// Fetches a collection of `owner` from its origin.
pub async fn fetch(
    app: &App,
    uri: &str,
    owner: &str,
    budget: &Budget,
) -> Result<RemoteCollection, Error> {
    let document = fetch::document(app, uri, budget).await?;
    let collection = whole(app, &document, owner, budget).await?;
    if collection.uri != uri {
        return Err(Error::Hopeless(format!("{uri:.200}: has another id")));
    }
    Ok(collection)
}

/// Asks for the collections of an account elsewhere: those that are new come, those that are not
/// listed any more go.
pub async fn refresh(app: &App, account_id: i64) -> AppResult<()> {
    let account = app.account(account_id).await?;
    let Some(account) = account.filter(|account| !account.is_local() && account.is_active()) else {
        return Ok(());
    };
    let Some(uri) = list_of(&account) else {
        return Ok(());
    };
    let budget = Budget::new(LIMITS);
    let list = match fetch::document(app, &uri, &budget).await {
        Ok(list) => list,
        Err(error) => {
            tracing::debug!(actor = account.uri, %error, "collections could not be had");
            return Ok(());
        }
    };
    let most = usize::try_from(MAX_REMOTE).unwrap_or_default();
    let (found, mut complete) = entries(app, &list, &budget, most).await;
    complete &= found.len() <= most;
    let mut listed = Vec::new();
    for entry in found.iter().take(most) {
        let Some(uri) = id(entry).filter(|uri| same_origin(uri, &account.uri)) else {
            continue;
        };
        listed.push(uri.to_owned());
        let read = if objects::is_collection(entry) {
            whole(app, entry, &account.uri, &budget).await
        } else {
            fetch(app, uri, &account.uri, &budget).await
        };
        let Ok(told) = read else { continue };
        let (ctx, owner) = (app.ctx.clone(), account.clone());
        app.write(move |tx| {
            Box::pin(async move { collections::received(tx, &ctx, &owner, &told).await })
        })
        .await?;
    }
    if complete {
        app.write(move |tx| {
            Box::pin(async move { collections::keep_only(tx, &account, &listed).await })
        })
        .await?;
    }
    Ok(())
}

/// What a look at a stamp came to.
#[derive(Debug, Clone, Copy)]
enum Look {
    /// It is good, and of this account.
    Good(i64),
    Bad,
    /// It may do later.
    Later,
}

impl From<Error> for Look {
    fn from(error: Error) -> Look {
        match error {
            Error::Later(_) => Look::Later,
            Error::Gone(_) | Error::Hopeless(_) => Look::Bad,
        }
    }
}

/// Looks at some stamps of what waits in a collection elsewhere. Says after how many milliseconds
/// there is more to do, if there is.
pub async fn verify(app: &App, collection_id: i64) -> AppResult<Option<i64>> {
    let waiting = app
        .read(move |c| {
            Box::pin(async move {
                let collection = db::collections::by_id(c, collection_id).await?;
                let Some(collection) = collection.filter(|row| !row.local) else {
                    return Ok(None);
                };
                let items = db::collections::unverified(c, collection_id, ROUND).await?;
                Ok(Some((collection, items)))
            })
        })
        .await?;
    let Some((collection, items)) = waiting else {
        return Ok(None);
    };
    for item in items {
        let look = look_at(app, &collection.uri, &item).await;
        let ctx = app.ctx.clone();
        app.write(move |tx| {
            Box::pin(async move {
                match look {
                    Look::Good(account) => collections::verified(tx, &ctx, &item, account).await,
                    Look::Bad => collections::unfit(tx, &item).await,
                    Look::Later => collections::put_off(tx, &item).await,
                }
            })
        })
        .await?;
    }
    let next = app
        .read(move |c| {
            Box::pin(async move { Ok(db::collections::unverified(c, collection_id, 1).await?) })
        })
        .await?;
    Ok(next.first().map(|item| match i64::from(item.tries) {
        0 => PAUSE,
        tries => 10 * MINUTE * tries * tries,
    }))
}

async fn look_at(app: &App, collection: &str, item: &Item) -> Look {
    let budget = Budget::new(STAMP_LIMITS);
    let (stamp, featured) = (&item.approval_uri, &item.object_uri);
    match fetch::document(app, stamp, &budget).await {
        Ok(found) if objects::is_stamp(&found, stamp, featured, collection) => {}
        Ok(_) => return Look::Bad,
        Err(error) => return error.into(),
    }
    match fetch::actor(app, featured, &budget).await {
        Ok(account) if account.uri == *featured && account.is_active() => Look::Good(account.id),
        Ok(_) => Look::Bad,
        Err(error) => error.into(),
    }
}
