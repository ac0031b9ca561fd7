//! `kith user rotate-keys`: new signing keys.

use clap::{Arg, ArgAction, ArgMatches, Command};
use http::StatusCode;

use super::{find, noted};
use crate::app::App;
use crate::cli::Outcome;
use crate::db;
use crate::domain::accounts;
use crate::error::AppError;
use crate::progress::Progress;

/// Users read at a time.
const PAGE: i64 = 100;

/// The command.
pub fn command() -> Command {
    Command::new("rotate-keys")
        .about("Give a user, or all, new signing keys, and tell other servers")
        .arg(
            Arg::new("name")
                .value_name("NAME")
                .required_unless_present("all")
                .help("User name"),
        )
        .arg(
            Arg::new("all")
                .long("all")
                .action(ArgAction::SetTrue)
                .conflicts_with("name")
                .help("Every user of this server"),
        )
}

/// Makes them.
pub async fn run(app: &App, args: &ArgMatches) -> Outcome {
    if let Some(name) = args.get_one::<String>("name") {
        let (_, account) = find(app, name).await?;
        if !rotate(app, account.id).await? {
            return Err(format!("{} is gone", account.username));
        }
        println!("{} has new keys", account.username);
        return Ok(());
    }
    let progress = Progress::counting("making keys");
    let (mut number, mut after) = (0, 0);
    loop {
        let page = app
            .read(move |c| Box::pin(async move { Ok(db::users::page(c, after, PAGE).await?) }))
            .await
            .map_err(|e: AppError| e.to_string())?;
        let Some((_, last)) = page.last() else { break };
        after = last.id;
        for (_, account) in page {
            if account.deleted_at.is_none() && rotate(app, account.id).await? {
                number += 1;
                progress.add(1);
            }
        }
    }
    drop(progress);
    println!("{number} users have new keys");
    Ok(())
}

/// Gives an account new keys; false where it is gone by now.
async fn rotate(app: &App, id: i64) -> Result<bool, String> {
    let keys = app.keys.next().await.map_err(|e| e.to_string())?;
    let ctx = app.ctx.clone();
    let rotated = app
        .write(move |tx| {
            Box::pin(async move {
                let account = accounts::rotate_keys(tx, &ctx, id, &keys).await?;
                noted(tx, &ctx, "rotate-keys", &account, &[]).await
            })
        })
        .await;
    match rotated {
        Ok(()) => Ok(true),
        Err(error) if error.status == StatusCode::NOT_FOUND => Ok(false),
        Err(error) => Err(error.to_string()),
    }
}
