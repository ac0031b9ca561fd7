//! Featured collections (Mastodon documentation, entities/Collection).

use std::collections::HashMap;

use serde::Serialize;
use serde_json::value::RawValue;

use super::featuring;
use crate::app::App;
use crate::clock::iso;
use crate::config::Config;
use crate::db;
use crate::db::accounts::Account;
use crate::db::collections::{ACCEPTED, Collection, Item, PENDING};
use crate::domain::notifications::Type;
use crate::error::AppResult;
use crate::text::plain::normalize_tag;

/// `Collection`.
#[derive(Debug, Clone, Serialize)]
pub struct Entity {
    id: String,
    account_id: String,
    uri: String,
    url: Option<String>,
    name: String,
    description: String,
    language: Option<String>,
    local: bool,
    sensitive: bool,
    discoverable: bool,
    tag: Option<Tag>,
    created_at: String,
    updated_at: String,
    item_count: usize,
    items: Vec<ItemEntity>,
}

/// `ShallowTag`.
#[derive(Debug, Clone, Serialize)]
struct Tag {
    name: String,
    url: String,
}

/// `CollectionItem`.
#[derive(Debug, Clone, Serialize)]
pub struct ItemEntity {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<String>,
    state: &'static str,
    created_at: String,
}

/// Shows an item.
pub fn item(item: &Item) -> ItemEntity {
    ItemEntity {
        id: item.id.to_string(),
        account_id: item.account_id.map(|id| id.to_string()),
        state: match item.state {
            ACCEPTED => "accepted",
            PENDING => "pending",
            db::collections::REVOKED => "revoked",
            _ => "rejected",
        },
        created_at: iso(item.created_at),
    }
}

fn entity(config: &Config, row: Collection, items: Vec<ItemEntity>) -> Entity {
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    Entity {
        id: row.id.to_string(),
        account_id: row.account_id.to_string(),
        uri: row.uri,
        url: some(row.url),
        name: row.name,
        description: row.description,
        language: some(row.language),
        local: row.local,
        sensitive: row.sensitive,
        discoverable: row.discoverable,
        tag: some(row.tag).map(|name| Tag {
            url: config.tag_url(&normalize_tag(&name)),
            name,
        }),
        created_at: iso(row.created_at),
        updated_at: iso(row.updated_at),
        item_count: items.len(),
        items,
    }
}

/// Shows collections to a reader, in their order: one statement. Who waits for leave is shown to
/// the owner alone, and nobody to those who block them.
pub async fn render(
    app: &App,
    reader: Option<&Account>,
    rows: Vec<Collection>,
) -> AppResult<Vec<Entity>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let items = app
        .read(move |c| Box::pin(async move { Ok(db::collections::shown_items(c, &ids).await?) }))
        .await?;
    let relations = match reader {
        Some(reader) => Some(app.relations(reader.id).await?),
        None => None,
    };
    let blocks = |id: &i64| relations.as_ref().is_some_and(|r| r.blocking.contains(id));
    let shown = rows.into_iter().map(|row| {
        let own = row.local && reader.is_some_and(|reader| reader.id == row.account_id);
        let items = items
            .iter()
            .filter(|item| item.collection_id == row.id)
            .filter(|item| item.state == ACCEPTED || own)
            .filter(|item| !item.account_id.as_ref().is_some_and(blocks))
            .map(self::item)
            .collect();
        entity(&app.config, row, items)
    });
    Ok(shown.collect())
}

/// Whether notifications of a kind are about a collection.
pub fn is_about(kind: &str) -> bool {
    matches!(
        Type::parse(kind),
        Some(Type::AddedToCollection | Type::CollectionUpdate)
    )
}

/// Collections as an account sees them, by id; those of whoever blocks it are left out.
pub async fn by_ids(app: &App, reader: i64, mut ids: Vec<i64>) -> AppResult<HashMap<i64, Entity>> {
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let mut rows = app
        .read(move |c| Box::pin(async move { Ok(db::collections::by_ids(c, &ids).await?) }))
        .await?;
    let relations = app.relations(reader).await?;
    rows.retain(|row| !relations.blocked_by.contains(&row.account_id));
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let reader = app.account(reader).await?;
    let shown = render(app, reader.as_deref(), rows).await?;
    Ok(ids.into_iter().zip(shown).collect())
}

/// `WrappedCollection`.
#[derive(Debug, Serialize)]
pub struct Wrapped {
    pub collection: Entity,
}

/// `WrappedCollectionItem`.
#[derive(Debug, Serialize)]
pub struct WrappedItem {
    pub collection_item: ItemEntity,
}

/// `Collections`.
#[derive(Debug, Serialize)]
pub struct Many {
    pub collections: Vec<Entity>,
}

/// `CollectionWithAccounts`.
#[derive(Debug, Serialize)]
pub struct WithAccounts {
    accounts: Vec<Box<RawValue>>,
    collection: Entity,
}

/// A collection with its owner and those in it.
pub async fn with_accounts(
    app: &App,
    reader: Option<&Account>,
    collection: Entity,
) -> AppResult<WithAccounts> {
    let mut ids: Vec<i64> = std::iter::once(&collection.account_id)
        .chain(
            collection
                .items
                .iter()
                .filter_map(|i| i.account_id.as_ref()),
        )
        .filter_map(|id| id.parse().ok())
        .collect();
    let mut seen = std::collections::HashSet::with_capacity(ids.len());
    ids.retain(|id| seen.insert(*id));
    Ok(WithAccounts {
        accounts: featuring::render(app, reader, &ids).await?,
        collection,
    })
}
