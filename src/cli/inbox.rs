//! `kith inbox …`: what other servers sent, above all what was set aside. Works beside a running
//! server, which sees within a second what is changed here.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};

use super::{Outcome, id, json_flag, open, print_json};
use crate::app::App;
use crate::clock::iso;
use crate::config::Config;
use crate::db;
use crate::db::inbox::{DONE, Listed, SET_ASIDE, WAITING};
use crate::error::AppError;
use crate::events::{Event, Kind};

/// Rows that `inbox list` shows.
const MOST: i64 = 100;
/// Rows that are tried again in one transaction.
const STEP: i64 = 500;

pub fn command() -> Command {
    let id = || Arg::new("id").value_name("ID").help("From inbox list");
    Command::new("inbox")
        .about("What other servers sent")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("list")
                .about("List what was set aside, newest first, with the reason")
                .arg(
                    Arg::new("state")
                        .long("state")
                        .value_parser(["set-aside", "waiting", "done"])
                        .value_name("STATE")
                        .default_value("set-aside")
                        .help("How they stand"),
                )
                .arg(json_flag()),
        )
        .subcommand(
            Command::new("show")
                .about("Print an activity as it came")
                .arg(id().required(true)),
        )
        .subcommand(
            Command::new("retry")
                .about("Work again on what was set aside")
                .arg(id().required_unless_present("all"))
                .arg(
                    Arg::new("all")
                        .long("all")
                        .action(ArgAction::SetTrue)
                        .conflicts_with("id")
                        .help("All that was set aside"),
                ),
        )
        .subcommand(
            Command::new("drop")
                .about("Forget what was set aside")
                .arg(id().required(true)),
        )
}

pub async fn run(config: Config, matches: &ArgMatches) -> Outcome {
    let (verb, args) = matches.subcommand().ok_or("which command?")?;
    let app = open(config).await?;
    match verb {
        "list" => list(&app, args).await,
        "show" => show(&app, args).await,
        "retry" if args.get_flag("all") => retry_all(&app).await,
        "retry" => retry(&app, args).await,
        "drop" => forget(&app, args).await,
        other => Err(format!("unknown command inbox {other}")),
    }
}

fn shown(row: &Listed) -> Value {
    json!({
        "id": row.id.to_string(),
        "activity": row.activity_uri,
        "actor": row.actor_uri,
        "type": row.kind,
        "received_at": iso(row.received_at),
        "attempts": row.attempts,
        "next_at": (row.state == WAITING && row.next_at > 0).then(|| iso(row.next_at)),
        "reason": row.last_error,
    })
}

async fn rows(app: &App, state: i16, below: i64, limit: i64) -> Result<Vec<Listed>, String> {
    app.read(move |c| Box::pin(async move { Ok(db::inbox::list(c, state, below, limit).await?) }))
        .await
        .map_err(|e: AppError| e.to_string())
}

async fn list(app: &App, args: &ArgMatches) -> Outcome {
    let state = match args.get_one::<String>("state").map(String::as_str) {
        Some("waiting") => WAITING,
        Some("done") => DONE,
        _ => SET_ASIDE,
    };
    let rows = rows(app, state, i64::MAX, MOST).await?;
    if args.get_flag("json") {
        return print_json(&rows.iter().map(shown).collect());
    }
    for row in &rows {
        println!(
            "{} {} {} of {}, attempts {}: {}",
            row.id,
            iso(row.received_at),
            row.kind,
            row.actor_uri,
            row.attempts,
            row.last_error
        );
    }
    Ok(())
}

async fn show(app: &App, args: &ArgMatches) -> Outcome {
    let id = id(args)?;
    let row = app
        .read(move |c| Box::pin(async move { Ok(db::inbox::by_id(c, id).await?) }))
        .await
        .map_err(|e: AppError| e.to_string())?
        .ok_or_else(|| format!("there is no activity {id}"))?;
    match serde_json::from_str::<Value>(&row.body) {
        Ok(body) => print_json(&body),
        Err(_) => Err(format!("{id} is done: its text is not kept")),
    }
}

async fn retry_all(app: &App) -> Outcome {
    // Downwards: what fails again meanwhile is not met twice.
    let (mut all, mut below) = (0, i64::MAX);
    loop {
        let ids: Vec<i64> = rows(app, SET_ASIDE, below, STEP)
            .await?
            .iter()
            .map(|row| row.id)
            .collect();
        let Some(last) = ids.last() else { break };
        below = *last;
        all += ids.len();
        revive(app, ids).await?;
    }
    println!("{all} are worked on again");
    Ok(())
}

async fn retry(app: &App, args: &ArgMatches) -> Outcome {
    let id = id(args)?;
    if revive(app, vec![id]).await? == 0 {
        return Err(format!("no activity {id} was set aside"));
    }
    println!("it is worked on again");
    Ok(())
}

async fn revive(app: &App, ids: Vec<i64>) -> Result<usize, String> {
    app.write(move |tx| {
        Box::pin(async move {
            let mut revived = 0;
            for id in ids {
                revived += usize::from(db::inbox::revive(tx, id).await?);
            }
            tx.emit(Event::of(Kind::InboxWaiting, 0));
            Ok(revived)
        })
    })
    .await
    .map_err(|e: AppError| e.to_string())
}

async fn forget(app: &App, args: &ArgMatches) -> Outcome {
    let id = id(args)?;
    let dropped = app
        .write(move |tx| Box::pin(async move { Ok(db::inbox::drop_set_aside(tx, id).await?) }))
        .await
        .map_err(|e: AppError| e.to_string())?;
    if !dropped {
        return Err(format!("no activity {id} was set aside"));
    }
    println!("dropped");
    Ok(())
}
