//! Follows that a decision of this server cut off, and whom that was told to.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};

use super::accounts::Account;
use super::any::AnyOfExt;
use super::relations::Page;
use super::schema::{account_severances, accounts, follows, severance_events, severed_follows};
use super::{Conn, Result, on_db, prepared};

/// A row of `severance_events`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = severance_events)]
pub struct Severance {
    pub id: i64,
    /// `domain_block` or `account_suspension`.
    pub kind: String,
    /// The domain, or the handle.
    pub target_name: String,
    /// When the cause came about.
    pub stamp: i64,
    /// It is over.
    pub purged: bool,
    pub created_at: i64,
}

/// A row of `account_severances`: an event as one local account has it.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = account_severances)]
pub struct AccountSeverance {
    pub id: i64,
    pub event_id: i64,
    pub account_id: i64,
    pub followers_count: i64,
    pub following_count: i64,
    pub created_at: i64,
}

/// A follow that was cut off, with the other side's account.
#[derive(Debug, Clone)]
pub struct Severed {
    pub other: Account,
    pub reblogs: bool,
    pub notify: bool,
    /// JSON, as in `follows`.
    pub languages: String,
}

/// What a local account lost to an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct Lost {
    #[diesel(sql_type = BigInt)]
    pub account_id: i64,
    #[diesel(sql_type = BigInt)]
    pub followers: i64,
    #[diesel(sql_type = BigInt)]
    pub following: i64,
}

/// Whether some accounts follow anyone, or are followed.
#[boxed]
pub async fn any_follow(conn: &mut Conn, ids: &[i64]) -> Result<bool> {
    let of: Option<i64> = on_db!(conn, |c| follows::table
        .filter(follows::target_id.any_of(ids))
        .select(follows::id)
        .first(c)
        .await
        .optional())?;
    if of.is_some() {
        return Ok(true);
    }
    let by: Option<i64> = on_db!(conn, |c| follows::table
        .filter(follows::account_id.any_of(ids))
        .select(follows::id)
        .first(c)
        .await
        .optional())?;
    Ok(by.is_some())
}

/// The event of a cause, added where it is not there.
#[boxed]
pub async fn ensure(conn: &mut Conn, row: &Severance) -> Result<Severance> {
    on_db!(conn, |c| diesel::insert_into(severance_events::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    // One that was over is not any more: a block that was made a limit is a block again.
    on_db!(conn, |c| diesel::update(
        severance_events::table
            .filter(severance_events::kind.eq(&row.kind))
            .filter(severance_events::target_name.eq(&row.target_name))
            .filter(severance_events::stamp.eq(row.stamp))
            .filter(severance_events::purged.eq(true))
    )
    .set(severance_events::purged.eq(false))
    .execute(c)
    .await)?;
    on_db!(conn, |c| severance_events::table
        .filter(severance_events::kind.eq(&row.kind))
        .filter(severance_events::target_name.eq(&row.target_name))
        .filter(severance_events::stamp.eq(row.stamp))
        .first::<Severance>(c)
        .await)
}

/// Notes the follows of and by some accounts as cut off by an event.
#[boxed]
pub async fn note(conn: &mut Conn, event_id: i64, ids: &[i64]) -> Result<()> {
    fn number(id: i64) -> diesel::dsl::AsExprOf<i64, BigInt> {
        id.into_sql::<BigInt>()
    }
    fn flag(value: bool) -> diesel::dsl::AsExprOf<bool, Bool> {
        value.into_sql::<Bool>()
    }
    macro_rules! put {
        ($ours:ident, $theirs:ident, $outgoing:literal) => {
            on_db!(conn, |c| diesel::insert_into(severed_follows::table)
                .values(follows::table.filter(follows::$theirs.any_of(ids)).select((
                    number(event_id),
                    follows::$ours,
                    flag($outgoing),
                    follows::$theirs,
                    follows::reblogs,
                    follows::notify,
                    follows::languages,
                )))
                .into_columns((
                    severed_follows::event_id,
                    severed_follows::account_id,
                    severed_follows::outgoing,
                    severed_follows::other_id,
                    severed_follows::reblogs,
                    severed_follows::notify,
                    severed_follows::languages,
                ))
                .on_conflict_do_nothing()
                .execute(c)
                .await)?
        };
    }
    put!(account_id, target_id, true);
    put!(target_id, account_id, false);
    Ok(())
}

/// What accounts lost to an event, by their ids from above one on.
#[boxed]
pub async fn lost(conn: &mut Conn, event_id: i64, above: i64, limit: i64) -> Result<Vec<Lost>> {
    on_db!(conn, |c| prepared!(
        "SELECT account_id, \
         CAST(SUM(CASE WHEN outgoing THEN 0 ELSE 1 END) AS BIGINT) AS followers, \
         CAST(SUM(CASE WHEN outgoing THEN 1 ELSE 0 END) AS BIGINT) AS following \
         FROM severed_follows WHERE event_id = $1 AND account_id > $2 \
         GROUP BY account_id ORDER BY account_id LIMIT $3"
    )
    .bind::<BigInt, _>(event_id)
    .bind::<BigInt, _>(above)
    .bind::<BigInt, _>(limit)
    .load(c)
    .await)
}

/// Notes that an account is told of an event; false where it was before.
#[boxed]
pub async fn told(conn: &mut Conn, row: &AccountSeverance) -> Result<bool> {
    let added = on_db!(conn, |c| diesel::insert_into(account_severances::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    Ok(added > 0)
}

/// The event of a cause is over.
#[boxed]
pub async fn purge(conn: &mut Conn, kind: &str, target_name: &str, stamp: i64) -> Result<()> {
    on_db!(conn, |c| diesel::update(
        severance_events::table
            .filter(severance_events::kind.eq(kind))
            .filter(severance_events::target_name.eq(target_name))
            .filter(severance_events::stamp.eq(stamp))
    )
    .set(severance_events::purged.eq(true))
    .execute(c)
    .await)?;
    Ok(())
}

/// An account's events among some, in no order.
#[boxed]
pub async fn by_ids(
    conn: &mut Conn,
    account_id: i64,
    ids: &[i64],
) -> Result<Vec<(AccountSeverance, Severance)>> {
    on_db!(conn, |c| account_severances::table
        .inner_join(
            severance_events::table.on(severance_events::id.eq(account_severances::event_id))
        )
        .filter(account_severances::id.any_of(ids))
        .filter(account_severances::account_id.eq(account_id))
        .select((AccountSeverance::as_select(), Severance::as_select()))
        .load(c)
        .await)
}

/// One page of an account's events, newest first.
#[boxed]
pub async fn page(
    conn: &mut Conn,
    account_id: i64,
    page: Page,
) -> Result<Vec<(AccountSeverance, Severance)>> {
    let (max, min, ascending) = page.bounds();
    let mut rows: Vec<(AccountSeverance, Severance)> = on_db!(conn, |c| {
        let query = account_severances::table
            .inner_join(
                severance_events::table.on(severance_events::id.eq(account_severances::event_id)),
            )
            .filter(account_severances::account_id.eq(account_id))
            .filter(account_severances::id.lt(max))
            .filter(account_severances::id.gt(min))
            .select((AccountSeverance::as_select(), Severance::as_select()))
            .limit(page.limit)
            .into_boxed();
        let query = match ascending {
            true => query.order(account_severances::id.asc()),
            false => query.order(account_severances::id.desc()),
        };
        query.load(c).await
    })?;
    if ascending {
        rows.reverse();
    }
    Ok(rows)
}

/// Some of the follows that an event cut off for an account, by the other's id from above one on.
#[boxed]
pub async fn severed(
    conn: &mut Conn,
    event_id: i64,
    account_id: i64,
    outgoing: bool,
    above: i64,
    limit: i64,
) -> Result<Vec<Severed>> {
    let rows: Vec<(Account, bool, bool, String)> = on_db!(conn, |c| severed_follows::table
        .inner_join(accounts::table.on(accounts::id.eq(severed_follows::other_id)))
        .filter(severed_follows::event_id.eq(event_id))
        .filter(severed_follows::account_id.eq(account_id))
        .filter(severed_follows::outgoing.eq(outgoing))
        .filter(severed_follows::other_id.gt(above))
        .order(severed_follows::other_id)
        .limit(limit)
        .select((
            Account::as_select(),
            severed_follows::reblogs,
            severed_follows::notify,
            severed_follows::languages,
        ))
        .load(c)
        .await)?;
    Ok(rows
        .into_iter()
        .map(|(other, reblogs, notify, languages)| Severed {
            other,
            reblogs,
            notify,
            languages,
        })
        .collect())
}

/// Forgets who was cut off by events that are over, at most `limit` rows; says how many went.
#[boxed]
pub async fn forget_purged(conn: &mut Conn, before: i64, limit: i64) -> Result<usize> {
    let events: Vec<i64> = on_db!(conn, |c| severance_events::table
        .filter(severance_events::purged.eq(true))
        .filter(severance_events::created_at.lt(before))
        .order(severance_events::id.desc())
        .limit(1000)
        .select(severance_events::id)
        .load(c)
        .await)?;
    let rows: Vec<(i64, i64, bool, i64)> = on_db!(conn, |c| severed_follows::table
        .filter(severed_follows::event_id.any_of(&events))
        .limit(limit)
        .select((
            severed_follows::event_id,
            severed_follows::account_id,
            severed_follows::outgoing,
            severed_follows::other_id,
        ))
        .load(c)
        .await)?;
    for row in &rows {
        on_db!(conn, |c| diesel::delete(severed_follows::table.find(*row))
            .execute(c)
            .await)?;
    }
    Ok(rows.len())
}
