//! Numbers about the server for its moderators: by day, and by what there is most of.
//!
//! Each is read from an index over the time asked for, or stops at a bound ([`MOST`]).

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::schema::active_days;
use super::{Conn, Result, on_db};

/// Statuses, accounts and registrations that are looked at for one number.
pub const MOST: i64 = 50_000;

/// A number of a day (days since the epoch); of a sum, the day is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct Count {
    #[diesel(sql_type = BigInt)]
    pub day: i64,
    #[diesel(sql_type = BigInt)]
    pub number: i64,
}

/// How often a name occurs.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Named {
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = BigInt)]
    pub number: i64,
}

/// What is counted of the whole server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ours {
    /// Users who were here; by days.
    Active,
    /// The same, each once; by days.
    ActiveOnce,
    /// Likes, boosts and replies to posts from here; by days.
    Interactions,
    /// Registrations; by milliseconds.
    Users,
    /// Reports by when they came; by ids.
    Opened,
    /// Reports by when they were settled; by milliseconds.
    Resolved,
}

/// Counts something of the whole server from one point (included) to another (not).
#[boxed]
pub async fn ours(conn: &mut Conn, what: Ours, from: i64, to: i64) -> Result<Vec<Count>> {
    let sql = match what {
        Ours::Active => {
            "SELECT day, COUNT(*) AS number FROM active_days \
             WHERE day >= $1 AND day < $2 GROUP BY day"
        }
        Ours::ActiveOnce => {
            "SELECT CAST(0 AS BIGINT) AS day, COUNT(DISTINCT account_id) AS number \
             FROM active_days WHERE day >= $1 AND day < $2"
        }
        Ours::Interactions => {
            "SELECT day, CAST(SUM(likes + comments + shares) AS BIGINT) AS number \
             FROM account_days WHERE day >= $1 AND day < $2 GROUP BY day"
        }
        Ours::Users => {
            "SELECT created_at / 86400000 AS day, COUNT(*) AS number FROM users \
             WHERE created_at >= $1 AND created_at < $2 GROUP BY 1"
        }
        Ours::Opened => {
            "SELECT (id >> 16) / 86400000 AS day, COUNT(*) AS number FROM reports \
             WHERE id >= $1 AND id < $2 GROUP BY 1"
        }
        Ours::Resolved => {
            "SELECT action_taken_at / 86400000 AS day, COUNT(*) AS number FROM reports \
             WHERE action_taken_at IS NOT NULL AND action_taken_at >= $1 AND action_taken_at < $2 \
             GROUP BY 1"
        }
    };
    on_db!(conn, |c| diesel::sql_query(sql)
        .bind::<BigInt, _>(from)
        .bind::<BigInt, _>(to)
        .load(c)
        .await)
}

/// Statuses with a tag, newest first, at most [`MOST`].
const TAGGED: &str = "(SELECT status_id FROM status_tags \
     WHERE tag_id = $1 AND status_id >= $2 AND status_id < $3 \
     ORDER BY status_id DESC LIMIT $4) t \
     JOIN statuses s ON s.id = t.status_id JOIN accounts a ON a.id = s.account_id";

/// From how many servers a tag was used, by day and (day 0) altogether; between two ids.
#[boxed]
pub async fn tag_servers(conn: &mut Conn, tag_id: i64, from: i64, to: i64) -> Result<Vec<Count>> {
    let mut all = Vec::new();
    for (day, group) in [
        ("(s.id >> 16) / 86400000", "GROUP BY 1"),
        ("CAST(0 AS BIGINT)", ""),
    ] {
        let sql = format!(
            "SELECT {day} AS day, COUNT(DISTINCT a.domain) AS number FROM {TAGGED} {group}"
        );
        let rows: Vec<Count> = on_db!(conn, |c| diesel::sql_query(&sql)
            .bind::<BigInt, _>(tag_id)
            .bind::<BigInt, _>(from)
            .bind::<BigInt, _>(to)
            .bind::<BigInt, _>(MOST)
            .load(c)
            .await)?;
        all.extend(rows);
    }
    Ok(all)
}

/// The servers (of ours, no name) or languages that a tag was used from or in most.
#[boxed]
pub async fn most_of_tag(
    conn: &mut Conn,
    tag_id: i64,
    languages: bool,
    from: i64,
    to: i64,
    limit: i64,
) -> Result<Vec<Named>> {
    let name = if languages {
        "COALESCE(s.language, '')"
    } else {
        "a.domain"
    };
    let sql = format!(
        "SELECT {name} AS name, COUNT(*) AS number FROM {TAGGED} \
         GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT $5"
    );
    on_db!(conn, |c| diesel::sql_query(&sql)
        .bind::<BigInt, _>(tag_id)
        .bind::<BigInt, _>(from)
        .bind::<BigInt, _>(to)
        .bind::<BigInt, _>(MOST)
        .bind::<BigInt, _>(limit)
        .load(c)
        .await)
}

/// What is counted of another server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theirs {
    Accounts,
    Statuses,
    /// Reports about its accounts.
    Reports,
    /// Follows of people here by its accounts.
    Follows,
    /// Follows of its accounts by people here.
    Followers,
}

/// Accounts of a domain, at most [`MOST`].
const OF_DOMAIN: &str =
    "(SELECT id FROM accounts WHERE domain = $1 AND domain <> '' ORDER BY id LIMIT $2) a";

/// Counts something of another server by day, between two ids.
#[boxed]
pub async fn theirs(
    conn: &mut Conn,
    what: Theirs,
    domain: &str,
    from: i64,
    to: i64,
) -> Result<Vec<Count>> {
    let rows = match what {
        Theirs::Accounts => format!("{OF_DOMAIN} JOIN accounts r ON r.id = a.id"),
        Theirs::Statuses => format!("{OF_DOMAIN} JOIN statuses r ON r.account_id = a.id"),
        Theirs::Reports => format!("{OF_DOMAIN} JOIN reports r ON r.target_id = a.id"),
        Theirs::Follows => format!("{OF_DOMAIN} JOIN follows r ON r.account_id = a.id"),
        Theirs::Followers => format!("{OF_DOMAIN} JOIN follows r ON r.target_id = a.id"),
    };
    let sql = format!(
        "SELECT (r.id >> 16) / 86400000 AS day, COUNT(*) AS number FROM {rows} \
         WHERE r.id >= $3 AND r.id < $4 GROUP BY 1"
    );
    on_db!(conn, |c| diesel::sql_query(&sql)
        .bind::<Text, _>(domain)
        .bind::<BigInt, _>(MOST)
        .bind::<BigInt, _>(from)
        .bind::<BigInt, _>(to)
        .load(c)
        .await)
}

/// The same altogether.
#[boxed]
pub async fn theirs_altogether(conn: &mut Conn, what: Theirs, domain: &str) -> Result<i64> {
    let sum = |column: &str| {
        format!(
            "CAST(COALESCE(SUM(s.{column}), 0) AS BIGINT) AS number \
             FROM {OF_DOMAIN} JOIN account_stats s ON s.account_id = a.id"
        )
    };
    let counted = match what {
        Theirs::Accounts => format!("COUNT(*) AS number FROM {OF_DOMAIN}"),
        Theirs::Statuses => sum("statuses_count"),
        Theirs::Reports => {
            format!("COUNT(*) AS number FROM {OF_DOMAIN} JOIN reports r ON r.target_id = a.id")
        }
        Theirs::Follows => sum("following_count"),
        Theirs::Followers => sum("followers_count"),
    };
    let sql = format!("SELECT CAST(0 AS BIGINT) AS day, {counted}");
    let row: Count = on_db!(conn, |c| diesel::sql_query(&sql)
        .bind::<Text, _>(domain)
        .bind::<BigInt, _>(MOST)
        .get_result(c)
        .await)?;
    Ok(row.number)
}

/// The accounts of another server with most followers here, or the languages that it posts in most
/// (between two ids).
#[boxed]
pub async fn most_of_domain(
    conn: &mut Conn,
    domain: &str,
    languages: Option<(i64, i64)>,
    limit: i64,
) -> Result<Vec<Named>> {
    let Some((from, to)) = languages else {
        let sql = format!(
            "SELECT r.username AS name, s.followers_count AS number \
             FROM {OF_DOMAIN} JOIN accounts r ON r.id = a.id \
             JOIN account_stats s ON s.account_id = a.id ORDER BY 2 DESC, 1 LIMIT $3"
        );
        return on_db!(conn, |c| diesel::sql_query(&sql)
            .bind::<Text, _>(domain)
            .bind::<BigInt, _>(MOST)
            .bind::<BigInt, _>(limit)
            .load(c)
            .await);
    };
    let sql = format!(
        "SELECT COALESCE(s.language, '') AS name, COUNT(*) AS number \
         FROM {OF_DOMAIN} JOIN statuses s ON s.account_id = a.id \
         WHERE s.id >= $3 AND s.id < $4 AND s.reblog_of_id IS NULL \
         GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT $5"
    );
    on_db!(conn, |c| diesel::sql_query(&sql)
        .bind::<Text, _>(domain)
        .bind::<BigInt, _>(MOST)
        .bind::<BigInt, _>(from)
        .bind::<BigInt, _>(to)
        .bind::<BigInt, _>(limit)
        .load(c)
        .await)
}

/// The languages of the users who were here most, between two days.
#[boxed]
pub async fn languages(conn: &mut Conn, from: i64, to: i64, limit: i64) -> Result<Vec<Named>> {
    on_db!(conn, |c| diesel::sql_query(
        "SELECT u.locale AS name, COUNT(DISTINCT u.account_id) AS number \
         FROM active_days d JOIN users u ON u.account_id = d.account_id \
         WHERE d.day >= $1 AND d.day < $2 GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT $3"
    )
    .bind::<BigInt, _>(from)
    .bind::<BigInt, _>(to)
    .bind::<BigInt, _>(limit)
    .load(c)
    .await)
}

/// The apps that most registrations came by (none: no name), between two times.
#[boxed]
pub async fn sources(conn: &mut Conn, from: i64, to: i64, limit: i64) -> Result<Vec<Named>> {
    on_db!(conn, |c| diesel::sql_query(
        "SELECT COALESCE(p.name, '') AS name, COUNT(*) AS number \
         FROM (SELECT sign_up_app_id FROM users WHERE created_at >= $1 AND created_at < $2 \
               ORDER BY created_at DESC LIMIT $3) u \
         LEFT JOIN apps p ON p.id = u.sign_up_app_id GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT $4"
    )
    .bind::<BigInt, _>(from)
    .bind::<BigInt, _>(to)
    .bind::<BigInt, _>(MOST)
    .bind::<BigInt, _>(limit)
    .load(c)
    .await)
}

/// The servers (ours: no name) that most of the newest posts are from, between two ids.
#[boxed]
pub async fn servers(conn: &mut Conn, from: i64, to: i64, limit: i64) -> Result<Vec<Named>> {
    on_db!(conn, |c| diesel::sql_query(
        "SELECT a.domain AS name, COUNT(*) AS number \
         FROM (SELECT account_id FROM statuses WHERE id >= $1 AND id < $2 \
               ORDER BY id DESC LIMIT $3) s \
         JOIN accounts a ON a.id = s.account_id GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT $4"
    )
    .bind::<BigInt, _>(from)
    .bind::<BigInt, _>(to)
    .bind::<BigInt, _>(MOST)
    .bind::<BigInt, _>(limit)
    .load(c)
    .await)
}

/// Bytes that the database and the copies of files from elsewhere take.
#[boxed]
pub async fn space(conn: &mut Conn) -> Result<(i64, i64)> {
    let sql = if conn.is_postgres() {
        "SELECT CAST(0 AS BIGINT) AS day, pg_database_size(current_database()) AS number"
    } else {
        "SELECT 0 AS day, page_count * page_size AS number \
         FROM pragma_page_count(), pragma_page_size()"
    };
    let database: Count = on_db!(conn, |c| diesel::sql_query(sql).get_result(c).await)?;
    let media: Vec<Count> = on_db!(conn, |c| diesel::sql_query(
        "SELECT CAST(0 AS BIGINT) AS day, bytes AS number FROM remote_files_total"
    )
    .load(c)
    .await)?;
    Ok((database.number, media.iter().map(|row| row.number).sum()))
}

/// The database's own version.
#[boxed]
pub async fn database_version(conn: &mut Conn) -> Result<String> {
    let sql = if conn.is_postgres() {
        "SELECT current_setting('server_version') AS name, CAST(0 AS BIGINT) AS number"
    } else {
        "SELECT sqlite_version() AS name, 0 AS number"
    };
    let row: Named = on_db!(conn, |c| diesel::sql_query(sql).get_result(c).await)?;
    Ok(row.name)
}

/// Registrations on a day whose users were last here on a day (-1: never since it is noted).
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct Stay {
    #[diesel(sql_type = BigInt)]
    pub registered: i64,
    #[diesel(sql_type = BigInt)]
    pub last: i64,
    #[diesel(sql_type = BigInt)]
    pub number: i64,
}

/// Those who registered between two times, by when they were last here.
#[boxed]
pub async fn stays(conn: &mut Conn, from: i64, to: i64) -> Result<Vec<Stay>> {
    on_db!(conn, |c| diesel::sql_query(
        "SELECT u.created_at / 86400000 AS registered, u.last AS last, COUNT(*) AS number \
         FROM (SELECT created_at, COALESCE((SELECT MAX(day) FROM active_days d \
                 WHERE d.account_id = users.account_id), -1) AS last \
               FROM users WHERE created_at >= $1 AND created_at < $2 \
               ORDER BY created_at LIMIT $3) u \
         GROUP BY 1, 2"
    )
    .bind::<BigInt, _>(from)
    .bind::<BigInt, _>(to)
    .bind::<BigInt, _>(MOST)
    .load(c)
    .await)
}

/// An account was here on a day.
#[boxed]
pub async fn was_active(conn: &mut Conn, day: i64, account_id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(active_days::table)
        .values((
            active_days::day.eq(day),
            active_days::account_id.eq(account_id)
        ))
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    Ok(())
}

/// Forgets who was here before a day, at most `limit` rows; says how many went.
#[boxed]
pub async fn forget_active(conn: &mut Conn, day: i64, limit: i64) -> Result<usize> {
    let old: Vec<(i64, i64)> = on_db!(conn, |c| active_days::table
        .filter(active_days::day.lt(day))
        .limit(limit)
        .select((active_days::day, active_days::account_id))
        .load(c)
        .await)?;
    for row in &old {
        on_db!(conn, |c| diesel::delete(active_days::table.find(*row))
            .execute(c)
            .await)?;
    }
    Ok(old.len())
}
