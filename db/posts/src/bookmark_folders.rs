//! Folders of bookmarks. What is in one goes with its bookmark.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::relations::Page;
use super::schema::{bookmark_folder_items, bookmark_folders, bookmarks};
use super::{Conn, Result, on_db};

/// A row of `bookmark_folders`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = bookmark_folders)]
pub struct Folder {
    pub id: i64,
    pub account_id: i64,
    pub name: String,
    /// The name as it is compared.
    pub name_key: String,
    pub created_at: i64,
}

/// Adds a folder; false when the account has one of that name.
#[boxed]
pub async fn insert(conn: &mut Conn, row: &Folder) -> Result<bool> {
    let added = on_db!(conn, |c| diesel::insert_into(bookmark_folders::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    Ok(added > 0)
}

/// Renames a folder.
#[boxed]
pub async fn rename(conn: &mut Conn, row: &Folder) -> Result<()> {
    on_db!(conn, |c| diesel::update(
        bookmark_folders::table.find(row.id)
    )
    .set((
        bookmark_folders::name.eq(&row.name),
        bookmark_folders::name_key.eq(&row.name_key),
    ))
    .execute(c)
    .await)?;
    Ok(())
}

/// A folder of an account.
#[boxed]
pub async fn by_id(conn: &mut Conn, account_id: i64, id: i64) -> Result<Option<Folder>> {
    on_db!(conn, |c| bookmark_folders::table
        .find(id)
        .filter(bookmark_folders::account_id.eq(account_id))
        .select(Folder::as_select())
        .first(c)
        .await
        .optional())
}

/// The folder of an account with a name as it is compared.
#[boxed]
pub async fn by_name(conn: &mut Conn, account_id: i64, key: &str) -> Result<Option<Folder>> {
    on_db!(conn, |c| bookmark_folders::table
        .filter(bookmark_folders::account_id.eq(account_id))
        .filter(bookmark_folders::name_key.eq(key))
        .select(Folder::as_select())
        .first(c)
        .await
        .optional())
}

/// How many folders an account has.
#[boxed]
pub async fn count(conn: &mut Conn, account_id: i64) -> Result<i64> {
    on_db!(conn, |c| bookmark_folders::table
        .filter(bookmark_folders::account_id.eq(account_id))
        .count()
        .get_result(c)
        .await)
}

/// One page of an account's folders, the newest first.
#[boxed]
pub async fn page(conn: &mut Conn, account_id: i64, page: Page) -> Result<Vec<Folder>> {
    let max = page.max_id.unwrap_or(i64::MAX);
    let min = page.min_id.or(page.since_id).unwrap_or(0);
    let rows = bookmark_folders::table
        .filter(bookmark_folders::account_id.eq(account_id))
        .filter(bookmark_folders::id.lt(max))
        .filter(bookmark_folders::id.gt(min))
        .limit(page.limit);
    if page.min_id.is_some() {
        let mut rows: Vec<Folder> = on_db!(conn, |c| rows
            .order(bookmark_folders::id.asc())
            .select(Folder::as_select())
            .load(c)
            .await)?;
        rows.reverse();
        Ok(rows)
    } else {
        on_db!(conn, |c| rows
            .order(bookmark_folders::id.desc())
            .select(Folder::as_select())
            .load(c)
            .await)
    }
}

/// Removes a folder of an account, not its bookmarks; false when it is not there.
#[boxed]
pub async fn delete(conn: &mut Conn, account_id: i64, id: i64) -> Result<bool> {
    let gone = on_db!(conn, |c| diesel::delete(
        bookmark_folders::table
            .find(id)
            .filter(bookmark_folders::account_id.eq(account_id))
    )
    .execute(c)
    .await)?;
    Ok(gone > 0)
}

/// Puts an account's bookmark of a status into a folder; once in it, it stays where it is.
#[boxed]
pub async fn put(
    conn: &mut Conn,
    id: i64,
    folder_id: i64,
    account_id: i64,
    status_id: i64,
) -> Result<()> {
    let bookmark: Option<i64> = on_db!(conn, |c| bookmarks::table
        .filter(bookmarks::account_id.eq(account_id))
        .filter(bookmarks::status_id.eq(status_id))
        .select(bookmarks::id)
        .first(c)
        .await
        .optional())?;
    let Some(bookmark) = bookmark else {
        return Ok(());
    };
    on_db!(conn, |c| diesel::insert_into(bookmark_folder_items::table)
        .values((
            bookmark_folder_items::id.eq(id),
            bookmark_folder_items::folder_id.eq(folder_id),
            bookmark_folder_items::bookmark_id.eq(bookmark),
            bookmark_folder_items::status_id.eq(status_id),
        ))
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    Ok(())
}

/// Takes a status out of a folder; false when it is not in it.
#[boxed]
pub async fn take_out(
    conn: &mut Conn,
    folder_id: i64,
    account_id: i64,
    status_id: i64,
) -> Result<bool> {
    let gone = on_db!(conn, |c| diesel::delete(
        bookmark_folder_items::table
            .filter(bookmark_folder_items::folder_id.eq(folder_id))
            .filter(
                bookmark_folder_items::bookmark_id.eq_any(
                    bookmarks::table
                        .filter(bookmarks::account_id.eq(account_id))
                        .filter(bookmarks::status_id.eq(status_id))
                        .select(bookmarks::id)
                )
            )
    )
    .execute(c)
    .await)?;
    Ok(gone > 0)
}

/// One page of what is in a folder, what was put in last first: positions, and the statuses.
#[boxed]
pub async fn items(conn: &mut Conn, folder_id: i64, page: Page) -> Result<Vec<(i64, i64)>> {
    let max = page.max_id.unwrap_or(i64::MAX);
    let min = page.min_id.or(page.since_id).unwrap_or(0);
    let rows = bookmark_folder_items::table
        .filter(bookmark_folder_items::folder_id.eq(folder_id))
        .filter(bookmark_folder_items::id.lt(max))
        .filter(bookmark_folder_items::id.gt(min))
        .limit(page.limit)
        .select((bookmark_folder_items::id, bookmark_folder_items::status_id));
    if page.min_id.is_some() {
        let mut rows: Vec<(i64, i64)> = on_db!(conn, |c| rows
            .order(bookmark_folder_items::id.asc())
            .load(c)
            .await)?;
        rows.reverse();
        Ok(rows)
    } else {
        on_db!(conn, |c| rows
            .order(bookmark_folder_items::id.desc())
            .load(c)
            .await)
    }
}
