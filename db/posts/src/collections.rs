//! Featured collections, who is in them, and the stamps of local accounts (FEP-7aa9).

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::accounts::Account;
use super::any::AnyOfExt;
use super::schema::{accounts, collection_items, collections, feature_authorizations};
use super::{Conn, Result, on_db};

/// States of an item.
pub const PENDING: i16 = 0;
pub const ACCEPTED: i16 = 1;
pub const REJECTED: i16 = 2;
pub const REVOKED: i16 = 3;

/// Items read at once, of as many collections as a page has.
const MANY: i64 = 12_000;

/// A row of `collections`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = collections)]
pub struct Collection {
    pub id: i64,
    /// Whose it is.
    pub account_id: i64,
    pub uri: String,
    /// Its page, or `''`.
    pub url: String,
    /// Whether it was made here.
    pub local: bool,
    /// Plain text.
    pub name: String,
    /// Clean HTML.
    pub description: String,
    /// `''` where it is not known.
    pub language: String,
    /// As written, without `#`; `''` for none.
    pub tag: String,
    pub sensitive: bool,
    pub discoverable: bool,
    pub created_at: i64,
    pub updated_at: i64,
}

/// A row of `collection_items`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = collection_items, treat_none_as_null = true)]
pub struct Item {
    pub id: i64,
    pub collection_id: i64,
    /// Who is featured; `None` until the actor is known here.
    pub account_id: Option<i64>,
    /// The actor's id.
    pub object_uri: String,
    /// The item's own id; `''` until its collection's server tells it.
    pub uri: String,
    /// [`PENDING`], [`ACCEPTED`], [`REJECTED`] or [`REVOKED`].
    pub state: i16,
    pub position: i64,
    /// The FeatureRequest's id, or `''`.
    pub request_uri: String,
    /// The FeatureAuthorization's id, or `''`.
    pub approval_uri: String,
    /// How often the stamp was looked for in vain.
    pub tries: i16,
    pub created_at: i64,
}

/// A row of `feature_authorizations`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = feature_authorizations)]
pub struct Stamp {
    pub id: i64,
    /// The local account that gives leave.
    pub account_id: i64,
    /// The collection it may be in.
    pub collection_uri: String,
    pub created_at: i64,
    pub revoked_at: Option<i64>,
}

/// Adds a collection.
#[boxed]
pub async fn insert(conn: &mut Conn, row: &Collection) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(collections::table)
        .values(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// Writes every column.
#[boxed]
pub async fn update(conn: &mut Conn, row: &Collection) -> Result<()> {
    on_db!(conn, |c| diesel::update(collections::table.find(row.id))
        .set(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// Holds a collection until the transaction is through, and notes that it changed.
#[boxed]
pub async fn touch(conn: &mut Conn, id: i64, now: i64) -> Result<()> {
    on_db!(conn, |c| diesel::update(collections::table.find(id))
        .set(collections::updated_at.eq(now))
        .execute(c)
        .await)?;
    Ok(())
}

/// Removes a collection with its items.
#[boxed]
pub async fn delete(conn: &mut Conn, id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::delete(collections::table.find(id))
        .execute(c)
        .await)?;
    Ok(())
}

/// Collections by id whose owners are active, in no order.
#[boxed]
pub async fn by_ids(conn: &mut Conn, ids: &[i64]) -> Result<Vec<Collection>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| collections::table
        .inner_join(accounts::table.on(accounts::id.eq(collections::account_id)))
        .filter(collections::id.any_of(ids))
        .filter(accounts::suspended_at.is_null())
        .filter(accounts::deleted_at.is_null())
        .select(Collection::as_select())
        .load(c)
        .await)
}

/// One collection whose owner is active.
#[boxed]
pub async fn by_id(conn: &mut Conn, id: i64) -> Result<Option<Collection>> {
    Ok(by_ids(conn, &[id]).await?.pop())
}

/// One collection by its ActivityPub id.
#[boxed]
pub async fn by_uri(conn: &mut Conn, uri: &str) -> Result<Option<Collection>> {
    on_db!(conn, |c| collections::table
        .filter(collections::uri.eq(uri))
        .select(Collection::as_select())
        .first(c)
        .await
        .optional())
}

/// An account's collections, the newest first. `open`: those alone that may be found.
#[boxed]
pub async fn of_account(
    conn: &mut Conn,
    account_id: i64,
    open: bool,
    offset: i64,
    limit: i64,
) -> Result<Vec<Collection>> {
    on_db!(conn, |c| {
        let mut query = collections::table
            .filter(collections::account_id.eq(account_id))
            .order((collections::created_at.desc(), collections::id.desc()))
            .offset(offset)
            .limit(limit)
            .select(Collection::as_select())
            .into_boxed();
        if open {
            query = query.filter(collections::discoverable.eq(true));
        }
        query.load(c).await
    })
}

/// How many collections an account has.
#[boxed]
pub async fn count_of(conn: &mut Conn, account_id: i64) -> Result<i64> {
    on_db!(conn, |c| collections::table
        .filter(collections::account_id.eq(account_id))
        .count()
        .get_result(c)
        .await)
}

/// Collections that an account is in, the last it was added to first.
#[boxed]
pub async fn featuring(
    conn: &mut Conn,
    account_id: i64,
    offset: i64,
    limit: i64,
) -> Result<Vec<Collection>> {
    on_db!(conn, |c| collection_items::table
        .inner_join(collections::table.on(collections::id.eq(collection_items::collection_id)))
        .inner_join(accounts::table.on(accounts::id.eq(collections::account_id)))
        .filter(collection_items::account_id.eq(account_id))
        .filter(collection_items::state.eq(ACCEPTED))
        .filter(accounts::suspended_at.is_null())
        .filter(accounts::deleted_at.is_null())
        .order(collection_items::id.desc())
        .offset(offset)
        .limit(limit)
        .select(Collection::as_select())
        .load(c)
        .await)
}

/// What is in collections and may be shown: items of active accounts, accepted or waiting, in
/// their order.
#[boxed]
pub async fn shown_items(conn: &mut Conn, collection_ids: &[i64]) -> Result<Vec<Item>> {
    if collection_ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| collection_items::table
        .inner_join(accounts::table.on(collection_items::account_id.eq(accounts::id.nullable())))
        .filter(collection_items::collection_id.any_of(collection_ids))
        .filter(collection_items::state.le(ACCEPTED))
        .filter(accounts::suspended_at.is_null())
        .filter(accounts::deleted_at.is_null())
        .order((collection_items::position, collection_items::id))
        .limit(MANY)
        .select(Item::as_select())
        .load(c)
        .await)
}

/// Accepted items of a collection with the active accounts they feature, in their order.
#[boxed]
pub async fn members(conn: &mut Conn, collection_ids: &[i64]) -> Result<Vec<(Item, Account)>> {
    if collection_ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| collection_items::table
        .inner_join(accounts::table.on(collection_items::account_id.eq(accounts::id.nullable())))
        .filter(collection_items::collection_id.any_of(collection_ids))
        .filter(collection_items::state.eq(ACCEPTED))
        .filter(accounts::suspended_at.is_null())
        .filter(accounts::deleted_at.is_null())
        .order((collection_items::position, collection_items::id))
        .limit(MANY)
        .select((Item::as_select(), Account::as_select()))
        .load(c)
        .await)
}

/// Every item of a collection, whatever its state, in its order.
#[boxed]
pub async fn items(conn: &mut Conn, collection_id: i64) -> Result<Vec<Item>> {
    on_db!(conn, |c| collection_items::table
        .filter(collection_items::collection_id.eq(collection_id))
        .order((collection_items::position, collection_items::id))
        .limit(MANY)
        .select(Item::as_select())
        .load(c)
        .await)
}

/// One item of a collection.
#[boxed]
pub async fn item(conn: &mut Conn, collection_id: i64, id: i64) -> Result<Option<Item>> {
    on_db!(conn, |c| collection_items::table
        .find(id)
        .filter(collection_items::collection_id.eq(collection_id))
        .select(Item::as_select())
        .first(c)
        .await
        .optional())
}

/// The item by a FeatureRequest that asked for it.
#[boxed]
pub async fn item_by_request(conn: &mut Conn, uri: &str) -> Result<Option<Item>> {
    if uri.is_empty() {
        return Ok(None);
    }
    on_db!(conn, |c| collection_items::table
        .filter(collection_items::request_uri.eq(uri))
        // Literally, as the partial index has it.
        .filter(diesel::dsl::sql::<diesel::sql_types::Bool>(
            "request_uri <> ''"
        ))
        .select(Item::as_select())
        .first(c)
        .await
        .optional())
}

/// Items by the stamp that allows them, at most a hundred.
#[boxed]
pub async fn items_by_approval(conn: &mut Conn, uri: &str) -> Result<Vec<Item>> {
    if uri.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| collection_items::table
        .filter(collection_items::approval_uri.eq(uri))
        .filter(diesel::dsl::sql::<diesel::sql_types::Bool>(
            "approval_uri <> ''"
        ))
        .limit(100)
        .select(Item::as_select())
        .load(c)
        .await)
}

/// Items of collections elsewhere whose stamps are still to be looked at, those least tried first.
#[boxed]
pub async fn unverified(conn: &mut Conn, collection_id: i64, limit: i64) -> Result<Vec<Item>> {
    on_db!(conn, |c| collection_items::table
        .filter(collection_items::collection_id.eq(collection_id))
        .filter(collection_items::state.eq(PENDING))
        .order((collection_items::tries, collection_items::position))
        .limit(limit)
        .select(Item::as_select())
        .load(c)
        .await)
}

/// Adds an item.
#[boxed]
pub async fn add_item(conn: &mut Conn, row: &Item) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(collection_items::table)
        .values(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// Writes every column of an item.
#[boxed]
pub async fn update_item(conn: &mut Conn, row: &Item) -> Result<()> {
    on_db!(conn, |c| diesel::update(
        collection_items::table.find(row.id)
    )
    .set(row)
    .execute(c)
    .await)?;
    Ok(())
}

/// Removes items.
#[boxed]
pub async fn remove_items(conn: &mut Conn, ids: &[i64]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    on_db!(conn, |c| diesel::delete(
        collection_items::table.filter(collection_items::id.any_of(ids))
    )
    .execute(c)
    .await)?;
    Ok(())
}

/// Items that feature an account in collections of another, with those collections.
#[boxed]
pub async fn between(
    conn: &mut Conn,
    owner_id: i64,
    featured_id: i64,
) -> Result<Vec<(Item, Collection)>> {
    on_db!(conn, |c| collection_items::table
        .inner_join(collections::table.on(collections::id.eq(collection_items::collection_id)))
        .filter(collection_items::account_id.eq(featured_id))
        .filter(collections::account_id.eq(owner_id))
        .filter(collection_items::state.le(ACCEPTED))
        .order(collection_items::id)
        .limit(MANY)
        .select((Item::as_select(), Collection::as_select()))
        .load(c)
        .await)
}

/// One of the items that feature an account, with its collection.
#[boxed]
pub async fn one_featuring(conn: &mut Conn, account_id: i64) -> Result<Option<(Item, Collection)>> {
    on_db!(conn, |c| collection_items::table
        .inner_join(collections::table.on(collections::id.eq(collection_items::collection_id)))
        .filter(collection_items::account_id.eq(account_id))
        .select((Item::as_select(), Collection::as_select()))
        .first(c)
        .await
        .optional())
}

/// Gives leave; the row that is there when it was given before, revoked or not.
#[boxed]
pub async fn authorize(conn: &mut Conn, row: &Stamp) -> Result<Stamp> {
    on_db!(conn, |c| diesel::insert_into(feature_authorizations::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    Ok(stamp(conn, row.account_id, &row.collection_uri)
        .await?
        .unwrap_or_else(|| row.clone()))
}

/// The leave of a local account to be in a collection.
#[boxed]
pub async fn stamp(
    conn: &mut Conn,
    account_id: i64,
    collection_uri: &str,
) -> Result<Option<Stamp>> {
    on_db!(conn, |c| feature_authorizations::table
        .filter(feature_authorizations::account_id.eq(account_id))
        .filter(feature_authorizations::collection_uri.eq(collection_uri))
        .select(Stamp::as_select())
        .first(c)
        .await
        .optional())
}

/// Leaves of local accounts to be in a collection, in no order.
#[boxed]
pub async fn stamps_for(conn: &mut Conn, collection_uri: &str) -> Result<Vec<Stamp>> {
    on_db!(conn, |c| feature_authorizations::table
        .filter(feature_authorizations::collection_uri.eq(collection_uri))
        .limit(MANY)
        .select(Stamp::as_select())
        .load(c)
        .await)
}

/// A leave by its id.
#[boxed]
pub async fn stamp_by_id(conn: &mut Conn, id: i64) -> Result<Option<Stamp>> {
    on_db!(conn, |c| feature_authorizations::table
        .find(id)
        .select(Stamp::as_select())
        .first(c)
        .await
        .optional())
}

/// Takes a leave back for good.
#[boxed]
pub async fn revoke_stamp(conn: &mut Conn, id: i64, now: i64) -> Result<()> {
    on_db!(conn, |c| diesel::update(
        feature_authorizations::table.find(id)
    )
    .set(feature_authorizations::revoked_at.eq(now))
    .execute(c)
    .await)?;
    Ok(())
}

/// Removes a leave that nobody needs any more; one that was revoked is remembered.
#[boxed]
pub async fn forget_stamp(conn: &mut Conn, account_id: i64, collection_uri: &str) -> Result<()> {
    on_db!(conn, |c| diesel::delete(
        feature_authorizations::table
            .filter(feature_authorizations::account_id.eq(account_id))
            .filter(feature_authorizations::collection_uri.eq(collection_uri))
            .filter(feature_authorizations::revoked_at.is_null())
    )
    .execute(c)
    .await)?;
    Ok(())
}

/// Removes every leave for a collection that is gone.
#[boxed]
pub async fn forget_stamps_for(conn: &mut Conn, collection_uri: &str) -> Result<()> {
    on_db!(conn, |c| diesel::delete(
        feature_authorizations::table
            .filter(feature_authorizations::collection_uri.eq(collection_uri))
    )
    .execute(c)
    .await)?;
    Ok(())
}
