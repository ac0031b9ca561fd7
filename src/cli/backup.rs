//! `kith backup`: a backup of everything, beside a running server.

use std::io::Write;
use std::path::Path;

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};

use super::{Outcome, json_flag, print_json, required};
use crate::backup::{self, Created, Header, Manifest, Wanted};
use crate::clock::Clock;
use crate::config::Config;
use crate::disk::human;
use crate::random::Random;

pub fn command() -> Command {
    Command::new("backup")
        .about("Back up everything into one file, beside a running server")
        .long_about(
            "Back up everything into one file, beside a running server: the database as it is now, \
             secrets.toml and the media files of this server. Files in an object store stay there: the \
             backup says which they are.\n\n\
             The file holds passwords' hashes and keys: it is readable by its owner alone (mode 0600).",
        )
        .args_conflicts_with_subcommands(true)
        .subcommand_negates_reqs(true)
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .required(true)
                .help("Where to; - for standard output"),
        )
        .arg(
            Arg::new("with-remote-media")
                .long("with-remote-media")
                .action(ArgAction::SetTrue)
                .help("Take the copies of files from elsewhere along, which can be had again"),
        )
        .arg(
            Arg::new("with-stored-files")
                .long("with-stored-files")
                .action(ArgAction::SetTrue)
                .help("Take the files along that are in the object store, which is told of otherwise"),
        )
        .arg(json_flag())
        .subcommand(
            Command::new("verify")
                .about("Read a backup whole and check that it is what it says")
                .arg(
                    Arg::new("file")
                        .value_name("FILE")
                        .required(true)
                        .help("A file that kith backup made"),
                )
                .arg(json_flag()),
        )
}

pub async fn run(config: Config, matches: &ArgMatches) -> Outcome {
    if let Some(("verify", args)) = matches.subcommand() {
        return verify(args).await;
    }
    let wanted = Wanted {
        remote_media: matches.get_flag("with-remote-media"),
        stored_files: matches.get_flag("with-stored-files"),
        now: Clock::System.now_ms(),
    };
    let random = Random::system();
    let file = required(matches, "file")?;
    let as_json = matches.get_flag("json");
    if file == "-" {
        let out = std::io::stdout().lock();
        let (created, mut out) = backup::write_to(&config, &random, out, wanted).await?;
        out.flush().map_err(|e| e.to_string())?;
        // What is said about it must not be among it.
        match as_json {
            true => eprintln!("{:#}", told(&created.header, &created.manifest)),
            false => eprintln!("{}", in_words(&created.header, &created.manifest)),
        }
        return Ok(());
    }
    let Created { header, manifest } =
        backup::create(&config, &random, Path::new(file), wanted).await?;
    report(&header, &manifest, as_json)
}

async fn verify(args: &ArgMatches) -> Outcome {
    let (header, manifest) = backup::verify(Path::new(required(args, "file")?)).await?;
    report(&header, &manifest, args.get_flag("json"))
}

/// Tells what is in a backup.
pub(super) fn report(header: &Header, manifest: &Manifest, as_json: bool) -> Outcome {
    if as_json {
        return print_json(&told(header, manifest));
    }
    println!("{}", in_words(header, manifest));
    Ok(())
}

pub(super) fn told(header: &Header, manifest: &Manifest) -> Value {
    json!({
        "kith": header.kith,
        "created_at": header.created_at,
        "database": header.database,
        "public_url": header.public_url,
        "account_domain": header.account_domain,
        "remote_media": header.remote_media,
        "migrations": header.migrations,
        "rows": manifest.rows(),
        "tables": manifest.tables,
        "files": manifest.files,
        "members": manifest.members,
        "bytes": manifest.bytes,
    })
}

fn in_words(header: &Header, manifest: &Manifest) -> String {
    let files = &manifest.files;
    let mut text = format!(
        "{} of {}, made {} by Kith {}\n{} rows of {} tables, {} files, {}",
        match header.database.as_str() {
            "postgres" => "PostgreSQL",
            _ => "SQLite",
        },
        header.public_url,
        header.created_at,
        header.kith,
        manifest.rows(),
        manifest.tables.len(),
        files.count,
        human(manifest.bytes)
    );
    if let Some(told) = &files.in_store {
        text.push_str(&format!(
            "\n{} files, {}, are not in the backup: they stayed in {}",
            told.count,
            human(told.bytes),
            told.store
        ));
    }
    if files.missing > 0 {
        let names = files.missing_names.iter().take(3);
        let names: Vec<&str> = names.map(String::as_str).collect();
        let more = if files.missing > 3 { ", …" } else { "" };
        text.push_str(&format!(
            "\n{} files that the database names were not there: {}{more}",
            files.missing,
            names.join(", ")
        ));
    }
    text
}
