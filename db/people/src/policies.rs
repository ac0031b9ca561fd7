//! Domain policies and instance settings.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::accounts::Account;
use super::any::AnyOfExt;
use super::relations::Page;
use super::schema::{accounts, domain_policies, settings};
use super::{Conn, Result, on_db};

/// A row of `domain_policies`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = domain_policies, treat_none_as_null = true)]
pub struct DomainPolicy {
    pub domain: String,
    /// `noop`, `allow`, `limit` or `block`.
    pub severity: String,
    pub reject_media: bool,
    pub public_comment: String,
    pub private_comment: String,
    pub created_at: i64,
    /// Whether reports from there are not taken.
    pub reject_reports: bool,
    /// What the admin API names it by; a policy that takes another's place keeps it.
    pub id: i64,
    /// Whether the public list shows a part of the name alone.
    pub obfuscate: bool,
    /// The list that it came with, and goes with; `None` for the admin's own.
    pub subscription_id: Option<i64>,
}

/// All policies, by domain. There are thousands at most; they are kept in memory.
#[boxed]
pub async fn all(conn: &mut Conn) -> Result<Vec<DomainPolicy>> {
    on_db!(conn, |c| domain_policies::table
        .order(domain_policies::domain)
        .limit(100_000)
        .load::<DomainPolicy>(c)
        .await)
}

/// The policies of some domains, in no order.
#[boxed]
pub async fn among(conn: &mut Conn, domains: &[String]) -> Result<Vec<DomainPolicy>> {
    if domains.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| domain_policies::table
        .filter(domain_policies::domain.any_of(domains))
        .load::<DomainPolicy>(c)
        .await)
}

/// One page of policies, newest first: the allowing ones, or all others.
#[boxed]
pub async fn page(conn: &mut Conn, allowing: bool, page: Page) -> Result<Vec<DomainPolicy>> {
    let (max, min, ascending) = page.bounds();
    let mut rows: Vec<DomainPolicy> = on_db!(conn, |c| {
        let query = domain_policies::table
            .filter(domain_policies::id.lt(max))
            .filter(domain_policies::id.gt(min))
            .limit(page.limit)
            .into_boxed();
        let query = match allowing {
            true => query.filter(domain_policies::severity.eq("allow")),
            false => query.filter(domain_policies::severity.ne("allow")),
        };
        let query = match ascending {
            true => query.order(domain_policies::id.asc()),
            false => query.order(domain_policies::id.desc()),
        };
        query.load(c).await
    })?;
    if ascending {
        rows.reverse();
    }
    Ok(rows)
}

/// The policy of an id.
#[boxed]
pub async fn by_id(conn: &mut Conn, id: i64) -> Result<Option<DomainPolicy>> {
    on_db!(conn, |c| domain_policies::table
        .filter(domain_policies::id.eq(id))
        .first::<DomainPolicy>(c)
        .await
        .optional())
}

/// Some of the policies that came with a list.
#[boxed]
pub async fn of_subscription(
    conn: &mut Conn,
    subscription_id: i64,
    limit: i64,
) -> Result<Vec<DomainPolicy>> {
    on_db!(conn, |c| domain_policies::table
        .filter(domain_policies::subscription_id.eq(subscription_id))
        .limit(limit)
        .load::<DomainPolicy>(c)
        .await)
}

/// Sets a domain's policy.
#[boxed]
pub async fn set(conn: &mut Conn, row: &DomainPolicy) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(domain_policies::table)
        .values(row)
        .on_conflict(domain_policies::domain)
        .do_update()
        .set(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// Removes a domain's policy; false when there was none.
#[boxed]
pub async fn remove(conn: &mut Conn, domain: &str) -> Result<bool> {
    let gone = on_db!(conn, |c| diesel::delete(
        domain_policies::table.find(domain)
    )
    .execute(c)
    .await)?;
    Ok(gone > 0)
}

/// All instance settings.
#[boxed]
pub async fn settings(conn: &mut Conn) -> Result<Vec<(String, String)>> {
    on_db!(conn, |c| settings::table
        .select((settings::name, settings::value))
        .load(c)
        .await)
}

/// Sets one instance setting.
#[boxed]
pub async fn set_setting(conn: &mut Conn, name: &str, value: &str) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(settings::table)
        .values((settings::name.eq(name), settings::value.eq(value)))
        .on_conflict(settings::name)
        .do_update()
        .set(settings::value.eq(value))
        .execute(c)
        .await)?;
    Ok(())
}

/// One instance setting.
#[boxed]
pub async fn setting(conn: &mut Conn, name: &str) -> Result<Option<String>> {
    on_db!(conn, |c| settings::table
        .find(name)
        .select(settings::value)
        .first(c)
        .await
        .optional())
}

/// Sets one instance setting where it is not set yet; gives the one in force.
#[boxed]
pub async fn ensure_setting(conn: &mut Conn, name: &str, value: &str) -> Result<String> {
    on_db!(conn, |c| diesel::insert_into(settings::table)
        .values((settings::name.eq(name), settings::value.eq(value)))
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    let kept = setting(conn, name).await?;
    Ok(kept.unwrap_or_else(|| value.to_owned()))
}

/// Removes one instance setting.
#[boxed]
pub async fn unset(conn: &mut Conn, name: &str) -> Result<()> {
    on_db!(conn, |c| diesel::delete(settings::table.find(name))
        .execute(c)
        .await)?;
    Ok(())
}

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = diesel::sql_types::Text)]
    host: String,
}

/// Hosts that accounts elsewhere are delivered to, at most 100,000: one look into the index for
/// each.
#[boxed]
pub async fn delivery_hosts(conn: &mut Conn) -> Result<Vec<String>> {
    let walk = "WITH RECURSIVE seen(host) AS ( \
           SELECT MIN(delivery_host) FROM accounts WHERE delivery_host > '' \
           UNION ALL \
           SELECT (SELECT MIN(delivery_host) FROM accounts WHERE delivery_host > seen.host) \
           FROM seen WHERE seen.host IS NOT NULL \
         ) SELECT host FROM seen WHERE host IS NOT NULL LIMIT 100000";
    let rows: Vec<Named> = on_db!(conn, |c| diesel::sql_query(walk).load(c).await)?;
    Ok(rows.into_iter().map(|row| row.host).collect())
}

/// Accounts whose handles are of a domain, above an id.
#[boxed]
pub async fn accounts_of_domain(
    conn: &mut Conn,
    domain: &str,
    above: i64,
    limit: i64,
) -> Result<Vec<Account>> {
    on_db!(conn, |c| accounts::table
        .filter(accounts::domain.eq(domain))
        .filter(accounts::id.gt(above))
        .order(accounts::id)
        .limit(limit)
        .select(Account::as_select())
        .load(c)
        .await)
}

/// Accounts elsewhere that are delivered to at a host, above an id.
#[boxed]
pub async fn accounts_of_host(
    conn: &mut Conn,
    host: &str,
    above: i64,
    limit: i64,
) -> Result<Vec<Account>> {
    on_db!(conn, |c| accounts::table
        .filter(accounts::delivery_host.eq(host))
        .filter(accounts::domain.ne(""))
        .filter(accounts::id.gt(above))
        .order(accounts::id)
        .limit(limit)
        .select(Account::as_select())
        .load(c)
        .await)
}

/// Suspends or limits an account, or lifts that.
#[boxed]
pub async fn set_standing(
    conn: &mut Conn,
    account_id: i64,
    suspended_at: Option<i64>,
    silenced_at: Option<i64>,
) -> Result<()> {
    on_db!(conn, |c| diesel::update(accounts::table.find(account_id))
        .set((
            accounts::suspended_at.eq(suspended_at),
            accounts::silenced_at.eq(silenced_at),
        ))
        .execute(c)
        .await)?;
    Ok(())
}
