//! The files that rows name: what has to be in the storage.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::{Conn, Result, on_db};

/// Rows looked at at a time.
pub const PAGE: i64 = 1000;

/// Who names a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// An upload: on a post, in a chat, or waiting.
    Upload,
    /// An upload that is worked on.
    Work,
    /// A local profile's picture.
    Profile,
    /// An emoji of ours.
    Emoji,
    /// The picture of a link's preview.
    Card,
    /// Nothing any more: it is about to be deleted.
    Retired,
    /// A copy of a file from elsewhere.
    Remote,
    /// An archive of an account, written and waiting for its owner.
    Archive,
}

impl Holder {
    /// All of them.
    pub const ALL: [Holder; 8] = [
        Holder::Upload,
        Holder::Work,
        Holder::Profile,
        Holder::Emoji,
        Holder::Card,
        Holder::Retired,
        Holder::Remote,
        Holder::Archive,
    ];

    /// Its name for people and programs.
    pub fn name(self) -> &'static str {
        match self {
            Holder::Upload => "uploads",
            Holder::Work => "in_work",
            Holder::Profile => "profile_pictures",
            Holder::Emoji => "emoji",
            Holder::Card => "link_previews",
            Holder::Retired => "retired",
            Holder::Remote => "remote_copies",
            Holder::Archive => "archives",
        }
    }

    /// Rows after a position: the position, and up to three storage keys.
    fn sql(self, postgres: bool) -> String {
        let (table, key, names, condition) = match self {
            Holder::Upload => ("media", "id", ["file", "preview", "''"], ""),
            Holder::Work => ("media_work", "media_id", ["source", "file", "preview"], ""),
            Holder::Profile => (
                "accounts",
                "id",
                ["avatar", "header", "''"],
                " AND domain = ''",
            ),
            Holder::Emoji => (
                "custom_emojis",
                "id",
                ["image", "static_image", "''"],
                " AND domain = ''",
            ),
            Holder::Card => ("preview_cards", "id", ["image", "''", "''"], ""),
            Holder::Retired => ("retired_files", "file", ["file", "''", "''"], ""),
            Holder::Remote => ("remote_files", "hash", ["file", "preview", "''"], ""),
            Holder::Archive => (
                "account_archives",
                "id",
                ["file", "''", "''"],
                " AND ready_at IS NOT NULL",
            ),
        };
        let [a, b, c] = names;
        let text = matches!(self, Holder::Retired | Holder::Remote);
        let after = match text {
            true => "$1",
            false if postgres => "CAST($1 AS BIGINT)",
            false => "CAST($1 AS INTEGER)",
        };
        format!(
            "SELECT CAST({key} AS TEXT) AS place, {a} AS first, {b} AS second, {c} AS third \
             FROM {table} WHERE {key} > {after}{condition} ORDER BY {key} LIMIT $2"
        )
    }

    /// Before the first row.
    fn beginning(self) -> &'static str {
        match self {
            Holder::Retired | Holder::Remote => "",
            _ => "0",
        }
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    place: String,
    #[diesel(sql_type = Text)]
    first: String,
    #[diesel(sql_type = Text)]
    second: String,
    #[diesel(sql_type = Text)]
    third: String,
}

/// Storage keys that some rows name, and where to read on; `None` at the end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// In the rows' order; some may come twice.
    pub keys: Vec<String>,
    pub next: Option<String>,
}

/// The files of one kind of holder, after a position that a page before told.
#[boxed]
pub async fn page(conn: &mut Conn, holder: Holder, after: Option<&str>) -> Result<Page> {
    let sql = holder.sql(conn.is_postgres());
    let after = after.unwrap_or(holder.beginning());
    let rows: Vec<Row> = on_db!(conn, |c| diesel::sql_query(sql)
        .bind::<Text, _>(after)
        .bind::<BigInt, _>(PAGE)
        .load(c)
        .await)?;
    let full = rows.len() as i64 >= PAGE;
    let next = rows.last().filter(|_| full).map(|row| row.place.clone());
    let keys = rows
        .into_iter()
        .flat_map(|row| [row.first, row.second, row.third])
        .filter(|key| !key.is_empty())
        .collect();
    Ok(Page { keys, next })
}
