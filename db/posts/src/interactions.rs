//! Who may quote, like, answer and boost what; requests for leave, and the stamps of local authors.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::relations::Page;
use super::schema::{
    interaction_authorizations, interaction_policies, interaction_requests, statuses,
};
use super::{Conn, Result, on_db};

/// States of a request.
pub const PENDING: i16 = 0;
pub const ACCEPTED: i16 = 1;
pub const REJECTED: i16 = 2;

/// A row of `interaction_policies`: bits of who may at once, and who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = interaction_policies)]
pub struct PolicyRow {
    pub status_id: i64,
    /// As in `domain::interactions::Verb`.
    pub verb: i16,
    pub automatic: i16,
    pub manual: i16,
}

/// A row of `interaction_authorizations`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = interaction_authorizations)]
pub struct Authorization {
    pub id: i64,
    pub verb: i16,
    /// Who gives leave.
    pub account_id: i64,
    /// Their status.
    pub status_id: i64,
    /// The id of what is allowed.
    pub interacting_uri: String,
    pub created_at: i64,
}

/// A row of `interaction_requests`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = interaction_requests, treat_none_as_null = true)]
pub struct Request {
    pub id: i64,
    /// As in `domain::interactions::Verb`.
    pub verb: i16,
    /// Who asks.
    pub account_id: i64,
    /// Who decides.
    pub target_id: i64,
    /// The status that it is about.
    pub status_id: i64,
    /// The reply that waits.
    pub reply_id: Option<i64>,
    /// Of the boost.
    pub visibility: i16,
    /// [`PENDING`], [`ACCEPTED`] or [`REJECTED`].
    pub state: i16,
    /// The id of the Like, Announce or reply.
    pub interaction_uri: String,
    /// The request's own id, or `''` where nobody asked with one.
    pub request_uri: String,
    /// The stamp's id, or `''`.
    pub stamp_uri: String,
    pub created_at: i64,
    pub decided_at: Option<i64>,
}

/// Policies of statuses that have rows, of all verbs, in no order.
#[boxed]
pub async fn policies_of(conn: &mut Conn, ids: &[i64]) -> Result<Vec<PolicyRow>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| interaction_policies::table
        .filter(interaction_policies::status_id.any_of(ids))
        .load::<PolicyRow>(c)
        .await)
}

/// A status's policy for a verb, where it has a row.
#[boxed]
pub async fn policy(conn: &mut Conn, status_id: i64, verb: i16) -> Result<Option<PolicyRow>> {
    on_db!(conn, |c| interaction_policies::table
        .find((status_id, verb))
        .first::<PolicyRow>(c)
        .await
        .optional())
}

/// Sets a status's policy for a verb.
#[boxed]
pub async fn set_policy(conn: &mut Conn, row: PolicyRow) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(interaction_policies::table)
        .values(row)
        .on_conflict((interaction_policies::status_id, interaction_policies::verb))
        .do_update()
        .set((
            interaction_policies::automatic.eq(row.automatic),
            interaction_policies::manual.eq(row.manual),
        ))
        .execute(c)
        .await)?;
    Ok(())
}

/// Removes a status's policy for a verb.
#[boxed]
pub async fn clear_policy(conn: &mut Conn, status_id: i64, verb: i16) -> Result<()> {
    on_db!(conn, |c| diesel::delete(
        interaction_policies::table.find((status_id, verb))
    )
    .execute(c)
    .await)?;
    Ok(())
}

/// Gives leave; the row that is there when it was given before.
#[boxed]
pub async fn authorize(conn: &mut Conn, row: &Authorization) -> Result<Authorization> {
    on_db!(conn, |c| diesel::insert_into(
        interaction_authorizations::table
    )
    .values(row)
    .on_conflict_do_nothing()
    .execute(c)
    .await)?;
    Ok(
        authorization(conn, row.status_id, row.verb, &row.interacting_uri)
            .await?
            .unwrap_or_else(|| row.clone()),
    )
}

/// The leave for an object to interact with a status.
#[boxed]
pub async fn authorization(
    conn: &mut Conn,
    status_id: i64,
    verb: i16,
    interacting_uri: &str,
) -> Result<Option<Authorization>> {
    on_db!(conn, |c| interaction_authorizations::table
        .filter(interaction_authorizations::status_id.eq(status_id))
        .filter(interaction_authorizations::verb.eq(verb))
        .filter(interaction_authorizations::interacting_uri.eq(interacting_uri))
        .first::<Authorization>(c)
        .await
        .optional())
}

/// A leave by its id, with the URI of the status it is for.
#[boxed]
pub async fn authorization_by_id(
    conn: &mut Conn,
    id: i64,
) -> Result<Option<(Authorization, String)>> {
    on_db!(conn, |c| interaction_authorizations::table
        .inner_join(statuses::table.on(statuses::id.eq(interaction_authorizations::status_id)))
        .filter(interaction_authorizations::id.eq(id))
        .select((Authorization::as_select(), statuses::uri))
        .first(c)
        .await
        .optional())
}

/// Takes a leave back.
#[boxed]
pub async fn withdraw(conn: &mut Conn, id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::delete(
        interaction_authorizations::table.find(id)
    )
    .execute(c)
    .await)?;
    Ok(())
}

/// Adds a request.
#[boxed]
pub async fn insert(conn: &mut Conn, row: &Request) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(interaction_requests::table)
        .values(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// Writes every column of a request.
#[boxed]
pub async fn update(conn: &mut Conn, row: &Request) -> Result<()> {
    on_db!(conn, |c| diesel::update(
        interaction_requests::table.find(row.id)
    )
    .set(row)
    .execute(c)
    .await)?;
    Ok(())
}

/// Removes a request.
#[boxed]
pub async fn delete(conn: &mut Conn, id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::delete(
        interaction_requests::table.find(id)
    )
    .execute(c)
    .await)?;
    Ok(())
}

/// A request by id.
#[boxed]
pub async fn by_id(conn: &mut Conn, id: i64) -> Result<Option<Request>> {
    on_db!(conn, |c| interaction_requests::table
        .find(id)
        .first::<Request>(c)
        .await
        .optional())
}

/// An account's latest request to like or boost a status.
#[boxed]
pub async fn of_account(
    conn: &mut Conn,
    status_id: i64,
    verb: i16,
    account_id: i64,
) -> Result<Option<Request>> {
    on_db!(conn, |c| interaction_requests::table
        .filter(interaction_requests::status_id.eq(status_id))
        .filter(interaction_requests::verb.eq(verb))
        .filter(interaction_requests::account_id.eq(account_id))
        .order(interaction_requests::id.desc())
        .first::<Request>(c)
        .await
        .optional())
}

/// The requests of replies or boosts, in no order: by the reply's id, or that of the boost, which
/// is the request's own.
#[boxed]
pub async fn of_statuses(conn: &mut Conn, ids: &[i64]) -> Result<Vec<Request>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut rows: Vec<Request> = on_db!(conn, |c| interaction_requests::table
        .filter(interaction_requests::reply_id.is_not_null())
        .filter(interaction_requests::reply_id.any_of(ids))
        .load::<Request>(c)
        .await)?;
    let boosts: Vec<Request> = on_db!(conn, |c| interaction_requests::table
        .filter(interaction_requests::id.any_of(ids))
        .load::<Request>(c)
        .await)?;
    rows.extend(boosts);
    Ok(rows)
}

/// The request of a reply.
#[boxed]
pub async fn of_reply(conn: &mut Conn, reply_id: i64) -> Result<Option<Request>> {
    on_db!(conn, |c| interaction_requests::table
        .filter(interaction_requests::reply_id.eq(reply_id))
        .first::<Request>(c)
        .await
        .optional())
}

/// A request by its own id on the wire, or by that of what it is for.
#[boxed]
pub async fn by_uri(conn: &mut Conn, uri: &str) -> Result<Option<Request>> {
    if uri.is_empty() {
        return Ok(None);
    }
    let asked = on_db!(conn, |c| interaction_requests::table
        .filter(interaction_requests::request_uri.eq(uri))
        // Literally, as the partial index has it.
        .filter(diesel::dsl::sql::<diesel::sql_types::Bool>(
            "request_uri <> ''"
        ))
        .first::<Request>(c)
        .await
        .optional())?;
    if asked.is_some() {
        return Ok(asked);
    }
    on_db!(conn, |c| interaction_requests::table
        .filter(interaction_requests::interaction_uri.eq(uri))
        .order(interaction_requests::id.desc())
        .first::<Request>(c)
        .await
        .optional())
}

/// Requests that a stamp allows, at most a hundred.
#[boxed]
pub async fn by_stamp(conn: &mut Conn, uri: &str) -> Result<Vec<Request>> {
    if uri.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| interaction_requests::table
        .filter(interaction_requests::stamp_uri.eq(uri))
        .filter(diesel::dsl::sql::<diesel::sql_types::Bool>(
            "stamp_uri <> ''"
        ))
        .limit(100)
        .load::<Request>(c)
        .await)
}

/// Which of the requests that wait for an account.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub status_id: Option<i64>,
    /// As in `domain::interactions::Verb`.
    pub verbs: Vec<i16>,
}

/// One page of the requests that wait for an account's decision, newest first.
#[boxed]
pub async fn page(
    conn: &mut Conn,
    target_id: i64,
    filter: &Filter,
    page: Page,
) -> Result<Vec<Request>> {
    let max = page.max_id.unwrap_or(i64::MAX);
    let min = page.min_id.or(page.since_id).unwrap_or(0);
    let ascending = page.min_id.is_some();
    let mut rows: Vec<Request> = on_db!(conn, |c| {
        let mut query = interaction_requests::table
            .filter(interaction_requests::target_id.eq(target_id))
            .filter(diesel::dsl::sql::<diesel::sql_types::Bool>("state = 0"))
            .filter(interaction_requests::id.lt(max))
            .filter(interaction_requests::id.gt(min))
            .filter(interaction_requests::verb.eq_any(&filter.verbs))
            .limit(page.limit)
            .into_boxed();
        if let Some(status) = filter.status_id {
            query = query.filter(interaction_requests::status_id.eq(status));
        }
        query = if ascending {
            query.order(interaction_requests::id.asc())
        } else {
            query.order(interaction_requests::id.desc())
        };
        query.load::<Request>(c).await
    })?;
    if ascending {
        rows.reverse();
    }
    Ok(rows)
}
