//! From one database into another, most of all from SQLite into PostgreSQL.

use std::collections::BTreeMap;
use std::path::Path;

use super::Outcome;
use super::leftovers;
use super::load::Loading;
use super::manifest::{TableColumns, TableRows};
use super::rows::{Reading, Source};
use crate::db::transfer::{self, Occupied, Snapshot, TransferError, sqlite_path};
use crate::progress::Progress;
use crate::random::Random;

/// What was moved.
#[derive(Debug, Clone)]
pub struct Moved {
    pub tables: BTreeMap<String, TableRows>,
}

/// Copies everything into a database that is empty, or, with `force`, is Kith's. The one it comes
/// from stays as it is; the other is there whole or not at all.
pub async fn move_database(
    from: &str,
    to: &str,
    random: &Random,
    now: i64,
    force: bool,
) -> Outcome<Moved> {
    let told = |e: TransferError| e.to_string();
    if from == to {
        return Err("the database is there already".to_owned());
    }
    match transfer::occupied(to).await.map_err(told)? {
        Occupied::Empty => {}
        Occupied::Kith if force => {}
        Occupied::Kith => {
            return Err(
                "there is a database already: nothing was changed (--force replaces it)".to_owned(),
            );
        }
        Occupied::Foreign => {
            return Err("the new database holds tables that are not Kith's".to_owned());
        }
    }
    if let Some(who) = transfer::in_use(to, now).await.map_err(told)? {
        return Err(format!(
            "the new database is in use by {who}: stop it first"
        ));
    }
    let mut snapshot = Snapshot::open_alone(from, now).await.map_err(told)?;
    if let Some(path) = sqlite_path(to) {
        leftovers::sweep_databases(path, now, "moving");
    }
    // A file is made beside, and gets its name at the end.
    let beside = sqlite_path(to).map(|path| {
        let mark = u64::from_le_bytes(random.bytes());
        (format!("{path}.moving-{mark:016x}"), path)
    });
    let copied = match &beside {
        None => copy(&mut snapshot, to, force, now).await,
        Some((new, path)) => {
            let copied = copy(&mut snapshot, &format!("sqlite:{new}"), false, now).await;
            match copied {
                Ok(moved) => replace(Path::new(new), path).map(|()| moved),
                Err(error) => Err(error),
            }
        }
    };
    if let (Err(_), Some((new, _))) = (&copied, &beside) {
        let _ = std::fs::remove_file(new);
        let _ = std::fs::remove_file(format!("{new}-journal"));
    }
    copied
}

async fn copy(snapshot: &mut Snapshot, to: &str, force: bool, now: i64) -> Outcome<Moved> {
    let told = |e: TransferError| e.to_string();
    let migrations = snapshot.migrations().await.map_err(told)?;
    let last_event = snapshot.last_event().await.map_err(told)?;
    let tables = snapshot.tables().await.map_err(told)?;
    let coming: Vec<TableColumns> = (tables.iter())
        .map(|table| TableColumns {
            name: table.name.clone(),
            columns: table.column_names(),
        })
        .collect();
    let mut loading = Loading::begin(to, &migrations, &coming, force, now).await?;
    let mut came = BTreeMap::new();
    let progress = Progress::counting("copying");
    for table in &tables {
        progress.at(table.name.clone());
        let mut reading = Reading::of(Source::Snapshot(snapshot), table);
        loop {
            let rows = reading.next().await?;
            if rows.is_empty() {
                break;
            }
            loading.add(&table.name, &rows).await?;
            progress.add(rows.len() as u64);
        }
        came.insert(table.name.clone(), reading.tally.told());
    }
    progress.at("comparing");
    let target = loading.finish(&came, last_event).await?;
    target.commit().await.map_err(told)?;
    Ok(Moved { tables: came })
}

fn replace(new: &Path, path: &str) -> Outcome<()> {
    // Who started meanwhile would go on in a file that has no name.
    let _held = transfer::hold(path)
        .map_err(|who| format!("the new database is in use by {who}: stop it first"))?;
    let failed = |e: std::io::Error| format!("{path}: {e}");
    std::fs::File::open(new)
        .and_then(|file| file.sync_all())
        .map_err(failed)?;
    for suffix in ["-wal", "-shm", "-journal"] {
        match std::fs::remove_file(format!("{path}{suffix}")) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(failed(e)),
            _ => {}
        }
    }
    std::fs::rename(new, path).map_err(failed)
}
