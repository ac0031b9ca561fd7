//! What moderators decided of tags, and of what trends.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::relations::Page;
use super::schema::{tag_rules, tags, trend_reviews, trends};
use super::statuses::Tag;
use super::trends::Kind;
use super::{Conn, Result, on_db};

/// A row of `tag_rules`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = tag_rules)]
pub struct TagRule {
    pub tag_id: i64,
    /// Whether posts written here may have it.
    pub usable: bool,
    /// Whether search finds it.
    pub listable: bool,
}

/// Decisions about some subjects: whether they may trend.
#[boxed]
pub async fn of(conn: &mut Conn, kind: Kind, subjects: &[i64]) -> Result<Vec<(i64, bool)>> {
    on_db!(conn, |c| trend_reviews::table
        .filter(trend_reviews::kind.eq(kind as i16))
        .filter(trend_reviews::subject_id.any_of(subjects))
        .select((trend_reviews::subject_id, trend_reviews::trendable))
        .load(c)
        .await)
}

/// Decides whether a subject may trend.
#[boxed]
pub async fn set(
    conn: &mut Conn,
    kind: Kind,
    subject_id: i64,
    trendable: bool,
    now: i64,
) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(trend_reviews::table)
        .values((
            trend_reviews::kind.eq(kind as i16),
            trend_reviews::subject_id.eq(subject_id),
            trend_reviews::trendable.eq(trendable),
            trend_reviews::reviewed_at.eq(now),
        ))
        .on_conflict((trend_reviews::kind, trend_reviews::subject_id))
        .do_update()
        .set((
            trend_reviews::trendable.eq(trendable),
            trend_reviews::reviewed_at.eq(now),
        ))
        .execute(c)
        .await)?;
    Ok(())
}

/// Shows a subject among what trends, or not, where it does.
#[boxed]
pub async fn show(conn: &mut Conn, kind: Kind, subject_id: i64, shown: bool) -> Result<()> {
    on_db!(conn, |c| diesel::update(
        trends::table
            .filter(trends::kind.eq(kind as i16))
            .filter(trends::subject_id.eq(subject_id))
    )
    .set(trends::shown.eq(shown))
    .execute(c)
    .await)?;
    Ok(())
}

/// The rules for some tags.
#[boxed]
pub async fn tag_rules(conn: &mut Conn, ids: &[i64]) -> Result<Vec<TagRule>> {
    on_db!(conn, |c| tag_rules::table
        .filter(tag_rules::tag_id.any_of(ids))
        .load::<TagRule>(c)
        .await)
}

/// Sets the rule for a tag.
#[boxed]
pub async fn set_tag_rule(conn: &mut Conn, row: &TagRule) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(tag_rules::table)
        .values(row)
        .on_conflict(tag_rules::tag_id)
        .do_update()
        .set((
            tag_rules::usable.eq(row.usable),
            tag_rules::listable.eq(row.listable),
        ))
        .execute(c)
        .await)?;
    Ok(())
}

/// Of some tags, by their normalised names, those that posts written here may not have.
#[boxed]
pub async fn unusable(conn: &mut Conn, names: &[&str]) -> Result<Vec<String>> {
    on_db!(conn, |c| tags::table
        .inner_join(tag_rules::table.on(tag_rules::tag_id.eq(tags::id)))
        .filter(tags::name.any_of(names))
        .filter(tag_rules::usable.eq(false))
        .select(tags::display_name)
        .load(c)
        .await)
}

/// One page of tags, newest first.
#[boxed]
pub async fn tags_page(conn: &mut Conn, page: Page) -> Result<Vec<Tag>> {
    let (max, min, ascending) = page.bounds();
    let mut rows: Vec<Tag> = on_db!(conn, |c| {
        let query = tags::table
            .filter(tags::id.lt(max))
            .filter(tags::id.gt(min))
            .select(Tag::as_select())
            .limit(page.limit)
            .into_boxed();
        let query = match ascending {
            true => query.order(tags::id.asc()),
            false => query.order(tags::id.desc()),
        };
        query.load(c).await
    })?;
    if ascending {
        rows.reverse();
    }
    Ok(rows)
}

/// How a tag is written.
#[boxed]
pub async fn set_display_name(conn: &mut Conn, tag_id: i64, name: &str) -> Result<()> {
    on_db!(conn, |c| diesel::update(tags::table.find(tag_id))
        .set(tags::display_name.eq(name))
        .execute(c)
        .await)?;
    Ok(())
}
