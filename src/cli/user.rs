//! `kith user …`: local accounts. Works beside a running server.

use std::io::{IsTerminal, Read};

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};

use super::{Outcome, json_flag, open, print_fields, print_json, required};
use crate::app::App;
use crate::clock::iso;
use crate::config::Config;
use crate::db::accounts::Account;
use crate::db::users::User;
use crate::db::{self, Conn};
use crate::domain::deletion;
use crate::domain::moderation::Actor;
use crate::domain::moderation::audit::{self, Target};
use crate::domain::users::{self, Changes, Creating, Role};
use crate::domain::{Ctx, totp};
use crate::error::{AppError, AppResult};
use crate::passwords;

mod delete;
mod keys;
mod list;
mod moderation;
mod sessions;

pub(super) use moderation::account as account_of;

pub fn command() -> Command {
    let name = || {
        Arg::new("name")
            .value_name("NAME")
            .required(true)
            .help("User name")
    };
    let password = || {
        Arg::new("password")
            .long("password")
            .value_name("PASSWORD")
            .help("Without it, one line is read from standard input")
    };
    let role = || {
        Arg::new("role")
            .long("role")
            .value_name("ROLE")
            .value_parser(["user", "moderator", "admin"])
            .help("What the user may do")
    };
    let email = || {
        Arg::new("email")
            .long("email")
            .value_name("ADDRESS")
            .help("The e-mail address")
    };
    Command::new("user")
        .about("Local accounts")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("create")
                .about("Add a user")
                .arg(name())
                .arg(email().required(true))
                .arg(password())
                .arg(role().default_value("user"))
                .arg(
                    Arg::new("confirmed")
                        .long("confirmed")
                        .action(ArgAction::SetTrue)
                        .help("The e-mail address needs no verification"),
                )
                .arg(json_flag()),
        )
        .subcommand(list::command())
        .subcommand(
            Command::new("show")
                .about("Show a user")
                .arg(name())
                .arg(json_flag()),
        )
        .subcommand(
            Command::new("modify")
                .about("Change a user")
                .arg(name())
                .arg(role())
                .arg(email())
                .arg(
                    Arg::new("confirm")
                        .long("confirm")
                        .action(ArgAction::SetTrue)
                        .help("The e-mail address is verified"),
                )
                .arg(
                    Arg::new("disable-totp")
                        .long("disable-totp")
                        .action(ArgAction::SetTrue)
                        .help("Ask for no one-time passwords any more: the device is lost"),
                )
                .arg(json_flag()),
        )
        .subcommand(
            Command::new("approve")
                .about("Let a registration in")
                .arg(name()),
        )
        .subcommand(
            Command::new("reject")
                .about("Turn a registration away and free its name")
                .arg(name()),
        )
        .subcommand(
            Command::new("disable")
                .about("Keep a user from signing in, and end their sessions")
                .arg(name()),
        )
        .subcommand(
            Command::new("enable")
                .about("Let a disabled user sign in again")
                .arg(name()),
        )
        .subcommands(moderation::commands())
        .subcommand(sessions::command())
        .subcommand(keys::command())
        .subcommand(
            Command::new("reset-password")
                .about("Set a new password, and end every session")
                .arg(name())
                .arg(password()),
        )
        .subcommand(delete::command())
}

pub async fn run(config: Config, matches: &ArgMatches) -> Outcome {
    let (verb, args) = matches.subcommand().ok_or("which command?")?;
    // Asked for before anything is opened.
    let password = match verb {
        "create" | "reset-password" => Some(password(args)?),
        _ => None,
    };
    if verb == "delete" {
        delete::confirm(args)?;
    }
    let app = open(config).await?;
    match verb {
        "delete" => delete::run(&app, args).await,
        "create" => create(&app, args, password.unwrap_or_default()).await,
        "list" => list::run(&app, args).await,
        "show" => show(&app, args).await,
        "modify" => modify(&app, args).await,
        "reset-password" => reset_password(&app, args, password.unwrap_or_default()).await,
        "rotate-keys" => keys::run(&app, args).await,
        "approve" | "reject" | "disable" | "enable" => standing(&app, args, verb).await,
        "role" => moderation::role(&app, args).await,
        "sessions" => sessions::run(&app, args).await,
        verb if moderation::VERBS.contains(&verb) => moderation::run(&app, args, verb).await,
        other => Err(format!("unknown command user {other}")),
    }
}

/// The password given, or the first line of a standard input that is no terminal.
fn password(args: &ArgMatches) -> Result<String, String> {
    let password = match args.get_one::<String>("password") {
        Some(password) => password.clone(),
        None => {
            let input = std::io::stdin();
            if input.is_terminal() {
                return Err("give --password, or the password on standard input".to_owned());
            }
            let mut text = String::new();
            input
                .take(4096)
                .read_to_string(&mut text)
                .map_err(|e| format!("cannot read the password: {e}"))?;
            text.lines().next().unwrap_or_default().to_owned()
        }
    };
    match passwords::problem(&password) {
        Some(text) => Err(format!("the password {text}")),
        None => Ok(password),
    }
}

/// The user of a name, or why not.
pub(super) async fn find(app: &App, name: &str) -> Result<(User, Account), String> {
    let wanted = name.strip_prefix('@').unwrap_or(name).to_owned();
    app.read(move |c| {
        Box::pin(async move {
            let Some(account) = db::accounts::by_handle(c, &wanted, "").await? else {
                return Ok(None);
            };
            let user = db::users::by_account(c, account.id).await?;
            Ok::<_, AppError>(user.map(|user| (user, account)))
        })
    })
    .await
    .map_err(|e| e.to_string())?
    .ok_or_else(|| format!("there is no user {name}"))
}

fn shown(user: &User, account: &Account) -> Value {
    let time = |at: Option<i64>| at.map(iso);
    json!({
        "id": account.id.to_string(),
        "username": account.username,
        "email": user.email,
        "role": user.role,
        "created_at": iso(user.created_at),
        "confirmed_at": time(user.confirmed_at),
        "approved_at": time(user.approved_at),
        "disabled_at": time(user.disabled_at),
        "suspended_at": time(account.suspended_at),
        "deletes_at": time(user.leaves_at),
        "silenced_at": time(account.silenced_at),
        "sensitized_at": time(account.sensitized_at),
        "last_sign_in_at": time(user.last_sign_in_at),
        "reason": user.reason,
        "uri": account.uri,
    })
}

/// What stands between a user and their account, in a word.
fn state(user: &User, account: &Account) -> &'static str {
    if deletion::is_leaving(user.leaving_at, account.suspended_at) {
        "to be deleted"
    } else if account.suspended_at.is_some() {
        "suspended"
    } else if user.disabled_at.is_some() {
        "disabled"
    } else if user.confirmed_at.is_none() {
        "unverified"
    } else if user.approved_at.is_none() {
        "waits for approval"
    } else {
        "active"
    }
}

async fn create(app: &App, args: &ArgMatches, password: String) -> Outcome {
    let role = Role::parse(required(args, "role")?).ok_or("unknown role")?;
    let password_hash = passwords::hash(&app.random, password)
        .await
        .map_err(|e| e.to_string())?;
    let new = Creating {
        username: required(args, "name")?.clone(),
        email: required(args, "email")?.trim().to_owned(),
        password_hash,
        keys: app.keys.next().await.map_err(|e| e.to_string())?,
        role,
        confirmed: args.get_flag("confirmed"),
    };
    let ctx = app.ctx.clone();
    let (account, user) = app
        .write(move |tx| {
            Box::pin(async move {
                let made = users::create(tx, &ctx, new).await?;
                noted(
                    tx,
                    &ctx,
                    "create",
                    &made.0,
                    &[("role", made.1.role.as_str())],
                )
                .await?;
                Ok::<_, AppError>(made)
            })
        })
        .await
        .map_err(|e| e.to_string())?;
    if args.get_flag("json") {
        return print_json(&shown(&user, &account));
    }
    println!("{} was created ({})", account.username, account.uri);
    Ok(())
}

async fn show(app: &App, args: &ArgMatches) -> Outcome {
    let (user, account) = find(app, required(args, "name")?).await?;
    let value = shown(&user, &account);
    if args.get_flag("json") {
        return print_json(&value);
    }
    print_fields(&value);
    Ok(())
}

async fn modify(app: &App, args: &ArgMatches) -> Outcome {
    let (_, account) = find(app, required(args, "name")?).await?;
    let changes = Changes {
        role: match args.get_one::<String>("role") {
            Some(role) => Some(Role::parse(role).ok_or("unknown role")?),
            None => None,
        },
        email: args
            .get_one::<String>("email")
            .map(|email| email.trim().to_owned()),
        confirm: args.get_flag("confirm"),
    };
    let disable = args.get_flag("disable-totp");
    if changes.role.is_none() && changes.email.is_none() && !changes.confirm && !disable {
        return Err(
            "nothing to change: give --role, --email, --confirm or --disable-totp".to_owned(),
        );
    }
    let (ctx, of) = (app.ctx.clone(), account.clone());
    let user = app
        .write(move |tx| {
            Box::pin(async move {
                let role = changes.role.map_or("", Role::as_str);
                let address = if changes.email.is_some() {
                    "changed"
                } else {
                    ""
                };
                let second = if disable { "disabled" } else { "" };
                let user = users::modify(tx, &ctx, of.id, changes.clone()).await?;
                if disable && !totp::remove(tx, &ctx, of.id).await? {
                    return Err(AppError::invalid("the user has no one-time passwords"));
                }
                noted(
                    tx,
                    &ctx,
                    "modify",
                    &of,
                    &[("role", role), ("email", address), ("totp", second)],
                )
                .await?;
                Ok::<_, AppError>(user)
            })
        })
        .await
        .map_err(|e| e.to_string())?;
    if args.get_flag("json") {
        return print_json(&shown(&user, &account));
    }
    println!("{} was changed", account.username);
    Ok(())
}

async fn reset_password(app: &App, args: &ArgMatches, password: String) -> Outcome {
    let (_, account) = find(app, required(args, "name")?).await?;
    let hash = passwords::hash(&app.random, password)
        .await
        .map_err(|e| e.to_string())?;
    let (ctx, of) = (app.ctx.clone(), account.clone());
    app.write(move |tx| {
        Box::pin(async move {
            users::change_password(tx, &ctx, of.id, hash, None).await?;
            noted(tx, &ctx, "reset-password", &of, &[]).await
        })
    })
    .await
    .map_err(|e| e.to_string())?;
    println!("{} has a new password", account.username);
    Ok(())
}

async fn standing(app: &App, args: &ArgMatches, verb: &str) -> Outcome {
    let (_, account) = find(app, required(args, "name")?).await?;
    let (ctx, of) = (app.ctx.clone(), account.clone());
    let wanted = verb.to_owned();
    let said = app
        .write(move |tx| {
            Box::pin(async move {
                let id = of.id;
                let said = match wanted.as_str() {
                    "approve" if !users::approve(tx, &ctx, id).await? => "was approved before",
                    "approve" => "is approved",
                    "reject" => {
                        users::reject(tx, &ctx, id).await?;
                        "is rejected and removed"
                    }
                    "disable" => {
                        users::set_disabled(tx, &ctx, id, true).await?;
                        "is disabled"
                    }
                    _ => {
                        users::set_disabled(tx, &ctx, id, false).await?;
                        "is enabled"
                    }
                };
                noted(tx, &ctx, &wanted, &of, &[]).await?;
                Ok(said)
            })
        })
        .await
        .map_err(|e: AppError| e.to_string())?;
    println!("{} {said}", account.username);
    Ok(())
}

/// Writes down in the audit log what a command did to a user.
async fn noted(
    tx: &mut Conn,
    ctx: &Ctx,
    verb: &str,
    account: &Account,
    details: &[(&str, &str)],
) -> AppResult<()> {
    let actor = Actor::command(&format!("kith user {verb}"));
    let action = verb.replace('-', "_");
    audit::record(tx, ctx, &actor, &action, Target::Account(account), details).await
}
