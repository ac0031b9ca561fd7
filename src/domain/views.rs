//! Views: a signed-in viewer other than the author counts once a day for each status.

use std::collections::{BTreeMap, HashMap};

use super::Ctx;
use crate::db::analytics::{Counts, Totals};
use crate::db::statuses::Status;
use crate::db::views::View;
use crate::db::{self, Conn};
use crate::error::AppResult;
use crate::events::{Event, Kind};

/// What is to be counted when an account opens a status; `None` where it is its own, or somebody's
/// elsewhere, who would never learn of it.
pub fn of(ctx: &Ctx, status: &Status, account_id: i64) -> Option<View> {
    (status.local && status.account_id != account_id).then(|| View {
        status_id: status.id,
        account_id,
        day: super::analytics::day_of(ctx.now()),
    })
}

/// Counts views, each once however often and from how many processes it comes. What is gone
/// meanwhile is passed over.
pub async fn count(tx: &mut Conn, mut views: Vec<View>) -> AppResult<()> {
    // In one order, so that no two that count at once wait for each other.
    views.sort_unstable();
    let mut ids: Vec<i64> = views.iter().map(|view| view.status_id).collect();
    ids.dedup();
    let authors: HashMap<i64, i64> = db::views::authors(tx, &ids).await?.into_iter().collect();
    let mut fresh: BTreeMap<(i64, i64), i64> = BTreeMap::new();
    for view in &views {
        if authors.contains_key(&view.status_id) && db::views::add(tx, view).await? {
            *fresh.entry((view.status_id, view.day)).or_default() += 1;
        }
    }
    let mut statuses: BTreeMap<i64, i64> = BTreeMap::new();
    let mut accounts: BTreeMap<(i64, i64), i64> = BTreeMap::new();
    for ((status, day), views) in &fresh {
        *statuses.entry(*status).or_default() += views;
        if let Some(author) = authors.get(status) {
            *accounts.entry((*author, *day)).or_default() += views;
        }
    }
    for (status, views) in &statuses {
        db::views::count(tx, *status, *views).await?;
        tx.emit(Event::of(Kind::StatusCounts, *status));
    }
    let counts = |views: i64| Counts {
        views,
        ..Counts::default()
    };
    for ((status, day), views) in fresh {
        db::analytics::count_status(tx, status, day, &counts(views)).await?;
    }
    for ((author, day), views) in accounts {
        let totals = Totals {
            received: counts(views),
            ..Totals::default()
        };
        db::analytics::count_account(tx, author, day, &totals).await?;
    }
    Ok(())
}
