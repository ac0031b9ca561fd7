//! `prepared("UPDATE … WHERE id = $1").bind::<BigInt, _>(id)`: a statement as text that a connection
//! prepares once.
//!
//! diesel prepares its own `sql_query` anew each time it runs, and each `UPDATE` that it builds,
//! which on SQLite takes longer than running it, and on PostgreSQL is one more question. What is
//! kept is kept by its text, for as long as the connection lives: a text of which there is no end of
//! variants belongs into `sql_query`.

use std::borrow::Cow;
use std::marker::PhantomData;

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::{Error, QueryResult};
use diesel::serialize::ToSql;
use diesel::sql_types::{HasSqlType, Untyped};
use diesel::sqlite::Sqlite;

/// A statement whose parameters are `$1`, `$2`, …, each of which may stand in several places.
pub fn prepared(text: impl Into<Cow<'static, str>>) -> Prepared<()> {
    Prepared {
        text: text.into(),
        values: (),
    }
}

/// A statement with values for its parameters.
#[derive(Debug, Clone)]
pub struct Prepared<V> {
    text: Cow<'static, str>,
    values: V,
}

/// The values of the first parameters, and of one more, of an SQL type.
#[derive(Debug, Clone)]
pub struct Bound<V, ST, T> {
    earlier: V,
    value: T,
    sql_type: PhantomData<ST>,
}

impl<V> Prepared<V> {
    /// The value of the next parameter.
    pub fn bind<ST, T>(self, value: T) -> Prepared<Bound<V, ST, T>> {
        Prepared {
            text: self.text,
            values: Bound {
                earlier: self.values,
                value,
                sql_type: PhantomData,
            },
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
fn walk<'b, DB, V>(statement: &'b Prepared<V>, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()>
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

impl<V: Values<Sqlite>> QueryFragment<Sqlite> for Prepared<V> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        walk(self, out)
    }
}

impl<V: Values<Pg>> QueryFragment<Pg> for Prepared<V> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        walk(self, out)
    }
}

impl<V> QueryId for Prepared<V> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<V> Query for Prepared<V> {
    type SqlType = Untyped;
}

impl<V, C> diesel::RunQueryDsl<C> for Prepared<V> {}
