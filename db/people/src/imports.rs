//! Files that users brought along, and how far they are worked off.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::schema::{account_imports, import_lines};
use super::{Conn, Result, on_db};

/// A row of `account_imports`, without the file.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = account_imports)]
pub struct Import {
    pub id: i64,
    pub account_id: i64,
    /// As in `domain::exports::Kind`.
    pub kind: String,
    /// Whether what is not in the file goes.
    pub overwrite: bool,
    /// Lines of the file.
    pub total: i64,
    /// Those worked off.
    pub position: i64,
    /// Those of which nothing came.
    pub failed: i64,
    pub created_at: i64,
    pub finished_at: Option<i64>,
}

/// A row of `import_lines`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = import_lines)]
pub struct Line {
    pub import_id: i64,
    /// Of the file, from 0.
    pub position: i64,
    /// The account, status or filter that it is about.
    pub subject_id: Option<i64>,
    /// What it says.
    pub text: String,
    /// Why nothing came of it; empty where something did.
    pub error: String,
}

/// Adds an import with its file.
#[boxed]
pub async fn insert(conn: &mut Conn, row: &Import, body: &str) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(account_imports::table)
        .values((
            account_imports::id.eq(row.id),
            account_imports::account_id.eq(row.account_id),
            account_imports::kind.eq(&row.kind),
            account_imports::overwrite.eq(row.overwrite),
            account_imports::body.eq(body),
            account_imports::total.eq(row.total),
            account_imports::position.eq(row.position),
            account_imports::failed.eq(row.failed),
            account_imports::created_at.eq(row.created_at),
            account_imports::finished_at.eq(row.finished_at),
        ))
        .execute(c)
        .await)?;
    Ok(())
}

/// Imports of an account, newest first, below an id.
#[boxed]
pub async fn of_account(
    conn: &mut Conn,
    account_id: i64,
    below: i64,
    limit: i64,
) -> Result<Vec<Import>> {
    on_db!(conn, |c| account_imports::table
        .filter(account_imports::account_id.eq(account_id))
        .filter(account_imports::id.lt(below))
        .order(account_imports::id.desc())
        .limit(limit)
        .select(Import::as_select())
        .load(c)
        .await)
}

/// How many imports of an account are not worked off.
#[boxed]
pub async fn count_open(conn: &mut Conn, account_id: i64) -> Result<i64> {
    on_db!(conn, |c| account_imports::table
        .filter(account_imports::account_id.eq(account_id))
        .filter(account_imports::finished_at.is_null())
        .count()
        .get_result(c)
        .await)
}

/// One import.
#[boxed]
pub async fn by_id(conn: &mut Conn, id: i64) -> Result<Option<Import>> {
    on_db!(conn, |c| account_imports::table
        .find(id)
        .select(Import::as_select())
        .first(c)
        .await
        .optional())
}

/// The file of an import.
#[boxed]
pub async fn body(conn: &mut Conn, id: i64) -> Result<Option<String>> {
    on_db!(conn, |c| account_imports::table
        .find(id)
        .select(account_imports::body)
        .first(c)
        .await
        .optional())
}

/// A line is worked off; false where another process was quicker.
#[boxed]
pub async fn advance(conn: &mut Conn, line: &Line) -> Result<bool> {
    let failed = i64::from(!line.error.is_empty());
    let moved = on_db!(conn, |c| diesel::update(
        account_imports::table
            .find(line.import_id)
            .filter(account_imports::position.eq(line.position))
    )
    .set((
        account_imports::position.eq(line.position + 1),
        account_imports::failed.eq(account_imports::failed + failed),
    ))
    .execute(c)
    .await)?;
    if moved == 0 {
        return Ok(false);
    }
    on_db!(conn, |c| diesel::insert_into(import_lines::table)
        .values(line)
        .execute(c)
        .await)?;
    Ok(true)
}

/// What the lines of an import were about, with their positions, above one.
#[boxed]
pub async fn subjects(
    conn: &mut Conn,
    id: i64,
    above: i64,
    limit: i64,
) -> Result<Vec<(i64, Option<i64>)>> {
    on_db!(conn, |c| import_lines::table
        .filter(import_lines::import_id.eq(id))
        .filter(import_lines::position.gt(above))
        .order(import_lines::position)
        .limit(limit)
        .select((import_lines::position, import_lines::subject_id))
        .load(c)
        .await)
}

/// Lines of which nothing came, above a position.
#[boxed]
pub async fn failures(conn: &mut Conn, id: i64, above: i64, limit: i64) -> Result<Vec<Line>> {
    on_db!(conn, |c| import_lines::table
        .filter(import_lines::import_id.eq(id))
        .filter(import_lines::position.gt(above))
        .filter(import_lines::error.ne(""))
        .order(import_lines::position)
        .limit(limit)
        .select(Line::as_select())
        .load(c)
        .await)
}

/// An import is worked off: the file goes, and what its lines were about.
#[boxed]
pub async fn finish(conn: &mut Conn, id: i64, now: i64) -> Result<()> {
    on_db!(conn, |c| diesel::update(account_imports::table.find(id))
        .set((
            account_imports::finished_at.eq(Some(now)),
            account_imports::body.eq(""),
        ))
        .execute(c)
        .await)?;
    on_db!(conn, |c| diesel::delete(
        import_lines::table
            .filter(import_lines::import_id.eq(id))
            .filter(import_lines::error.eq(""))
    )
    .execute(c)
    .await)?;
    Ok(())
}

/// Forgets the imports of an account that are worked off, but for the newest.
#[boxed]
pub async fn keep_newest(conn: &mut Conn, account_id: i64, number: i64) -> Result<()> {
    let old: Option<i64> = on_db!(conn, |c| account_imports::table
        .filter(account_imports::account_id.eq(account_id))
        .order(account_imports::id.desc())
        .offset(number)
        .select(account_imports::id)
        .first(c)
        .await
        .optional())?;
    let Some(old) = old else { return Ok(()) };
    on_db!(conn, |c| diesel::delete(
        account_imports::table
            .filter(account_imports::account_id.eq(account_id))
            .filter(account_imports::id.le(old))
            .filter(account_imports::finished_at.is_not_null())
    )
    .execute(c)
    .await)?;
    Ok(())
}
