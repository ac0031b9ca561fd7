//! `kith user delete`: an account goes for good.

use std::io::{BufRead, IsTerminal};

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::json;

use super::{find, json_flag, print_json, required};
use crate::app::App;
use crate::cli::Outcome;
use crate::db;
use crate::db::accounts::Account;
use crate::domain::deletion;
use crate::error::AppError;

pub fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .action(ArgAction::SetTrue)
            .help(help)
    };
    Command::new("delete")
        .about("Delete a user's account for good, and tell other servers")
        .arg(
            Arg::new("name")
                .value_name("NAME")
                .required(true)
                .help("User name"),
        )
        .arg(flag("yes", "Do not ask for the name again"))
        .arg(flag("dry-run", "Only say what would go"))
        .arg(json_flag())
}

/// Before anything is opened: whoever deletes has to mean it.
pub fn confirm(args: &ArgMatches) -> Outcome {
    if args.get_flag("yes") || args.get_flag("dry-run") {
        return Ok(());
    }
    let name = required(args, "name")?;
    let input = std::io::stdin();
    if !input.is_terminal() {
        return Err("give --yes: an account that is deleted cannot be brought back".to_owned());
    }
    eprintln!("The account {name} cannot be brought back. Type its name to delete it:");
    let mut line = String::new();
    input
        .lock()
        .read_line(&mut line)
        .map_err(|e| format!("cannot read the name: {e}"))?;
    if line.trim() == name {
        Ok(())
    } else {
        Err("nothing was deleted: that was another name".to_owned())
    }
}

pub async fn run(app: &App, args: &ArgMatches) -> Outcome {
    let (_, account) = find(app, required(args, "name")?).await?;
    let dry = args.get_flag("dry-run");
    let held = held(app, &account).await?;
    if !dry {
        let (ctx, id) = (app.ctx.clone(), account.id);
        let noted_of = account.clone();
        app.write(move |tx| {
            Box::pin(async move {
                let now = ctx.now();
                deletion::begin(tx, &ctx, id, now).await?;
                super::noted(tx, &ctx, "delete", &noted_of, &[]).await
            })
        })
        .await
        .map_err(|e: AppError| e.to_string())?;
    }
    if args.get_flag("json") {
        return print_json(&json!({
            "id": account.id.to_string(),
            "username": account.username,
            "uri": account.uri,
            "dry_run": dry,
            "statuses": held.statuses,
            "followers": held.followers,
            "following": held.following,
            "files": held.files,
            "bytes": held.bytes,
        }));
    }
    println!(
        "{} {}: {} posts, {} followers, {} followed, {} files ({} bytes)",
        account.username,
        if dry { "would go" } else { "is being deleted" },
        held.statuses,
        held.followers,
        held.following,
        held.files,
        held.bytes
    );
    if !dry {
        println!("It is hidden as of now; the running server erases it and tells other servers.");
    }
    Ok(())
}

async fn held(app: &App, account: &Account) -> Result<db::deletions::Held, String> {
    let id = account.id;
    app.read(move |c| Box::pin(async move { Ok(db::deletions::held(c, id).await?) }))
        .await
        .map_err(|e: AppError| e.to_string())
}
