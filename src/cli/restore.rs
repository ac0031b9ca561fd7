//! `kith restore`: a server out of a backup.

use std::path::Path;

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::json;

use super::{Outcome, backup as telling, json_flag, print_json, required};
use crate::backup::{self, Absent, Place};
use crate::clock::Clock;
use crate::config::Config;
use crate::random::Random;

pub fn command() -> Command {
    Command::new("restore")
        .about("Restore a backup into the configured database and data directory")
        .long_about(
            "Restore a backup into the configured database (SQLite or PostgreSQL, whichever it was made \
             of) and data directory.\n\n\
             The backup is read and checked whole before anything is touched. Where a server is \
             already, nothing is done without --force. Nothing is asked.",
        )
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .required(true)
                .help("A file that kith backup made"),
        )
        .arg(
            Arg::new("force")
                .long("force")
                .action(ArgAction::SetTrue)
                .help("Replace the database and secrets.toml that are there"),
        )
        .arg(
            Arg::new("verify-only")
                .long("verify-only")
                .action(ArgAction::SetTrue)
                .help("Check the backup and change nothing (the same as kith backup verify)"),
        )
        .arg(json_flag())
}

pub async fn run(config: Config, args: &ArgMatches) -> Outcome {
    let path = Path::new(required(args, "file")?);
    let as_json = args.get_flag("json");
    if args.get_flag("verify-only") {
        let (header, manifest) = backup::verify(path).await?;
        return telling::report(&header, &manifest, as_json);
    }
    let restored = backup::restore(
        &Place::of(&config),
        &Random::system(),
        Clock::System.now_ms(),
        path,
        args.get_flag("force"),
    )
    .await?;
    let header = &restored.header;
    match as_json {
        true => {
            let mut told = telling::told(header, &restored.manifest);
            told["absent"] = json!(restored.absent);
            print_json(&told)?;
        }
        false => {
            telling::report(header, &restored.manifest, false)?;
            let Absent { count, names } = &restored.absent;
            if *count > 0 {
                println!(
                    "{count} of those files are not in the store any more, or not as they were:"
                );
            }
            for name in names {
                println!("  {name}");
            }
        }
    }
    if header.public_url != config.public_url.as_str()
        || header.account_domain != config.account_domain
    {
        eprintln!(
            "kith: the backup is of {} (@user@{}), and the settings say {} (@user@{}): the server \
             will only be the same with the same KITH_PUBLIC_URL and KITH_ACCOUNT_DOMAIN",
            header.public_url, header.account_domain, config.public_url, config.account_domain
        );
    }
    let told = restored.manifest.files.in_store.as_ref();
    if let (Some(told), Some(s3)) = (told, &config.s3)
        && told.store != s3.name()
    {
        eprintln!(
            "kith: the files of the backup are in {}, and the settings name {}",
            told.store,
            s3.name()
        );
    }
    match restored.absent.count {
        0 => Ok(()),
        n => Err(format!(
            "the server is restored, and {n} of its files are missing: put them back into the store, or take \
             KITH_STORAGE_URL to where they are"
        )),
    }
}
