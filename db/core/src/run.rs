//! Running a query on either backend: `.load(c).await` and its kin.
//!
//! diesel-async has the same methods, and for SQLite a wrapper that copies each query and each
//! row so that they may change threads. Nothing here changes threads: a SQLite connection stays
//! on the one that owns it, where diesel runs the query on the spot.
//!
//! What the methods return does not name the query's type. Where it did (`impl Future`), the
//! compiler proved for each of a dozen types around the future that the query can be run, which
//! was most of what compiling this package took.

use std::future::{Future, Ready, ready};

use diesel::SqliteConnection;
use diesel::query_dsl::methods::{ExecuteDsl, LimitDsl};
use diesel::result::QueryResult;
use diesel_async::AsyncPgConnection;
use futures::future::BoxFuture;

/// A connection.
pub trait Backend {
    /// What comes of running something on it.
    type Answer<'a, T: Send + 'a>: Future<Output = QueryResult<T>> + Send + 'a;
}

impl Backend for SqliteConnection {
    type Answer<'a, T: Send + 'a> = Ready<QueryResult<T>>;
}

impl Backend for AsyncPgConnection {
    type Answer<'a, T: Send + 'a> = BoxFuture<'a, QueryResult<T>>;
}

/// A statement that a connection `C` can run.
pub trait Executes<'a, C: Backend> {
    /// Rows changed.
    fn run(self, conn: &'a mut C) -> C::Answer<'a, usize>;
}

impl<'a, T> Executes<'a, SqliteConnection> for T
where
    T: ExecuteDsl<SqliteConnection>,
{
    fn run(self, conn: &'a mut SqliteConnection) -> Ready<QueryResult<usize>> {
        ready(T::execute(self, conn))
    }
}

impl<'a, T> Executes<'a, AsyncPgConnection> for T
where
    T: diesel_async::methods::ExecuteDsl<AsyncPgConnection> + 'a,
{
    fn run(self, conn: &'a mut AsyncPgConnection) -> BoxFuture<'a, QueryResult<usize>> {
        Box::pin(T::execute(self, conn))
    }
}

/// A query whose rows a connection `C` reads as `U`.
pub trait Loads<'a, C: Backend, U: Send + 'a> {
    /// All rows.
    fn rows(self, conn: &'a mut C) -> C::Answer<'a, Vec<U>>;
    /// The first row, or `NotFound`.
    fn row(self, conn: &'a mut C) -> C::Answer<'a, U>;
}

impl<'a, T, U> Loads<'a, SqliteConnection, U> for T
where
    T: diesel::query_dsl::LoadQuery<'a, SqliteConnection, U>,
    U: Send + 'a,
{
    fn rows(self, conn: &'a mut SqliteConnection) -> Ready<QueryResult<Vec<U>>> {
        ready(diesel::RunQueryDsl::load(self, conn))
    }

    fn row(self, conn: &'a mut SqliteConnection) -> Ready<QueryResult<U>> {
        ready(diesel::RunQueryDsl::get_result(self, conn))
    }
}

impl<'a, T, U> Loads<'a, AsyncPgConnection, U> for T
where
    T: diesel_async::methods::LoadQuery<'a, AsyncPgConnection, U> + 'a,
    U: Send + 'static,
{
    fn rows(self, conn: &'a mut AsyncPgConnection) -> BoxFuture<'a, QueryResult<Vec<U>>> {
        Box::pin(diesel_async::RunQueryDsl::load(self, conn))
    }

    fn row(self, conn: &'a mut AsyncPgConnection) -> BoxFuture<'a, QueryResult<U>> {
        Box::pin(diesel_async::RunQueryDsl::get_result(self, conn))
    }
}

/// What diesel's trait of this name offers, on either backend.
pub trait RunQueryDsl<C: Backend>: Sized {
    /// Runs a statement; says how many rows it changed.
    fn execute<'a>(self, conn: &'a mut C) -> C::Answer<'a, usize>
    where
        Self: Executes<'a, C>,
    {
        self.run(conn)
    }

    /// Runs a query; its rows.
    fn load<'a, U: Send + 'a>(self, conn: &'a mut C) -> C::Answer<'a, Vec<U>>
    where
        Self: Loads<'a, C, U>,
    {
        self.rows(conn)
    }

    /// Runs a query or a `RETURNING`; its rows.
    fn get_results<'a, U: Send + 'a>(self, conn: &'a mut C) -> C::Answer<'a, Vec<U>>
    where
        Self: Loads<'a, C, U>,
    {
        self.rows(conn)
    }

    /// Runs a query or a `RETURNING` of one row.
    fn get_result<'a, U: Send + 'a>(self, conn: &'a mut C) -> C::Answer<'a, U>
    where
        Self: Loads<'a, C, U>,
    {
        self.row(conn)
    }

    /// Runs a query with `LIMIT 1`.
    fn first<'a, U: Send + 'a>(self, conn: &'a mut C) -> C::Answer<'a, U>
    where
        Self: LimitDsl,
        diesel::helper_types::Limit<Self>: Loads<'a, C, U>,
    {
        self.limit(1).row(conn)
    }
}

impl<T, C: Backend> RunQueryDsl<C> for T {}
