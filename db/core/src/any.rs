//! `column.any_of(&values)`: one statement, and one parameter, whatever the number of values.
//!
//! diesel's own `eq_any` writes a placeholder for each value on SQLite, so that no such statement
//! can be kept prepared, and reading a page prepared ten of them.

use diesel::backend::Backend;
use diesel::expression::{
    AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate,
};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::serialize::ToSql;
use diesel::sql_types::{Array, BigInt, Bool, HasSqlType, Text};
use diesel::sqlite::Sqlite;
use serde::Serialize;

/// A Rust type that lists are made of, with the SQL type of one value.
pub trait Listed: Serialize {
    type SqlType: 'static;
}

impl Listed for i64 {
    type SqlType = BigInt;
}

impl Listed for String {
    type SqlType = Text;
}

impl Listed for &str {
    type SqlType = Text;
}

/// `= ANY ($1)` on PostgreSQL, `IN (SELECT value FROM json_each(?))` on SQLite.
pub struct AnyOf<'a, E, T> {
    column: E,
    values: &'a [T],
    /// The values as a JSON array.
    json: String,
}

/// Gives expressions `any_of`.
pub trait AnyOfExt: Expression + Sized {
    /// Whether the column is one of the values.
    fn any_of<T: Listed>(self, values: &[T]) -> AnyOf<'_, Self, T> {
        AnyOf {
            column: self,
            values,
            // Numbers and text: this cannot fail.
            json: serde_json::to_string(values).unwrap_or_else(|_| "[]".to_owned()),
        }
    }
}

impl<E: Expression> AnyOfExt for E {}

impl<E: Expression, T> Expression for AnyOf<'_, E, T> {
    type SqlType = Bool;
}

impl<E: AppearsOnTable<Q>, T, Q: ?Sized> AppearsOnTable<Q> for AnyOf<'_, E, T> {}

impl<E: SelectableExpression<Q>, T, Q: ?Sized> SelectableExpression<Q> for AnyOf<'_, E, T> {}

impl<E, T, G> ValidGrouping<G> for AnyOf<'_, E, T> {
    type IsAggregate = is_aggregate::No;
}

impl<E: QueryId, T: Listed> QueryId for AnyOf<'_, E, T> {
    type QueryId = AnyOf<'static, E::QueryId, T::SqlType>;
    const HAS_STATIC_QUERY_ID: bool = E::HAS_STATIC_QUERY_ID;
}

impl<E: QueryFragment<Sqlite>, T> QueryFragment<Sqlite> for AnyOf<'_, E, T> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.column.walk_ast(out.reborrow())?;
        out.push_sql(" IN (SELECT value FROM json_each(");
        out.push_bind_param::<Text, String>(&self.json)?;
        out.push_sql("))");
        Ok(())
    }
}

impl<E, T> QueryFragment<Pg> for AnyOf<'_, E, T>
where
    E: QueryFragment<Pg>,
    T: Listed,
    Pg: HasSqlType<Array<T::SqlType>> + Backend,
    [T]: ToSql<Array<T::SqlType>, Pg>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.column.walk_ast(out.reborrow())?;
        out.push_sql(" = ANY (");
        out.push_bind_param::<Array<T::SqlType>, [T]>(self.values)?;
        out.push_sql(")");
        Ok(())
    }
}
