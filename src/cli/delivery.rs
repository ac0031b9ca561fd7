//! `kith delivery …`: what was sent to other servers, and why something has not arrived. Works
//! beside a running server, which sees within a second what is changed here.

use clap::{Arg, ArgMatches, Command};
use serde_json::{Value, json};

use super::{Outcome, json_flag, open, print_json, required};
use crate::app::App;
use crate::clock::iso;
use crate::config::Config;
use crate::db;
use crate::db::accounts::Account;
use crate::db::deliveries::Standing;
use crate::db::hosts::Host;
use crate::domain::deliveries::{self, Reached, STEP, Sent};
use crate::error::{AppError, AppResult};
use crate::federation::find::{self, Found};

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

fn health_json(host: Option<&Host>) -> Value {
    host.map_or(Value::Null, |host| {
        json!({
            "failures": host.failures,
            "failing_since": host.failing_since.map(iso),
            "retry_at": host.retry_at.map(iso),
            "last_success_at": host.last_success_at.map(iso),
            "signature": host.signature,
            "error": host.last_error,
        })
    })
}

async fn list(app: &App, args: &ArgMatches) -> Outcome {
    let (backlog, hosts) = app
        .read(|c| {
            Box::pin(async move {
                let backlog = db::deliveries::backlog(c, HOSTS).await?;
                let names: Vec<String> = backlog.iter().map(|(host, _)| host.clone()).collect();
                Ok((backlog, db::hosts::by_names(c, &names).await?))
            })
        })
        .await
        .map_err(|e: AppError| e.to_string())?;
    let now = app.clock.now_ms();
    let known = |name: &str| hosts.iter().find(|host| host.host == name);
    if args.get_flag("json") {
        let all = backlog.iter().map(|(host, waiting)| {
            json!({"host": host, "waiting": waiting, "health": health_json(known(host))})
        });
        return print_json(&all.collect());
    }
    for (host, waiting) in &backlog {
        let fares = known(host).map_or_else(|| "not known yet".to_owned(), |h| health(h, now));
        println!("{waiting:>7} {host}  {fares}");
    }
    Ok(())
}

/// What is asked about.
enum Subject {
    /// Something of a local account's, by its id; or all it sent.
    Of(Account, Option<String>),
    Remote(Account),
    Host(String),
}

async fn subject(app: &App, text: &str) -> Result<Subject, String> {
    let found = find::known(app, text).await.map_err(|e| e.to_string())?;
    let account = |id: i64| async move {
        let account = app
            .read(move |c| Box::pin(async move { Ok(db::accounts::by_id(c, id).await?) }))
            .await
            .map_err(|e: AppError| e.to_string())?;
        account.ok_or_else(|| format!("{text} is gone"))
    };
    match found {
        Some(Found::Account(id)) => {
            let account = account(id).await?;
            Ok(match account.is_local() {
                true => Subject::Of(account, None),
                false => Subject::Remote(account),
            })
        }
        Some(Found::Status(id)) => {
            let status = app
                .read(move |c| Box::pin(async move { Ok(db::statuses::by_id(c, id).await?) }))
                .await
                .map_err(|e: AppError| e.to_string())?
                .ok_or_else(|| format!("{text} is gone"))?;
            let author = account(status.account_id).await?;
            if !author.is_local() {
                return Err(format!(
                    "{text} is not from here: {} sent it, if anybody",
                    author.domain
                ));
            }
            Ok(Subject::Of(author, Some(status.uri)))
        }
        // Something that is gone was sent nevertheless, its Delete too.
        None if app.config.is_ours(text) => {
            let rest = text.split_once("/users/").or_else(|| text.split_once("/@"));
            let parts: Vec<&str> = rest.map_or("", |(_, rest)| rest).split('/').collect();
            // Its id, or its page.
            let ([name, "statuses", id] | [name, id]) = parts[..] else {
                return Err(format!("nothing is known of {text}"));
            };
            let uri = app.config.actor_uri(name);
            let about = format!("{uri}/statuses/{id}");
            let author = app
                .read(move |c| Box::pin(async move { Ok(db::accounts::by_uri(c, &uri).await?) }))
                .await
                .map_err(|e: AppError| e.to_string())?
                .ok_or_else(|| format!("nothing is known of {text}"))?;
            Ok(Subject::Of(author, Some(about)))
        }
        None if !text.contains('/') && !text.contains('@') => {
            Ok(Subject::Host(text.to_lowercase()))
        }
        None => Err(format!("nothing is known of {text}")),
    }
}

async fn why(app: &App, args: &ArgMatches) -> Outcome {
    let text = required(args, "subject")?;
    let as_json = args.get_flag("json");
    let now = app.clock.now_ms();
    match subject(app, text).await? {
        Subject::Of(author, about) => {
            let (id, wanted) = (author.id, about.clone());
            let all: Vec<Sent> = app
                .read(move |c| {
                    Box::pin(async move { deliveries::sent(c, id, wanted.as_deref()).await })
                })
                .await
                .map_err(|e: AppError| e.to_string())?;
            if as_json {
                return print_json(&all.iter().map(|sent| sent_json(sent, now)).collect());
            }
            if all.is_empty() {
                let of = about.map_or_else(
                    || format!("by {}", author.username),
                    |uri| format!("of {uri}"),
                );
                println!(
                    "Nothing {of} was sent in the last days: it was for nobody on another server, or it was so long ago that it is forgotten."
                );
            }
            for sent in &all {
                print_sent(sent, now);
            }
        }
        Subject::Remote(account) => {
            let reached: AppResult<Reached> = app
                .read(move |c| Box::pin(async move { deliveries::reached_of(c, &account).await }))
                .await;
            show(&reached.map_err(|e| e.to_string())?, as_json, now)?;
        }
        Subject::Host(host) => {
            let reached: AppResult<Reached> = app
                .read(move |c| Box::pin(async move { deliveries::reached(c, &host, None).await }))
                .await;
            show(&reached.map_err(|e| e.to_string())?, as_json, now)?;
        }
    }
    Ok(())
}

fn sent_json(sent: &Sent, now: i64) -> Value {
    let list = sent.deliveries.iter();
    json!({
        "id": sent.activity.id.to_string(),
        "type": sent.activity.kind,
        "created_at": iso(sent.activity.created_at),
        "delivered": sent.delivered,
        "waiting": sent.waiting,
        "given_up": sent.given_up,
        "deliveries": list.map(|one| deliveries::standing(one, now)).collect::<Vec<_>>(),
    })
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

fn show(reached: &Reached, as_json: bool, now: i64) -> Outcome {
    if as_json {
        let list = |list: &[Standing]| -> Vec<Value> {
            list.iter()
                .map(|one| deliveries::standing(one, now))
                .collect()
        };
        return print_json(&json!({
            "host": reached.host,
            "health": health_json(reached.health.as_ref()),
            "waiting": list(&reached.waiting),
            "finished": list(&reached.finished),
        }));
    }
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
    Ok(())
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
    let mut all = 0;
    loop {
        let (ctx, host) = (app.ctx.clone(), text.to_lowercase());
        let number = app
            .write(move |tx| Box::pin(async move { deliveries::hasten(tx, &ctx, &host).await }))
            .await
            .map_err(|e| e.to_string())?;
        all += number;
        if number < STEP as usize {
            break;
        }
    }
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
