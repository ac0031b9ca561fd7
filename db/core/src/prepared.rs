//! Statements that are found quickly among those that a connection keeps prepared:
//! `prepared!("UPDATE … WHERE id = $1").bind::<BigInt, _>(id)` and
//! `kept!(diesel::insert_into(…).values(…))`.
//!
//! diesel prepares its own `sql_query` anew each time it runs, and each `UPDATE` that it builds,
//! which on SQLite takes longer than running it, and on PostgreSQL is one more question. Its
//! `INSERT`s stay prepared, but are found by their text, which is put together each time; these are
//! found by their place in the program.

use std::borrow::Cow;
use std::marker::PhantomData;

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::{Error, QueryResult};
use diesel::serialize::ToSql;
use diesel::sql_types::{HasSqlType, Untyped};
use diesel::sqlite::Sqlite;

/// A statement whose parameters are `$1`, `$2`, …, each of which may stand in several places. The
/// text is the same whenever this place is come to.
#[macro_export]
macro_rules! prepared {
    ($text:expr $(,)?) => {{
        enum Here {}
        impl $crate::prepared::Place for Here {
            const IS_ONE: bool = true;
        }
        $crate::prepared::Prepared::<Here, ()>::new($text)
    }};
}

/// A statement of diesel's whose text is the same whenever this place is come to: of what is
/// inserted, no column may be left to its default at one time and not at another, as diesel does for
/// `None` unless the struct says `treat_none_as_default_value = false`.
#[macro_export]
macro_rules! kept {
    ($statement:expr $(,)?) => {{
        enum Here {}
        impl $crate::prepared::Place for Here {
            const IS_ONE: bool = true;
        }
        $crate::prepared::Kept::<Here, _>::new($statement)
    }};
}

/// Where a statement stands.
pub trait Place: 'static {
    /// Whether it has one text.
    const IS_ONE: bool;
}

/// Anywhere: it is known by its text.
impl Place for () {
    const IS_ONE: bool = false;
}

/// The same for one of a few texts, known by that. One of which there is no end of variants belongs
/// into diesel's `sql_query`: what is prepared stays so for as long as the connection lives.
pub fn prepared(text: impl Into<Cow<'static, str>>) -> Prepared<(), ()> {
    Prepared::new(text)
}

/// A statement with values for its parameters.
#[derive(Debug, Clone)]
pub struct Prepared<P, V> {
    text: Cow<'static, str>,
    values: V,
    place: PhantomData<fn() -> P>,
}

impl<P> Prepared<P, ()> {
    /// A statement without values.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Prepared<P, ()> {
        Prepared {
            text: text.into(),
            values: (),
            place: PhantomData,
        }
    }
}

/// The values of the first parameters, and of one more, of an SQL type.
#[derive(Debug, Clone)]
pub struct Bound<V, ST, T> {
    earlier: V,
    value: T,
    sql_type: PhantomData<ST>,
}

impl<P, V> Prepared<P, V> {
    /// The value of the next parameter.
    pub fn bind<ST, T>(self, value: T) -> Prepared<P, Bound<V, ST, T>> {
        Prepared {
            text: self.text,
            values: Bound {
                earlier: self.values,
                value,
                sql_type: PhantomData,
            },
            place: PhantomData,
        }
    }
}

/// Values of parameters on a backend.
pub trait Values<DB: diesel::backend::Backend> {
    /// How many there are.
    const NUMBER: usize;

    /// Puts the value of a parameter, counted from 1, in its place.
    ///
    /// # Errors
    /// There is no value for it, or the value cannot be written.
    fn push<'b>(&'b self, number: usize, out: AstPass<'_, 'b, DB>) -> QueryResult<()>;
}

impl<DB: diesel::backend::Backend> Values<DB> for () {
    const NUMBER: usize = 0;

    fn push<'b>(&'b self, number: usize, _: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let text = format!("parameter {number} has no value");
        Err(Error::QueryBuilderError(text.into()))
    }
}

impl<DB, V, ST, T> Values<DB> for Bound<V, ST, T>
where
    DB: diesel::backend::Backend + HasSqlType<ST>,
    V: Values<DB>,
    T: ToSql<ST, DB>,
{
    const NUMBER: usize = V::NUMBER + 1;

    fn push<'b>(&'b self, number: usize, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if number == Self::NUMBER {
            out.push_bind_param::<ST, T>(&self.value)
        } else {
            self.earlier.push(number, out)
        }
    }
}

/// Writes a text, and its parameters as the backend has them.
fn walk<'b, DB, P, V>(
    statement: &'b Prepared<P, V>,
    mut out: AstPass<'_, 'b, DB>,
) -> QueryResult<()>
where
    DB: diesel::backend::Backend,
    V: Values<DB>,
{
    let mut rest = &*statement.text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_sql(before);
        let end = after
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(after.len());
        let number = after[..end].parse().unwrap_or(0);
        statement.values.push(number, out.reborrow())?;
        rest = &after[end..];
    }
    out.push_sql(rest);
    Ok(())
}

impl<P, V: Values<Sqlite>> QueryFragment<Sqlite> for Prepared<P, V> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        walk(self, out)
    }

    fn is_safe_to_cache_prepared(&self, _: &Sqlite) -> QueryResult<bool> {
        Ok(true)
    }
}

impl<P, V: Values<Pg>> QueryFragment<Pg> for Prepared<P, V> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        walk(self, out)
    }

    fn is_safe_to_cache_prepared(&self, _: &Pg) -> QueryResult<bool> {
        Ok(true)
    }
}

impl<P: Place, V> QueryId for Prepared<P, V> {
    type QueryId = P;
    const HAS_STATIC_QUERY_ID: bool = P::IS_ONE;
}

impl<P, V> Query for Prepared<P, V> {
    type SqlType = Untyped;
}

impl<P, V, C> diesel::RunQueryDsl<C> for Prepared<P, V> {}

/// A statement that is known by its place.
#[derive(Debug, Clone)]
pub struct Kept<P, Q> {
    statement: Q,
    place: PhantomData<fn() -> P>,
}

impl<P, Q> Kept<P, Q> {
    /// Of a statement.
    pub fn new(statement: Q) -> Kept<P, Q> {
        Kept {
            statement,
            place: PhantomData,
        }
    }
}

impl<P, Q: QueryFragment<Sqlite>> QueryFragment<Sqlite> for Kept<P, Q> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.statement.walk_ast(out)
    }

    // It is said to be: diesel would look through all of it, each time.
    fn is_safe_to_cache_prepared(&self, _: &Sqlite) -> QueryResult<bool> {
        Ok(true)
    }
}

impl<P, Q: QueryFragment<Pg>> QueryFragment<Pg> for Kept<P, Q> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.statement.walk_ast(out)
    }

    fn is_safe_to_cache_prepared(&self, _: &Pg) -> QueryResult<bool> {
        Ok(true)
    }
}

impl<P: Place, Q> QueryId for Kept<P, Q> {
    type QueryId = P;
    const HAS_STATIC_QUERY_ID: bool = P::IS_ONE;
}

impl<P, Q: Query> Query for Kept<P, Q> {
    type SqlType = Q::SqlType;
}

impl<P, Q, C> diesel::RunQueryDsl<C> for Kept<P, Q> {}
