//! Lists of accounts, and the timelines of lists.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::accounts::Account;
use super::any::AnyOfExt;
use super::relations::Page;
use super::schema::{accounts, follows, home_entries, list_entries, list_members, lists, statuses};
use super::timelines::language_patterns;
use super::{Conn, Result, kept, on_db};

/// A row of `lists`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = lists)]
pub struct List {
    pub id: i64,
    /// Whose it is.
    pub account_id: i64,
    pub title: String,
    /// `followed`, `list` or `none`.
    pub replies_policy: String,
    /// What its members post is not in the home.
    pub exclusive: bool,
    pub created_at: i64,
}

/// Adds a list.
#[boxed]
pub async fn insert(conn: &mut Conn, row: &List) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(lists::table)
        .values(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// Writes every column.
#[boxed]
pub async fn update(conn: &mut Conn, row: &List) -> Result<()> {
    on_db!(conn, |c| diesel::update(lists::table.find(row.id))
        .set(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// Removes a list with its members and its timeline.
#[boxed]
pub async fn delete(conn: &mut Conn, id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::delete(lists::table.find(id))
        .execute(c)
        .await)?;
    Ok(())
}

/// One list of an account.
#[boxed]
pub async fn by_id(conn: &mut Conn, account_id: i64, id: i64) -> Result<Option<List>> {
    on_db!(conn, |c| lists::table
        .find(id)
        .filter(lists::account_id.eq(account_id))
        .select(List::as_select())
        .first(c)
        .await
        .optional())
}

/// An account's lists, oldest first, at most `limit`.
#[boxed]
pub async fn of_account(conn: &mut Conn, account_id: i64, limit: i64) -> Result<Vec<List>> {
    on_db!(conn, |c| lists::table
        .filter(lists::account_id.eq(account_id))
        .order(lists::id)
        .limit(limit)
        .select(List::as_select())
        .load(c)
        .await)
}

/// An account's lists that have a member, oldest first.
#[boxed]
pub async fn with_member(conn: &mut Conn, account_id: i64, member: i64) -> Result<Vec<List>> {
    on_db!(conn, |c| list_members::table
        .inner_join(lists::table.on(lists::id.eq(list_members::list_id)))
        .filter(list_members::account_id.eq(member))
        .filter(lists::account_id.eq(account_id))
        .order(lists::id)
        .select(List::as_select())
        .load(c)
        .await)
}

/// Adds a member; false when it is one already.
#[boxed]
pub async fn add_member(conn: &mut Conn, id: i64, list_id: i64, account_id: i64) -> Result<bool> {
    let added = on_db!(conn, |c| diesel::insert_into(list_members::table)
        .values((
            list_members::id.eq(id),
            list_members::list_id.eq(list_id),
            list_members::account_id.eq(account_id),
        ))
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    Ok(added > 0)
}

/// Removes a member, and what it posted from the timeline; false when it was none.
#[boxed]
pub async fn remove_member(conn: &mut Conn, list_id: i64, account_id: i64) -> Result<bool> {
    let gone = on_db!(conn, |c| diesel::delete(
        list_members::table
            .filter(list_members::list_id.eq(list_id))
            .filter(list_members::account_id.eq(account_id))
    )
    .execute(c)
    .await)?;
    if gone > 0 {
        on_db!(conn, |c| diesel::delete(
            list_entries::table
                .filter(list_entries::list_id.eq(list_id))
                .filter(list_entries::author_id.eq(account_id))
        )
        .execute(c)
        .await)?;
    }
    Ok(gone > 0)
}

/// One page of a list's members, the last added first, with the membership's id.
#[boxed]
pub async fn members(conn: &mut Conn, list_id: i64, page: Page) -> Result<Vec<(i64, Account)>> {
    let max = page.max_id.unwrap_or(i64::MAX);
    let min = page.min_id.or(page.since_id).unwrap_or(0);
    let rows = list_members::table
        .inner_join(accounts::table.on(accounts::id.eq(list_members::account_id)))
        .filter(list_members::list_id.eq(list_id))
        .filter(list_members::id.lt(max))
        .filter(list_members::id.gt(min))
        .filter(accounts::suspended_at.is_null())
        .filter(accounts::deleted_at.is_null())
        .limit(page.limit);
    if page.min_id.is_some() {
        let mut rows: Vec<(i64, Account)> = on_db!(conn, |c| rows
            .order(list_members::id.asc())
            .select((list_members::id, Account::as_select()))
            .load(c)
            .await)?;
        rows.reverse();
        Ok(rows)
    } else {
        on_db!(conn, |c| rows
            .order(list_members::id.desc())
            .select((list_members::id, Account::as_select()))
            .load(c)
            .await)
    }
}

/// Puts a status into the timelines of lists its author is in.
///
/// `reply_to`: what a list's policy says of replies to that account counts. `reblog`: only where
/// the list's owner wants the author's reblogs. `language`: only where the owner wants the
/// author's posts in it.
#[boxed]
pub async fn fan_out(
    conn: &mut Conn,
    status_id: i64,
    author_id: i64,
    reply_to: Option<i64>,
    reblog: bool,
    language: Option<&str>,
) -> Result<usize> {
    use diesel::dsl::{AsExprOf, exists};
    use diesel::sql_types::{BigInt, Text};
    fn value(id: i64) -> AsExprOf<i64, BigInt> {
        id.into_sql::<BigInt>()
    }
    let [exact, base] = language_patterns(language);
    let wanted = || {
        ",".into_sql::<Text>()
            .concat(follows::languages)
            .concat(",")
    };
    let holding = list_members::table
        .inner_join(lists::table.on(lists::id.eq(list_members::list_id)))
        .inner_join(
            follows::table.on(follows::account_id
                .eq(lists::account_id)
                .and(follows::target_id.eq(list_members::account_id))),
        )
        .filter(list_members::account_id.eq(author_id))
        .filter(
            follows::languages
                .eq("")
                .or(wanted().like(exact))
                .or(wanted().like(base)),
        );
    macro_rules! put {
        ($lists:expr) => {
            on_db!(conn, |c| kept!(
                diesel::insert_into(list_entries::table)
                    .values($lists.select((lists::id, value(status_id), value(author_id))))
                    .into_columns((
                        list_entries::list_id,
                        list_entries::status_id,
                        list_entries::author_id,
                    ))
                    .on_conflict_do_nothing()
            )
            .execute(c)
            .await)
        };
    }
    let (also, knows) = diesel::alias!(list_members as also, follows as knows);
    match (reply_to.filter(|to| *to != author_id), reblog) {
        (Some(to), _) => {
            let fellow = exists(
                also.filter(also.field(list_members::list_id).eq(lists::id))
                    .filter(also.field(list_members::account_id).eq(to)),
            );
            let followed = exists(
                knows
                    .filter(knows.field(follows::account_id).eq(lists::account_id))
                    .filter(knows.field(follows::target_id).eq(to)),
            );
            put!(
                holding.filter(
                    lists::account_id
                        .eq(to)
                        .or(lists::replies_policy.eq("list").and(fellow))
                        .or(lists::replies_policy.eq("followed").and(followed))
                )
            )
        }
        (None, true) => put!(holding.filter(follows::reblogs.eq(true))),
        (None, false) => put!(holding),
    }
}

/// Puts a member's newest statuses into a list's timeline: what a new member shows at once.
/// Replies to others are left out.
#[boxed]
pub async fn backfill(conn: &mut Conn, list_id: i64, author_id: i64, limit: i64) -> Result<()> {
    let recent: Vec<i64> = on_db!(conn, |c| statuses::table
        .filter(statuses::account_id.eq(author_id))
        .filter(statuses::visibility.le(2))
        .filter(
            statuses::in_reply_to_account_id
                .is_null()
                .or(statuses::in_reply_to_account_id.eq(author_id))
        )
        .order(statuses::id.desc())
        .limit(limit)
        .select(statuses::id)
        .load(c)
        .await)?;
    for id in recent {
        on_db!(conn, |c| diesel::insert_into(list_entries::table)
            .values((
                list_entries::list_id.eq(list_id),
                list_entries::status_id.eq(id),
                list_entries::author_id.eq(author_id),
            ))
            .on_conflict_do_nothing()
            .execute(c)
            .await)?;
    }
    Ok(())
}

/// One page of a list's timeline: ids of statuses.
#[boxed]
pub async fn timeline(conn: &mut Conn, list_id: i64, page: Page) -> Result<Vec<i64>> {
    let max = page.max_id.unwrap_or(i64::MAX);
    let min = page.min_id.or(page.since_id).unwrap_or(0);
    let rows = list_entries::table
        .filter(list_entries::list_id.eq(list_id))
        .filter(list_entries::status_id.lt(max))
        .filter(list_entries::status_id.gt(min))
        .limit(page.limit)
        .select(list_entries::status_id);
    if page.min_id.is_some() {
        let mut ids: Vec<i64> = on_db!(conn, |c| rows
            .order(list_entries::status_id.asc())
            .load(c)
            .await)?;
        ids.reverse();
        Ok(ids)
    } else {
        on_db!(conn, |c| rows
            .order(list_entries::status_id.desc())
            .load(c)
            .await)
    }
}

/// The lists whose timeline holds a status, with their owners, at most `limit`.
#[boxed]
pub async fn holding(conn: &mut Conn, status_id: i64, limit: i64) -> Result<Vec<(i64, i64)>> {
    on_db!(conn, |c| list_entries::table
        .inner_join(lists::table.on(lists::id.eq(list_entries::list_id)))
        .filter(list_entries::status_id.eq(status_id))
        .limit(limit)
        .select((lists::id, lists::account_id))
        .load(c)
        .await)
}

/// Takes what members of a list posted out of its owner's home.
#[boxed]
pub async fn leave_home(conn: &mut Conn, list: &List) -> Result<()> {
    on_db!(conn, |c| diesel::delete(
        home_entries::table
            .filter(home_entries::account_id.eq(list.account_id))
            .filter(
                home_entries::author_id.eq_any(
                    list_members::table
                        .filter(list_members::list_id.eq(list.id))
                        .select(list_members::account_id)
                )
            )
    )
    .execute(c)
    .await)?;
    Ok(())
}

/// Puts a list's newest statuses into its owner's home, at most `limit`.
#[boxed]
pub async fn return_home(conn: &mut Conn, list: &List, limit: i64) -> Result<()> {
    let newest = Page {
        limit,
        ..Page::default()
    };
    let ids = timeline(conn, list.id, newest).await?;
    let authors: Vec<(i64, i64)> = on_db!(conn, |c| list_entries::table
        .filter(list_entries::list_id.eq(list.id))
        .filter(list_entries::status_id.any_of(&ids))
        .select((list_entries::status_id, list_entries::author_id))
        .load(c)
        .await)?;
    for (status, author) in authors {
        super::timelines::put_home(conn, &[list.account_id], status, author).await?;
    }
    Ok(())
}

/// Takes an account off every list of an owner; says whether it was on one.
#[boxed]
pub async fn drop_member(conn: &mut Conn, owner: i64, member: i64) -> Result<bool> {
    let lists = with_member(conn, owner, member).await?;
    for list in &lists {
        remove_member(conn, list.id, member).await?;
    }
    Ok(!lists.is_empty())
}
