//! Outgoing activities and who they are for. Delivering them is [`super::deliveries`].

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::any::AnyOfExt;
use super::schema::{accounts, deliveries, follows, outgoing_activities};
use super::{Conn, Result, on_db};

/// A row of `outgoing_activities`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = outgoing_activities)]
pub struct OutgoingActivity {
    pub id: i64,
    /// The local actor that signs it.
    pub account_id: i64,
    pub kind: String,
    /// `domain::outgoing::Outgoing` as JSON.
    pub payload: String,
    pub created_at: i64,
    /// The span that it comes from.
    pub trace: Option<String>,
}

/// Adds an activity.
#[boxed]
pub async fn insert(conn: &mut Conn, row: &OutgoingActivity) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(outgoing_activities::table)
        .values(row)
        .execute(c)
        .await)?;
    Ok(())
}

macro_rules! deliver {
    ($conn:expr, $activity:expr, $now:expr, $accounts:expr) => {{
        use diesel::sql_types::SmallInt;
        let reachable = $accounts
            .filter(accounts::domain.ne(""))
            .filter(accounts::delivery_url.ne(""))
            .filter(accounts::suspended_at.is_null())
            .filter(accounts::deleted_at.is_null());
        on_db!($conn, |c| diesel::insert_into(deliveries::table)
            .values(
                reachable
                    .select((
                        $activity.into_sql::<BigInt>(),
                        accounts::delivery_url,
                        accounts::delivery_host,
                        0i16.into_sql::<SmallInt>(),
                        0i64.into_sql::<BigInt>(),
                        $now.into_sql::<BigInt>(),
                        0i64.into_sql::<BigInt>(),
                        "".into_sql::<Text>(),
                    ))
                    .distinct()
            )
            .into_columns((
                deliveries::activity_id,
                deliveries::inbox,
                deliveries::host,
                deliveries::state,
                deliveries::attempts,
                deliveries::next_at,
                deliveries::leased_until,
                deliveries::last_error,
            ))
            .on_conflict_do_nothing()
            .execute(c)
            .await)
    }};
}

/// One delivery for each distinct inbox of an account's remote followers; says how many.
#[boxed]
pub async fn to_followers(
    conn: &mut Conn,
    activity_id: i64,
    account_id: i64,
    now: i64,
) -> Result<usize> {
    deliver!(
        conn,
        activity_id,
        now,
        follows::table
            .inner_join(accounts::table.on(accounts::id.eq(follows::account_id)))
            .filter(follows::target_id.eq(account_id))
    )
}

/// One delivery for each distinct inbox of the given accounts; says how many.
#[boxed]
pub async fn to_accounts(
    conn: &mut Conn,
    activity_id: i64,
    ids: &[i64],
    now: i64,
) -> Result<usize> {
    if ids.is_empty() {
        return Ok(0);
    }
    deliver!(
        conn,
        activity_id,
        now,
        accounts::table.filter(accounts::id.any_of(ids))
    )
}

/// Inboxes of one statement.
const INBOXES: usize = 1000;

/// One delivery for each inbox that is named, with its host; says how many.
#[boxed]
pub async fn to_inboxes(
    conn: &mut Conn,
    activity_id: i64,
    inboxes: &[(String, String)],
    now: i64,
) -> Result<usize> {
    let rows = match conn.is_postgres() {
        true => "jsonb_array_elements(CAST($3 AS jsonb)) AS rows(value)",
        false => "json_each($3)",
    };
    // SQLite numbers parameters as it comes upon them, and takes ON CONFLICT for the end of a join where
    // no condition comes before it.
    let sql = format!(
        "INSERT INTO deliveries \
         (activity_id, inbox, host, state, attempts, next_at, leased_until, last_error) \
         SELECT $1, value->>0, value->>1, 0, 0, $2, 0, '' FROM {rows} WHERE true \
         ON CONFLICT DO NOTHING"
    );
    let mut written = 0;
    for some in inboxes.chunks(INBOXES) {
        // Texts: this cannot fail.
        let list = serde_json::to_string(some).unwrap_or_else(|_| "[]".to_owned());
        written += on_db!(conn, |c| diesel::sql_query(sql.as_str())
            .bind::<BigInt, _>(activity_id)
            .bind::<BigInt, _>(now)
            .bind::<Text, _>(&list)
            .execute(c)
            .await)?;
    }
    Ok(written)
}

/// Removes an activity that nobody is to get.
#[boxed]
pub async fn delete(conn: &mut Conn, id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::delete(
        outgoing_activities::table.find(id)
    )
    .execute(c)
    .await)?;
    Ok(())
}

/// Activities by id, in no order.
#[boxed]
pub async fn by_ids(conn: &mut Conn, ids: &[i64]) -> Result<Vec<OutgoingActivity>> {
    on_db!(conn, |c| outgoing_activities::table
        .filter(outgoing_activities::id.any_of(ids))
        .load::<OutgoingActivity>(c)
        .await)
}

/// The newest activities of an account, at most `limit`; those alone that name something, where
/// it is given.
#[boxed]
pub async fn of_account(
    conn: &mut Conn,
    account_id: i64,
    about: Option<&str>,
    limit: i64,
) -> Result<Vec<OutgoingActivity>> {
    let escaped = about
        .unwrap_or_default()
        .replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_");
    let pattern = format!("%{escaped}%");
    on_db!(conn, |c| outgoing_activities::table
        .filter(outgoing_activities::account_id.eq(account_id))
        .filter(outgoing_activities::payload.like(&pattern).escape('\\'))
        .order(outgoing_activities::id.desc())
        .limit(limit)
        .select(OutgoingActivity::as_select())
        .load(c)
        .await)
}
