//! Who may not register: by e-mail address, by IP address, by name.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::relations::Page;
use super::schema::{
    canonical_email_blocks, email_domain_blocks, ip_blocks, username_blocks, users,
};
use super::{Conn, Result, on_db};

/// Rules about addresses and names that are read at most.
const MOST: i64 = 10_000;

/// A row of `email_domain_blocks`: nobody registers with an address of the domain or one under it.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = email_domain_blocks)]
pub struct EmailDomainBlock {
    pub id: i64,
    pub domain: String,
    pub created_at: i64,
}

/// A row of `canonical_email_blocks`: nobody registers with an address that comes to the same.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = canonical_email_blocks)]
pub struct CanonicalEmailBlock {
    pub id: i64,
    /// SHA-256 in hexadecimal.
    pub canonical_email_hash: String,
    pub created_at: i64,
}

/// A row of `ip_blocks`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = ip_blocks, treat_none_as_null = true)]
pub struct IpBlock {
    pub id: i64,
    /// A range, as in `192.0.2.0/24`.
    pub ip: String,
    /// `sign_up_requires_approval`, `sign_up_block` or `no_access`.
    pub severity: String,
    pub comment: String,
    pub created_at: i64,
    pub expires_at: Option<i64>,
}

/// A row of `username_blocks`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = username_blocks)]
pub struct UsernameBlock {
    pub id: i64,
    /// In the form that names are compared in.
    pub pattern: String,
    /// The name as a whole; else any name that holds it.
    pub whole: bool,
    pub created_at: i64,
}

macro_rules! rules {
    ($($table:ident $row:ident: $page:ident $by_id:ident $insert:ident $remove:ident;)*) => {$(
        /// One page, newest first.
        #[boxed]
        pub async fn $page(conn: &mut Conn, page: Page) -> Result<Vec<$row>> {
            let (max, min, ascending) = page.bounds();
            let mut rows: Vec<$row> = on_db!(conn, |c| {
                let query = $table::table
                    .filter($table::id.lt(max))
                    .filter($table::id.gt(min))
                    .limit(page.limit)
                    .into_boxed();
                let query = match ascending {
                    true => query.order($table::id.asc()),
                    false => query.order($table::id.desc()),
                };
                query.load(c).await
            })?;
            if ascending {
                rows.reverse();
            }
            Ok(rows)
        }

        /// One row.
        #[boxed]
        pub async fn $by_id(conn: &mut Conn, id: i64) -> Result<Option<$row>> {
            on_db!(conn, |c| $table::table
                .find(id)
                .first::<$row>(c)
                .await
                .optional())
        }

        /// Adds a row; false where the same is there.
        #[boxed]
        pub async fn $insert(conn: &mut Conn, row: &$row) -> Result<bool> {
            let added = on_db!(conn, |c| diesel::insert_into($table::table)
                .values(row)
                .on_conflict_do_nothing()
                .execute(c)
                .await)?;
            Ok(added > 0)
        }

        /// Removes a row; false where it is not there.
        #[boxed]
        pub async fn $remove(conn: &mut Conn, id: i64) -> Result<bool> {
            let gone = on_db!(conn, |c| diesel::delete($table::table.find(id))
                .execute(c)
                .await)?;
            Ok(gone > 0)
        }
    )*};
}

rules! {
    email_domain_blocks EmailDomainBlock:
        email_domains email_domain add_email_domain remove_email_domain;
    canonical_email_blocks CanonicalEmailBlock:
        canonical_emails canonical_email add_canonical_email remove_canonical_email;
    ip_blocks IpBlock: ips ip add_ip remove_ip;
    username_blocks UsernameBlock: usernames username add_username remove_username;
}

/// The blocks of some domains.
#[boxed]
pub async fn email_domains_among(
    conn: &mut Conn,
    domains: &[String],
) -> Result<Vec<EmailDomainBlock>> {
    on_db!(conn, |c| email_domain_blocks::table
        .filter(email_domain_blocks::domain.any_of(domains))
        .load::<EmailDomainBlock>(c)
        .await)
}

/// The block of a canonical address.
#[boxed]
pub async fn canonical_email_by_hash(
    conn: &mut Conn,
    hash: &str,
) -> Result<Option<CanonicalEmailBlock>> {
    on_db!(conn, |c| canonical_email_blocks::table
        .filter(canonical_email_blocks::canonical_email_hash.eq(hash))
        .first::<CanonicalEmailBlock>(c)
        .await
        .optional())
}

/// The block of a range.
#[boxed]
pub async fn ip_by_range(conn: &mut Conn, ip: &str) -> Result<Option<IpBlock>> {
    on_db!(conn, |c| ip_blocks::table
        .filter(ip_blocks::ip.eq(ip))
        .first::<IpBlock>(c)
        .await
        .optional())
}

/// All blocks of ranges that are not over; they are kept in memory.
#[boxed]
pub async fn all_ips(conn: &mut Conn, now: i64) -> Result<Vec<IpBlock>> {
    on_db!(conn, |c| ip_blocks::table
        .filter(
            ip_blocks::expires_at
                .is_null()
                .or(ip_blocks::expires_at.gt(now))
        )
        .order(ip_blocks::id.desc())
        .limit(MOST)
        .load::<IpBlock>(c)
        .await)
}

/// Writes a changed block of a range.
#[boxed]
pub async fn update_ip(conn: &mut Conn, row: &IpBlock) -> Result<()> {
    on_db!(conn, |c| diesel::update(ip_blocks::table.find(row.id))
        .set(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// All patterns of names.
#[boxed]
pub async fn all_usernames(conn: &mut Conn) -> Result<Vec<UsernameBlock>> {
    on_db!(conn, |c| username_blocks::table
        .order(username_blocks::pattern)
        .limit(MOST)
        .load::<UsernameBlock>(c)
        .await)
}

/// The row of a pattern.
#[boxed]
pub async fn username_by_pattern(conn: &mut Conn, pattern: &str) -> Result<Option<UsernameBlock>> {
    on_db!(conn, |c| username_blocks::table
        .filter(username_blocks::pattern.eq(pattern))
        .first::<UsernameBlock>(c)
        .await
        .optional())
}

/// Notes where a registration came from, and by which app.
#[boxed]
pub async fn signed_up(
    conn: &mut Conn,
    account_id: i64,
    ip: &str,
    app_id: Option<i64>,
) -> Result<()> {
    on_db!(conn, |c| diesel::update(users::table.find(account_id))
        .set((users::sign_up_ip.eq(ip), users::sign_up_app_id.eq(app_id)))
        .execute(c)
        .await)?;
    Ok(())
}
