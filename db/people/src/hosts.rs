//! What is known of other servers.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::schema::hosts;
use super::{Conn, Result, on_db};

/// A row of `hosts`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = hosts, treat_none_as_null = true)]
pub struct Host {
    /// Host and port, as in URLs.
    pub host: String,
    /// `cavage`, `rfc9421`, or `''` where nothing is known.
    pub signature: String,
    /// Deliveries that failed in a row.
    pub failures: i64,
    pub failing_since: Option<i64>,
    /// When it is tried again.
    pub retry_at: Option<i64>,
    pub last_success_at: Option<i64>,
    pub last_error: String,
}

/// What is known of some servers, in no order.
#[boxed]
pub async fn by_names(conn: &mut Conn, names: &[String]) -> Result<Vec<Host>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| hosts::table
        .filter(hosts::host.any_of(names))
        .select(Host::as_select())
        .load(c)
        .await)
}

/// Remembers how deliveries to a server fare; the signature it wants stays as it is.
#[boxed]
pub async fn set_health(conn: &mut Conn, row: &Host) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(hosts::table)
        .values(row)
        .on_conflict(hosts::host)
        .do_update()
        .set((
            hosts::failures.eq(row.failures),
            hosts::failing_since.eq(row.failing_since),
            hosts::retry_at.eq(row.retry_at),
            hosts::last_success_at.eq(row.last_success_at),
            hosts::last_error.eq(&row.last_error),
        ))
        .execute(c)
        .await)?;
    Ok(())
}

/// The signature specification a server was found to want: `cavage`, `rfc9421`, or `''` where
/// nothing is known.
#[boxed]
pub async fn signature(conn: &mut Conn, host: &str) -> Result<String> {
    let known: Option<String> = on_db!(conn, |c| hosts::table
        .find(host)
        .select(hosts::signature)
        .first(c)
        .await
        .optional())?;
    Ok(known.unwrap_or_default())
}

/// Remembers the signature specification a server wants.
#[boxed]
pub async fn set_signature(conn: &mut Conn, host: &str, signature: &str) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(hosts::table)
        .values((
            hosts::host.eq(host),
            hosts::signature.eq(signature),
            hosts::failures.eq(0),
            hosts::last_error.eq(""),
        ))
        .on_conflict(hosts::host)
        .do_update()
        .set(hosts::signature.eq(signature))
        .execute(c)
        .await)?;
    Ok(())
}
