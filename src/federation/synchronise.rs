//! Follower synchronisation (FEP-8fcf) on the wire.
//!
//! What goes to followers alone bears a `Collection-Synchronization` header: what the sender's
//! followers on the receiving server come to. Where that does not agree with what is known here,
//! a job asks for the list of them. Nothing but the sender's own origin is asked, or believed.

use std::collections::HashSet;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::fetch;
use super::signature::parameters;
use super::value::{id, ids, same_origin};
use crate::app::App;
use crate::client::{Budget, Limits};
use crate::clock::MINUTE;
use crate::db;
use crate::db::accounts::Account;
use crate::db::follower_digests::Bits;
use crate::domain::jobs::{self, Job};
use crate::domain::synchronisation::{self, MOST, digest_of, hex, origin};
use crate::error::{AppError, AppResult};

/// The header's name.
pub const HEADER: HeaderName = HeaderName::from_static("collection-synchronization");

/// What asking for the list may cost.
const LIMITS: Limits = Limits {
    requests: 12,
    bytes: 4 * 1024 * 1024,
    depth: 2,
    time: Duration::from_secs(30),
};
/// Pages of the list that are read.
const MAX_PAGES: usize = 10;
/// How soon an actor's list is asked for again.
const AGAIN: i64 = MINUTE;
/// Follows compared in one reading, and ended in one transaction.
const BATCH: i64 = 500;
const ENDED: usize = 20;
/// Follows that only the other side knows of, undone at a time.
const MAX_UNDONE: usize = 200;

/// Where the list of an actor's followers on a server is served, to that server alone.
pub fn list_url(actor: &str) -> String {
    format!("{actor}/followers_synchronization")
}

/// The header for what a local actor sends to its followers on a server.
pub fn header(account: &Account, digest: Bits) -> Option<HeaderValue> {
    let text = format!(
        "collectionId=\"{}\", url=\"{}\", digest=\"{}\"",
        account.followers_url,
        list_url(&account.uri),
        hex(digest)
    );
    HeaderValue::try_from(text).ok()
}

/// What a header says.
#[derive(Debug, PartialEq, Eq)]
struct Claim {
    collection: String,
    url: String,
    digest: String,
}

impl Claim {
    fn read(headers: &HeaderMap) -> Option<Claim> {
        let mut lines = headers.get_all(HEADER).iter();
        let (Some(line), None) = (lines.next(), lines.next()) else {
            return None;
        };
        let (mut collection, mut url, mut digest) = (None, None, None);
        for (name, value) in parameters(line.to_str().ok()?).ok()? {
            let slot = match name.to_ascii_lowercase().as_str() {
                "collectionid" => &mut collection,
                "url" => &mut url,
                "digest" => &mut digest,
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return None;
            }
        }
        let digest = digest?.to_ascii_lowercase();
        let is_digest = digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit());
        is_digest.then_some(Claim {
            collection: collection?,
            url: url?,
            digest,
        })
    }

    /// Whether it is of the actor's own followers, and of its origin.
    fn is_of(&self, account: &Account) -> bool {
        !account.followers_url.is_empty()
            && self.collection == account.followers_url
            && same_origin(&self.url, &account.uri)
    }
}

/// An activity of an actor came with a header that its signature covers: looked at beside the
/// request. Nothing about the activity depends on it.
pub fn heed(app: &App, actor: &str, headers: &HeaderMap) {
    let Some(claim) = Claim::read(headers) else {
        return;
    };
    let (app, actor) = (app.clone(), actor.to_owned());
    tokio::spawn(async move {
        if let Err(error) = compare(&app, &actor, claim).await {
            tracing::warn!(actor, %error, "followers could not be compared");
        }
    });
}

/// Where the digests differ, a job is to find out why; for one actor, once a minute.
async fn compare(app: &App, actor: &str, claim: Claim) -> AppResult<()> {
    let uri = actor.to_owned();
    let account = app
        .read(move |c| Box::pin(async move { Ok(db::accounts::by_uri(c, &uri).await?) }))
        .await?
        .filter(|account| !account.is_local() && account.is_active() && claim.is_of(account));
    let Some(account) = account else {
        return Ok(());
    };
    if hex(kept(app, &account).await?) == claim.digest {
        return Ok(());
    }
    let now = app.clock.now_ms();
    let late = app.federation.synchronised.contains(actor);
    app.federation.synchronised.insert(actor.to_owned(), ());
    let job = Job::SynchroniseFollowers {
        account_id: account.id,
        url: claim.url,
        digest: claim.digest,
    };
    let (ctx, at) = (app.ctx.clone(), if late { now + AGAIN } else { now });
    app.write(move |tx| Box::pin(async move { jobs::enqueue_at(tx, &ctx, &job, at).await }))
        .await
}

fn our_origin(app: &App) -> String {
    origin(&app.config.url("/")).to_owned()
}

/// The digest of the followers here of an account elsewhere.
async fn kept(app: &App, account: &Account) -> AppResult<Bits> {
    let (id, origins) = (account.id, vec![our_origin(app)]);
    let known = app
        .read(move |c| {
            Box::pin(async move { Ok(db::follower_digests::of(c, &[id], &origins).await?) })
        })
        .await?;
    match known.first() {
        Some(known) => Ok(known.bits()),
        None => add_up(app, account, our_origin(app)).await,
    }
}

/// Adds the followers of an account on an origin up, and keeps what they come to.
pub async fn add_up(app: &App, account: &Account, origin: String) -> AppResult<Bits> {
    let account = account.clone();
    app.write(move |tx| {
        Box::pin(async move { synchronisation::add_up(tx, &account, &origin).await })
    })
    .await
}

/// Compares the followers here of an account elsewhere with those that its server lists. Whom it
/// does not list follows no more; a follow that is not known here is undone there.
///
/// Nothing is done where the list is not what the header spoke of: it was made at another time,
/// or is not whole.
pub async fn synchronise_followers(
    app: &App,
    account_id: i64,
    url: &str,
    digest: &str,
) -> AppResult<()> {
    let account = app.account(account_id).await?;
    let Some(account) = account.filter(|account| !account.is_local() && account.is_active()) else {
        return Ok(());
    };
    // What is kept may have gone wrong itself.
    if hex(add_up(app, &account, our_origin(app)).await?) == digest {
        return Ok(());
    }
    // Whoever is accepted while the list is read may not be in it.
    let before = follows_here(app, &account).await?;
    let listed = match listed(app, &account, url).await {
        Ok(listed) => listed,
        Err(error) => {
            tracing::info!(actor = account.uri, %error, "the list of followers cannot be had");
            return Ok(());
        }
    };
    if hex(digest_of(listed.iter().map(String::as_str))) != digest {
        tracing::info!(
            actor = account.uri,
            "the list of followers is another by now"
        );
        return Ok(());
    }
    settle(app, &account, listed, &before).await
}

/// Ids of the follows of an account by people here.
async fn follows_here(app: &App, account: &Account) -> AppResult<HashSet<i64>> {
    let (mut found, mut after) = (HashSet::new(), 0);
    loop {
        let target = account.clone();
        let rows = app
            .read(move |c| {
                Box::pin(
                    async move { synchronisation::followers_here(c, &target, after, BATCH).await },
                )
            })
            .await?;
        found.extend(rows.iter().map(|(follow, _)| *follow));
        match rows.last() {
            Some((last, _)) if rows.len() as i64 == BATCH => after = *last,
            _ => return Ok(found),
        }
    }
}

/// Ids of ours in the list, each once.
async fn listed(app: &App, account: &Account, url: &str) -> Result<HashSet<String>, fetch::Error> {
    let hopeless = |reason: &str| fetch::Error::Hopeless(format!("{url:.200}: {reason}"));
    let budget = Budget::new(LIMITS);
    let mut found = HashSet::new();
    let mut take = |page: &Value| {
        let items = ids(page, "orderedItems").chain(ids(page, "items"));
        found.extend(items.filter(|id| app.config.is_ours(id)).map(str::to_owned));
        if found.len() > MOST {
            Err(hopeless("there are too many"))
        } else {
            Ok(())
        }
    };
    let mut page = own(app, account, url, &budget).await?;
    let mut next = page.get("first").cloned();
    take(&page)?;
    for _ in 0..MAX_PAGES {
        let Some(wanted) = next else {
            return Ok(found);
        };
        page = match &wanted {
            Value::Object(_) => wanted,
            _ => {
                let at = id(&wanted).ok_or_else(|| hopeless("a page without address"))?;
                own(app, account, at, &budget).await?
            }
        };
        take(&page)?;
        next = page.get("next").filter(|next| !next.is_null()).cloned();
    }
    if next.is_some() {
        return Err(hopeless("there are too many pages"));
    }
    Ok(found)
}

/// A document of the actor's own origin.
async fn own(
    app: &App,
    account: &Account,
    at: &str,
    budget: &Budget,
) -> Result<Value, fetch::Error> {
    let elsewhere = || fetch::Error::Hopeless(format!("{at:.200}: not on the actor's host"));
    if !same_origin(at, &account.uri) {
        return Err(elsewhere());
    }
    let document = fetch::collection(app, at, budget).await?;
    // A redirect may have led away.
    let served = id(&document).is_some_and(|id| same_origin(id, &account.uri));
    served.then_some(document).ok_or_else(elsewhere)
}

/// Ends follows that were there `before` and are not listed, and takes back those that are listed
/// and not known here.
async fn settle(
    app: &App,
    account: &Account,
    mut listed: HashSet<String>,
    before: &HashSet<i64>,
) -> AppResult<()> {
    let (mut unknown, mut after) = (Vec::new(), 0);
    loop {
        let target = account.clone();
        let rows = app
            .read(move |c| {
                Box::pin(
                    async move { synchronisation::followers_here(c, &target, after, BATCH).await },
                )
            })
            .await?;
        let last = rows.last().map(|(follow, _)| *follow);
        let more = rows.len() as i64 == BATCH;
        for (follow, follower) in rows {
            if !listed.remove(&follower.uri) && before.contains(&follow) {
                unknown.push(follower);
            }
        }
        match last {
            Some(last) if more => after = last,
            _ => break,
        }
    }
    for part in unknown.chunks(ENDED) {
        let (ctx, target, part) = (app.ctx.clone(), account.clone(), part.to_vec());
        app.write(move |tx| {
            Box::pin(async move {
                for follower in &part {
                    synchronisation::disown(tx, &ctx, follower, &target).await?;
                }
                Ok::<(), AppError>(())
            })
        })
        .await?;
    }
    let rest: Vec<String> = listed.into_iter().take(MAX_UNDONE).collect();
    for part in rest.chunks(ENDED) {
        let (ctx, target, part) = (app.ctx.clone(), account.clone(), part.to_vec());
        app.write(move |tx| {
            Box::pin(async move {
                for follower in db::accounts::by_uris(tx, &part).await? {
                    if follower.is_local() && follower.is_active() {
                        synchronisation::own_up(tx, &ctx, &follower, &target).await?;
                    }
                }
                Ok::<(), AppError>(())
            })
        })
        .await?;
    }
    tracing::info!(
        actor = account.uri,
        ended = unknown.len(),
        unknown_here = rest.len(),
        "followers were compared"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<Claim> {
        Claim::read(&HeaderMap::from_iter([(HEADER, value.parse().unwrap())]))
    }

    #[test]
    fn the_header_is_read_as_mastodon_writes_it() {
        let digest = "b08ab6951c7f6cc2b91e17ebd9557da7fb02489728e9332fcb3a97748244d50f";
        let claim = read(&format!(
            "collectionId=\"https://a.example/users/x/followers\", digest=\"{digest}\", \
             url=\"https://a.example/users/x/followers_synchronization\""
        ));
        assert_eq!(
            claim,
            Some(Claim {
                collection: "https://a.example/users/x/followers".to_owned(),
                url: "https://a.example/users/x/followers_synchronization".to_owned(),
                digest: digest.to_owned(),
            })
        );
        for bad in [
            "",
            "x",
            "collectionId=\"a\", url=\"b\"",
            "collectionId=\"a\", url=\"b\", digest=\"00\"",
            &format!("collectionId=\"a\", url=\"b\", url=\"c\", digest=\"{digest}\""),
            &format!(
                "collectionId=\"a\", url=\"b\", digest=\"{}\"",
                digest.replace('b', "ä")
            ),
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        let twice = HeaderMap::from_iter([(HEADER, HeaderValue::from_static("a=\"b\""))]);
        let mut headers = twice.clone();
        headers.append(HEADER, HeaderValue::from_static("a=\"b\""));
        assert_eq!(Claim::read(&headers), None);
    }
}
