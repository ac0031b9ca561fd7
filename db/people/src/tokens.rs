//! Apps, authorisation codes, access and refresh tokens, browser sessions.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::schema::{accounts, apps, oauth_codes, refresh_tokens, tokens, users, web_sessions};
use super::{Conn, Result, on_db};

/// A row of `tokens`: an access token; its id is the JWT's `jti`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = tokens)]
pub struct Token {
    pub id: i64,
    /// `None` for an app's own token.
    pub account_id: Option<i64>,
    pub app_id: Option<i64>,
    /// The refresh tokens it came with.
    pub family_id: Option<i64>,
    /// By spaces.
    pub scopes: String,
    pub name: String,
    pub created_at: i64,
    pub expires_at: Option<i64>,
    pub revoked_at: Option<i64>,
    pub last_used_at: Option<i64>,
    pub ip: String,
    pub user_agent: String,
}

/// A row of `apps`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = apps)]
pub struct App {
    pub id: i64,
    pub client_id: String,
    pub client_secret: String,
    pub name: String,
    pub website: Option<String>,
    /// By newlines.
    pub redirect_uris: String,
    /// By spaces.
    pub scopes: String,
    pub created_at: i64,
}

/// A row of `oauth_codes`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = oauth_codes)]
pub struct OauthCode {
    /// SHA-256, hexadecimal.
    pub code_hash: String,
    pub app_id: i64,
    pub account_id: i64,
    pub redirect_uri: String,
    pub scopes: String,
    pub challenge: Option<String>,
    pub challenge_method: Option<String>,
    pub created_at: i64,
    pub expires_at: i64,
    pub used_at: Option<i64>,
    /// The token it was exchanged for: revoked when the code comes again.
    pub token_id: Option<i64>,
}

/// A row of `refresh_tokens`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = refresh_tokens)]
pub struct RefreshToken {
    /// SHA-256, hexadecimal.
    pub token_hash: String,
    pub account_id: i64,
    pub family_id: i64,
    pub created_at: i64,
    pub expires_at: i64,
    pub spent_at: Option<i64>,
}

/// What decides whether a token is good: its row, and the state of its user.
#[derive(Debug, Clone, Queryable)]
pub struct TokenState {
    pub token: Token,
    pub confirmed_at: Option<i64>,
    pub approved_at: Option<i64>,
    pub disabled_at: Option<i64>,
    pub leaving_at: Option<i64>,
    pub suspended_at: Option<i64>,
    pub deleted_at: Option<i64>,
    /// Whether there is a user at all.
    pub user: Option<i64>,
}

/// A token with the state of its user.
#[boxed]
pub async fn state(conn: &mut Conn, id: i64) -> Result<Option<TokenState>> {
    let query = tokens::table
        .left_join(users::table.on(users::account_id.nullable().eq(tokens::account_id)))
        .left_join(accounts::table.on(accounts::id.nullable().eq(tokens::account_id)))
        .filter(tokens::id.eq(id));
    on_db!(conn, |c| query
        .select((
            Token::as_select(),
            users::confirmed_at.nullable(),
            users::approved_at.nullable(),
            users::disabled_at.nullable(),
            users::leaving_at.nullable(),
            accounts::suspended_at.nullable(),
            accounts::deleted_at.nullable(),
            users::account_id.nullable(),
        ))
        .first::<TokenState>(c)
        .await
        .optional())
}

/// Adds an access token.
#[boxed]
pub async fn insert(conn: &mut Conn, row: &Token) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(tokens::table)
        .values(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// One token.
#[boxed]
pub async fn by_id(conn: &mut Conn, id: i64) -> Result<Option<Token>> {
    on_db!(conn, |c| tokens::table
        .find(id)
        .first::<Token>(c)
        .await
        .optional())
}

/// An account's tokens that are not revoked, newest first.
#[boxed]
pub async fn of_account(conn: &mut Conn, account_id: i64, limit: i64) -> Result<Vec<Token>> {
    on_db!(conn, |c| tokens::table
        .filter(tokens::account_id.eq(account_id))
        .filter(tokens::revoked_at.is_null())
        .order(tokens::id.desc())
        .limit(limit)
        .load::<Token>(c)
        .await)
}

/// Tokens of a refresh family that are not revoked.
#[boxed]
pub async fn of_family(conn: &mut Conn, family_id: i64) -> Result<Vec<Token>> {
    on_db!(conn, |c| tokens::table
        .filter(tokens::family_id.eq(family_id))
        .filter(tokens::revoked_at.is_null())
        .load::<Token>(c)
        .await)
}

/// Revokes a token; false when it was revoked before.
#[boxed]
pub async fn revoke(conn: &mut Conn, id: i64, now: i64) -> Result<bool> {
    let revoked = on_db!(conn, |c| diesel::update(
        tokens::table.find(id).filter(tokens::revoked_at.is_null())
    )
    .set(tokens::revoked_at.eq(now))
    .execute(c)
    .await)?;
    Ok(revoked > 0)
}

/// Notes when a token was used.
#[boxed]
pub async fn used(conn: &mut Conn, id: i64, now: i64) -> Result<()> {
    on_db!(conn, |c| diesel::update(tokens::table.find(id))
        .set(tokens::last_used_at.eq(now))
        .execute(c)
        .await)?;
    Ok(())
}

/// Adds an app.
#[boxed]
pub async fn insert_app(conn: &mut Conn, row: &App) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(apps::table)
        .values(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// Adds an app unless its client id is there; the id of the one that stands.
#[boxed]
pub async fn ensure_app(conn: &mut Conn, row: &App) -> Result<i64> {
    on_db!(conn, |c| diesel::insert_into(apps::table)
        .values(row)
        .on_conflict(apps::client_id)
        .do_nothing()
        .execute(c)
        .await)?;
    on_db!(conn, |c| apps::table
        .filter(apps::client_id.eq(&row.client_id))
        .select(apps::id)
        .first(c)
        .await)
}

/// The app of a client id.
#[boxed]
pub async fn app_by_client_id(conn: &mut Conn, client_id: &str) -> Result<Option<App>> {
    on_db!(conn, |c| apps::table
        .filter(apps::client_id.eq(client_id))
        .first::<App>(c)
        .await
        .optional())
}

/// Apps by id, in no order.
#[boxed]
pub async fn apps_by_ids(conn: &mut Conn, ids: &[i64]) -> Result<Vec<App>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| apps::table
        .filter(apps::id.any_of(ids))
        .load::<App>(c)
        .await)
}

/// Adds an authorisation code.
#[boxed]
pub async fn insert_code(conn: &mut Conn, row: &OauthCode) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(oauth_codes::table)
        .values(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// The authorisation code of a hash.
#[boxed]
pub async fn code(conn: &mut Conn, code_hash: &str) -> Result<Option<OauthCode>> {
    on_db!(conn, |c| oauth_codes::table
        .find(code_hash)
        .first::<OauthCode>(c)
        .await
        .optional())
}

/// Marks a code as used for a token; false when it was used before.
#[boxed]
pub async fn spend_code(conn: &mut Conn, code_hash: &str, token_id: i64, now: i64) -> Result<bool> {
    let spent = on_db!(conn, |c| diesel::update(
        oauth_codes::table
            .find(code_hash)
            .filter(oauth_codes::used_at.is_null())
    )
    .set((
        oauth_codes::used_at.eq(now),
        oauth_codes::token_id.eq(token_id),
    ))
    .execute(c)
    .await)?;
    Ok(spent > 0)
}

/// Adds a refresh token.
#[boxed]
pub async fn insert_refresh(conn: &mut Conn, row: &RefreshToken) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(refresh_tokens::table)
        .values(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// The refresh token of a hash.
#[boxed]
pub async fn refresh(conn: &mut Conn, token_hash: &str) -> Result<Option<RefreshToken>> {
    on_db!(conn, |c| refresh_tokens::table
        .find(token_hash)
        .first::<RefreshToken>(c)
        .await
        .optional())
}

/// Marks a refresh token as spent; false when it was spent before.
#[boxed]
pub async fn spend_refresh(conn: &mut Conn, token_hash: &str, now: i64) -> Result<bool> {
    let spent = on_db!(conn, |c| diesel::update(
        refresh_tokens::table
            .find(token_hash)
            .filter(refresh_tokens::spent_at.is_null())
    )
    .set(refresh_tokens::spent_at.eq(now))
    .execute(c)
    .await)?;
    Ok(spent > 0)
}

/// Marks every refresh token of a family as spent.
#[boxed]
pub async fn spend_family(conn: &mut Conn, family_id: i64, now: i64) -> Result<()> {
    on_db!(conn, |c| diesel::update(
        refresh_tokens::table
            .filter(refresh_tokens::family_id.eq(family_id))
            .filter(refresh_tokens::spent_at.is_null())
    )
    .set(refresh_tokens::spent_at.eq(now))
    .execute(c)
    .await)?;
    Ok(())
}

/// Opens a browser session.
#[boxed]
pub async fn insert_web_session(
    conn: &mut Conn,
    session_hash: &str,
    account_id: i64,
    now: i64,
    expires_at: i64,
) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(web_sessions::table)
        .values((
            web_sessions::session_hash.eq(session_hash),
            web_sessions::account_id.eq(account_id),
            web_sessions::created_at.eq(now),
            web_sessions::expires_at.eq(expires_at),
        ))
        .execute(c)
        .await)?;
    Ok(())
}

/// Whose browser session this is, if it has not expired.
#[boxed]
pub async fn web_session(conn: &mut Conn, session_hash: &str, now: i64) -> Result<Option<i64>> {
    on_db!(conn, |c| web_sessions::table
        .find(session_hash)
        .filter(web_sessions::expires_at.gt(now))
        .select(web_sessions::account_id)
        .first(c)
        .await
        .optional())
}

/// Ends a browser session, or all of an account's.
#[boxed]
pub async fn end_web_sessions(
    conn: &mut Conn,
    session_hash: Option<&str>,
    account_id: i64,
) -> Result<()> {
    match session_hash {
        Some(hash) => on_db!(conn, |c| diesel::delete(web_sessions::table.find(hash))
            .execute(c)
            .await)?,
        None => on_db!(conn, |c| diesel::delete(
            web_sessions::table.filter(web_sessions::account_id.eq(account_id))
        )
        .execute(c)
        .await)?,
    };
    Ok(())
}

/// Every refresh token of an account that is neither spent nor expired.
#[boxed]
pub async fn live_refresh_families(conn: &mut Conn, account_id: i64, now: i64) -> Result<Vec<i64>> {
    on_db!(conn, |c| refresh_tokens::table
        .filter(refresh_tokens::account_id.eq(account_id))
        .filter(refresh_tokens::spent_at.is_null())
        .filter(refresh_tokens::expires_at.gt(now))
        .select(refresh_tokens::family_id)
        .load(c)
        .await)
}

/// Marks refresh tokens of an account as spent, but for one family.
#[boxed]
pub async fn spend_all_refresh(
    conn: &mut Conn,
    account_id: i64,
    but_family: Option<i64>,
    now: i64,
) -> Result<()> {
    on_db!(conn, |c| diesel::update(
        refresh_tokens::table
            .filter(refresh_tokens::account_id.eq(account_id))
            .filter(refresh_tokens::family_id.ne(but_family.unwrap_or(0)))
            .filter(refresh_tokens::spent_at.is_null())
    )
    .set(refresh_tokens::spent_at.eq(now))
    .execute(c)
    .await)?;
    Ok(())
}

/// All tokens of an account that are not revoked, however many.
#[boxed]
pub async fn all_of_account(conn: &mut Conn, account_id: i64) -> Result<Vec<Token>> {
    of_account(conn, account_id, i64::MAX).await
}

/// How many tokens of an account are not revoked.
#[boxed]
pub async fn count_of_account(conn: &mut Conn, account_id: i64) -> Result<i64> {
    on_db!(conn, |c| tokens::table
        .filter(tokens::account_id.eq(account_id))
        .filter(tokens::revoked_at.is_null())
        .count()
        .get_result(c)
        .await)
}

/// Spends every authorisation code of an account that waits to be exchanged.
#[boxed]
pub async fn spend_all_codes(conn: &mut Conn, account_id: i64, now: i64) -> Result<()> {
    on_db!(conn, |c| diesel::update(
        oauth_codes::table
            .filter(oauth_codes::account_id.eq(account_id))
            .filter(oauth_codes::used_at.is_null())
    )
    .set(oauth_codes::used_at.eq(now))
    .execute(c)
    .await)?;
    Ok(())
}

/// Forgets authorisation codes that expired before a time; says how many went.
#[boxed]
pub async fn forget_codes(conn: &mut Conn, time: i64, limit: i64) -> Result<usize> {
    let old: Vec<String> = on_db!(conn, |c| oauth_codes::table
        .filter(oauth_codes::expires_at.lt(time))
        .limit(limit)
        .select(oauth_codes::code_hash)
        .load(c)
        .await)?;
    on_db!(conn, |c| diesel::delete(
        oauth_codes::table.filter(oauth_codes::code_hash.any_of(&old))
    )
    .execute(c)
    .await)
}

/// Forgets refresh tokens that expired before a time; says how many went. Spent ones are kept
/// until then, for their reuse to be noticed.
#[boxed]
pub async fn forget_refresh_tokens(conn: &mut Conn, time: i64, limit: i64) -> Result<usize> {
    let old: Vec<String> = on_db!(conn, |c| refresh_tokens::table
        .filter(refresh_tokens::expires_at.lt(time))
        .limit(limit)
        .select(refresh_tokens::token_hash)
        .load(c)
        .await)?;
    on_db!(conn, |c| diesel::delete(
        refresh_tokens::table.filter(refresh_tokens::token_hash.any_of(&old))
    )
    .execute(c)
    .await)
}

/// Forgets access tokens that expired, or were revoked, before a time; says how many went.
#[boxed]
pub async fn forget_tokens(conn: &mut Conn, time: i64, limit: i64) -> Result<usize> {
    let old: Vec<i64> = on_db!(conn, |c| tokens::table
        .filter(
            tokens::expires_at
                .lt(time)
                .or(tokens::revoked_at.lt(time))
                .assume_not_null()
        )
        .limit(limit)
        .select(tokens::id)
        .load(c)
        .await)?;
    on_db!(conn, |c| diesel::delete(
        tokens::table.filter(tokens::id.any_of(&old))
    )
    .execute(c)
    .await)
}

/// Forgets browser sessions that expired before a time; says how many went.
#[boxed]
pub async fn forget_web_sessions(conn: &mut Conn, time: i64, limit: i64) -> Result<usize> {
    let old: Vec<String> = on_db!(conn, |c| web_sessions::table
        .filter(web_sessions::expires_at.lt(time))
        .limit(limit)
        .select(web_sessions::session_hash)
        .load(c)
        .await)?;
    on_db!(conn, |c| diesel::delete(
        web_sessions::table.filter(web_sessions::session_hash.any_of(&old))
    )
    .execute(c)
    .await)
}
