//! Announcements, who read them, and how people reacted.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::any::AnyOfExt;
use super::schema::{announcement_reactions, announcement_reads, announcements};
use super::{Conn, Result, on_db};

/// Announcements shown at a time.
const SHOWN: i64 = 100;

/// A row of `announcements`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = announcements, treat_none_as_null = true)]
pub struct Announcement {
    pub id: i64,
    /// As an admin typed it.
    pub source: String,
    /// HTML.
    pub content: String,
    /// JSON: `domain`'s account and status ids and tags in the text.
    pub refs: String,
    /// Of the two times, the days alone are meant.
    pub all_day: bool,
    /// When what it speaks of begins and ends; the end also ends the announcement.
    pub starts_at: Option<i64>,
    pub ends_at: Option<i64>,
    /// When it is to be published.
    pub scheduled_at: Option<i64>,
    pub published_at: Option<i64>,
    /// When it ended.
    pub withdrawn_at: Option<i64>,
    pub created_at: i64,
    pub updated_at: i64,
}

/// Adds one.
#[boxed]
pub async fn insert(conn: &mut Conn, row: &Announcement) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(announcements::table)
        .values(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// Writes a changed one.
#[boxed]
pub async fn update(conn: &mut Conn, row: &Announcement) -> Result<()> {
    on_db!(conn, |c| diesel::update(announcements::table.find(row.id))
        .set(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// One by id.
#[boxed]
pub async fn by_id(conn: &mut Conn, id: i64) -> Result<Option<Announcement>> {
    on_db!(conn, |c| announcements::table
        .find(id)
        .first::<Announcement>(c)
        .await
        .optional())
}

/// All there are, newest first, at most `limit`.
#[boxed]
pub async fn all(conn: &mut Conn, limit: i64) -> Result<Vec<Announcement>> {
    on_db!(conn, |c| announcements::table
        .order(announcements::id.desc())
        .limit(limit)
        .load::<Announcement>(c)
        .await)
}

/// Those that are out now, oldest first.
#[boxed]
pub async fn current(conn: &mut Conn, now: i64) -> Result<Vec<Announcement>> {
    on_db!(conn, |c| announcements::table
        .filter(announcements::published_at.le(now))
        .filter(announcements::withdrawn_at.is_null())
        .filter(
            announcements::ends_at
                .is_null()
                .or(announcements::ends_at.gt(now))
        )
        .order((announcements::published_at, announcements::id))
        .limit(SHOWN)
        .load::<Announcement>(c)
        .await)
}

/// Deletes one; false when there was none.
#[boxed]
pub async fn delete(conn: &mut Conn, id: i64) -> Result<bool> {
    let gone = on_db!(conn, |c| diesel::delete(announcements::table.find(id))
        .execute(c)
        .await)?;
    Ok(gone > 0)
}

/// Of some announcements, those an account has read.
#[boxed]
pub async fn read_by(conn: &mut Conn, account_id: i64, ids: &[i64]) -> Result<Vec<i64>> {
    on_db!(conn, |c| announcement_reads::table
        .filter(announcement_reads::account_id.eq(account_id))
        .filter(announcement_reads::announcement_id.any_of(ids))
        .select(announcement_reads::announcement_id)
        .load(c)
        .await)
}

/// An account has read one.
#[boxed]
pub async fn mark_read(conn: &mut Conn, account_id: i64, id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(announcement_reads::table)
        .values((
            announcement_reads::account_id.eq(account_id),
            announcement_reads::announcement_id.eq(id),
        ))
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    Ok(())
}

/// How often which reaction was given to some announcements, the first given first.
#[boxed]
pub async fn reactions(conn: &mut Conn, ids: &[i64]) -> Result<Vec<(i64, String, i64)>> {
    on_db!(conn, |c| announcement_reactions::table
        .filter(announcement_reactions::announcement_id.any_of(ids))
        .group_by((
            announcement_reactions::announcement_id,
            announcement_reactions::name
        ))
        .order(sql::<BigInt>("MIN(created_at)"))
        .select((
            announcement_reactions::announcement_id,
            announcement_reactions::name,
            sql::<BigInt>("COUNT(*)"),
        ))
        .load(c)
        .await)
}

/// The reactions of one account to some announcements.
#[boxed]
pub async fn reactions_of(
    conn: &mut Conn,
    account_id: i64,
    ids: &[i64],
) -> Result<Vec<(i64, String)>> {
    on_db!(conn, |c| announcement_reactions::table
        .filter(announcement_reactions::account_id.eq(account_id))
        .filter(announcement_reactions::announcement_id.any_of(ids))
        .select((
            announcement_reactions::announcement_id,
            announcement_reactions::name
        ))
        .load(c)
        .await)
}

/// Adds a reaction; false when it is there already.
#[boxed]
pub async fn add_reaction(
    conn: &mut Conn,
    id: i64,
    account_id: i64,
    name: &str,
    now: i64,
) -> Result<bool> {
    let added = on_db!(conn, |c| diesel::insert_into(announcement_reactions::table)
        .values((
            announcement_reactions::announcement_id.eq(id),
            announcement_reactions::account_id.eq(account_id),
            announcement_reactions::name.eq(name),
            announcement_reactions::created_at.eq(now),
        ))
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    Ok(added > 0)
}

/// Removes a reaction; false when there was none.
#[boxed]
pub async fn remove_reaction(
    conn: &mut Conn,
    id: i64,
    account_id: i64,
    name: &str,
) -> Result<bool> {
    let gone = on_db!(conn, |c| diesel::delete(
        announcement_reactions::table.find((id, name, account_id))
    )
    .execute(c)
    .await)?;
    Ok(gone > 0)
}
