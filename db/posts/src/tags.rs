//! Tags that people follow and feature, and how often authors here use them.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::relations::Page;
use super::schema::{
    account_tags, accounts, featured_tags, follows, home_entries, status_tags, statuses,
    tag_follows, tags,
};
use super::statuses::Tag;
use super::{Conn, Result, on_db};

/// A row of `tag_follows` or `featured_tags`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    pub id: i64,
    pub account_id: i64,
    pub tag_id: i64,
    pub created_at: i64,
}

/// A tag that an account features, with how it uses it.
#[derive(Debug, Clone)]
pub struct Featured {
    /// The row's id.
    pub id: i64,
    pub tag: Tag,
    /// Posts for everyone with the tag.
    pub statuses_count: i64,
    pub last_status_at: Option<i64>,
}

/// Tags by id, in no order.
#[boxed]
pub async fn by_ids(conn: &mut Conn, ids: &[i64]) -> Result<Vec<Tag>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| tags::table
        .filter(tags::id.any_of(ids))
        .select(Tag::as_select())
        .load(c)
        .await)
}

macro_rules! choice {
    ($add:ident, $remove:ident, $count:ident, $among:ident, $table:ident, $what:literal) => {
        #[doc = concat!("Adds a ", $what, "; false when it is there already.")]
        pub async fn $add(conn: &mut Conn, row: &Choice) -> Result<bool> {
            let added = on_db!(conn, |c| diesel::insert_into($table::table)
                .values((
                    $table::id.eq(row.id),
                    $table::account_id.eq(row.account_id),
                    $table::tag_id.eq(row.tag_id),
                    $table::created_at.eq(row.created_at),
                ))
                .on_conflict_do_nothing()
                .execute(c)
                .await)?;
            Ok(added > 0)
        }

        #[doc = concat!("Removes a ", $what, "; false when there was none.")]
        pub async fn $remove(conn: &mut Conn, account_id: i64, tag_id: i64) -> Result<bool> {
            let gone = on_db!(conn, |c| diesel::delete(
                $table::table
                    .filter($table::account_id.eq(account_id))
                    .filter($table::tag_id.eq(tag_id))
            )
            .execute(c)
            .await)?;
            Ok(gone > 0)
        }

        #[doc = concat!("How many an account has: ", $what, ".")]
        pub async fn $count(conn: &mut Conn, account_id: i64) -> Result<i64> {
            on_db!(conn, |c| $table::table
                .filter($table::account_id.eq(account_id))
                .count()
                .get_result(c)
                .await)
        }

        #[doc = concat!("Of some tags, those of which the account has a ", $what, ".")]
        pub async fn $among(conn: &mut Conn, account_id: i64, tag_ids: &[i64]) -> Result<Vec<i64>> {
            on_db!(conn, |c| $table::table
                .filter($table::account_id.eq(account_id))
                .filter($table::tag_id.any_of(tag_ids))
                .select($table::tag_id)
                .load(c)
                .await)
        }
    };
}

choice!(
    follow,
    unfollow,
    count_followed,
    followed_among,
    tag_follows,
    "tag follow"
);
choice!(
    feature,
    unfeature,
    count_featured,
    featured_among,
    featured_tags,
    "featured tag"
);

/// One page of the tags an account follows, newest follow first, with the follow's id.
#[boxed]
pub async fn followed(conn: &mut Conn, account_id: i64, page: Page) -> Result<Vec<(i64, Tag)>> {
    let max = page.max_id.unwrap_or(i64::MAX);
    let min = page.min_id.or(page.since_id).unwrap_or(0);
    let rows = tag_follows::table
        .inner_join(tags::table.on(tags::id.eq(tag_follows::tag_id)))
        .filter(tag_follows::account_id.eq(account_id))
        .filter(tag_follows::id.lt(max))
        .filter(tag_follows::id.gt(min))
        .limit(page.limit);
    if page.min_id.is_some() {
        let mut rows: Vec<(i64, Tag)> = on_db!(conn, |c| rows
            .order(tag_follows::id.asc())
            .select((tag_follows::id, Tag::as_select()))
            .load(c)
            .await)?;
        rows.reverse();
        Ok(rows)
    } else {
        on_db!(conn, |c| rows
            .order(tag_follows::id.desc())
            .select((tag_follows::id, Tag::as_select()))
            .load(c)
            .await)
    }
}

/// The tags an account features, most used first, at most `limit`.
#[boxed]
pub async fn featured(conn: &mut Conn, account_id: i64, limit: i64) -> Result<Vec<Featured>> {
    let rows: Vec<(i64, Tag, Option<i64>, Option<i64>)> = on_db!(conn, |c| featured_tags::table
        .inner_join(tags::table.on(tags::id.eq(featured_tags::tag_id)))
        .left_join(
            account_tags::table.on(account_tags::account_id
                .eq(featured_tags::account_id)
                .and(account_tags::tag_id.eq(featured_tags::tag_id))),
        )
        .filter(featured_tags::account_id.eq(account_id))
        .order(featured_tags::id)
        .limit(limit)
        .select((
            featured_tags::id,
            Tag::as_select(),
            account_tags::statuses_count.nullable(),
            account_tags::last_status_at.nullable(),
        ))
        .load(c)
        .await)?;
    let mut list: Vec<Featured> = rows
        .into_iter()
        .map(|(id, tag, count, last_status_at)| Featured {
            id,
            tag,
            statuses_count: count.unwrap_or_default(),
            last_status_at,
        })
        .collect();
    list.sort_by_key(|featured| (-featured.statuses_count, featured.id));
    Ok(list)
}

/// Removes a featured tag by its row's id; false when the account has none of it.
#[boxed]
pub async fn unfeature_row(conn: &mut Conn, account_id: i64, id: i64) -> Result<bool> {
    let gone = on_db!(conn, |c| diesel::delete(
        featured_tags::table
            .find(id)
            .filter(featured_tags::account_id.eq(account_id))
    )
    .execute(c)
    .await)?;
    Ok(gone > 0)
}

/// Counts a use of tags by an account.
#[boxed]
pub async fn used(conn: &mut Conn, account_id: i64, tag_ids: &[i64], at: i64) -> Result<()> {
    for tag_id in tag_ids {
        on_db!(conn, |c| diesel::insert_into(account_tags::table)
            .values((
                account_tags::account_id.eq(account_id),
                account_tags::tag_id.eq(tag_id),
                account_tags::statuses_count.eq(1),
                account_tags::last_status_at.eq(at),
            ))
            .on_conflict((account_tags::account_id, account_tags::tag_id))
            .do_update()
            .set((
                account_tags::statuses_count.eq(account_tags::statuses_count + 1),
                account_tags::last_status_at.eq(at),
            ))
            .execute(c)
            .await)?;
    }
    Ok(())
}

/// Takes a use of tags back.
#[boxed]
pub async fn unused(conn: &mut Conn, account_id: i64, tag_ids: &[i64]) -> Result<()> {
    if tag_ids.is_empty() {
        return Ok(());
    }
    on_db!(conn, |c| diesel::update(
        account_tags::table
            .filter(account_tags::account_id.eq(account_id))
            .filter(account_tags::tag_id.any_of(tag_ids))
    )
    .set(account_tags::statuses_count.eq(account_tags::statuses_count - 1))
    .execute(c)
    .await)?;
    on_db!(conn, |c| diesel::delete(
        account_tags::table
            .filter(account_tags::account_id.eq(account_id))
            .filter(account_tags::tag_id.any_of(tag_ids))
            .filter(account_tags::statuses_count.le(0))
    )
    .execute(c)
    .await)?;
    Ok(())
}

/// The tags an account uses most and does not feature, at most `limit`.
#[boxed]
pub async fn most_used(conn: &mut Conn, account_id: i64, limit: i64) -> Result<Vec<Tag>> {
    let featured = featured_tags::table
        .filter(featured_tags::account_id.eq(account_id))
        .select(featured_tags::tag_id);
    on_db!(conn, |c| account_tags::table
        .inner_join(tags::table.on(tags::id.eq(account_tags::tag_id)))
        .filter(account_tags::account_id.eq(account_id))
        .filter(account_tags::tag_id.ne_all(featured))
        .order((
            account_tags::statuses_count.desc(),
            account_tags::last_status_at.desc(),
        ))
        .limit(limit)
        .select(Tag::as_select())
        .load(c)
        .await)
}

/// Puts a status into the homes of those who follow one of its tags.
#[boxed]
pub async fn fan_out(
    conn: &mut Conn,
    status_id: i64,
    author_id: i64,
    tag_ids: &[i64],
) -> Result<usize> {
    use diesel::sql_types::BigInt;
    fn value(id: i64) -> diesel::dsl::AsExprOf<i64, BigInt> {
        id.into_sql::<BigInt>()
    }
    let followers = tag_follows::table
        .filter(tag_follows::tag_id.any_of(tag_ids))
        .distinct()
        .select((tag_follows::account_id, value(status_id), value(author_id)));
    on_db!(conn, |c| diesel::insert_into(home_entries::table)
        .values(followers)
        .into_columns((
            home_entries::account_id,
            home_entries::status_id,
            home_entries::author_id,
        ))
        .on_conflict_do_nothing()
        .execute(c)
        .await)
}

/// The newest public statuses with a tag and their authors: what a new follow of it shows at once.
#[boxed]
pub async fn newest(conn: &mut Conn, tag_id: i64, limit: i64) -> Result<Vec<(i64, i64)>> {
    on_db!(conn, |c| status_tags::table
        .inner_join(statuses::table.on(statuses::id.eq(status_tags::status_id)))
        .inner_join(accounts::table.on(accounts::id.eq(statuses::account_id)))
        .filter(status_tags::tag_id.eq(tag_id))
        .filter(statuses::visibility.eq(0))
        .filter(accounts::silenced_at.is_null())
        .filter(accounts::suspended_at.is_null())
        .order(status_tags::status_id.desc())
        .limit(limit)
        .select((statuses::id, statuses::account_id))
        .load(c)
        .await)
}

/// Takes out of a home what only a tag brought there, among the tag's newest `limit` statuses:
/// what those who are followed (or oneself) wrote, and what another followed tag brings, stays.
#[boxed]
pub async fn take_out(conn: &mut Conn, account_id: i64, tag_id: i64, limit: i64) -> Result<usize> {
    let tagged: Vec<i64> = on_db!(conn, |c| status_tags::table
        .filter(status_tags::tag_id.eq(tag_id))
        .order(status_tags::status_id.desc())
        .limit(limit)
        .select(status_tags::status_id)
        .load(c)
        .await)?;
    if tagged.is_empty() {
        return Ok(0);
    }
    let followed = follows::table
        .filter(follows::account_id.eq(account_id))
        .select(follows::target_id);
    let kept: Vec<i64> = on_db!(conn, |c| status_tags::table
        .inner_join(tag_follows::table.on(tag_follows::tag_id.eq(status_tags::tag_id)))
        .filter(tag_follows::account_id.eq(account_id))
        .filter(status_tags::tag_id.ne(tag_id))
        .filter(status_tags::status_id.any_of(&tagged))
        .select(status_tags::status_id)
        .load(c)
        .await)?;
    on_db!(conn, |c| diesel::delete(
        home_entries::table
            .filter(home_entries::account_id.eq(account_id))
            .filter(home_entries::status_id.any_of(&tagged))
            .filter(home_entries::status_id.ne_all(&kept))
            .filter(home_entries::author_id.ne(account_id))
            .filter(home_entries::author_id.ne_all(followed))
    )
    .execute(c)
    .await)
}
