//! Keys of other servers' actors, to check signatures with.
//!
//! A key counts only as what its owner lists: the actor's own document, fetched from its id,
//! names the key, and both live on one origin (threat S1).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::fetch::{self, Error, LIMITS, document};
use super::objects::actor::{is_actor, keys as listed_keys};
use super::signature::PublicKey;
use super::state::KEY_FETCHES_OF_HOST;
use super::value::{first_id, host, same_origin, text, uri, without_fragment};
use crate::app::App;
use crate::client::Budget;
use crate::db;

/// How long a key is waited for while others of its host are fetched.
const TURN: Duration = Duration::from_secs(10);

/// A public key and whose it is.
#[derive(Debug, Clone)]
pub struct KnownKey {
    pub key: PublicKey,
    /// The actor that lists it.
    pub owner: String,
}

/// A public key by its id: from memory, the database, or its owner's server. `actor` is who
/// claims to own it, where to look first.
pub async fn public_key(app: &App, key_id: &str, actor: &str) -> Result<Arc<KnownKey>, Error> {
    if let Some(key) = app.federation.keys.get(key_id) {
        return Ok(key);
    }
    if let Some(key) = stored(app, key_id).await? {
        app.federation.keys.insert(key_id.to_owned(), key.clone());
        return Ok(key);
    }
    if let Some(reason) = app.federation.missing_keys.get(key_id) {
        return Err(Error::Hopeless(reason.to_string()));
    }
    let lock = app
        .federation
        .fetching
        .get_or_insert(key_id.to_owned(), Arc::default);
    let _one_at_a_time = lock.lock().await;
    // Somebody may have fetched it while we waited.
    if let Some(key) = app.federation.keys.get(key_id) {
        return Ok(key);
    }
    if let Some(reason) = app.federation.missing_keys.get(key_id) {
        return Err(Error::Hopeless(reason.to_string()));
    }
    let fetched = fetch_key(app, key_id, actor).await;
    if let Err(error) = &fetched {
        app.federation
            .missing_keys
            .insert(key_id.to_owned(), error.to_string().into());
    }
    fetched
}

/// Fetches a key again after a signature failed with the one that is known; `None` where that
/// was done a moment ago, or brought nothing new.
pub async fn changed_key(
    app: &App,
    key_id: &str,
    known: &KnownKey,
) -> Result<Option<Arc<KnownKey>>, Error> {
    if app.federation.refetched_keys.contains(key_id) {
        return Ok(None);
    }
    app.federation.refetched_keys.insert(key_id.to_owned(), ());
    let fetched = fetch_key(app, key_id, &known.owner).await?;
    Ok((fetched.key != known.key).then_some(fetched))
}

async fn stored(app: &App, key_id: &str) -> Result<Option<Arc<KnownKey>>, Error> {
    let id = key_id.to_owned();
    let found = app
        .read(move |c| {
            Box::pin(async move {
                let Some(row) = db::accounts::key_by_id(c, &id).await? else {
                    return Ok(None);
                };
                let owner = db::accounts::by_id(c, row.account_id).await?;
                Ok(owner.map(|owner| (row.public_key, owner.uri)))
            })
        })
        .await?;
    Ok(found.and_then(|(text, owner)| {
        let key = if text.contains("-----BEGIN") {
            PublicKey::from_pem(&text)
        } else {
            PublicKey::from_multikey(&text)
        };
        Some(Arc::new(KnownKey {
            key: key.ok()?,
            owner,
        }))
    }))
}

async fn fetch_key(app: &App, key_id: &str, actor: &str) -> Result<Arc<KnownKey>, Error> {
    let Some(url) = uri(key_id) else {
        return Err(Error::Hopeless("the key id is no usable URL".to_owned()));
    };
    // A host that does not answer is to have its own wait, and nobody else.
    let turns = app
        .federation
        .key_turns
        .get_or_insert(host(&url), || Arc::new(Semaphore::new(KEY_FETCHES_OF_HOST)));
    let _turn = tokio::time::timeout(TURN, turns.acquire())
        .await
        .map_err(|_| Error::Later(format!("{}: too many wait for its answers", host(&url))))?;
    let _permit = app
        .federation
        .key_fetches
        .acquire()
        .await
        .map_err(|_| Error::Later("shutting down".to_owned()))?;
    let budget = Budget::new(LIMITS);
    if same_origin(key_id, actor) {
        // Made-up key ids must not make us fetch the same actor again and again.
        if app.federation.refetched_keys.contains(actor) {
            return Err(Error::Hopeless(format!(
                "{actor} did not list the key {key_id} a moment ago"
            )));
        }
        if let Some(key) = from_actor(app, key_id, actor, &budget).await? {
            return Ok(key);
        }
        app.federation.refetched_keys.insert(actor.to_owned(), ());
    }
    let page = without_fragment(key_id);
    let found = document(app, page, &budget).await?;
    // The page of a key names its owner, or is (a part of) the owner itself.
    let owner = if is_actor(&found) {
        text(&found, "id")
    } else {
        first_id(&found, "owner").or_else(|| first_id(&found, "controller"))
    };
    let owner = owner
        .filter(|owner| same_origin(owner, key_id))
        .ok_or_else(|| Error::Hopeless(format!("{key_id}: the key names no owner on its host")))?;
    from_actor(app, key_id, owner, &budget)
        .await?
        .ok_or_else(|| Error::Hopeless(format!("{owner} does not list the key {key_id}")))
}

/// Fetches an actor and takes in all keys it lists; answers with the one of an id.
async fn from_actor(
    app: &App,
    key_id: &str,
    actor: &str,
    budget: &Budget,
) -> Result<Option<Arc<KnownKey>>, Error> {
    let found = document(app, actor, budget).await?;
    if text(&found, "id") != Some(actor) || !is_actor(&found) {
        return Err(Error::Hopeless(format!("{actor:.200} is no actor")));
    }
    let mut wanted = None;
    for listed in listed_keys(&found) {
        let key = Arc::new(KnownKey {
            key: listed.key,
            owner: actor.to_owned(),
        });
        if listed.id == key_id {
            wanted = Some(key.clone());
        } else if without_fragment(&listed.id) != without_fragment(actor) {
            // By its id it may be another's, in whose place it must not be remembered.
            continue;
        }
        app.federation.keys.insert(listed.id, key);
    }
    if wanted.is_some() {
        fetch::keep_document(app, found);
    }
    Ok(wanted)
}
