//! What the server says of itself: rules, terms, and its own numbers.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::schema::{active_weeks, rule_translations, rules, statuses, terms_of_service, users};
use super::{Conn, Result, on_db};

/// Most domains that are listed.
pub const DOMAINS: usize = 100_000;

/// A row of `rules`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = rules, treat_none_as_null = true)]
pub struct Rule {
    pub id: i64,
    pub position: i64,
    pub body: String,
    pub hint: String,
    pub created_at: i64,
    pub updated_at: i64,
    /// It stays for the reports that name it.
    pub removed_at: Option<i64>,
}

/// A row of `rule_translations`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = rule_translations)]
pub struct RuleTranslation {
    pub rule_id: i64,
    pub locale: String,
    pub body: String,
    pub hint: String,
}

/// A row of `terms_of_service`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = terms_of_service)]
pub struct Terms {
    /// `YYYY-MM-DD`
    pub effective_date: String,
    /// Markdown.
    pub body: String,
    pub created_at: i64,
}

/// The rules in force, in their order.
#[boxed]
pub async fn rules(conn: &mut Conn) -> Result<Vec<Rule>> {
    on_db!(conn, |c| rules::table
        .filter(rules::removed_at.is_null())
        .order((rules::position, rules::id))
        .limit(1000)
        .load::<Rule>(c)
        .await)
}

/// A rule in force.
#[boxed]
pub async fn rule(conn: &mut Conn, id: i64) -> Result<Option<Rule>> {
    on_db!(conn, |c| rules::table
        .find(id)
        .filter(rules::removed_at.is_null())
        .first::<Rule>(c)
        .await
        .optional())
}

/// Adds a rule.
#[boxed]
pub async fn insert_rule(conn: &mut Conn, row: &Rule) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(rules::table)
        .values(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// Writes a changed rule.
#[boxed]
pub async fn update_rule(conn: &mut Conn, row: &Rule) -> Result<()> {
    on_db!(conn, |c| diesel::update(rules::table.find(row.id))
        .set(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// All translations of rules in force.
#[boxed]
pub async fn rule_translations(conn: &mut Conn) -> Result<Vec<RuleTranslation>> {
    on_db!(conn, |c| rule_translations::table
        .order((rule_translations::rule_id, rule_translations::locale))
        .limit(100_000)
        .load::<RuleTranslation>(c)
        .await)
}

/// Sets a rule's translation.
#[boxed]
pub async fn set_rule_translation(conn: &mut Conn, row: &RuleTranslation) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(rule_translations::table)
        .values(row)
        .on_conflict((rule_translations::rule_id, rule_translations::locale))
        .do_update()
        .set((
            rule_translations::body.eq(&row.body),
            rule_translations::hint.eq(&row.hint),
        ))
        .execute(c)
        .await)?;
    Ok(())
}

/// The terms by the day they hold from, latest first.
#[boxed]
pub async fn terms(conn: &mut Conn) -> Result<Vec<Terms>> {
    on_db!(conn, |c| terms_of_service::table
        .order(terms_of_service::effective_date.desc())
        .limit(1000)
        .load::<Terms>(c)
        .await)
}

/// Sets the terms that hold from a day on.
#[boxed]
pub async fn set_terms(conn: &mut Conn, row: &Terms) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(terms_of_service::table)
        .values(row)
        .on_conflict(terms_of_service::effective_date)
        .do_update()
        .set((
            terms_of_service::body.eq(&row.body),
            terms_of_service::created_at.eq(row.created_at),
        ))
        .execute(c)
        .await)?;
    Ok(())
}

/// Removes the terms of a day; false when there were none.
#[boxed]
pub async fn remove_terms(conn: &mut Conn, effective_date: &str) -> Result<bool> {
    let gone = on_db!(conn, |c| diesel::delete(
        terms_of_service::table.find(effective_date)
    )
    .execute(c)
    .await)?;
    Ok(gone > 0)
}

/// An account was here in a week.
#[boxed]
pub async fn was_active(conn: &mut Conn, week: i64, account_id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(active_weeks::table)
        .values((
            active_weeks::week.eq(week),
            active_weeks::account_id.eq(account_id)
        ))
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    Ok(())
}

/// How many were here since a week.
#[boxed]
pub async fn count_active(conn: &mut Conn, since_week: i64) -> Result<i64> {
    on_db!(conn, |c| active_weeks::table
        .filter(active_weeks::week.ge(since_week))
        .select(diesel::dsl::count(active_weeks::account_id).aggregate_distinct())
        .first(c)
        .await)
}

/// Local statuses in a range of ids, active users of a week, and registrations in its time.
#[boxed]
pub async fn week(conn: &mut Conn, week: i64, ids: (i64, i64), until: i64) -> Result<[i64; 3]> {
    let posted: i64 = on_db!(conn, |c| statuses::table
        .filter(diesel::dsl::sql::<diesel::sql_types::Bool>("local = TRUE"))
        .filter(statuses::id.ge(ids.0))
        .filter(statuses::id.lt(ids.1))
        .count()
        .get_result(c)
        .await)?;
    let active: i64 = on_db!(conn, |c| active_weeks::table
        .filter(active_weeks::week.eq(week))
        .count()
        .get_result(c)
        .await)?;
    let registered: i64 = on_db!(conn, |c| users::table
        .filter(users::created_at.ge(week))
        .filter(users::created_at.lt(until))
        .count()
        .get_result(c)
        .await)?;
    Ok([posted, active, registered])
}

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = Text)]
    domain: String,
}

/// The domains whose accounts are known: one look into the index for each.
#[boxed]
pub async fn domains(conn: &mut Conn) -> Result<Vec<String>> {
    let walk = format!(
        "WITH RECURSIVE seen(domain) AS ( \
           SELECT MIN(domain) FROM accounts WHERE domain > '' \
           UNION ALL \
           SELECT (SELECT MIN(accounts.domain) FROM accounts WHERE accounts.domain > seen.domain) \
           FROM seen WHERE seen.domain IS NOT NULL \
         ) SELECT domain FROM seen WHERE domain IS NOT NULL LIMIT {DOMAINS}"
    );
    let rows: Vec<Named> = on_db!(conn, |c| diesel::sql_query(walk).load(c).await)?;
    Ok(rows.into_iter().map(|row| row.domain).collect())
}
