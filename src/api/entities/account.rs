//! Accounts.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::featuring::FeatureApproval;
use super::{raw, role};
use crate::app::App;
use crate::clock::{DAY, iso};
use crate::config::{Config, is_remote};
use crate::db::accounts::{Account, AccountStats};
use crate::db::profiles::Profile;
use crate::db::users::User;
use crate::db::{self, Conn};
use crate::domain::emojis::Used;
use crate::domain::moderation::role_of;
use crate::domain::moves;
use crate::domain::profiles::shown_privacy;
use crate::domain::settings::Settings;
use crate::domain::users::Role;
use crate::error::{AppError, AppResult};
use crate::media::intake::still_of;

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
    /// Where the account has moved to: that account, without where it has moved itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    moved: Option<Box<Entity<'a>>>,
    #[serde(skip_serializing_if = "Extra::is_empty")]
    kith: Extra<'a>,
}

/// Kith's own fields.
#[derive(Debug, Default, Serialize)]
struct Extra<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    location: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<StatusLine<'a>>,
}

impl Extra<'_> {
    fn is_empty(&self) -> bool {
        self.location.is_empty() && self.status.is_none()
    }
}

/// What someone says they do now.
#[derive(Debug, Serialize)]
struct StatusLine<'a> {
    text: &'a str,
    emoji: &'a str,
    expires_at: Option<String>,
}

impl<'a> StatusLine<'a> {
    /// `None` where there is none, or its time is over.
    fn of(profile: &'a Profile, now: i64) -> Option<StatusLine<'a>> {
        let empty = profile.status_text.is_empty() && profile.status_emoji.is_empty();
        let over = profile.status_expires_at.is_some_and(|at| at <= now);
        (!empty && !over).then(|| StatusLine {
            text: &profile.status_text,
            emoji: &profile.status_emoji,
            expires_at: profile.status_expires_at.map(iso),
        })
    }
}

/// `CustomEmoji`.
#[derive(Debug, Serialize)]
pub struct Emoji {
    shortcode: String,
    url: String,
    static_url: String,
    visible_in_picker: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<String>,
}

/// Emojis as the database keeps them, as entities.
pub fn emojis(config: &Config, json: &str) -> Vec<Emoji> {
    Used::list(json)
        .into_iter()
        .map(|emoji| Emoji {
            static_url: config.shown_url(
                "emoji-static",
                if emoji.static_url.is_empty() {
                    &emoji.url
                } else {
                    &emoji.static_url
                },
            ),
            shortcode: emoji.shortcode,
            url: config.shown_url("emoji", &emoji.url),
            visible_in_picker: emoji.visible_in_picker,
            category: Some(emoji.category).filter(|category| !category.is_empty()),
        })
        .collect()
}

/// The URL of a picture that a local account keeps as a storage key.
pub fn picture(config: &Config, stored: &str, missing: &str) -> String {
    match stored {
        "" => config.url(missing),
        url if is_remote(url) => url.to_owned(),
        key => config.media_url(key),
    }
}

/// What stands in the place of pictures.
const MISSING_AVATAR: &str = "/static/avatar.png";
const MISSING_HEADER: &str = "/static/header.png";

/// The URL of an account's avatar; of a remote account's, our copy. `still`: one that does not
/// move.
pub fn avatar(config: &Config, account: &Account, still: bool) -> String {
    let stored = ("avatar", account.avatar.as_str());
    shown(config, account, stored, MISSING_AVATAR, still)
}

/// The same of its header.
pub fn header(config: &Config, account: &Account, still: bool) -> String {
    let stored = ("header", account.header.as_str());
    shown(config, account, stored, MISSING_HEADER, still)
}

fn shown(
    config: &Config,
    account: &Account,
    (kind, stored): (&str, &str),
    missing: &str,
    still: bool,
) -> String {
    if is_remote(stored) && !account.is_local() {
        config.remote_picture_url(kind, account.id, stored, still)
    } else {
        match still_of(stored).filter(|_| still) {
            Some(still) => config.media_url(&still),
            None => picture(config, stored, missing),
        }
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
    let whole = whole(config, account, stats);
    if account.is_active() {
        whole
    } else {
        whole.bare(config)
    }
}

fn whole<'a>(config: &Config, account: &'a Account, stats: AccountStats) -> Entity<'a> {
    let (followers, following, statuses) = stats.told();
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
        avatar: avatar(config, account, false),
        avatar_static: avatar(config, account, true),
        avatar_description: &account.avatar_description,
        header: header(config, account, false),
        header_static: header(config, account, true),
        header_description: &account.header_description,
        locked: account.locked,
        fields: raw(&account.fields).unwrap_or_else(|| RawValue::NULL.to_owned()),
        emojis: emojis(config, &account.emojis),
        bot: matches!(account.kind.as_str(), "Service" | "Application"),
        group: account.kind == "Group",
        discoverable: account.discoverable,
        indexable: account.indexable,
        noindex: !account.indexable,
        created_at: iso(account.created_at / DAY * DAY),
        last_status_at: stats
            .last_status_at
            .and_then(|at| iso(at).get(..10).map(str::to_owned)),
        statuses_count: statuses,
        followers_count: followers,
        following_count: following,
        hide_collections: account.hide_collections,
        show_media: true,
        show_media_replies: true,
        show_featured: true,
        roles: [],
        feature_approval: FeatureApproval::of(account),
        suspended: account.suspended_at.is_some() || account.deleted_at.is_some(),
        limited: account.silenced_at.is_some(),
        moved: None,
        kith: Extra::default(),
    }
}

impl<'a> Entity<'a> {
    /// Without files that a policy keeps out.
    fn without_media(self, config: &Config) -> Self {
        let (avatar, header) = (config.url(MISSING_AVATAR), config.url(MISSING_HEADER));
        Entity {
            avatar_static: avatar.clone(),
            avatar,
            header_static: header.clone(),
            header,
            emojis: Vec::new(),
            ..self
        }
    }

    /// Without all that its owner wrote: of an account that is suspended or gone nothing shows but
    /// that it is there.
    fn bare(self, config: &Config) -> Self {
        Entity {
            display_name: "",
            note: "",
            avatar_description: "",
            header_description: "",
            fields: raw("[]").unwrap_or_else(|| RawValue::NULL.to_owned()),
            ..self.without_media(config)
        }
    }

    /// With what its owner chose to show.
    fn showing(self, profile: Option<&'a Profile>, now: i64) -> Self {
        match profile.filter(|_| !self.suspended) {
            Some(profile) => Entity {
                show_media: profile.show_media,
                show_media_replies: profile.show_media_replies,
                show_featured: profile.show_featured,
                kith: Extra {
                    location: &profile.location,
                    status: StatusLine::of(profile, now),
                },
                ..self
            },
            None => self,
        }
    }
}

/// Accounts with what is shown of them besides.
#[derive(Default)]
struct Rows {
    accounts: Vec<Account>,
    stats: HashMap<i64, AccountStats>,
    profiles: HashMap<i64, Profile>,
}

impl Rows {
    async fn read(conn: &mut Conn, accounts: Vec<Account>) -> AppResult<Rows> {
        let ids: Vec<i64> = accounts.iter().map(|account| account.id).collect();
        if ids.is_empty() {
            return Ok(Rows::default());
        }
        let stats = db::accounts::stats_of(conn, &ids).await?;
        let profiles = db::profiles::of(conn, &ids).await?;
        Ok(Rows {
            accounts,
            stats: stats.into_iter().map(|s| (s.account_id, s)).collect(),
            profiles: profiles.into_iter().map(|p| (p.account_id, p)).collect(),
        })
    }

    /// Where the others have moved to.
    async fn moved(conn: &mut Conn, accounts: &[Account]) -> AppResult<Rows> {
        let uris: Vec<String> = accounts
            .iter()
            .filter(|account| account.moved_to != account.uri)
            .map(|account| account.moved_to.clone())
            .filter(|uri| !uri.is_empty())
            .collect();
        let mut targets = db::accounts::by_uris(conn, &uris).await?;
        targets.retain(Account::is_active);
        Rows::read(conn, targets).await
    }

    fn entity<'a>(&'a self, app: &App, account: &'a Account) -> Entity<'a> {
        let stats = self.stats.get(&account.id).copied().unwrap_or_default();
        let entity = entity(&app.config, account, stats);
        if !account.is_active() {
            return entity;
        }
        entity.showing(self.profiles.get(&account.id), app.clock.now_ms())
    }

    fn by_uri(&self, uri: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.uri == uri)
    }
}

/// Account entities as JSON by id: from memory, the rest in three statements; in six where some
/// have moved.
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
    let policies = app.policies().await?;
    let (rows, moved) = app
        .read(move |c| {
            Box::pin(async move {
                let accounts = db::accounts::by_ids(c, &missing).await?;
                let moved = Rows::moved(c, &accounts).await?;
                Ok((Rows::read(c, accounts).await?, moved))
            })
        })
        .await?;
    for account in &rows.accounts {
        let id = account.id;
        let mut shown = rows.entity(app, account);
        if policies.rejects_media_of(account) {
            shown = shown.without_media(&app.config);
        }
        if let Some(target) = moved
            .by_uri(&account.moved_to)
            .filter(|_| !account.moved_to.is_empty())
        {
            let mut target_shown = moved.entity(app, target);
            if policies.rejects_media_of(target) {
                target_shown = target_shown.without_media(&app.config);
            }
            shown.moved = Some(Box::new(target_shown));
        }
        let json: Arc<str> = serde_json::to_string(&shown)?.into();
        // One that moved shows another, whose changes it does not hear of.
        if account.moved_to.is_empty() {
            app.caches.account_json.put(ticket, id, json.clone());
        }
        found.insert(id, json);
    }
    for account in rows.accounts {
        app.caches
            .accounts
            .put(accounts_ticket, account.id, Arc::new(account));
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

/// What only its owner sees of an account.
struct Own {
    stats: AccountStats,
    profile: Profile,
    user: Option<User>,
    settings: Settings,
    requests: i64,
    /// Where it has moved to.
    moved: Option<i64>,
}

async fn own(app: &App, account: &Account) -> AppResult<Own> {
    let (id, account) = (account.id, account.clone());
    app.read(move |c| {
        Box::pin(async move {
            let stats = db::accounts::stats_of(c, &[id]).await?.pop();
            let profile = db::profiles::of(c, &[id]).await?.pop();
            let user = db::users::by_account(c, id).await?;
            Ok(Own {
                stats: stats.unwrap_or_default(),
                profile: profile.unwrap_or_else(|| Profile::usual(id)),
                settings: user.as_ref().map(Settings::of).unwrap_or_default(),
                user,
                requests: db::relations::count_requests(c, id).await?,
                moved: moves::target_of(c, &account).await?.map(|moved| moved.id),
            })
        })
    })
    .await
}

fn attribution_domains(profile: &Profile) -> Vec<String> {
    serde_json::from_str(&profile.attribution_domains).unwrap_or_default()
}

/// `CredentialAccount`: the account with what only its owner sees.
pub async fn credential(app: &App, account: &Account) -> AppResult<Value> {
    let own = own(app, account).await?;
    let now = app.clock.now_ms();
    let shown = entity(&app.config, account, own.stats).showing(Some(&own.profile), now);
    let mut value = serde_json::to_value(shown)?;
    if let Some(moved) = &own.moved
        && let Some(json) = json(app, &[*moved]).await?.get(moved)
    {
        value["moved"] = serde_json::from_str(json)?;
    }
    let settings = &own.settings;
    let role = own.user.as_ref().map_or(Role::User, role_of);
    let locale = own.user.as_ref().map_or("", |u| u.locale.as_str());
    let usual = if locale.is_empty() { "en" } else { locale };
    let own = serde_json::json!({
        "source": {
            "attribution_domains": attribution_domains(&own.profile),
            "note": settings.note,
            "fields": settings.fields,
            "privacy": shown_privacy(settings),
            "sensitive": settings.sensitive.unwrap_or(false),
            "language": settings.language.as_deref().unwrap_or(usual),
            "follow_requests_count": own.requests,
            "hide_collections": account.hide_collections,
            "discoverable": account.discoverable,
            "indexable": account.indexable,
            "quote_policy": settings.quote_policy(),
        },
        "role": role::entity(role),
    });
    if let (Some(entity), Value::Object(own)) = (value.as_object_mut(), own) {
        entity.extend(own);
    }
    Ok(value)
}

/// Kith's own `Profile`: a `CredentialAccount` with what Mastodon's does not have.
pub async fn kith_profile(app: &App, account: &Account) -> AppResult<Value> {
    let mut value = credential(app, account).await?;
    let id = account.id;
    let (profile, chat, digest) = app
        .read(move |c| {
            Box::pin(async move {
                let profile = db::profiles::of(c, &[id]).await?.pop();
                let chat = db::users::chat_settings(c, &[id]).await?.pop();
                Ok((profile, chat, Settings::load(c, id).await?.email_digest))
            })
        })
        .await?;
    let chat = chat.ok_or_else(AppError::not_found)?;
    let profile = profile.unwrap_or_else(|| Profile::usual(id));
    value["kith"] = serde_json::json!({
        "location": profile.location,
        "status": StatusLine::of(&profile, app.clock.now_ms()),
        "chat_policy": chat.chat_policy,
        "message_requests": chat.message_requests,
        "read_receipts": chat.read_receipts,
        "presence": chat.presence,
        "notify_dislikes": chat.notify_dislikes,
        "email_digest": digest.as_deref().unwrap_or("never"),
    });
    Ok(value)
}

/// `Profile`: one's own profile as it was typed.
pub async fn profile(app: &App, account: &Account) -> AppResult<Value> {
    let own = own(app, account).await?;
    let (config, profile) = (&app.config, &own.profile);
    let picture = |stored: &str, url: String| (!stored.is_empty()).then_some(url);
    Ok(serde_json::json!({
        "id": account.id.to_string(),
        "display_name": account.display_name,
        "note": own.settings.note,
        "fields": own.settings.fields,
        "avatar": picture(&account.avatar, avatar(config, account, false)),
        "avatar_static": picture(&account.avatar, avatar(config, account, true)),
        "avatar_description": account.avatar_description,
        "header": picture(&account.header, header(config, account, false)),
        "header_static": picture(&account.header, header(config, account, true)),
        "header_description": account.header_description,
        "locked": account.locked,
        "bot": account.kind == "Service",
        "hide_collections": account.hide_collections,
        "discoverable": account.discoverable,
        "indexable": account.indexable,
        "show_media": profile.show_media,
        "show_media_replies": profile.show_media_replies,
        "show_featured": profile.show_featured,
        "attribution_domains": attribution_domains(profile),
    }))
}
