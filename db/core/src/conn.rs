//! One connection of either backend, and the macro that runs the same query on both.

use diesel::SqliteConnection;
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::deadpool::Object;

use crate::event::Event;

/// The backend's own connection. Matched by [`on_db!`] only.
#[expect(
    clippy::large_enum_variant,
    reason = "there are a dozen, and none moves once it is lent"
)]
pub enum Backend {
    Sqlite(SqliteConnection),
    Postgres(Object<AsyncPgConnection>),
}

/// A connection lent to a closure of [`Db::read`](super::Db::read) or [`Db::write`](super::Db::write).
///
/// In a write it is inside that write's transaction, and [`Conn::emit`] collects the events
/// that are written with it and go out after the commit.
pub struct Conn {
    pub backend: Backend,
    pub emitted: Vec<Event>,
    /// Statements run since this was last taken; what the query-count test reads.
    pub statements: u64,
    /// The span that the surrounding transaction belongs to, as a W3C traceparent, where traces are kept:
    /// what it leaves for later takes it along.
    pub trace: Option<String>,
}

impl Conn {
    pub fn new(backend: Backend) -> Conn {
        Conn {
            backend,
            emitted: Vec::new(),
            statements: 0,
            trace: None,
        }
    }

    /// Records an event of the surrounding transaction: a row of the event log, and, after the
    /// commit, a change that caches and streams of every process hear of.
    pub fn emit(&mut self, event: Event) {
        self.emitted.push(event);
    }

    /// Whether this is PostgreSQL; for the few places where SQL differs.
    pub fn is_postgres(&self) -> bool {
        matches!(self.backend, Backend::Postgres(_))
    }
}

/// Runs one diesel expression on whichever backend the connection is:
/// `on_db!(conn, |c| query.load::<Row>(c).await)`.
#[macro_export]
macro_rules! on_db {
    ($conn:expr, |$c:ident| $body:expr) => {{
        let conn: &mut $crate::Conn = $conn;
        conn.statements += 1;
        match &mut conn.backend {
            $crate::conn::Backend::Sqlite($c) => $body,
            $crate::conn::Backend::Postgres(pooled) => {
                let $c: &mut diesel_async::AsyncPgConnection = pooled;
                $body
            }
        }
    }};
}
