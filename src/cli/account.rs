//! `kith account …`: accounts of other servers, as they are known here.

use std::collections::BTreeMap;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use futures::StreamExt;
use serde_json::json;

use super::user::account_of;
use super::{Outcome, json_flag, open, print_json};
use crate::app::App;
use crate::clock::DAY;
use crate::config::Config;
use crate::db;
use crate::db::accounts::Account;
use crate::domain::accounts;
use crate::domain::moderation::audit;
use crate::error::AppError;
use crate::federation::fetch;
use crate::jobs::remote_files;
use crate::progress::Progress;
use crate::text::names::normalize_domain;

/// Accounts read from the database at a time.
const PAGE: i64 = 100;
/// Accounts looked at in one query.
const LOOKED: i64 = 500;
/// Accounts forgotten in one transaction: few enough that other writers do not wait long.
const STEP: usize = 20;
/// Accounts fetched at once.
const AT_ONCE: usize = 8;

pub fn command() -> Command {
    Command::new("account")
        .visible_alias("accounts")
        .about("Accounts of other servers")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("refresh")
                .about("Read the profiles and keys of accounts elsewhere anew")
                .arg(
                    Arg::new("subject")
                        .value_name("ACCOUNT-OR-DOMAIN")
                        .required_unless_present("all")
                        .help("name@domain, or a domain for all of it that are known here"),
                )
                .arg(
                    Arg::new("all")
                        .long("all")
                        .action(ArgAction::SetTrue)
                        .conflicts_with("subject")
                        .help("Every account elsewhere that is known here"),
                )
                .arg(
                    Arg::new("dry-run")
                        .long("dry-run")
                        .action(ArgAction::SetTrue)
                        .help("Count, and ask nobody"),
                )
                .arg(json_flag()),
        )
        .subcommand(
            Command::new("prune")
                .about("Forget accounts from elsewhere that nobody here has to do with")
                .long_about(
                    "Forget accounts from elsewhere that nobody here has to do with: of whom no posts \
                     are known, whom nobody here follows or asked to, who follow nobody here, whom no \
                     post mentions, who liked, disliked, reacted to, boosted, voted on or quoted \
                     nothing, whom no preview of a link names as its author, and who are in no chats, lists, collections, notifications, blocks, \
                     mutes, private notes, endorsements, reports or warnings, and whom nobody \
                     suspended, silenced or marked as sensitive. With them go their keys and the \
                     copies of their pictures.\n\n\
                     Posts keep their authors: kith status prune-remote first forgets those that can \
                     go. Their servers still have them: they come again when somebody looks for them.",
                )
                .arg(
                    Arg::new("days")
                        .long("days")
                        .value_name("DAYS")
                        .value_parser(value_parser!(u32).range(1..))
                        .default_value("90")
                        .help("For how long their profiles have not been read at least"),
                )
                .arg(
                    Arg::new("dry-run")
                        .long("dry-run")
                        .action(ArgAction::SetTrue)
                        .help("Count, and forget nobody"),
                )
                .arg(json_flag()),
        )
}

pub async fn run(config: Config, matches: &ArgMatches) -> Outcome {
    let (verb, args) = matches.subcommand().ok_or("which command?")?;
    let app = open(config).await?;
    match verb {
        "refresh" => refresh(&app, args).await,
        "prune" => prune(&app, args).await,
        other => Err(format!("unknown command account {other}")),
    }
}

/// Whose profiles are to be read.
enum Subject {
    One(Vec<Account>),
    Domain(String),
    All,
}

/// What a refresh came to.
#[derive(Debug, Default)]
struct Read {
    refreshed: u64,
    /// Those that could not be read, with the reason.
    failed: BTreeMap<String, String>,
}

async fn refresh(app: &App, args: &ArgMatches) -> Outcome {
    let dry = args.get_flag("dry-run");
    let subject = match args.get_one::<String>("subject") {
        None => Subject::All,
        Some(name) if name.contains('@') => {
            let account = account_of(app, name).await?;
            if account.is_local() {
                return Err(format!(
                    "{name} is of this server: there is nothing to read"
                ));
            }
            Subject::One(vec![account])
        }
        Some(name) => {
            Subject::Domain(normalize_domain(name).ok_or_else(|| format!("{name:?} is no domain"))?)
        }
    };
    let progress = Progress::counting("reading profiles");
    let mut read = Read::default();
    if let Subject::One(account) = &subject {
        some(app, account, dry, &progress, &mut read).await;
    } else {
        let mut above = 0;
        loop {
            let page = page(app, &subject, above).await?;
            let Some(last) = page.last() else { break };
            above = last.id;
            some(app, &page, dry, &progress, &mut read).await;
        }
        if let (0, Subject::Domain(domain)) = (above, &subject) {
            return Err(format!("nobody of {domain} is known here"));
        }
    }
    drop(progress);
    if args.get_flag("json") {
        return print_json(&json!({
            "refreshed": read.refreshed,
            "failed": read.failed,
            "dry_run": dry,
        }));
    }
    let done = if dry { "would be read" } else { "read" };
    println!("{} {done}, {} not", read.refreshed, read.failed.len());
    for (account, reason) in &read.failed {
        println!("{account}: {reason}");
    }
    Ok(())
}

async fn page(app: &App, subject: &Subject, above: i64) -> Result<Vec<Account>, String> {
    let domain = match subject {
        Subject::Domain(domain) => Some(domain.clone()),
        _ => None,
    };
    app.read(move |c| {
        Box::pin(async move {
            Ok(match domain {
                Some(domain) => db::accounts::of_domain(c, &domain, above, PAGE).await?,
                None => db::accounts::elsewhere(c, above, PAGE).await?,
            })
        })
    })
    .await
    .map_err(|e: AppError| e.to_string())
}

/// Reads some accounts anew, those that are there and nobody has suspended.
async fn some(app: &App, accounts: &[Account], dry: bool, progress: &Progress, read: &mut Read) {
    let wanted = accounts.iter().filter(|account| account.is_active());
    if dry {
        let number = wanted.count() as u64;
        read.refreshed += number;
        return progress.add(number);
    }
    let outcomes: Vec<_> = futures::stream::iter(wanted)
        .map(async |account| (account, fetch::refresh_now(app, &account.uri).await))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    for (account, outcome) in outcomes {
        progress.add(1);
        match outcome {
            Ok(_) => read.refreshed += 1,
            Err(error) => {
                let handle = app.config.handle(&account.username, &account.domain);
                read.failed.insert(handle, error.to_string());
            }
        }
    }
}

async fn prune(app: &App, args: &ArgMatches) -> Outcome {
    let days = args.get_one::<u32>("days").copied().unwrap_or(90);
    let dry = args.get_flag("dry-run");
    let since = app.clock.now_ms() - i64::from(days) * DAY;
    let progress = Progress::counting("looking");
    let (mut looked, mut gone, mut left, mut above) = (0, 0, 0, 0);
    // The audit log tells of it with the first who go: a run that is killed has done what it did.
    let mut noted = Some(days);
    loop {
        let page = app
            .read(move |c| {
                Box::pin(
                    async move { Ok(db::account_pruning::look(c, above, since, LOOKED).await?) },
                )
            })
            .await
            .map_err(|e: AppError| e.to_string())?;
        let Some(last) = page.last() else { break };
        above = last.id;
        looked += page.len();
        let free = page.iter().filter(|looked| !looked.kept);
        let free: Vec<i64> = free.map(|looked| looked.id).collect();
        if dry {
            gone += free.len();
        } else {
            for some in free.chunks(STEP) {
                let (forgotten, stay) = forget(app, some, since, noted).await?;
                gone += forgotten;
                left += stay;
                noted = noted.filter(|_| forgotten == 0);
            }
        }
        progress.add(page.len() as u64);
    }
    drop(progress);
    if args.get_flag("json") {
        return print_json(&json!({
            "looked_at": looked,
            "forgotten": gone,
            "pictures_left": left,
            "dry_run": dry,
        }));
    }
    match dry {
        true => println!("{gone} of {looked} accounts would be forgotten"),
        false => println!("{gone} of {looked} accounts were forgotten"),
    }
    if left > 0 {
        println!(
            "{left} copies of their pictures cannot be deleted now: kith media prune deletes them later"
        );
    }
    Ok(())
}

/// Forgets some accounts, those that still nothing keeps, and their pictures; says how many went, and how many copies of
/// pictures stay. With a number of days, the audit log tells of those whose profiles were not read for so long.
async fn forget(
    app: &App,
    ids: &[i64],
    since: i64,
    noted: Option<u32>,
) -> Result<(usize, usize), String> {
    let (ctx, ids) = (app.ctx.clone(), ids.to_vec());
    let gone = app
        .write(move |tx| {
            Box::pin(async move {
                let mut gone = Vec::new();
                for id in ids {
                    gone.extend(accounts::prune(tx, id, since).await?);
                }
                if let Some(days) = noted.filter(|_| !gone.is_empty()) {
                    let name = format!("not read for {days} days");
                    audit::command(tx, &ctx, "kith account prune", "accounts", &name).await?;
                }
                Ok(gone)
            })
        })
        .await
        .map_err(|e: AppError| e.to_string())?;
    let left = remote_files::forget_pictures(app, &gone).await;
    Ok((gone.len(), left.map_err(|e| e.to_string())?))
}
