//! `kith media …`: the files this server keeps, and the room they take.

use std::collections::BTreeMap;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use futures::StreamExt;
use serde_json::{Value, json};
use url::Url;

use super::{Outcome, json_flag, open, print_json};
use crate::app::App;
use crate::clock::DAY;
use crate::config::{Config, S3, is_remote};
use crate::db::accounts::Account;
use crate::db::stored_files::Holder;
use crate::db::transfer::sqlite_path;
use crate::db::{self};
use crate::disk::human;
use crate::error::AppError;
use crate::http::proxy;
use crate::jobs::remote_files;
use crate::media::audit::{self, Named, Orphans, Usage};
use crate::media::moving::{self, Route};
use crate::media::remote::{Purpose, hash};
use crate::media::storage::Storage;
use crate::progress::Progress;
use crate::text::names::{normalize_domain, parse_handle};

/// Copies deleted, accounts and attachments looked at, at a time.
const BATCH: i64 = 100;
/// Files fetched at once.
const AT_ONCE: usize = 8;

pub fn command() -> Command {
    Command::new("media")
        .about("The files this server keeps")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("usage")
                .about("Tell how much room files take, by kind")
                .arg(json_flag()),
        )
        .subcommand(
            Command::new("prune")
                .about("Delete copies of files from elsewhere that nobody has looked at for long")
                .arg(
                    Arg::new("days")
                        .long("days")
                        .value_name("DAYS")
                        .value_parser(value_parser!(u32))
                        .default_value("30")
                        .help("Days in which nobody looked at them"),
                )
                .arg(
                    Arg::new("dry-run")
                        .long("dry-run")
                        .action(ArgAction::SetTrue)
                        .help("Count, and delete nothing"),
                )
                .arg(json_flag()),
        )
        .subcommand(
            Command::new("refetch")
                .about("Fetch the copies of an account's or a domain's files anew")
                .arg(
                    Arg::new("subject")
                        .value_name("ACCOUNT-OR-DOMAIN")
                        .required(true)
                        .help("user@domain, or a domain"),
                )
                .arg(
                    Arg::new("all")
                        .long("all")
                        .action(ArgAction::SetTrue)
                        .help("Also what nobody has asked for yet"),
                )
                .arg(json_flag()),
        )
        .subcommand(
            Command::new("move")
                .about("Copy all files to another store, beside a running server")
                .long_about(
                    "Copy all files to another store, beside a running server. What is there already is \
                     passed over, so that it can be broken off and run again; every copy is read again and \
                     compared. Where the files are, nothing is deleted without --delete; a copy goes again when \
                     nothing names its file any more.",
                )
                .arg(
                    Arg::new("target")
                        .value_name("TARGET")
                        .required(true)
                        .help("local, or s3://BUCKET?endpoint=…&region=…&path_style=true"),
                )
                .arg(
                    Arg::new("from")
                        .long("from")
                        .value_name("STORE")
                        .help("Where the files are; the configured store by default"),
                )
                .arg(
                    Arg::new("delete")
                        .long("delete")
                        .action(ArgAction::SetTrue)
                        .help("Delete what is in its new place, where the server does not use the old one any more"),
                )
                .arg(
                    Arg::new("dry-run")
                        .long("dry-run")
                        .action(ArgAction::SetTrue)
                        .help("Count, and copy nothing"),
                )
                .arg(json_flag()),
        )
        .subcommand(
            Command::new("verify")
                .about("Hold the database against the files: what is missing, what is nobody's")
                .arg(
                    Arg::new("fix")
                        .long("fix")
                        .action(ArgAction::SetTrue)
                        .help("Delete files that no row names"),
                )
                .arg(json_flag()),
        )
}

pub async fn run(config: Config, matches: &ArgMatches) -> Outcome {
    let (verb, args) = matches.subcommand().ok_or("which command?")?;
    let app = open(config).await?;
    match verb {
        "usage" => usage(&app, args).await,
        "prune" => prune(&app, args).await,
        "refetch" => refetch(&app, args).await,
        "move" => move_files(&app, args).await,
        "verify" => verify(&app, args).await,
        other => Err(format!("unknown command media {other}")),
    }
}

async fn usage(app: &App, args: &ArgMatches) -> Outcome {
    let mut named = Named::default();
    let found = audit::usage(&app.db, &app.storage, &mut named)
        .await
        .map_err(|e| e.to_string())?;
    let database = sqlite_path(&app.config.database_url).map(|path| {
        ["", "-wal"]
            .iter()
            .filter_map(|suffix| std::fs::metadata(format!("{path}{suffix}")).ok())
            .map(|known| known.len())
            .sum::<u64>()
    });
    if args.get_flag("json") {
        let kinds: serde_json::Map<String, Value> = (found.iter())
            .map(|(holder, usage)| {
                let told = json!({"files": usage.files, "bytes": usage.bytes});
                (holder.name().to_owned(), told)
            })
            .collect();
        return print_json(&json!({
            "kinds": kinds,
            "files": found.values().map(|usage| usage.files).sum::<u64>(),
            "bytes": found.values().map(|usage| usage.bytes).sum::<u64>(),
            "remote_limit": app.config.live.now().media_remote_limit,
            "database_bytes": database,
        }));
    }
    for (holder, usage) in &found {
        let name = holder.name().replace('_', " ");
        println!(
            "{name:<18}{:>10} files {:>12}",
            usage.files,
            human(usage.bytes)
        );
    }
    println!(
        "remote copies may take {}",
        human(app.config.live.now().media_remote_limit)
    );
    if let Some(bytes) = database {
        println!("the database takes {}", human(bytes));
    }
    Ok(())
}

async fn prune(app: &App, args: &ArgMatches) -> Outcome {
    let days = args.get_one::<u32>("days").copied().unwrap_or(30);
    let before = app.clock.now_ms() - i64::from(days) * DAY;
    let dry = args.get_flag("dry-run");
    let (mut files, mut bytes) = (0, 0);
    if dry {
        (files, bytes) = app
            .read(move |c| {
                Box::pin(async move { Ok(db::remote_files::count_unused_since(c, before).await?) })
            })
            .await
            .map_err(|e: AppError| e.to_string())?;
    } else {
        let progress = Progress::counting("deleting copies");
        // What cannot be deleted does not come again in this run.
        let mut stay = false;
        loop {
            let rows = app
                .read(move |c| {
                    Box::pin(
                        async move { Ok(db::remote_files::unused_since(c, before, BATCH).await?) },
                    )
                })
                .await
                .map_err(|e: AppError| e.to_string())?;
            if rows.is_empty() {
                break;
            }
            let swept = remote_files::evict(app, rows).await;
            let swept = swept.map_err(|e| e.to_string())?;
            stay |= !swept.failed.is_empty();
            progress.add(swept.gone.len() as u64);
            files += swept.gone.len() as i64;
            bytes += swept.gone.iter().map(|row| row.size).sum::<i64>();
            if !swept.through {
                break;
            }
        }
        if stay {
            return Err(format!(
                "{files} copies were deleted, and others cannot be: kith doctor looks at the storage"
            ));
        }
    }
    if args.get_flag("json") {
        return print_json(&json!({"copies": files, "bytes": bytes, "dry_run": dry}));
    }
    let done = if dry { "would be deleted" } else { "deleted" };
    println!(
        "{files} copies, {} {done}",
        human(u64::try_from(bytes).unwrap_or_default())
    );
    Ok(())
}

/// What a refetch came to.
#[derive(Debug)]
struct Fetched {
    kept: u64,
    /// By what their servers, or we, said.
    failed: BTreeMap<String, u64>,
    progress: Progress,
}

async fn refetch(app: &App, args: &ArgMatches) -> Outcome {
    let subject = super::required(args, "subject")?;
    let all = args.get_flag("all");
    let mut fetched = Fetched {
        kept: 0,
        failed: BTreeMap::new(),
        progress: Progress::counting("fetching files"),
    };
    if subject.contains('@') {
        let account = named_account(app, subject).await?;
        refetch_of(app, &account, all, &mut fetched).await?;
    } else {
        let domain =
            normalize_domain(subject).ok_or_else(|| format!("{subject:?} is no domain"))?;
        let mut above = 0;
        loop {
            let wanted = domain.clone();
            let accounts = app
                .read(move |c| {
                    Box::pin(
                        async move { Ok(db::accounts::of_domain(c, &wanted, above, BATCH).await?) },
                    )
                })
                .await
                .map_err(|e: AppError| e.to_string())?;
            let Some(last) = accounts.last() else { break };
            above = last.id;
            for account in &accounts {
                refetch_of(app, account, all, &mut fetched).await?;
            }
        }
        if above == 0 {
            return Err(format!("nobody of {domain} is known here"));
        }
    }
    if args.get_flag("json") {
        return print_json(&json!({"fetched": fetched.kept, "failed": fetched.failed}));
    }
    println!("{} fetched", fetched.kept);
    for (reason, number) in &fetched.failed {
        println!("{number} not: {reason}");
    }
    Ok(())
}

async fn named_account(app: &App, subject: &str) -> Result<Account, String> {
    let unknown = || format!("{subject} is not known here");
    let handle = parse_handle(subject).ok_or_else(|| format!("{subject:?} is no account"))?;
    let domain = handle.domain.unwrap_or_default();
    if domain.is_empty() || domain == app.config.account_domain {
        return Err(format!("{subject} is of this server: there are no copies"));
    }
    let name = handle.username;
    app.read(move |c| {
        Box::pin(async move { Ok(db::accounts::by_handle(c, &name, &domain).await?) })
    })
    .await
    .map_err(|e: AppError| e.to_string())?
    .ok_or_else(unknown)
}

async fn refetch_of(app: &App, account: &Account, all: bool, fetched: &mut Fetched) -> Outcome {
    if !account.is_active() {
        return Ok(());
    }
    let pictures = [
        (Purpose::Avatar, account.avatar.clone()),
        (Purpose::Header, account.header.clone()),
    ];
    refetch_some(app, pictures.to_vec(), all, fetched).await?;
    let (id, mut above) = (account.id, 0);
    loop {
        let page = app
            .read(move |c| {
                Box::pin(async move {
                    Ok(db::remote_files::shown_by_account(c, id, above, BATCH).await?)
                })
            })
            .await
            .map_err(|e: AppError| e.to_string())?;
        let Some((last, _)) = page.last() else {
            return Ok(());
        };
        above = *last;
        let files = page.into_iter().map(|(_, url)| (Purpose::Attachment, url));
        refetch_some(app, files.collect(), all, fetched).await?;
    }
}

/// Fetches some files anew: those that have a copy, or that were asked for in vain; or all.
async fn refetch_some(
    app: &App,
    files: Vec<(Purpose, String)>,
    all: bool,
    fetched: &mut Fetched,
) -> Outcome {
    let files: Vec<(Purpose, Url, String)> = files
        .into_iter()
        .filter(|(_, url)| is_remote(url))
        .filter_map(|(purpose, url)| Some((purpose, Url::parse(&url).ok()?)))
        .map(|(purpose, url)| {
            let hash = hash(purpose, url.as_str());
            (purpose, url, hash)
        })
        .collect();
    let hashes: Vec<String> = files.iter().map(|(_, _, hash)| hash.clone()).collect();
    let known = app
        .read(move |c| Box::pin(async move { Ok(db::remote_files::by_hashes(c, &hashes).await?) }))
        .await
        .map_err(|e: AppError| e.to_string())?;
    let wanted = files
        .iter()
        .filter(|(_, _, hash)| all || known.iter().any(|row| row.hash == *hash));
    let outcomes: Vec<_> = futures::stream::iter(wanted)
        .map(|(purpose, url, _)| proxy::refetch(app, *purpose, url))
        .buffer_unordered(AT_ONCE)
        .inspect(|_| fetched.progress.add(1))
        .collect()
        .await;
    for outcome in outcomes {
        match outcome.map_err(|e| e.to_string())? {
            Some(row) if !row.file.is_empty() => fetched.kept += 1,
            Some(row) => *fetched.failed.entry(row.error).or_default() += 1,
            None => {
                let reason = "refused by policy, or there is no room".to_owned();
                *fetched.failed.entry(reason).or_default() += 1;
            }
        }
    }
    Ok(())
}

async fn verify(app: &App, args: &ArgMatches) -> Outcome {
    let mut named = Named::default();
    let fix = args.get_flag("fix");
    let now = app.clock.now_ms();
    let found = audit::usage(&app.db, &app.storage, &mut named)
        .await
        .map_err(|e| e.to_string())?;
    let orphans = audit::orphans(&app.storage, &named, now, fix)
        .await
        .map_err(|e| e.to_string())?;
    // What has lost its copy is fetched when somebody asks for it.
    let lost: BTreeMap<&str, &Usage> = (found.iter())
        .filter(|(holder, usage)| {
            usage.missing > 0 && !matches!(holder, Holder::Remote | Holder::Retired | Holder::Work)
        })
        .map(|(holder, usage)| (holder.name(), usage))
        .collect();
    let missing: u64 = lost.values().map(|usage| usage.missing).sum();
    match args.get_flag("json") {
        true => print_json(&told(&lost, &orphans))?,
        false => print_found(&lost, &orphans),
    }
    match missing {
        0 => Ok(()),
        n => Err(format!("{n} files are missing: restore them from a backup")),
    }
}

/// The store that a text names.
async fn store(config: &Config, text: &str) -> Result<Storage, String> {
    let directory = config.data_dir.join("media");
    let opened = match text {
        "local" => Storage::local(directory).await,
        text => Storage::bucket(&S3::parse(text, &config.s3_keys)?, directory).await,
    };
    opened.map_err(|e| e.to_string())
}

async fn move_files(app: &App, args: &ArgMatches) -> Outcome {
    let to = store(&app.config, super::required(args, "target")?).await?;
    let from = match args.get_one::<String>("from") {
        Some(text) => store(&app.config, text).await?,
        None => app.storage.clone(),
    };
    let (dry, delete) = (args.get_flag("dry-run"), args.get_flag("delete"));
    if from.name() == to.name() {
        return Err(format!("the files are in {} already", to.name()));
    }
    if delete && from.name() == app.storage.name() {
        return Err(format!(
            "{} is what the settings name: nothing was deleted there, and nothing copied",
            from.name()
        ));
    }
    let one = !dry
        && moving::is_one(&from, &to, &app.random)
            .await
            .map_err(|e| e.to_string())?;
    if one {
        return Err(format!(
            "{} and {} are one store: nothing was copied, and nothing deleted",
            from.name(),
            to.name()
        ));
    }
    let route = Route {
        from: &from,
        to: &to,
        dry,
        delete,
    };
    let moved = moving::move_files(&app.db, route)
        .await
        .map_err(|e| e.to_string())?;
    if args.get_flag("json") {
        return print_json(&json!({
            "from": from.name(),
            "to": to.name(),
            "dry_run": dry,
            "copied": moved.copied,
            "bytes": moved.bytes,
            "there": moved.there,
            "missing": {"files": moved.missing, "names": moved.missing_names},
            "deleted": moved.deleted,
            "withdrawn": moved.withdrawn,
        }));
    }
    println!(
        "{} files, {}, {} from {} to {}; {} were there",
        moved.copied,
        human(moved.bytes),
        if dry {
            "would be copied"
        } else {
            "were copied"
        },
        from.name(),
        to.name(),
        moved.there
    );
    if moved.deleted > 0 {
        println!("{} were deleted where they came from", moved.deleted);
    }
    if moved.withdrawn > 0 {
        println!(
            "{} copies were deleted again: nothing names them any more",
            moved.withdrawn
        );
    }
    if moved.missing > 0 {
        println!("{} are in neither:", moved.missing);
    }
    for name in &moved.missing_names {
        println!("  {name}");
    }
    Ok(())
}

fn told(lost: &BTreeMap<&str, &Usage>, orphans: &Orphans) -> Value {
    let missing: serde_json::Map<String, Value> = (lost.iter())
        .map(|(name, usage)| {
            let told = json!({"files": usage.missing, "names": usage.missing_names});
            ((*name).to_owned(), told)
        })
        .collect();
    json!({
        "missing": missing,
        "orphaned": {
            "files": orphans.files,
            "bytes": orphans.bytes,
            "names": orphans.names,
            "deleted": orphans.deleted,
        },
    })
}

fn print_found(lost: &BTreeMap<&str, &Usage>, orphans: &Orphans) {
    for (name, usage) in lost {
        println!("{} {} are missing:", usage.missing, name.replace('_', " "));
        for name in &usage.missing_names {
            println!("  {name}");
        }
    }
    println!(
        "{} files ({}) are named by nothing{}",
        orphans.files,
        human(orphans.bytes),
        match (orphans.deleted, orphans.files) {
            (0, 0) => String::new(),
            (0, _) => ": --fix deletes them".to_owned(),
            (n, _) => format!(": {n} deleted"),
        }
    );
    for name in &orphans.names {
        println!("  {name}");
    }
}
