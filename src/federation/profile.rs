//! Reading profiles of other servers: what an account has posted and pinned lately, and what its
//! server counts of it.

use std::time::Duration;

use serde_json::Value;

use super::collection::{self, Bounds, Listed};
use super::featured::refresh_featured;
use super::fetch;
use super::threads::Crew;
use super::value::{is_a, same_origin, text, time};
use crate::app::App;
use crate::client::Limits;
use crate::db;
use crate::db::account_reads::Told;
use crate::db::accounts::Account;
use crate::domain::{profile_reads, reactions, statuses};
use crate::error::AppResult;

/// What reading a profile may cost, besides what is pinned.
const LIMITS: Limits = Limits {
    requests: 40,
    bytes: 6 * 1024 * 1024,
    depth: 4,
    time: Duration::from_secs(40),
};
/// As much of an outbox is read.
const BOUNDS: Bounds = Bounds {
    pages: 2,
    items: 20,
};

/// Somebody here looks at a profile: where it is of another server and was not read lately, it
/// is. Nobody waits for that; what goes wrong is written down and no more.
pub async fn visited(app: &App, account: &Account) {
    if account.is_local() || app.federation.visited.contains(&account.id) {
        return;
    }
    app.federation.visited.insert(account.id, ());
    if let Err(error) = begin(app, account).await {
        tracing::warn!(%error, "cannot have a profile read");
    }
}

async fn begin(app: &App, account: &Account) -> AppResult<()> {
    let id = account.id;
    let row = app
        .read(move |c| Box::pin(async move { Ok(db::account_reads::of(c, id).await?) }))
        .await?;
    if !profile_reads::is_due(row.as_ref(), app.clock.now_ms()) {
        return Ok(());
    }
    let (ctx, account) = (app.ctx.clone(), account.clone());
    app.write(move |tx| Box::pin(async move { profile_reads::begin(tx, &ctx, &account).await }))
        .await
}

/// Reads the profile of an account elsewhere: the newest of its outbox, what it has pinned, and
/// how many follow it, it follows, and it has posted. `None` when its server did not answer.
pub async fn read_profile(app: &App, account_id: i64) -> AppResult<Option<Told>> {
    let account = app.account(account_id).await?;
    let Some(account) = account.filter(|account| !account.is_local() && account.is_active()) else {
        return Ok(Some(Told::default()));
    };
    if fetch::is_blocked(app, &account.uri).await? {
        return Ok(None);
    }
    let crew = Crew::new(app, LIMITS);
    let (mut told, mut answered) = (Told::default(), false);
    let endpoint = |name: &str| -> Option<String> {
        let endpoints: Value = serde_json::from_str(&account.endpoints).ok()?;
        let uri = text(&endpoints, name).filter(|uri| same_origin(uri, &account.uri))?;
        Some(uri.to_owned())
    };
    if let Some(outbox) = endpoint("outbox") {
        let budget = crew.budget().clone();
        let reading = collection::read(app, &outbox, &budget, BOUNDS);
        match crew.at(&outbox, reading).await {
            Ok(listing) => {
                answered = true;
                told.statuses = listing.total;
                take_in(&crew, app, &account, listing.items).await?;
            }
            Err(error) => tracing::debug!(%error, "an outbox cannot be read"),
        }
    }
    let followers = Some(account.followers_url.clone()).filter(|uri| !uri.is_empty());
    for (uri, count) in [
        (followers, &mut told.followers),
        (endpoint("following"), &mut told.following),
    ] {
        let Some(uri) = uri else { continue };
        match crew
            .at(&uri, fetch::listing(app, &uri, crew.budget()))
            .await
        {
            Ok(found) => {
                answered = true;
                *count = collection::total(&found);
            }
            Err(error) => tracing::debug!(%error, "a number of follows cannot be read"),
        }
    }
    refresh_featured(app, account_id).await?;
    Ok(answered.then_some(told))
}

/// A post of an outbox, or what a group there passes on.
struct Entry {
    post: Listed,
    /// Id of the group's Announce, and its time where it tells one.
    announce: Option<(String, Option<i64>)>,
}

/// Reads one item of an outbox. Groups announce what others posted to them, as it is or in its
/// Create (FEP-1b12); what people announce is left to their followers.
fn entry(account: &Account, mut item: Value) -> Option<Entry> {
    let mut announce = None;
    if is_a(&item, "Announce") {
        let id = text(&item, "id").filter(|id| same_origin(id, &account.uri))?;
        let by = super::value::first_id(&item, "actor")?;
        if account.kind != "Group" || by != account.uri {
            return None;
        }
        announce = Some((id.to_owned(), time(&item, "published")));
        item = item.get_mut("object")?.take();
    }
    let post = collection::post(item, &account.uri)?;
    Some(Entry { post, announce })
}

/// Takes in the posts of an outbox, the oldest first, so that answers find what they answer.
async fn take_in(
    crew: &Crew<'_>,
    app: &App,
    account: &Account,
    items: Vec<Value>,
) -> AppResult<()> {
    let mut entries: Vec<Entry> = items
        .into_iter()
        .filter_map(|item| entry(account, item))
        .filter(|entry| !app.config.is_ours(&entry.post.id))
        .collect();
    let uris: Vec<String> = entries.iter().map(|entry| entry.post.id.clone()).collect();
    let known = app
        .read(move |c| Box::pin(async move { Ok(db::thread_reads::known_among(c, &uris).await?) }))
        .await?;
    // What is here is passed on without being asked for again.
    entries.retain(|entry| entry.announce.is_some() || !known.contains(&entry.post.id));
    let policies = app.policies().await?;
    entries.retain(|entry| {
        super::value::uri(&entry.post.id)
            .is_some_and(|url| !policies.blocks(&super::value::host(&url)))
    });
    let wanted: Vec<Listed> = entries
        .iter()
        .map(|entry| entry.post.clone())
        .filter(|post| !known.contains(&post.id))
        .collect();
    let mut found: std::collections::HashMap<String, _> = crew
        .posts(&wanted)
        .await
        .into_iter()
        .flatten()
        .map(|(ready, _)| (ready.note.uri.clone(), ready))
        .collect();
    for entry in entries.into_iter().rev() {
        let ready = found.remove(&entry.post.id);
        let own = ready.as_ref().is_none_or(|r| r.author.id == account.id);
        if entry.announce.is_none() && !own {
            continue;
        }
        let (ctx, account) = (app.ctx.clone(), account.clone());
        app.write(move |tx| {
            Box::pin(async move {
                if let Some(ready) = ready {
                    ready.store_quoted(tx, &ctx).await?;
                    statuses::receive(tx, &ctx, &ready.author, ready.note, true).await?;
                }
                if let Some((uri, published)) = entry.announce
                    && let Some(status) = db::statuses::by_uri(tx, &entry.post.id).await?
                {
                    reactions::passed_on(tx, &ctx, &account, &status, &uri, published).await?;
                }
                Ok(())
            })
        })
        .await?;
    }
    Ok(())
}
