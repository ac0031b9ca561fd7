//! The record of what moderators and commands did.

use serde_json::{Map, Value};

use super::Actor;
use crate::db::accounts::Account;
use crate::db::audit::Entry;
use crate::db::{self, Conn};
use crate::domain::Ctx;
use crate::error::AppResult;

/// Characters kept of one detail.
const MAX_DETAIL: usize = 500;

/// What was done something to.
#[derive(Debug, Clone, Copy)]
pub enum Target<'a> {
    Account(&'a Account),
    Report(i64),
    /// An appeal, and whose it is.
    Appeal(i64, &'a Account),
    /// Something else: its kind and name.
    Other(&'a str, &'a str),
}

impl Target<'_> {
    fn of(&self, ctx: &Ctx) -> (String, Option<i64>, String) {
        let handle = |account: &Account| ctx.config.handle(&account.username, &account.domain);
        match self {
            Target::Account(account) => ("account".into(), Some(account.id), handle(account)),
            Target::Report(id) => ("report".into(), Some(*id), format!("#{id}")),
            Target::Appeal(id, account) => ("appeal".into(), Some(*id), handle(account)),
            Target::Other(kind, name) => ((*kind).to_owned(), None, (*name).to_owned()),
        }
    }
}

/// Writes down a deed, in its transaction.
pub async fn record(
    tx: &mut Conn,
    ctx: &Ctx,
    actor: &Actor,
    action: &str,
    target: Target<'_>,
    details: &[(&str, &str)],
) -> AppResult<()> {
    let (target_type, target_id, target) = target.of(ctx);
    let details: Map<String, Value> = details
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| {
            let value: String = value.chars().take(MAX_DETAIL).collect();
            ((*name).to_owned(), Value::String(value))
        })
        .collect();
    let row = Entry {
        id: ctx.ids.next(),
        account_id: actor.id(),
        actor: actor.name().to_owned(),
        action: action.to_owned(),
        target_type,
        target_id,
        target,
        details: Value::Object(details).to_string(),
        created_at: ctx.now(),
    };
    Ok(db::audit::insert(tx, &row).await?)
}

/// Writes down what a command did, as it is typed (`kith rule add`), to something of a kind.
pub async fn command(
    tx: &mut Conn,
    ctx: &Ctx,
    typed: &str,
    kind: &str,
    name: &str,
) -> AppResult<()> {
    let action = typed.rsplit(' ').next().unwrap_or(typed).replace('-', "_");
    let actor = Actor::command(typed);
    record(tx, ctx, &actor, &action, Target::Other(kind, name), &[]).await
}
