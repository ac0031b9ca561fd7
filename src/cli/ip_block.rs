//! `kith ip-block …`: rules about IP addresses.

use clap::{Arg, ArgMatches, Command, value_parser};
use serde_json::{Value, json};

use super::{Outcome, json_flag, open, print_json, required};
use crate::app::App;
use crate::clock::iso;
use crate::config::Config;
use crate::db;
use crate::db::sign_up_rules::IpBlock;
use crate::domain::ip_blocks::{self, Change};
use crate::domain::moderation::{Actor, audit};
use crate::error::AppError;

pub fn command() -> Command {
    let range = || {
        Arg::new("range")
            .value_name("RANGE")
            .required(true)
            .help("An address, or a range as in 192.0.2.0/24")
    };
    Command::new("ip-block")
        .about("IP addresses that may not register, or not come in at all")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("add")
                .about("Make a rule for an address or a range")
                .arg(range())
                .arg(
                    Arg::new("severity")
                        .long("severity")
                        .value_name("SEVERITY")
                        .value_parser(["sign_up_requires_approval", "sign_up_block", "no_access"])
                        .default_value("sign_up_block")
                        .help("What is kept from there"),
                )
                .arg(
                    Arg::new("expires-in")
                        .long("expires-in")
                        .value_name("SECONDS")
                        .value_parser(value_parser!(i64).range(1..))
                        .help("How long the rule holds; for ever without it"),
                )
                .arg(
                    Arg::new("comment")
                        .long("comment")
                        .value_name("TEXT")
                        .default_value("")
                        .hide_default_value(true)
                        .help("Why, for admins"),
                )
                .arg(json_flag()),
        )
        .subcommand(
            Command::new("list")
                .about("List the rules that hold")
                .arg(json_flag()),
        )
        .subcommand(
            Command::new("remove")
                .about("Lift the rule for an address or a range")
                .arg(range()),
        )
}

pub async fn run(config: Config, matches: &ArgMatches) -> Outcome {
    let (verb, args) = matches.subcommand().ok_or("which command?")?;
    let app = open(config).await?;
    match verb {
        "add" => add(&app, args).await,
        "list" => list(&app, args).await,
        "remove" => remove(&app, args).await,
        other => Err(format!("unknown command ip-block {other}")),
    }
}

fn shown(row: &IpBlock) -> Value {
    json!({
        "id": row.id.to_string(),
        "ip": row.ip,
        "severity": row.severity,
        "comment": row.comment,
        "created_at": iso(row.created_at),
        "expires_at": row.expires_at.map(iso),
    })
}

/// The range that is meant, as it is written usually.
fn range_of(args: &ArgMatches) -> Result<String, String> {
    let text = required(args, "range")?;
    ip_blocks::parse_range(text).map_err(|_| format!("{text:?} is no address and no range"))
}

/// What a refusal means at this door.
fn refused(range: &str, error: &AppError) -> String {
    let text = error.to_string();
    match text.strip_prefix("Validation failed: ") {
        Some("Ip has already been taken") => format!("there is a rule for {range} already"),
        Some("Expires in must be greater than 0") => "--expires-in is too long".to_owned(),
        Some(rest) if rest.starts_with("Comment") => rest.replacen("Comment", "--comment", 1),
        Some("There are too many") => "there are too many rules".to_owned(),
        _ => text,
    }
}

async fn add(app: &App, args: &ArgMatches) -> Outcome {
    let range = range_of(args)?;
    let wanted = Change {
        ip: Some(range.clone()),
        severity: Some(required(args, "severity")?.clone()),
        comment: Some(required(args, "comment")?.clone()),
        expires_in: args.get_one::<i64>("expires-in").copied(),
    };
    let ctx = app.ctx.clone();
    let row = app
        .write(move |tx| {
            Box::pin(async move {
                let row = ip_blocks::add(tx, &ctx, wanted.clone()).await?;
                let actor = Actor::command("kith ip-block add");
                audit::ip_block(tx, &ctx, &actor, "create", &row).await?;
                Ok::<_, AppError>(row)
            })
        })
        .await
        .map_err(|e| refused(&range, &e))?;
    if args.get_flag("json") {
        return print_json(&shown(&row));
    }
    println!("{} {}", row.severity, row.ip);
    Ok(())
}

async fn list(app: &App, args: &ArgMatches) -> Outcome {
    let now = app.clock.now_ms();
    let rows = app
        .read(move |c| Box::pin(async move { Ok(db::sign_up_rules::all_ips(c, now).await?) }))
        .await
        .map_err(|e: AppError| e.to_string())?;
    if args.get_flag("json") {
        return print_json(&Value::Array(rows.iter().map(shown).collect()));
    }
    for row in &rows {
        let until = row
            .expires_at
            .map_or_else(String::new, |at| format!(" until {}", iso(at)));
        println!("{:<25} {}{until} {}", row.severity, row.ip, row.comment);
    }
    Ok(())
}

async fn remove(app: &App, args: &ArgMatches) -> Outcome {
    let range = range_of(args)?;
    let (ctx, wanted) = (app.ctx.clone(), range.clone());
    let gone = app
        .write(move |tx| {
            Box::pin(async move {
                match db::sign_up_rules::ip_by_range(tx, &wanted).await? {
                    Some(row) => {
                        let row = ip_blocks::remove(tx, row.id).await?;
                        let actor = Actor::command("kith ip-block remove");
                        audit::ip_block(tx, &ctx, &actor, "destroy", &row).await?;
                        Ok::<_, AppError>(Some(row))
                    }
                    None => Ok(None),
                }
            })
        })
        .await
        .map_err(|e| e.to_string())?;
    if gone.is_none() {
        return Err(format!("there is no rule for {range}"));
    }
    println!("removed");
    Ok(())
}
