//! Emoji reactions to statuses, and how often each was given.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::any::AnyOfExt;
use super::schema::{emoji_reactions, reaction_counts};
use super::{Conn, Result, on_db, prepared};

/// A row of `emoji_reactions`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = emoji_reactions)]
pub struct Reaction {
    pub id: i64,
    pub account_id: i64,
    pub status_id: i64,
    /// An emoji of Unicode's, or a shortcode.
    pub name: String,
    /// Where a custom emoji is from; empty for ours and for Unicode's.
    pub domain: String,
    /// The activity's id.
    pub uri: String,
    pub created_at: i64,
}

/// A row of `reaction_counts`: one emoji on one status.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = reaction_counts)]
pub struct Count {
    pub status_id: i64,
    pub name: String,
    pub domain: String,
    /// The picture of a custom emoji, else empty.
    pub url: String,
    pub static_url: String,
    pub total: i64,
    /// Id of the reaction that was first.
    pub first_id: i64,
}

/// Adds a reaction; false when it is there already. The picture is that of a custom emoji.
#[boxed]
pub async fn add(conn: &mut Conn, row: &Reaction, url: &str, static_url: &str) -> Result<bool> {
    let added = on_db!(conn, |c| diesel::insert_into(emoji_reactions::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    if added == 0 {
        return Ok(false);
    }
    on_db!(conn, |c| prepared!(
        "INSERT INTO reaction_counts (status_id, name, domain, url, static_url, total, first_id) \
         VALUES ($1, $2, $3, $4, $5, 1, $6) \
         ON CONFLICT (status_id, name, domain) DO UPDATE SET \
         total = reaction_counts.total + 1, url = excluded.url, static_url = excluded.static_url"
    )
    .bind::<BigInt, _>(row.status_id)
    .bind::<Text, _>(&row.name)
    .bind::<Text, _>(&row.domain)
    .bind::<Text, _>(url)
    .bind::<Text, _>(static_url)
    .bind::<BigInt, _>(row.id)
    .execute(c)
    .await)?;
    count(conn, row.status_id, 1).await?;
    Ok(true)
}

/// Removes a reaction; false when it is gone already.
#[boxed]
pub async fn remove(conn: &mut Conn, row: &Reaction) -> Result<bool> {
    let gone = on_db!(conn, |c| diesel::delete(
        emoji_reactions::table.find(row.id)
    )
    .execute(c)
    .await)?;
    if gone == 0 {
        return Ok(false);
    }
    let key = (row.status_id, &row.name, &row.domain);
    on_db!(conn, |c| diesel::update(reaction_counts::table.find(key))
        .set(reaction_counts::total.eq(reaction_counts::total - 1))
        .execute(c)
        .await)?;
    on_db!(conn, |c| diesel::delete(
        reaction_counts::table
            .find(key)
            .filter(reaction_counts::total.le(0))
    )
    .execute(c)
    .await)?;
    count(conn, row.status_id, -1).await?;
    Ok(true)
}

async fn count(conn: &mut Conn, status_id: i64, reactions: i64) -> Result<()> {
    on_db!(conn, |c| prepared!(
        "UPDATE status_stats SET reactions_count = reactions_count + $1 WHERE status_id = $2"
    )
    .bind::<BigInt, _>(reactions)
    .bind::<BigInt, _>(status_id)
    .execute(c)
    .await)?;
    Ok(())
}

/// What an account gave to a status.
#[boxed]
pub async fn given(conn: &mut Conn, account_id: i64, status_id: i64) -> Result<Vec<Reaction>> {
    on_db!(conn, |c| emoji_reactions::table
        .filter(emoji_reactions::account_id.eq(account_id))
        .filter(emoji_reactions::status_id.eq(status_id))
        .load::<Reaction>(c)
        .await)
}

/// An account's reaction by the activity's id.
#[boxed]
pub async fn by_uri(conn: &mut Conn, account_id: i64, uri: &str) -> Result<Option<Reaction>> {
    on_db!(conn, |c| emoji_reactions::table
        .filter(emoji_reactions::account_id.eq(account_id))
        .filter(emoji_reactions::uri.eq(uri))
        .first::<Reaction>(c)
        .await
        .optional())
}

/// Any one of an account's reactions.
#[boxed]
pub async fn any_of_account(conn: &mut Conn, account_id: i64) -> Result<Option<Reaction>> {
    on_db!(conn, |c| emoji_reactions::table
        .filter(emoji_reactions::account_id.eq(account_id))
        .first::<Reaction>(c)
        .await
        .optional())
}

/// How often which emoji was given to some statuses, the first given first.
#[boxed]
pub async fn counts_of(conn: &mut Conn, ids: &[i64]) -> Result<Vec<Count>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| reaction_counts::table
        .filter(reaction_counts::status_id.any_of(ids))
        .order((reaction_counts::status_id, reaction_counts::first_id))
        .load::<Count>(c)
        .await)
}

/// What an account gave to some statuses: status, name and domain.
#[boxed]
pub async fn given_to(
    conn: &mut Conn,
    account_id: i64,
    ids: &[i64],
) -> Result<Vec<(i64, String, String)>> {
    on_db!(conn, |c| emoji_reactions::table
        .filter(emoji_reactions::account_id.eq(account_id))
        .filter(emoji_reactions::status_id.any_of(ids))
        .select((
            emoji_reactions::status_id,
            emoji_reactions::name,
            emoji_reactions::domain
        ))
        .load(c)
        .await)
}
