//! Web Push subscriptions.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::schema::{push_subscriptions, tokens, users};
use super::{Conn, Result, on_db};

/// A row of `push_subscriptions`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = push_subscriptions)]
pub struct Subscription {
    pub id: i64,
    pub token_id: i64,
    pub account_id: i64,
    /// Where the push service takes messages.
    pub endpoint: String,
    /// The browser's public key and secret, in URL-safe Base64.
    pub p256dh: String,
    pub auth: String,
    /// As the RFCs say, or as their drafts said.
    pub standard: bool,
    /// Kinds of notifications, by spaces.
    pub alerts: String,
    /// `all`, `followed`, `follower` or `none`.
    pub policy: String,
    pub created_at: i64,
    pub updated_at: i64,
}

impl Subscription {
    /// Whether it wants notifications of a kind.
    pub fn wants(&self, kind: &str) -> bool {
        self.alerts.split(' ').any(|alert| alert == kind)
    }
}

/// The subscription of an access token.
#[boxed]
pub async fn of_token(conn: &mut Conn, token_id: i64) -> Result<Option<Subscription>> {
    on_db!(conn, |c| push_subscriptions::table
        .filter(push_subscriptions::token_id.eq(token_id))
        .first::<Subscription>(c)
        .await
        .optional())
}

/// An account's subscriptions whose access tokens are good.
#[boxed]
pub async fn of_account(conn: &mut Conn, account_id: i64, now: i64) -> Result<Vec<Subscription>> {
    on_db!(conn, |c| push_subscriptions::table
        .inner_join(tokens::table.on(tokens::id.eq(push_subscriptions::token_id)))
        .filter(push_subscriptions::account_id.eq(account_id))
        .filter(tokens::revoked_at.is_null())
        .filter(tokens::expires_at.is_null().or(tokens::expires_at.gt(now)))
        .limit(100)
        .select(Subscription::as_select())
        .load(c)
        .await)
}

/// A subscription, if its access token is good, with its user's language.
#[boxed]
pub async fn live(conn: &mut Conn, id: i64, now: i64) -> Result<Option<(Subscription, String)>> {
    on_db!(conn, |c| push_subscriptions::table
        .inner_join(tokens::table.on(tokens::id.eq(push_subscriptions::token_id)))
        .inner_join(users::table.on(users::account_id.eq(push_subscriptions::account_id)))
        .filter(push_subscriptions::id.eq(id))
        .filter(tokens::revoked_at.is_null())
        .filter(tokens::expires_at.is_null().or(tokens::expires_at.gt(now)))
        .filter(users::disabled_at.is_null())
        .select((Subscription::as_select(), users::locale))
        .first(c)
        .await
        .optional())
}

/// Sets the subscription of its token, in the place of an earlier one.
#[boxed]
pub async fn set(conn: &mut Conn, row: &Subscription) -> Result<()> {
    remove(conn, row.token_id).await?;
    on_db!(conn, |c| diesel::insert_into(push_subscriptions::table)
        .values(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// Changes what a subscription wants.
#[boxed]
pub async fn update(conn: &mut Conn, row: &Subscription) -> Result<()> {
    on_db!(conn, |c| diesel::update(
        push_subscriptions::table.find(row.id)
    )
    .set(row)
    .execute(c)
    .await)?;
    Ok(())
}

/// Removes the subscription of a token.
#[boxed]
pub async fn remove(conn: &mut Conn, token_id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::delete(
        push_subscriptions::table.filter(push_subscriptions::token_id.eq(token_id))
    )
    .execute(c)
    .await)?;
    Ok(())
}

/// Removes a subscription that its push service ended.
#[boxed]
pub async fn end(conn: &mut Conn, id: i64, endpoint: &str) -> Result<()> {
    on_db!(conn, |c| diesel::delete(
        push_subscriptions::table
            .find(id)
            .filter(push_subscriptions::endpoint.eq(endpoint))
    )
    .execute(c)
    .await)?;
    Ok(())
}
