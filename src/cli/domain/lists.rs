//! `kith domain import|export|subscribe|subscriptions`: lists of policies.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};

use super::shown;
use crate::app::App;
use crate::cli::{Outcome, json_flag, print_json, required};
use crate::clock::iso;
use crate::db;
use crate::db::domain_subscriptions::Subscription;
use crate::db::policies::DomainPolicy;
use crate::domain::moderation::Actor;
use crate::domain::moderation::audit::{self, Target};
use crate::domain::policies::ALLOW;
use crate::domain::policy_lists::{self, BATCH};
use crate::domain::policy_subscriptions;
use crate::error::AppError;

pub(super) fn commands() -> [Command; 4] {
    [
        Command::new("import")
            .about("Take in a list of policies, as Mastodon exports them or one domain a line")
            .arg(
                Arg::new("file")
                    .value_name("FILE")
                    .required(true)
                    .help("The list; - for standard input"),
            )
            .arg(
                Arg::new("dry-run")
                    .long("dry-run")
                    .action(ArgAction::SetTrue)
                    .help("Say what that would change, and change nothing"),
            )
            .arg(
                Arg::new("replace")
                    .long("replace")
                    .action(ArgAction::SetTrue)
                    .help("Also where a policy gets weaker, or the domain is allowed"),
            )
            .arg(json_flag()),
        Command::new("export")
            .about("Print the policies as a list that Mastodon imports")
            .arg(json_flag()),
        Command::new("subscribe")
            .about("Follow a list that others keep: it is read every day")
            .arg(
                Arg::new("url")
                    .value_name("URL")
                    .required(true)
                    .help("Where the list is"),
            )
            .arg(
                Arg::new("severity-limit")
                    .long("severity-limit")
                    .value_name("SEVERITY")
                    .value_parser(["block", "limit", "suspend", "silence"])
                    .default_value("block")
                    .help("The severest that its entries are taken for"),
            )
            .arg(json_flag()),
        Command::new("subscriptions")
            .about("Lists that are followed")
            .subcommand_required(true)
            .arg_required_else_help(true)
            .subcommand(
                Command::new("list")
                    .about("List them, with how they were last read")
                    .arg(json_flag()),
            )
            .subcommand(
                Command::new("remove")
                    .about("Follow a list no more; the policies that came with it are lifted")
                    .arg(
                        Arg::new("url")
                            .value_name("URL")
                            .required(true)
                            .help("Its address, or its id"),
                    ),
            ),
    ]
}

async fn all(app: &App) -> Result<Vec<DomainPolicy>, String> {
    app.read(|c| Box::pin(async move { Ok(db::policies::all(c).await?) }))
        .await
        .map_err(|e: AppError| e.to_string())
}

pub(super) async fn import(app: &App, args: &ArgMatches) -> Outcome {
    let path = required(args, "file")?;
    let text = if path == "-" {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(path)
    };
    let text = text.map_err(|e| format!("{path}: {e}"))?;
    let list = policy_lists::parse(&app.ctx, &text).map_err(|e| format!("{path}: {e}"))?;
    if list.entries.is_empty() {
        return Err(format!("{path}: there is no domain in it"));
    }
    let plan = policy_lists::plan(&list.entries, &all(app).await?, args.get_flag("replace"));
    let dry = args.get_flag("dry-run");
    if !dry {
        let writes = [&plan.add[..], &plan.change[..]].concat();
        for some in writes.chunks(BATCH) {
            let (ctx, some) = (app.ctx.clone(), some.to_vec());
            app.write(move |tx| {
                Box::pin(async move {
                    let actor = Actor::command("kith domain import");
                    policy_lists::put(tx, &ctx, &actor, some).await
                })
            })
            .await
            .map_err(|e| e.to_string())?;
        }
    }
    let entry = |(domain, terms): &(String, crate::domain::policies::Terms)| {
        json!({
            "domain": domain,
            "severity": terms.severity,
            "reject_media": terms.reject_media,
            "reject_reports": terms.reject_reports,
        })
    };
    if args.get_flag("json") {
        return print_json(&json!({
            "dry_run": dry,
            "added": plan.add.iter().map(entry).collect::<Vec<Value>>(),
            "changed": plan.change.iter().map(entry).collect::<Vec<Value>>(),
            "kept": plan.keep,
            "invalid": list.invalid,
        }));
    }
    if dry {
        for (word, some) in [("add", &plan.add), ("change", &plan.change)] {
            for (domain, terms) in some {
                println!("{word:<6} {:<6} {domain}", terms.severity);
            }
        }
    }
    for line in &list.invalid {
        eprintln!("passed over: {line}");
    }
    println!(
        "{}{} added, {} changed, {} kept, {} passed over",
        if dry { "dry run: " } else { "" },
        plan.add.len(),
        plan.change.len(),
        plan.keep.len(),
        list.invalid.len()
    );
    Ok(())
}

pub(super) async fn export(app: &App, args: &ArgMatches) -> Outcome {
    let mut all = all(app).await?;
    if args.get_flag("json") {
        all.retain(|policy| policy.severity != ALLOW);
        return print_json(&Value::Array(all.iter().map(shown).collect()));
    }
    print!("{}", policy_lists::export(&all));
    Ok(())
}

fn subscription(one: &Subscription) -> Value {
    json!({
        "id": one.id.to_string(),
        "url": one.url,
        "severity_limit": one.severity_limit,
        "entries": one.entries,
        "fetched_at": one.fetched_at.map(iso),
        "error": Some(&one.last_error).filter(|text| !text.is_empty()),
        "created_at": iso(one.created_at),
    })
}

pub(super) async fn subscribe(app: &App, args: &ArgMatches) -> Outcome {
    let (ctx, url) = (app.ctx.clone(), required(args, "url")?.clone());
    let limit = required(args, "severity-limit")?.clone();
    let one = app
        .write(move |tx| {
            Box::pin(async move {
                let one = policy_subscriptions::subscribe(tx, &ctx, &url, &limit).await?;
                let actor = Actor::command("kith domain subscribe");
                let target = Target::Policy("domain_subscription", one.id, &one.url);
                let details = [("severity_limit", one.severity_limit.as_str())];
                audit::record(tx, &ctx, &actor, "create", target, &details).await?;
                Ok::<_, AppError>(one)
            })
        })
        .await
        .map_err(|e| e.to_string())?;
    if args.get_flag("json") {
        return print_json(&subscription(&one));
    }
    println!("{} will be read soon, and every day", one.url);
    Ok(())
}

pub(super) async fn subscriptions(app: &App, args: &ArgMatches) -> Outcome {
    let (verb, args) = args.subcommand().ok_or("which command?")?;
    if verb == "remove" {
        return unsubscribe(app, args).await;
    }
    let all = app
        .read(|c| Box::pin(async move { Ok(db::domain_subscriptions::all(c).await?) }))
        .await
        .map_err(|e: AppError| e.to_string())?;
    if args.get_flag("json") {
        return print_json(&Value::Array(all.iter().map(subscription).collect()));
    }
    for one in &all {
        let read = match (one.last_error.as_str(), one.fetched_at) {
            ("", None) => "not read yet".to_owned(),
            ("", Some(at)) => format!("read {}", iso(at)),
            (error, _) => format!("not read: {error}"),
        };
        println!(
            "{} up to {}, {} entries in force, {read}",
            one.url, one.severity_limit, one.entries
        );
    }
    Ok(())
}

async fn unsubscribe(app: &App, args: &ArgMatches) -> Outcome {
    let (ctx, url) = (app.ctx.clone(), required(args, "url")?.clone());
    let wanted = url.clone();
    let gone = app
        .write(move |tx| {
            Box::pin(async move {
                let one = policy_subscriptions::unsubscribe(tx, &ctx, &wanted).await?;
                let actor = Actor::command("kith domain subscriptions remove");
                let target = Target::Policy("domain_subscription", one.id, &one.url);
                audit::record(tx, &ctx, &actor, "destroy", target, &[]).await?;
                Ok::<_, AppError>(one)
            })
        })
        .await
        .map_err(|e| match e.status {
            http::StatusCode::NOT_FOUND => format!("the list {url} is not followed"),
            _ => e.to_string(),
        })?;
    // At once, whether or not a server runs that would do it.
    let mut more = true;
    while more {
        let (ctx, id) = (app.ctx.clone(), gone.id);
        more = app
            .write(move |tx| {
                Box::pin(async move { policy_subscriptions::withdraw(tx, &ctx, id).await })
            })
            .await
            .map_err(|e| e.to_string())?;
    }
    println!("removed");
    Ok(())
}
