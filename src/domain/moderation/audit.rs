//! The record of what moderators and commands did.

use serde_json::{Map, Value};

use super::Actor;
use crate::clock::iso;
use crate::db::accounts::Account;
use crate::db::audit::Entry;
use crate::db::policies::DomainPolicy;
use crate::db::sign_up_rules::{CanonicalEmailBlock, EmailDomainBlock, IpBlock};
use crate::db::{self, Conn};
use crate::domain::Ctx;
use crate::domain::policies::ALLOW;
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
    /// A policy or the like: its kind, id and name.
    Policy(&'a str, i64, &'a str),
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
            Target::Policy(kind, id, name) => ((*kind).to_owned(), Some(*id), (*name).to_owned()),
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

/// Writes down what was done (`create`, `update`, `destroy`) to the policy for a domain, with what it
/// says now.
pub async fn domain_policy(
    tx: &mut Conn,
    ctx: &Ctx,
    actor: &Actor,
    action: &str,
    policy: &DomainPolicy,
) -> AppResult<()> {
    let kind = match policy.severity.as_str() {
        ALLOW => "domain_allow",
        _ => "domain_block",
    };
    let said = |flag: bool| if flag { "true" } else { "" };
    let details = [
        ("severity", policy.severity.as_str()),
        ("reject_media", said(policy.reject_media)),
        ("reject_reports", said(policy.reject_reports)),
        ("public_comment", &policy.public_comment),
        ("private_comment", &policy.private_comment),
    ];
    let target = Target::Policy(kind, policy.id, &policy.domain);
    record(tx, ctx, actor, action, target, &details).await
}

/// The same of a rule about IP addresses.
pub async fn ip_block(
    tx: &mut Conn,
    ctx: &Ctx,
    actor: &Actor,
    action: &str,
    rule: &IpBlock,
) -> AppResult<()> {
    let until = rule.expires_at.map(iso).unwrap_or_default();
    let details = [
        ("severity", rule.severity.as_str()),
        ("comment", &rule.comment),
        ("expires_at", &until),
    ];
    let target = Target::Policy("ip_block", rule.id, &rule.ip);
    record(tx, ctx, actor, action, target, &details).await
}

/// The same of an e-mail domain that nobody may register with.
pub async fn email_domain_block(
    tx: &mut Conn,
    ctx: &Ctx,
    actor: &Actor,
    action: &str,
    rule: &EmailDomainBlock,
) -> AppResult<()> {
    let target = Target::Policy("email_domain_block", rule.id, &rule.domain);
    record(tx, ctx, actor, action, target, &[]).await
}

/// The same of an address that nobody may register with, by its hash.
pub async fn canonical_email_block(
    tx: &mut Conn,
    ctx: &Ctx,
    actor: &Actor,
    action: &str,
    rule: &CanonicalEmailBlock,
) -> AppResult<()> {
    let name = &rule.canonical_email_hash;
    let target = Target::Policy("canonical_email_block", rule.id, name);
    record(tx, ctx, actor, action, target, &[]).await
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
