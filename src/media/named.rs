//! The names of all files that rows name, some at a time.

use super::intake::still_of;
use crate::db::stored_files::{self, Holder};
use crate::db::{self, Conn, Db};

/// How far the names were read. What is changed meanwhile may be among them or not.
#[derive(Debug, Clone)]
pub struct NamedFiles {
    /// Those that are still to be read, the next one last.
    holders: Vec<Holder>,
    after: Option<String>,
}

impl NamedFiles {
    /// Those of all holders that fit.
    pub fn of(fits: impl Fn(Holder) -> bool) -> NamedFiles {
        let mut holders = Holder::ALL.to_vec();
        holders.retain(|holder| fits(*holder));
        holders.reverse();
        NamedFiles {
            holders,
            after: None,
        }
    }

    /// Those of all holders.
    pub fn all() -> NamedFiles {
        NamedFiles::of(|_| true)
    }

    /// Some more names of one kind of holder, with those of the stills of animated pictures; some may come
    /// twice. `None` at the end.
    ///
    /// # Errors
    /// The database's.
    pub async fn next(&mut self, conn: &mut Conn) -> db::Result<Option<(Holder, Vec<String>)>> {
        let Some(holder) = self.holders.last().copied() else {
            return Ok(None);
        };
        let page = stored_files::page(conn, holder, self.after.as_deref()).await?;
        self.after = page.next;
        if self.after.is_none() {
            self.holders.pop();
        }
        let mut names = page.keys;
        let stills: Vec<String> = names.iter().filter_map(|name| still_of(name)).collect();
        names.extend(stills);
        Ok(Some((holder, names)))
    }

    /// The same by a connection of its own.
    ///
    /// # Errors
    /// The database's.
    pub async fn next_from(&mut self, db: &Db) -> db::Result<Option<(Holder, Vec<String>)>> {
        let mut read = self.clone();
        let (read, names) = db
            .read(move |c| {
                Box::pin(async move {
                    let names = read.next(c).await?;
                    Ok::<_, db::Error>((read, names))
                })
            })
            .await?;
        *self = read;
        Ok(names)
    }
}
