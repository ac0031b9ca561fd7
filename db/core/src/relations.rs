//! Who follows, asks to follow, blocks and mutes whom.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::accounts::Account;
use super::any::AnyOfExt;
use super::conn::Backend;
use super::schema::{accounts, blocks, follow_requests, follows, mutes};
use super::{Conn, Result, on_db, prepared};
use crate::event::{Event, Kind};

/// A row of `follows` or `follow_requests`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = follows)]
pub struct Follow {
    pub id: i64,
    /// Who follows.
    pub account_id: i64,
    /// Who is followed.
    pub target_id: i64,
    /// The Follow activity's id.
    pub uri: String,
    pub reblogs: bool,
    pub notify: bool,
    /// Comma-separated codes; empty for all.
    pub languages: String,
    pub created_at: i64,
}

/// A row of `blocks`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = blocks)]
pub struct Block {
    pub id: i64,
    pub account_id: i64,
    pub target_id: i64,
    pub uri: String,
    pub created_at: i64,
}

/// A row of `mutes`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = mutes)]
pub struct Mute {
    pub id: i64,
    pub account_id: i64,
    pub target_id: i64,
    /// Whether their notifications are hidden too.
    pub notifications: bool,
    pub created_at: i64,
    pub expires_at: Option<i64>,
}

/// Which list of accounts to page through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// Those who follow the account.
    Followers,
    /// Those whom it follows.
    Following,
    /// Those who ask to follow it.
    Requests,
    /// Those whom it blocks.
    Blocks,
    /// Those whom it mutes.
    Mutes,
}

macro_rules! pair {
    ($get:ident, $put:ident, $remove:ident, $table:ident, $row:ty, $what:literal) => {
        #[doc = concat!("The ", $what, " between two accounts, if there is one.")]
        pub async fn $get(
            conn: &mut Conn,
            account_id: i64,
            target_id: i64,
        ) -> Result<Option<$row>> {
            on_db!(conn, |c| $table::table
                .filter($table::account_id.eq(account_id))
                .filter($table::target_id.eq(target_id))
                .first::<$row>(c)
                .await
                .optional())
        }

        #[doc = concat!("Adds a ", $what, "; false when it is there already.")]
        pub async fn $put(conn: &mut Conn, row: &$row) -> Result<bool> {
            let row = row.clone();
            let added = insert::$put(conn, row).await?;
            Ok(added > 0)
        }

        #[doc = concat!("Removes a ", $what, "; false when there was none.")]
        pub async fn $remove(conn: &mut Conn, account_id: i64, target_id: i64) -> Result<bool> {
            let gone = on_db!(conn, |c| diesel::delete(
                $table::table
                    .filter($table::account_id.eq(account_id))
                    .filter($table::target_id.eq(target_id))
            )
            .execute(c)
            .await)?;
            Ok(gone > 0)
        }
    };
}

pair!(follow, add_follow, remove_follow, follows, Follow, "follow");
pair!(
    request,
    add_request,
    remove_request,
    follow_requests,
    Follow,
    "follow request"
);
pair!(block, add_block, remove_block, blocks, Block, "block");
pair!(mute, add_mute, remove_mute, mutes, Mute, "mute");

/// The inserts, by column: a follow and a request to follow share their row type.
mod insert {
    use super::*;

    macro_rules! follow_columns {
        ($table:ident, $row:ident) => {
            (
                $table::id.eq($row.id),
                $table::account_id.eq($row.account_id),
                $table::target_id.eq($row.target_id),
                $table::uri.eq($row.uri),
                $table::reblogs.eq($row.reblogs),
                $table::notify.eq($row.notify),
                $table::languages.eq($row.languages),
                $table::created_at.eq($row.created_at),
            )
        };
    }

    pub async fn add_follow(conn: &mut Conn, row: Follow) -> Result<usize> {
        on_db!(conn, |c| diesel::insert_into(follows::table)
            .values(follow_columns!(follows, row))
            .on_conflict_do_nothing()
            .execute(c)
            .await)
    }

    pub async fn add_request(conn: &mut Conn, row: Follow) -> Result<usize> {
        on_db!(conn, |c| diesel::insert_into(follow_requests::table)
            .values(follow_columns!(follow_requests, row))
            .on_conflict_do_nothing()
            .execute(c)
            .await)
    }

    pub async fn add_block(conn: &mut Conn, row: Block) -> Result<usize> {
        on_db!(conn, |c| diesel::insert_into(blocks::table)
            .values(row)
            .on_conflict_do_nothing()
            .execute(c)
            .await)
    }

    pub async fn add_mute(conn: &mut Conn, row: Mute) -> Result<usize> {
        on_db!(conn, |c| diesel::insert_into(mutes::table)
            .values(row)
            .on_conflict_do_nothing()
            .execute(c)
            .await)
    }
}

/// The follow with this activity id.
#[boxed]
pub async fn follow_by_uri(conn: &mut Conn, account_id: i64, uri: &str) -> Result<Option<Follow>> {
    on_db!(conn, |c| follows::table
        .filter(follows::account_id.eq(account_id))
        .filter(follows::uri.eq(uri))
        .first::<Follow>(c)
        .await
        .optional())
}

/// Waits for other transactions that settle something between the same two, where several write
/// at a time.
#[boxed]
pub async fn lock_pair(conn: &mut Conn, a: i64, b: i64) -> Result<()> {
    if let Backend::Postgres(c) = &mut conn.backend {
        conn.statements += 1;
        // Where pairs fall together, one waits needlessly.
        let key = a.min(b).rotate_left(32) ^ a.max(b);
        prepared!("SELECT pg_advisory_xact_lock($1)")
            .bind::<diesel::sql_types::BigInt, _>(key)
            .execute(&mut **c)
            .await?;
    }
    Ok(())
}

/// Accounts elsewhere that an account follows, at most `limit`.
#[boxed]
pub async fn followed_elsewhere(conn: &mut Conn, account_id: i64, limit: i64) -> Result<Vec<i64>> {
    on_db!(conn, |c| follows::table
        .inner_join(accounts::table.on(accounts::id.eq(follows::target_id)))
        .filter(follows::account_id.eq(account_id))
        .filter(accounts::domain.ne(""))
        .limit(limit)
        .select(follows::target_id)
        .load(c)
        .await)
}

/// The follow request with this activity id.
#[boxed]
pub async fn request_by_uri(conn: &mut Conn, account_id: i64, uri: &str) -> Result<Option<Follow>> {
    on_db!(conn, |c| follow_requests::table
        .filter(follow_requests::account_id.eq(account_id))
        .filter(follow_requests::uri.eq(uri))
        .first::<Follow>(c)
        .await
        .optional())
}

/// The block with this activity id.
#[boxed]
pub async fn block_by_uri(conn: &mut Conn, account_id: i64, uri: &str) -> Result<Option<Block>> {
    on_db!(conn, |c| blocks::table
        .filter(blocks::account_id.eq(account_id))
        .filter(blocks::uri.eq(uri))
        .first::<Block>(c)
        .await
        .optional())
}

/// Whether any local account follows one.
#[boxed]
pub async fn followed_locally(conn: &mut Conn, target_id: i64) -> Result<bool> {
    let found: Option<i64> = on_db!(conn, |c| follows::table
        .inner_join(accounts::table.on(accounts::id.eq(follows::account_id)))
        .filter(follows::target_id.eq(target_id))
        .filter(accounts::domain.eq(""))
        .select(follows::id)
        .first(c)
        .await
        .optional())?;
    Ok(found.is_some())
}

/// Changes how an account follows another.
#[boxed]
pub async fn set_follow_options(
    conn: &mut Conn,
    id: i64,
    reblogs: bool,
    notify: bool,
    languages: &str,
) -> Result<()> {
    on_db!(conn, |c| diesel::update(follows::table.find(id))
        .set((
            follows::reblogs.eq(reblogs),
            follows::notify.eq(notify),
            follows::languages.eq(languages),
        ))
        .execute(c)
        .await)?;
    Ok(())
}

/// Changes the activity id of a follow: the same was sent again under another.
#[boxed]
pub async fn set_follow_uri(conn: &mut Conn, id: i64, uri: &str) -> Result<()> {
    on_db!(conn, |c| diesel::update(follows::table.find(id))
        .set(follows::uri.eq(uri))
        .execute(c)
        .await)?;
    Ok(())
}

/// Changes the activity id of a request to follow.
#[boxed]
pub async fn set_request_uri(conn: &mut Conn, id: i64, uri: &str) -> Result<()> {
    on_db!(conn, |c| diesel::update(follow_requests::table.find(id))
        .set(follow_requests::uri.eq(uri))
        .execute(c)
        .await)?;
    Ok(())
}

/// Changes how an account asks to follow another.
#[boxed]
pub async fn set_request_options(
    conn: &mut Conn,
    id: i64,
    reblogs: bool,
    notify: bool,
    languages: &str,
) -> Result<()> {
    on_db!(conn, |c| diesel::update(follow_requests::table.find(id))
        .set((
            follow_requests::reblogs.eq(reblogs),
            follow_requests::notify.eq(notify),
            follow_requests::languages.eq(languages),
        ))
        .execute(c)
        .await)?;
    Ok(())
}

/// The follows from one account to some others.
#[boxed]
pub async fn follows_to(conn: &mut Conn, account_id: i64, targets: &[i64]) -> Result<Vec<Follow>> {
    on_db!(conn, |c| follows::table
        .filter(follows::account_id.eq(account_id))
        .filter(follows::target_id.any_of(targets))
        .load::<Follow>(c)
        .await)
}

/// Which of some accounts follow this one.
#[boxed]
pub async fn followed_by(conn: &mut Conn, account_id: i64, others: &[i64]) -> Result<Vec<i64>> {
    on_db!(conn, |c| follows::table
        .filter(follows::target_id.eq(account_id))
        .filter(follows::account_id.any_of(others))
        .select(follows::account_id)
        .load(c)
        .await)
}

/// The requests from one account to some others.
#[boxed]
pub async fn requests_to(conn: &mut Conn, account_id: i64, targets: &[i64]) -> Result<Vec<Follow>> {
    on_db!(conn, |c| follow_requests::table
        .filter(follow_requests::account_id.eq(account_id))
        .filter(follow_requests::target_id.any_of(targets))
        .load::<Follow>(c)
        .await)
}

/// Which of some accounts ask to follow this one.
#[boxed]
pub async fn requested_by(conn: &mut Conn, account_id: i64, others: &[i64]) -> Result<Vec<i64>> {
    on_db!(conn, |c| follow_requests::table
        .filter(follow_requests::target_id.eq(account_id))
        .filter(follow_requests::account_id.any_of(others))
        .select(follow_requests::account_id)
        .load(c)
        .await)
}

/// All whom an account follows, at most `limit`: what decides on visibility is kept in memory
/// for those who read.
#[boxed]
pub async fn following_ids(
    conn: &mut Conn,
    account_id: i64,
    limit: i64,
) -> Result<Vec<(i64, bool)>> {
    on_db!(conn, |c| follows::table
        .filter(follows::account_id.eq(account_id))
        .order(follows::id.desc())
        .limit(limit)
        .select((follows::target_id, follows::reblogs))
        .load(c)
        .await)
}

/// All whom an account blocks, and all who block it.
#[boxed]
pub async fn block_ids(
    conn: &mut Conn,
    account_id: i64,
    limit: i64,
) -> Result<(Vec<i64>, Vec<i64>)> {
    let blocking = on_db!(conn, |c| blocks::table
        .filter(blocks::account_id.eq(account_id))
        .limit(limit)
        .select(blocks::target_id)
        .load(c)
        .await)?;
    let blocked_by = on_db!(conn, |c| blocks::table
        .filter(blocks::target_id.eq(account_id))
        .limit(limit)
        .select(blocks::account_id)
        .load(c)
        .await)?;
    Ok((blocking, blocked_by))
}

/// All an account's mutes.
#[boxed]
pub async fn mutes_of(conn: &mut Conn, account_id: i64, limit: i64) -> Result<Vec<Mute>> {
    on_db!(conn, |c| mutes::table
        .filter(mutes::account_id.eq(account_id))
        .limit(limit)
        .load::<Mute>(c)
        .await)
}

/// Removes mutes that ended before a time, at most `limit`; says how many went.
#[boxed]
pub async fn forget_mutes(conn: &mut Conn, time: i64, limit: i64) -> Result<usize> {
    let ended: Vec<Mute> = on_db!(conn, |c| mutes::table
        .filter(mutes::expires_at.lt(time))
        .limit(limit)
        .load::<Mute>(c)
        .await)?;
    let ids: Vec<i64> = ended.iter().map(|mute| mute.id).collect();
    let gone = on_db!(conn, |c| diesel::delete(
        mutes::table.filter(mutes::id.any_of(&ids))
    )
    .execute(c)
    .await)?;
    for mute in ended {
        conn.emit(Event::to(
            mute.account_id,
            Kind::RelationChanged,
            mute.target_id,
        ));
    }
    Ok(gone)
}

/// A position in a list of relations: the row's id, which clients see in Link headers alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Page {
    pub max_id: Option<i64>,
    pub since_id: Option<i64>,
    pub min_id: Option<i64>,
    pub limit: i64,
}

impl Page {
    /// What ids lie below and above, and whether the page is read upwards.
    pub fn bounds(self) -> (i64, i64, bool) {
        (
            self.max_id.unwrap_or(i64::MAX),
            self.min_id.or(self.since_id).unwrap_or(0),
            self.min_id.is_some(),
        )
    }
}

/// One page of accounts in relation to `account_id`, newest relation first, with the
/// relation's id.
#[boxed]
pub async fn page(
    conn: &mut Conn,
    list: List,
    account_id: i64,
    page: Page,
) -> Result<Vec<(i64, Account)>> {
    macro_rules! select {
        ($table:ident, $whose:ident, $other:ident) => {{
            let max = page.max_id.unwrap_or(i64::MAX);
            let min = page.min_id.or(page.since_id).unwrap_or(0);
            let rows = $table::table
                .inner_join(accounts::table.on(accounts::id.eq($table::$other)))
                .filter($table::$whose.eq(account_id))
                .filter($table::id.lt(max))
                .filter($table::id.gt(min))
                .filter(accounts::suspended_at.is_null())
                .filter(accounts::deleted_at.is_null())
                .limit(page.limit);
            if page.min_id.is_some() {
                let mut rows: Vec<(i64, Account)> = on_db!(conn, |c| rows
                    .order($table::id.asc())
                    .select(($table::id, Account::as_select()))
                    .load(c)
                    .await)?;
                rows.reverse();
                rows
            } else {
                on_db!(conn, |c| rows
                    .order($table::id.desc())
                    .select(($table::id, Account::as_select()))
                    .load(c)
                    .await)?
            }
        }};
    }
    Ok(match list {
        List::Followers => select!(follows, target_id, account_id),
        List::Following => select!(follows, account_id, target_id),
        List::Requests => select!(follow_requests, target_id, account_id),
        List::Blocks => select!(blocks, account_id, target_id),
        List::Mutes => select!(mutes, account_id, target_id),
    })
}

/// Local followers who asked to hear of each new post of an account.
#[boxed]
pub async fn watchers(conn: &mut Conn, target_id: i64) -> Result<Vec<Account>> {
    let rows = follows::table
        .inner_join(accounts::table.on(accounts::id.eq(follows::account_id)))
        .filter(follows::target_id.eq(target_id))
        .filter(follows::notify.eq(true))
        .filter(accounts::domain.eq(""))
        .limit(10_000);
    on_db!(conn, |c| rows.select(Account::as_select()).load(c).await)
}

/// Accounts that follow this one and are followed by it, at most `limit`.
#[boxed]
pub async fn mutual_ids(conn: &mut Conn, account_id: i64, limit: i64) -> Result<Vec<i64>> {
    let back = diesel::alias!(follows as back);
    let rows = follows::table
        .filter(follows::account_id.eq(account_id))
        .filter(diesel::dsl::exists(
            back.filter(back.field(follows::account_id).eq(follows::target_id))
                .filter(back.field(follows::target_id).eq(account_id)),
        ))
        .limit(limit)
        .select(follows::target_id);
    on_db!(conn, |c| rows.load(c).await)
}

/// How many ask to follow an account.
#[boxed]
pub async fn count_requests(conn: &mut Conn, target_id: i64) -> Result<i64> {
    on_db!(conn, |c| follow_requests::table
        .filter(follow_requests::target_id.eq(target_id))
        .count()
        .get_result(c)
        .await)
}
