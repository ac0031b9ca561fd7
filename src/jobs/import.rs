//! Works off files that users brought along from elsewhere.
//!
//! What lines name is looked up before their transaction begins. A job looks up so many and no more,
//! then another one goes on, so that others come in between; one host is not asked again at once, nor
//! at all by this job once it let us wait too often.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::JobError;
use crate::app::App;
use crate::db;
use crate::db::accounts::Account;
use crate::db::imports::{Import, Line};
use crate::domain::exports::{Kind, Place};
use crate::domain::imports::{self, Held, Row};
use crate::domain::jobs::{self, Job};
use crate::error::{AppError, AppResult};
use crate::federation::{self, Found};
use crate::text::names::parse_handle;

/// Look-ups elsewhere, and lines in all, that one job does.
const LOOK_UPS: usize = 50;
const LINES: usize = 1000;
/// A host is asked once in this time.
const EACH: Duration = Duration::from_millis(300);
/// An answer that takes longer is a slow one, and after so many of them a host is left alone.
const SLOW: Duration = Duration::from_secs(4);
const MOST_SLOW: u32 = 2;
/// Lines read at a time for what a file holds.
const PAGE: i64 = 1000;

/// What a job knows of a host.
struct Host {
    asked_at: Instant,
    slow: u32,
}

/// Works off some of a file.
pub async fn run(app: &App, id: i64) -> Result<(), JobError> {
    let Some((import, kind, rows)) = open(app, id).await.map_err(JobError::retry)? else {
        return Ok(());
    };
    let mut hosts = HashMap::new();
    let mut looked_up = 0;
    let from = usize::try_from(import.position).unwrap_or(usize::MAX);
    for (position, row) in rows.iter().enumerate().skip(from) {
        if looked_up >= LOOK_UPS || position - from >= LINES {
            return again(app, id).await.map_err(JobError::retry);
        }
        if *app.stop.borrow() {
            // The lease is given back, and another process goes on.
            return again(app, id).await.map_err(JobError::retry);
        }
        let owner = app
            .account(import.account_id)
            .await
            .map_err(JobError::retry)?;
        let Some(owner) = owner.filter(|owner| owner.is_active() && owner.moved_to.is_empty())
        else {
            return finish(app, id).await.map_err(JobError::retry);
        };
        let subject = row.subject(kind);
        let found = look_up(app, kind, subject, &mut hosts, &mut looked_up)
            .await
            .map_err(JobError::retry)?;
        let goes_on = settle(app, &import, kind, position, row, (&*owner, found))
            .await
            .map_err(JobError::retry)?;
        if !goes_on {
            return Ok(());
        }
    }
    if import.overwrite {
        prune(app, &import, kind, &rows)
            .await
            .map_err(JobError::retry)?;
    }
    finish(app, id).await.map_err(JobError::retry)
}

/// An import that is not worked off, with its lines.
async fn open(app: &App, id: i64) -> AppResult<Option<(Import, Kind, Vec<Row>)>> {
    let found = app
        .read(move |c| {
            Box::pin(async move {
                let import = db::imports::by_id(c, id).await?;
                Ok(import.zip(db::imports::body(c, id).await?))
            })
        })
        .await?;
    let Some((import, body)) = found.filter(|(import, _)| import.finished_at.is_none()) else {
        return Ok(None);
    };
    let Some(kind) = Kind::parse(&import.kind) else {
        return Ok(None);
    };
    let rows = imports::read(kind, &body)?;
    Ok(Some((import, kind, rows)))
}

/// The rest is for another job.
async fn again(app: &App, import_id: i64) -> AppResult<()> {
    let ctx = app.ctx.clone();
    app.write(move |tx| {
        Box::pin(async move { jobs::enqueue(tx, &ctx, &Job::Import { import_id }).await })
    })
    .await
}

async fn finish(app: &App, id: i64) -> AppResult<()> {
    let now = app.clock.now_ms();
    app.write(move |tx| Box::pin(async move { Ok(db::imports::finish(tx, id, now).await?) }))
        .await
}

/// The account or status that a line names, by its id here (0 where there is nothing to look up), or
/// why there is none.
async fn look_up(
    app: &App,
    kind: Kind,
    subject: &str,
    hosts: &mut HashMap<String, Host>,
    looked_up: &mut usize,
) -> AppResult<Result<i64, &'static str>> {
    if subject.is_empty() {
        return Ok(Err("The line names nothing"));
    }
    let text = match kind {
        Kind::DomainBlocks | Kind::Filters => return Ok(Ok(0)),
        Kind::Bookmarks => subject.to_owned(),
        // Also `user@domain` and `user`.
        _ if subject.starts_with("http") => subject.to_owned(),
        _ => format!("@{}", subject.trim_start_matches('@')),
    };
    let mut found = federation::find(app, &text, false).await?;
    if found.is_none()
        && let Some(host) = host_of(&text).filter(|host| !app.config.is_our_domain(host))
    {
        let begun = Instant::now();
        match hosts.get(&host) {
            Some(known) if known.slow >= MOST_SLOW => {
                return Ok(Err("Its server takes too long to answer"));
            }
            Some(known) => tokio::time::sleep_until(known.asked_at + EACH).await,
            None => {}
        }
        *looked_up += 1;
        let asked = Instant::now();
        found = federation::find(app, &text, true).await?;
        let known = hosts.entry(host).or_insert(Host {
            asked_at: begun,
            slow: 0,
        });
        known.asked_at = Instant::now();
        if known.asked_at - asked > SLOW {
            known.slow += 1;
        }
    }
    Ok(match (kind, found) {
        (Kind::Bookmarks, Some(Found::Status(id))) => Ok(id),
        (Kind::Bookmarks, _) => Err("The post could not be found"),
        (_, Some(Found::Account(id))) => Ok(id),
        _ => Err("The account could not be found"),
    })
}

/// The host that a handle or an address is of.
fn host_of(text: &str) -> Option<String> {
    if text.starts_with("http") {
        let url = url::Url::parse(text).ok()?;
        return url.host_str().map(str::to_owned);
    }
    parse_handle(text)?.domain
}

/// Does what a line says, or notes why not; false where another job works on the same file.
async fn settle(
    app: &App,
    import: &Import,
    kind: Kind,
    position: usize,
    row: &Row,
    (owner, found): (&Account, Result<i64, &'static str>),
) -> AppResult<bool> {
    let line = Line {
        import_id: import.id,
        position: i64::try_from(position).unwrap_or(i64::MAX),
        subject_id: None,
        text: row.text(),
        error: String::new(),
    };
    let why = match found {
        Err(why) => why.to_owned(),
        Ok(found) => {
            let (ctx, owner, row, line) =
                (app.ctx.clone(), owner.clone(), row.clone(), line.clone());
            let done = app
                .write(move |tx| {
                    Box::pin(async move {
                        let subject = imports::apply(tx, &ctx, &owner, kind, &row, found).await?;
                        let line = Line {
                            subject_id: Some(subject),
                            ..line
                        };
                        Ok::<_, AppError>(db::imports::advance(tx, &line).await?)
                    })
                })
                .await;
            match done {
                Ok(goes_on) => return Ok(goes_on),
                Err(error) if error.status.is_client_error() => error.error.into_owned(),
                Err(error) => return Err(error),
            }
        }
    };
    let line = Line { error: why, ..line };
    app.write(move |tx| Box::pin(async move { Ok(db::imports::advance(tx, &line).await?) }))
        .await
}

/// What the account had before and the file does not hold goes.
async fn prune(app: &App, import: &Import, kind: Kind, rows: &[Row]) -> AppResult<()> {
    let mut held = Held::default();
    let (id, mut above) = (import.id, -1);
    loop {
        let page = app
            .read(move |c| {
                Box::pin(async move { Ok(db::imports::subjects(c, id, above, PAGE).await?) })
            })
            .await?;
        for (position, subject) in &page {
            let row = usize::try_from(*position).ok().and_then(|at| rows.get(at));
            if let Some(row) = row {
                held.add(kind, row, *subject);
            }
        }
        match page.last() {
            Some((last, _)) => above = *last,
            None => break,
        }
    }
    let held = Arc::new(held);
    let mut after = Some(Place::default());
    while let Some(place) = after {
        let (ctx, import, held) = (app.ctx.clone(), import.clone(), held.clone());
        after = app
            .write(move |tx| {
                Box::pin(async move { imports::prune(tx, &ctx, &import, kind, &held, place).await })
            })
            .await?;
    }
    Ok(())
}
