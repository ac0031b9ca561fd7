//! Accounts.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::raw;
use crate::app::App;
use crate::clock::{DAY, iso};
use crate::config::Config;
use crate::db;
use crate::db::accounts::{Account, AccountStats};
use crate::error::AppResult;

/// `Account`.
#[derive(Debug, Serialize)]
pub struct Entity<'a> {
    id: String,
    username: &'a str,
    acct: String,
    url: &'a str,
    uri: &'a str,
    display_name: &'a str,
    note: &'a str,
    avatar: String,
    avatar_static: String,
    avatar_description: &'a str,
    header: String,
    header_static: String,
    header_description: &'a str,
    locked: bool,
    fields: Box<RawValue>,
    emojis: Vec<Emoji>,
    bot: bool,
    group: bool,
    discoverable: bool,
    indexable: bool,
    noindex: bool,
    created_at: String,
    last_status_at: Option<String>,
    statuses_count: i64,
    followers_count: i64,
    following_count: i64,
    hide_collections: bool,
    show_media: bool,
    show_media_replies: bool,
    show_featured: bool,
    roles: [(); 0],
    feature_approval: FeatureApproval,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    suspended: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    limited: bool,
}

/// Nobody may feature an account in a collection: there are none yet.
#[derive(Debug, Default, Serialize)]
struct FeatureApproval {
    automatic: [(); 0],
    manual: [(); 0],
    current_user: Denied,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "lowercase")]
enum Denied {
    #[default]
    Denied,
}

/// `CustomEmoji`.
#[derive(Debug, Serialize)]
pub struct Emoji {
    shortcode: String,
    url: String,
    static_url: String,
    visible_in_picker: bool,
}

/// Emojis as the database keeps them, as entities.
pub fn emojis(json: &str) -> Vec<Emoji> {
    if json.len() <= 2 {
        return Vec::new();
    }
    #[derive(serde::Deserialize)]
    struct Stored {
        shortcode: String,
        url: String,
        #[serde(default)]
        static_url: Option<String>,
    }
    let stored: Vec<Stored> = serde_json::from_str(json).unwrap_or_default();
    stored
        .into_iter()
        .map(|emoji| Emoji {
            static_url: emoji.static_url.unwrap_or_else(|| emoji.url.clone()),
            shortcode: emoji.shortcode,
            url: emoji.url,
            visible_in_picker: false,
        })
        .collect()
}

/// The URL of a picture that an account keeps as a storage key or as a remote URL.
pub fn picture(config: &Config, stored: &str, missing: &str) -> String {
    match stored {
        "" => config.url(missing),
        url if url.starts_with("http://") || url.starts_with("https://") => url.to_owned(),
        key => config.media_url(key),
    }
}

/// `user` of a local account, `user@domain` of another.
pub fn acct(account: &Account) -> String {
    if account.is_local() {
        account.username.clone()
    } else {
        format!("{}@{}", account.username, account.domain)
    }
}

/// Shows one account.
pub fn entity<'a>(config: &Config, account: &'a Account, stats: AccountStats) -> Entity<'a> {
    let avatar = picture(config, &account.avatar, "/static/avatar.png");
    let header = picture(config, &account.header, "/static/header.png");
    Entity {
        id: account.id.to_string(),
        username: &account.username,
        acct: acct(account),
        url: if account.url.is_empty() {
            &account.uri
        } else {
            &account.url
        },
        uri: &account.uri,
        display_name: &account.display_name,
        note: &account.note,
        avatar_static: avatar.clone(),
        avatar,
        avatar_description: &account.avatar_description,
        header_static: header.clone(),
        header,
        header_description: &account.header_description,
        locked: account.locked,
        fields: raw(&account.fields).unwrap_or_else(|| RawValue::NULL.to_owned()),
        emojis: emojis(&account.emojis),
        bot: matches!(account.kind.as_str(), "Service" | "Application"),
        group: account.kind == "Group",
        discoverable: account.discoverable,
        indexable: account.indexable,
        noindex: !account.indexable,
        created_at: iso(account.created_at / DAY * DAY),
        last_status_at: stats
            .last_status_at
            .and_then(|at| iso(at).get(..10).map(str::to_owned)),
        statuses_count: stats.statuses_count,
        followers_count: stats.followers_count,
        following_count: stats.following_count,
        hide_collections: account.hide_collections,
        show_media: true,
        show_media_replies: true,
        show_featured: true,
        roles: [],
        feature_approval: FeatureApproval::default(),
        suspended: account.suspended_at.is_some() || account.deleted_at.is_some(),
        limited: account.silenced_at.is_some(),
    }
}

/// Account entities as JSON by id: from memory, the rest in two statements.
pub async fn json(app: &App, ids: &[i64]) -> AppResult<HashMap<i64, Arc<str>>> {
    let mut found = HashMap::with_capacity(ids.len());
    let mut missing: Vec<i64> = Vec::new();
    for id in ids {
        if found.contains_key(id) || missing.contains(id) {
            continue;
        }
        match app.caches.account_json.get(id) {
            Some(json) => {
                found.insert(*id, json);
            }
            None => missing.push(*id),
        }
    }
    if missing.is_empty() {
        return Ok(found);
    }
    let ticket = app.caches.account_json.ticket();
    let accounts_ticket = app.caches.accounts.ticket();
    let rows = app
        .read(move |c| {
            Box::pin(async move {
                let accounts = db::accounts::by_ids(c, &missing).await?;
                let stats = db::accounts::stats_of(c, &missing).await?;
                Ok((accounts, stats))
            })
        })
        .await?;
    let stats: HashMap<i64, AccountStats> = rows.1.into_iter().map(|s| (s.account_id, s)).collect();
    for account in rows.0 {
        let id = account.id;
        let stats = stats.get(&id).copied().unwrap_or_default();
        let json: Arc<str> = serde_json::to_string(&entity(&app.config, &account, stats))?.into();
        app.caches.account_json.put(ticket, id, json.clone());
        app.caches
            .accounts
            .put(accounts_ticket, id, Arc::new(account));
        found.insert(id, json);
    }
    Ok(found)
}

/// Account entities in the order of `ids`; those that are gone are left out.
pub async fn render(app: &App, ids: &[i64]) -> AppResult<Vec<Box<RawValue>>> {
    let found = json(app, ids).await?;
    Ok(ids.iter().filter_map(|id| raw(found.get(id)?)).collect())
}

/// One account entity.
pub async fn render_one(app: &App, id: i64) -> AppResult<Option<Box<RawValue>>> {
    Ok(render(app, &[id]).await?.pop())
}

/// `CredentialAccount`: the account with what only its owner sees.
pub async fn credential(app: &App, account: &Account) -> AppResult<Value> {
    let id = account.id;
    let (stats, user, requests) = app
        .read(move |c| {
            Box::pin(async move {
                let stats = db::accounts::stats_of(c, &[id]).await?.pop();
                let user = db::users::by_account(c, id).await?;
                let requests = db::relations::count_requests(c, id).await?;
                Ok((stats.unwrap_or_default(), user, requests))
            })
        })
        .await?;
    let mut value = serde_json::to_value(entity(&app.config, account, stats))?;
    let settings: Value = user
        .as_ref()
        .and_then(|u| serde_json::from_str(&u.settings).ok())
        .unwrap_or_default();
    let setting = |name: &str, default: Value| settings.get(name).cloned().unwrap_or(default);
    let role = user.as_ref().map_or("user", |u| u.role.as_str());
    let (role_id, permissions) = match role {
        "admin" => ("3", "1"),
        "moderator" => ("2", "0"),
        _ => ("-99", "0"),
    };
    let locale = user.as_ref().map_or("en", |u| u.locale.as_str());
    let own = serde_json::json!({
        "source": {
            "attribution_domains": [],
            "note": setting("note", "".into()),
            "fields": setting("fields", Value::Array(Vec::new())),
            "privacy": setting("privacy", "public".into()),
            "sensitive": setting("sensitive", false.into()),
            "language": setting("language", if locale.is_empty() { "en" } else { locale }.into()),
            "follow_requests_count": requests,
            "hide_collections": account.hide_collections,
            "discoverable": account.discoverable,
            "indexable": account.indexable,
            "quote_policy": setting("quote_policy", "public".into()),
        },
        "role": {
            "id": role_id,
            "name": if role == "user" { "" } else { role },
            "color": "",
            "permissions": permissions,
            "highlighted": role != "user",
            "collection_limit": 0,
        },
    });
    if let (Some(entity), Value::Object(own)) = (value.as_object_mut(), own) {
        entity.extend(own);
    }
    Ok(value)
}
