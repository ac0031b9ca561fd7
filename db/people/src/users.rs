//! Users, the sign-in side of local accounts, and their one-time codes.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::accounts::Account;
use super::any::AnyOfExt;
use super::schema::{accounts, one_time_codes, users};
use super::{Conn, Result, on_db};
use crate::event::{Event, Kind};

/// A row of `users`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = users, treat_none_as_null = true)]
pub struct User {
    pub account_id: i64,
    /// As typed.
    pub email: String,
    /// What the user is found by. Of a registration with an address that was taken, no address.
    pub email_lower: String,
    /// PHC string.
    pub password_hash: String,
    /// `user`, `moderator` or `admin`.
    pub role: String,
    pub locale: String,
    /// JSON.
    pub settings: String,
    /// Why they want to join.
    pub reason: String,
    pub created_at: i64,
    /// When the e-mail address was verified.
    pub confirmed_at: Option<i64>,
    pub approved_at: Option<i64>,
    pub disabled_at: Option<i64>,
    pub last_sign_in_at: Option<i64>,
    /// What they were invited with.
    pub invite_id: Option<i64>,
    /// Since when they want their account deleted.
    pub leaving_at: Option<i64>,
    /// When it will be.
    pub leaves_at: Option<i64>,
}

/// How a user wants to be reached, and what partners in chats learn of them: columns of `users`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, AsChangeset)]
#[diesel(table_name = users)]
pub struct ChatSettings {
    pub account_id: i64,
    /// Who may open a chat: `mutuals`, `followers` or `anyone`.
    pub chat_policy: String,
    /// Whether others may ask.
    pub message_requests: bool,
    /// Whether partners see what was read.
    pub read_receipts: bool,
    /// Whether they see who is online.
    pub presence: bool,
    /// Whether the user is told of dislikes.
    pub notify_dislikes: bool,
}

/// A row of `one_time_codes`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = one_time_codes)]
pub struct OneTimeCode {
    pub id: i64,
    pub account_id: i64,
    /// As in `domain::codes::Purpose`.
    pub purpose: String,
    pub code_hash: String,
    pub tries: i64,
    pub created_at: i64,
    pub expires_at: i64,
    pub used_at: Option<i64>,
}

/// Adds a user.
#[boxed]
pub async fn insert(conn: &mut Conn, row: &User) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(users::table)
        .values(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// Writes every column of a user.
#[boxed]
pub async fn update(conn: &mut Conn, row: &User) -> Result<()> {
    on_db!(conn, |c| diesel::update(users::table.find(row.account_id))
        .set(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// Writes a user's settings alone.
#[boxed]
pub async fn set_settings(conn: &mut Conn, account_id: i64, settings: &str) -> Result<()> {
    on_db!(conn, |c| diesel::update(users::table.find(account_id))
        .set(users::settings.eq(settings))
        .execute(c)
        .await)?;
    Ok(())
}

/// The user of an account.
#[boxed]
pub async fn by_account(conn: &mut Conn, account_id: i64) -> Result<Option<User>> {
    on_db!(conn, |c| users::table
        .find(account_id)
        .select(User::as_select())
        .first(c)
        .await
        .optional())
}

/// The chat settings of accounts, in no order; those who are no users here have none.
#[boxed]
pub async fn chat_settings(conn: &mut Conn, account_ids: &[i64]) -> Result<Vec<ChatSettings>> {
    if account_ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| users::table
        .filter(users::account_id.any_of(account_ids))
        .select(ChatSettings::as_select())
        .load(c)
        .await)
}

/// Writes a user's chat settings.
#[boxed]
pub async fn set_chat_settings(conn: &mut Conn, row: &ChatSettings) -> Result<()> {
    on_db!(conn, |c| diesel::update(users::table.find(row.account_id))
        .set(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// The user of an e-mail address, whatever the case.
#[boxed]
pub async fn by_email(conn: &mut Conn, email: &str) -> Result<Option<User>> {
    let email = email.to_lowercase();
    on_db!(conn, |c| users::table
        .filter(users::email_lower.eq(&email))
        .select(User::as_select())
        .first(c)
        .await
        .optional())
}

/// Whether anyone has signed up yet.
#[boxed]
pub async fn any(conn: &mut Conn) -> Result<bool> {
    let first: Option<i64> = on_db!(conn, |c| users::table
        .select(users::account_id)
        .limit(1)
        .first(c)
        .await
        .optional())?;
    Ok(first.is_some())
}

/// Users with their accounts, oldest first, after an account id.
#[boxed]
pub async fn page(conn: &mut Conn, after: i64, limit: i64) -> Result<Vec<(User, Account)>> {
    on_db!(conn, |c| users::table
        .inner_join(accounts::table.on(accounts::id.eq(users::account_id)))
        .filter(users::account_id.gt(after))
        .order(users::account_id)
        .limit(limit)
        .select((User::as_select(), Account::as_select()))
        .load(c)
        .await)
}

/// Notes when a user signed in.
#[boxed]
pub async fn signed_in(conn: &mut Conn, account_id: i64, now: i64) -> Result<()> {
    on_db!(conn, |c| diesel::update(users::table.find(account_id))
        .set(users::last_sign_in_at.eq(now))
        .execute(c)
        .await)?;
    Ok(())
}

/// Whether a user wants to hear of dislikes.
#[boxed]
pub async fn hears_of_dislikes(conn: &mut Conn, account_id: i64) -> Result<bool> {
    let wanted: Option<bool> = on_db!(conn, |c| users::table
        .find(account_id)
        .select(users::notify_dislikes)
        .first(c)
        .await
        .optional())?;
    Ok(wanted.unwrap_or(false))
}

/// Adds a one-time code.
#[boxed]
pub async fn insert_code(conn: &mut Conn, row: &OneTimeCode) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(one_time_codes::table)
        .values(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// The newest code of an account and purpose: the only one that counts.
#[boxed]
pub async fn newest_code(
    conn: &mut Conn,
    account_id: i64,
    purpose: &str,
) -> Result<Option<OneTimeCode>> {
    on_db!(conn, |c| one_time_codes::table
        .filter(one_time_codes::account_id.eq(account_id))
        .filter(one_time_codes::purpose.eq(purpose))
        .order(one_time_codes::id.desc())
        .select(OneTimeCode::as_select())
        .first(c)
        .await
        .optional())
}

/// How many codes an account was sent for a purpose since a time.
#[boxed]
pub async fn codes_since(
    conn: &mut Conn,
    account_id: i64,
    purpose: &str,
    since: i64,
) -> Result<i64> {
    on_db!(conn, |c| one_time_codes::table
        .filter(one_time_codes::account_id.eq(account_id))
        .filter(one_time_codes::purpose.eq(purpose))
        .filter(one_time_codes::created_at.gt(since))
        .count()
        .get_result(c)
        .await)
}

/// Counts a try of a code that has fewer than `most` behind it; false when it has not.
#[boxed]
pub async fn try_code(conn: &mut Conn, id: i64, most: i64) -> Result<bool> {
    let counted = on_db!(conn, |c| diesel::update(
        one_time_codes::table
            .find(id)
            .filter(one_time_codes::used_at.is_null())
            .filter(one_time_codes::tries.lt(most))
    )
    .set(one_time_codes::tries.eq(one_time_codes::tries + 1))
    .execute(c)
    .await)?;
    Ok(counted > 0)
}

/// Marks a code as used.
#[boxed]
pub async fn use_code(conn: &mut Conn, id: i64, now: i64) -> Result<()> {
    on_db!(conn, |c| diesel::update(one_time_codes::table.find(id))
        .set(one_time_codes::used_at.eq(now))
        .execute(c)
        .await)?;
    Ok(())
}

/// Forgets codes made before a time, at most `limit`; says how many went.
#[boxed]
pub async fn forget_codes(conn: &mut Conn, time: i64, limit: i64) -> Result<usize> {
    let ids: Vec<i64> = on_db!(conn, |c| one_time_codes::table
        .filter(one_time_codes::created_at.lt(time))
        .limit(limit)
        .select(one_time_codes::id)
        .load(c)
        .await)?;
    on_db!(conn, |c| diesel::delete(
        one_time_codes::table.filter(one_time_codes::id.any_of(&ids))
    )
    .execute(c)
    .await)
}

/// Removes, account and all, registrations older than a time whose address was never verified;
/// says how many went. Nothing was ever done with them, and their invitations can be used again.
#[boxed]
pub async fn forget_unconfirmed(conn: &mut Conn, time: i64, limit: i64) -> Result<usize> {
    let forgotten: Vec<(i64, Option<i64>)> = on_db!(conn, |c| users::table
        .filter(users::confirmed_at.is_null())
        .filter(users::created_at.lt(time))
        .limit(limit)
        .select((users::account_id, users::invite_id))
        .load(c)
        .await)?;
    for invite in forgotten.iter().filter_map(|(_, invite)| *invite) {
        super::invites::give_back(conn, invite).await?;
    }
    let ids: Vec<i64> = forgotten.into_iter().map(|(id, _)| id).collect();
    let gone = on_db!(conn, |c| diesel::delete(
        accounts::table.filter(accounts::id.any_of(&ids))
    )
    .execute(c)
    .await)?;
    for id in ids {
        conn.emit(Event::of(Kind::AccountChanged, id));
    }
    Ok(gone)
}

/// Removes an account and its user with all that hangs on them.
#[boxed]
pub async fn remove(conn: &mut Conn, account_id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::delete(accounts::table.find(account_id))
        .execute(c)
        .await)?;
    Ok(())
}

/// Which of some accounts keep to themselves whether they are there.
#[boxed]
pub async fn hide_presence(conn: &mut Conn, accounts: &[i64]) -> Result<Vec<i64>> {
    on_db!(conn, |c| users::table
        .filter(users::account_id.any_of(accounts))
        .filter(users::presence.eq(false))
        .select(users::account_id)
        .load(c)
        .await)
}
