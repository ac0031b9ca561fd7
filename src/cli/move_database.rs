//! `kith move-database`: from SQLite into PostgreSQL, or back.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::json;

use super::{Outcome, json_flag, print_json, required};
use crate::backup;
use crate::clock::Clock;
use crate::config::Config;
use crate::random::Random;

pub fn command() -> Command {
    Command::new("move-database")
        .about("Copy the database into another one, SQLite or PostgreSQL; the server must not run")
        .long_about(
            "Copy the database into another one, from SQLite into PostgreSQL or back. The server must \
             not run meanwhile. Every table is counted and compared at the end; the new database is \
             there whole or not at all, and the old one stays as it is.\n\n\
             Afterwards KITH_DATABASE_URL has to name the new one.",
        )
        .arg(
            Arg::new("url")
                .value_name("URL")
                .required(true)
                .help("postgres://USER@HOST/DATABASE, or sqlite:PATH"),
        )
        .arg(
            Arg::new("force")
                .long("force")
                .action(ArgAction::SetTrue)
                .help("Replace a database of Kith's that is there"),
        )
        .arg(json_flag())
}

pub async fn run(config: Config, args: &ArgMatches) -> Outcome {
    let url = required(args, "url")?;
    let moved = backup::move_database(
        &config.database_url,
        url,
        &Random::system(),
        Clock::System.now_ms(),
        args.get_flag("force"),
    )
    .await?;
    let rows: u64 = moved.tables.values().map(|table| table.rows).sum();
    if args.get_flag("json") {
        return print_json(&json!({"rows": rows, "tables": moved.tables}));
    }
    println!(
        "{rows} rows of {} tables are in the new database, counted and compared.\n\
         Set KITH_DATABASE_URL (database_url in kith.toml) to its URL and start the server.\n\
         It makes the search index anew while it runs.",
        moved.tables.len()
    );
    Ok(())
}
