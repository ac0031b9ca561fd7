//! Notifications as Kith's own API lists them: Mastodon's kinds and Kith's together, with what
//! was read.
//!
//! What was read is told by a notification's own time, or by a mark: everything up to Kith's mark
//! is read, and of Mastodon's kinds everything up to the marker that its clients set. Marks cost
//! one row, however many notifications lie below them.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::markers;
use super::notifications::{Filter, Notification, filtered};
use super::relations::Page;
use super::schema::notifications;
use super::{Conn, Result, on_db};

/// The timeline of Kith's mark among the markers.
const MARK: &str = "kith.notifications";
/// The timeline of the marker that Mastodon's clients set.
const MARKER: &str = "notifications";

/// Up to where an account has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks {
    /// Of all kinds.
    pub all: i64,
    /// Of Mastodon's kinds.
    pub mastodon: i64,
}

impl Marks {
    /// Whether a notification is read.
    pub fn is_read(&self, row: &Notification) -> bool {
        row.read_at.is_some() || row.id <= self.of(row.kith)
    }

    fn of(&self, kith: bool) -> i64 {
        if kith {
            self.all
        } else {
            self.all.max(self.mastodon)
        }
    }
}

/// Up to where an account has read.
#[boxed]
pub async fn marks(conn: &mut Conn, account_id: i64) -> Result<Marks> {
    let names = [MARK.to_owned(), MARKER.to_owned()];
    let rows = markers::of_account(conn, account_id, &names).await?;
    let at = |name: &str| {
        let row = rows.iter().find(|row| row.timeline == name);
        row.map_or(0, |row| row.last_read_id)
    };
    Ok(Marks {
        all: at(MARK),
        mastodon: at(MARKER),
    })
}

/// One page of both sorts, newest first; `unread`: of what lies above these marks and was not
/// read by itself.
#[boxed]
pub async fn page(
    conn: &mut Conn,
    account_id: i64,
    filter: &Filter,
    unread: Option<Marks>,
    page: Page,
) -> Result<Vec<Notification>> {
    let (max, min, ascending) = page.bounds();
    let mut found: Vec<Notification> = Vec::new();
    for kith in [false, true] {
        let sort = Filter {
            kith,
            ..filter.clone()
        };
        let floor = unread.map_or(min, |marks| min.max(marks.of(kith)));
        let rows: Vec<Notification> = on_db!(conn, |c| {
            let mut query = filtered!(account_id, &sort)
                .filter(notifications::id.lt(max))
                .filter(notifications::id.gt(floor))
                .limit(page.limit);
            if unread.is_some() {
                query = query.filter(notifications::read_at.is_null());
            }
            let query = if ascending {
                query.order(notifications::id.asc())
            } else {
                query.order(notifications::id.desc())
            };
            query.load(c).await
        })?;
        found.extend(rows);
    }
    found.sort_by_key(|row| std::cmp::Reverse(row.id));
    let limit = usize::try_from(page.limit).unwrap_or_default();
    if ascending {
        // The page next to the cursor: what is newest is left for the next one.
        found.drain(..found.len().saturating_sub(limit));
    } else {
        found.truncate(limit);
    }
    Ok(found)
}

/// How many are unread, at most `limit`.
#[boxed]
pub async fn count_unread(conn: &mut Conn, account_id: i64, limit: i64) -> Result<i64> {
    let marks = marks(conn, account_id).await?;
    let mut count = 0;
    for kith in [false, true] {
        let rows = notifications::table
            .filter(notifications::account_id.eq(account_id))
            .filter(notifications::kith.eq(kith))
            .filter(notifications::read_at.is_null())
            .filter(notifications::filtered.eq(false))
            .filter(notifications::id.gt(marks.of(kith)))
            .select(notifications::id)
            .limit(limit - count);
        let ids: Vec<i64> = on_db!(conn, |c| rows.load(c).await)?;
        count += ids.len() as i64;
    }
    Ok(count)
}

/// Notifications of an account by id, in no order.
#[boxed]
pub async fn by_ids(conn: &mut Conn, account_id: i64, ids: &[i64]) -> Result<Vec<Notification>> {
    on_db!(conn, |c| notifications::table
        .filter(notifications::id.any_of(ids))
        .filter(notifications::account_id.eq(account_id))
        .load::<Notification>(c)
        .await)
}

/// Marks some of an account's as read; says how many were not.
#[boxed]
pub async fn read_some(conn: &mut Conn, account_id: i64, ids: &[i64], now: i64) -> Result<usize> {
    on_db!(conn, |c| diesel::update(
        notifications::table
            .filter(notifications::id.any_of(ids))
            .filter(notifications::account_id.eq(account_id))
            .filter(notifications::read_at.is_null())
    )
    .set(notifications::read_at.eq(now))
    .execute(c)
    .await)
}

/// Marks all that an account has as read, and moves the marker of Mastodon's clients along.
#[boxed]
pub async fn read_all(conn: &mut Conn, account_id: i64, now: i64) -> Result<()> {
    let mut newest = 0;
    for kith in [false, true] {
        let id: Option<i64> = on_db!(conn, |c| notifications::table
            .filter(notifications::account_id.eq(account_id))
            .filter(notifications::kith.eq(kith))
            .order(notifications::id.desc())
            .select(notifications::id)
            .first(c)
            .await
            .optional())?;
        newest = newest.max(id.unwrap_or(0));
    }
    let marks = marks(conn, account_id).await?;
    if newest > marks.all {
        markers::set(conn, account_id, MARK, newest, now).await?;
    }
    if newest > marks.mastodon {
        markers::set(conn, account_id, MARKER, newest, now).await?;
    }
    Ok(())
}

/// Marks as read what an account was told of one subject by one sender.
#[boxed]
pub async fn read_about(
    conn: &mut Conn,
    account_id: i64,
    from_account_id: i64,
    kinds: &[&str],
    subject_id: i64,
    now: i64,
) -> Result<usize> {
    on_db!(conn, |c| diesel::update(
        notifications::table
            .filter(notifications::account_id.eq(account_id))
            .filter(notifications::from_account_id.eq(from_account_id))
            .filter(notifications::kind.any_of(kinds))
            .filter(notifications::subject_id.eq(subject_id))
            .filter(notifications::read_at.is_null())
    )
    .set(notifications::read_at.eq(now))
    .execute(c)
    .await)
}

/// Makes room for a notification that takes the place of those about the same.
#[boxed]
pub async fn replace(conn: &mut Conn, row: &Notification) -> Result<()> {
    if let Some(subject) = row.subject_id {
        let (to, from) = (row.account_id, row.from_account_id);
        retract(conn, to, from, &row.kind, subject).await?;
    }
    Ok(())
}

/// Deletes what one account's deed left in another's list about a subject; says whether there was
/// anything.
#[boxed]
pub async fn retract(
    conn: &mut Conn,
    account_id: i64,
    from_account_id: i64,
    kind: &str,
    subject_id: i64,
) -> Result<bool> {
    let gone = on_db!(conn, |c| diesel::delete(
        notifications::table
            .filter(notifications::account_id.eq(account_id))
            .filter(notifications::from_account_id.eq(from_account_id))
            .filter(notifications::kind.eq(kind))
            .filter(notifications::subject_id.eq(subject_id))
    )
    .execute(c)
    .await)?;
    Ok(gone > 0)
}
