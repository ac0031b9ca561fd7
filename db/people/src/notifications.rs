//! Notifications, one by one and in groups.
//!
//! A group's row is written with every notification of it that comes or goes, so that a page of
//! groups is an index range whatever the size of the groups.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text};

use super::any::AnyOfExt;
use super::relations::Page;
use super::schema::{notification_groups, notifications};
use super::{Conn, Result, on_db, prepared};

/// Senders that a group's row names.
pub const SAMPLES: usize = 8;
/// Characters kept of the senders' list: room for more of them than are named.
const SAMPLES_LENGTH: i32 = 200;

/// A row of `notifications`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = notifications)]
pub struct Notification {
    pub id: i64,
    pub account_id: i64,
    pub from_account_id: i64,
    /// As in the Mastodon API: `mention`, `favourite`, `reblog`, `follow`…
    pub kind: String,
    pub status_id: Option<i64>,
    pub created_at: i64,
    pub read_at: Option<i64>,
    /// It waits for its sender's request to be accepted.
    pub filtered: bool,
    /// Empty for one that stands alone.
    pub group_key: String,
    /// What it is about where that is no status: a report, a warning… by its kind.
    pub subject_id: Option<i64>,
    /// Of a kind that Mastodon's API does not have: it never shows there.
    pub kith: bool,
}

/// A row of `notification_groups`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = notification_groups)]
pub struct Group {
    pub account_id: i64,
    pub group_key: String,
    pub kind: String,
    pub status_id: Option<i64>,
    pub newest_id: i64,
    pub oldest_id: i64,
    pub newest_at: i64,
    pub total: i64,
    /// The newest senders' ids, by commas; the last may be cut off.
    pub samples: String,
}

impl Group {
    /// The newest senders, newest first.
    pub fn senders(&self) -> Vec<i64> {
        let ids = self.samples.split(',').take(SAMPLES);
        ids.filter_map(|id| id.parse().ok()).collect()
    }
}

/// Which of an account's notifications.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// These kinds alone; empty for all.
    pub kinds: Vec<String>,
    /// And none of these.
    pub exclude: Vec<String>,
    /// Of this sender alone.
    pub from: Option<i64>,
    /// Filtered ones too.
    pub filtered: bool,
    /// Those that Mastodon's API does not have, in the place of those that it has.
    pub kith: bool,
}

impl Filter {
    /// Whether it lets everything through that is not filtered.
    pub fn is_plain(&self) -> bool {
        *self == Filter::default()
    }
}

fn stands_alone() -> diesel::expression::SqlLiteral<Bool> {
    // Written out: a bound value would hide the partial index.
    sql::<Bool>("group_key = ''")
}

fn is_filtered() -> diesel::expression::SqlLiteral<Bool> {
    sql::<Bool>("filtered = TRUE")
}

/// Adds a notification, to its group too.
#[boxed]
pub async fn insert(conn: &mut Conn, row: &Notification) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(notifications::table)
        .values(row)
        .execute(c)
        .await)?;
    if row.group_key.is_empty() {
        return Ok(());
    }
    // As text: what diesel builds for a conflict is prepared anew each time.
    on_db!(conn, |c| prepared!(
        "INSERT INTO notification_groups (account_id, group_key, kind, status_id, newest_id, \
         oldest_id, newest_at, total, samples) VALUES ($1, $2, $3, $4, $5, $5, $6, 1, $7) \
         ON CONFLICT (account_id, group_key) DO UPDATE SET \
         total = notification_groups.total + 1, \
         samples = SUBSTR(excluded.samples || ',' || notification_groups.samples, 1, $8), \
         newest_id = CASE WHEN excluded.newest_id > notification_groups.newest_id \
         THEN excluded.newest_id ELSE notification_groups.newest_id END, \
         oldest_id = CASE WHEN excluded.oldest_id < notification_groups.oldest_id \
         THEN excluded.oldest_id ELSE notification_groups.oldest_id END, \
         newest_at = CASE WHEN excluded.newest_at > notification_groups.newest_at \
         THEN excluded.newest_at ELSE notification_groups.newest_at END"
    )
    .bind::<BigInt, _>(row.account_id)
    .bind::<Text, _>(&row.group_key)
    .bind::<Text, _>(&row.kind)
    .bind::<Nullable<BigInt>, _>(row.status_id)
    .bind::<BigInt, _>(row.id)
    .bind::<BigInt, _>(row.created_at)
    .bind::<Text, _>(row.from_account_id.to_string())
    .bind::<Integer, _>(SAMPLES_LENGTH)
    .execute(c)
    .await)?;
    Ok(())
}

/// Whether the same is there already.
#[boxed]
pub async fn exists(conn: &mut Conn, row: &Notification) -> Result<bool> {
    let same = notifications::table
        .filter(notifications::account_id.eq(row.account_id))
        .filter(notifications::from_account_id.eq(row.from_account_id))
        .filter(notifications::kind.eq(&row.kind))
        .select(notifications::id)
        .limit(1);
    let found: Option<i64> = match (row.status_id, row.subject_id) {
        (Some(status), _) => on_db!(conn, |c| same
            .filter(notifications::status_id.eq(status))
            .first(c)
            .await
            .optional())?,
        (None, Some(subject)) => on_db!(conn, |c| same
            .filter(notifications::subject_id.eq(subject))
            .first(c)
            .await
            .optional())?,
        (None, None) => on_db!(conn, |c| same
            .filter(notifications::status_id.is_null())
            .filter(notifications::subject_id.is_null())
            .first(c)
            .await
            .optional())?,
    };
    Ok(found.is_some())
}

/// One notification of an account.
#[boxed]
pub async fn by_id(conn: &mut Conn, account_id: i64, id: i64) -> Result<Option<Notification>> {
    on_db!(conn, |c| notifications::table
        .find(id)
        .filter(notifications::account_id.eq(account_id))
        .first::<Notification>(c)
        .await
        .optional())
}

/// Some notifications of an account.
#[boxed]
pub async fn by_ids(conn: &mut Conn, account_id: i64, ids: &[i64]) -> Result<Vec<Notification>> {
    on_db!(conn, |c| notifications::table
        .filter(notifications::id.any_of(ids))
        .filter(notifications::account_id.eq(account_id))
        .load::<Notification>(c)
        .await)
}

/// A boxed query over an account's notifications, as [`Filter`] says.
macro_rules! filtered {
    ($account:expr, $filter:expr) => {{
        let filter: &Filter = $filter;
        let mut query = notifications::table
            .filter(notifications::account_id.eq($account))
            .filter(notifications::kith.eq(filter.kith))
            .into_boxed();
        if !filter.filtered {
            query = query.filter(notifications::filtered.eq(false));
        }
        if !filter.kinds.is_empty() {
            query = query.filter(notifications::kind.any_of(&filter.kinds));
        }
        if !filter.exclude.is_empty() {
            query = query.filter(notifications::kind.ne_all(&filter.exclude));
        }
        if let Some(from) = filter.from {
            query = query.filter(notifications::from_account_id.eq(from));
        }
        query
    }};
}

pub(crate) use filtered;

/// One page, newest first.
#[boxed]
pub async fn page(
    conn: &mut Conn,
    account_id: i64,
    filter: &Filter,
    page: Page,
) -> Result<Vec<Notification>> {
    let (max, min, ascending) = page.bounds();
    let mut rows: Vec<Notification> = on_db!(conn, |c| {
        let query = filtered!(account_id, filter)
            .filter(notifications::id.lt(max))
            .filter(notifications::id.gt(min))
            .limit(page.limit);
        let query = if ascending {
            query.order(notifications::id.asc())
        } else {
            query.order(notifications::id.desc())
        };
        query.load(c).await
    })?;
    if ascending {
        rows.reverse();
    }
    Ok(rows)
}

/// One page of those that the grouped list shows one by one: those without a group, and those
/// of the kinds in `apart`, which the client does not want grouped.
#[boxed]
pub async fn alone(
    conn: &mut Conn,
    account_id: i64,
    filter: &Filter,
    apart: &[String],
    page: Page,
) -> Result<Vec<Notification>> {
    let (max, min, ascending) = page.bounds();
    on_db!(conn, |c| {
        let query = filtered!(account_id, filter)
            .filter(notifications::id.lt(max))
            .filter(notifications::id.gt(min))
            .limit(page.limit);
        let query = if apart.is_empty() {
            query.filter(stands_alone())
        } else {
            query.filter(stands_alone().or(notifications::kind.any_of(apart)))
        };
        let query = if ascending {
            query.order(notifications::id.asc())
        } else {
            query.order(notifications::id.desc())
        };
        query.load(c).await
    })
}

/// One page of groups by their newest notification, but for those of the kinds in `apart`.
#[boxed]
pub async fn groups(
    conn: &mut Conn,
    account_id: i64,
    filter: &Filter,
    apart: &[String],
    page: Page,
) -> Result<Vec<Group>> {
    let (max, min, ascending) = page.bounds();
    on_db!(conn, |c| {
        let mut query = notification_groups::table
            .filter(notification_groups::account_id.eq(account_id))
            .filter(notification_groups::newest_id.lt(max))
            .filter(notification_groups::newest_id.gt(min))
            .limit(page.limit)
            .into_boxed();
        if !filter.kinds.is_empty() {
            query = query.filter(notification_groups::kind.any_of(&filter.kinds));
        }
        if !filter.exclude.is_empty() {
            query = query.filter(notification_groups::kind.ne_all(&filter.exclude));
        }
        if !apart.is_empty() {
            query = query.filter(notification_groups::kind.ne_all(apart));
        }
        if let Some(from) = filter.from {
            query = query.filter(diesel::dsl::exists(
                notifications::table
                    .filter(notifications::account_id.eq(account_id))
                    .filter(notifications::from_account_id.eq(from))
                    .filter(notifications::kind.eq(notification_groups::kind))
                    .filter(notifications::group_key.eq(notification_groups::group_key)),
            ));
        }
        query = if ascending {
            query.order(notification_groups::newest_id.asc())
        } else {
            query.order(notification_groups::newest_id.desc())
        };
        query.load(c).await
    })
}

/// Of some groups, the oldest notification after a position: what a client that asks for news
/// gets of each.
#[boxed]
pub async fn oldest_after(
    conn: &mut Conn,
    account_id: i64,
    keys: &[String],
    after: i64,
) -> Result<Vec<(String, i64)>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<(String, Option<i64>)> = on_db!(conn, |c| notifications::table
        .filter(notifications::account_id.eq(account_id))
        .filter(notifications::group_key.any_of(keys))
        .filter(notifications::group_key.ne(""))
        .filter(notifications::id.gt(after))
        .group_by(notifications::group_key)
        .select((
            notifications::group_key,
            diesel::dsl::min(notifications::id)
        ))
        .load(c)
        .await)?;
    Ok(rows
        .into_iter()
        .filter_map(|(key, oldest)| Some((key, oldest?)))
        .collect())
}

/// A group of an account.
#[boxed]
pub async fn group(conn: &mut Conn, account_id: i64, key: &str) -> Result<Option<Group>> {
    on_db!(conn, |c| notification_groups::table
        .find((account_id, key))
        .first::<Group>(c)
        .await
        .optional())
}

/// The latest of some keys that names a group of an account.
#[boxed]
pub async fn latest_key(
    conn: &mut Conn,
    account_id: i64,
    keys: &[String],
) -> Result<Option<String>> {
    on_db!(conn, |c| notification_groups::table
        .filter(notification_groups::account_id.eq(account_id))
        .filter(notification_groups::group_key.any_of(keys))
        .order(notification_groups::newest_id.desc())
        .select(notification_groups::group_key)
        .first(c)
        .await
        .optional())
}

/// Senders of a group, newest first, with the notifications' ids.
#[boxed]
pub async fn senders(
    conn: &mut Conn,
    account_id: i64,
    key: &str,
    page: Page,
) -> Result<Vec<(i64, i64)>> {
    let (max, min, ascending) = page.bounds();
    let query = notifications::table
        .filter(notifications::account_id.eq(account_id))
        .filter(notifications::group_key.eq(key))
        .filter(notifications::group_key.ne(""))
        .filter(notifications::id.lt(max))
        .filter(notifications::id.gt(min))
        .limit(page.limit)
        .select((notifications::id, notifications::from_account_id));
    if ascending {
        let mut rows: Vec<(i64, i64)> =
            on_db!(conn, |c| query.order(notifications::id.asc()).load(c).await)?;
        rows.reverse();
        Ok(rows)
    } else {
        on_db!(conn, |c| query
            .order(notifications::id.desc())
            .load(c)
            .await)
    }
}

/// How many an account has after a position, at most `limit`.
#[boxed]
pub async fn count_after(
    conn: &mut Conn,
    account_id: i64,
    filter: &Filter,
    after: i64,
    limit: i64,
) -> Result<i64> {
    let ids: Vec<i64> = on_db!(conn, |c| filtered!(account_id, filter)
        .filter(notifications::id.gt(after))
        .select(notifications::id)
        .limit(limit)
        .load(c)
        .await)?;
    Ok(ids.len() as i64)
}

/// Deletes one notification of an account.
#[boxed]
pub async fn delete(conn: &mut Conn, account_id: i64, id: i64) -> Result<bool> {
    Ok(delete_some(conn, account_id, &[id]).await? > 0)
}

/// Deletes several notifications of an account; says how many there were.
#[boxed]
pub async fn delete_some(conn: &mut Conn, account_id: i64, ids: &[i64]) -> Result<usize> {
    let keys: Vec<String> = on_db!(conn, |c| diesel::delete(
        notifications::table
            .filter(notifications::id.any_of(ids))
            .filter(notifications::account_id.eq(account_id))
    )
    .returning(notifications::group_key)
    .get_results(c)
    .await)?;
    let gone = keys.len();
    recount_all(conn, account_id, keys).await?;
    Ok(gone)
}

/// Deletes a group of an account with its notifications; says how many there were.
#[boxed]
pub async fn delete_group(conn: &mut Conn, account_id: i64, key: &str) -> Result<usize> {
    on_db!(conn, |c| diesel::delete(
        notification_groups::table.find((account_id, key))
    )
    .execute(c)
    .await)?;
    on_db!(conn, |c| diesel::delete(
        notifications::table
            .filter(notifications::account_id.eq(account_id))
            .filter(notifications::group_key.eq(key))
            .filter(notifications::group_key.ne(""))
    )
    .execute(c)
    .await)
}

/// Deletes those of an account's that Mastodon's API shows.
#[boxed]
pub async fn clear(conn: &mut Conn, account_id: i64) -> Result<usize> {
    on_db!(conn, |c| diesel::delete(
        notification_groups::table.filter(notification_groups::account_id.eq(account_id))
    )
    .execute(c)
    .await)?;
    on_db!(conn, |c| diesel::delete(
        notifications::table
            .filter(notifications::account_id.eq(account_id))
            .filter(notifications::kith.eq(false))
    )
    .execute(c)
    .await)
}

/// Deletes all of an account's.
#[boxed]
pub async fn clear_all(conn: &mut Conn, account_id: i64) -> Result<usize> {
    let gone = clear(conn, account_id).await?;
    let rest = on_db!(conn, |c| diesel::delete(
        notifications::table.filter(notifications::account_id.eq(account_id))
    )
    .execute(c)
    .await)?;
    Ok(gone + rest)
}

/// Of some notifications of an account, those that Mastodon's API shows.
#[boxed]
pub async fn shown_to_mastodon(conn: &mut Conn, account_id: i64, ids: &[i64]) -> Result<Vec<i64>> {
    on_db!(conn, |c| notifications::table
        .filter(notifications::id.any_of(ids))
        .filter(notifications::account_id.eq(account_id))
        .filter(notifications::kith.eq(false))
        .select(notifications::id)
        .load(c)
        .await)
}

/// Deletes what one account's deed left in another's list: an unfollow, an undone favourite.
/// Says whether there was anything.
#[boxed]
pub async fn retract(
    conn: &mut Conn,
    account_id: i64,
    from_account_id: i64,
    kind: &str,
    status_id: Option<i64>,
) -> Result<bool> {
    let rows = notifications::table
        .filter(notifications::account_id.eq(account_id))
        .filter(notifications::from_account_id.eq(from_account_id))
        .filter(notifications::kind.eq(kind));
    let keys: Vec<String> = match status_id {
        Some(status) => on_db!(conn, |c| diesel::delete(
            rows.filter(notifications::status_id.eq(status))
        )
        .returning(notifications::group_key)
        .get_results(c)
        .await)?,
        None => on_db!(conn, |c| diesel::delete(rows)
            .returning(notifications::group_key)
            .get_results(c)
            .await)?,
    };
    let any = !keys.is_empty();
    recount_all(conn, account_id, keys).await?;
    Ok(any)
}

/// Deletes what one sender left in an account's list, at most `limit`; says how many went.
#[boxed]
pub async fn delete_from(
    conn: &mut Conn,
    account_id: i64,
    from_account_id: i64,
    limit: i64,
) -> Result<usize> {
    let ids: Vec<i64> = on_db!(conn, |c| notifications::table
        .filter(notifications::account_id.eq(account_id))
        .filter(notifications::from_account_id.eq(from_account_id))
        .select(notifications::id)
        .limit(limit)
        .load(c)
        .await)?;
    delete_some(conn, account_id, &ids).await
}

/// Deletes everything an account received and sent, and puts the groups right that it was in.
#[boxed]
pub async fn forget_account(conn: &mut Conn, id: i64) -> Result<()> {
    clear_all(conn, id).await?;
    let touched: Vec<(i64, String)> = on_db!(conn, |c| diesel::delete(
        notifications::table.filter(notifications::from_account_id.eq(id))
    )
    .returning((notifications::account_id, notifications::group_key))
    .get_results(c)
    .await)?;
    for (account, key) in touched {
        if !key.is_empty() {
            recount(conn, account, &key).await?;
        }
    }
    Ok(())
}

async fn recount_all(conn: &mut Conn, account_id: i64, mut keys: Vec<String>) -> Result<()> {
    keys.sort_unstable();
    keys.dedup();
    for key in keys.iter().filter(|key| !key.is_empty()) {
        recount(conn, account_id, key).await?;
    }
    Ok(())
}

/// Makes a group's row say what is left of it.
async fn recount(conn: &mut Conn, account_id: i64, key: &str) -> Result<()> {
    let members = || {
        notifications::table
            .filter(notifications::account_id.eq(account_id))
            .filter(notifications::group_key.eq(key))
            .filter(notifications::group_key.ne(""))
    };
    let newest: Vec<(i64, i64, i64)> = on_db!(conn, |c| members()
        .order(notifications::id.desc())
        .limit(SAMPLES as i64)
        .select((
            notifications::id,
            notifications::from_account_id,
            notifications::created_at
        ))
        .load(c)
        .await)?;
    let row = notification_groups::table.find((account_id, key));
    let [(newest_id, _, newest_at), ..] = newest[..] else {
        on_db!(conn, |c| diesel::delete(row).execute(c).await)?;
        return Ok(());
    };
    let (total, oldest): (i64, Option<i64>) = on_db!(conn, |c| members()
        .select((
            diesel::dsl::count_star(),
            diesel::dsl::min(notifications::id)
        ))
        .first(c)
        .await)?;
    let samples: Vec<String> = newest.iter().map(|(_, from, _)| from.to_string()).collect();
    on_db!(conn, |c| diesel::update(row)
        .set((
            notification_groups::total.eq(total),
            notification_groups::newest_id.eq(newest_id),
            notification_groups::newest_at.eq(newest_at),
            notification_groups::oldest_id.eq(oldest.unwrap_or(newest_id)),
            notification_groups::samples.eq(samples.join(",")),
        ))
        .execute(c)
        .await)?;
    Ok(())
}

/// Deletes filtered ones of a sender up to a position, at most `limit`; says how many went.
#[boxed]
pub async fn drop_filtered(
    conn: &mut Conn,
    account_id: i64,
    from_account_id: i64,
    until: i64,
    limit: i64,
) -> Result<usize> {
    let ids = filtered_ids(conn, account_id, from_account_id, until, limit).await?;
    on_db!(conn, |c| diesel::delete(
        notifications::table.filter(notifications::id.any_of(&ids))
    )
    .execute(c)
    .await)
}

/// Lets filtered ones of a sender through, at most `limit`; says how many.
#[boxed]
pub async fn let_through(
    conn: &mut Conn,
    account_id: i64,
    from_account_id: i64,
    until: i64,
    limit: i64,
) -> Result<usize> {
    let ids = filtered_ids(conn, account_id, from_account_id, until, limit).await?;
    on_db!(conn, |c| diesel::update(
        notifications::table.filter(notifications::id.any_of(&ids))
    )
    .set(notifications::filtered.eq(false))
    .execute(c)
    .await)
}

async fn filtered_ids(
    conn: &mut Conn,
    account_id: i64,
    from_account_id: i64,
    until: i64,
    limit: i64,
) -> Result<Vec<i64>> {
    on_db!(conn, |c| notifications::table
        .filter(notifications::account_id.eq(account_id))
        .filter(notifications::from_account_id.eq(from_account_id))
        .filter(notifications::id.le(until))
        .filter(is_filtered())
        .order(notifications::id)
        .limit(limit)
        .select(notifications::id)
        .load(c)
        .await)
}

/// Where an account's marker in its notifications stands; 0 where it has none.
#[boxed]
pub async fn last_read(conn: &mut Conn, account_id: i64) -> Result<i64> {
    use super::schema::markers;
    let at: Option<i64> = on_db!(conn, |c| markers::table
        .find((account_id, "notifications"))
        .select(markers::last_read_id)
        .first(c)
        .await
        .optional())?;
    Ok(at.unwrap_or(0))
}
