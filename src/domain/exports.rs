//! What an account takes along when it goes elsewhere, in the files that Mastodon writes and reads.

use super::Ctx;
use crate::clock::iso;
use crate::db::accounts::Account;
use crate::db::{self, Conn};
use crate::error::AppResult;

/// Rows of a page of a file.
pub const PAGE: i64 = 500;
/// As many filters as anyone has.
const MAX_FILTERS: i64 = 500;

/// What can be carried elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Follows,
    Blocks,
    Mutes,
    DomainBlocks,
    Lists,
    Bookmarks,
    Filters,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 7] = [
        Kind::Follows,
        Kind::Blocks,
        Kind::Mutes,
        Kind::DomainBlocks,
        Kind::Lists,
        Kind::Bookmarks,
        Kind::Filters,
    ];

    /// Its name in addresses and parameters.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Follows => "follows",
            Kind::Blocks => "blocks",
            Kind::Mutes => "mutes",
            Kind::DomainBlocks => "domain_blocks",
            Kind::Lists => "lists",
            Kind::Bookmarks => "bookmarks",
            Kind::Filters => "filters",
        }
    }

    /// Reads [`Kind::as_str`].
    pub fn parse(text: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The file's name, as Mastodon's.
    pub fn file_name(self) -> &'static str {
        match self {
            Kind::Follows => "following_accounts.csv",
            Kind::Blocks => "blocked_accounts.csv",
            Kind::Mutes => "muted_accounts.csv",
            Kind::DomainBlocks => "blocked_domains.csv",
            Kind::Lists => "lists.csv",
            Kind::Bookmarks => "bookmarks.csv",
            Kind::Filters => "filters.csv",
        }
    }

    /// The first line, where there is one. Mastodon has no filters among its files.
    pub fn header(self) -> &'static [&'static str] {
        match self {
            Kind::Follows => &[
                "Account address",
                "Show boosts",
                "Notify on new posts",
                "Languages",
            ],
            Kind::Mutes => &["Account address", "Hide notifications"],
            Kind::Filters => &[
                "Title",
                "Context",
                "Action",
                "Expires at",
                "Keyword",
                "Whole word",
            ],
            Kind::Blocks | Kind::DomainBlocks | Kind::Lists | Kind::Bookmarks => &[],
        }
    }
}

/// Where a page ends: the list (of lists alone), and the last row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    list: i64,
    row: i64,
}

/// A line of a file, and what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub fields: Vec<String>,
    /// The account, status or filter; 0 for a domain.
    pub subject_id: i64,
    /// The list.
    pub list_id: i64,
    /// When it came to be; 0 where nobody knows.
    pub created_at: i64,
}

/// The handle of an account, with its domain.
pub fn address(ctx: &Ctx, account: &Account) -> String {
    ctx.config.handle(&account.username, &account.domain)
}

/// Lines from after a place on, and where they end, unless they are the last.
pub async fn page(
    conn: &mut Conn,
    ctx: &Ctx,
    account_id: i64,
    kind: Kind,
    after: Place,
    limit: i64,
) -> AppResult<(Vec<Line>, Option<Place>)> {
    let above = after.row;
    let mut last = above;
    let mut lines = Vec::new();
    let mut number = 0;
    let mut add = |fields: Vec<String>, subject_id: i64, created_at: i64| {
        lines.push(Line {
            fields,
            subject_id,
            list_id: 0,
            created_at,
        });
    };
    match kind {
        Kind::Follows => {
            for (row, other) in db::exports::follows(conn, account_id, above, limit).await? {
                (last, number) = (other.id, number + 1);
                let languages = row.languages.replace(',', ", ");
                let fields = vec![
                    address(ctx, &other),
                    row.reblogs.to_string(),
                    row.notify.to_string(),
                    languages,
                ];
                add(fields, other.id, row.created_at);
            }
        }
        Kind::Blocks => {
            for (row, other) in db::exports::blocks(conn, account_id, above, limit).await? {
                (last, number) = (other.id, number + 1);
                add(vec![address(ctx, &other)], other.id, row.created_at);
            }
        }
        Kind::Mutes => {
            for (row, other) in db::exports::mutes(conn, account_id, above, limit).await? {
                (last, number) = (other.id, number + 1);
                // What ends by itself is not carried elsewhere, where it would not.
                if row.expires_at.is_none() {
                    let fields = vec![address(ctx, &other), row.notifications.to_string()];
                    add(fields, other.id, row.created_at);
                }
            }
        }
        Kind::DomainBlocks => {
            for (id, domain, at) in db::exports::domains(conn, account_id, above, limit).await? {
                (last, number) = (id, number + 1);
                add(vec![domain], 0, at);
            }
        }
        Kind::Bookmarks => {
            for row in db::exports::bookmarks(conn, account_id, above, limit).await? {
                (last, number) = (row.id, number + 1);
                add(vec![row.uri], row.status_id, row.created_at);
            }
        }
        Kind::Filters => return filters(conn, account_id).await,
        Kind::Lists => return lists(conn, ctx, account_id, after, limit).await,
    }
    let end = Place { list: 0, row: last };
    Ok((lines, (number == limit).then_some(end)))
}

/// Members of one list, or of none that are left.
async fn lists(
    conn: &mut Conn,
    ctx: &Ctx,
    account_id: i64,
    after: Place,
    limit: i64,
) -> AppResult<(Vec<Line>, Option<Place>)> {
    let mut all = db::lists::of_account(conn, account_id, super::lists::MAX_LISTS).await?;
    all.sort_by_key(|list| list.id);
    let Some(list) = all.iter().find(|list| list.id >= after.list) else {
        return Ok((Vec::new(), None));
    };
    let above = if list.id == after.list { after.row } else { 0 };
    let members = db::exports::members(conn, list.id, above, limit).await?;
    let next = match members.last() {
        Some(last) if members.len() as i64 == limit => Some(Place {
            list: list.id,
            row: last.id,
        }),
        _ => all.iter().any(|other| other.id > list.id).then_some(Place {
            list: list.id + 1,
            row: 0,
        }),
    };
    let lines = members.iter().map(|member| Line {
        fields: vec![list.title.clone(), address(ctx, member)],
        subject_id: member.id,
        list_id: list.id,
        created_at: 0,
    });
    Ok((lines.collect(), next))
}

/// All filters, a line for each keyword.
async fn filters(conn: &mut Conn, account_id: i64) -> AppResult<(Vec<Line>, Option<Place>)> {
    let all = db::filters::of_account(conn, account_id, MAX_FILTERS).await?;
    let ids: Vec<i64> = all.iter().map(|filter| filter.id).collect();
    let keywords = db::filters::keywords_of(conn, &ids).await?;
    let mut lines = Vec::new();
    for filter in all.iter().rev() {
        let line = |keyword: &str, whole_word: &str| Line {
            fields: vec![
                filter.title.clone(),
                filter.context.replace(',', ", "),
                filter.action.clone(),
                filter.expires_at.map(iso).unwrap_or_default(),
                keyword.to_owned(),
                whole_word.to_owned(),
            ],
            subject_id: filter.id,
            list_id: 0,
            created_at: filter.created_at,
        };
        let own = keywords.iter().filter(|k| k.filter_id == filter.id);
        let before = lines.len();
        lines.extend(own.map(|k| line(&k.keyword, &k.whole_word.to_string())));
        if lines.len() == before {
            lines.push(line("", ""));
        }
    }
    Ok((lines, None))
}
