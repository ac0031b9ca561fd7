//! How much tags and links are used, what people do with posts, and what of it trends.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::schema::{
    accounts, favourites, preview_cards, quotes, statuses, trend_accounts, trend_days, trends,
};
use super::{Conn, Result, on_db};

/// What trends. The numbers are the database's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i16)]
pub enum Kind {
    Tag = 0,
    Status = 1,
    Link = 2,
    /// Tries to register with an address of a blocked domain: counted, but no trend.
    EmailDomain = 3,
}

/// The use of one tag or link on one day (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    pub subject_id: i64,
    /// Days since the epoch.
    pub day: i64,
    pub uses: i64,
    /// Different accounts.
    pub accounts: i64,
}

/// Counts a use by an account on a day.
#[boxed]
pub async fn record(
    conn: &mut Conn,
    kind: Kind,
    subject_id: i64,
    day: i64,
    account_id: i64,
) -> Result<()> {
    let fresh = on_db!(conn, |c| diesel::insert_into(trend_accounts::table)
        .values((
            trend_accounts::kind.eq(kind as i16),
            trend_accounts::subject_id.eq(subject_id),
            trend_accounts::day.eq(day),
            trend_accounts::account_id.eq(account_id),
        ))
        .on_conflict_do_nothing()
        .execute(c)
        .await)? as i64;
    on_db!(conn, |c| diesel::insert_into(trend_days::table)
        .values((
            trend_days::kind.eq(kind as i16),
            trend_days::subject_id.eq(subject_id),
            trend_days::day.eq(day),
            trend_days::uses.eq(1),
            trend_days::accounts.eq(fresh),
        ))
        .on_conflict((trend_days::kind, trend_days::subject_id, trend_days::day))
        .do_update()
        .set((
            trend_days::uses.eq(trend_days::uses + 1),
            trend_days::accounts.eq(trend_days::accounts + fresh),
        ))
        .execute(c)
        .await)?;
    Ok(())
}

/// The use of some subjects since a day, in no order.
#[boxed]
pub async fn days(conn: &mut Conn, kind: Kind, subjects: &[i64], since: i64) -> Result<Vec<Day>> {
    if subjects.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<(i64, i64, i64, i64)> = on_db!(conn, |c| trend_days::table
        .filter(trend_days::kind.eq(kind as i16))
        .filter(trend_days::subject_id.any_of(subjects))
        .filter(trend_days::day.ge(since))
        .select((
            trend_days::subject_id,
            trend_days::day,
            trend_days::uses,
            trend_days::accounts,
        ))
        .load(c)
        .await)?;
    Ok(rows
        .into_iter()
        .map(|(subject_id, day, uses, accounts)| Day {
            subject_id,
            day,
            uses,
            accounts,
        })
        .collect())
}

/// The subjects that most accounts used on a day, at most `limit`.
#[boxed]
pub async fn most_used(conn: &mut Conn, kind: Kind, day: i64, limit: i64) -> Result<Vec<i64>> {
    on_db!(conn, |c| trend_days::table
        .filter(trend_days::kind.eq(kind as i16))
        .filter(trend_days::day.eq(day))
        .order(trend_days::accounts.desc())
        .limit(limit)
        .select(trend_days::subject_id)
        .load(c)
        .await)
}

/// Favourites, reblogs and accepted quotes since an id, newest first, at most `limit` of each:
/// the status they are of, who did it, and their own id, which tells when.
#[boxed]
pub async fn deeds(conn: &mut Conn, since: i64, limit: i64) -> Result<Vec<(i64, i64, i64)>> {
    let mut all: Vec<(i64, i64, i64)> = on_db!(conn, |c| favourites::table
        .filter(favourites::id.ge(since))
        .order(favourites::id.desc())
        .limit(limit)
        .select((
            favourites::status_id,
            favourites::account_id,
            favourites::id
        ))
        .load(c)
        .await)?;
    let reblogs: Vec<(Option<i64>, i64, i64)> = on_db!(conn, |c| statuses::table
        .filter(statuses::reblog_of_id.is_not_null())
        .filter(statuses::id.ge(since))
        .order(statuses::id.desc())
        .limit(limit)
        .select((statuses::reblog_of_id, statuses::account_id, statuses::id))
        .load(c)
        .await)?;
    let quoted: Vec<(Option<i64>, i64, i64)> = on_db!(conn, |c| quotes::table
        .filter(quotes::status_id.ge(since))
        .filter(quotes::state.eq(1))
        .order(quotes::status_id.desc())
        .limit(limit)
        .select((quotes::quoted_id, quotes::account_id, quotes::status_id))
        .load(c)
        .await)?;
    all.extend(
        reblogs
            .into_iter()
            .chain(quoted)
            .filter_map(|(of, account, id)| Some((of?, account, id))),
    );
    Ok(all)
}

/// Of some statuses, those that may trend: public, not sensitive, no replies, by authors who are
/// discoverable and not limited.
#[boxed]
pub async fn presentable(conn: &mut Conn, ids: &[i64]) -> Result<Vec<i64>> {
    on_db!(conn, |c| statuses::table
        .inner_join(accounts::table.on(accounts::id.eq(statuses::account_id)))
        .filter(statuses::id.any_of(ids))
        .filter(statuses::visibility.eq(0))
        .filter(statuses::local_only.eq(false))
        .filter(statuses::reblog_of_id.is_null())
        .filter(statuses::in_reply_to_uri.is_null())
        .filter(statuses::sensitive.eq(false))
        .filter(accounts::discoverable.eq(true))
        .filter(accounts::silenced_at.is_null())
        .filter(accounts::suspended_at.is_null())
        .filter(accounts::deleted_at.is_null())
        .select(statuses::id)
        .load(c)
        .await)
}

/// Of some preview cards, those that are there to be shown.
#[boxed]
pub async fn ready_cards(conn: &mut Conn, ids: &[i64]) -> Result<Vec<i64>> {
    on_db!(conn, |c| preview_cards::table
        .filter(preview_cards::id.any_of(ids))
        .filter(preview_cards::state.eq(super::cards::READY))
        .select(preview_cards::id)
        .load(c)
        .await)
}

/// Replaces what trends of a kind: subjects with their scores, best first, and whether each is
/// shown.
#[boxed]
pub async fn replace(conn: &mut Conn, kind: Kind, list: &[(i64, i64, bool)]) -> Result<()> {
    on_db!(conn, |c| diesel::delete(
        trends::table.filter(trends::kind.eq(kind as i16))
    )
    .execute(c)
    .await)?;
    for (place, (subject_id, score, shown)) in list.iter().enumerate() {
        on_db!(conn, |c| diesel::insert_into(trends::table)
            .values((
                trends::kind.eq(kind as i16),
                trends::place.eq(place as i64),
                trends::subject_id.eq(subject_id),
                trends::score.eq(score),
                trends::shown.eq(shown),
            ))
            .execute(c)
            .await)?;
    }
    Ok(())
}

/// What trends of a kind and is shown, best first. There are a hundred at most.
#[boxed]
pub async fn list(conn: &mut Conn, kind: Kind, limit: i64, offset: i64) -> Result<Vec<i64>> {
    on_db!(conn, |c| trends::table
        .filter(trends::kind.eq(kind as i16))
        .filter(trends::shown.eq(true))
        .order(trends::place)
        .limit(limit)
        .offset(offset)
        .select(trends::subject_id)
        .load(c)
        .await)
}

/// The same with what is not shown.
#[boxed]
pub async fn list_all(conn: &mut Conn, kind: Kind, limit: i64, offset: i64) -> Result<Vec<i64>> {
    on_db!(conn, |c| trends::table
        .filter(trends::kind.eq(kind as i16))
        .filter(trends::place.ge(offset))
        .order(trends::place)
        .limit(limit)
        .select(trends::subject_id)
        .load(c)
        .await)
}

/// Whether something trends and is shown.
#[boxed]
pub async fn is_trending(conn: &mut Conn, kind: Kind, subject_id: i64) -> Result<bool> {
    let found: Option<i64> = on_db!(conn, |c| trends::table
        .filter(trends::kind.eq(kind as i16))
        .filter(trends::subject_id.eq(subject_id))
        .filter(trends::shown.eq(true))
        .select(trends::place)
        .first(c)
        .await
        .optional())?;
    Ok(found.is_some())
}

/// Forgets use before a day, at most `limit` rows of who it was; says how many of those went.
#[boxed]
pub async fn forget_before(conn: &mut Conn, day: i64, limit: i64) -> Result<usize> {
    let old: Vec<(i16, i64, i64, i64)> = on_db!(conn, |c| trend_accounts::table
        .filter(trend_accounts::day.lt(day))
        .limit(limit)
        .select((
            trend_accounts::kind,
            trend_accounts::subject_id,
            trend_accounts::day,
            trend_accounts::account_id,
        ))
        .load(c)
        .await)?;
    for row in &old {
        on_db!(conn, |c| diesel::delete(trend_accounts::table.find(*row))
            .execute(c)
            .await)?;
    }
    for kind in [Kind::Tag, Kind::Link, Kind::EmailDomain] {
        on_db!(conn, |c| diesel::delete(
            trend_days::table
                .filter(trend_days::kind.eq(kind as i16))
                .filter(trend_days::day.lt(day))
        )
        .execute(c)
        .await)?;
    }
    Ok(old.len())
}

/// Public statuses with a link, by authors who want to be found: one page, newest first.
#[boxed]
pub async fn link_timeline(
    conn: &mut Conn,
    card_id: i64,
    page: super::relations::Page,
) -> Result<Vec<i64>> {
    use super::schema::status_cards;
    let max = page.max_id.unwrap_or(i64::MAX);
    let min = page.min_id.or(page.since_id).unwrap_or(0);
    let rows = status_cards::table
        .inner_join(statuses::table.on(statuses::id.eq(status_cards::status_id)))
        .inner_join(accounts::table.on(accounts::id.eq(statuses::account_id)))
        .filter(status_cards::card_id.eq(card_id))
        .filter(status_cards::status_id.lt(max))
        .filter(status_cards::status_id.gt(min))
        .filter(statuses::visibility.eq(0))
        .filter(accounts::discoverable.eq(true))
        .filter(accounts::silenced_at.is_null())
        .filter(accounts::suspended_at.is_null())
        .limit(page.limit)
        .select(status_cards::status_id);
    if page.min_id.is_some() {
        let mut ids: Vec<i64> = on_db!(conn, |c| rows
            .order(status_cards::status_id.asc())
            .load(c)
            .await)?;
        ids.reverse();
        Ok(ids)
    } else {
        on_db!(conn, |c| rows
            .order(status_cards::status_id.desc())
            .load(c)
            .await)
    }
}
