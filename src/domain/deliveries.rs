//! What became of what was sent: why something has not arrived, for those who ask.

use serde_json::{Value, json};

use super::Ctx;
use crate::clock::iso;
use crate::db::accounts::Account;
use crate::db::deliveries::{Standing, state};
use crate::db::hosts::Host;
use crate::db::outgoing::OutgoingActivity;
use crate::db::{self, Conn, Db};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};

/// Activities told of at a time.
const ACTIVITIES: i64 = 20;
/// Deliveries told of, of one activity or to one host.
const DELIVERIES: i64 = 50;
/// Finished deliveries that are looked through for one host's.
const AMONG: i64 = 50_000;
/// Deliveries made due or given up in one transaction.
pub const STEP: i64 = 1000;

/// An activity with its deliveries.
#[derive(Debug, Clone)]
pub struct Sent {
    pub activity: OutgoingActivity,
    pub delivered: i64,
    pub waiting: i64,
    pub given_up: i64,
    /// Those that were made last, not all of many.
    pub deliveries: Vec<Standing>,
}

/// A host with what waits for it and what went to it lately.
#[derive(Debug, Clone)]
pub struct Reached {
    pub host: String,
    /// As the last process wrote it down; nothing of a host that never was in trouble.
    pub health: Option<Host>,
    pub waiting: Vec<Standing>,
    pub finished: Vec<Standing>,
}

/// What a local account sent last, or sent of something that is named by its id.
pub async fn sent(conn: &mut Conn, account_id: i64, about: Option<&str>) -> AppResult<Vec<Sent>> {
    let activities = db::outgoing::of_account(conn, account_id, about, ACTIVITIES).await?;
    let mut all = Vec::with_capacity(activities.len());
    for activity in activities {
        let counts = db::deliveries::counts_of(conn, activity.id).await?;
        let count = |state| {
            let found = counts.iter().find(|(of, _)| *of == state);
            found.map_or(0, |(_, number)| *number)
        };
        all.push(Sent {
            delivered: count(state::DELIVERED),
            waiting: count(state::WAITING),
            given_up: count(state::GIVEN_UP),
            deliveries: db::deliveries::of_activity(conn, activity.id, DELIVERIES).await?,
            activity,
        });
    }
    Ok(all)
}

/// How a host fares; of one account's inbox alone where it is given.
pub async fn reached(conn: &mut Conn, host: &str, inbox: Option<&str>) -> AppResult<Reached> {
    let names = [host.to_owned()];
    let health = db::hosts::by_names(conn, &names).await?.pop();
    Ok(Reached {
        host: host.to_owned(),
        health,
        waiting: db::deliveries::waiting_for(conn, host, inbox, DELIVERIES).await?,
        finished: db::deliveries::finished_for(conn, host, inbox, AMONG, DELIVERIES).await?,
    })
}

/// The same for where a remote account's deliveries go.
pub async fn reached_of(conn: &mut Conn, account: &Account) -> AppResult<Reached> {
    reached(conn, &account.delivery_host, Some(&account.delivery_url)).await
}

/// Makes what waits for a host due now, some at a time; says how many.
pub async fn hasten(tx: &mut Conn, ctx: &Ctx, host: &str) -> AppResult<usize> {
    let hastened = db::deliveries::hasten(tx, host, ctx.now(), STEP).await?;
    if hastened > 0 {
        tx.emit(Event::of(Kind::DeliveriesWaiting, 0));
    }
    Ok(hastened)
}

/// Makes everything that waits for a host due now, step by step; says how much.
pub async fn hasten_all(db: &Db, ctx: &Ctx, host: &str) -> AppResult<usize> {
    let mut all = 0;
    loop {
        let (ctx, host) = (ctx.clone(), host.to_lowercase());
        let number = db
            .write(move |tx| Box::pin(async move { hasten(tx, &ctx, &host).await }))
            .await?;
        all += number;
        if number < STEP as usize {
            return Ok(all);
        }
    }
}

/// Makes a delivery that was given up wait again; 404 for one that was not.
pub async fn revive(tx: &mut Conn, ctx: &Ctx, id: i64) -> AppResult<()> {
    if !db::deliveries::revive(tx, id, ctx.now()).await? {
        return Err(AppError::not_found());
    }
    tx.emit(Event::of(Kind::DeliveriesWaiting, 0));
    Ok(())
}

/// A delivery as JSON: `state` is `waiting`, `sending`, `delivered` or `given up`.
pub fn standing(delivery: &Standing, now: i64) -> Value {
    json!({
        "id": delivery.id.to_string(),
        "inbox": delivery.inbox,
        "state": state_of(delivery, now),
        "attempts": delivery.attempts,
        "next_at": (delivery.state == state::WAITING).then(|| iso(delivery.next_at)),
        "done_at": delivery.done_at.map(iso),
        "answer": delivery.answer,
        "error": delivery.last_error,
    })
}

/// What a delivery is at.
pub fn state_of(delivery: &Standing, now: i64) -> &'static str {
    match delivery.state {
        state::DELIVERED => "delivered",
        state::GIVEN_UP => "given up",
        _ if delivery.leased_until > now => "sending",
        _ => "waiting",
    }
}
