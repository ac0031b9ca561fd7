//! `kith username-block …`: names that nobody may take.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};

use super::{Outcome, json_flag, open, print_json, required};
use crate::app::App;
use crate::clock::iso;
use crate::config::Config;
use crate::db;
use crate::domain::moderation::Actor;
use crate::domain::moderation::audit::{self, Target};
use crate::domain::username_blocks;
use crate::error::AppError;

pub fn command() -> Command {
    let name = || {
        Arg::new("name")
            .value_name("NAME")
            .required(true)
            .help("The name, or a part of names")
    };
    Command::new("username-block")
        .about("Names that nobody may take, besides the reserved ones")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("add")
                .about("Block names that hold a text; digits stand for the letters they look like")
                .arg(name())
                .arg(
                    Arg::new("whole")
                        .long("whole")
                        .action(ArgAction::SetTrue)
                        .help("That name alone"),
                ),
        )
        .subcommand(
            Command::new("list")
                .about("List what is blocked")
                .arg(json_flag()),
        )
        .subcommand(
            Command::new("remove")
                .about("Let a name be taken again")
                .arg(name()),
        )
}

pub async fn run(config: Config, matches: &ArgMatches) -> Outcome {
    let (verb, args) = matches.subcommand().ok_or("which command?")?;
    let app = open(config).await?;
    match verb {
        "add" => add(&app, args).await,
        "list" => list(&app, args).await,
        "remove" => remove(&app, args).await,
        other => Err(format!("unknown command username-block {other}")),
    }
}

async fn add(app: &App, args: &ArgMatches) -> Outcome {
    let (ctx, name) = (app.ctx.clone(), required(args, "name")?.clone());
    let whole = args.get_flag("whole");
    let row = app
        .write(move |tx| {
            Box::pin(async move {
                let row = username_blocks::add(tx, &ctx, &name, whole).await?;
                let actor = Actor::command("kith username-block add");
                let target = Target::Policy("username_block", row.id, &row.pattern);
                let details = [("whole", if row.whole { "true" } else { "" })];
                audit::record(tx, &ctx, &actor, "create", target, &details).await?;
                Ok::<_, AppError>(row)
            })
        })
        .await
        .map_err(|e| e.to_string())?;
    println!("blocked {}", row.pattern);
    Ok(())
}

async fn list(app: &App, args: &ArgMatches) -> Outcome {
    let rows = app
        .read(|c| Box::pin(async move { Ok(db::sign_up_rules::all_usernames(c).await?) }))
        .await
        .map_err(|e: AppError| e.to_string())?;
    if args.get_flag("json") {
        let rows = rows.iter().map(|row| {
            json!({
                "name": row.pattern,
                "whole": row.whole,
                "created_at": iso(row.created_at),
            })
        });
        return print_json(&Value::Array(rows.collect()));
    }
    for row in &rows {
        println!(
            "{} {}",
            if row.whole { "whole" } else { "part " },
            row.pattern
        );
    }
    Ok(())
}

async fn remove(app: &App, args: &ArgMatches) -> Outcome {
    let name = required(args, "name")?.clone();
    let (ctx, wanted) = (app.ctx.clone(), name.clone());
    app.write(move |tx| {
        Box::pin(async move {
            let row = username_blocks::remove(tx, &wanted).await?;
            let actor = Actor::command("kith username-block remove");
            let target = Target::Policy("username_block", row.id, &row.pattern);
            audit::record(tx, &ctx, &actor, "destroy", target, &[]).await
        })
    })
    .await
    .map_err(|e| match e.status {
        http::StatusCode::NOT_FOUND => format!("{name} is not blocked"),
        _ => e.to_string(),
    })?;
    println!("removed");
    Ok(())
}
