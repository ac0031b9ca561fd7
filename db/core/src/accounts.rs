//! Accounts, local and remote: profiles, counts, keys.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::conn::Backend;
use super::schema::{account_keys, account_stats, accounts, former_usernames};
use super::{Conn, Result, on_db, prepared};

/// A row of `accounts`.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = accounts, treat_none_as_null = true)]
pub struct Account {
    pub id: i64,
    pub username: String,
    pub username_lower: String,
    /// `''` for local accounts.
    pub domain: String,
    /// The actor's id.
    pub uri: String,
    /// The profile page.
    pub url: String,
    /// `Person`, `Service`, `Group`, `Application` or `Organization`.
    pub kind: String,
    /// Plain text.
    pub display_name: String,
    /// Clean HTML.
    pub note: String,
    /// JSON: `[{"name", "value", "verified_at"}]`, values clean HTML.
    pub fields: String,
    /// JSON: `[{"shortcode", "url", "static_url"}]`.
    pub emojis: String,
    /// A storage key (local), a URL (remote) or `''`.
    pub avatar: String,
    pub avatar_description: String,
    pub header: String,
    pub header_description: String,
    pub inbox_url: String,
    /// The shared inbox where there is one, else the inbox.
    pub delivery_url: String,
    /// Host and port of `delivery_url`.
    pub delivery_host: String,
    pub followers_url: String,
    /// JSON: `{"outbox", "following", "featured"}`.
    pub endpoints: String,
    pub locked: bool,
    pub discoverable: bool,
    pub indexable: bool,
    pub hide_collections: bool,
    /// JSON: a list of URIs.
    pub also_known_as: String,
    /// URI, or `''`.
    pub moved_to: String,
    pub created_at: i64,
    /// When the actor document was last read; 0 for local accounts.
    pub fetched_at: i64,
    pub suspended_at: Option<i64>,
    pub silenced_at: Option<i64>,
    pub deleted_at: Option<i64>,
    /// When moderators said that its files are to be shown as sensitive.
    pub sensitized_at: Option<i64>,
}

impl Account {
    /// Whether the account lives here.
    pub fn is_local(&self) -> bool {
        self.domain.is_empty()
    }

    /// Whether the account may act and be seen.
    pub fn is_active(&self) -> bool {
        self.suspended_at.is_none() && self.deleted_at.is_none()
    }
}

/// A row of `account_stats`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = account_stats)]
pub struct AccountStats {
    pub account_id: i64,
    pub followers_count: i64,
    pub following_count: i64,
    pub statuses_count: i64,
    pub last_status_at: Option<i64>,
    /// How many more its own server told than were known here then.
    pub followers_beyond: i64,
    pub following_beyond: i64,
    pub statuses_beyond: i64,
}

impl AccountStats {
    /// Followers, following and statuses, as its own server counts them.
    pub fn told(&self) -> (i64, i64, i64) {
        (
            (self.followers_count + self.followers_beyond).max(0),
            (self.following_count + self.following_beyond).max(0),
            (self.statuses_count + self.statuses_beyond).max(0),
        )
    }
}

/// A row of `account_keys`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = account_keys)]
pub struct AccountKey {
    pub key_id: String,
    pub account_id: i64,
    /// PEM, or a multikey.
    pub public_key: String,
    /// PKCS#8 PEM; local actors only.
    pub private_key: Option<String>,
    pub created_at: i64,
}

/// One account by id.
#[boxed]
pub async fn by_id(conn: &mut Conn, id: i64) -> Result<Option<Account>> {
    on_db!(conn, |c| accounts::table
        .find(id)
        .select(Account::as_select())
        .first(c)
        .await
        .optional())
}

/// Accounts of a domain after an id.
#[boxed]
pub async fn of_domain(
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

/// Accounts of other servers after an id, in the order of ids.
#[boxed]
pub async fn elsewhere(conn: &mut Conn, above: i64, limit: i64) -> Result<Vec<Account>> {
    on_db!(conn, |c| accounts::table
        .filter(accounts::id.gt(above))
        .filter(accounts::domain.ne(""))
        .order(accounts::id)
        .limit(limit)
        .select(Account::as_select())
        .load(c)
        .await)
}

/// Accounts by id, in no order; ids without a row are left out.
#[boxed]
pub async fn by_ids(conn: &mut Conn, ids: &[i64]) -> Result<Vec<Account>> {
    match ids {
        [] => return Ok(Vec::new()),
        // The writer asks for one with every activity: that is quicker without a list.
        [id] => return Ok(by_id(conn, *id).await?.into_iter().collect()),
        _ => {}
    }
    on_db!(conn, |c| accounts::table
        .filter(accounts::id.any_of(ids))
        .select(Account::as_select())
        .load(c)
        .await)
}

/// One account by its actor id.
#[boxed]
pub async fn by_uri(conn: &mut Conn, uri: &str) -> Result<Option<Account>> {
    on_db!(conn, |c| accounts::table
        .filter(accounts::uri.eq(uri))
        .select(Account::as_select())
        .first(c)
        .await
        .optional())
}

/// The same, of a row that is about to be written: on PostgreSQL, what others write of it is in it, or waits.
/// SQLite has one writer.
#[boxed]
pub async fn by_uri_to_write(conn: &mut Conn, uri: &str) -> Result<Option<Account>> {
    if let Backend::Postgres(c) = &mut conn.backend {
        conn.statements += 1;
        let found: Vec<Account> = accounts::table
            .filter(accounts::uri.eq(uri))
            .select(Account::as_select())
            .for_no_key_update()
            .load(&mut **c)
            .await?;
        return Ok(found.into_iter().next());
    }
    by_uri(conn, uri).await
}

/// Rows that were read in this transaction, and are about to be written: on PostgreSQL as others have left
/// them, with their locks. SQLite has one writer.
#[boxed]
pub async fn to_write(conn: &mut Conn, rows: Vec<Account>) -> Result<Vec<Account>> {
    if let Backend::Postgres(c) = &mut conn.backend
        && !rows.is_empty()
    {
        conn.statements += 1;
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        // In this order: two that do so wait for each other, and come through.
        return accounts::table
            .filter(accounts::id.eq_any(ids))
            .order(accounts::id)
            .select(Account::as_select())
            .for_no_key_update()
            .load(&mut **c)
            .await;
    }
    Ok(rows)
}

/// Accounts by actor id, in no order.
#[boxed]
pub async fn by_uris(conn: &mut Conn, uris: &[String]) -> Result<Vec<Account>> {
    if uris.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| accounts::table
        .filter(accounts::uri.any_of(uris))
        .select(Account::as_select())
        .load(c)
        .await)
}

/// One account by profile page.
#[boxed]
pub async fn by_url(conn: &mut Conn, url: &str) -> Result<Option<Account>> {
    on_db!(conn, |c| accounts::table
        .filter(accounts::url.eq(url))
        .order(accounts::id)
        .select(Account::as_select())
        .first(c)
        .await
        .optional())
}

/// One account by name and domain (`''`: local), whatever the case. A name that a local account
/// had before leads to it as well.
#[boxed]
pub async fn by_handle(conn: &mut Conn, username: &str, domain: &str) -> Result<Option<Account>> {
    let (username, domain) = (username.to_lowercase(), domain.to_lowercase());
    let current = on_db!(conn, |c| accounts::table
        .filter(accounts::username_lower.eq(&username))
        .filter(accounts::domain.eq(&domain))
        .select(Account::as_select())
        .first(c)
        .await
        .optional())?;
    if current.is_some() || !domain.is_empty() {
        return Ok(current);
    }
    on_db!(conn, |c| former_usernames::table
        .inner_join(accounts::table.on(accounts::id.eq(former_usernames::account_id)))
        .filter(former_usernames::username_lower.eq(&username))
        .select(Account::as_select())
        .first(c)
        .await
        .optional())
}

/// Keeps a name that a local account gives up, for ever.
#[boxed]
pub async fn keep_username(
    conn: &mut Conn,
    username_lower: &str,
    account_id: i64,
    now: i64,
) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(former_usernames::table)
        .values((
            former_usernames::username_lower.eq(username_lower),
            former_usernames::account_id.eq(account_id),
            former_usernames::changed_at.eq(now),
        ))
        .on_conflict(former_usernames::username_lower)
        .do_update()
        .set(former_usernames::changed_at.eq(now))
        .execute(c)
        .await)?;
    Ok(())
}

/// When a local account last changed its name.
#[boxed]
pub async fn username_changed_at(conn: &mut Conn, account_id: i64) -> Result<Option<i64>> {
    on_db!(conn, |c| former_usernames::table
        .filter(former_usernames::account_id.eq(account_id))
        .order(former_usernames::changed_at.desc())
        .select(former_usernames::changed_at)
        .first(c)
        .await
        .optional())
}

/// Accounts whose name begins with a text (and domain with another), most followed first.
#[boxed]
pub async fn search(
    conn: &mut Conn,
    prefix: &str,
    domain_prefix: &str,
    limit: i64,
    offset: i64,
) -> Result<Vec<Account>> {
    // Ranges instead of LIKE: they use the index on both backends, and % is no wildcard.
    let end = |text: &str| format!("{text}\u{10ffff}");
    let (name, domain) = (prefix.to_lowercase(), domain_prefix.to_lowercase());
    let (name_end, domain_end) = (end(&name), end(&domain));
    on_db!(conn, |c| accounts::table
        .inner_join(account_stats::table.on(account_stats::account_id.eq(accounts::id)))
        .filter(accounts::username_lower.between(&name, &name_end))
        .filter(accounts::domain.between(&domain, &domain_end))
        .filter(accounts::suspended_at.is_null())
        .filter(accounts::deleted_at.is_null())
        .order((account_stats::followers_count.desc(), accounts::id))
        .limit(limit)
        .offset(offset)
        .select(Account::as_select())
        .load(c)
        .await)
}

/// Adds an account with zeroed counts.
#[boxed]
pub async fn insert(conn: &mut Conn, account: &Account) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(accounts::table)
        .values(account)
        .execute(c)
        .await)?;
    let stats = AccountStats {
        account_id: account.id,
        ..AccountStats::default()
    };
    on_db!(conn, |c| diesel::insert_into(account_stats::table)
        .values(&stats)
        .execute(c)
        .await)?;
    Ok(())
}

/// Writes every column of an account.
#[boxed]
pub async fn update(conn: &mut Conn, account: &Account) -> Result<()> {
    on_db!(conn, |c| diesel::update(accounts::table.find(account.id))
        .set(account)
        .execute(c)
        .await)?;
    Ok(())
}

/// Counts of accounts, in no order.
#[boxed]
pub async fn stats_of(conn: &mut Conn, ids: &[i64]) -> Result<Vec<AccountStats>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| account_stats::table
        .filter(account_stats::account_id.any_of(ids))
        .select(AccountStats::as_select())
        .load(c)
        .await)
}

/// Adds to an account's counts of followers and following.
#[boxed]
pub async fn count_relations(
    conn: &mut Conn,
    id: i64,
    followers: i64,
    following: i64,
) -> Result<()> {
    // As text: see `count_status`.
    on_db!(conn, |c| prepared!(
        "UPDATE account_stats SET followers_count = followers_count + $1, \
         following_count = following_count + $2 WHERE account_id = $3"
    )
    .bind::<diesel::sql_types::BigInt, _>(followers)
    .bind::<diesel::sql_types::BigInt, _>(following)
    .bind::<diesel::sql_types::BigInt, _>(id)
    .execute(c)
    .await)?;
    Ok(())
}

/// Counts a new status made at a time.
#[boxed]
pub async fn count_status(conn: &mut Conn, id: i64, at: i64) -> Result<()> {
    // As text: diesel's own UPDATE is never kept prepared, and this one runs with every status.
    on_db!(conn, |c| prepared!(
        "UPDATE account_stats SET last_status_at = CASE WHEN last_status_at > $1 \
         THEN last_status_at ELSE $1 END, statuses_count = statuses_count + 1 \
         WHERE account_id = $2"
    )
    .bind::<diesel::sql_types::BigInt, _>(at)
    .bind::<diesel::sql_types::BigInt, _>(id)
    .execute(c)
    .await)?;
    Ok(())
}

/// Takes deleted statuses off the count; of an account that is gone, it is nought already.
#[boxed]
pub async fn uncount_statuses(conn: &mut Conn, id: i64, number: i64) -> Result<()> {
    on_db!(conn, |c| prepared!(
        "UPDATE account_stats SET statuses_count = CASE WHEN statuses_count > $1 \
         THEN statuses_count - $1 ELSE 0 END WHERE account_id = $2"
    )
    .bind::<diesel::sql_types::BigInt, _>(number)
    .bind::<diesel::sql_types::BigInt, _>(id)
    .execute(c)
    .await)?;
    Ok(())
}

/// A key by its id.
#[boxed]
pub async fn key_by_id(conn: &mut Conn, key_id: &str) -> Result<Option<AccountKey>> {
    on_db!(conn, |c| account_keys::table
        .find(key_id)
        .select(AccountKey::as_select())
        .first(c)
        .await
        .optional())
}

/// The keys of an account, oldest first.
#[boxed]
pub async fn keys_of(conn: &mut Conn, account_id: i64) -> Result<Vec<AccountKey>> {
    on_db!(conn, |c| account_keys::table
        .filter(account_keys::account_id.eq(account_id))
        .order(account_keys::created_at)
        .select(AccountKey::as_select())
        .load(c)
        .await)
}

/// Replaces an account's keys.
#[boxed]
pub async fn set_keys(conn: &mut Conn, account_id: i64, keys: &[AccountKey]) -> Result<()> {
    on_db!(conn, |c| diesel::delete(
        account_keys::table.filter(account_keys::account_id.eq(account_id))
    )
    .execute(c)
    .await)?;
    for key in keys {
        // A key id another account holds stays with that account.
        add_key(conn, key).await?;
    }
    Ok(())
}

/// Adds a key of an account, unless one of its id is there.
#[boxed]
pub async fn add_key(conn: &mut Conn, key: &AccountKey) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(account_keys::table)
        .values(key)
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    Ok(())
}

/// How many local accounts there are that are neither deleted nor suspended.
#[boxed]
pub async fn count_local(conn: &mut Conn) -> Result<i64> {
    on_db!(conn, |c| accounts::table
        .filter(accounts::domain.eq(""))
        .filter(accounts::deleted_at.is_null())
        .filter(accounts::suspended_at.is_null())
        .filter(accounts::kind.ne("Application"))
        .count()
        .get_result(c)
        .await)
}

/// How many active local accounts posted since a time.
#[boxed]
pub async fn count_active_local(conn: &mut Conn, since: i64) -> Result<i64> {
    on_db!(conn, |c| accounts::table
        .inner_join(account_stats::table.on(account_stats::account_id.eq(accounts::id)))
        .filter(accounts::domain.eq(""))
        .filter(accounts::deleted_at.is_null())
        .filter(accounts::suspended_at.is_null())
        .filter(account_stats::last_status_at.ge(since))
        .count()
        .get_result(c)
        .await)
}

/// Ends every relation of an account, with the counts of those on the other side.
#[boxed]
pub async fn sever(conn: &mut Conn, id: i64) -> Result<()> {
    use super::schema::{
        account_notes, blocks, endorsements, follow_requests, follows, friend_requests, mutes,
    };
    on_db!(conn, |c| diesel::update(
        account_stats::table.filter(
            account_stats::account_id.eq_any(
                follows::table
                    .filter(follows::target_id.eq(id))
                    .select(follows::account_id)
            )
        )
    )
    .set(account_stats::following_count.eq(account_stats::following_count - 1))
    .execute(c)
    .await)?;
    on_db!(conn, |c| diesel::update(
        account_stats::table.filter(
            account_stats::account_id.eq_any(
                follows::table
                    .filter(follows::account_id.eq(id))
                    .select(follows::target_id)
            )
        )
    )
    .set(account_stats::followers_count.eq(account_stats::followers_count - 1))
    .execute(c)
    .await)?;
    macro_rules! clear {
        ($($table:ident, $a:ident, $b:ident;)*) => {$(
            on_db!(conn, |c| diesel::delete(
                $table::table.filter($table::$a.eq(id).or($table::$b.eq(id)))
            )
            .execute(c)
            .await)?;
        )*};
    }
    clear! {
        follows, account_id, target_id;
        follow_requests, account_id, target_id;
        friend_requests, account_id, target_id;
        blocks, account_id, target_id;
        mutes, account_id, target_id;
        endorsements, account_id, target_id;
        account_notes, account_id, target_id;
    }
    on_db!(conn, |c| diesel::update(account_stats::table.find(id))
        .set((
            account_stats::followers_count.eq(0),
            account_stats::following_count.eq(0),
            account_stats::statuses_count.eq(0),
            account_stats::followers_beyond.eq(0),
            account_stats::following_beyond.eq(0),
            account_stats::statuses_beyond.eq(0),
        ))
        .execute(c)
        .await)?;
    Ok(())
}

/// How many other servers' accounts are known, by domain.
#[boxed]
pub async fn count_domains(conn: &mut Conn) -> Result<i64> {
    on_db!(conn, |c| accounts::table
        .filter(accounts::domain.ne(""))
        .select(diesel::dsl::sql::<diesel::sql_types::BigInt>(
            "COUNT(DISTINCT domain)"
        ))
        .get_result(c)
        .await)
}
