//! What the followers of an account on one origin come to (FEP-8fcf), kept up with every follow.
//!
//! A row is there once somebody asked for it ([`begin`]); from then on whoever adds or removes a
//! follow toggles it ([`toggle`]). Both hold the row of the account's counts, so that a follow is
//! either seen by who adds up or toggles what was added up.

use super::boxed;
use super::prepared::prepared;
use super::run::RunQueryDsl;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::any::AnyOfExt;
use super::conn::Backend;
use super::schema::{account_stats, accounts, follower_digests, follows};
use super::{Conn, Result, on_db, prepared};

/// 256 bits, the most significant first.
pub type Bits = [i64; 4];

/// A row of `follower_digests`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = follower_digests)]
pub struct FollowerDigest {
    /// Who is followed.
    pub account_id: i64,
    /// Scheme, host and port of the followers' ids.
    pub origin: String,
    pub digest_0: i64,
    pub digest_1: i64,
    pub digest_2: i64,
    pub digest_3: i64,
}

impl FollowerDigest {
    /// The digest.
    pub fn bits(&self) -> Bits {
        [self.digest_0, self.digest_1, self.digest_2, self.digest_3]
    }
}

/// SQLite knows no exclusive or: what is in one or the other, less what is in both.
const XOR: &str = "digest_0 = (digest_0 | $1) - (digest_0 & $1), \
                   digest_1 = (digest_1 | $2) - (digest_1 & $2), \
                   digest_2 = (digest_2 | $3) - (digest_2 & $3), \
                   digest_3 = (digest_3 | $4) - (digest_3 & $4)";

/// A follower of an account came or went: where the digest is kept, its hash is toggled.
#[boxed]
pub async fn toggle(conn: &mut Conn, account_id: i64, origin: &str, hash: Bits) -> Result<()> {
    let sql = format!("UPDATE follower_digests SET {XOR} WHERE account_id = $5 AND origin = $6");
    on_db!(conn, |c| prepared(sql)
        .bind::<BigInt, _>(hash[0])
        .bind::<BigInt, _>(hash[1])
        .bind::<BigInt, _>(hash[2])
        .bind::<BigInt, _>(hash[3])
        .bind::<BigInt, _>(account_id)
        .bind::<Text, _>(origin)
        .execute(c)
        .await)?;
    Ok(())
}

/// An account is about to lose all its follows, and all its followers.
#[boxed]
pub async fn forget(conn: &mut Conn, follower_id: i64, origin: &str, hash: Bits) -> Result<()> {
    let sql = format!(
        "UPDATE follower_digests SET {XOR} WHERE origin = $5 AND account_id IN \
         (SELECT target_id FROM follows WHERE account_id = $6)"
    );
    on_db!(conn, |c| prepared(sql)
        .bind::<BigInt, _>(hash[0])
        .bind::<BigInt, _>(hash[1])
        .bind::<BigInt, _>(hash[2])
        .bind::<BigInt, _>(hash[3])
        .bind::<Text, _>(origin)
        .bind::<BigInt, _>(follower_id)
        .execute(c)
        .await)?;
    on_db!(conn, |c| diesel::delete(
        follower_digests::table.filter(follower_digests::account_id.eq(follower_id))
    )
    .execute(c)
    .await)?;
    Ok(())
}

/// The digests that are kept of some accounts' followers on some origins, in no order.
#[boxed]
pub async fn of(
    conn: &mut Conn,
    accounts: &[i64],
    origins: &[String],
) -> Result<Vec<FollowerDigest>> {
    on_db!(conn, |c| follower_digests::table
        .filter(follower_digests::account_id.any_of(accounts))
        .filter(follower_digests::origin.any_of(origins))
        .select(FollowerDigest::as_select())
        .load(c)
        .await)
}

/// Holds off follows of an account until the transaction is through: to be called before the
/// followers are added up for [`set`].
#[boxed]
pub async fn begin(conn: &mut Conn, account_id: i64) -> Result<()> {
    if let Backend::Postgres(c) = &mut conn.backend {
        conn.statements += 1;
        account_stats::table
            .find(account_id)
            .select(account_stats::account_id)
            .for_update()
            .load::<i64>(&mut **c)
            .await?;
    }
    Ok(())
}

/// Keeps a digest from now on.
#[boxed]
pub async fn set(conn: &mut Conn, account_id: i64, origin: &str, bits: Bits) -> Result<()> {
    let values = (
        follower_digests::digest_0.eq(bits[0]),
        follower_digests::digest_1.eq(bits[1]),
        follower_digests::digest_2.eq(bits[2]),
        follower_digests::digest_3.eq(bits[3]),
    );
    on_db!(conn, |c| diesel::insert_into(follower_digests::table)
        .values((
            follower_digests::account_id.eq(account_id),
            follower_digests::origin.eq(origin),
            values,
        ))
        .on_conflict((follower_digests::account_id, follower_digests::origin))
        .do_update()
        .set(values)
        .execute(c)
        .await)?;
    Ok(())
}

/// A follow and the follower's id as an actor.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName, Queryable)]
pub struct Follower {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub uri: String,
}

/// Followers of an account that are served by a host (with its port), the oldest follow first,
/// after one.
///
/// Led by the host's accounts rather than the account's followers, of whom there may be many
/// more: SQLite keeps the order of a `CROSS JOIN`.
#[boxed]
pub async fn followers_at(
    conn: &mut Conn,
    account_id: i64,
    host: &str,
    after: i64,
    limit: i64,
) -> Result<Vec<Follower>> {
    on_db!(conn, |c| prepared!(
        "SELECT f.id AS id, a.uri AS uri FROM accounts a CROSS JOIN follows f \
         WHERE a.delivery_host = $1 AND a.domain <> '' AND f.account_id = a.id \
         AND f.target_id = $2 AND f.id > $3 ORDER BY f.id LIMIT $4"
    )
    .bind::<Text, _>(host)
    .bind::<BigInt, _>(account_id)
    .bind::<BigInt, _>(after)
    .bind::<BigInt, _>(limit)
    .load(c)
    .await)
}

/// Followers of an account that live here, the oldest follow first, after one.
#[boxed]
pub async fn followers_here(
    conn: &mut Conn,
    account_id: i64,
    after: i64,
    limit: i64,
) -> Result<Vec<Follower>> {
    on_db!(conn, |c| follows::table
        .inner_join(accounts::table.on(accounts::id.eq(follows::account_id)))
        .filter(follows::target_id.eq(account_id))
        .filter(follows::id.gt(after))
        .filter(accounts::domain.eq(""))
        .order(follows::id)
        .limit(limit)
        .select((follows::id, accounts::uri))
        .load(c)
        .await)
}
