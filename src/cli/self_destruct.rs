//! `kith self-destruct`: the end of this server.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::json;

use super::{Outcome, json_flag, open, print_json};
use crate::app::App;
use crate::config::Config;
use crate::db;
use crate::db::accounts::Account;
use crate::domain::moderation::audit;
use crate::domain::self_destruct;
use crate::error::AppError;
use crate::progress::Progress;

/// Accounts read at a time.
const PAGE: i64 = 500;
/// Hosts that something waits for, counted up to.
const HOSTS: i64 = 100_000;

pub fn command() -> Command {
    Command::new("self-destruct")
        .about("Delete every account of this server for good, and tell all servers that know them")
        .long_about(
            "Delete every account of this server for good, and tell all servers that know them, so \
             that they keep no copies. Nobody can register any more. It cannot be taken back.\n\n\
             The server has to run on until nothing waits to be delivered. Given again, the command \
             tells how far it is.",
        )
        .arg(
            Arg::new("domain")
                .value_name("DOMAIN")
                .required_unless_present("dry-run")
                .help("The domain of this server, to say that it is meant"),
        )
        .arg(
            Arg::new("dry-run")
                .long("dry-run")
                .action(ArgAction::SetTrue)
                .help("Count what would go, and delete nothing"),
        )
        .arg(json_flag())
}

pub async fn run(config: Config, args: &ArgMatches) -> Outcome {
    let dry = args.get_flag("dry-run");
    let ours = config.account_domain.clone();
    if let Some(given) = args.get_one::<String>("domain")
        && *given != ours
    {
        return Err(format!(
            "nothing was deleted: this server is {ours}, not {given}"
        ));
    }
    let app = open(config).await?;
    let told = |e: AppError| e.to_string();
    if !dry {
        let (ctx, domain) = (app.ctx.clone(), ours.clone());
        app.write(move |tx| {
            Box::pin(async move {
                if !self_destruct::begun(tx).await? {
                    audit::command(tx, &ctx, "kith self-destruct", "domain", &domain).await?;
                }
                self_destruct::begin(tx, &ctx).await
            })
        })
        .await
        .map_err(told)?;
    }
    let accounts = each(&app, dry).await?;
    let hosts = app
        .read(|c| Box::pin(async move { Ok(db::deliveries::waiting_hosts(c, HOSTS).await?) }))
        .await
        .map_err(told)?;
    if args.get_flag("json") {
        return print_json(&json!({
            "domain": ours,
            "accounts": accounts,
            "waiting_servers": hosts.len(),
            "dry_run": dry,
        }));
    }
    match (dry, accounts) {
        (true, _) => println!("{accounts} accounts of {ours} would be deleted"),
        (false, 0) if hosts.is_empty() => {
            println!("no account of {ours} is left, and nothing waits to be delivered");
        }
        (false, _) => println!(
            "{accounts} accounts of {ours} are being deleted, and {} servers are still to be told: \
             the server has to run until none is",
            hosts.len()
        ),
    }
    Ok(())
}

/// Has each account that is left deleted, one at a time; their number.
async fn each(app: &App, dry: bool) -> Result<u64, String> {
    let progress = Progress::counting("deleting accounts");
    let (mut number, mut above) = (0, 0);
    loop {
        let page = app
            .read(move |c| Box::pin(self_destruct::remaining(c, above, PAGE)))
            .await
            .map_err(|e| e.to_string())?;
        let Some((accounts, last)) = page else {
            return Ok(number);
        };
        above = last;
        for Account { id, .. } in accounts {
            number += 1;
            progress.add(1);
            if dry {
                continue;
            }
            let ctx = app.ctx.clone();
            app.write(move |tx| Box::pin(async move { self_destruct::delete(tx, &ctx, id).await }))
                .await
                .map_err(|e| e.to_string())?;
        }
    }
}
