//! Statuses by several tags at once: ids, newest first.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::dsl::{exists, not};
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::relations::Page;
use super::schema::{accounts, media, status_tags, statuses};
use super::timelines::PublicFilter;
use super::{Conn, Result, on_db};

/// Which tags a status has to have.
#[derive(Debug, Clone, Default)]
pub struct Tags {
    /// One of these.
    pub any: Vec<i64>,
    /// Each of these.
    pub all: Vec<i64>,
    /// None of these.
    pub none: Vec<i64>,
}

/// One page of public statuses by tags: one statement for each of `any`, so that no more is read
/// than is shown, however many statuses the tags have.
#[boxed]
pub async fn page(
    conn: &mut Conn,
    tags: &Tags,
    filter: PublicFilter,
    page: Page,
) -> Result<Vec<i64>> {
    let mut ids = Vec::new();
    for tag in &tags.any {
        ids.extend(one(conn, *tag, tags, filter, page).await?);
    }
    ids.sort_unstable();
    ids.dedup();
    let limit = usize::try_from(page.limit).unwrap_or_default();
    if page.min_id.is_some() {
        // Those next to the cursor.
        ids.truncate(limit);
        ids.reverse();
    } else {
        ids.reverse();
        ids.truncate(limit);
    }
    Ok(ids)
}

async fn one(
    conn: &mut Conn,
    tag_id: i64,
    tags: &Tags,
    filter: PublicFilter,
    page: Page,
) -> Result<Vec<i64>> {
    let max = page.max_id.unwrap_or(i64::MAX);
    let min = page.min_id.or(page.since_id).unwrap_or(0);
    let ascending = page.min_id.is_some();
    let also = diesel::alias!(status_tags as also);
    on_db!(conn, |c| {
        let mut query = status_tags::table
            .inner_join(statuses::table.on(statuses::id.eq(status_tags::status_id)))
            .inner_join(accounts::table.on(accounts::id.eq(statuses::account_id)))
            .filter(status_tags::tag_id.eq(tag_id))
            .filter(status_tags::status_id.lt(max))
            .filter(status_tags::status_id.gt(min))
            .filter(statuses::visibility.eq(0))
            .filter(accounts::silenced_at.is_null())
            .filter(accounts::suspended_at.is_null())
            .limit(page.limit)
            .select(status_tags::status_id)
            .into_boxed();
        for wanted in &tags.all {
            query = query.filter(exists(
                also.filter(also.field(status_tags::tag_id).eq(*wanted))
                    .filter(also.field(status_tags::status_id).eq(statuses::id)),
            ));
        }
        if !tags.none.is_empty() {
            query = query.filter(not(exists(
                also.filter(also.field(status_tags::tag_id).any_of(&tags.none))
                    .filter(also.field(status_tags::status_id).eq(statuses::id)),
            )));
        }
        if filter.local {
            query = query.filter(statuses::local.eq(true));
        }
        if filter.remote {
            query = query.filter(statuses::local.eq(false));
        }
        if filter.only_media {
            query = query.filter(exists(
                media::table
                    .filter(media::status_id.eq(statuses::id.nullable()))
                    .filter(media::position.ge(0)),
            ));
        }
        query = if ascending {
            query.order(status_tags::status_id.asc())
        } else {
            query.order(status_tags::status_id.desc())
        };
        query.load(c).await
    })
}
