//! Domain policies and instance settings.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::schema::{domain_policies, settings};
use super::{Conn, Result, on_db};

/// A row of `domain_policies`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = domain_policies)]
pub struct DomainPolicy {
    pub domain: String,
    /// `limit` or `block`.
    pub severity: String,
    pub reject_media: bool,
    pub public_comment: String,
    pub private_comment: String,
    pub created_at: i64,
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
