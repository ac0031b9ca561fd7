//! `kith audit list`: who did what to what.

use clap::{Arg, ArgMatches, Command};
use serde_json::{Value, json};

use super::user::find;
use super::{Outcome, json_flag, open, print_json};
use crate::clock::iso;
use crate::config::Config;
use crate::db;
use crate::db::audit::Filter;
use crate::db::relations::Page;
use crate::error::AppError;

pub fn command() -> Command {
    Command::new("audit")
        .about("What moderators and commands did")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("list")
                .about("List deeds, newest first")
                .arg(
                    Arg::new("by")
                        .long("by")
                        .value_name("NAME")
                        .help("Those of one moderator"),
                )
                .arg(
                    Arg::new("action")
                        .long("action")
                        .value_name("ACTION")
                        .help("Those of one kind: suspend, resolve, approve…"),
                )
                .arg(
                    Arg::new("limit")
                        .long("limit")
                        .value_name("N")
                        .value_parser(clap::value_parser!(i64).range(1..=1000))
                        .default_value("100")
                        .help("How many at most"),
                )
                .arg(
                    Arg::new("before")
                        .long("before")
                        .value_name("ID")
                        .value_parser(clap::value_parser!(i64))
                        .help("Go on before an entry"),
                )
                .arg(json_flag()),
        )
}

pub async fn run(config: Config, matches: &ArgMatches) -> Outcome {
    let (_, args) = matches.subcommand().ok_or("which command?")?;
    let app = open(config).await?;
    let account_id = match args.get_one::<String>("by") {
        Some(name) => Some(find(&app, name).await?.1.id),
        None => None,
    };
    let filter = Filter {
        account_id,
        action: args.get_one::<String>("action").cloned(),
        ..Filter::default()
    };
    let page = Page {
        max_id: args.get_one::<i64>("before").copied(),
        limit: args.get_one::<i64>("limit").copied().unwrap_or(100),
        ..Page::default()
    };
    let rows = app
        .read(move |c| Box::pin(async move { Ok(db::audit::page(c, &filter, page).await?) }))
        .await
        .map_err(|e: AppError| e.to_string())?;
    if args.get_flag("json") {
        let all = rows.iter().map(|row| {
            json!({
                "id": row.id.to_string(),
                "actor": row.actor,
                "action": row.action,
                "target_type": row.target_type,
                "target_id": row.target_id.map(|id| id.to_string()),
                "target": row.target,
                "details": serde_json::from_str::<Value>(&row.details).unwrap_or_default(),
                "created_at": iso(row.created_at),
            })
        });
        return print_json(&Value::Array(all.collect()));
    }
    for row in &rows {
        let details = match row.details.as_str() {
            "{}" => "",
            details => details,
        };
        println!(
            "{} {} {} {} {} {} {details}",
            row.id,
            iso(row.created_at),
            row.actor,
            row.action,
            row.target_type,
            row.target
        );
    }
    Ok(())
}
