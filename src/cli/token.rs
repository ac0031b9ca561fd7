//! `kith token …`: access tokens that live until they are revoked.

use clap::{Arg, ArgMatches, Command};
use serde_json::{Value, json};

use super::user::find;
use super::{Outcome, json_flag, open, print_json, required};
use crate::app::App;
use crate::clock::iso;
use crate::config::Config;
use crate::db;
use crate::domain::moderation::audit;
use crate::domain::oauth::scopes;
use crate::domain::sign_in::{self, Origin};
use crate::error::AppError;
use crate::http::auth::{read_token, write_token};

pub fn command() -> Command {
    let name = || {
        Arg::new("name")
            .value_name("NAME")
            .required(true)
            .help("User name")
    };
    Command::new("token")
        .about("Access tokens")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("create")
                .about("Make a token for a user; prints the token alone")
                .arg(name())
                .arg(
                    Arg::new("scopes")
                        .long("scopes")
                        .value_name("SCOPES")
                        .default_value("read write follow push")
                        .help("Scopes, by spaces"),
                )
                .arg(json_flag()),
        )
        .subcommand(
            Command::new("list")
                .about("List a user's tokens")
                .arg(name())
                .arg(json_flag()),
        )
        .subcommand(
            Command::new("revoke")
                .about("Revoke a token; it is of no more use at once")
                .arg(
                    Arg::new("token")
                        .value_name("TOKEN")
                        .required(true)
                        .help("Its id (from token list), or the token itself"),
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
        other => Err(format!("unknown command token {other}")),
    }
}

async fn create(app: &App, args: &ArgMatches) -> Outcome {
    let scopes = scopes::parse(required(args, "scopes")?)
        .map_err(|unknown| format!("unknown scope {unknown}"))?
        .join(" ");
    if scopes.is_empty() {
        return Err("a token without scopes is of no use".to_owned());
    }
    let (_, account) = find(app, required(args, "name")?).await?;
    let (ctx, id, name) = (app.ctx.clone(), account.id, account.username.clone());
    let token = app
        .write(move |tx| {
            Box::pin(async move {
                let origin = Origin::default();
                let typed = "kith token create";
                audit::command(tx, &ctx, typed, "user", &name).await?;
                sign_in::issue(tx, &ctx, Some(id), None, &scopes, typed, &origin).await
            })
        })
        .await
        .map_err(|e| e.to_string())?;
    let text = write_token(app, token.id).map_err(|e| e.to_string())?;
    if args.get_flag("json") {
        return print_json(&json!({
            "id": token.id.to_string(),
            "access_token": text,
            "token_type": "Bearer",
            "scope": token.scopes,
            "created_at": token.created_at / 1000,
        }));
    }
    println!("{text}");
    Ok(())
}

async fn list(app: &App, args: &ArgMatches) -> Outcome {
    let (_, account) = find(app, required(args, "name")?).await?;
    let id = account.id;
    let tokens = app
        .read(move |c| Box::pin(async move { Ok(db::tokens::all_of_account(c, id).await?) }))
        .await
        .map_err(|e: AppError| e.to_string())?;
    let now = app.clock.now_ms();
    let alive = tokens
        .into_iter()
        .filter(|token| token.expires_at.is_none_or(|at| at > now));
    if args.get_flag("json") {
        let all = alive.map(|token| {
            json!({
                "id": token.id.to_string(),
                "name": token.name,
                "scopes": token.scopes,
                "created_at": iso(token.created_at),
                "expires_at": token.expires_at.map(iso),
            })
        });
        return print_json(&Value::Array(all.collect()));
    }
    for token in alive {
        println!(
            "{} {} {:<24} {}",
            token.id,
            iso(token.created_at),
            token.name,
            token.scopes
        );
    }
    Ok(())
}

async fn revoke(app: &App, args: &ArgMatches) -> Outcome {
    let given = required(args, "token")?;
    let id = given
        .parse::<i64>()
        .ok()
        .or_else(|| read_token(app, given))
        .ok_or("this is neither a token nor an id of one")?;
    let ctx = app.ctx.clone();
    let found = app
        .write(move |tx| {
            Box::pin(async move {
                match db::tokens::by_id(tx, id).await? {
                    Some(token) if token.revoked_at.is_none() => {
                        sign_in::end(tx, &ctx, &token).await?;
                        let name = format!("#{id}");
                        audit::command(tx, &ctx, "kith token revoke", "token", &name).await?;
                        Ok(true)
                    }
                    _ => Ok(false),
                }
            })
        })
        .await
        .map_err(|e: AppError| e.to_string())?;
    if !found {
        return Err("there is no such token, or it was revoked before".to_owned());
    }
    println!("revoked");
    Ok(())
}
