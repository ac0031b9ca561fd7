//! What is due, and taking it from the database.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::LEASE;
use super::prepare::{Job, Press};
use super::record::Record;
use crate::app::App;
use crate::clock::{DAY, MINUTE};
use crate::db;
use crate::db::deliveries::Delivery;
use crate::db::hosts::Host;
use crate::error::AppResult;

/// Hosts that are looked at in one sweep.
const HOSTS: i64 = 100_000;
/// Hosts looked up in one statement.
const CHUNK: usize = 500;
/// How soon it is tried again to give back what was leased when the database went.
const AGAIN: Duration = Duration::from_secs(1);
/// Deliveries given up in one transaction.
const GIVEN_UP: i64 = 1000;
/// How long a delivery waits in vain for a host that does not answer.
const EXPIRES: i64 = 5 * DAY;

/// A host with something due, and what the database knows of it.
pub struct DueHost {
    pub host: String,
    pub known: Option<Host>,
}

/// What was leased for a host.
pub struct Leased {
    pub host: Arc<str>,
    pub jobs: Vec<Job>,
    /// There may be more that is due.
    pub more: bool,
}

/// The hosts with something due. What waits for blocked hosts, or has waited too long, is given
/// up on the way, some at a time.
pub async fn due_hosts(app: &App) -> AppResult<Vec<DueHost>> {
    let now = app.clock.now_ms();
    let waiting = app
        .read(|c| Box::pin(async move { Ok(db::deliveries::waiting_hosts(c, HOSTS).await?) }))
        .await?;
    let policies = app.policies().await?;
    let mut due = Vec::new();
    for waiting in waiting.into_iter().filter(|w| w.next_at <= now) {
        if policies.blocks(&waiting.host) {
            give_up(app, waiting.host, now + 1, "the domain is blocked").await?;
            continue;
        }
        if waiting.next_at < now - EXPIRES {
            give_up(
                app,
                waiting.host.clone(),
                now - EXPIRES,
                "the host did not answer for days",
            )
            .await?;
        }
        due.push(waiting.host);
    }
    let mut found = Vec::with_capacity(due.len());
    for chunk in due.chunks(CHUNK) {
        let names = chunk.to_vec();
        let known = app
            .read(move |c| Box::pin(async move { Ok(db::hosts::by_names(c, &names).await?) }))
            .await?;
        let mut known: HashMap<String, Host> =
            known.into_iter().map(|h| (h.host.clone(), h)).collect();
        found.extend(chunk.iter().map(|host| DueHost {
            known: known.remove(host),
            host: host.clone(),
        }));
    }
    Ok(found)
}

async fn give_up(app: &App, host: String, before: i64, why: &'static str) -> AppResult<()> {
    let now = app.clock.now_ms();
    let number = app
        .write({
            let host = host.clone();
            move |tx| {
                Box::pin(async move {
                    let number =
                        db::deliveries::give_up_host(tx, &host, before, why, now, GIVEN_UP).await?;
                    Ok(number)
                })
            }
        })
        .await?;
    tracing::info!(host, number, why, "deliveries given up");
    Ok(())
}

/// The database went while something was leased until a time, and may have committed that: gives it back as soon as
/// it can be reached, rather than wait until the lease ends.
async fn give_back(app: App, hosts: Vec<String>, until: i64) {
    let (mut stop, who) = (app.stop.clone(), app.origin);
    loop {
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let (hosts, now) = (hosts.clone(), app.clock.now_ms());
        if now >= until {
            return;
        }
        let given: AppResult<()> = app
            .write(move |tx| {
                Box::pin(
                    async move { Ok(db::deliveries::unlease(tx, who, &hosts, until, now).await?) },
                )
            })
            .await;
        match given {
            Ok(()) => return app.wake.deliveries.notify_one(),
            Err(error) if error.is_database_gone() => {}
            Err(error) => {
                tracing::warn!(%error, "leased deliveries wait until their lease ends");
                return;
            }
        }
    }
}

/// Leases for some hosts, in one transaction, and prepares what it got.
pub async fn take(
    app: &App,
    press: &Press,
    asked: Vec<(Arc<str>, usize)>,
    recorder: &UnboundedSender<Record>,
) -> Vec<Leased> {
    let (now, who) = (app.clock.now_ms(), app.origin);
    let wanted: Vec<(Arc<str>, i64)> = asked
        .iter()
        .map(|(host, number)| (host.clone(), *number as i64))
        .collect();
    let leased: AppResult<Vec<Vec<Delivery>>> = app
        .write(move |tx| {
            Box::pin(async move {
                let mut all = Vec::with_capacity(wanted.len());
                for (host, limit) in &wanted {
                    let leased =
                        db::deliveries::lease(tx, who, host, *limit, now, now + LEASE).await?;
                    all.push(leased);
                }
                Ok(all)
            })
        })
        .await;
    let rows = match leased {
        Ok(rows) => rows,
        Err(error) => {
            tracing::error!(%error, "cannot lease deliveries");
            if error.is_database_gone() {
                let hosts = asked.iter().map(|(host, _)| host.to_string()).collect();
                tokio::spawn(give_back(app.clone(), hosts, now + LEASE));
            }
            Vec::new()
        }
    };
    let mut answer: Vec<Leased> = asked
        .into_iter()
        .enumerate()
        .map(|(n, (host, number))| Leased {
            host,
            jobs: Vec::new(),
            more: rows.get(n).is_some_and(|rows| rows.len() >= number),
        })
        .collect();
    let rows: Vec<Delivery> = rows.into_iter().flatten().collect();
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    match press.prepare(app, rows).await {
        Ok((jobs, hopeless)) => {
            for (delivery, error) in hopeless {
                let _ = recorder.send(Record::GivenUp {
                    id: delivery.id,
                    answer: None,
                    error,
                    at: now,
                });
            }
            let places: HashMap<String, usize> = answer
                .iter()
                .enumerate()
                .map(|(n, leased)| (leased.host.to_string(), n))
                .collect();
            for job in jobs {
                if let Some(place) = places.get(&job.delivery.host) {
                    answer[*place].jobs.push(job);
                }
            }
        }
        Err(error) => {
            tracing::error!(%error, "cannot prepare deliveries");
            let _ = recorder.send(Record::Released {
                ids,
                next_at: now + MINUTE,
            });
        }
    }
    answer
}
