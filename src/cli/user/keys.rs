//! `kith user rotate-keys`: new signing keys.

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::{find, noted};
use crate::app::App;
use crate::cli::Outcome;
use crate::db;
use crate::db::accounts::Account;
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
        let username = account.username.clone();
        rotate(app, account).await?;
        println!("{username} has new keys");
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
            if account.deleted_at.is_none() {
                rotate(app, account).await?;
                number += 1;
                progress.add(1);
            }
        }
    }
    drop(progress);
    println!("{number} users have new keys");
    Ok(())
}

async fn rotate(app: &App, account: Account) -> Outcome {
    let keys = app.keys.next().await.map_err(|e| e.to_string())?;
    let ctx = app.ctx.clone();
    app.write(move |tx| {
        Box::pin(async move {
            accounts::rotate_keys(tx, &ctx, &account, &keys).await?;
            noted(tx, &ctx, "rotate-keys", &account, &[]).await
        })
    })
    .await
    .map_err(|e: AppError| e.to_string())
}
