//! `kith relay …`: relays that bring this server posts and pass its own on.

use clap::{Arg, ArgMatches, Command};
use serde_json::{Value, json};

use super::{Outcome, json_flag, open, print_json, required};
use crate::app::App;
use crate::clock::iso;
use crate::config::Config;
use crate::db;
use crate::db::relays::Relay;
use crate::domain::moderation::audit;
use crate::domain::relays::{self, Kind};
use crate::error::AppError;

pub fn command() -> Command {
    let url = |help: &'static str| Arg::new("url").value_name("URL").required(true).help(help);
    Command::new("relay")
        .about("Relays of public posts")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("add")
                .about("Ask a relay for posts, and send it ours")
                .arg(url(
                    "Its inbox (Mastodon's kind) or its actor (LitePub's kind)",
                ))
                .arg(
                    Arg::new("kind")
                        .long("kind")
                        .value_name("KIND")
                        .value_parser(["mastodon", "litepub"])
                        .help("Without it, what ends in /inbox is of Mastodon's kind"),
                )
                .arg(json_flag()),
        )
        .subcommand(
            Command::new("list")
                .about("List the relays and how they have answered")
                .arg(json_flag()),
        )
        .subcommand(
            Command::new("remove")
                .about("Ask a relay for nothing any more")
                .arg(url("Its inbox or its actor")),
        )
}

pub async fn run(config: Config, matches: &ArgMatches) -> Outcome {
    let (verb, args) = matches.subcommand().ok_or("which command?")?;
    let app = open(config).await?;
    match verb {
        "add" => add(&app, args).await,
        "list" => list(&app, args).await,
        "remove" => remove(&app, args).await,
        other => Err(format!("unknown command relay {other}")),
    }
}

fn shown(relay: &Relay) -> Value {
    json!({
        "kind": relay.kind,
        "inbox": relay.inbox_url,
        "actor": Some(&relay.actor_uri).filter(|uri| !uri.is_empty()),
        "state": relay.state,
        "created_at": iso(relay.created_at),
        "answered_at": relay.answered_at.map(iso),
    })
}

async fn add(app: &App, args: &ArgMatches) -> Outcome {
    let kind = match args.get_one::<String>("kind").map(String::as_str) {
        Some("mastodon") => Some(Kind::Mastodon),
        Some(_) => Some(Kind::Litepub),
        None => None,
    };
    let url = required(args, "url")?;
    let wanted = crate::federation::relays::find(app, url, kind)
        .await
        .map_err(|e| e.to_string())?;
    let ctx = app.ctx.clone();
    let relay = app
        .write(move |tx| {
            Box::pin(async move {
                let relay = relays::add(tx, &ctx, wanted.clone()).await?;
                audit::command(tx, &ctx, "kith relay add", "relay", &relay.inbox_url).await?;
                Ok::<_, AppError>(relay)
            })
        })
        .await
        .map_err(|e| e.to_string())?;
    if args.get_flag("json") {
        return print_json(&shown(&relay));
    }
    println!("{} {}", relay.state, relay.inbox_url);
    Ok(())
}

async fn list(app: &App, args: &ArgMatches) -> Outcome {
    let all = app
        .read(|c| Box::pin(async move { Ok(db::relays::all(c).await?) }))
        .await
        .map_err(|e: AppError| e.to_string())?;
    if args.get_flag("json") {
        return print_json(&Value::Array(all.iter().map(shown).collect()));
    }
    for relay in &all {
        println!(
            "{:<8} {:<8} {} {}",
            relay.state, relay.kind, relay.inbox_url, relay.actor_uri
        );
    }
    Ok(())
}

async fn remove(app: &App, args: &ArgMatches) -> Outcome {
    let url = required(args, "url")?.clone();
    let (ctx, wanted) = (app.ctx.clone(), url.clone());
    app.write(move |tx| {
        Box::pin(async move {
            relays::remove(tx, &ctx, &wanted).await?;
            audit::command(tx, &ctx, "kith relay remove", "relay", &wanted).await
        })
    })
    .await
    .map_err(|e| match e.status {
        http::StatusCode::NOT_FOUND => format!("there is no relay {url}"),
        _ => e.to_string(),
    })?;
    println!("removed");
    Ok(())
}
