//! The full-text index of posts, and the words that accounts are found by.
//!
//! What a post is indexed under, and what a query asks for, are the same folded words on both
//! databases (see `text::words`): FTS5 and tsvector are told where each stands, and
//! split and fold nothing themselves.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::accounts::Account;
use super::any::AnyOfExt;
use super::conn::Backend;
use super::schema::{
    account_stats, account_words, accounts, bookmarks, favourites, follows, search_progress,
    statuses,
};
use super::{Conn, Result, on_db, prepared};

/// The only row of `search_progress`.
const ROW: i64 = 1;
/// Accounts that are ranked for one query at most.
const CANDIDATES: i64 = 1000;
/// Positions that a tsvector can hold.
const LAST_POSITION: usize = 16_383;
/// Positions of one word that a tsvector can hold.
const POSITIONS: usize = 256;

/// A query for posts. All of it are folded words, or marks, which begin with `¦`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Phrases (mostly of one word) that all have to occur.
    pub all: Vec<Vec<String>>,
    /// Marks of which at least one has to be there; empty for none.
    pub any: Vec<String>,
    /// Phrases that must not occur.
    pub none: Vec<Vec<String>>,
    /// Ids below and above which alone is searched.
    pub below: i64,
    pub above: i64,
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// Ids of posts that a query finds, newest first.
#[boxed]
pub async fn find(conn: &mut Conn, query: &Query, limit: i64, offset: i64) -> Result<Vec<i64>> {
    let rows: Vec<Id> = if conn.is_postgres() {
        let Some(text) = tsquery(query) else {
            return Ok(Vec::new());
        };
        // Planned for its words each time: rare ones and common ones are not looked for alike.
        on_db!(conn, |c| diesel::sql_query(
            "SELECT rowid AS id FROM search_text WHERE body @@ CAST($1 AS tsquery) \
             AND rowid < $2 AND rowid > $3 ORDER BY rowid DESC LIMIT $4 OFFSET $5",
        )
        .bind::<Text, _>(&text)
        .bind::<BigInt, _>(query.below)
        .bind::<BigInt, _>(query.above)
        .bind::<BigInt, _>(limit)
        .bind::<BigInt, _>(offset)
        .load(c)
        .await)?
    } else {
        let Some(text) = fts5(query) else {
            return Ok(Vec::new());
        };
        on_db!(conn, |c| prepared!(
            "SELECT rowid AS id FROM search_text WHERE search_text MATCH $1 \
             AND rowid < $2 AND rowid > $3 ORDER BY rowid DESC LIMIT $4 OFFSET $5",
        )
        .bind::<Text, _>(&text)
        .bind::<BigInt, _>(query.below)
        .bind::<BigInt, _>(query.above)
        .bind::<BigInt, _>(limit)
        .bind::<BigInt, _>(offset)
        .load(c)
        .await)?
    };
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// The query as FTS5 reads it; `None` where nothing positive is asked for.
fn fts5(query: &Query) -> Option<String> {
    // Words hold letters, digits and `¦` alone, so that quoting needs no escaping.
    let phrase = |words: &Vec<String>| format!("\"{}\"", words.join(" ").replace('"', ""));
    let mut parts: Vec<String> = query.all.iter().map(phrase).collect();
    if !query.any.is_empty() {
        let any: Vec<String> = query.any.iter().map(|w| phrase(&vec![w.clone()])).collect();
        parts.push(format!("({})", any.join(" OR ")));
    }
    if parts.is_empty() {
        return None;
    }
    let mut text = format!("({})", parts.join(" AND "));
    if !query.none.is_empty() {
        let none: Vec<String> = query.none.iter().map(phrase).collect();
        text = format!("{text} NOT ({})", none.join(" OR "));
    }
    Some(text)
}

/// The same as PostgreSQL reads it.
fn tsquery(query: &Query) -> Option<String> {
    let phrase = |words: &Vec<String>| {
        let words: Vec<String> = words.iter().map(|word| lexeme(word)).collect();
        format!("({})", words.join(" <-> "))
    };
    let mut parts: Vec<String> = query.all.iter().map(phrase).collect();
    if !query.any.is_empty() {
        let any: Vec<String> = query.any.iter().map(|word| lexeme(word)).collect();
        parts.push(format!("({})", any.join(" | ")));
    }
    if parts.is_empty() {
        return None;
    }
    parts.extend(query.none.iter().map(|words| format!("!{}", phrase(words))));
    Some(parts.join(" & "))
}

fn lexeme(word: &str) -> String {
    format!("'{}'", word.replace('\\', "\\\\").replace('\'', "''"))
}

/// Puts a post into the index, in the place of what was there: its words in order, then its
/// marks.
#[boxed]
pub async fn put(conn: &mut Conn, id: i64, words: &[String]) -> Result<()> {
    if conn.is_postgres() {
        let body = tsvector(words);
        on_db!(conn, |c| prepared!(
            "INSERT INTO search_text (rowid, body) VALUES ($1, CAST($2 AS tsvector)) \
             ON CONFLICT (rowid) DO UPDATE SET body = EXCLUDED.body",
        )
        .bind::<BigInt, _>(id)
        .bind::<Text, _>(&body)
        .execute(c)
        .await)?;
    } else {
        let body = words.join(" ");
        on_db!(conn, |c| prepared!(
            "INSERT OR REPLACE INTO search_text (rowid, body) VALUES ($1, $2)",
        )
        .bind::<BigInt, _>(id)
        .bind::<Text, _>(&body)
        .execute(c)
        .await)?;
    }
    Ok(())
}

fn tsvector(words: &[String]) -> String {
    let mut positions: std::collections::BTreeMap<&str, Vec<usize>> = Default::default();
    for (n, word) in words.iter().enumerate() {
        let list = positions.entry(word).or_default();
        if list.len() < POSITIONS {
            list.push((n + 1).min(LAST_POSITION));
        }
    }
    let mut text = String::new();
    for (word, list) in positions {
        let list: Vec<String> = list.iter().map(usize::to_string).collect();
        text.push_str(&lexeme(word));
        text.push(':');
        text.push_str(&list.join(","));
        text.push(' ');
    }
    text
}

/// Takes posts out of the index.
#[boxed]
pub async fn remove(conn: &mut Conn, ids: &[i64]) -> Result<()> {
    for id in ids {
        if conn.is_postgres() {
            on_db!(conn, |c| prepared!(
                "DELETE FROM search_text WHERE rowid = $1"
            )
            .bind::<BigInt, _>(id)
            .execute(c)
            .await)?;
        } else {
            on_db!(conn, |c| prepared!(
                "DELETE FROM search_text WHERE rowid = $1"
            )
            .bind::<BigInt, _>(id)
            .execute(c)
            .await)?;
        }
    }
    Ok(())
}

/// Local accounts that favourited, bookmarked or reblogged posts: pairs of post and account.
#[boxed]
pub async fn local_markers(conn: &mut Conn, ids: &[i64]) -> Result<Vec<(i64, i64)>> {
    macro_rules! markers {
        ($table:ident) => {
            on_db!(conn, |c| $table::table
                .inner_join(accounts::table.on(accounts::id.eq($table::account_id)))
                .filter($table::status_id.any_of(ids))
                .filter(accounts::domain.eq(""))
                .select(($table::status_id, $table::account_id))
                .load(c)
                .await)
        };
    }
    let mut found: Vec<(i64, i64)> = markers!(favourites)?;
    let bookmarked: Vec<(i64, i64)> = markers!(bookmarks)?;
    let reblogged: Vec<(Option<i64>, i64)> = on_db!(conn, |c| statuses::table
        .inner_join(accounts::table.on(accounts::id.eq(statuses::account_id)))
        .filter(statuses::reblog_of_id.any_of(ids))
        .filter(accounts::domain.eq(""))
        .select((statuses::reblog_of_id, statuses::account_id))
        .load(c)
        .await)?;
    found.extend(bookmarked);
    found.extend(
        reblogged
            .into_iter()
            .filter_map(|(of, account)| Some((of?, account))),
    );
    Ok(found)
}

/// How far the index has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable, Selectable, AsChangeset)]
#[diesel(table_name = search_progress)]
pub struct Progress {
    /// The event log's position up to which it follows.
    pub xid: i64,
    pub event_id: i64,
    /// When it was there, in milliseconds since the epoch.
    pub seen_at: i64,
    /// Posts below this id are still to be read in, newest first; 0: none.
    pub statuses_below: i64,
    /// Accounts above this id are still to be read in; `i64::MAX`: none.
    pub accounts_above: i64,
}

/// How far the index has got.
#[boxed]
pub async fn progress(conn: &mut Conn) -> Result<Option<Progress>> {
    on_db!(conn, |c| search_progress::table
        .find(ROW)
        .select(Progress::as_select())
        .first(c)
        .await
        .optional())
}

/// How far the index has got, and stays until the transaction is through: nobody else moves it, nor writes what it
/// was moved for.
#[boxed]
pub async fn hold_progress(conn: &mut Conn) -> Result<Option<Progress>> {
    if let Backend::Postgres(c) = &mut conn.backend {
        conn.statements += 1;
        return search_progress::table
            .find(ROW)
            .select(Progress::as_select())
            .for_update()
            .first(&mut **c)
            .await
            .optional();
    }
    progress(conn).await
}

/// Goes on from one progress to another; false when another process has moved it.
#[boxed]
pub async fn advance(conn: &mut Conn, from: Progress, to: Progress) -> Result<bool> {
    let moved = on_db!(conn, |c| diesel::update(
        search_progress::table
            .find(ROW)
            .filter(search_progress::xid.eq(from.xid))
            .filter(search_progress::event_id.eq(from.event_id))
            .filter(search_progress::statuses_below.eq(from.statuses_below))
            .filter(search_progress::accounts_above.eq(from.accounts_above))
    )
    .set(to)
    .execute(c)
    .await)?;
    Ok(moved > 0)
}

/// Ids of posts below an id, newest first; of one account where it is named.
#[boxed]
pub async fn posts_below(
    conn: &mut Conn,
    below: i64,
    account_id: Option<i64>,
    limit: i64,
) -> Result<Vec<i64>> {
    let posts = statuses::table
        .filter(statuses::id.lt(below))
        .order(statuses::id.desc())
        .limit(limit)
        .select(statuses::id);
    match account_id {
        Some(account) => {
            on_db!(conn, |c| posts
                .filter(statuses::reblog_of_id.is_null())
                .filter(statuses::account_id.eq(account))
                .load(c)
                .await)
        }
        None => on_db!(conn, |c| posts.load(c).await),
    }
}

/// Accounts above an id, oldest first.
#[boxed]
pub async fn accounts_above(conn: &mut Conn, above: i64, limit: i64) -> Result<Vec<Account>> {
    on_db!(conn, |c| accounts::table
        .filter(accounts::id.gt(above))
        .order(accounts::id)
        .limit(limit)
        .select(Account::as_select())
        .load(c)
        .await)
}

/// Replaces the words that an account is found by.
#[boxed]
pub async fn set_words(conn: &mut Conn, account_id: i64, words: &[String]) -> Result<()> {
    on_db!(conn, |c| diesel::delete(
        account_words::table.filter(account_words::account_id.eq(account_id))
    )
    .execute(c)
    .await)?;
    for word in words {
        on_db!(conn, |c| diesel::insert_into(account_words::table)
            .values((
                account_words::word.eq(word),
                account_words::account_id.eq(account_id),
            ))
            .on_conflict_do_nothing()
            .execute(c)
            .await)?;
    }
    Ok(())
}

/// Who searches for accounts, and how.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seeker {
    pub account_id: Option<i64>,
    /// Only among those whom the seeker follows.
    pub following: bool,
}

/// Accounts of which every word of a query begins a word of their names: those whom the seeker
/// follows first, then one whose username it is, then by followers.
#[boxed]
pub async fn accounts(
    conn: &mut Conn,
    seeker: Seeker,
    words: &[String],
    limit: i64,
    offset: i64,
) -> Result<Vec<Account>> {
    // The longest word narrows it down most.
    let Some(first) = words.iter().max_by_key(|word| word.len()) else {
        return Ok(Vec::new());
    };
    let end = |text: &str| format!("{text}\u{10ffff}");
    let mut ids: Vec<i64> = Vec::new();
    let mut followed: Vec<i64> = Vec::new();
    if let Some(account_id) = seeker.account_id {
        followed = on_db!(conn, |c| follows::table
            .inner_join(account_words::table.on(account_words::account_id.eq(follows::target_id)))
            .filter(follows::account_id.eq(account_id))
            .filter(account_words::word.between(first, end(first)))
            .limit(CANDIDATES)
            .select(follows::target_id)
            .load(c)
            .await)?;
        ids.extend(&followed);
    }
    if !seeker.following {
        let others: Vec<i64> = on_db!(conn, |c| account_words::table
            .filter(account_words::word.between(first, end(first)))
            .order(account_words::word)
            .limit(CANDIDATES)
            .select(account_words::account_id)
            .load(c)
            .await)?;
        ids.extend(others);
    }
    ids.sort_unstable();
    ids.dedup();
    for word in words.iter().filter(|word| *word != first) {
        let kept: Vec<i64> = on_db!(conn, |c| account_words::table
            .filter(account_words::account_id.any_of(&ids))
            .filter(account_words::word.between(word, end(word)))
            .select(account_words::account_id)
            .load(c)
            .await)?;
        let kept: std::collections::HashSet<i64> = kept.into_iter().collect();
        ids.retain(|id| kept.contains(id));
    }
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<(Account, i64)> = on_db!(conn, |c| accounts::table
        .inner_join(account_stats::table.on(account_stats::account_id.eq(accounts::id)))
        .filter(accounts::id.any_of(&ids))
        .filter(accounts::suspended_at.is_null())
        .filter(accounts::deleted_at.is_null())
        .filter(accounts::kind.ne("Application").or(accounts::domain.ne("")))
        .select((Account::as_select(), account_stats::followers_count))
        .load(c)
        .await)?;
    let followed: std::collections::HashSet<i64> = followed.into_iter().collect();
    let whole = words.concat();
    let mut rows: Vec<_> = rows
        .into_iter()
        .map(|(account, followers)| {
            let rank = (
                !followed.contains(&account.id),
                account.username_lower != whole,
                -followers,
                account.id,
            );
            (rank, account)
        })
        .collect();
    rows.sort_by_key(|(rank, _)| *rank);
    Ok(rows
        .into_iter()
        .map(|(_, account)| account)
        .skip(usize::try_from(offset).unwrap_or_default())
        .take(usize::try_from(limit).unwrap_or_default())
        .collect())
}
