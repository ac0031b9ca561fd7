//! `kith announcement …`: what everyone here is told.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};

use super::{Outcome, file_option, id, json_flag, open, print_json, text_or_file};
use crate::app::App;
use crate::clock::{iso, parse_iso};
use crate::config::Config;
use crate::db;
use crate::db::announcements::Announcement;
use crate::domain::announcements::{self, Draft};
use crate::domain::moderation::audit;
use crate::error::AppError;

/// Announcements listed.
const LISTED: i64 = 1000;

pub fn command() -> Command {
    let time = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("TIME").help(help)
    };
    let text = || Arg::new("text").value_name("TEXT").help("What it says");
    let options = |command: Command| {
        command
            .arg(file_option())
            .arg(time(
                "scheduled-at",
                "Publish it then (2026-12-24T18:00:00Z), not at once",
            ))
            .arg(time("starts-at", "When what it speaks of begins"))
            .arg(time(
                "ends-at",
                "When what it speaks of ends, and the announcement with it",
            ))
            .arg(
                Arg::new("all-day")
                    .long("all-day")
                    .action(ArgAction::SetTrue)
                    .help("Of the two times, the days alone are meant"),
            )
    };
    let id = || {
        Arg::new("id")
            .value_name("ID")
            .required(true)
            .help("From announcement list")
    };
    Command::new("announcement")
        .about("Announcements to everyone here")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            options(Command::new("create").about("Announce something; prints its id"))
                .arg(text())
                .arg(json_flag()),
        )
        .subcommand(
            Command::new("list")
                .about("List the announcements")
                .arg(json_flag()),
        )
        .subcommand(
            options(
                Command::new("update")
                    .about("Change an announcement; what is not given stays, an empty time goes"),
            )
            .arg(id())
            .arg(text()),
        )
        .subcommand(
            Command::new("delete")
                .about("Delete an announcement")
                .arg(id()),
        )
}

pub async fn run(config: Config, matches: &ArgMatches) -> Outcome {
    let (verb, args) = matches.subcommand().ok_or("which command?")?;
    let app = open(config).await?;
    match verb {
        "create" => create(&app, args).await,
        "list" => list(&app, args).await,
        "update" => update(&app, args).await,
        "delete" => delete(&app, args).await,
        other => Err(format!("unknown command announcement {other}")),
    }
}

/// A time that was given: `None` where it was not, `Some(None)` where it is empty.
fn time(args: &ArgMatches, name: &str) -> Result<Option<Option<i64>>, String> {
    match args.get_one::<String>(name).map(String::as_str) {
        None => Ok(None),
        Some("") => Ok(Some(None)),
        Some(text) => parse_iso(text)
            .map(|at| Some(Some(at)))
            .ok_or_else(|| format!("--{name}: {text:?} is no time like 2026-12-24T18:00:00Z")),
    }
}

fn shown(row: &Announcement) -> Value {
    json!({
        "id": row.id.to_string(),
        "text": row.source,
        "all_day": row.all_day,
        "starts_at": row.starts_at.map(iso),
        "ends_at": row.ends_at.map(iso),
        "scheduled_at": row.scheduled_at.map(iso),
        "published_at": row.published_at.map(iso),
        "ended_at": row.withdrawn_at.map(iso),
        "created_at": iso(row.created_at),
        "updated_at": iso(row.updated_at),
    })
}

async fn create(app: &App, args: &ArgMatches) -> Outcome {
    let draft = Draft {
        text: text_or_file(args, "text")?.ok_or("what is to be announced? Give TEXT or --file")?,
        all_day: args.get_flag("all-day"),
        starts_at: time(args, "starts-at")?.flatten(),
        ends_at: time(args, "ends-at")?.flatten(),
        scheduled_at: time(args, "scheduled-at")?.flatten(),
    };
    let ctx = app.ctx.clone();
    let row = app
        .write(move |tx| {
            Box::pin(async move {
                let row = announcements::create(tx, &ctx, draft).await?;
                let (typed, name) = ("kith announcement create", row.id.to_string());
                audit::command(tx, &ctx, typed, "announcement", &name).await?;
                Ok::<_, AppError>(row)
            })
        })
        .await
        .map_err(|e| e.to_string())?;
    if args.get_flag("json") {
        return print_json(&shown(&row));
    }
    println!("{}", row.id);
    Ok(())
}

async fn list(app: &App, args: &ArgMatches) -> Outcome {
    let rows = app
        .read(|c| Box::pin(async move { Ok(db::announcements::all(c, LISTED).await?) }))
        .await
        .map_err(|e: AppError| e.to_string())?;
    if args.get_flag("json") {
        return print_json(&rows.iter().map(shown).collect());
    }
    let now = app.clock.now_ms();
    for row in &rows {
        let state = if row.withdrawn_at.is_some() || row.ends_at.is_some_and(|end| end <= now) {
            "ended"
        } else if row.published_at.is_some() {
            "published"
        } else {
            "scheduled"
        };
        let line = row.source.lines().next().unwrap_or_default();
        println!("{} {state:<9} {line}", row.id);
    }
    Ok(())
}

async fn update(app: &App, args: &ArgMatches) -> Outcome {
    let id = id(args)?;
    let text = text_or_file(args, "text")?;
    let all_day = args.get_flag("all-day");
    let starts_at = time(args, "starts-at")?;
    let ends_at = time(args, "ends-at")?;
    let scheduled_at = time(args, "scheduled-at")?;
    let ctx = app.ctx.clone();
    app.write(move |tx| {
        Box::pin(async move {
            let row = db::announcements::by_id(tx, id)
                .await?
                .ok_or_else(|| AppError::invalid(format!("there is no announcement {id}")))?;
            let draft = Draft {
                text: text.unwrap_or(row.source),
                all_day: all_day || row.all_day,
                starts_at: starts_at.unwrap_or(row.starts_at),
                ends_at: ends_at.unwrap_or(row.ends_at),
                scheduled_at: scheduled_at.unwrap_or(row.scheduled_at),
            };
            announcements::update(tx, &ctx, id, draft).await?;
            let (typed, name) = ("kith announcement update", id.to_string());
            audit::command(tx, &ctx, typed, "announcement", &name).await
        })
    })
    .await
    .map_err(|e| e.to_string())?;
    println!("changed");
    Ok(())
}

async fn delete(app: &App, args: &ArgMatches) -> Outcome {
    let id = id(args)?;
    let ctx = app.ctx.clone();
    app.write(move |tx| {
        Box::pin(async move {
            announcements::delete(tx, id).await?;
            let (typed, name) = ("kith announcement delete", id.to_string());
            audit::command(tx, &ctx, typed, "announcement", &name).await
        })
    })
    .await
    .map_err(|_| format!("there is no announcement {id}"))?;
    println!("deleted");
    Ok(())
}
