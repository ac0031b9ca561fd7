//! Featured collections (FEP-7aa9): people whom somebody recommends, with their leave.
//!
//! Whoever is in one has given leave, and may take it back. The leave is a stamp
//! (`FeatureAuthorization`) of theirs; of local accounts it is a row of `feature_authorizations`.

mod consent;
mod own;
mod remote;

pub use consent::{Asked, asked, granted, refused, requested, revoke, severed, stamp_deleted};
pub use own::{Settings, add, change, create, delete, remove};
pub use remote::{
    MAX_REMOTE, MAX_REMOTE_ITEMS, RemoteCollection, RemoteItem, erase_one_of, item_added,
    item_removed, keep_only, put_off, received, removed, unfit, verified,
};

use super::Ctx;
use super::interactions::{self, Standing};
use super::notifications::{self, Subject, Type};
use super::outgoing::{
    self, Audience, CanQuote, FeaturedCollection, FeaturedItem, HashTag, Outgoing,
};
use super::quotes::{Leave, Policy};
use crate::db::accounts::Account;
use crate::db::collections::{Collection, Item, Stamp};
use crate::db::{self, Conn};
use crate::error::AppResult;
use crate::text::plain::normalize_tag;

/// Collections of one local account.
pub const MAX_COLLECTIONS: i64 = 10;
/// Accounts in one of them.
pub const MAX_ITEMS: usize = 25;

/// Who may feature an account; `None` where its server does not say, and so nobody.
///
/// A local account goes by what it chose already: it is not featured unless it wants to be found,
/// and by its followers alone where it approves those.
pub fn policy_of(account: &Account) -> Option<Policy> {
    if account.is_local() {
        let policy = match () {
            () if !account.discoverable || account.kind == "Application" => Policy::NOBODY,
            () if account.locked => Policy::FOLLOWERS,
            () => Policy::EVERYONE,
        };
        return Some(policy);
    }
    #[derive(serde::Deserialize)]
    struct Endpoints {
        #[serde(rename = "canFeature")]
        can_feature: Option<Policy>,
    }
    let endpoints: Endpoints = serde_json::from_str(&account.endpoints).ok()?;
    endpoints.can_feature
}

/// Who may feature a local account, as its actor says it.
pub fn can_feature(account: &Account) -> CanQuote {
    super::quotes::by_ids(account, policy_of(account).unwrap_or(Policy::NOBODY))
}

/// What becomes of it when `owner` features an account.
async fn leave(conn: &mut Conn, owner: &Account, featured: &Account) -> AppResult<Leave> {
    if !featured.is_active() {
        return Ok(Leave::Denied);
    }
    if owner.id == featured.id {
        return Ok(Leave::Automatic);
    }
    for (one, other) in [(owner.id, featured.id), (featured.id, owner.id)] {
        if db::relations::block(conn, one, other).await?.is_some() {
            return Ok(Leave::Denied);
        }
    }
    if featured.is_local()
        && !owner.is_local()
        && db::personal::blocks_domain(conn, featured.id, &owner.domain).await?
    {
        return Ok(Leave::Denied);
    }
    let Some(policy) = policy_of(featured) else {
        return Ok(Leave::Denied);
    };
    let follows = db::relations::follow(conn, owner.id, featured.id)
        .await?
        .is_some();
    let followed = policy.depends_on_following()
        && db::relations::follow(conn, featured.id, owner.id)
            .await?
            .is_some();
    Ok(policy.leave(Standing {
        follows,
        followed,
        mentioned: false,
    }))
}

/// The list of a local actor's collections.
pub fn list_uri(owner: &Account) -> String {
    format!("{}/featured_collections", owner.uri)
}

/// The id of a local account's stamp.
pub fn stamp_uri(account: &Account, id: i64) -> String {
    interactions::stamp_uri(account, interactions::FEATURES, id)
}

/// The stamp of a local account for a collection, where it has not been revoked.
async fn grant(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    collection_uri: &str,
) -> AppResult<Option<String>> {
    let row = Stamp {
        id: ctx.ids.next(),
        account_id: account.id,
        collection_uri: collection_uri.to_owned(),
        created_at: ctx.now(),
        revoked_at: None,
    };
    let row = db::collections::authorize(tx, &row).await?;
    Ok(row.revoked_at.is_none().then(|| stamp_uri(account, row.id)))
}

/// Local collections of one owner as they go out: one statement.
pub async fn describe(
    conn: &mut Conn,
    ctx: &Ctx,
    owner: &Account,
    rows: &[Collection],
) -> AppResult<Vec<FeaturedCollection>> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let members = db::collections::members(conn, &ids).await?;
    let described = rows.iter().map(|row| FeaturedCollection {
        uri: row.uri.clone(),
        url: row.url.clone(),
        attributed_to: owner.uri.clone(),
        name: row.name.clone(),
        summary: row.description.clone(),
        language: Some(row.language.clone()).filter(|language| !language.is_empty()),
        sensitive: row.sensitive,
        discoverable: row.discoverable,
        topic: (!row.tag.is_empty()).then(|| HashTag {
            href: ctx.config.tag_url(&normalize_tag(&row.tag)),
            name: row.tag.clone(),
        }),
        published: row.created_at,
        updated: row.updated_at,
        items: members
            .iter()
            .filter(|(item, _)| item.collection_id == row.id)
            .map(|(item, _)| describe_item(item))
            .collect(),
    });
    Ok(described.collect())
}

/// An item of a local collection as it goes out.
pub fn describe_item(item: &Item) -> FeaturedItem {
    FeaturedItem {
        uri: item.uri.clone(),
        object: item.object_uri.clone(),
        authorization: item.approval_uri.clone(),
        published: item.created_at,
    }
}

/// Tells of a local collection: its owner's followers, those in it, and `besides`.
async fn tell(
    tx: &mut Conn,
    ctx: &Ctx,
    owner: &Account,
    collection: &Collection,
    activity: &Outgoing,
    besides: Option<i64>,
) -> AppResult<()> {
    let members = db::collections::members(tx, &[collection.id]).await?;
    let audience = Audience {
        followers: true,
        accounts: members
            .iter()
            .filter_map(|(item, _)| item.account_id)
            .chain(besides)
            .collect(),
    };
    outgoing::send(tx, ctx, owner, activity, audience).await
}

/// Tells that an item stands in a local collection now.
async fn tell_added(
    tx: &mut Conn,
    ctx: &Ctx,
    owner: &Account,
    collection: &Collection,
    item: &Item,
) -> AppResult<()> {
    let activity = Outgoing::AddItem {
        uri: outgoing::activity_uri(ctx, owner, "adds"),
        item: describe_item(item),
        target: collection.uri.clone(),
    };
    tell(tx, ctx, owner, collection, &activity, None).await
}

/// Tells that an item stands in a local collection no more.
async fn tell_removed(
    tx: &mut Conn,
    ctx: &Ctx,
    owner: &Account,
    collection: &Collection,
    item: &Item,
) -> AppResult<()> {
    let activity = Outgoing::Remove {
        uri: outgoing::activity_uri(ctx, owner, "removes"),
        object: item.uri.clone(),
        target: collection.uri.clone(),
    };
    tell(tx, ctx, owner, collection, &activity, item.account_id).await
}

/// Tells a local account that it is in a collection now.
async fn notify_added(
    tx: &mut Conn,
    ctx: &Ctx,
    featured: &Account,
    owner: &Account,
    collection: &Collection,
) -> AppResult<()> {
    let subject = Subject::Other(collection.id);
    notifications::notify(tx, ctx, featured, owner, Type::AddedToCollection, subject).await
}

/// Takes back what a local account was told of a collection that it is not in any more.
async fn retract(
    tx: &mut Conn,
    featured: &Account,
    owner: &Account,
    collection_id: i64,
) -> AppResult<()> {
    for kind in [Type::AddedToCollection, Type::CollectionUpdate] {
        notifications::retract_about(tx, featured, owner, kind, collection_id).await?;
    }
    Ok(())
}

/// Tells the local accounts in a collection that it says something else now.
async fn notify_members(
    tx: &mut Conn,
    ctx: &Ctx,
    owner: &Account,
    collection: &Collection,
) -> AppResult<()> {
    for (_, member) in db::collections::members(tx, &[collection.id]).await? {
        if member.is_local() {
            let (kind, subject) = (Type::CollectionUpdate, Subject::Other(collection.id));
            notifications::notify(tx, ctx, &member, owner, kind, subject).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_feature_goes_by_what_an_account_chose() {
        let mut account = crate::domain::visibility::tests::account(1);
        account.discoverable = true;
        assert_eq!(policy_of(&account), Some(Policy::EVERYONE));
        account.locked = true;
        assert_eq!(policy_of(&account), Some(Policy::FOLLOWERS));
        account.discoverable = false;
        assert_eq!(policy_of(&account), Some(Policy::NOBODY));
        account.domain = "remote.example".to_owned();
        assert_eq!(policy_of(&account), None);
        account.endpoints = r#"{"canFeature": {"automatic": 1, "manual": 0}}"#.to_owned();
        assert_eq!(policy_of(&account), Some(Policy::EVERYONE));
    }
}
