//! What an account here does with collections of its own.

use super::{
    MAX_COLLECTIONS, MAX_ITEMS, describe, grant, leave, list_uri, notify_added, notify_members,
    retract, tell, tell_added, tell_removed,
};
use crate::db::accounts::Account;
use crate::db::collections::{ACCEPTED, Collection, Item, PENDING, REJECTED, REVOKED};
use crate::db::{self, Conn};
use crate::domain::outgoing::{self, Audience, Outgoing};
use crate::domain::quotes::Leave;
use crate::domain::{Ctx, tags};
use crate::error::{AppError, AppResult};
use crate::text::{self, language};

/// Characters of a name at most.
const MAX_NAME: usize = 40;
/// Characters of a description at most.
const MAX_DESCRIPTION: usize = 100;

/// What is to be set of a collection; `None` keeps what is.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    pub name: Option<String>,
    /// Plain text.
    pub description: Option<String>,
    /// `''` for none.
    pub language: Option<String>,
    /// A hashtag, with or without `#`; `''` for none.
    pub tag: Option<String>,
    pub sensitive: Option<bool>,
    pub discoverable: Option<bool>,
}

fn invalid(what: &str) -> AppError {
    AppError::invalid(format!("Validation failed: {what}"))
}

/// Writes what is to be set into a collection.
fn apply(ctx: &Ctx, collection: &mut Collection, settings: Settings) -> AppResult<()> {
    if let Some(name) = settings.name {
        collection.name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    if collection.name.is_empty() {
        return Err(invalid("Name can't be blank"));
    }
    if collection.name.chars().count() > MAX_NAME {
        return Err(invalid(&format!(
            "Name is too long (maximum is {MAX_NAME} characters)"
        )));
    }
    if let Some(typed) = settings.description {
        let typed = typed.trim();
        if typed.chars().count() > MAX_DESCRIPTION {
            return Err(invalid(&format!(
                "Description is too long (maximum is {MAX_DESCRIPTION} characters)"
            )));
        }
        collection.description = text::escape(typed)
            .replace("\r\n", "\n")
            .replace('\n', "<br>");
    }
    if let Some(text) = settings.language {
        collection.language = match text.as_str() {
            "" => text,
            tag => language::normalize(tag).ok_or_else(|| invalid("Language is invalid"))?,
        };
    }
    if let Some(text) = settings.tag {
        collection.tag = match text.trim() {
            "" => String::new(),
            name => {
                let tag = tags::parse(ctx, name);
                tag.ok_or_else(|| invalid("Tag name is invalid"))?
                    .display_name
            }
        };
    }
    collection.sensitive = settings.sensitive.unwrap_or(collection.sensitive);
    collection.discoverable = settings.discoverable.unwrap_or(collection.discoverable);
    Ok(())
}

/// A collection of an account's own: 404 for what is not there, 403 for another's.
async fn own(conn: &mut Conn, owner: &Account, id: i64) -> AppResult<Collection> {
    let collection = db::collections::by_id(conn, id)
        .await?
        .ok_or_else(AppError::not_found)?;
    if collection.account_id == owner.id {
        return Ok(collection);
    }
    let blocked = db::relations::block(conn, collection.account_id, owner.id).await?;
    Err(match blocked {
        Some(_) => AppError::not_found(),
        None => AppError::forbidden("This action is not allowed"),
    })
}

/// `owner` makes a collection, with some accounts in it.
pub async fn create(
    tx: &mut Conn,
    ctx: &Ctx,
    owner: &Account,
    settings: Settings,
    mut accounts: Vec<i64>,
) -> AppResult<Collection> {
    let (id, now) = (ctx.ids.next(), ctx.now());
    let mut collection = Collection {
        id,
        account_id: owner.id,
        uri: format!("{}/{id}", list_uri(owner)),
        url: ctx
            .config
            .url(&format!("/@{}/collections/{id}", owner.username)),
        local: true,
        name: String::new(),
        description: String::new(),
        language: String::new(),
        tag: String::new(),
        sensitive: false,
        discoverable: true,
        created_at: now,
        updated_at: now,
    };
    apply(ctx, &mut collection, settings)?;
    // Two at once would each count what was there before.
    db::relations::lock_pair(tx, owner.id, owner.id).await?;
    if db::collections::count_of(tx, owner.id).await? >= MAX_COLLECTIONS {
        return Err(invalid(
            "You have reached the maximum number of collections",
        ));
    }
    let mut seen = std::collections::HashSet::new();
    accounts.retain(|account| seen.insert(*account));
    if accounts.len() > MAX_ITEMS {
        return Err(too_many());
    }
    db::collections::insert(tx, &collection).await?;
    let mut asked = Vec::new();
    for (n, account) in accounts.into_iter().enumerate() {
        let position = i64::try_from(n).unwrap_or_default() + 1;
        let (item, featured) = put(tx, ctx, owner, &collection, account, position).await?;
        if item.state == PENDING {
            asked.push((item, featured));
        }
    }
    let described = describe(tx, ctx, owner, std::slice::from_ref(&collection)).await?;
    for described in described {
        let activity = Outgoing::AddCollection {
            uri: outgoing::activity_uri(ctx, owner, "adds"),
            collection: Box::new(described),
            target: list_uri(owner),
        };
        tell(tx, ctx, owner, &collection, &activity, None).await?;
    }
    for (item, featured) in asked {
        ask(tx, ctx, owner, &collection, &item, &featured).await?;
    }
    Ok(collection)
}

/// `owner` changes a collection. Those in it hear of another name or description.
pub async fn change(
    tx: &mut Conn,
    ctx: &Ctx,
    owner: &Account,
    id: i64,
    settings: Settings,
) -> AppResult<Collection> {
    let before = own(tx, owner, id).await?;
    let mut collection = before.clone();
    apply(ctx, &mut collection, settings)?;
    if collection == before {
        return Ok(collection);
    }
    collection.updated_at = ctx.now().max(before.updated_at);
    db::collections::update(tx, &collection).await?;
    if (&collection.name, &collection.description) != (&before.name, &before.description) {
        notify_members(tx, ctx, owner, &collection).await?;
    }
    for described in describe(tx, ctx, owner, std::slice::from_ref(&collection)).await? {
        let activity = Outgoing::UpdateCollection {
            uri: outgoing::activity_uri(ctx, owner, "updates"),
            collection: Box::new(described),
        };
        tell(tx, ctx, owner, &collection, &activity, None).await?;
    }
    Ok(collection)
}

/// `owner` deletes a collection.
pub async fn delete(tx: &mut Conn, ctx: &Ctx, owner: &Account, id: i64) -> AppResult<()> {
    let collection = own(tx, owner, id).await?;
    let members = db::collections::members(tx, &[id]).await?;
    for (_, member) in &members {
        retract(tx, member, owner, id).await?;
    }
    let activity = Outgoing::Remove {
        uri: outgoing::activity_uri(ctx, owner, "removes"),
        object: collection.uri.clone(),
        target: list_uri(owner),
    };
    tell(tx, ctx, owner, &collection, &activity, None).await?;
    db::collections::delete(tx, id).await?;
    db::collections::forget_stamps_for(tx, &collection.uri).await?;
    db::statuses::bury(tx, &collection.uri, owner.id, ctx.now()).await?;
    Ok(())
}

fn too_many() -> AppError {
    invalid(&format!(
        "Collection items are too many (maximum is {MAX_ITEMS})"
    ))
}

fn refused() -> AppError {
    AppError::invalid("This account cannot be added to collections")
}

/// `owner` puts an account into a collection. One elsewhere is asked for leave first.
pub async fn add(
    tx: &mut Conn,
    ctx: &Ctx,
    owner: &Account,
    id: i64,
    account: i64,
) -> AppResult<Item> {
    let collection = own(tx, owner, id).await?;
    db::collections::touch(tx, id, ctx.now()).await?;
    let items = db::collections::items(tx, id).await?;
    let standing = items.iter().filter(|item| item.state <= ACCEPTED).count();
    let same = items.iter().find(|item| item.account_id == Some(account));
    match same.map(|item| item.state) {
        Some(PENDING | ACCEPTED) => return Err(invalid("Account has already been taken")),
        Some(REVOKED) => return Err(refused()),
        // Refused once, it may be asked again.
        Some(_) => db::collections::remove_items(tx, &same.map_or(vec![], |i| vec![i.id])).await?,
        None => {}
    }
    if standing >= MAX_ITEMS {
        return Err(too_many());
    }
    let position = items.last().map_or(0, |item| item.position) + 1;
    let (item, featured) = put(tx, ctx, owner, &collection, account, position).await?;
    if item.state == PENDING {
        ask(tx, ctx, owner, &collection, &item, &featured).await?;
    } else {
        tell_added(tx, ctx, owner, &collection, &item).await?;
    }
    Ok(item)
}

/// Writes the item of an account that may be featured: accepted where it lives here, else waiting
/// for leave.
async fn put(
    tx: &mut Conn,
    ctx: &Ctx,
    owner: &Account,
    collection: &Collection,
    account: i64,
    position: i64,
) -> AppResult<(Item, Account)> {
    let featured = db::accounts::by_id(tx, account)
        .await?
        .ok_or_else(refused)?;
    let id = ctx.ids.next();
    let mut item = Item {
        id,
        collection_id: collection.id,
        account_id: Some(featured.id),
        object_uri: featured.uri.clone(),
        uri: format!("{}/items/{id}", collection.uri),
        state: PENDING,
        position,
        request_uri: String::new(),
        approval_uri: String::new(),
        tries: 0,
        created_at: ctx.now(),
    };
    match leave(tx, owner, &featured).await? {
        Leave::Automatic if featured.is_local() => {
            item.state = ACCEPTED;
            item.approval_uri = grant(tx, ctx, &featured, &collection.uri)
                .await?
                .ok_or_else(refused)?;
        }
        Leave::Automatic | Leave::Manual if !featured.is_local() => {
            item.request_uri = outgoing::activity_uri(ctx, owner, "feature_requests");
        }
        _ => return Err(refused()),
    }
    db::collections::add_item(tx, &item).await?;
    if item.state == ACCEPTED {
        notify_added(tx, ctx, &featured, owner, collection).await?;
    }
    Ok((item, featured))
}

/// Asks an account elsewhere for its leave.
async fn ask(
    tx: &mut Conn,
    ctx: &Ctx,
    owner: &Account,
    collection: &Collection,
    item: &Item,
    featured: &Account,
) -> AppResult<()> {
    let activity = Outgoing::FeatureRequest {
        uri: item.request_uri.clone(),
        object: featured.uri.clone(),
        instrument: collection.uri.clone(),
    };
    outgoing::send(tx, ctx, owner, &activity, Audience::one(featured.id)).await
}

/// `owner` takes an account out of a collection.
pub async fn remove(
    tx: &mut Conn,
    ctx: &Ctx,
    owner: &Account,
    id: i64,
    item_id: i64,
) -> AppResult<()> {
    let collection = own(tx, owner, id).await?;
    let item = db::collections::item(tx, id, item_id)
        .await?
        .filter(|item| item.state != REVOKED && item.state != REJECTED)
        .ok_or_else(AppError::not_found)?;
    take_out(tx, ctx, owner, &collection, &item).await
}

/// Removes an item of a local collection, whoever wants that.
pub(super) async fn take_out(
    tx: &mut Conn,
    ctx: &Ctx,
    owner: &Account,
    collection: &Collection,
    item: &Item,
) -> AppResult<()> {
    db::collections::touch(tx, collection.id, ctx.now()).await?;
    db::collections::remove_items(tx, &[item.id]).await?;
    if item.state != ACCEPTED {
        return Ok(());
    }
    tell_removed(tx, ctx, owner, collection, item).await?;
    let Some(featured) = item.account_id else {
        return Ok(());
    };
    db::collections::forget_stamp(tx, featured, &collection.uri).await?;
    if let Some(featured) = db::accounts::by_id(tx, featured).await? {
        retract(tx, &featured, owner, collection.id).await?;
    }
    Ok(())
}
