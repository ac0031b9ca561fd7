//! `kith status …`: posts. Works beside a running server.

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::json;

use super::{Outcome, json_flag, open, print_json};
use crate::app::App;
use crate::clock::DAY;
use crate::config::Config;
use crate::db;
use crate::domain::moderation::audit;
use crate::domain::statuses;
use crate::error::AppError;
use crate::ids::Ids;
use crate::progress::Progress;

/// Posts looked at in one query.
const PAGE: i64 = 500;
/// Posts forgotten in one transaction: few enough that other writers do not wait long.
const STEP: usize = 20;

pub fn command() -> Command {
    Command::new("status")
        .visible_alias("statuses")
        .about("Posts")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("prune-remote")
                .about("Forget old posts from elsewhere that nobody here has to do with")
                .long_about(
                    "Forget old posts from elsewhere that nobody here has to do with: whose authors \
                     nobody here follows, and that were not liked, disliked, reacted to, boosted, \
                     bookmarked, voted in, answered, quoted, shared in a chat or named in a filter \
                     here, mention nobody here, answer, boost or quote nothing of here, are in \
                     nobody's notifications or conversations, pinned nowhere, and not among those of \
                     an account that is reported.\n\n\
                     Their servers still have them: they come again when somebody looks for them.",
                )
                .arg(
                    Arg::new("days")
                        .long("days")
                        .value_name("DAYS")
                        .value_parser(value_parser!(u32).range(1..))
                        .default_value("90")
                        .help("How old they are at least"),
                )
                .arg(
                    Arg::new("followed")
                        .long("followed")
                        .action(ArgAction::SetTrue)
                        .help("Also those of authors and groups that are followed from here"),
                )
                .arg(
                    Arg::new("dry-run")
                        .long("dry-run")
                        .action(ArgAction::SetTrue)
                        .help("Count, and forget nothing"),
                )
                .arg(json_flag()),
        )
}

pub async fn run(config: Config, matches: &ArgMatches) -> Outcome {
    let (verb, args) = matches.subcommand().ok_or("which command?")?;
    let app = open(config).await?;
    match verb {
        "prune-remote" => prune_remote(&app, args).await,
        other => Err(format!("unknown command status {other}")),
    }
}

async fn prune_remote(app: &App, args: &ArgMatches) -> Outcome {
    let days = args.get_one::<u32>("days").copied().unwrap_or(90);
    let followed = args.get_flag("followed");
    let dry = args.get_flag("dry-run");
    let end = app.clock.now_ms() - i64::from(days) * DAY;
    let progress = Progress::counting("looking");
    let (mut looked, mut gone) = (0, 0);
    // Newest first: what hangs on a post goes before it, and keeps it no more.
    let mut below = Ids::floor(end);
    loop {
        let page = look(app, 0, below, followed).await?;
        let Some(oldest) = page.last() else { break };
        let from = oldest.id;
        looked += page.len();
        progress.add(page.len() as u64);
        let mut free: Vec<i64> = free_of(&page);
        if dry {
            gone += free.len();
        }
        while !dry && !free.is_empty() {
            let mut pruned = 0;
            for some in free.chunks(STEP) {
                // Whoever breaks it off leaves posts forgotten: the log tells of it with the first of them.
                let noted = (gone + pruned == 0).then_some(days);
                pruned += prune(app, some, followed, noted).await?;
            }
            gone += pruned;
            free = match pruned {
                0 => Vec::new(),
                _ => free_of(&look(app, from, below, followed).await?),
            };
        }
        below = from;
    }
    drop(progress);
    if args.get_flag("json") {
        return print_json(&json!({"looked_at": looked, "forgotten": gone, "dry_run": dry}));
    }
    match dry {
        true => println!(
            "{gone} of {looked} posts would be forgotten, and those that nothing but they keeps"
        ),
        false => println!("{gone} of {looked} posts were forgotten"),
    }
    Ok(())
}

async fn look(
    app: &App,
    from: i64,
    below: i64,
    followed: bool,
) -> Result<Vec<db::pruning::Looked>, String> {
    app.read(move |c| {
        Box::pin(async move { Ok(db::pruning::look(c, from, below, followed, PAGE).await?) })
    })
    .await
    .map_err(|e: AppError| e.to_string())
}

fn free_of(page: &[db::pruning::Looked]) -> Vec<i64> {
    let free = page.iter().filter(|looked| !looked.kept);
    free.map(|looked| looked.id).collect()
}

/// Forgets some posts; their number. With a number of days, the audit log tells of those that are older.
async fn prune(
    app: &App,
    ids: &[i64],
    followed: bool,
    noted: Option<u32>,
) -> Result<usize, String> {
    let (ctx, ids) = (app.ctx.clone(), ids.to_vec());
    app.write(move |tx| {
        Box::pin(async move {
            let mut pruned = 0;
            for id in ids {
                pruned += usize::from(statuses::prune(tx, &ctx, id, followed).await?);
            }
            if let Some(days) = noted.filter(|_| pruned > 0) {
                let name = format!("older than {days} days");
                audit::command(tx, &ctx, "kith status prune-remote", "statuses", &name).await?;
            }
            Ok(pruned)
        })
    })
    .await
    .map_err(|e: AppError| e.to_string())
}
