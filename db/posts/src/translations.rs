//! Translations that were made.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::schema::translations;
use super::{Conn, Result, on_db};

/// The translation of a status's text as of an edit (0: never edited), as JSON.
#[boxed]
pub async fn find(
    conn: &mut Conn,
    status_id: i64,
    target: &str,
    edited_at: i64,
) -> Result<Option<String>> {
    on_db!(conn, |c| translations::table
        .find((status_id, target))
        .filter(translations::edited_at.eq(edited_at))
        .select(translations::payload)
        .first(c)
        .await
        .optional())
}

/// Keeps a translation, in the place of an older one.
#[boxed]
pub async fn put(
    conn: &mut Conn,
    status_id: i64,
    target: &str,
    edited_at: i64,
    payload: &str,
    now: i64,
) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(translations::table)
        .values((
            translations::status_id.eq(status_id),
            translations::target.eq(target),
            translations::edited_at.eq(edited_at),
            translations::payload.eq(payload),
            translations::created_at.eq(now),
        ))
        .on_conflict((translations::status_id, translations::target))
        .do_update()
        .set((
            translations::edited_at.eq(edited_at),
            translations::payload.eq(payload),
            translations::created_at.eq(now),
        ))
        .execute(c)
        .await)?;
    Ok(())
}

/// Forgets translations made before a time, at most `limit`; says how many went.
#[boxed]
pub async fn forget_before(conn: &mut Conn, time: i64, limit: i64) -> Result<usize> {
    let old: Vec<(i64, String)> = on_db!(conn, |c| translations::table
        .filter(translations::created_at.lt(time))
        .order(translations::created_at)
        .limit(limit)
        .select((translations::status_id, translations::target))
        .load(c)
        .await)?;
    for (status, target) in &old {
        on_db!(conn, |c| diesel::delete(
            translations::table.find((*status, target))
        )
        .execute(c)
        .await)?;
    }
    Ok(old.len())
}
