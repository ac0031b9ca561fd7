//! Accounts with what only moderators see of them.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::api::entities::{account, raw, role};
use crate::app::App;
use crate::clock::iso;
use crate::db;
use crate::db::accounts::Account;
use crate::db::users::User;
use crate::domain::moderation::role_of;
use crate::domain::users::Role;
use crate::error::AppResult;

/// Addresses shown of one account.
const ADDRESSES: usize = 10;
/// Addresses read for a page.
const MOST_ADDRESSES: i64 = 2000;

/// `Admin::Account`.
#[derive(Debug, Serialize)]
pub struct Entity {
    id: String,
    username: String,
    domain: Option<String>,
    created_at: String,
    email: String,
    ip: Option<String>,
    ips: Vec<Ip>,
    locale: Option<String>,
    invite_request: Option<String>,
    role: role::Entity,
    confirmed: bool,
    approved: bool,
    disabled: bool,
    sensitized: bool,
    silenced: bool,
    suspended: bool,
    account: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invited_by_account_id: Option<String>,
}

/// `Admin::Ip`.
#[derive(Debug, Clone, Serialize)]
struct Ip {
    ip: String,
    used_at: String,
}

/// What is known of users besides.
#[derive(Default)]
struct Known {
    users: HashMap<i64, User>,
    addresses: HashMap<i64, Vec<Ip>>,
    /// By invitation.
    inviters: HashMap<i64, i64>,
}

impl Known {
    async fn read(app: &App, ids: Vec<i64>) -> AppResult<Known> {
        if ids.is_empty() {
            return Ok(Known::default());
        }
        app.read(move |c| {
            Box::pin(async move {
                let mut known = Known::default();
                let users = db::moderation::users_of(c, &ids).await?;
                let invites: Vec<i64> = users.iter().filter_map(|user| user.invite_id).collect();
                let inviters = db::moderation::inviters(c, &invites).await?;
                known.inviters = inviters
                    .into_iter()
                    .filter_map(|(invite, account)| Some((invite, account?)))
                    .collect();
                let addresses = db::moderation::addresses_of(c, &ids, MOST_ADDRESSES).await?;
                for (account, ip, used_at) in addresses {
                    let Some(account) = account else { continue };
                    let all = known.addresses.entry(account).or_default();
                    if all.len() < ADDRESSES {
                        let used_at = iso(used_at);
                        all.push(Ip { ip, used_at });
                    }
                }
                known.users = users
                    .into_iter()
                    .map(|user| (user.account_id, user))
                    .collect();
                Ok(known)
            })
        })
        .await
    }
}

/// Shows accounts in their order.
pub async fn render(app: &App, accounts: &[Account]) -> AppResult<Vec<Entity>> {
    let ids: Vec<i64> = accounts.iter().map(|account| account.id).collect();
    let shown = account::json(app, &ids).await?;
    let local = accounts.iter().filter(|account| account.is_local());
    let mut known = Known::read(app, local.map(|account| account.id).collect()).await?;
    let entities = accounts.iter().filter_map(|account| {
        let user = known.users.get(&account.id);
        let ips = known.addresses.remove(&account.id).unwrap_or_default();
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let inviter = user.and_then(|user| known.inviters.get(&user.invite_id?));
        Some(Entity {
            id: account.id.to_string(),
            username: account.username.clone(),
            domain: text(&account.domain),
            created_at: iso(account.created_at),
            email: user.map(|user| user.email.clone()).unwrap_or_default(),
            ip: ips.first().map(|ip| ip.ip.clone()),
            ips,
            locale: user.and_then(|user| text(&user.locale)),
            invite_request: user.and_then(|user| text(&user.reason)),
            role: role::entity(user.map_or(Role::User, role_of)),
            confirmed: user.is_some_and(|user| user.confirmed_at.is_some()),
            approved: user.is_some_and(|user| user.approved_at.is_some()),
            disabled: user.is_some_and(|user| user.disabled_at.is_some()),
            sensitized: account.sensitized_at.is_some(),
            silenced: account.silenced_at.is_some(),
            suspended: account.suspended_at.is_some(),
            account: raw(shown.get(&account.id)?)?,
            invited_by_account_id: inviter.map(i64::to_string),
        })
    });
    Ok(entities.collect())
}

/// The same by id, each as JSON, for what shows an account in several places.
pub async fn json_by_ids(app: &App, mut ids: Vec<i64>) -> AppResult<HashMap<i64, Box<RawValue>>> {
    ids.sort_unstable();
    ids.dedup();
    let accounts = app
        .read(move |c| Box::pin(async move { Ok(db::accounts::by_ids(c, &ids).await?) }))
        .await?;
    let mut found = HashMap::with_capacity(accounts.len());
    for entity in render(app, &accounts).await? {
        let json = serde_json::value::to_raw_value(&entity)?;
        found.insert(entity.id.parse().unwrap_or_default(), json);
    }
    Ok(found)
}
