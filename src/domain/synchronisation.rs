//! Follower synchronisation (FEP-8fcf): what the followers of an account on one server come to,
//! and what becomes of follows that only one side knows.
//!
//! The digest is the exclusive or of the SHA-256 of the followers' ids. It is added up when it is
//! first asked for, and toggled from then on by every follow that begins or ends.

use aws_lc_rs::digest::{SHA256, digest as sha256};

use super::Ctx;
use super::follows::{self, End};
use super::outgoing::{self, Audience, FollowRef, Outgoing};
use crate::db::accounts::Account;
use crate::db::follower_digests::{Bits, Follower};
use crate::db::{self, Conn};
use crate::error::AppResult;

/// Followers read at a time while they are added up.
const BATCH: i64 = 5000;
/// Followers of one account on one server that are listed and compared at most: of more, nothing
/// is said and nothing is believed.
pub const MOST: usize = 15_000;
/// The digest of nobody.
const NONE: Bits = [0; 4];

/// Scheme, host and port of an id.
pub fn origin(id: &str) -> &str {
    let end = id.match_indices('/').nth(2).map_or(id.len(), |(at, _)| at);
    &id[..end]
}

/// What one follower adds to a digest, or takes from it.
fn hash(id: &str) -> Bits {
    let hash = sha256(&SHA256, id.as_bytes());
    let mut bits = NONE;
    for (word, bytes) in bits.iter_mut().zip(hash.as_ref().chunks_exact(8)) {
        *word = bytes
            .iter()
            .fold(0, |word, byte| (word << 8) | i64::from(*byte));
    }
    bits
}

/// The digest of some ids, each counted once.
pub fn digest_of<'a>(ids: impl Iterator<Item = &'a str>) -> Bits {
    ids.fold(NONE, |sum, id| {
        let hash = hash(id);
        std::array::from_fn(|n| sum[n] ^ hash[n])
    })
}

/// As the header writes it: 64 hexadecimal digits.
pub fn hex(bits: Bits) -> String {
    bits.iter().map(|word| format!("{word:016x}")).collect()
}

/// A follow begins or ends: to be called once the account's followers are counted anew.
pub(super) async fn toggle(tx: &mut Conn, follower: &Account, target: &Account) -> AppResult<()> {
    if follower.is_local() && target.is_local() {
        return Ok(());
    }
    let hash = hash(&follower.uri);
    db::follower_digests::toggle(tx, target.id, origin(&follower.uri), hash).await?;
    Ok(())
}

/// All follows of an account, and by it, are about to end.
pub(super) async fn forget(tx: &mut Conn, account: &Account) -> AppResult<()> {
    let hash = hash(&account.uri);
    db::follower_digests::forget(tx, account.id, origin(&account.uri), hash).await?;
    Ok(())
}

async fn batch(
    tx: &mut Conn,
    account: &Account,
    origin: &str,
    after: i64,
) -> AppResult<Vec<Follower>> {
    Ok(if account.is_local() {
        let host = origin.split_once("://").map_or("", |(_, host)| host);
        db::follower_digests::followers_at(tx, account.id, host, after, BATCH).await?
    } else {
        db::follower_digests::followers_here(tx, account.id, after, BATCH).await?
    })
}

/// The followers of an account on an origin are added up, and the digest is kept: elsewhere, of
/// an account that lives here; here, of one that lives elsewhere.
pub async fn add_up(tx: &mut Conn, account: &Account, origin: &str) -> AppResult<Bits> {
    db::follower_digests::begin(tx, account.id).await?;
    let (mut sum, mut after) = (NONE, 0);
    loop {
        let rows = batch(tx, account, origin, after).await?;
        let of_origin = rows.iter().filter(|row| self::origin(&row.uri) == origin);
        let part = digest_of(of_origin.map(|row| row.uri.as_str()));
        sum = std::array::from_fn(|n| sum[n] ^ part[n]);
        match rows.last() {
            Some(last) if rows.len() as i64 == BATCH => after = last.id,
            _ => break,
        }
    }
    db::follower_digests::set(tx, account.id, origin, sum).await?;
    Ok(sum)
}

/// Ids of the followers of a local account on an origin; `None` where there are too many.
pub async fn list(
    tx: &mut Conn,
    account: &Account,
    origin: &str,
) -> AppResult<Option<Vec<String>>> {
    let (mut ids, mut after) = (Vec::new(), 0);
    loop {
        let rows = batch(tx, account, origin, after).await?;
        let last = rows.last().map(|row| row.id);
        let more = rows.len() as i64 == BATCH;
        ids.extend(
            rows.into_iter()
                .map(|row| row.uri)
                .filter(|uri| self::origin(uri) == origin),
        );
        if ids.len() > MOST {
            return Ok(None);
        }
        match last {
            Some(last) if more => after = last,
            _ => return Ok(Some(ids)),
        }
    }
}

/// Follows of an account elsewhere by those who live here, the oldest first, after one: the
/// follow's id, and who follows.
pub async fn followers_here(
    conn: &mut Conn,
    account: &Account,
    after: i64,
    limit: i64,
) -> AppResult<Vec<(i64, Account)>> {
    let rows = db::moves::followers_here(conn, account.id, after, limit).await?;
    Ok(rows
        .into_iter()
        .map(|(follow, follower)| (follow.id, follower))
        .collect())
}

/// `target`, elsewhere, does not count `follower`, who lives here, among its followers.
pub async fn disown(
    tx: &mut Conn,
    ctx: &Ctx,
    follower: &Account,
    target: &Account,
) -> AppResult<()> {
    follows::end(tx, ctx, follower, target, End::Refused).await
}

/// `target`, elsewhere, counts `follower` among its followers. Where that is not so here, a
/// request that waits is accepted, or else the follow is undone there.
pub async fn own_up(
    tx: &mut Conn,
    ctx: &Ctx,
    follower: &Account,
    target: &Account,
) -> AppResult<()> {
    if db::relations::follow(tx, follower.id, target.id)
        .await?
        .is_some()
    {
        return Ok(());
    }
    if db::relations::request(tx, follower.id, target.id)
        .await?
        .is_some()
    {
        return follows::accept(tx, ctx, target, follower).await;
    }
    let activity = Outgoing::UndoFollow {
        uri: outgoing::activity_uri(ctx, follower, "undo"),
        // Its id is not known: those who need it will not understand.
        follow: FollowRef {
            uri: outgoing::activity_uri(ctx, follower, "follows"),
            actor: follower.uri.clone(),
            object: target.uri.clone(),
        },
    };
    outgoing::send(tx, ctx, follower, &activity, Audience::one(target.id)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_the_exclusive_or_of_the_hashes() {
        let one = "https://testing.example.org/users/1";
        let (two, three) = (format!("{}2", &one[..one.len() - 1]), "https://x.example/3");
        let sum = digest_of([one, &two, three].into_iter());
        assert_eq!(sum, digest_of([three, one, &two].into_iter()));
        assert_eq!(digest_of([one, one].into_iter()), NONE);
        assert_eq!(hex(NONE), "0".repeat(64));
        assert_eq!(
            hex(hash("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn an_origin_is_what_precedes_the_path() {
        assert_eq!(origin("https://a.example/users/x"), "https://a.example");
        assert_eq!(origin("http://a.example:81/x/y"), "http://a.example:81");
        assert_eq!(origin("https://a.example"), "https://a.example");
        assert_eq!(origin(""), "");
    }
}
