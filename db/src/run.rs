//! Running a query on either backend: `.load(c).await` and its kin.
//!
//! diesel-async has the same methods, and for SQLite a wrapper that copies each query and each
//! row so that they may change threads. Nothing here changes threads: a SQLite connection stays
//! on the one that owns it, where diesel runs the query on the spot.

use std::future::{Future, ready};

use diesel::SqliteConnection;
use diesel::query_dsl::methods::{ExecuteDsl, LimitDsl};
use diesel::result::QueryResult;
use diesel_async::AsyncPgConnection;

/// A statement that a connection `C` can run.
pub trait Executes<C> {
    /// Rows changed.
    fn run(self, conn: &mut C) -> impl Future<Output = QueryResult<usize>> + Send;
}

impl<T> Executes<SqliteConnection> for T
where
    T: ExecuteDsl<SqliteConnection>,
{
    fn run(self, conn: &mut SqliteConnection) -> impl Future<Output = QueryResult<usize>> + Send {
        ready(T::execute(self, conn))
    }
}

impl<T> Executes<AsyncPgConnection> for T
where
    T: diesel_async::methods::ExecuteDsl<AsyncPgConnection>,
{
    fn run(self, conn: &mut AsyncPgConnection) -> impl Future<Output = QueryResult<usize>> + Send {
        T::execute(self, conn)
    }
}

/// A query whose rows a connection `C` reads as `U`.
pub trait Loads<'query, C, U> {
    /// All rows.
    fn rows(self, conn: &mut C) -> impl Future<Output = QueryResult<Vec<U>>> + Send;
    /// The first row, or `NotFound`.
    fn row(self, conn: &mut C) -> impl Future<Output = QueryResult<U>> + Send;
}

impl<'query, T, U> Loads<'query, SqliteConnection, U> for T
where
    T: diesel::query_dsl::LoadQuery<'query, SqliteConnection, U>,
    U: Send,
{
    fn rows(self, conn: &mut SqliteConnection) -> impl Future<Output = QueryResult<Vec<U>>> + Send {
        ready(diesel::RunQueryDsl::load(self, conn))
    }

    fn row(self, conn: &mut SqliteConnection) -> impl Future<Output = QueryResult<U>> + Send {
        ready(diesel::RunQueryDsl::get_result(self, conn))
    }
}

impl<'query, T, U> Loads<'query, AsyncPgConnection, U> for T
where
    T: diesel_async::methods::LoadQuery<'query, AsyncPgConnection, U> + 'query,
    U: Send + 'static,
{
    fn rows(
        self,
        conn: &mut AsyncPgConnection,
    ) -> impl Future<Output = QueryResult<Vec<U>>> + Send {
        diesel_async::RunQueryDsl::load(self, conn)
    }

    fn row(self, conn: &mut AsyncPgConnection) -> impl Future<Output = QueryResult<U>> + Send {
        diesel_async::RunQueryDsl::get_result(self, conn)
    }
}

/// What diesel's trait of this name offers, on either backend.
pub trait RunQueryDsl<C>: Sized {
    /// Runs a statement; says how many rows it changed.
    fn execute(self, conn: &mut C) -> impl Future<Output = QueryResult<usize>> + Send
    where
        Self: Executes<C>,
    {
        self.run(conn)
    }

    /// Runs a query; its rows.
    fn load<'query, U>(self, conn: &mut C) -> impl Future<Output = QueryResult<Vec<U>>> + Send
    where
        Self: Loads<'query, C, U>,
    {
        self.rows(conn)
    }

    /// Runs a query or a `RETURNING`; its rows.
    fn get_results<'query, U>(
        self,
        conn: &mut C,
    ) -> impl Future<Output = QueryResult<Vec<U>>> + Send
    where
        Self: Loads<'query, C, U>,
    {
        self.rows(conn)
    }

    /// Runs a query or a `RETURNING` of one row.
    fn get_result<'query, U>(self, conn: &mut C) -> impl Future<Output = QueryResult<U>> + Send
    where
        Self: Loads<'query, C, U>,
    {
        self.row(conn)
    }

    /// Runs a query with `LIMIT 1`.
    fn first<'query, U>(self, conn: &mut C) -> impl Future<Output = QueryResult<U>> + Send
    where
        Self: LimitDsl,
        diesel::helper_types::Limit<Self>: Loads<'query, C, U>,
    {
        self.limit(1).row(conn)
    }
}

impl<T, C> RunQueryDsl<C> for T {}
