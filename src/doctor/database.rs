//! The database, what waits in it, and the keys in it.

use super::{Check, Patient};
use crate::clock::{MINUTE, iso};
use crate::db::accounts::{Account, AccountKey};
use crate::db::health::{self, Queues};
use crate::db::transfer::Snapshot;
use crate::db::{self, Conn, known_versions};
use crate::domain::accounts::INSTANCE_ACTOR;
use crate::federation::signature::{PrivateKey, PublicKey};

/// How long something may be due before it is worth a word, and before something is wrong.
const LATE: i64 = 10 * MINUTE;
const STUCK: i64 = 60 * MINUTE;
/// Local accounts whose keys are looked at.
const SAMPLE: i64 = 20;
/// Other servers that the clock is held against.
const PEERS: i64 = 3;
/// How long a process may be silent.
const SILENT: i64 = 15_000;

/// What other checks need to know.
#[derive(Debug, Default)]
pub struct Known {
    /// The actor that stands for the server.
    pub actor: Option<Account>,
    /// Hosts that answered lately.
    pub peers: Vec<String>,
}

/// Looks at the database.
pub async fn checks(patient: &Patient<'_>, checks: &mut Vec<Check>) -> Known {
    let mut snapshot = match Snapshot::open(&patient.config.database_url).await {
        Ok(snapshot) => snapshot,
        Err(error) => {
            checks.push(Check::fail(
                "database",
                error.to_string(),
                "Check KITH_DATABASE_URL; a new server makes its database when it first starts",
            ));
            return Known::default();
        }
    };
    let applied = snapshot.migrations().await;
    match (applied, known_versions()) {
        (Ok(applied), Ok(known)) => checks.push(migrations(&applied, &known)),
        (Err(error), _) => {
            checks.push(Check::fail(
                "migrations",
                error.to_string(),
                "Check KITH_DATABASE_URL; kith migrate makes the schema",
            ));
            return Known::default();
        }
        (_, Err(error)) => {
            checks.push(Check::fail("migrations", error.to_string(), ""));
            return Known::default();
        }
    }
    let conn = snapshot.conn();
    let now = patient.clock.now_ms();
    match inside(conn, now, checks).await {
        Ok(known) => known,
        Err(error) => {
            checks.push(Check::fail(
                "database",
                format!("it cannot be asked: {error}"),
                "Run kith migrate, then kith doctor again; restore a backup where the file is damaged",
            ));
            Known::default()
        }
    }
}

fn migrations(applied: &[String], known: &[String]) -> Check {
    if let Some(newer) = applied.iter().find(|version| !known.contains(version)) {
        return Check::fail(
            "migrations",
            format!("a newer version of Kith wrote the database (schema {newer})"),
            "Use that version, or a later one",
        );
    }
    match known.len() - applied.len() {
        0 => Check::ok("migrations", format!("all {} have run", known.len())),
        n => Check::warn(
            "migrations",
            format!("{n} have not run"),
            "kith serve and kith migrate run them; kith backup before that",
        ),
    }
}

async fn inside(conn: &mut Conn, now: i64, checks: &mut Vec<Check>) -> db::Result<Known> {
    let (found, setup) = health::state(conn).await?;
    checks.push(database(conn.is_postgres(), &found, &setup));
    let running = health::running_since(conn, now - SILENT).await?;
    checks.push(match running {
        0 => Check::warn(
            "server",
            "no server runs on this database",
            "Start it: kith serve",
        ),
        1 => Check::ok("server", "it runs"),
        n => Check::ok("server", format!("{n} processes run")),
    });
    let waiting = health::queues(conn).await?;
    queues(waiting, now, checks);
    let keys = health::keys_of_some(conn, INSTANCE_ACTOR, SAMPLE).await?;
    checks.push(self::keys(&keys));
    Ok(Known {
        actor: db::accounts::by_handle(conn, INSTANCE_ACTOR, "").await?,
        peers: health::answering_hosts(conn, PEERS).await?,
    })
}

fn database(postgres: bool, found: &str, setup: &str) -> Check {
    if postgres {
        let version = setup.parse().unwrap_or(0) / 10_000;
        return match version {
            15.. => Check::ok("database", format!("PostgreSQL {version} answers")),
            _ => Check::fail(
                "database",
                format!("PostgreSQL {version} is too old"),
                "Kith needs PostgreSQL 15 or later",
            ),
        };
    }
    if found != "ok" {
        let found = found.lines().next().unwrap_or_default();
        return Check::fail(
            "database",
            format!("the SQLite file is damaged: {found}"),
            "Stop the server, keep the file, and restore the last backup",
        );
    }
    // Whoever looks while no server runs may see the mode of a command that was here before.
    Check::ok(
        "database",
        format!("the SQLite file is whole (journal mode {setup})"),
    )
}

fn queues(waiting: Queues, now: i64, checks: &mut Vec<Check>) {
    let age = |name, since: Option<i64>, what: &str, hint| match since {
        Some(at) if now - at > LATE => {
            let told = format!("{what} since {}", iso(at));
            match now - at > STUCK {
                true => Check::fail(name, told, hint),
                false => Check::warn(name, told, hint),
            }
        }
        _ => Check::ok(name, "nothing waits for long"),
    };
    let set_aside = waiting.set_aside;
    let inbox = age(
        "inbox",
        waiting.inbox_since,
        "activities wait to be worked on",
        "See whether a server or worker runs, and its log",
    );
    checks.push(match set_aside {
        1.. if inbox.state == super::State::Ok => Check::warn(
            "inbox",
            format!("{set_aside} activities were set aside"),
            "kith inbox list tells why",
        ),
        _ => inbox,
    });
    checks.push(age(
        "deliveries",
        waiting.deliveries_since,
        "deliveries to servers that answer are due",
        "See whether a server or worker runs; kith delivery list tells what waits",
    ));
    let jobs = age(
        "jobs",
        waiting.jobs_since,
        "jobs are due",
        "See whether a server or worker runs, and its log",
    );
    checks.push(match waiting.failed_jobs {
        n @ 1.. if jobs.state == super::State::Ok => Check::warn(
            "jobs",
            format!("{n} jobs were given up"),
            "The log tells why; mail that cannot be sent is the usual reason",
        ),
        _ => jobs,
    });
}

fn keys(rows: &[AccountKey]) -> Check {
    let own: Vec<&AccountKey> = rows
        .iter()
        .filter(|row| row.private_key.is_some())
        .collect();
    if own.is_empty() {
        return Check::warn(
            "keys",
            "no local actor has a key yet",
            "They are made when the server first starts",
        );
    }
    match own.iter().find(|row| !matches(row)) {
        Some(bad) => Check::fail(
            "keys",
            format!(
                "the halves of {} do not match, or cannot be read",
                bad.key_id
            ),
            "kith user rotate-keys NAME makes new ones",
        ),
        None => Check::ok("keys", format!("{} key pairs match", own.len())),
    }
}

/// Whether the two halves belong together.
fn matches(row: &AccountKey) -> bool {
    let private = row.private_key.as_deref().map(PrivateKey::from_pem);
    let public = match row.public_key.starts_with("-----") {
        true => PublicKey::from_pem(&row.public_key),
        false => PublicKey::from_multikey(&row.public_key),
    };
    match (private, public) {
        (Some(Ok(private)), Ok(public)) => private.public_key().raw() == public.raw(),
        _ => false,
    }
}
