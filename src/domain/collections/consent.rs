//! Leave to be in a collection: asked for, given, refused, taken back.

use super::{grant, leave, notify_added, own, retract, stamp_uri, tell_added, tell_removed};
use crate::db::accounts::Account;
use crate::db::collections::{ACCEPTED, Collection, Item, PENDING, REJECTED, REVOKED};
use crate::db::{self, Conn};
use crate::domain::Ctx;
use crate::domain::outgoing::{self, Audience, Outgoing, RequestRef};
use crate::domain::quotes::Leave;
use crate::error::{AppError, AppResult};

/// `featured` takes back its leave to be in a collection: it is taken out, and cannot be put in
/// again. 403 for somebody else's item, 404 for what is not there.
pub async fn revoke(
    tx: &mut Conn,
    ctx: &Ctx,
    featured: &Account,
    collection_id: i64,
    item_id: i64,
) -> AppResult<()> {
    let collection = db::collections::by_id(tx, collection_id)
        .await?
        .ok_or_else(AppError::not_found)?;
    let item = db::collections::item(tx, collection_id, item_id)
        .await?
        .ok_or_else(AppError::not_found)?;
    if item.account_id != Some(featured.id) {
        return Err(match item.state {
            ACCEPTED => AppError::forbidden("This action is not allowed"),
            // Nobody but its owner sees the others.
            _ => AppError::not_found(),
        });
    }
    withdraw(tx, ctx, featured, &collection, item).await
}

/// Revokes an item, and tells everyone whom it concerns.
async fn withdraw(
    tx: &mut Conn,
    ctx: &Ctx,
    featured: &Account,
    collection: &Collection,
    item: Item,
) -> AppResult<()> {
    if item.state != ACCEPTED {
        return Ok(());
    }
    let Some(owner) = db::accounts::by_id(tx, collection.account_id).await? else {
        return Ok(());
    };
    let row = Item {
        state: REVOKED,
        ..item.clone()
    };
    db::collections::touch(tx, collection.id, ctx.now()).await?;
    db::collections::update_item(tx, &row).await?;
    retract(tx, featured, &owner, collection.id).await?;
    if let Some(stamp) = db::collections::stamp(tx, featured.id, &collection.uri).await? {
        db::collections::revoke_stamp(tx, stamp.id, ctx.now()).await?;
        let uri = stamp_uri(featured, stamp.id);
        let activity = Outgoing::DeleteStamp {
            uri: format!("{uri}#delete"),
            object: uri,
            collection: collection.uri.clone(),
            owner: owner.uri.clone(),
        };
        let audience = Audience {
            followers: true,
            accounts: vec![owner.id],
        };
        outgoing::send(tx, ctx, featured, &activity, audience).await?;
    }
    if collection.local {
        tell_removed(tx, ctx, &owner, collection, &item).await?;
    }
    Ok(())
}

/// One of two blocks the other: neither is in a collection of the other's any more.
pub async fn severed(
    tx: &mut Conn,
    ctx: &Ctx,
    blocker: &Account,
    blocked: &Account,
) -> AppResult<()> {
    for (owner, featured) in [(blocker, blocked), (blocked, blocker)] {
        for (item, collection) in db::collections::between(tx, owner.id, featured.id).await? {
            if featured.id == blocker.id && featured.is_local() {
                withdraw(tx, ctx, featured, &collection, item).await?;
            } else if collection.local {
                own::take_out(tx, ctx, owner, &collection, &item).await?;
            }
        }
    }
    Ok(())
}

/// What a FeatureRequest from elsewhere says.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Its id.
    pub uri: &'a str,
    /// The collection's id.
    pub instrument: &'a str,
    /// The collection as it is kept here; `None` where it could not be had.
    pub collection: Option<&'a Collection>,
}

/// A FeatureRequest from elsewhere for a local account: answered by the account's policy.
pub async fn requested(
    tx: &mut Conn,
    ctx: &Ctx,
    owner: &Account,
    featured: &Account,
    asked: Asked<'_>,
) -> AppResult<()> {
    let request = RequestRef {
        uri: asked.uri.to_owned(),
        actor: owner.uri.clone(),
        object: featured.uri.clone(),
        instrument: asked.instrument.to_owned(),
    };
    let audience = Audience::one(owner.id);
    let stamp = match asked.collection {
        Some(collection) => allow(tx, ctx, owner, featured, asked.uri, collection).await?,
        None => None,
    };
    let activity = match stamp {
        Some(stamp) => Outgoing::AcceptFeature {
            uri: outgoing::activity_uri(ctx, featured, "accepts"),
            request,
            result: stamp,
        },
        None => Outgoing::RejectFeature {
            uri: outgoing::activity_uri(ctx, featured, "rejects"),
            request,
        },
    };
    outgoing::send(tx, ctx, featured, &activity, audience).await
}

/// Puts a local account into a collection elsewhere, if it wants that; its stamp.
async fn allow(
    tx: &mut Conn,
    ctx: &Ctx,
    owner: &Account,
    featured: &Account,
    request_uri: &str,
    collection: &Collection,
) -> AppResult<Option<String>> {
    db::collections::touch(tx, collection.id, ctx.now()).await?;
    let items = db::collections::items(tx, collection.id).await?;
    let room = items.len() < super::MAX_REMOTE_ITEMS;
    let same = items.iter().find(|item| item.object_uri == featured.uri);
    let allowed = (room || same.is_some())
        && leave(tx, owner, featured).await? == Leave::Automatic
        && same.is_none_or(|item| item.state != REVOKED);
    let stamp = match allowed {
        true => grant(tx, ctx, featured, &collection.uri).await?,
        false => None,
    };
    let Some(stamp) = stamp else {
        return Ok(None);
    };
    let row = Item {
        id: same.map_or_else(|| ctx.ids.next(), |item| item.id),
        collection_id: collection.id,
        account_id: Some(featured.id),
        object_uri: featured.uri.clone(),
        uri: same.map_or_else(String::new, |item| item.uri.clone()),
        state: ACCEPTED,
        position: same.map_or_else(
            || items.last().map_or(0, |item| item.position) + 1,
            |item| item.position,
        ),
        request_uri: request_uri.to_owned(),
        approval_uri: stamp.clone(),
        tries: 0,
        created_at: same.map_or_else(|| ctx.now(), |item| item.created_at),
    };
    match same {
        Some(_) => db::collections::update_item(tx, &row).await?,
        None => db::collections::add_item(tx, &row).await?,
    }
    notify_added(tx, ctx, featured, owner, collection).await?;
    Ok(Some(stamp))
}

/// The item that a FeatureRequest of ours asked `featured` for, with its collection.
pub async fn asked(
    conn: &mut Conn,
    request_uri: &str,
    featured: &Account,
) -> AppResult<Option<(Item, Collection)>> {
    let item = db::collections::item_by_request(conn, request_uri).await?;
    let Some(item) = item.filter(|item| item.account_id == Some(featured.id)) else {
        return Ok(None);
    };
    let collection = db::collections::by_id(conn, item.collection_id).await?;
    Ok(collection
        .filter(|collection| collection.local)
        .map(|collection| (item, collection)))
}

/// `featured` gave leave that we asked for; `stamp` was fetched from its server.
pub async fn granted(
    tx: &mut Conn,
    ctx: &Ctx,
    featured: &Account,
    request_uri: &str,
    stamp: &str,
) -> AppResult<bool> {
    let Some((item, collection)) = asked(tx, request_uri, featured).await? else {
        return Ok(false);
    };
    let Some(owner) = db::accounts::by_id(tx, collection.account_id).await? else {
        return Ok(false);
    };
    if item.state != PENDING {
        return Ok(true);
    }
    let item = Item {
        state: ACCEPTED,
        approval_uri: stamp.to_owned(),
        ..item
    };
    db::collections::touch(tx, collection.id, ctx.now()).await?;
    db::collections::update_item(tx, &item).await?;
    tell_added(tx, ctx, &owner, &collection, &item).await?;
    Ok(true)
}

/// `featured` refused, or took back, leave that we asked for.
pub async fn refused(
    tx: &mut Conn,
    ctx: &Ctx,
    featured: &Account,
    request_uri: &str,
) -> AppResult<bool> {
    let Some((item, collection)) = asked(tx, request_uri, featured).await? else {
        return Ok(false);
    };
    match item.state {
        PENDING => {
            let row = Item {
                state: REJECTED,
                ..item
            };
            db::collections::update_item(tx, &row).await?;
        }
        ACCEPTED => lost(tx, ctx, &collection, item).await?,
        _ => {}
    }
    Ok(true)
}

/// An account elsewhere deleted a stamp of its own: it is out of what the stamp allowed. False
/// when nothing here rests on it.
pub async fn stamp_deleted(
    tx: &mut Conn,
    ctx: &Ctx,
    featured: &Account,
    stamp: &str,
) -> AppResult<bool> {
    let items = db::collections::items_by_approval(tx, stamp).await?;
    let mut any = false;
    for item in items {
        // Of one that is not known by its account yet, the id says whose it is.
        if item.object_uri != featured.uri || item.state > ACCEPTED {
            continue;
        }
        if let Some(collection) = db::collections::by_id(tx, item.collection_id).await? {
            lost(tx, ctx, &collection, item).await?;
            any = true;
        }
    }
    Ok(any)
}

/// An account elsewhere took its leave back.
async fn lost(tx: &mut Conn, ctx: &Ctx, collection: &Collection, item: Item) -> AppResult<()> {
    let row = Item {
        state: REVOKED,
        ..item.clone()
    };
    db::collections::touch(tx, collection.id, ctx.now()).await?;
    db::collections::update_item(tx, &row).await?;
    if collection.local
        && item.state == ACCEPTED
        && let Some(owner) = db::accounts::by_id(tx, collection.account_id).await?
    {
        tell_removed(tx, ctx, &owner, collection, &item).await?;
    }
    Ok(())
}
