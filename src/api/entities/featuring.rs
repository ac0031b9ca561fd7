//! Who may feature an account in a collection, and what that comes to for a reader.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::value::RawValue;

use super::{account, raw};
use crate::app::App;
use crate::db;
use crate::db::accounts::Account;
use crate::domain::collections::policy_of;
use crate::domain::interactions::Standing;
use crate::domain::quotes::Policy;
use crate::error::AppResult;

/// Who may feature an account in a collection (`FeatureApproval`).
#[derive(Debug, Serialize)]
pub struct FeatureApproval {
    automatic: Vec<&'static str>,
    manual: Vec<&'static str>,
    /// For whoever stands in no relation to the account; see [`render`].
    current_user: &'static str,
}

impl FeatureApproval {
    /// What an account says of it.
    pub fn of(account: &Account) -> FeatureApproval {
        let policy = policy_of(account);
        let names = policy.unwrap_or(Policy::NOBODY);
        FeatureApproval {
            automatic: Policy::names(names.automatic),
            manual: Policy::names(names.manual),
            current_user: stance(policy, false, false),
        }
    }
}

/// What becomes of it when somebody features an account, as the API names it.
fn stance(policy: Option<Policy>, follows: bool, followed: bool) -> &'static str {
    policy.map_or("missing", |policy| {
        let standing = Standing {
            follows,
            followed,
            mentioned: false,
        };
        policy.leave(standing).as_str()
    })
}

/// Account entities in the order of `ids`, to a reader: with what becomes of it when they feature
/// one of them, which depends on who follows whom. No statement for most, whose policy is for
/// everyone.
pub async fn render(
    app: &App,
    reader: Option<&Account>,
    ids: &[i64],
) -> AppResult<Vec<Box<RawValue>>> {
    let found = account::json(app, ids).await?;
    let Some(reader) = reader else {
        return Ok(ids.iter().filter_map(|id| raw(found.get(id)?)).collect());
    };
    let relations = app.relations(reader.id).await?;
    let mut policies = HashMap::with_capacity(ids.len());
    for id in found.keys() {
        // Kept in memory with its entity.
        let account = app.account(*id).await?;
        policies.insert(*id, account.as_deref().and_then(policy_of));
    }
    let depending: Vec<i64> = policies
        .iter()
        .filter(|(_, policy)| policy.is_some_and(Policy::depends_on_following))
        .map(|(id, _)| *id)
        .collect();
    let followers = if depending.is_empty() {
        Vec::new()
    } else {
        let reader = reader.id;
        app.read(move |c| {
            Box::pin(async move { Ok(db::relations::followed_by(c, reader, &depending).await?) })
        })
        .await?
    };
    let mut shown = Vec::with_capacity(ids.len());
    for id in ids {
        let Some(json) = found.get(id) else { continue };
        let policy = policies.get(id).copied().flatten();
        let blocked = relations.blocking.contains(id) || relations.blocked_by.contains(id);
        let follows = relations.following.contains_key(id);
        let now = match policy {
            _ if *id == reader.id => "automatic",
            Some(_) if blocked => "denied",
            policy => stance(policy, follows, followers.contains(id)),
        };
        let usual = stance(policy, false, false);
        if now == usual {
            shown.extend(raw(json));
        } else {
            // In a text, the quotes would be escaped.
            let member = |value: &str| format!("\"current_user\":\"{value}\"");
            shown.extend(raw(&json.replacen(&member(usual), &member(now), 1)));
        }
    }
    Ok(shown)
}
