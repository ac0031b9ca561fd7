//! `kith domain …`: what this server wants of other servers.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};

mod check;
mod lists;

use super::{Outcome, json_flag, open, print_json, required};
use crate::app::App;
use crate::clock::iso;
use crate::config::Config;
use crate::db;
use crate::db::policies::DomainPolicy;
use crate::domain::moderation::Actor;
use crate::domain::moderation::audit::{self, Target};
use crate::domain::policies::{self, Policies, Terms};
use crate::error::AppError;

pub fn command() -> Command {
    let domain = || {
        Arg::new("domain")
            .value_name("DOMAIN")
            .required(true)
            .help("The domain; a policy holds for those under it, too")
    };
    let comments = |command: Command| {
        command
            .arg(domain())
            .arg(
                Arg::new("comment")
                    .long("comment")
                    .value_name("TEXT")
                    .default_value("")
                    .hide_default_value(true)
                    .help("Why, for everyone to read"),
            )
            .arg(
                Arg::new("private-comment")
                    .long("private-comment")
                    .value_name("TEXT")
                    .default_value("")
                    .hide_default_value(true)
                    .help("Why, for admins"),
            )
            .arg(
                Arg::new("reject-media")
                    .long("reject-media")
                    .action(ArgAction::SetTrue)
                    .help("Show no files of its people: avatars, attachments, emoji"),
            )
            .arg(
                Arg::new("reject-reports")
                    .long("reject-reports")
                    .action(ArgAction::SetTrue)
                    .help("Take no reports from there"),
            )
            .arg(
                Arg::new("obfuscate")
                    .long("obfuscate")
                    .action(ArgAction::SetTrue)
                    .help("Show a part of its name alone in the public list"),
            )
    };
    Command::new("domain")
        .about("Policies for other servers")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("list")
                .about("List the policies")
                .arg(json_flag()),
        )
        .subcommand(
            Command::new("show")
                .about("Show the policy in force for a domain")
                .arg(domain())
                .arg(json_flag()),
        )
        .subcommand(comments(
            Command::new("block")
                .about("Exchange nothing with a domain and those under it")
                .arg(
                    Arg::new("dry-run")
                        .long("dry-run")
                        .action(ArgAction::SetTrue)
                        .help("Say what that would cut off, and change nothing"),
                )
                .arg(json_flag().requires("dry-run")),
        ))
        .subcommand(
            Command::new("check")
                .about("Say what blocking a domain would cut off")
                .arg(domain())
                .arg(json_flag()),
        )
        .subcommands(lists::commands())
        .subcommand(comments(
            Command::new("limit").about("Show a domain's people to their followers alone"),
        ))
        .subcommand(comments(Command::new("allow").about(
            "Exchange all with a domain, also in the mode `allow-list`, and under a blocked one",
        )))
        .subcommand(
            Command::new("remove")
                .about("Lift a domain's policy")
                .arg(domain()),
        )
        .subcommand(
            Command::new("mode")
                .about("Show with whom this server federates, or say so")
                .arg(Arg::new("mode").value_name("MODE").help(
                    "open: all that are not blocked; allow-list: those alone that are allowed",
                ))
                .arg(json_flag()),
        )
}

pub async fn run(config: Config, matches: &ArgMatches) -> Outcome {
    let (verb, args) = matches.subcommand().ok_or("which command?")?;
    let app = open(config).await?;
    match verb {
        "list" => list(&app, args).await,
        "show" => show(&app, args).await,
        "mode" => mode(&app, args).await,
        "check" => check::run(&app, args).await,
        "block" if args.get_flag("dry-run") => check::run(&app, args).await,
        "import" => lists::import(&app, args).await,
        "export" => lists::export(&app, args).await,
        "subscribe" => lists::subscribe(&app, args).await,
        "subscriptions" => lists::subscriptions(&app, args).await,
        "allow" | "block" | "limit" => set(&app, args, verb).await,
        "remove" => remove(&app, args).await,
        other => Err(format!("unknown command domain {other}")),
    }
}

pub(super) fn shown(policy: &DomainPolicy) -> Value {
    json!({
        "domain": policy.domain,
        "severity": policy.severity,
        "reject_media": policy.reject_media,
        "reject_reports": policy.reject_reports,
        "public_comment": policy.public_comment,
        "private_comment": policy.private_comment,
        "obfuscate": policy.obfuscate,
        "subscription": policy.subscription_id.map(|id| id.to_string()),
        "created_at": iso(policy.created_at),
    })
}

async fn list(app: &App, args: &ArgMatches) -> Outcome {
    let all = app
        .read(|c| Box::pin(async move { Ok(db::policies::all(c).await?) }))
        .await
        .map_err(|e: AppError| e.to_string())?;
    if args.get_flag("json") {
        return print_json(&Value::Array(all.iter().map(shown).collect()));
    }
    for policy in &all {
        println!(
            "{:<6} {} {}",
            policy.severity, policy.domain, policy.public_comment
        );
    }
    Ok(())
}

async fn show(app: &App, args: &ArgMatches) -> Outcome {
    let domain = required(args, "domain")?;
    let policies = app
        .read(|c| Box::pin(Policies::load(c)))
        .await
        .map_err(|e| e.to_string())?;
    let wanted = crate::text::names::normalize_domain(domain)
        .ok_or_else(|| format!("{domain:?} is no domain"))?;
    let policy = policies
        .of(&wanted)
        .ok_or_else(|| format!("there is no policy for {wanted}"))?;
    if args.get_flag("json") {
        return print_json(&shown(policy));
    }
    println!("{} {}", policy.severity, policy.domain);
    for (name, text) in [
        ("comment", &policy.public_comment),
        ("private comment", &policy.private_comment),
    ] {
        if !text.is_empty() {
            println!("{name}: {text}");
        }
    }
    Ok(())
}

async fn set(app: &App, args: &ArgMatches, severity: &str) -> Outcome {
    let ctx = app.ctx.clone();
    let domain = required(args, "domain")?.clone();
    let terms = Terms {
        severity: severity.to_owned(),
        reject_media: args.get_flag("reject-media"),
        reject_reports: args.get_flag("reject-reports"),
        public_comment: required(args, "comment")?.clone(),
        private_comment: required(args, "private-comment")?.clone(),
        obfuscate: args.get_flag("obfuscate"),
    };
    let actor = Actor::command(&format!("kith domain {severity}"));
    let policy = app
        .write(move |tx| {
            Box::pin(async move {
                let known = policies::of_domain(tx, &domain).await?;
                let policy = policies::put(tx, &ctx, &domain, terms.clone()).await?;
                let action = if known.is_some() { "update" } else { "create" };
                audit::domain_policy(tx, &ctx, &actor, action, &policy).await?;
                Ok::<_, AppError>(policy)
            })
        })
        .await
        .map_err(|e| e.to_string())?;
    println!("{} {}", policy.severity, policy.domain);
    Ok(())
}

async fn mode(app: &App, args: &ArgMatches) -> Outcome {
    if let Some(mode) = args.get_one::<String>("mode").cloned() {
        let ctx = app.ctx.clone();
        app.write(move |tx| {
            Box::pin(async move {
                policies::set_mode(tx, &mode).await?;
                let actor = Actor::command("kith domain mode");
                let (target, details) = (
                    Target::Other("setting", "federation_mode"),
                    [("to", &*mode)],
                );
                audit::record(tx, &ctx, &actor, "set", target, &details).await
            })
        })
        .await
        .map_err(|e| e.to_string())?;
    }
    let mode = app
        .read(|c| Box::pin(async move { Ok(policies::mode(&Policies::load(c).await?)) }))
        .await
        .map_err(|e: AppError| e.to_string())?;
    if args.get_flag("json") {
        return print_json(&json!({"mode": mode}));
    }
    println!("{mode}");
    Ok(())
}

async fn remove(app: &App, args: &ArgMatches) -> Outcome {
    let domain = required(args, "domain")?.clone();
    let (ctx, wanted) = (app.ctx.clone(), domain.clone());
    let lifted = app
        .write(move |tx| {
            Box::pin(async move {
                let known = policies::of_domain(tx, &wanted).await?;
                let lifted = policies::lift(tx, &ctx, &wanted).await?;
                if let Some(policy) = known {
                    let actor = Actor::command("kith domain remove");
                    audit::domain_policy(tx, &ctx, &actor, "destroy", &policy).await?;
                }
                Ok::<_, AppError>(lifted)
            })
        })
        .await
        .map_err(|e| e.to_string())?;
    if !lifted {
        return Err(format!("there is no policy for {domain}"));
    }
    println!("lifted");
    Ok(())
}
