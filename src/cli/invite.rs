//! `kith invite …`: invitations to register, whatever the mode of registration but `closed`.

use clap::{Arg, ArgMatches, Command};
use serde_json::{Value, json};

use super::user::find;
use super::{Outcome, json_flag, open, print_json, required};
use crate::app::App;
use crate::clock::iso;
use crate::config::Config;
use crate::db;
use crate::db::invites::Invite;
use crate::domain::invites::{self, Terms};
use crate::domain::moderation::audit;
use crate::error::AppError;

/// Rows read at a time by `invite list`.
const PAGE: i64 = 500;

pub fn command() -> Command {
    let number = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name("NUMBER")
            .value_parser(clap::value_parser!(i64).range(1..))
            .help(help)
    };
    Command::new("invite")
        .about("Invitations to register")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("create")
                .about("Make an invitation; prints its code alone")
                .arg(number(
                    "uses",
                    "How many may use it; without it, any number",
                ))
                .arg(number(
                    "days",
                    "How long it is good for; without it, until it is revoked",
                ))
                .arg(
                    Arg::new("by")
                        .long("by")
                        .value_name("NAME")
                        .help("The user in whose name it is"),
                )
                .arg(json_flag()),
        )
        .subcommand(
            Command::new("list")
                .about("List invitations")
                .arg(json_flag()),
        )
        .subcommand(
            Command::new("revoke").about("End an invitation").arg(
                Arg::new("code")
                    .value_name("CODE")
                    .required(true)
                    .help("From invite list"),
            ),
        )
}

pub async fn run(config: Config, matches: &ArgMatches) -> Outcome {
    let (verb, args) = matches.subcommand().ok_or("which command?")?;
    let app = open(config).await?;
    match verb {
        "create" => create(&app, args).await,
        "list" => list(&app, args).await,
        "revoke" => revoke(&app, args).await,
        other => Err(format!("unknown command invite {other}")),
    }
}

async fn create(app: &App, args: &ArgMatches) -> Outcome {
    let by = match args.get_one::<String>("by") {
        Some(name) => Some(find(app, name).await?.1.id),
        None => None,
    };
    let terms = Terms {
        max_uses: args.get_one::<i64>("uses").copied(),
        days: args.get_one::<i64>("days").copied(),
    };
    let ctx = app.ctx.clone();
    let invite = app
        .write(move |tx| {
            Box::pin(async move {
                let invite = invites::create(tx, &ctx, by, terms).await?;
                let name = format!("#{}", invite.id);
                audit::command(tx, &ctx, "kith invite create", "invite", &name).await?;
                Ok::<_, AppError>(invite)
            })
        })
        .await
        .map_err(|e| e.to_string())?;
    if args.get_flag("json") {
        return print_json(&shown(&invite));
    }
    println!("{}", invite.code);
    Ok(())
}

fn shown(invite: &Invite) -> Value {
    json!({
        "id": invite.id.to_string(),
        "code": invite.code,
        "account_id": invite.account_id.map(|id| id.to_string()),
        "max_uses": invite.max_uses,
        "uses": invite.uses,
        "created_at": iso(invite.created_at),
        "expires_at": invite.expires_at.map(iso),
        "revoked_at": invite.revoked_at.map(iso),
    })
}

/// An invitation in a line, but for its code.
fn line(invite: &Invite, now: i64) -> String {
    let used = match invite.max_uses {
        Some(most) => format!("used {} of {most}", invite.uses),
        None => format!("used {}", invite.uses),
    };
    let standing = if invite.revoked_at.is_some() {
        "revoked".to_owned()
    } else if invite.is_open(now) {
        match invite.expires_at {
            Some(at) => format!("until {}", iso(at)),
            None => "open".to_owned(),
        }
    } else {
        "over".to_owned()
    };
    format!("{used}  {standing}")
}

async fn list(app: &App, args: &ArgMatches) -> Outcome {
    let now = app.clock.now_ms();
    let (mut after, mut all) = (0, Vec::new());
    loop {
        let page = app
            .read(move |c| Box::pin(async move { Ok(db::invites::page(c, after, PAGE).await?) }))
            .await
            .map_err(|e: AppError| e.to_string())?;
        let Some(last) = page.last() else { break };
        after = last.id;
        if args.get_flag("json") {
            all.extend(page.iter().map(shown));
        } else {
            for invite in &page {
                println!("{}  {}", invite.code, line(invite, now));
            }
        }
    }
    if args.get_flag("json") {
        return print_json(&Value::Array(all));
    }
    Ok(())
}

async fn revoke(app: &App, args: &ArgMatches) -> Outcome {
    let code = required(args, "code")?.clone();
    let (ctx, wanted) = (app.ctx.clone(), code.clone());
    app.write(move |tx| {
        Box::pin(async move {
            invites::revoke(tx, &ctx, &wanted).await?;
            audit::command(tx, &ctx, "kith invite revoke", "invite", &wanted).await
        })
    })
    .await
    .map_err(|e| match e.status {
        http::StatusCode::NOT_FOUND => format!("there is no open invitation {code}"),
        _ => e.to_string(),
    })?;
    println!("revoked");
    Ok(())
}
