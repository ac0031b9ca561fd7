//! What a user keeps on other accounts and servers for themselves: notes, endorsements, blocked
//! domains, suggestions they do not want.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::accounts::Account;
use super::any::AnyOfExt;
use super::relations::Page;
use super::schema::{
    account_domain_blocks, account_notes, accounts, dismissed_suggestions, endorsements,
    follow_requests, follows, notifications,
};
use super::{Conn, Result, on_db};

/// Sets a user's note on an account; an empty one is removed.
#[boxed]
pub async fn set_note(
    conn: &mut Conn,
    account_id: i64,
    target_id: i64,
    comment: &str,
    now: i64,
) -> Result<()> {
    if comment.is_empty() {
        on_db!(conn, |c| diesel::delete(
            account_notes::table.find((account_id, target_id))
        )
        .execute(c)
        .await)?;
        return Ok(());
    }
    on_db!(conn, |c| diesel::insert_into(account_notes::table)
        .values((
            account_notes::account_id.eq(account_id),
            account_notes::target_id.eq(target_id),
            account_notes::comment.eq(comment),
            account_notes::updated_at.eq(now),
        ))
        .on_conflict((account_notes::account_id, account_notes::target_id))
        .do_update()
        .set((
            account_notes::comment.eq(comment),
            account_notes::updated_at.eq(now),
        ))
        .execute(c)
        .await)?;
    Ok(())
}

/// A user's notes on some accounts: account and text.
#[boxed]
pub async fn notes_on(
    conn: &mut Conn,
    account_id: i64,
    targets: &[i64],
) -> Result<Vec<(i64, String)>> {
    on_db!(conn, |c| account_notes::table
        .filter(account_notes::account_id.eq(account_id))
        .filter(account_notes::target_id.any_of(targets))
        .select((account_notes::target_id, account_notes::comment))
        .load(c)
        .await)
}

/// Features an account; false when it is already.
#[boxed]
pub async fn endorse(
    conn: &mut Conn,
    id: i64,
    account_id: i64,
    target_id: i64,
    now: i64,
) -> Result<bool> {
    let added = on_db!(conn, |c| diesel::insert_into(endorsements::table)
        .values((
            endorsements::id.eq(id),
            endorsements::account_id.eq(account_id),
            endorsements::target_id.eq(target_id),
            endorsements::created_at.eq(now),
        ))
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    Ok(added > 0)
}

/// Features an account no more; false when it was not.
#[boxed]
pub async fn unendorse(conn: &mut Conn, account_id: i64, target_id: i64) -> Result<bool> {
    let gone = on_db!(conn, |c| diesel::delete(
        endorsements::table
            .filter(endorsements::account_id.eq(account_id))
            .filter(endorsements::target_id.eq(target_id))
    )
    .execute(c)
    .await)?;
    Ok(gone > 0)
}

/// How many accounts a user features.
#[boxed]
pub async fn count_endorsed(conn: &mut Conn, account_id: i64) -> Result<i64> {
    on_db!(conn, |c| endorsements::table
        .filter(endorsements::account_id.eq(account_id))
        .count()
        .get_result(c)
        .await)
}

/// Which of some accounts a user features.
#[boxed]
pub async fn endorsed_among(conn: &mut Conn, account_id: i64, targets: &[i64]) -> Result<Vec<i64>> {
    on_db!(conn, |c| endorsements::table
        .filter(endorsements::account_id.eq(account_id))
        .filter(endorsements::target_id.any_of(targets))
        .select(endorsements::target_id)
        .load(c)
        .await)
}

/// One page of the accounts that a user features, newest first, with the endorsement's id.
#[boxed]
pub async fn endorsed(conn: &mut Conn, account_id: i64, page: Page) -> Result<Vec<(i64, Account)>> {
    let max = page.max_id.unwrap_or(i64::MAX);
    let min = page.min_id.or(page.since_id).unwrap_or(0);
    let rows = endorsements::table
        .inner_join(accounts::table.on(accounts::id.eq(endorsements::target_id)))
        .filter(endorsements::account_id.eq(account_id))
        .filter(endorsements::id.lt(max))
        .filter(endorsements::id.gt(min))
        .filter(accounts::suspended_at.is_null())
        .filter(accounts::deleted_at.is_null())
        .limit(page.limit);
    if page.min_id.is_some() {
        let mut rows: Vec<(i64, Account)> = on_db!(conn, |c| rows
            .order(endorsements::id.asc())
            .select((endorsements::id, Account::as_select()))
            .load(c)
            .await)?;
        rows.reverse();
        Ok(rows)
    } else {
        on_db!(conn, |c| rows
            .order(endorsements::id.desc())
            .select((endorsements::id, Account::as_select()))
            .load(c)
            .await)
    }
}

/// Blocks a domain for a user; false when it is blocked already.
#[boxed]
pub async fn block_domain(
    conn: &mut Conn,
    id: i64,
    account_id: i64,
    domain: &str,
    now: i64,
) -> Result<bool> {
    let added = on_db!(conn, |c| diesel::insert_into(account_domain_blocks::table)
        .values((
            account_domain_blocks::id.eq(id),
            account_domain_blocks::account_id.eq(account_id),
            account_domain_blocks::domain.eq(domain),
            account_domain_blocks::created_at.eq(now),
        ))
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    Ok(added > 0)
}

/// Lifts a user's block of a domain; false when there was none.
#[boxed]
pub async fn unblock_domain(conn: &mut Conn, account_id: i64, domain: &str) -> Result<bool> {
    let gone = on_db!(conn, |c| diesel::delete(
        account_domain_blocks::table
            .filter(account_domain_blocks::account_id.eq(account_id))
            .filter(account_domain_blocks::domain.eq(domain))
    )
    .execute(c)
    .await)?;
    Ok(gone > 0)
}

/// Whether a user blocks a domain.
#[boxed]
pub async fn blocks_domain(conn: &mut Conn, account_id: i64, domain: &str) -> Result<bool> {
    let found: Option<i64> = on_db!(conn, |c| account_domain_blocks::table
        .filter(account_domain_blocks::account_id.eq(account_id))
        .filter(account_domain_blocks::domain.eq(domain))
        .select(account_domain_blocks::id)
        .first(c)
        .await
        .optional())?;
    Ok(found.is_some())
}

/// All domains that a user blocks, at most `limit`.
#[boxed]
pub async fn blocked_domains(conn: &mut Conn, account_id: i64, limit: i64) -> Result<Vec<String>> {
    on_db!(conn, |c| account_domain_blocks::table
        .filter(account_domain_blocks::account_id.eq(account_id))
        .limit(limit)
        .select(account_domain_blocks::domain)
        .load(c)
        .await)
}

/// One page of the domains that a user blocks, newest first, with the block's id.
#[boxed]
pub async fn blocked_domains_page(
    conn: &mut Conn,
    account_id: i64,
    page: Page,
) -> Result<Vec<(i64, String)>> {
    let max = page.max_id.unwrap_or(i64::MAX);
    let min = page.min_id.or(page.since_id).unwrap_or(0);
    let rows = account_domain_blocks::table
        .filter(account_domain_blocks::account_id.eq(account_id))
        .filter(account_domain_blocks::id.lt(max))
        .filter(account_domain_blocks::id.gt(min))
        .select((account_domain_blocks::id, account_domain_blocks::domain))
        .limit(page.limit);
    if page.min_id.is_some() {
        let mut rows: Vec<(i64, String)> = on_db!(conn, |c| rows
            .order(account_domain_blocks::id.asc())
            .load(c)
            .await)?;
        rows.reverse();
        Ok(rows)
    } else {
        on_db!(conn, |c| rows
            .order(account_domain_blocks::id.desc())
            .load(c)
            .await)
    }
}

/// Accounts of a domain that an account follows or asks to follow, at most `limit` of each.
#[boxed]
pub async fn followed_of_domain(
    conn: &mut Conn,
    account_id: i64,
    domain: &str,
    limit: i64,
) -> Result<Vec<Account>> {
    let mut found: Vec<Account> = on_db!(conn, |c| follows::table
        .inner_join(accounts::table.on(accounts::id.eq(follows::target_id)))
        .filter(follows::account_id.eq(account_id))
        .filter(accounts::domain.eq(domain))
        .limit(limit)
        .select(Account::as_select())
        .load(c)
        .await)?;
    let asked: Vec<Account> = on_db!(conn, |c| follow_requests::table
        .inner_join(accounts::table.on(accounts::id.eq(follow_requests::target_id)))
        .filter(follow_requests::account_id.eq(account_id))
        .filter(accounts::domain.eq(domain))
        .limit(limit)
        .select(Account::as_select())
        .load(c)
        .await)?;
    found.extend(asked);
    Ok(found)
}

/// Accounts of a domain that follow an account or ask to, at most `limit` of each.
#[boxed]
pub async fn followers_of_domain(
    conn: &mut Conn,
    account_id: i64,
    domain: &str,
    limit: i64,
) -> Result<Vec<Account>> {
    let mut found: Vec<Account> = on_db!(conn, |c| follows::table
        .inner_join(accounts::table.on(accounts::id.eq(follows::account_id)))
        .filter(follows::target_id.eq(account_id))
        .filter(accounts::domain.eq(domain))
        .limit(limit)
        .select(Account::as_select())
        .load(c)
        .await)?;
    let asking: Vec<Account> = on_db!(conn, |c| follow_requests::table
        .inner_join(accounts::table.on(accounts::id.eq(follow_requests::account_id)))
        .filter(follow_requests::target_id.eq(account_id))
        .filter(accounts::domain.eq(domain))
        .limit(limit)
        .select(Account::as_select())
        .load(c)
        .await)?;
    found.extend(asking);
    Ok(found)
}

/// How many accounts of a domain an account follows, and how many follow it.
#[boxed]
pub async fn count_of_domain(conn: &mut Conn, account_id: i64, domain: &str) -> Result<(i64, i64)> {
    let following = on_db!(conn, |c| follows::table
        .inner_join(accounts::table.on(accounts::id.eq(follows::target_id)))
        .filter(follows::account_id.eq(account_id))
        .filter(accounts::domain.eq(domain))
        .count()
        .get_result(c)
        .await)?;
    let followers = on_db!(conn, |c| follows::table
        .inner_join(accounts::table.on(accounts::id.eq(follows::account_id)))
        .filter(follows::target_id.eq(account_id))
        .filter(accounts::domain.eq(domain))
        .count()
        .get_result(c)
        .await)?;
    Ok((following, followers))
}

/// Deletes what accounts of a domain left among an account's notifications; says how many went.
#[boxed]
pub async fn forget_notifications_of_domain(
    conn: &mut Conn,
    account_id: i64,
    domain: &str,
) -> Result<usize> {
    on_db!(conn, |c| diesel::delete(
        notifications::table
            .filter(notifications::account_id.eq(account_id))
            .filter(
                notifications::from_account_id.eq_any(
                    accounts::table
                        .filter(accounts::domain.eq(domain))
                        .select(accounts::id)
                )
            )
    )
    .execute(c)
    .await)
}

/// Deletes what one account left among another's notifications; says how many went.
#[boxed]
pub async fn forget_notifications_from(
    conn: &mut Conn,
    account_id: i64,
    from_account_id: i64,
) -> Result<usize> {
    on_db!(conn, |c| diesel::delete(
        notifications::table
            .filter(notifications::account_id.eq(account_id))
            .filter(notifications::from_account_id.eq(from_account_id))
    )
    .execute(c)
    .await)
}

/// Remembers that a user does not want an account suggested.
#[boxed]
pub async fn dismiss_suggestion(
    conn: &mut Conn,
    account_id: i64,
    target_id: i64,
    now: i64,
) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(dismissed_suggestions::table)
        .values((
            dismissed_suggestions::account_id.eq(account_id),
            dismissed_suggestions::target_id.eq(target_id),
            dismissed_suggestions::created_at.eq(now),
        ))
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    Ok(())
}

/// Accounts that a user does not want suggested, at most `limit`.
#[boxed]
pub async fn dismissed_suggestions(
    conn: &mut Conn,
    account_id: i64,
    limit: i64,
) -> Result<Vec<i64>> {
    on_db!(conn, |c| dismissed_suggestions::table
        .filter(dismissed_suggestions::account_id.eq(account_id))
        .limit(limit)
        .select(dismissed_suggestions::target_id)
        .load(c)
        .await)
}
