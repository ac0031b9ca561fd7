//! Runs the queue's jobs: leased, done, and tried again when they fail.
//!
//! A job is done at least once: what a process had leased that died, another takes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use super::{JobError, backfill, collections, media, posts, sever_domain, standing, verify_links};
use crate::app::App;
use crate::clock::{DAY, MINUTE, SECOND};
use crate::db;
use crate::db::jobs::{JobRow, Kinds};
use crate::domain::jobs::{Job, PATIENT};
use crate::domain::{announcements, digests, notifications, profiles};
use crate::traces::span;
use crate::{mail, smtp};

/// Jobs that run at the same time, and how many of them may be of the patient kinds.
const AT_ONCE: usize = 8;
const PATIENT_AT_ONCE: usize = 3;
/// How long a lease holds, and how often it is renewed while the job runs.
const LEASE: i64 = 20 * SECOND;
const RENEW: Duration = Duration::from_secs(5);
/// Jobs of other processes, and those that have become due, are seen within this time.
const POLL: Duration = Duration::from_secs(1);
/// How long the jobs under way may go on once the process is to end.
const DRAIN: Duration = Duration::from_secs(10);
/// When a job is tried again that needs what is out of reach: the longer it has waited, the later, by this part of it.
const LATER: i64 = 3 * MINUTE;
const LATER_PART: i64 = 8;
/// Attempts before a job is given up: about two days.
const ATTEMPTS: i64 = 20;

/// Runs jobs until the application is told to stop, then lets those under way finish.
pub async fn run(app: App) {
    let mut stop = app.stop.clone();
    let mut running = JoinSet::new();
    let patient = Arc::new(Semaphore::new(PATIENT_AT_ONCE));
    while !*stop.borrow() {
        // Registered before looking, so that a job enqueued meanwhile is not missed.
        let woken = app.wake.jobs.notified();
        while running.try_join_next().is_some() {}
        let mut found = false;
        if running.len() < AT_ONCE {
            let free = patient.available_permits();
            match lease(&app, AT_ONCE - running.len(), free).await {
                Ok(jobs) => {
                    found = !jobs.is_empty();
                    for job in jobs {
                        let of_few = PATIENT.contains(&job.kind.as_str());
                        let place = of_few.then(|| patient.clone().try_acquire_owned());
                        let app = app.clone();
                        let span = span!(
                            "job",
                            otel.kind = "consumer",
                            otel.parent = job.trace.as_deref(),
                            otel.name = %format_args!("job {}", job.kind),
                            kith.job.kind = job.kind.as_str(),
                            kith.job.attempt = job.attempts,
                            kith.outcome = Empty,
                            otel.status_code = Empty,
                        );
                        let work = async move {
                            let _place = place;
                            run_one(app, job).await;
                        };
                        running.spawn(work.instrument(span));
                    }
                }
                Err(error) => tracing::warn!(%error, "cannot read the job queue"),
            }
        }
        if found && running.len() < AT_ONCE {
            continue;
        }
        let full = running.len() >= AT_ONCE;
        tokio::select! {
            () = woken, if !full => {}
            Some(_) = running.join_next() => {}
            () = tokio::time::sleep(POLL) => {}
            _ = stop.changed() => {}
        }
    }
    let drained = async { while running.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, drained).await.is_err() {
        tracing::warn!("some jobs did not finish in time; they will be run again");
    }
}

/// Takes at most `limit` jobs that are due, at most `patient` of the patient kinds among them.
async fn lease(app: &App, limit: usize, patient: usize) -> Result<Vec<JobRow>, db::Error> {
    let (now, who) = (app.clock.now_ms(), app.origin);
    // Most looks find nothing, and need not wait for the writer.
    let waits = app
        .db
        .read(move |c| Box::pin(async move { db::jobs::waits(c, now).await }));
    if !waits.await? {
        return Ok(Vec::new());
    }
    app.db
        .write(move |tx| {
            Box::pin(async move {
                let number = |n: usize| i64::try_from(n).unwrap_or(1);
                let (until, most) = (now + LEASE, number(limit));
                let others = Kinds::But(&PATIENT);
                let mut jobs = db::jobs::lease_of(tx, who, now, until, others, most).await?;
                let most = number(patient.min(limit.saturating_sub(jobs.len())));
                if most > 0 {
                    let these = Kinds::Only(&PATIENT);
                    jobs.extend(db::jobs::lease_of(tx, who, now, until, these, most).await?);
                }
                Ok(jobs)
            })
        })
        .await
}

async fn run_one(app: App, row: JobRow) {
    let outcome = {
        let working = work(&app, &row);
        tokio::pin!(working);
        loop {
            tokio::select! {
                outcome = &mut working => break outcome,
                () = tokio::time::sleep(RENEW) => renew(&app, row.id).await,
            }
        }
    };
    let (id, kind) = (row.id, row.kind.clone());
    let now = app.clock.now_ms();
    let closed: Result<(), db::Error> = match outcome {
        Ok(()) => {
            ended(&app, "done");
            app.db
                .write(move |tx| Box::pin(async move { db::jobs::delete(tx, id).await }))
                .await
        }
        Err(JobError::Retry(error)) if row.attempts < ATTEMPTS => {
            tracing::warn!(
                id,
                kind,
                error = format!("{error:#}"),
                "a job failed and will be tried again"
            );
            ended(&app, "retried");
            let at = now + backoff(row.attempts, app.random.unit());
            let text = format!("{error:#}");
            app.db
                .write(move |tx| {
                    Box::pin(async move { db::jobs::put_back(tx, id, at, &text).await })
                })
                .await
        }
        Err(JobError::Later(error)) => {
            tracing::warn!(
                id,
                kind,
                error = format!("{error:#}"),
                "what a job needs is out of reach; it will be tried again"
            );
            ended(&app, "retried");
            let at = now + later(now - row.created_at, app.random.unit());
            let text = format!("{error:#}");
            app.db
                .write(move |tx| {
                    Box::pin(async move { db::jobs::put_off(tx, id, at, &text).await })
                })
                .await
        }
        Err(JobError::Retry(error) | JobError::Fail(error)) => {
            tracing::error!(id, kind, error = format!("{error:#}"), "a job was given up");
            let text = format!("{error:#}");
            ended(&app, "given_up");
            app.db
                .write(move |tx| {
                    Box::pin(async move { db::jobs::give_up(tx, id, now, &text).await })
                })
                .await
        }
    };
    if let Err(error) = closed {
        // The lease runs out, and the job is run again.
        tracing::error!(id, kind, %error, "cannot note how a job ended");
    }
}

/// Tells how a job ended to what counts and to the trace it is part of.
fn ended(app: &App, outcome: &'static str) {
    app.metrics.job(outcome);
    let span = Span::current();
    span.record("kith.outcome", outcome);
    if outcome != "done" {
        span.record("otel.status_code", "ERROR");
    }
}

/// The job is still under way.
async fn renew(app: &App, id: i64) {
    let until = app.clock.now_ms() + LEASE;
    let renewed: Result<(), db::Error> = app
        .db
        .write(move |tx| Box::pin(async move { db::jobs::renew(tx, id, until).await }))
        .await;
    if let Err(error) = renewed {
        tracing::warn!(id, %error, "cannot renew the lease of a job");
    }
}

/// Milliseconds until a job is tried again that has waited so long for what is out of reach, with a fifth of jitter.
fn later(waited: i64, jitter: f64) -> i64 {
    let base = (waited / LATER_PART).clamp(LATER, DAY / 4);
    base + (base as f64 / 5.0 * jitter) as i64
}

/// Milliseconds until the next attempt: 5 s, doubled each time up to 6 h, with a fifth of jitter.
fn backoff(attempts: i64, jitter: f64) -> i64 {
    let doubled = (5 * SECOND) << attempts.clamp(1, 20).saturating_sub(1);
    let base = doubled.min(DAY / 4);
    base + (base as f64 / 5.0 * jitter) as i64
}

async fn work(app: &App, row: &JobRow) -> Result<(), JobError> {
    let job: Job = serde_json::from_str(&row.payload).map_err(JobError::fail)?;
    match job {
        Job::Mail(letter) => {
            let host = app.config.public_url.host_str().unwrap_or("localhost");
            let live = app.config.live.now();
            let message = letter.message(&live.mail_from, host, row.id, app.clock.now_ms());
            if let Some(server) = &live.smtp {
                return match smtp::send(server, &live.mail_from, &letter.to, &message).await {
                    Ok(()) => Ok(()),
                    Err(error) if error.will_not_pass() => Err(JobError::fail(error)),
                    Err(error) => Err(JobError::retry(error)),
                };
            }
            let path = mail::write_file(&app.config.data_dir, row.id, row.attempts, &message)
                .await
                .map_err(JobError::retry)?;
            tracing::info!(path = %path.display(), "mail written");
            Ok(())
        }
        Job::VerifyLinks { account_id } => verify_links::run(app, account_id, row.attempts).await,
        Job::SeverDomain { account_id, domain } => sever_domain::run(app, account_id, domain).await,
        Job::SeverSuspended { account_id } => sever_domain::suspended(app, account_id).await,
        Job::Standing { domain, stamp } => standing::run(app, &[(domain, stamp)]).await,
        Job::Standings { changed } => standing::run(app, &changed).await,
        Job::Severed { account_id } => standing::suspended(app, row.id, account_id).await,
        Job::DomainList { subscription_id } => {
            super::domain_list::run(app, row.id, subscription_id).await
        }
        Job::Publish { scheduled_id } => posts::publish(app, scheduled_id).await,
        Job::PollUpdate { poll_id } => posts::tell_counts(app, row.id, poll_id).await,
        Job::PollEnd { poll_id } => posts::end_poll(app, poll_id).await,
        Job::Featured { account_id } => posts::featured(app, account_id).await,
        Job::Collections { account_id } => collections::refresh(app, account_id).await,
        Job::FeaturedItems { collection_id } => {
            collections::verify(app, row.id, collection_id).await
        }
        Job::Thread { status_id, .. } => backfill::thread(app, row.id, status_id).await,
        Job::Profile { account_id } => backfill::profile(app, account_id).await,
        Job::Media { id } => media::run(app, id, row.attempts).await,
        Job::Card { card_id } => super::card::fetch(app, card_id, row.attempts).await,
        Job::Reindex { account_id, below } => super::search::reindex(app, account_id, below).await,
        Job::Push {
            subscription_id,
            notification_id,
        } => super::push::send(app, subscription_id, notification_id).await,
        Job::SettleNotifications {
            account_id,
            from_account_id,
            accepted,
            until,
        } => {
            let (to, from) = (account_id, from_account_id);
            while app
                .write(move |tx| Box::pin(notifications::settle(tx, to, from, accepted, until)))
                .await
                .map_err(JobError::retry)?
            {}
            Ok(())
        }
        Job::DeleteAccount { account_id } => super::deletion::delete(app, account_id).await,
        Job::EraseAccount { account_id } => super::deletion::erase(app, account_id).await,
        Job::ForgetKeys { account_id } => super::deletion::forget_keys(app, account_id).await,
        Job::Move {
            account_id,
            target_id,
        } => super::moves::run(app, account_id, target_id).await,
        Job::SynchroniseFollowers {
            account_id,
            url,
            digest,
        } => super::moves::synchronise(app, account_id, &url, &digest).await,
        Job::Digest { account_id, at } => {
            let ctx = app.ctx.clone();
            app.write(move |tx| {
                Box::pin(async move { digests::send(tx, &ctx, account_id, at).await })
            })
            .await
            .map_err(JobError::retry)
        }
        Job::Import { import_id } => super::import::run(app, import_id).await,
        Job::ChatFiles { message_id } => super::chat_files::run(app, row.id, message_id).await,
        Job::HideChatFiles { above } => super::chat_files::hide_all(app, row.id, above).await,
        Job::Archive { archive_id } => super::archive::write(app, archive_id).await,
        Job::StatusLine { account_id } => {
            let ctx = app.ctx.clone();
            app.write(move |tx| {
                Box::pin(async move { profiles::expire_status(tx, &ctx, account_id).await })
            })
            .await
            .map_err(JobError::retry)
        }
        Job::Announcement { id } => {
            let ctx = app.ctx.clone();
            app.write(move |tx| {
                Box::pin(async move { announcements::keep_time(tx, &ctx, id).await })
            })
            .await
            .map_err(JobError::retry)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_reach_for_long_is_asked_for_seldom() {
        assert_eq!(later(0, 0.0), LATER);
        assert_eq!(later(20 * MINUTE, 1.0), LATER + LATER / 5);
        let (mut waited, mut tries) = (0, 0);
        while waited < DAY {
            waited += later(waited, 0.0);
            tries += 1;
        }
        assert!(tries < 50, "{tries}");
    }

    #[test]
    fn waits_grow_to_six_hours_and_last_for_days() {
        assert_eq!(backoff(1, 0.0), 5 * SECOND);
        assert_eq!(backoff(2, 0.0), 10 * SECOND);
        assert_eq!(backoff(2, 1.0), 12 * SECOND);
        assert_eq!(backoff(60, 0.0), DAY / 4);
        let all: i64 = (1..ATTEMPTS).map(|n| backoff(n, 0.0)).sum();
        assert!(all > DAY && all < 3 * DAY, "{all}");
    }
}
