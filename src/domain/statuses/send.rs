//! Sending local statuses to whoever gets them.

use std::collections::BTreeMap;

use super::note_of;
use crate::db::accounts::Account;
use crate::db::statuses::Status;
use crate::db::{self, Conn};
use crate::domain::Ctx;
use crate::domain::groups;
use crate::domain::outgoing::{self, Audience, Note, Outgoing};
use crate::domain::visibility::{Visibility, waits};
use crate::error::AppResult;

/// Sends a local status again as it is now, for what is no edit of its text: its quote was
/// allowed or revoked, or its policy changed.
pub(in crate::domain) async fn send_update(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    status: &Status,
) -> AppResult<()> {
    // What waits for leave, or got none, nobody was sent.
    if status.local_only || waits(status.visibility) {
        return Ok(());
    }
    let mentioned: Vec<i64> = db::statuses::mentions_of(tx, &[status.id])
        .await?
        .into_iter()
        .map(|(_, account)| account)
        .collect();
    let mentions = db::accounts::by_ids(tx, &mentioned).await?;
    let audience = audience(tx, author, status, &mentions, None).await?;
    let uri = format!("{}#updates/{}", status.uri, ctx.ids.next());
    let note = note_of(tx, ctx, author, status).await?;
    let update = |note| Outgoing::Update {
        uri: uri.clone(),
        note,
    };
    send_note(tx, ctx, author, note, audience, update).await
}

/// Sends a note to its audience. One for mutuals goes to each server by itself, and names there
/// those alone who live on it: no server learns who the others are.
pub(super) async fn send_note(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    note: Note,
    audience: Audience,
    make: impl Fn(Box<Note>) -> Outgoing,
) -> AppResult<()> {
    if !note.mutuals {
        return outgoing::send(tx, ctx, author, &make(Box::new(note)), audience).await;
    }
    let mut servers: BTreeMap<String, Vec<Account>> = BTreeMap::new();
    for account in db::accounts::by_ids(tx, &audience.accounts).await? {
        if !account.is_local() {
            let there = servers.entry(account.delivery_host.clone()).or_default();
            there.push(account);
        }
    }
    for there in servers.into_values() {
        let mut note = note.clone();
        for account in &there {
            if !note.addressing.to.contains(&account.uri) {
                note.addressing.to.push(account.uri.clone());
            }
        }
        let audience = Audience {
            followers: false,
            accounts: there.iter().map(|account| account.id).collect(),
        };
        outgoing::send(tx, ctx, author, &make(Box::new(note)), audience).await?;
    }
    Ok(())
}

/// Who gets a local status.
pub(super) async fn audience(
    tx: &mut Conn,
    author: &Account,
    status: &Status,
    mentions: &[Account],
    parent: Option<&Status>,
) -> AppResult<Audience> {
    let mut accounts: Vec<i64> = mentions.iter().map(|a| a.id).collect();
    let groups = groups::told(tx, status).await?;
    accounts.extend(groups.iter().map(|group| group.id));
    let visibility = Visibility::from_db(status.visibility);
    match visibility {
        Visibility::Direct => {}
        Visibility::Mutuals => {
            accounts.extend(db::relations::mutual_ids(tx, author.id, 10_000).await?);
        }
        _ => accounts.extend(
            parent
                .filter(|_| visibility.is_open())
                .map(|p| p.account_id),
        ),
    }
    Ok(Audience {
        followers: matches!(
            visibility,
            Visibility::Public | Visibility::Unlisted | Visibility::Private
        ),
        accounts,
    })
}
