//! Relays that this server has asked to bring it posts. There are a few.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::schema::relays;
use super::{Conn, Result, on_db};

/// Relays read at most.
const MOST: i64 = 100;

/// A row of `relays`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = relays)]
pub struct Relay {
    pub id: i64,
    /// `mastodon` or `litepub`.
    pub kind: String,
    pub inbox_url: String,
    /// Who speaks for it; empty until a relay of Mastodon's kind has answered.
    pub actor_uri: String,
    /// The id of our Follow.
    pub follow_uri: String,
    /// The id of its Follow in return; empty for none.
    pub followed_uri: String,
    /// `pending`, `accepted` or `rejected`.
    pub state: String,
    pub created_at: i64,
    pub answered_at: Option<i64>,
}

/// All of them, oldest first.
#[boxed]
pub async fn all(conn: &mut Conn) -> Result<Vec<Relay>> {
    on_db!(conn, |c| relays::table
        .order(relays::id)
        .limit(MOST)
        .load::<Relay>(c)
        .await)
}

/// Adds a relay.
#[boxed]
pub async fn insert(conn: &mut Conn, row: &Relay) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(relays::table)
        .values(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// A relay answered our Follow by an actor.
#[boxed]
pub async fn set_state(
    conn: &mut Conn,
    id: i64,
    state: &str,
    actor_uri: &str,
    now: i64,
) -> Result<()> {
    on_db!(conn, |c| diesel::update(relays::table.find(id))
        .set((
            relays::state.eq(state),
            relays::actor_uri.eq(actor_uri),
            relays::answered_at.eq(now),
        ))
        .execute(c)
        .await)?;
    Ok(())
}

/// A relay follows us in return, or does not any more (`''`).
#[boxed]
pub async fn set_followed(conn: &mut Conn, id: i64, uri: &str) -> Result<()> {
    on_db!(conn, |c| diesel::update(relays::table.find(id))
        .set(relays::followed_uri.eq(uri))
        .execute(c)
        .await)?;
    Ok(())
}

/// Removes a relay.
#[boxed]
pub async fn remove(conn: &mut Conn, id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::delete(relays::table.find(id))
        .execute(c)
        .await)?;
    Ok(())
}
