//! What local profiles show besides, and the files of pictures that were replaced.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::schema::{account_profiles, accounts, retired_files};
use super::{Conn, Result, on_db};

/// A row of `account_profiles`; accounts without one are [`Profile::usual`].
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = account_profiles, treat_none_as_null = true)]
pub struct Profile {
    pub account_id: i64,
    /// Whether clients show a tab with media.
    pub show_media: bool,
    /// Whether it has that of replies too.
    pub show_media_replies: bool,
    /// Whether clients show a tab with what is featured.
    pub show_featured: bool,
    /// JSON: a list of domains whose pages may name the account as their author.
    pub attribution_domains: String,
    /// Where they say they are; plain text.
    pub location: String,
    /// What they say they do now; plain text.
    pub status_text: String,
    /// An emoji for it, or a `:shortcode:`.
    pub status_emoji: String,
    /// When the status line is no longer shown.
    pub status_expires_at: Option<i64>,
}

impl Profile {
    /// What stands where nothing was chosen.
    pub fn usual(account_id: i64) -> Profile {
        Profile {
            account_id,
            show_media: true,
            show_media_replies: true,
            show_featured: true,
            attribution_domains: "[]".to_owned(),
            location: String::new(),
            status_text: String::new(),
            status_emoji: String::new(),
            status_expires_at: None,
        }
    }
}

/// The rows of accounts that have one, in no order.
#[boxed]
pub async fn of(conn: &mut Conn, ids: &[i64]) -> Result<Vec<Profile>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| account_profiles::table
        .filter(account_profiles::account_id.any_of(ids))
        .load::<Profile>(c)
        .await)
}

/// Sets an account's row.
#[boxed]
pub async fn set(conn: &mut Conn, row: &Profile) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(account_profiles::table)
        .values(row)
        .on_conflict(account_profiles::account_id)
        .do_update()
        .set(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// Marks files as held by nothing since a time.
#[boxed]
pub async fn retire_files(conn: &mut Conn, files: &[String], now: i64) -> Result<()> {
    for file in files {
        on_db!(conn, |c| diesel::insert_into(retired_files::table)
            .values((
                retired_files::file.eq(file),
                retired_files::retired_at.eq(now),
            ))
            .on_conflict(retired_files::file)
            .do_update()
            .set(retired_files::retired_at.eq(now))
            .execute(c)
            .await)?;
    }
    Ok(())
}

/// Takes the mark off files: something holds them now, or they are deleted.
#[boxed]
pub async fn unretire_files(conn: &mut Conn, files: &[String]) -> Result<()> {
    on_db!(conn, |c| diesel::delete(
        retired_files::table.filter(retired_files::file.any_of(files))
    )
    .execute(c)
    .await)?;
    Ok(())
}

/// Files that nothing holds come after all that nothing has held since before a time.
#[boxed]
pub async fn put_off(conn: &mut Conn, files: &[String], time: i64) -> Result<()> {
    on_db!(conn, |c| diesel::update(
        retired_files::table.filter(retired_files::file.any_of(files))
    )
    .set(retired_files::retired_at.eq(time))
    .execute(c)
    .await)?;
    Ok(())
}

/// Files that nothing has held since before a time, at most `limit`.
#[boxed]
pub async fn files_retired_before(conn: &mut Conn, time: i64, limit: i64) -> Result<Vec<String>> {
    on_db!(conn, |c| retired_files::table
        .filter(retired_files::retired_at.lt(time))
        .order(retired_files::retired_at)
        .limit(limit)
        .select(retired_files::file)
        .load(c)
        .await)
}

/// Whether one of some files is the picture of a profile of ours that is suspended: its avatar, or its
/// `header`.
#[boxed]
pub async fn is_suspended(conn: &mut Conn, header: bool, files: &[String]) -> Result<bool> {
    // Only literals match the partial indexes.
    let suspended = diesel::dsl::sql::<diesel::sql_types::Bool>(
        "accounts.domain = '' AND accounts.suspended_at IS NOT NULL",
    );
    let of = accounts::table.filter(suspended).select(accounts::id);
    let found: Option<i64> = match header {
        true => on_db!(conn, |c| of
            .filter(accounts::header.any_of(files))
            .first(c)
            .await
            .optional())?,
        false => on_db!(conn, |c| of
            .filter(accounts::avatar.any_of(files))
            .first(c)
            .await
            .optional())?,
    };
    Ok(found.is_some())
}
