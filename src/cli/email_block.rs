//! `kith email-block …`: addresses nobody may register with.

use clap::{Arg, ArgMatches, Command};
use http::StatusCode;
use serde_json::{Value, json};

use super::{Outcome, json_flag, open, print_json, required};
use crate::app::App;
use crate::clock::iso;
use crate::config::Config;
use crate::db;
use crate::db::relations::Page;
use crate::db::sign_up_rules::{CanonicalEmailBlock, EmailDomainBlock};
use crate::domain::email_blocks;
use crate::domain::moderation::{Actor, audit};
use crate::error::{AppError, AppResult};
use crate::text::names::normalize_domain;

/// Blocks listed, of each kind.
const MOST: i64 = 10_000;

pub fn command() -> Command {
    let what = || {
        Arg::new("what")
            .value_name("DOMAIN|ADDRESS")
            .required(true)
            .help("A domain, which stands for those under it; or an address, kept as a hash")
    };
    Command::new("email-block")
        .about("E-mail addresses that nobody may register with")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("add")
                .about("Block a domain of addresses, or one address and its spellings")
                .arg(what()),
        )
        .subcommand(
            Command::new("list")
                .about("List what is blocked")
                .arg(json_flag()),
        )
        .subcommand(
            Command::new("remove")
                .about("Let a domain or an address (or its hash) register again")
                .arg(what()),
        )
}

pub async fn run(config: Config, matches: &ArgMatches) -> Outcome {
    let (verb, args) = matches.subcommand().ok_or("which command?")?;
    let app = open(config).await?;
    match verb {
        "add" => add(&app, args).await,
        "list" => list(&app, args).await,
        "remove" => remove(&app, args).await,
        other => Err(format!("unknown command email-block {other}")),
    }
}

/// Whether an address is meant, and no domain (which may be written `@example.com`).
fn is_address(what: &str) -> bool {
    what.trim().find('@').is_some_and(|at| at > 0)
}

/// A domain as it is compared.
fn domain_of(what: &str) -> Option<String> {
    let domain = normalize_domain(what.trim().trim_start_matches('@'))?;
    (!domain.contains(':')).then_some(domain)
}

async fn add(app: &App, args: &ArgMatches) -> Outcome {
    let (ctx, what) = (app.ctx.clone(), required(args, "what")?.clone());
    if is_address(&what) {
        email_blocks::canonical_hash(&what).ok_or_else(|| format!("{what:?} is no address"))?;
    } else {
        domain_of(&what).ok_or_else(|| format!("{what:?} is no domain"))?;
    }
    let told = what.clone();
    let added = app
        .write(move |tx| {
            Box::pin(async move {
                let actor = Actor::command("kith email-block add");
                if is_address(&what) {
                    let row = email_blocks::add_address(tx, &ctx, Some(&what), None).await?;
                    audit::canonical_email_block(tx, &ctx, &actor, "create", &row).await?;
                    return Ok(row.canonical_email_hash);
                }
                let row = email_blocks::add_domain(tx, &ctx, &what).await?;
                audit::email_domain_block(tx, &ctx, &actor, "create", &row).await?;
                Ok(row.domain)
            })
        })
        .await
        .map_err(|error: AppError| match error.status {
            // It is a good one.
            StatusCode::UNPROCESSABLE_ENTITY => format!("{told} is blocked already"),
            _ => error.to_string(),
        })?;
    println!("blocked {added}");
    Ok(())
}

async fn list(app: &App, args: &ArgMatches) -> Outcome {
    let (domains, addresses): (Vec<EmailDomainBlock>, Vec<CanonicalEmailBlock>) = app
        .read(|c| {
            Box::pin(async move {
                let page = Page {
                    limit: MOST,
                    ..Page::default()
                };
                let domains = db::sign_up_rules::email_domains(c, page).await?;
                Ok((domains, db::sign_up_rules::canonical_emails(c, page).await?))
            })
        })
        .await
        .map_err(|e: AppError| e.to_string())?;
    if args.get_flag("json") {
        let domains = domains
            .iter()
            .map(|row| json!({"domain": row.domain, "created_at": iso(row.created_at)}));
        let addresses = addresses.iter().map(|row| {
            json!({
                "canonical_email_hash": row.canonical_email_hash,
                "created_at": iso(row.created_at),
            })
        });
        return print_json(&Value::Array(domains.chain(addresses).collect()));
    }
    for row in &domains {
        println!("domain  {}", row.domain);
    }
    for row in &addresses {
        println!("address {}", row.canonical_email_hash);
    }
    Ok(())
}

async fn remove(app: &App, args: &ArgMatches) -> Outcome {
    let what = required(args, "what")?.clone();
    let (ctx, wanted) = (app.ctx.clone(), what.clone());
    let gone: AppResult<bool> = app
        .write(move |tx| {
            Box::pin(async move {
                let hash = if is_address(&wanted) {
                    email_blocks::canonical_hash(&wanted).unwrap_or_default()
                } else {
                    wanted.to_lowercase()
                };
                let found = db::sign_up_rules::canonical_email_by_hash(tx, &hash).await?;
                let actor = Actor::command("kith email-block remove");
                if let Some(row) = found {
                    audit::canonical_email_block(tx, &ctx, &actor, "destroy", &row).await?;
                    return Ok(db::sign_up_rules::remove_canonical_email(tx, row.id).await?);
                }
                let Some(domain) = domain_of(&wanted) else {
                    return Ok(false);
                };
                let found = db::sign_up_rules::email_domains_among(tx, &[domain]).await?;
                match found.first() {
                    Some(row) => {
                        audit::email_domain_block(tx, &ctx, &actor, "destroy", row).await?;
                        Ok(db::sign_up_rules::remove_email_domain(tx, row.id).await?)
                    }
                    None => Ok(false),
                }
            })
        })
        .await;
    if !gone.map_err(|e| e.to_string())? {
        return Err(format!("{what} is not blocked"));
    }
    println!("removed");
    Ok(())
}
