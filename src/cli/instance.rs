//! `kith instance …`: what this server says of itself.

use clap::{Arg, ArgMatches, Command};
use serde_json::{Value, json};

use super::{Outcome, file_option, json_flag, open, print_json, required, text_or_file};
use crate::app::App;
use crate::config::Config;
use crate::db;
use crate::domain::instance::{self, SETTINGS};
use crate::domain::moderation::audit;
use crate::error::AppError;

pub fn command() -> Command {
    let names: Vec<&str> = SETTINGS.iter().map(|(name, _)| *name).collect();
    let mut about = String::from("What can be set:\n");
    for (name, help) in SETTINGS {
        about.push_str(&format!("  {name:<28} {help}\n"));
    }
    Command::new("instance")
        .about("What this server says of itself")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("set")
                .about("Set a text or switch; an empty value unsets it")
                .after_help(about)
                .arg(
                    Arg::new("name")
                        .value_name("NAME")
                        .required(true)
                        .value_parser(clap::builder::PossibleValuesParser::new(names))
                        .hide_possible_values(true)
                        .help("What to set, of those below"),
                )
                .arg(
                    Arg::new("value")
                        .value_name("VALUE")
                        .help("What it is from now on"),
                )
                .arg(file_option())
                .arg(
                    Arg::new("effective")
                        .long("effective")
                        .value_name("DAY")
                        .help("For terms: the day they hold from (YYYY-MM-DD), else today"),
                ),
        )
        .subcommand(
            Command::new("show")
                .about("Show what is set")
                .arg(json_flag()),
        )
}

pub async fn run(config: Config, matches: &ArgMatches) -> Outcome {
    let (verb, args) = matches.subcommand().ok_or("which command?")?;
    let app = open(config).await?;
    match verb {
        "set" => set(&app, args).await,
        "show" => show(&app, args).await,
        other => Err(format!("unknown command instance {other}")),
    }
}

async fn set(app: &App, args: &ArgMatches) -> Outcome {
    let name = required(args, "name")?.clone();
    let value = text_or_file(args, "value")?.ok_or("to what? Give VALUE or --file")?;
    let effective = args.get_one::<String>("effective").cloned();
    if effective.is_some() && name != "terms" {
        return Err("--effective is for terms alone".to_owned());
    }
    let ctx = app.ctx.clone();
    let done = app
        .write(move |tx| {
            Box::pin(async move {
                audit::command(tx, &ctx, "kith instance set", "setting", &name).await?;
                if name == "terms" {
                    let date = instance::set_terms(tx, &ctx, &value, effective.as_deref()).await?;
                    return Ok(format!("set from {date} on"));
                }
                instance::set(tx, &ctx, &name, &value).await?;
                Ok("set".to_owned())
            })
        })
        .await
        .map_err(|e| e.to_string())?;
    println!("{done}");
    Ok(())
}

async fn show(app: &App, args: &ArgMatches) -> Outcome {
    let (settings, terms) = app
        .read(|c| {
            Box::pin(async move {
                let settings = db::policies::settings(c).await?;
                Ok((settings, db::instance::terms(c).await?))
            })
        })
        .await
        .map_err(|e: AppError| e.to_string())?;
    let value = |name: &str| {
        let row = instance::row_name(name);
        settings
            .iter()
            .find(|(known, _)| *known == row)
            .map(|(_, value)| value.clone())
    };
    let set = SETTINGS.iter().filter(|(name, _)| *name != "terms");
    if args.get_flag("json") {
        let mut all: serde_json::Map<String, Value> = set
            .map(|(name, _)| ((*name).to_owned(), json!(value(name))))
            .collect();
        let terms = terms
            .iter()
            .map(|t| json!({"effective_date": t.effective_date, "text": t.body}));
        all.insert("terms".to_owned(), terms.collect());
        return print_json(&Value::Object(all));
    }
    for (name, _) in set {
        if let Some(value) = value(name) {
            let line = value.lines().next().unwrap_or_default();
            println!("{name:<28} {line}");
        }
    }
    for terms in &terms {
        println!("{:<28} from {} on", "terms", terms.effective_date);
    }
    Ok(())
}
