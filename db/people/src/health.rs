//! What tells whether a database, and what waits in it, is well.

use std::collections::HashSet;

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::accounts::AccountKey;
use super::any::AnyOfExt;
use super::schema::{account_keys, accounts, hosts};
use super::{Conn, Result, deliveries, hosts as known_hosts, on_db};

/// What waits, and since when; times are milliseconds since the epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Queues {
    /// When the oldest activity arrived that is not worked on yet.
    pub inbox_since: Option<i64>,
    /// Activities that were set aside, up to [`MOST`].
    pub set_aside: i64,
    /// When the delivery was due that has waited longest, of hosts that answer.
    pub deliveries_since: Option<i64>,
    /// When the job was due that has waited longest.
    pub jobs_since: Option<i64>,
    /// Jobs that were given up, up to [`MOST`].
    pub failed_jobs: i64,
}

/// Where counting ends.
pub const MOST: i64 = 10_000;
/// Hosts that are looked at.
const HOSTS: i64 = 1000;

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

#[derive(QueryableByName)]
struct Words {
    #[diesel(sql_type = Text)]
    text: String,
}

async fn number(conn: &mut Conn, sql: String) -> Result<i64> {
    let row: Number = on_db!(conn, |c| diesel::sql_query(sql).get_result(c).await)?;
    Ok(row.n)
}

async fn first(conn: &mut Conn, sql: &str) -> Result<Option<i64>> {
    let row: Option<Number> = on_db!(conn, |c| diesel::sql_query(sql)
        .get_result(c)
        .await
        .optional())?;
    Ok(row.map(|row| row.n))
}

/// Counts rows up to [`MOST`].
fn count(rows: &str) -> String {
    format!("SELECT count(*) AS n FROM (SELECT 1 FROM {rows} LIMIT {MOST}) AS counted")
}

/// What waits for a host in trouble is not late.
async fn deliveries_since(conn: &mut Conn) -> Result<Option<i64>> {
    let waiting = deliveries::waiting_hosts(conn, HOSTS).await?;
    let names: Vec<String> = waiting.iter().map(|w| w.host.clone()).collect();
    let known = known_hosts::by_names(conn, &names).await?;
    let troubled: HashSet<String> = known
        .into_iter()
        .filter(|host| host.failing_since.is_some() || host.retry_at.is_some())
        .map(|host| host.host)
        .collect();
    let well = waiting.iter().filter(|w| !troubled.contains(&w.host));
    Ok(well.map(|w| w.next_at).min())
}

/// What waits.
#[boxed]
pub async fn queues(conn: &mut Conn) -> Result<Queues> {
    let inbox = "SELECT received_at AS n FROM inbox_queue WHERE state = 0 ORDER BY id LIMIT 1";
    let jobs = "SELECT run_at AS n FROM jobs WHERE failed_at IS NULL AND leased_until = 0 \
                ORDER BY run_at LIMIT 1";
    Ok(Queues {
        inbox_since: first(conn, inbox).await?,
        set_aside: number(conn, count("inbox_queue WHERE state = 2")).await?,
        deliveries_since: deliveries_since(conn).await?,
        jobs_since: first(conn, jobs).await?,
        failed_jobs: number(conn, count("jobs WHERE failed_at IS NOT NULL")).await?,
    })
}

/// What the database's own check finds, and how it is set up: on SQLite `ok` and the journal's
/// mode, on PostgreSQL `ok` and its version's number (`150004`).
#[boxed]
pub async fn state(conn: &mut Conn) -> Result<(String, String)> {
    let (check, setup) = match conn.is_postgres() {
        true => (
            "SELECT 'ok' AS text",
            "SELECT current_setting('server_version_num') AS text",
        ),
        false => (
            "SELECT quick_check AS text FROM pragma_quick_check LIMIT 1",
            "SELECT journal_mode AS text FROM pragma_journal_mode",
        ),
    };
    let found: Words = on_db!(conn, |c| diesel::sql_query(check).get_result(c).await)?;
    let setup: Words = on_db!(conn, |c| diesel::sql_query(setup).get_result(c).await)?;
    Ok((found.text, setup.text))
}

/// Keys of the newest local accounts, and of one by name.
#[boxed]
pub async fn keys_of_some(conn: &mut Conn, name: &str, limit: i64) -> Result<Vec<AccountKey>> {
    let mut ids: Vec<i64> = on_db!(conn, |c| accounts::table
        .filter(accounts::domain.eq(""))
        .filter(accounts::deleted_at.is_null())
        .order(accounts::id.desc())
        .limit(limit)
        .select(accounts::id)
        .load(c)
        .await)?;
    if let Some(named) = super::accounts::by_handle(conn, name, "").await? {
        ids.push(named.id);
    }
    on_db!(conn, |c| account_keys::table
        .filter(account_keys::account_id.any_of(&ids))
        .select(AccountKey::as_select())
        .load(c)
        .await)
}

/// Hosts that answered lately, the latest first.
#[boxed]
pub async fn answering_hosts(conn: &mut Conn, limit: i64) -> Result<Vec<String>> {
    on_db!(conn, |c| hosts::table
        .filter(hosts::last_success_at.is_not_null())
        .filter(hosts::failing_since.is_null())
        .order(hosts::last_success_at.desc())
        .limit(limit)
        .select(hosts::host)
        .load(c)
        .await)
}

/// Processes that said after a time that they run.
#[boxed]
pub async fn running_since(conn: &mut Conn, time: i64) -> Result<i64> {
    number(
        conn,
        format!("SELECT count(*) AS n FROM processes WHERE seen_at > {time}"),
    )
    .await
}

/// How much waits, each up to [`MOST`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    pub inbox: i64,
    pub deliveries: i64,
    pub jobs: i64,
}

/// How much waits.
#[boxed]
pub async fn waiting(conn: &mut Conn) -> Result<Waiting> {
    Ok(Waiting {
        inbox: number(conn, count("inbox_queue WHERE state = 0")).await?,
        deliveries: number(conn, count("deliveries WHERE state = 0")).await?,
        jobs: number(conn, count("jobs WHERE failed_at IS NULL")).await?,
    })
}
