//! `kith rule …`: the house rules.

use clap::{Arg, ArgMatches, Command};
use serde_json::{Value, json};

use super::{Outcome, id, json_flag, open, print_json, required};
use crate::app::App;
use crate::config::Config;
use crate::db;
use crate::db::instance::{Rule, RuleTranslation};
use crate::domain::instance::{self, RuleChange};
use crate::domain::moderation::audit;
use crate::error::AppError;

pub fn command() -> Command {
    let id = || {
        Arg::new("id")
            .value_name("ID")
            .required(true)
            .help("From rule list")
    };
    let hint = || {
        Arg::new("hint")
            .long("hint")
            .value_name("TEXT")
            .help("What it means in more words")
    };
    let position = || {
        Arg::new("position")
            .long("position")
            .value_name("NUMBER")
            .value_parser(clap::value_parser!(i64))
            .help("Its place among the others")
    };
    Command::new("rule")
        .about("The rules of this server")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("add")
                .about("Add a rule; prints its id")
                .arg(
                    Arg::new("text")
                        .value_name("TEXT")
                        .required(true)
                        .help("What it says"),
                )
                .arg(hint())
                .arg(position()),
        )
        .subcommand(
            Command::new("list")
                .about("List the rules")
                .arg(json_flag()),
        )
        .subcommand(
            Command::new("edit")
                .about("Change a rule, or with --locale its translation")
                .arg(id())
                .arg(
                    Arg::new("text")
                        .long("text")
                        .value_name("TEXT")
                        .help("What it says"),
                )
                .arg(hint())
                .arg(position())
                .arg(
                    Arg::new("locale")
                        .long("locale")
                        .value_name("LANGUAGE")
                        .help("Set the translation into a language"),
                ),
        )
        .subcommand(Command::new("remove").about("Remove a rule").arg(id()))
}

pub async fn run(config: Config, matches: &ArgMatches) -> Outcome {
    let (verb, args) = matches.subcommand().ok_or("which command?")?;
    let app = open(config).await?;
    match verb {
        "add" => add(&app, args).await,
        "list" => list(&app, args).await,
        "edit" => edit(&app, args).await,
        "remove" => remove(&app, args).await,
        other => Err(format!("unknown command rule {other}")),
    }
}

async fn add(app: &App, args: &ArgMatches) -> Outcome {
    let text = required(args, "text")?.clone();
    let hint = args.get_one::<String>("hint").cloned().unwrap_or_default();
    let position = args.get_one::<i64>("position").copied();
    let ctx = app.ctx.clone();
    let rule = app
        .write(move |tx| {
            Box::pin(async move {
                let rule = instance::add_rule(tx, &ctx, &text, &hint, position).await?;
                audit::command(tx, &ctx, "kith rule add", "rule", &rule.id.to_string()).await?;
                Ok::<_, AppError>(rule)
            })
        })
        .await
        .map_err(|e| e.to_string())?;
    println!("{}", rule.id);
    Ok(())
}

fn shown(rule: &Rule, translations: &[RuleTranslation]) -> Value {
    let translations: serde_json::Map<String, Value> = translations
        .iter()
        .filter(|t| t.rule_id == rule.id)
        .map(|t| (t.locale.clone(), json!({"text": t.body, "hint": t.hint})))
        .collect();
    json!({
        "id": rule.id.to_string(),
        "position": rule.position,
        "text": rule.body,
        "hint": rule.hint,
        "translations": translations,
    })
}

async fn list(app: &App, args: &ArgMatches) -> Outcome {
    let (rules, translations) = app
        .read(|c| {
            Box::pin(async move {
                let rules = db::instance::rules(c).await?;
                Ok((rules, db::instance::rule_translations(c).await?))
            })
        })
        .await
        .map_err(|e: AppError| e.to_string())?;
    if args.get_flag("json") {
        return print_json(&rules.iter().map(|r| shown(r, &translations)).collect());
    }
    for rule in &rules {
        println!("{} {}", rule.id, rule.body);
    }
    Ok(())
}

async fn edit(app: &App, args: &ArgMatches) -> Outcome {
    let id = id(args)?;
    let change = RuleChange {
        body: args.get_one::<String>("text").cloned(),
        hint: args.get_one::<String>("hint").cloned(),
        position: args.get_one::<i64>("position").copied(),
        locale: args.get_one::<String>("locale").cloned(),
    };
    let ctx = app.ctx.clone();
    app.write(move |tx| {
        Box::pin(async move {
            instance::edit_rule(tx, &ctx, id, change).await?;
            audit::command(tx, &ctx, "kith rule edit", "rule", &id.to_string()).await
        })
    })
    .await
    .map_err(|e| unknown(e, id))?;
    println!("changed");
    Ok(())
}

async fn remove(app: &App, args: &ArgMatches) -> Outcome {
    let id = id(args)?;
    let ctx = app.ctx.clone();
    app.write(move |tx| {
        Box::pin(async move {
            instance::remove_rule(tx, &ctx, id).await?;
            audit::command(tx, &ctx, "kith rule remove", "rule", &id.to_string()).await
        })
    })
    .await
    .map_err(|e| unknown(e, id))?;
    println!("removed");
    Ok(())
}

fn unknown(error: AppError, id: i64) -> String {
    if error.status == http::StatusCode::NOT_FOUND {
        format!("there is no rule {id}")
    } else {
        error.to_string()
    }
}
