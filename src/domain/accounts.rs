//! Actors: those who live here, and those we know from elsewhere.

use std::sync::Arc;

use super::chats;
use super::collections;
use super::deletion;
use super::emojis;
use super::jobs::{self, Job};
use super::outgoing::{self, Audience, Outgoing};
use super::profiles::{self, StatusLine};
use super::{Ctx, reactions, search, standing, statuses, synchronisation};
use crate::db::accounts::{Account, AccountKey};
use crate::db::profiles::Profile;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};

/// Username of the actor that stands for the server itself and signs its fetches.
pub const INSTANCE_ACTOR: &str = "kith";

/// A key pair in PEM, made before the transaction: it takes a while.
#[derive(Debug, Clone)]
pub struct KeyPair {
    /// PKCS#8.
    pub private: String,
    /// SPKI.
    pub public: String,
}

/// What makes an RSA key pair.
type MakeKeys = dyn Fn() -> AppResult<KeyPair> + Send + Sync;

/// Makes the key pairs of actors; passed in, for a new pair takes a tenth of a second and more.
#[derive(Clone)]
pub struct KeySource(Arc<MakeKeys>);

impl KeySource {
    /// A source that calls this, on a thread where it may take its time.
    pub fn new(make: impl Fn() -> AppResult<KeyPair> + Send + Sync + 'static) -> KeySource {
        KeySource(Arc::new(make))
    }

    /// The next key pair.
    pub async fn next(&self) -> AppResult<KeyPair> {
        let make = self.0.clone();
        tokio::task::spawn_blocking(move || make())
            .await
            .map_err(AppError::internal)?
    }
}

/// Adds a local actor of that name.
pub async fn create_local(
    tx: &mut Conn,
    ctx: &Ctx,
    username: &str,
    kind: &str,
    keys: &KeyPair,
) -> AppResult<Account> {
    let now = ctx.now();
    let uri = ctx.config.actor_uri(username);
    let account = Account {
        id: ctx.ids.next(),
        username: username.to_owned(),
        username_lower: username.to_lowercase(),
        domain: String::new(),
        url: ctx.config.url(&format!("/@{username}")),
        kind: kind.to_owned(),
        display_name: String::new(),
        note: String::new(),
        fields: "[]".to_owned(),
        emojis: "[]".to_owned(),
        avatar: String::new(),
        avatar_description: String::new(),
        header: String::new(),
        header_description: String::new(),
        inbox_url: format!("{uri}/inbox"),
        delivery_url: ctx.config.url("/inbox"),
        delivery_host: ctx.config.authority(),
        followers_url: format!("{uri}/followers"),
        endpoints: "{}".to_owned(),
        locked: false,
        discoverable: true,
        indexable: false,
        hide_collections: false,
        also_known_as: "[]".to_owned(),
        moved_to: String::new(),
        created_at: now,
        fetched_at: 0,
        suspended_at: None,
        silenced_at: None,
        deleted_at: None,
        sensitized_at: None,
        uri,
    };
    if db::accounts::by_handle(tx, username, "").await?.is_some() {
        return Err(AppError::invalid(
            "Validation failed: Username has already been taken",
        ));
    }
    db::accounts::insert(tx, &account).await?;
    set_keys(tx, &account, keys, now).await?;
    search::account_changed(tx, ctx, None, &account).await?;
    Ok(account)
}

/// Gives a local account its RSA key in the place of all keys it had.
async fn set_keys(tx: &mut Conn, account: &Account, keys: &KeyPair, now: i64) -> AppResult<()> {
    let key = AccountKey {
        key_id: format!("{}#main-key", account.uri),
        account_id: account.id,
        public_key: keys.public.clone(),
        private_key: Some(keys.private.clone()),
        created_at: now,
    };
    Ok(db::accounts::set_keys(tx, account.id, &[key]).await?)
}

/// Gives a local account new keys under the ids of the old ones, and tells its followers' servers;
/// others fetch them when a signature does not fit the key they know. 404 for one that is gone.
pub async fn rotate_keys(
    tx: &mut Conn,
    ctx: &Ctx,
    account_id: i64,
    keys: &KeyPair,
) -> AppResult<Account> {
    // Making the keys took its time: what is known of the account may be of before.
    db::relations::lock_pair(tx, account_id, account_id).await?;
    let account = db::accounts::by_id(tx, account_id)
        .await?
        .filter(|account| account.is_local() && account.deleted_at.is_none())
        .ok_or_else(AppError::not_found)?;
    set_keys(tx, &account, keys, ctx.now()).await?;
    tell_changed(tx, ctx, &account).await?;
    Ok(account)
}

/// Caches and the followers' servers are told that a local account changed.
async fn tell_changed(tx: &mut Conn, ctx: &Ctx, account: &Account) -> AppResult<()> {
    tx.emit(Event::of(Kind::AccountChanged, account.id));
    let activity = Outgoing::UpdateActor {
        uri: outgoing::activity_uri(ctx, account, "updates"),
    };
    let audience = Audience {
        followers: true,
        accounts: Vec::new(),
    };
    outgoing::send(tx, ctx, account, &activity, audience).await
}

/// Writes a changed local profile, with the custom emoji it uses now, and tells the followers'
/// servers.
pub async fn change_profile(tx: &mut Conn, ctx: &Ctx, account: &Account) -> AppResult<()> {
    let before = db::accounts::by_id(tx, account.id).await?;
    let texts = [&*account.display_name, &account.note, &account.fields];
    let account = &Account {
        emojis: emojis::used(tx, ctx, &texts).await?,
        ..account.clone()
    };
    db::accounts::update(tx, account).await?;
    search::account_changed(tx, ctx, before.as_ref(), account).await?;
    tell_changed(tx, ctx, account).await
}

/// An actor from elsewhere as its server describes it now: cleaned, its id and handle checked.
#[derive(Debug, Clone)]
pub struct RemoteActor {
    /// Everything but what only we know (id, times, moderation).
    pub account: Account,
    /// Key ids and public keys.
    pub keys: Vec<(String, String)>,
    /// Plain text.
    pub location: String,
    pub status: StatusLine,
    /// Whether its own server has suspended it.
    pub suspended: bool,
}

/// Adds or refreshes an actor from elsewhere. A handle that moved to another actor id follows
/// it: the older holder is renamed, never merged.
pub async fn upsert_remote(tx: &mut Conn, ctx: &Ctx, actor: RemoteActor) -> AppResult<Account> {
    let now = ctx.now();
    let mut account = actor.account;
    account.fetched_at = now;
    emojis::remember(tx, ctx, &account.domain, &account.emojis).await?;
    // All of the row is written below: what moderators decide at this moment is to be in it.
    let known = db::accounts::by_uri_to_write(tx, &account.uri).await?;
    let before = known.clone();
    let holder = db::accounts::by_handle(tx, &account.username_lower, &account.domain).await?;
    if let Some(holder) = holder
        && known.as_ref().is_none_or(|k| k.id != holder.id)
        && let Some(mut holder) = db::accounts::by_uri_to_write(tx, &holder.uri).await?
    {
        holder.username_lower = format!("{}#{}", holder.username_lower, holder.id);
        db::accounts::update(tx, &holder).await?;
    }
    match known {
        Some(known) => {
            account.id = known.id;
            account.created_at = known.created_at;
            account.suspended_at = known.suspended_at;
            account.silenced_at = known.silenced_at;
            standing::origin_said(tx, ctx, &mut account, actor.suspended).await?;
            account.deleted_at = known.deleted_at;
            account.sensitized_at = known.sensitized_at;
            let changed = Account {
                fetched_at: known.fetched_at,
                ..account.clone()
            } != known;
            db::accounts::update(tx, &account).await?;
            if changed {
                tx.emit(Event::of(Kind::AccountChanged, account.id));
            }
        }
        None => {
            account.id = ctx.ids.next();
            account.created_at = account.created_at.clamp(1, now);
            account.suspended_at = actor.suspended.then_some(now);
            standing::begin(tx, &mut account).await?;
            db::accounts::insert(tx, &account).await?;
            let since = account.suspended_at.filter(|_| actor.suspended);
            if since.is_some() {
                db::origin_suspensions::set(tx, account.id, since).await?;
            }
        }
    }
    let keys: Vec<AccountKey> = actor
        .keys
        .into_iter()
        .map(|(key_id, public_key)| AccountKey {
            key_id,
            account_id: account.id,
            public_key,
            private_key: None,
            created_at: now,
        })
        .collect();
    db::accounts::set_keys(tx, account.id, &keys).await?;
    let told = (actor.location, actor.status);
    show(tx, ctx, account.id, before.is_some(), told).await?;
    search::account_changed(tx, ctx, before.as_ref(), &account).await?;
    Ok(account)
}

/// Keeps what an actor from elsewhere shows besides; most show nothing.
async fn show(
    tx: &mut Conn,
    ctx: &Ctx,
    account_id: i64,
    known: bool,
    (location, status): (String, StatusLine),
) -> AppResult<()> {
    let kept = if known {
        db::profiles::of(tx, &[account_id]).await?.pop()
    } else {
        None
    };
    let before = kept.unwrap_or_else(|| Profile::usual(account_id));
    let mut after = before.clone();
    after.location = location;
    let over = status.expires_at.is_some_and(|at| at <= ctx.now());
    let status = if over { StatusLine::default() } else { status };
    profiles::set_status(&mut after, status);
    if after != before {
        db::profiles::set(tx, &after).await?;
        profiles::remind(tx, ctx, &after).await?;
        tx.emit(Event::of(Kind::AccountChanged, account_id));
    }
    Ok(())
}

/// An actor elsewhere is gone: so is everything of theirs here, but for the name.
pub async fn remove_remote(tx: &mut Conn, ctx: &Ctx, account: &Account) -> AppResult<()> {
    synchronisation::forget(tx, account).await?;
    db::notifications::forget_account(tx, account.id).await?;
    db::accounts::sever(tx, account.id).await?;
    remove(tx, ctx, account).await
}

/// Forgets an account from elsewhere unless something keeps it here (`db::account_pruning`) or its
/// profile was read at `since` or later; gives what it was, `None` where it stays. Nobody is told, and it
/// may come again: it is not gone.
pub async fn prune(tx: &mut Conn, id: i64, since: i64) -> AppResult<Option<Account>> {
    db::account_pruning::hold(tx, id).await?;
    // It was looked at before: somebody may have had to do with it meanwhile.
    let looked = db::account_pruning::look(tx, id - 1, since, 1).await?;
    if !looked.iter().any(|looked| looked.id == id && !looked.kept) {
        return Ok(None);
    }
    let Some(account) = db::accounts::by_id(tx, id).await? else {
        return Ok(None);
    };
    db::account_pruning::delete(tx, id).await?;
    tx.emit(Event::of(Kind::AccountChanged, id));
    Ok(Some(account))
}

/// An account is gone: nothing of it is shown any more, and a job erases the rest. What an account elsewhere
/// has to do with people here ends then, and its server is told.
pub(super) async fn remove(tx: &mut Conn, ctx: &Ctx, account: &Account) -> AppResult<()> {
    let mut gone = account.clone();
    gone.deleted_at = Some(ctx.now());
    gone.display_name = String::new();
    gone.note = String::new();
    gone.fields = "[]".to_owned();
    gone.avatar = String::new();
    gone.avatar_description = String::new();
    gone.header = String::new();
    gone.header_description = String::new();
    gone.also_known_as = "[]".to_owned();
    db::accounts::update(tx, &gone).await?;
    chats::forget_author(tx, account, ctx.now()).await?;
    db::statuses::bury(tx, &account.uri, account.id, ctx.now()).await?;
    tx.emit(Event::of(Kind::AccountChanged, account.id));
    let job = Job::EraseAccount {
        account_id: account.id,
    };
    jobs::enqueue(tx, ctx, &job).await
}

/// Erases one of the things that an account that is gone wrote and did here, as if it had been
/// deleted or taken back, so that every count is right; true while there may be more. Nobody sees
/// what it wrote meanwhile. One at a time: a transaction that changes the counts of many statuses
/// would wait for, and be waited for by, all who vote on them.
pub async fn erase_one(tx: &mut Conn, ctx: &Ctx, account_id: i64) -> AppResult<bool> {
    let Some(account) = db::accounts::by_id(tx, account_id).await? else {
        return Ok(false);
    };
    if account.deleted_at.is_none() {
        return Ok(false);
    }
    Ok(statuses::erase_one_of(tx, ctx, account_id).await?
        || reactions::undo_one_of(tx, ctx, &account).await?
        || collections::erase_one_of(tx, ctx, &account).await?
        || match account.is_local() {
            true => deletion::erase_some_of(tx, ctx, &account).await?,
            false => deletion::part_from(tx, ctx, &account).await?,
        })
}
