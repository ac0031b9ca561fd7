//! `kith delivery …`: what was sent to other servers, and why something has not arrived. Works
//! beside a running server, which sees within a second what is changed here.

use clap::{Arg, ArgMatches, Command};

use super::{Outcome, json_flag, open, print_json, required};
use crate::app::App;
use crate::clock::iso;
use crate::config::Config;
use crate::db;
use crate::db::deliveries::Standing;
use crate::db::hosts::Host;
use crate::domain::deliveries::{self, Reached, STEP, Sent};
use crate::error::AppError;
use crate::federation::explain::{self, Explanation, Waiting};

/// Hosts that `delivery list` shows.
const HOSTS: i64 = 200;

pub fn command() -> Command {
    let host = || {
        Arg::new("host")
            .value_name("HOST")
            .required(true)
            .help("Host, with its port where it has one")
    };
    Command::new("delivery")
        .about("What was sent to other servers")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("list")
                .about("List the hosts that something waits for")
                .arg(json_flag()),
        )
        .subcommand(
            Command::new("why")
                .about("Tell what became of a post, of what an account sent, or of what went to an account or host")
                .arg(
                    Arg::new("subject")
                        .value_name("URL-OR-ACCT")
                        .required(true)
                        .help("A post's address, an account, or a host"),
                )
                .arg(json_flag()),
        )
        .subcommand(
            Command::new("retry")
                .about("Try again now what waits for a host, or what was given up")
                .arg(
                    Arg::new("subject")
                        .value_name("HOST-OR-ID")
                        .required(true)
                        .help("A host, or a delivery's id (from delivery why)"),
                ),
        )
        .subcommand(
            Command::new("purge")
                .about("Give up everything that waits for a host")
                .arg(host()),
        )
}

pub async fn run(config: Config, matches: &ArgMatches) -> Outcome {
    let (verb, args) = matches.subcommand().ok_or("which command?")?;
    let app = open(config).await?;
    match verb {
        "list" => list(&app, args).await,
        "why" => why(&app, args).await,
        "retry" => retry(&app, args).await,
        "purge" => purge(&app, args).await,
        other => Err(format!("unknown command delivery {other}")),
    }
}

fn health(host: &Host, now: i64) -> String {
    match (host.failing_since, host.retry_at.filter(|at| *at > now)) {
        (Some(since), Some(at)) => format!(
            "fails since {}, tried again {}: {}",
            iso(since),
            iso(at),
            host.last_error
        ),
        (Some(since), None) => format!("fails since {}: {}", iso(since), host.last_error),
        (None, Some(at)) => format!("asked to be left alone until {}", iso(at)),
        (None, None) => match host.last_success_at {
            Some(at) => format!("answered well {}", iso(at)),
            None => "not known yet".to_owned(),
        },
    }
}

async fn list(app: &App, args: &ArgMatches) -> Outcome {
    let hosts = explain::waiting(app, HOSTS)
        .await
        .map_err(|e| e.to_string())?;
    if args.get_flag("json") {
        return print_json(&hosts.iter().map(explain::Waiting::json).collect());
    }
    let now = app.clock.now_ms();
    for Waiting {
        host,
        deliveries,
        health: known,
    } in &hosts
    {
        let fares = known
            .as_ref()
            .map_or_else(|| "not known yet".to_owned(), |h| health(h, now));
        println!("{deliveries:>7} {host}  {fares}");
    }
    Ok(())
}

async fn why(app: &App, args: &ArgMatches) -> Outcome {
    let found = explain::explain(app, required(args, "subject")?)
        .await
        .map_err(|e| e.to_string())?;
    let now = app.clock.now_ms();
    if args.get_flag("json") {
        return print_json(&found.json(now));
    }
    match found {
        Explanation::Sent {
            author,
            about,
            sent,
        } => {
            if sent.is_empty() {
                let of = about.map_or_else(|| format!("by {author}"), |uri| format!("of {uri}"));
                println!(
                    "Nothing {of} was sent in the last days: it was for nobody on another server, or it was so long ago that it is forgotten."
                );
            }
            for sent in &sent {
                print_sent(sent, now);
            }
        }
        Explanation::Reached(reached) => print_reached(&reached, now),
    }
    Ok(())
}

fn print_sent(sent: &Sent, now: i64) {
    println!(
        "{} {}: {} delivered, {} waiting, {} given up",
        sent.activity.kind,
        iso(sent.activity.created_at),
        sent.delivered,
        sent.waiting,
        sent.given_up
    );
    for delivery in &sent.deliveries {
        println!("  {}", line(delivery, now));
    }
}

/// A delivery in a line.
fn line(delivery: &Standing, now: i64) -> String {
    let answer = delivery
        .answer
        .map(|answer| format!(", answered {answer}"))
        .unwrap_or_default();
    let when = match (delivery.done_at, deliveries::state_of(delivery, now)) {
        (Some(at), _) => format!(" {}", iso(at)),
        (None, "waiting") => format!(", next {}", iso(delivery.next_at)),
        (None, _) => String::new(),
    };
    let error = match delivery.last_error.as_str() {
        "" => String::new(),
        error => format!(": {error}"),
    };
    format!(
        "{} {}{when}, attempts {}{answer}  {}{error}",
        delivery.id,
        deliveries::state_of(delivery, now),
        delivery.attempts,
        delivery.inbox
    )
}

fn print_reached(reached: &Reached, now: i64) {
    let fares = reached.health.as_ref().map_or_else(
        || "no trouble is known".to_owned(),
        |host| health(host, now),
    );
    println!("{}: {fares}", reached.host);
    for delivery in reached.waiting.iter().chain(&reached.finished) {
        println!("  {}", line(delivery, now));
    }
    if reached.waiting.is_empty() && reached.finished.is_empty() {
        println!("Nothing waits for it, and nothing went there lately.");
    }
}

async fn retry(app: &App, args: &ArgMatches) -> Outcome {
    let text = required(args, "subject")?;
    if let Ok(id) = text.parse::<i64>() {
        let ctx = app.ctx.clone();
        app.write(move |tx| Box::pin(async move { deliveries::revive(tx, &ctx, id).await }))
            .await
            .map_err(|e| match e.status {
                http::StatusCode::NOT_FOUND => format!("no delivery {id} was given up"),
                _ => e.to_string(),
            })?;
        println!("it is tried again");
        return Ok(());
    }
    let all = deliveries::hasten_all(&app.db, &app.ctx, text)
        .await
        .map_err(|e| e.to_string())?;
    println!("{all} are due now");
    Ok(())
}

async fn purge(app: &App, args: &ArgMatches) -> Outcome {
    let host = required(args, "host")?.to_lowercase();
    let now = app.clock.now_ms();
    let mut all = 0;
    loop {
        let host = host.clone();
        let number = app
            .write(move |tx| {
                Box::pin(async move {
                    let why = "an admin gave it up";
                    let number =
                        db::deliveries::give_up_host(tx, &host, i64::MAX, why, now, STEP).await?;
                    Ok::<_, AppError>(number)
                })
            })
            .await
            .map_err(|e| e.to_string())?;
        all += number;
        if number < STEP as usize {
            break;
        }
    }
    println!("{all} given up");
    Ok(())
}
