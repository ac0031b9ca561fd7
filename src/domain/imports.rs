//! What an account brings along from elsewhere: files as [`super::exports`] writes them.
//!
//! A file is taken in at once and worked off line by line, by a job: each line in a transaction that
//! says how far one has come, so that a job that dies goes on where it was. A line done twice is done
//! once.

use std::collections::HashSet;

use super::exports::{self, Kind, Line, Place};
use super::filters::{self, Changes};
use super::follows::{self, Options};
use super::jobs::{self, Job};
use super::lists::{self, Settings};
use super::{Ctx, blocks, domain_blocks, reactions};
use crate::clock::SECOND;
use crate::db::accounts::Account;
use crate::db::imports::Import;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::text::{csv, language};

/// Bytes of a request with a file, and lines of a file.
pub const MAX_BYTES: usize = 2 << 20;
pub const MAX_LINES: usize = 20_000;
/// Imports of an account that may wait, and that are remembered.
const MAX_OPEN: i64 = 5;
const REMEMBERED: i64 = 30;
/// Lines looked at in one transaction for whether they go.
const PRUNED: i64 = 50;

/// Whether a first line names the columns.
fn is_header(kind: Kind, line: &[String]) -> bool {
    let first = line.first().map_or("", |cell| cell.trim());
    let names: &[&str] = match kind {
        Kind::Follows | Kind::Blocks | Kind::Mutes => &["Account address"],
        Kind::DomainBlocks => &["#domain"],
        Kind::Bookmarks => &["#uri"],
        Kind::Lists => &["List name"],
        Kind::Filters => &["Title"],
    };
    names.iter().any(|name| first.eq_ignore_ascii_case(name))
}

/// A line of a file, by its columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    cells: Vec<String>,
}

impl Row {
    /// A column's text, without space around it.
    pub fn cell(&self, column: usize) -> &str {
        self.cells.get(column).map_or("", |cell| cell.trim())
    }

    /// A flag in a column; empty is `usual`.
    fn flag(&self, column: usize, usual: bool) -> bool {
        match self.cell(column).to_ascii_lowercase().as_str() {
            "" => usual,
            text => matches!(text, "true" | "1" | "yes" | "t"),
        }
    }

    /// The whole line, as it is told of.
    pub fn text(&self) -> String {
        let mut text = String::new();
        csv::write_row(&mut text, self.cells.iter().map(String::as_str));
        text.trim_end().chars().take(500).collect()
    }

    /// What the line names: an account, an address of a status, a domain, a filter's title.
    pub fn subject(&self, kind: Kind) -> &str {
        match kind {
            Kind::Lists => self.cell(1),
            _ => self.cell(0),
        }
    }
}

/// The lines of a file, without the one that names the columns. Those may be in another order.
pub fn read(kind: Kind, body: &str) -> AppResult<Vec<Row>> {
    let mut lines = csv::rows(body, MAX_LINES + 1).ok_or_else(too_long)?;
    let names = match lines.first() {
        Some(first) if is_header(kind, first) => lines.remove(0),
        _ => Vec::new(),
    };
    if lines.len() > MAX_LINES {
        return Err(too_long());
    }
    let column = |wanted: &str| {
        let mut names = names.iter();
        names.position(|name| name.trim().eq_ignore_ascii_case(wanted))
    };
    // Where a column is not named, it stands where Mastodon has it.
    let order: Vec<usize> = kind
        .header()
        .iter()
        .enumerate()
        .map(|(at, wanted)| column(wanted).unwrap_or(at))
        .collect();
    let arrange = |cells: Vec<String>| match names.is_empty() || order.is_empty() {
        true => Row { cells },
        false => Row {
            cells: order
                .iter()
                .map(|at| cells.get(*at).cloned().unwrap_or_default())
                .collect(),
        },
    };
    Ok(lines.into_iter().map(arrange).collect())
}

fn too_long() -> AppError {
    AppError::invalid(format!(
        "Validation failed: Data has too many lines (maximum is {MAX_LINES})"
    ))
}

/// Takes a file in, to be worked off soon.
pub async fn begin(
    tx: &mut Conn,
    ctx: &Ctx,
    account_id: i64,
    kind: Kind,
    overwrite: bool,
    body: &str,
) -> AppResult<Import> {
    let lines = read(kind, body)?;
    if lines.iter().all(|line| line.subject(kind).is_empty()) {
        return Err(AppError::invalid("Validation failed: Data can't be blank"));
    }
    if db::imports::count_open(tx, account_id).await? >= MAX_OPEN {
        return Err(AppError::invalid(format!(
            "Validation failed: You cannot have more than {MAX_OPEN} imports at a time"
        )));
    }
    db::imports::keep_newest(tx, account_id, REMEMBERED).await?;
    let row = Import {
        id: ctx.ids.next(),
        account_id,
        kind: kind.as_str().to_owned(),
        overwrite,
        total: lines.len() as i64,
        position: 0,
        failed: 0,
        created_at: ctx.now(),
        finished_at: None,
    };
    db::imports::insert(tx, &row, body).await?;
    let import_id = row.id;
    jobs::enqueue(tx, ctx, &Job::Import { import_id }).await?;
    Ok(row)
}

/// Does what a line says. `found`: the account or status that it names, as it is known here. Gives
/// what it is about.
pub async fn apply(
    tx: &mut Conn,
    ctx: &Ctx,
    owner: &Account,
    kind: Kind,
    row: &Row,
    found: i64,
) -> AppResult<i64> {
    match kind {
        Kind::DomainBlocks => {
            let domain = domain_blocks::parse(Some(row.cell(0)))?;
            domain_blocks::block(tx, ctx, owner, &domain).await?;
            return Ok(0);
        }
        Kind::Filters => return filter(tx, ctx, owner, row).await,
        Kind::Bookmarks => {
            let status = reactions::subject(tx, owner, found).await?;
            reactions::bookmark(tx, ctx, owner, &status).await?;
            return Ok(status.id);
        }
        Kind::Follows | Kind::Blocks | Kind::Mutes | Kind::Lists => {}
    }
    let other = db::accounts::by_id(tx, found)
        .await?
        .filter(|other| other.deleted_at.is_none())
        .ok_or_else(AppError::not_found)?;
    match kind {
        Kind::Follows => {
            let codes = row.cell(3).split(',');
            let languages: Vec<String> = codes.filter_map(language::normalize).collect();
            let options = Options {
                reblogs: Some(row.flag(1, true)),
                notify: Some(row.flag(2, false)),
                languages: Some(languages.join(",")),
                ..Options::default()
            };
            follow(tx, ctx, owner, &other, options).await?;
        }
        Kind::Blocks => blocks::block(tx, ctx, owner, &other, None).await?,
        Kind::Mutes => {
            let notifications = row.flag(1, true);
            blocks::mute(tx, ctx, owner, &other, notifications, None).await?;
        }
        _ => list(tx, ctx, owner, row.cell(0), &other).await?,
    }
    Ok(other.id)
}

async fn follow(
    tx: &mut Conn,
    ctx: &Ctx,
    owner: &Account,
    other: &Account,
    options: Options,
) -> AppResult<()> {
    if owner.id == other.id {
        return Err(AppError::invalid(
            "Validation failed: You cannot follow yourself",
        ));
    }
    follows::follow(tx, ctx, owner, other, options).await
}

/// Puts an account on a list, which is made where it is not there; it is followed where it is not.
async fn list(
    tx: &mut Conn,
    ctx: &Ctx,
    owner: &Account,
    title: &str,
    other: &Account,
) -> AppResult<()> {
    let all = db::lists::of_account(tx, owner.id, lists::MAX_LISTS).await?;
    let list = match all.into_iter().find(|list| list.title == title) {
        Some(list) => list,
        None => {
            let settings = Settings {
                title: Some(title.to_owned()),
                ..Settings::default()
            };
            lists::create(tx, ctx, owner, settings).await?
        }
    };
    let followed = db::relations::follow(tx, owner.id, other.id).await?;
    if followed.is_none() {
        follow(tx, ctx, owner, other, Options::default()).await?;
    }
    // Whoever has yet to accept is on the list already, and shows there once they have.
    lists::take_along(tx, ctx, owner, &[list], other).await
}

/// Makes the filter of a line where none has its title, and adds the line's keyword.
async fn filter(tx: &mut Conn, ctx: &Ctx, owner: &Account, row: &Row) -> AppResult<i64> {
    let all = db::filters::of_account(tx, owner.id, i64::from(u16::MAX)).await?;
    let known = all.into_iter().find(|filter| filter.title == row.cell(0));
    let filter = match known {
        Some(filter) => filter,
        None => {
            let now = ctx.now();
            let expires_in = match row.cell(3) {
                "" => None,
                text => {
                    let at: jiff::Timestamp = text.parse().map_err(|_| {
                        AppError::invalid("Validation failed: Expires at is not a time")
                    })?;
                    Some((at.as_millisecond() - now) / SECOND)
                }
            };
            if expires_in.is_some_and(|left| left <= 0) {
                return Err(AppError::invalid("The filter has expired"));
            }
            let contexts = row.cell(1).split(',').map(|c| c.trim().to_owned());
            let action = row.cell(2);
            let changes = Changes {
                title: Some(row.cell(0).to_owned()),
                context: Some(contexts.collect()),
                action: (!action.is_empty()).then(|| action.to_owned()),
                expires_in: Some(expires_in),
                ..Changes::default()
            };
            filters::create(tx, ctx, owner.id, changes).await?
        }
    };
    let keyword = row.cell(4);
    let known = db::filters::keywords_of(tx, &[filter.id]).await?;
    if !keyword.is_empty() && known.iter().all(|known| known.keyword != keyword) {
        let whole = Some(row.flag(5, true));
        filters::add_keyword(tx, ctx, owner.id, filter.id, Some(keyword), whole).await?;
    }
    Ok(filter.id)
}

/// What a file holds, for telling what it does not.
#[derive(Debug, Clone, Default)]
pub struct Held {
    /// Accounts, statuses and filters, each with the list's title (of lists alone).
    subjects: HashSet<(String, i64)>,
    /// What lines name, in lower case: of those that led nowhere, nothing else is known.
    names: HashSet<(String, String)>,
    titles: HashSet<String>,
}

impl Held {
    /// Takes in a line and what it was about.
    pub fn add(&mut self, kind: Kind, row: &Row, subject: Option<i64>) {
        let title = match kind {
            Kind::Lists => row.cell(0).to_owned(),
            _ => String::new(),
        };
        if let Some(id) = subject.filter(|id| *id != 0) {
            self.subjects.insert((title.clone(), id));
        }
        let name = row.subject(kind).trim_start_matches('@').to_lowercase();
        let name = match kind {
            // As it was blocked, whatever spelling the file has.
            Kind::DomainBlocks => domain_blocks::parse(Some(&name)).unwrap_or(name),
            _ => name,
        };
        self.names.insert((title.clone(), name));
        self.titles.insert(title);
    }

    fn holds(&self, kind: Kind, line: &Line) -> bool {
        let (title, name) = match (kind, &line.fields[..]) {
            (Kind::Lists, [title, name, ..]) => (title.clone(), name),
            (_, [name, ..]) => (String::new(), name),
            _ => return true,
        };
        self.names.contains(&(title.clone(), name.to_lowercase()))
            || self.subjects.contains(&(title, line.subject_id))
    }
}

/// Removes what an account had before an import and the file does not hold, from after a place on;
/// where that ended, unless nothing is left.
pub async fn prune(
    tx: &mut Conn,
    ctx: &Ctx,
    import: &Import,
    kind: Kind,
    held: &Held,
    after: Place,
) -> AppResult<Option<Place>> {
    let Some(owner) = db::accounts::by_id(tx, import.account_id).await? else {
        return Ok(None);
    };
    let (lines, next) = exports::page(tx, ctx, owner.id, kind, after, PRUNED).await?;
    for line in lines {
        if line.created_at < import.created_at && !held.holds(kind, &line) {
            remove(tx, ctx, &owner, kind, &line).await?;
        }
    }
    if kind == Kind::Lists && next.is_none() {
        for list in db::lists::of_account(tx, owner.id, lists::MAX_LISTS).await? {
            if list.created_at < import.created_at && !held.titles.contains(&list.title) {
                lists::delete(tx, &owner, list.id).await?;
            }
        }
    }
    Ok(next)
}

async fn remove(
    tx: &mut Conn,
    ctx: &Ctx,
    owner: &Account,
    kind: Kind,
    line: &Line,
) -> AppResult<()> {
    let id = line.subject_id;
    match kind {
        Kind::DomainBlocks => {
            let domain = line.fields.first().map_or("", String::as_str);
            domain_blocks::unblock(tx, owner, domain).await
        }
        Kind::Lists => lists::remove(tx, owner, line.list_id, &[id]).await,
        // One filter has several lines.
        Kind::Filters => match filters::remove(tx, owner.id, id).await {
            Err(error) if !error.status.is_client_error() => Err(error),
            _ => Ok(()),
        },
        Kind::Bookmarks => match db::statuses::by_id(tx, id).await? {
            Some(status) => reactions::unbookmark(tx, owner, &status).await,
            None => Ok(()),
        },
        Kind::Follows | Kind::Blocks | Kind::Mutes => {
            let Some(other) = db::accounts::by_id(tx, id).await? else {
                return Ok(());
            };
            match kind {
                Kind::Follows => follows::unfollow(tx, ctx, owner, &other).await,
                Kind::Blocks => blocks::unblock(tx, ctx, owner, &other).await,
                _ => blocks::unmute(tx, owner, &other).await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(rows: &[Row]) -> Vec<Vec<&str>> {
        let all = rows.iter();
        all.map(|row| (0..4).map(|at| row.cell(at)).collect())
            .collect()
    }

    #[test]
    fn files_are_read_with_and_without_names_of_columns() {
        let body = "Account address,Show boosts,Notify on new posts,Languages\n\
                    a@b.example,false,true,\"de, en\"\nc@d.example,,,\n";
        let rows = read(Kind::Follows, body).unwrap();
        assert_eq!(
            cells(&rows),
            [
                ["a@b.example", "false", "true", "de, en"],
                ["c@d.example", "", "", ""]
            ]
        );
        assert!(!rows[0].flag(1, true) && rows[0].flag(2, false));
        assert!(rows[1].flag(1, true) && !rows[1].flag(2, false));
        // In another order, and with columns that nobody knows.
        let body = "Account address,Since,Languages,Show boosts\na@b.example,2020,fr,false\n";
        let rows = read(Kind::Follows, body).unwrap();
        assert_eq!(rows[0].cell(3), "fr");
        assert_eq!(rows[0].cell(1), "false");
        let rows = read(Kind::Blocks, "a@b.example\n\nc@d.example").unwrap();
        assert_eq!(rows.len(), 2);
        let rows = read(Kind::DomainBlocks, "#domain,#severity\nx.example,suspend\n").unwrap();
        assert_eq!(rows[0].subject(Kind::DomainBlocks), "x.example");
        let rows = read(Kind::Lists, "friends,a@b.example\n").unwrap();
        assert_eq!(rows[0].subject(Kind::Lists), "a@b.example");
    }

    #[test]
    fn a_file_has_so_many_lines_and_no_more() {
        let body = |lines: usize| format!("Account address\n{}", "a@b.example\n".repeat(lines));
        assert_eq!(
            read(Kind::Blocks, &body(MAX_LINES)).unwrap().len(),
            MAX_LINES
        );
        assert!(read(Kind::Blocks, &body(MAX_LINES + 1)).is_err());
    }

    #[test]
    fn what_a_file_holds_is_known_by_id_or_by_name() {
        let rows = read(
            Kind::Lists,
            "friends,@A@b.example\nfriends,gone@b.example\n",
        )
        .unwrap();
        let mut held = Held::default();
        held.add(Kind::Lists, &rows[0], Some(7));
        held.add(Kind::Lists, &rows[1], None);
        let line = |title: &str, name: &str, subject_id| Line {
            fields: vec![title.to_owned(), name.to_owned()],
            subject_id,
            list_id: 1,
            created_at: 0,
        };
        assert!(held.holds(Kind::Lists, &line("friends", "renamed@b.example", 7)));
        assert!(held.holds(Kind::Lists, &line("friends", "Gone@b.example", 8)));
        assert!(!held.holds(Kind::Lists, &line("others", "a@b.example", 7)));
        let rows = read(Kind::DomainBlocks, "Bücher.Example\n").unwrap();
        let mut held = Held::default();
        held.add(Kind::DomainBlocks, &rows[0], Some(0));
        let blocked = |domain: &str| Line {
            fields: vec![domain.to_owned()],
            ..line("", "", 0)
        };
        assert!(held.holds(Kind::DomainBlocks, &blocked("xn--bcher-kva.example")));
        assert!(!held.holds(Kind::DomainBlocks, &blocked("other.example")));
        assert!(!held.holds(Kind::Lists, &line("friends", "other@b.example", 9)));
    }
}
