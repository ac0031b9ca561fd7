//! What a policy for a domain would be about: accounts, posts and follows that are known here.
//! Counts stop at a bound, so that asking about a large server is cheap.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::{Conn, Result, on_db};

/// Accounts of a place that are looked at.
pub const ACCOUNTS: i64 = 100_000;

/// What is known of a place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, QueryableByName)]
pub struct Known {
    #[diesel(sql_type = BigInt)]
    pub accounts: i64,
    #[diesel(sql_type = BigInt)]
    pub statuses: i64,
    /// Follows of them by people here.
    #[diesel(sql_type = BigInt)]
    pub following: i64,
    /// Follows of people here by them.
    #[diesel(sql_type = BigInt)]
    pub followers: i64,
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// Accounts by the domain of their handles, or, `by_host`, those that are served by a host and
/// whose handles are not of the domain `under` or one below it.
fn some(by_host: bool) -> String {
    let place = if by_host {
        "delivery_host = $1 AND domain <> '' AND domain <> $2 \
         AND domain NOT LIKE '%.' || $2 AND domain NOT LIKE $2 || ':%'"
    } else {
        // The second parameter is there for either.
        "domain = $1 AND domain <> '' AND $2 <> ''"
    };
    format!("SELECT id FROM accounts WHERE {place} AND deleted_at IS NULL ORDER BY id LIMIT $3")
}

/// The numbers of a place.
#[boxed]
pub async fn known(conn: &mut Conn, by_host: bool, place: &str, under: &str) -> Result<Known> {
    let sql = format!(
        "SELECT COUNT(*) AS accounts, \
         CAST(COALESCE(SUM(s.statuses_count), 0) AS BIGINT) AS statuses, \
         CAST(COALESCE(SUM(s.followers_count), 0) AS BIGINT) AS following, \
         CAST(COALESCE(SUM(s.following_count), 0) AS BIGINT) AS followers \
         FROM ({}) a LEFT JOIN account_stats s ON s.account_id = a.id",
        some(by_host)
    );
    on_db!(conn, |c| diesel::sql_query(&sql)
        .bind::<Text, _>(place)
        .bind::<Text, _>(under)
        .bind::<BigInt, _>(ACCOUNTS)
        .get_result(c)
        .await)
}

/// People here who follow accounts of a place, or are followed by them.
#[boxed]
pub async fn people(conn: &mut Conn, by_host: bool, place: &str, under: &str) -> Result<Vec<i64>> {
    let some = some(by_host);
    let mut all = Vec::new();
    for (ours, theirs) in [("account_id", "target_id"), ("target_id", "account_id")] {
        let sql = format!(
            "SELECT DISTINCT f.{ours} AS id FROM ({some}) a \
             JOIN follows f ON f.{theirs} = a.id LIMIT $3"
        );
        let rows: Vec<Id> = on_db!(conn, |c| diesel::sql_query(&sql)
            .bind::<Text, _>(place)
            .bind::<Text, _>(under)
            .bind::<BigInt, _>(ACCOUNTS)
            .load(c)
            .await)?;
        all.extend(rows.into_iter().map(|row| row.id));
    }
    Ok(all)
}

/// The accounts of a place that most people here have to do with, with the number of follows.
#[boxed]
pub async fn sample(
    conn: &mut Conn,
    by_host: bool,
    place: &str,
    under: &str,
    limit: i64,
) -> Result<Vec<(i64, i64)>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        id: i64,
        #[diesel(sql_type = BigInt)]
        follows: i64,
    }
    let sql = format!(
        "SELECT a.id AS id, COALESCE(s.followers_count + s.following_count, 0) AS follows \
         FROM ({}) a LEFT JOIN account_stats s ON s.account_id = a.id \
         ORDER BY follows DESC, a.id LIMIT $4",
        some(by_host)
    );
    let rows: Vec<Row> = on_db!(conn, |c| diesel::sql_query(&sql)
        .bind::<Text, _>(place)
        .bind::<Text, _>(under)
        .bind::<BigInt, _>(ACCOUNTS)
        .bind::<BigInt, _>(limit)
        .load(c)
        .await)?;
    Ok(rows.into_iter().map(|row| (row.id, row.follows)).collect())
}
