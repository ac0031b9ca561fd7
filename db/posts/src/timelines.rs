//! Timelines: ids of statuses, newest first.

use super::boxed;
use super::prepared::prepared;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::conn::Backend;
use super::relations::Page;
use super::schema::{
    accounts, follows, home_entries, list_members, lists, media, status_tags, statuses,
};
use super::{Conn, Result, kept, on_db, prepared};

/// Puts a status into the homes of local followers of its author; says whose.
///
/// `reply_to`: only of those who follow that account too, or are it. `reblog`: only of those
/// who want the author's reblogs. `language`: only of those who want the author's posts in it;
/// what has none is for all. Who has the author in an exclusive list sees it there alone.
#[boxed]
pub async fn fan_out(
    conn: &mut Conn,
    status_id: i64,
    author_id: i64,
    reply_to: Option<i64>,
    reblog: bool,
    language: Option<&str>,
) -> Result<Vec<i64>> {
    use diesel::dsl::{AsExprOf, exists, not};
    use diesel::sql_types::{BigInt, Text};
    fn value(id: i64) -> AsExprOf<i64, BigInt> {
        id.into_sql::<BigInt>()
    }
    let [exact, base] = language_patterns(language);
    let wanted = || {
        ",".into_sql::<Text>()
            .concat(follows::languages)
            .concat(",")
    };
    let elsewhere = list_members::table
        .inner_join(lists::table.on(lists::id.eq(list_members::list_id)))
        .filter(list_members::account_id.eq(author_id))
        .filter(lists::exclusive.eq(true))
        .filter(lists::account_id.eq(follows::account_id));
    let followers = follows::table
        .inner_join(accounts::table.on(accounts::id.eq(follows::account_id)))
        .filter(follows::target_id.eq(author_id))
        .filter(accounts::domain.eq(""))
        .filter(not(exists(elsewhere)))
        .filter(
            follows::languages
                .eq("")
                .or(wanted().like(exact))
                .or(wanted().like(base)),
        );
    macro_rules! put {
        ($followers:expr) => {{
            conn.statements += 1;
            match &mut conn.backend {
                // A statement that writes what it selects keeps a copy of each page that it changes, in
                // case it fails half way: two cost half as much, where followers are few.
                Backend::Sqlite(c) => {
                    let homes: Vec<i64> = kept!($followers.select(follows::account_id))
                        .load(c)
                        .await?;
                    put_home(conn, &homes, status_id, author_id).await?;
                    Ok(homes)
                }
                Backend::Postgres(c) => {
                    kept!(
                        diesel::insert_into(home_entries::table)
                            .values($followers.select((
                                follows::account_id,
                                value(status_id),
                                value(author_id)
                            )))
                            .into_columns((
                                home_entries::account_id,
                                home_entries::status_id,
                                home_entries::author_id,
                            ))
                            .on_conflict_do_nothing()
                            .returning(home_entries::account_id)
                    )
                    .load(&mut **c)
                    .await
                }
            }
        }};
    }
    let also = diesel::alias!(follows as also);
    match (reply_to.filter(|to| *to != author_id), reblog) {
        (Some(to), _) => {
            let knows = exists(
                also.filter(also.field(follows::account_id).eq(follows::account_id))
                    .filter(also.field(follows::target_id).eq(to)),
            );
            put!(followers.filter(follows::account_id.eq(to).or(knows)))
        }
        (None, true) => put!(followers.filter(follows::reblogs.eq(true))),
        (None, false) => put!(followers),
    }
}

/// Takes a status that is for mutuals, and for those it mentions, from the homes and lists of
/// everyone else who follows its author.
#[boxed]
pub async fn keep_mutuals(conn: &mut Conn, status_id: i64, author_id: i64) -> Result<()> {
    use diesel::sql_types::BigInt;
    const ELSE: &str = "NOT IN (SELECT target_id FROM follows WHERE account_id = $2 \
                        UNION SELECT account_id FROM mentions WHERE status_id = $1)";
    for statement in [
        format!("DELETE FROM home_entries WHERE status_id = $1 AND account_id {ELSE}"),
        format!(
            "DELETE FROM list_entries WHERE status_id = $1 AND list_id IN \
             (SELECT id FROM lists WHERE account_id {ELSE})"
        ),
    ] {
        on_db!(conn, |c| prepared(statement)
            .bind::<BigInt, _>(status_id)
            .bind::<BigInt, _>(author_id)
            .execute(c)
            .await)?;
    }
    Ok(())
}

/// Patterns of `,languages,` that hold a language, as it is (`pt-BR`) or by its first part
/// (`pt`); none matches all.
pub(super) fn language_patterns(language: Option<&str>) -> [String; 2] {
    match language {
        Some(code) => {
            let base = code.split('-').next().unwrap_or(code);
            [format!("%,{code},%"), format!("%,{base},%")]
        }
        None => ["%".to_owned(), "%".to_owned()],
    }
}

/// Homes from which on they are written by one statement.
const MANY: usize = 16;

/// Puts a status into the homes of the given accounts.
#[boxed]
pub async fn put_home(
    conn: &mut Conn,
    accounts: &[i64],
    status_id: i64,
    author_id: i64,
) -> Result<()> {
    use diesel::sql_types::{BigInt, Text};
    if let Backend::Sqlite(c) = &mut conn.backend
        && accounts.len() >= MANY
    {
        conn.statements += 1;
        let accounts = serde_json::to_string(accounts)
            .map_err(|error| diesel::result::Error::SerializationError(error.into()))?;
        prepared!(
            "INSERT OR IGNORE INTO home_entries (account_id, status_id, author_id) \
             SELECT value, $1, $2 FROM json_each($3)"
        )
        .bind::<BigInt, _>(status_id)
        .bind::<BigInt, _>(author_id)
        .bind::<Text, _>(accounts)
        .execute(c)
        .await?;
        return Ok(());
    }
    for account in accounts {
        on_db!(conn, |c| kept!(
            diesel::insert_into(home_entries::table)
                .values((
                    home_entries::account_id.eq(account),
                    home_entries::status_id.eq(status_id),
                    home_entries::author_id.eq(author_id),
                ))
                .on_conflict_do_nothing()
        )
        .execute(c)
        .await)?;
    }
    Ok(())
}

/// Whose homes hold a status, at most `limit`.
#[boxed]
pub async fn homes_of(conn: &mut Conn, status_id: i64, limit: i64) -> Result<Vec<i64>> {
    on_db!(conn, |c| home_entries::table
        .filter(home_entries::status_id.eq(status_id))
        .limit(limit)
        .select(home_entries::account_id)
        .load(c)
        .await)
}

/// Takes an author's statuses out of a home.
#[boxed]
pub async fn remove_author(conn: &mut Conn, account_id: i64, author_id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::delete(
        home_entries::table
            .filter(home_entries::account_id.eq(account_id))
            .filter(home_entries::author_id.eq(author_id))
    )
    .execute(c)
    .await)?;
    Ok(())
}

/// Takes an author's reblogs out of a home.
#[boxed]
pub async fn remove_reblogs(conn: &mut Conn, account_id: i64, author_id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::delete(
        home_entries::table
            .filter(home_entries::account_id.eq(account_id))
            .filter(home_entries::author_id.eq(author_id))
            .filter(
                home_entries::status_id.eq_any(
                    statuses::table
                        .filter(statuses::account_id.eq(author_id))
                        .filter(statuses::reblog_of_id.is_not_null())
                        .select(statuses::id)
                )
            )
    )
    .execute(c)
    .await)?;
    Ok(())
}

/// Takes an author's posts out of a home that are in none of some languages (`pt` means `pt-BR`
/// too). What has no language stays.
#[boxed]
pub async fn remove_other_languages(
    conn: &mut Conn,
    account_id: i64,
    author_id: i64,
    languages: &[&str],
) -> Result<()> {
    on_db!(conn, |c| {
        let mut others = statuses::table
            .filter(statuses::account_id.eq(author_id))
            .filter(statuses::reblog_of_id.is_null())
            .filter(statuses::language.is_not_null())
            .select(statuses::id)
            .into_boxed();
        for code in languages {
            others = others
                .filter(statuses::language.ne(*code))
                .filter(statuses::language.not_like(format!("{code}-%")));
        }
        diesel::delete(
            home_entries::table
                .filter(home_entries::account_id.eq(account_id))
                .filter(home_entries::author_id.eq(author_id))
                .filter(home_entries::status_id.eq_any(others)),
        )
        .execute(c)
        .await
    })?;
    Ok(())
}

/// Puts an author's newest statuses that a follower may see and wants into a home: what a new
/// follow shows at once. `reblogs`: theirs too. `languages`: by commas; empty for all.
#[boxed]
pub async fn backfill(
    conn: &mut Conn,
    account_id: i64,
    author_id: i64,
    reblogs: bool,
    languages: &str,
    limit: i64,
) -> Result<()> {
    let recent: Vec<(i64, Option<String>, Option<i64>)> = on_db!(conn, |c| statuses::table
        .filter(statuses::account_id.eq(author_id))
        .filter(statuses::visibility.le(2))
        .filter(
            statuses::in_reply_to_account_id
                .is_null()
                .or(statuses::in_reply_to_account_id.eq(author_id))
        )
        .order(statuses::id.desc())
        .limit(limit)
        .select((statuses::id, statuses::language, statuses::reblog_of_id))
        .load(c)
        .await)?;
    let speaks = |language: &str| {
        let base = language.split('-').next().unwrap_or(language);
        languages
            .split(',')
            .any(|code| code == language || code == base)
    };
    for (id, language, reblog_of) in recent {
        let wanted = match reblog_of {
            Some(_) => reblogs,
            None => languages.is_empty() || language.is_none_or(|language| speaks(&language)),
        };
        if wanted {
            put_home(conn, &[account_id], id, author_id).await?;
        }
    }
    Ok(())
}

/// One page of a home: ids of statuses.
#[boxed]
pub async fn home(conn: &mut Conn, account_id: i64, page: Page) -> Result<Vec<i64>> {
    let max = page.max_id.unwrap_or(i64::MAX);
    let min = page.min_id.or(page.since_id).unwrap_or(0);
    let rows = home_entries::table
        .filter(home_entries::account_id.eq(account_id))
        .filter(home_entries::status_id.lt(max))
        .filter(home_entries::status_id.gt(min))
        .limit(page.limit)
        .select(home_entries::status_id);
    if page.min_id.is_some() {
        let mut ids: Vec<i64> = on_db!(conn, |c| rows
            .order(home_entries::status_id.asc())
            .load(c)
            .await)?;
        ids.reverse();
        Ok(ids)
    } else {
        on_db!(conn, |c| rows
            .order(home_entries::status_id.desc())
            .load(c)
            .await)
    }
}

/// A condition spelled out: only a literal matches a partial index.
fn literally(condition: &str) -> diesel::expression::SqlLiteral<diesel::sql_types::Bool> {
    diesel::dsl::sql(condition)
}

/// Which part of the public timeline.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PublicFilter {
    pub local: bool,
    pub remote: bool,
    pub only_media: bool,
}

/// One page of the public timeline: ids of statuses.
#[boxed]
pub async fn public(conn: &mut Conn, filter: PublicFilter, page: Page) -> Result<Vec<i64>> {
    let max = page.max_id.unwrap_or(i64::MAX);
    let min = page.min_id.or(page.since_id).unwrap_or(0);
    let ascending = page.min_id.is_some();
    let mut ids: Vec<i64> = on_db!(conn, |c| {
        let mut query = statuses::table
            .inner_join(accounts::table.on(accounts::id.eq(statuses::account_id)))
            .filter(literally("statuses.visibility = 0"))
            .filter(statuses::reblog_of_id.is_null())
            .filter(statuses::id.lt(max))
            .filter(statuses::id.gt(min))
            .filter(accounts::silenced_at.is_null())
            .filter(accounts::suspended_at.is_null())
            // Replies to others are not for the public timelines.
            .filter(
                statuses::in_reply_to_uri
                    .is_null()
                    .or(statuses::in_reply_to_account_id.eq(statuses::account_id.nullable())),
            )
            .limit(page.limit)
            .select(statuses::id)
            .into_boxed();
        if filter.local {
            query = query.filter(literally("statuses.local = TRUE"));
        }
        if filter.remote {
            query = query.filter(statuses::local.eq(false));
        }
        if filter.only_media {
            query = query.filter(diesel::dsl::exists(
                media::table
                    .filter(media::status_id.eq(statuses::id.nullable()))
                    .filter(media::position.ge(0)),
            ));
        }
        query = if ascending {
            query.order(statuses::id.asc())
        } else {
            query.order(statuses::id.desc())
        };
        query.load(c).await
    })?;
    if ascending {
        ids.reverse();
    }
    Ok(ids)
}

/// One page of a tag's public statuses.
#[boxed]
pub async fn tag(
    conn: &mut Conn,
    tag_id: i64,
    filter: PublicFilter,
    page: Page,
) -> Result<Vec<i64>> {
    let max = page.max_id.unwrap_or(i64::MAX);
    let min = page.min_id.or(page.since_id).unwrap_or(0);
    let ascending = page.min_id.is_some();
    let mut ids: Vec<i64> = on_db!(conn, |c| {
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
        if filter.local {
            query = query.filter(statuses::local.eq(true));
        }
        if filter.remote {
            query = query.filter(statuses::local.eq(false));
        }
        if filter.only_media {
            query = query.filter(diesel::dsl::exists(
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
    })?;
    if ascending {
        ids.reverse();
    }
    Ok(ids)
}

/// Which of an account's statuses.
#[derive(Debug, Clone, Copy, Default)]
pub struct AccountFilter {
    pub exclude_replies: bool,
    pub exclude_reblogs: bool,
    pub only_media: bool,
    pub tag_id: Option<i64>,
    /// The most private visibility wanted: 1 for strangers, 2 for followers, 4 for who may be
    /// mentioned, all there are for oneself.
    pub deepest: i16,
}

/// One page of an account's statuses. With `deepest` 4, those that mention nobody in particular
/// and direct ones alike: it is for the author alone.
#[boxed]
pub async fn account(
    conn: &mut Conn,
    account_id: i64,
    filter: AccountFilter,
    page: Page,
) -> Result<Vec<i64>> {
    let max = page.max_id.unwrap_or(i64::MAX);
    let min = page.min_id.or(page.since_id).unwrap_or(0);
    let ascending = page.min_id.is_some();
    let mut ids: Vec<i64> = on_db!(conn, |c| {
        let mut query = statuses::table
            .filter(statuses::account_id.eq(account_id))
            .filter(statuses::id.lt(max))
            .filter(statuses::id.gt(min))
            .filter(statuses::visibility.le(filter.deepest))
            .limit(page.limit)
            .select(statuses::id)
            .into_boxed();
        if filter.exclude_reblogs {
            query = query.filter(statuses::reblog_of_id.is_null());
        }
        if filter.exclude_replies {
            query = query.filter(
                statuses::in_reply_to_uri
                    .is_null()
                    .or(statuses::in_reply_to_account_id.eq(account_id)),
            );
        }
        if filter.only_media {
            query = query.filter(diesel::dsl::exists(
                media::table
                    .filter(media::status_id.eq(statuses::id.nullable()))
                    .filter(media::position.ge(0)),
            ));
        }
        if let Some(tag) = filter.tag_id {
            query = query.filter(diesel::dsl::exists(
                status_tags::table
                    .filter(status_tags::tag_id.eq(tag))
                    .filter(status_tags::status_id.eq(statuses::id)),
            ));
        }
        query = if ascending {
            query.order(statuses::id.asc())
        } else {
            query.order(statuses::id.desc())
        };
        query.load(c).await
    })?;
    if ascending {
        ids.reverse();
    }
    Ok(ids)
}
