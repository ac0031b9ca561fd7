//! Collections of accounts elsewhere, as their servers tell them.

use std::collections::HashMap;

use super::{notify_added, notify_members, own, retract, stamp_uri};
use crate::db::accounts::Account;
use crate::db::collections::{ACCEPTED, Collection, Item, PENDING, REVOKED};
use crate::db::{self, Conn};
use crate::domain::Ctx;
use crate::domain::jobs::{self, Job};
use crate::error::AppResult;

/// Collections kept of one account elsewhere.
pub const MAX_REMOTE: i64 = 50;
/// Items kept of one collection.
pub const MAX_REMOTE_ITEMS: usize = 150;
/// How often a stamp is looked for that cannot be had just now.
const MAX_TRIES: i16 = 5;

/// A collection as its owner's server describes it now: cleaned, its id checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteCollection {
    pub uri: String,
    pub url: String,
    pub name: String,
    /// Clean HTML.
    pub description: String,
    pub language: String,
    pub tag: String,
    pub sensitive: bool,
    pub discoverable: bool,
    pub published: Option<i64>,
    pub updated: Option<i64>,
    /// At most [`MAX_REMOTE_ITEMS`].
    pub items: Vec<RemoteItem>,
}

/// An item, its id on its collection's host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteItem {
    pub uri: String,
    /// The featured actor's id.
    pub object: String,
    /// The stamp's id, on the featured actor's host; `''` for none.
    pub authorization: String,
    pub published: Option<i64>,
}

/// What is known of those whom items name: the accounts that are here, by id, and the stamps of
/// local ones for the collection.
struct Known {
    accounts: HashMap<String, Account>,
    stamps: HashMap<i64, i64>,
}

impl Known {
    async fn of(
        conn: &mut Conn,
        collection: &Collection,
        items: &[RemoteItem],
    ) -> AppResult<Known> {
        let uris: Vec<String> = items.iter().map(|item| item.object.clone()).collect();
        let accounts = db::accounts::by_uris(conn, &uris).await?;
        let stamps = db::collections::stamps_for(conn, &collection.uri).await?;
        Ok(Known {
            accounts: accounts.into_iter().map(|a| (a.uri.clone(), a)).collect(),
            stamps: stamps
                .into_iter()
                .filter(|stamp| stamp.revoked_at.is_none())
                .map(|stamp| (stamp.account_id, stamp.id))
                .collect(),
        })
    }

    /// The state of an item and the stamp it rests on; `None`: it is not to be kept.
    fn judge(
        &self,
        ctx: &Ctx,
        collection: &Collection,
        item: &RemoteItem,
        before: Option<&Item>,
    ) -> Option<(Option<i64>, i16, String)> {
        let account = self.accounts.get(&item.object);
        let id = account.map(|account| account.id);
        if let Some(account) = account.filter(|account| account.is_local()) {
            let stamp = self.stamps.get(&account.id)?;
            return Some((id, ACCEPTED, stamp_uri(account, *stamp)));
        }
        // Whoever is not known lives elsewhere.
        if ctx.config.is_ours(&item.object) || account.is_some_and(|a| a.deleted_at.is_some()) {
            return None;
        }
        if id == Some(collection.account_id) {
            // It features itself.
            return Some((id, ACCEPTED, item.authorization.clone()));
        }
        if item.authorization.is_empty() {
            return None;
        }
        let verified = before
            .filter(|before| before.state != PENDING && before.approval_uri == item.authorization);
        let state = verified.map_or(PENDING, |before| before.state);
        Some((id, state, item.authorization.clone()))
    }
}

/// Adds or refreshes a collection of an account elsewhere; `None` where the id is another's, or
/// the account has too many. Stamps of others are looked at later.
pub async fn received(
    tx: &mut Conn,
    ctx: &Ctx,
    owner: &Account,
    told: &RemoteCollection,
) -> AppResult<Option<Collection>> {
    if owner.is_local() {
        return Ok(None);
    }
    db::relations::lock_pair(tx, owner.id, owner.id).await?;
    let before = db::collections::by_uri(tx, &told.uri).await?;
    if before
        .as_ref()
        .is_some_and(|row| row.account_id != owner.id)
    {
        return Ok(None);
    }
    if before.is_none() && db::collections::count_of(tx, owner.id).await? >= MAX_REMOTE {
        return Ok(None);
    }
    let now = ctx.now();
    let created_at = match &before {
        Some(before) => before.created_at,
        None => told.published.unwrap_or(now).clamp(1, now),
    };
    let row = Collection {
        id: before.as_ref().map_or_else(|| ctx.ids.next(), |row| row.id),
        account_id: owner.id,
        uri: told.uri.clone(),
        url: told.url.clone(),
        local: false,
        name: told.name.clone(),
        description: told.description.clone(),
        language: told.language.clone(),
        tag: told.tag.clone(),
        sensitive: told.sensitive,
        discoverable: told.discoverable,
        created_at,
        updated_at: told.updated.unwrap_or(now).clamp(created_at, now),
    };
    match &before {
        Some(_) => db::collections::update(tx, &row).await?,
        None => db::collections::insert(tx, &row).await?,
    }
    replace_items(tx, ctx, owner, &row, &told.items).await?;
    let changed = before
        .is_some_and(|before| (&before.name, &before.description) != (&row.name, &row.description));
    if changed {
        notify_members(tx, ctx, owner, &row).await?;
    }
    Ok(Some(row))
}

/// Has the items of a collection be those that it lists now.
async fn replace_items(
    tx: &mut Conn,
    ctx: &Ctx,
    owner: &Account,
    collection: &Collection,
    listed: &[RemoteItem],
) -> AppResult<()> {
    let known = Known::of(tx, collection, listed).await?;
    let place = Place {
        ctx,
        owner,
        collection,
        known: &known,
    };
    let mut before: HashMap<String, Item> = db::collections::items(tx, collection.id)
        .await?
        .into_iter()
        .map(|item| (item.object_uri.clone(), item))
        .collect();
    let mut position = 0;
    let mut seen = std::collections::HashSet::new();
    for item in listed.iter().take(MAX_REMOTE_ITEMS) {
        if !seen.insert(&item.object) {
            continue;
        }
        position += 1;
        let old = before.remove(&item.object);
        put(tx, &place, item, old, position).await?;
    }
    let mut gone = Vec::new();
    for item in before.into_values() {
        // What was revoked is remembered; what was allowed a moment ago may not be listed yet.
        let waits = item.state == ACCEPTED && item.uri.is_empty();
        if item.state != REVOKED && !waits {
            gone.push(item.id);
            taken_out(tx, owner, collection, &item).await?;
        }
    }
    db::collections::remove_items(tx, &gone).await?;
    verify_later(tx, ctx, collection.id).await
}

/// Where items are put.
struct Place<'a> {
    ctx: &'a Ctx,
    owner: &'a Account,
    collection: &'a Collection,
    known: &'a Known,
}

/// Writes one item as it is told.
async fn put(
    tx: &mut Conn,
    place: &Place<'_>,
    item: &RemoteItem,
    before: Option<Item>,
    position: i64,
) -> AppResult<()> {
    let Place {
        ctx,
        owner,
        collection,
        known,
    } = *place;
    if before
        .as_ref()
        .is_some_and(|old| old.state == REVOKED && old.approval_uri == item.authorization)
    {
        return Ok(());
    }
    let Some((account_id, state, approval_uri)) =
        known.judge(ctx, collection, item, before.as_ref())
    else {
        if let Some(old) = before.filter(|old| old.state != REVOKED) {
            db::collections::remove_items(tx, &[old.id]).await?;
            taken_out(tx, owner, collection, &old).await?;
        }
        return Ok(());
    };
    let now = ctx.now();
    let same = before.as_ref();
    let row = Item {
        id: same.map_or_else(|| ctx.ids.next(), |old| old.id),
        collection_id: collection.id,
        account_id,
        object_uri: item.object.clone(),
        uri: item.uri.clone(),
        state,
        position,
        request_uri: same.map_or_else(String::new, |old| old.request_uri.clone()),
        tries: same
            .filter(|old| old.approval_uri == approval_uri)
            .map_or(0, |old| old.tries),
        approval_uri,
        created_at: item.published.unwrap_or(now).clamp(1, now),
    };
    let new = same.is_none_or(|old| old.state != ACCEPTED);
    match same {
        Some(_) => db::collections::update_item(tx, &row).await?,
        None => db::collections::add_item(tx, &row).await?,
    }
    let featured = known.accounts.get(&item.object);
    if let Some(featured) = featured.filter(|account| new && account.is_local()) {
        notify_added(tx, ctx, featured, owner, collection).await?;
    }
    Ok(())
}

/// A local account that was in a collection elsewhere is not any more.
async fn taken_out(
    tx: &mut Conn,
    owner: &Account,
    collection: &Collection,
    item: &Item,
) -> AppResult<()> {
    let Some(account) = item.account_id else {
        return Ok(());
    };
    let account = db::accounts::by_id(tx, account).await?;
    if let Some(account) = account.filter(Account::is_local) {
        retract(tx, &account, owner, collection.id).await?;
        db::collections::forget_stamp(tx, account.id, &collection.uri).await?;
    }
    Ok(())
}

/// Has the stamps of what waits in a collection be looked at.
async fn verify_later(tx: &mut Conn, ctx: &Ctx, collection_id: i64) -> AppResult<()> {
    let waiting = db::collections::unverified(tx, collection_id, 1).await?;
    if waiting.is_empty() {
        return Ok(());
    }
    jobs::enqueue(tx, ctx, &Job::FeaturedItems { collection_id }).await
}

/// A collection of an account elsewhere that is known here.
async fn known(conn: &mut Conn, owner: &Account, uri: &str) -> AppResult<Option<Collection>> {
    let found = db::collections::by_uri(conn, uri).await?;
    Ok(found.filter(|row| row.account_id == owner.id && !row.local))
}

/// An account elsewhere put an item into a collection of its own; false where that is not known.
pub async fn item_added(
    tx: &mut Conn,
    ctx: &Ctx,
    owner: &Account,
    collection_uri: &str,
    item: &RemoteItem,
) -> AppResult<bool> {
    let Some(collection) = known(tx, owner, collection_uri).await? else {
        return Ok(false);
    };
    db::collections::touch(tx, collection.id, ctx.now()).await?;
    let mut items = db::collections::items(tx, collection.id).await?;
    let next = items.last().map_or(0, |last| last.position) + 1;
    let same = items.iter().position(|old| old.object_uri == item.object);
    if same.is_none() && items.len() >= MAX_REMOTE_ITEMS {
        return Ok(true);
    }
    let before = same.map(|at| items.swap_remove(at));
    let position = before.as_ref().map_or(next, |old| old.position);
    let known = Known::of(tx, &collection, std::slice::from_ref(item)).await?;
    let place = Place {
        ctx,
        owner,
        collection: &collection,
        known: &known,
    };
    put(tx, &place, item, before, position).await?;
    verify_later(tx, ctx, collection.id).await?;
    Ok(true)
}

/// An account elsewhere took an item out of a collection of its own; false where that is not
/// known.
pub async fn item_removed(
    tx: &mut Conn,
    ctx: &Ctx,
    owner: &Account,
    collection_uri: &str,
    item_uri: &str,
) -> AppResult<bool> {
    let Some(collection) = known(tx, owner, collection_uri).await? else {
        return Ok(false);
    };
    db::collections::touch(tx, collection.id, ctx.now()).await?;
    let items = db::collections::items(tx, collection.id).await?;
    let gone = items
        .into_iter()
        .find(|item| item.uri == item_uri && item.state != REVOKED);
    if let Some(item) = gone {
        db::collections::remove_items(tx, &[item.id]).await?;
        taken_out(tx, owner, &collection, &item).await?;
    }
    Ok(true)
}

/// An account elsewhere deleted a collection of its own; false where that is not known.
pub async fn removed(tx: &mut Conn, owner: &Account, uri: &str) -> AppResult<bool> {
    let Some(collection) = known(tx, owner, uri).await? else {
        return Ok(false);
    };
    for (item, _) in db::collections::members(tx, &[collection.id]).await? {
        taken_out(tx, owner, &collection, &item).await?;
    }
    db::collections::delete(tx, collection.id).await?;
    Ok(true)
}

/// Forgets the collections of an account elsewhere but those that its server lists.
pub async fn keep_only(tx: &mut Conn, owner: &Account, listed: &[String]) -> AppResult<()> {
    for row in db::collections::of_account(tx, owner.id, false, 0, MAX_REMOTE).await? {
        if !listed.contains(&row.uri) {
            removed(tx, owner, &row.uri).await?;
        }
    }
    Ok(())
}

/// The stamp of an item was fetched, and is good; `account_id` is who is featured.
pub async fn verified(tx: &mut Conn, ctx: &Ctx, item: &Item, account_id: i64) -> AppResult<()> {
    db::collections::touch(tx, item.collection_id, ctx.now()).await?;
    if let Some(row) = still(tx, item).await? {
        let row = Item {
            account_id: Some(account_id),
            state: ACCEPTED,
            tries: 0,
            ..row
        };
        db::collections::update_item(tx, &row).await?;
    }
    Ok(())
}

/// The stamp of an item is none.
pub async fn unfit(tx: &mut Conn, item: &Item) -> AppResult<()> {
    match still(tx, item).await? {
        Some(row) => Ok(db::collections::remove_items(tx, &[row.id]).await?),
        None => Ok(()),
    }
}

/// The stamp of an item could not be had just now.
pub async fn put_off(tx: &mut Conn, item: &Item) -> AppResult<()> {
    let Some(row) = still(tx, item).await? else {
        return Ok(());
    };
    if row.tries + 1 >= MAX_TRIES {
        return Ok(db::collections::remove_items(tx, &[row.id]).await?);
    }
    let row = Item {
        tries: row.tries + 1,
        ..row
    };
    Ok(db::collections::update_item(tx, &row).await?)
}

/// The item as it is now, where it still waits for the same stamp.
async fn still(conn: &mut Conn, item: &Item) -> AppResult<Option<Item>> {
    let now = db::collections::item(conn, item.collection_id, item.id).await?;
    Ok(now.filter(|now| now.state == PENDING && now.approval_uri == item.approval_uri))
}

/// Erases one collection of an account that is gone, or takes it out of one; true while there may be
/// more.
pub async fn erase_one_of(tx: &mut Conn, ctx: &Ctx, account: &Account) -> AppResult<bool> {
    let own_rows = db::collections::of_account(tx, account.id, false, 0, 1).await?;
    if let Some(row) = own_rows.first() {
        if row.local {
            own::delete(tx, ctx, account, row.id).await?;
            return Ok(true);
        }
        removed(tx, account, &row.uri).await?;
        db::collections::delete(tx, row.id).await?;
        return Ok(true);
    }
    let Some((item, collection)) = db::collections::one_featuring(tx, account.id).await? else {
        return Ok(false);
    };
    let owner = match collection.local {
        true => db::accounts::by_id(tx, collection.account_id).await?,
        false => None,
    };
    match owner {
        Some(owner) => own::take_out(tx, ctx, &owner, &collection, &item).await?,
        None => db::collections::remove_items(tx, &[item.id]).await?,
    }
    Ok(true)
}
