//! `kith report …`: what people reported. Works beside a running server.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};

use super::user::{account_of, find};
use super::{Outcome, id, json_flag, open, print_json, required};
use crate::app::App;
use crate::clock::iso;
use crate::config::Config;
use crate::db;
use crate::db::accounts::Account;
use crate::db::relations::Page;
use crate::db::reports::{Filter, Report};
use crate::db::statuses::Status;
use crate::domain::moderation::{self, Actor, Permission, Triage, role_of};
use crate::error::AppError;

pub fn command() -> Command {
    let id = || {
        Arg::new("id")
            .value_name("ID")
            .required(true)
            .help("From report list")
    };
    Command::new("report")
        .about("What people reported")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("list")
                .about("List open reports, newest first")
                .arg(
                    Arg::new("resolved")
                        .long("resolved")
                        .action(ArgAction::SetTrue)
                        .help("Those that are resolved"),
                )
                .arg(
                    Arg::new("target")
                        .long("target")
                        .value_name("ACCT")
                        .help("Those about an account: a name, or name@domain"),
                )
                .arg(
                    Arg::new("domain")
                        .long("domain")
                        .value_name("DOMAIN")
                        .help("Those about accounts of a domain"),
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
                        .help("Go on before a report"),
                )
                .arg(json_flag()),
        )
        .subcommand(
            Command::new("show")
                .about("Show a report with the posts it names")
                .arg(id())
                .arg(json_flag()),
        )
        .subcommand(
            Command::new("resolve")
                .about("Close a report")
                .arg(id())
                .arg(json_flag()),
        )
        .subcommand(
            Command::new("reopen")
                .about("Open a closed report again")
                .arg(id())
                .arg(json_flag()),
        )
        .subcommand(
            Command::new("assign")
                .about("Have a moderator look into a report")
                .arg(id())
                .arg(
                    Arg::new("name")
                        .value_name("NAME")
                        .required_unless_present("nobody")
                        .help("A moderator or admin"),
                )
                .arg(
                    Arg::new("nobody")
                        .long("nobody")
                        .action(ArgAction::SetTrue)
                        .conflicts_with("name")
                        .help("Have nobody look into it"),
                )
                .arg(json_flag()),
        )
}

pub async fn run(config: Config, matches: &ArgMatches) -> Outcome {
    let (verb, args) = matches.subcommand().ok_or("which command?")?;
    let app = open(config).await?;
    match verb {
        "list" => list(&app, args).await,
        "show" => show(&app, args).await,
        "resolve" => triage(&app, args, verb, Triage::Resolve).await,
        "reopen" => triage(&app, args, verb, Triage::Reopen).await,
        "assign" if args.get_flag("nobody") => triage(&app, args, verb, Triage::Unassign).await,
        "assign" => {
            let (user, account) = find(&app, required(args, "name")?).await?;
            if !role_of(&user).can(Permission::ManageReports) {
                return Err(format!("{} is no moderator", account.username));
            }
            triage(&app, args, verb, Triage::Assign(account.id)).await
        }
        other => Err(format!("unknown command report {other}")),
    }
}

/// Reports with those whom they are about, who made them, and who deals with them.
struct Shown {
    reports: Vec<Report>,
    people: Vec<Account>,
}

impl Shown {
    async fn read(app: &App, reports: Vec<Report>) -> Result<Shown, String> {
        let mut ids: Vec<i64> = reports
            .iter()
            .flat_map(|report| {
                let others = [report.assigned_account_id, report.action_taken_by_id];
                [report.account_id, report.target_id]
                    .into_iter()
                    .chain(others.into_iter().flatten())
            })
            .collect();
        ids.sort_unstable();
        ids.dedup();
        let people = app
            .read(move |c| Box::pin(async move { Ok(db::accounts::by_ids(c, &ids).await?) }))
            .await
            .map_err(|e: AppError| e.to_string())?;
        Ok(Shown { reports, people })
    }

    fn name(&self, app: &App, id: Option<i64>) -> Option<String> {
        let account = self.people.iter().find(|account| Some(account.id) == id)?;
        Some(app.config.handle(&account.username, &account.domain))
    }

    fn json(&self, app: &App, report: &Report) -> Value {
        let ids = |text: &str| serde_json::from_str::<Vec<i64>>(text).unwrap_or_default();
        let texts = |text: &str| ids(text).iter().map(i64::to_string).collect::<Vec<_>>();
        json!({
            "id": report.id.to_string(),
            "account": self.name(app, Some(report.account_id)),
            "target": self.name(app, Some(report.target_id)),
            "category": report.category,
            "comment": report.comment,
            "status_ids": texts(&report.status_ids),
            "rule_ids": texts(&report.rule_ids),
            "forwarded": report.forwarded,
            "created_at": iso(report.created_at),
            "updated_at": iso(report.updated_at),
            "assigned": self.name(app, report.assigned_account_id),
            "resolved_at": report.action_taken_at.map(iso),
            "resolved_by": self.name(app, report.action_taken_by_id),
        })
    }
}

async fn list(app: &App, args: &ArgMatches) -> Outcome {
    let target_id = match args.get_one::<String>("target") {
        Some(acct) => Some(account_of(app, acct).await?.id),
        None => None,
    };
    let filter = Filter {
        resolved: Some(args.get_flag("resolved")),
        target_id,
        target_domain: args.get_one::<String>("domain").cloned(),
        ..Filter::default()
    };
    let page = Page {
        max_id: args.get_one::<i64>("before").copied(),
        limit: args.get_one::<i64>("limit").copied().unwrap_or(100),
        ..Page::default()
    };
    let rows = app
        .read(move |c| Box::pin(async move { Ok(db::reports::page(c, &filter, page).await?) }))
        .await
        .map_err(|e: AppError| e.to_string())?;
    let shown = Shown::read(app, rows).await?;
    if args.get_flag("json") {
        let all = shown.reports.iter().map(|report| shown.json(app, report));
        return print_json(&Value::Array(all.collect()));
    }
    for report in &shown.reports {
        let name = |id| shown.name(app, id).unwrap_or_default();
        println!(
            "{} {} {:<9} {} by {}: {}",
            report.id,
            iso(report.created_at),
            report.category,
            name(Some(report.target_id)),
            name(Some(report.account_id)),
            report.comment.lines().next().unwrap_or_default()
        );
    }
    Ok(())
}

async fn show(app: &App, args: &ArgMatches) -> Outcome {
    let id = id(args)?;
    let found: Option<(Report, Vec<Status>)> = app
        .read(move |c| {
            Box::pin(async move {
                let Some(report) = db::reports::by_id(c, id).await? else {
                    return Ok(None);
                };
                let ids: Vec<i64> = serde_json::from_str(&report.status_ids).unwrap_or_default();
                let statuses = db::statuses::by_ids(c, &ids).await?;
                Ok(Some((report, statuses)))
            })
        })
        .await
        .map_err(|e: AppError| e.to_string())?;
    let (report, statuses) = found.ok_or_else(|| format!("there is no report {id}"))?;
    let shown = Shown::read(app, vec![report]).await?;
    let Some(report) = shown.reports.first() else {
        return Ok(());
    };
    let mut value = shown.json(app, report);
    if args.get_flag("json") {
        let posts = statuses
            .iter()
            .map(|status| json!({"id": status.id.to_string(), "uri": status.uri, "content": status.content}));
        value["statuses"] = posts.collect();
        return print_json(&value);
    }
    for (name, value) in value.as_object().into_iter().flatten() {
        match value {
            Value::Null => {}
            Value::String(text) => println!("{name}: {text}"),
            other => println!("{name}: {other}"),
        }
    }
    for status in &statuses {
        println!(
            "\n{}\n{}",
            status.uri,
            crate::text::to_plain(&status.content)
        );
    }
    Ok(())
}

async fn triage(app: &App, args: &ArgMatches, verb: &str, what: Triage) -> Outcome {
    let id = id(args)?;
    let (ctx, actor) = (
        app.ctx.clone(),
        Actor::command(&format!("kith report {verb}")),
    );
    let report = app
        .write(move |tx| {
            Box::pin(async move { moderation::triage(tx, &ctx, &actor, id, what).await })
        })
        .await
        .map_err(|e| match e.status {
            http::StatusCode::NOT_FOUND => format!("there is no report {id}"),
            _ => e.to_string(),
        })?;
    let shown = Shown::read(app, vec![report]).await?;
    let Some(report) = shown.reports.first() else {
        return Ok(());
    };
    if args.get_flag("json") {
        return print_json(&shown.json(app, report));
    }
    let state = match report.action_taken_at {
        Some(_) => "resolved",
        None => "open",
    };
    match shown.name(app, report.assigned_account_id) {
        Some(name) => println!("report {id} is {state}, {name} looks into it"),
        None => println!("report {id} is {state}"),
    }
    Ok(())
}
