//! `kith user list`

use clap::{Arg, ArgMatches, Command};
use serde_json::Value;

use super::{shown, state};
use crate::app::App;
use crate::cli::{Outcome, json_flag, print_json};
use crate::db;
use crate::db::accounts::Account;
use crate::db::users::User;
use crate::error::AppError;

/// Rows read at a time.
const PAGE: i64 = 500;
const STATES: [&str; 7] = [
    "active",
    "unverified",
    "pending",
    "disabled",
    "suspended",
    "silenced",
    "sensitized",
];

/// The command.
pub fn command() -> Command {
    Command::new("list")
        .about("List users, oldest first")
        .arg(
            Arg::new("status")
                .long("status")
                .value_name("STATUS")
                .value_parser(STATES)
                .help("Those alone who stand so; pending: they wait for approval"),
        )
        .arg(
            Arg::new("role")
                .long("role")
                .value_name("ROLE")
                .value_parser(["user", "moderator", "admin"])
                .help("Those alone of a role"),
        )
        .arg(
            Arg::new("limit")
                .long("limit")
                .value_name("N")
                .value_parser(clap::value_parser!(u64).range(1..))
                .help("No more than that many; a line on stderr says how to go on"),
        )
        .arg(
            Arg::new("after")
                .long("after")
                .value_name("ID")
                .value_parser(clap::value_parser!(i64))
                .help("Go on after the user of an id"),
        )
        .arg(json_flag())
}

fn is(wanted: &str, user: &User, account: &Account) -> bool {
    match wanted {
        "suspended" => account.suspended_at.is_some(),
        "silenced" => account.silenced_at.is_some(),
        "sensitized" => account.sensitized_at.is_some(),
        "disabled" => user.disabled_at.is_some(),
        "unverified" => user.confirmed_at.is_none(),
        "pending" => user.approved_at.is_none(),
        _ => state(user, account) == "active",
    }
}

/// Prints as it reads: however many there are, few are in memory.
pub async fn run(app: &App, args: &ArgMatches) -> Outcome {
    let status = args.get_one::<String>("status");
    let role = args.get_one::<String>("role");
    let mut left = args.get_one::<u64>("limit").copied().unwrap_or(u64::MAX);
    let mut after = args.get_one::<i64>("after").copied().unwrap_or(0);
    let as_json = args.get_flag("json");
    let mut all = Vec::new();
    loop {
        let page = app
            .read(move |c| Box::pin(async move { Ok(db::users::page(c, after, PAGE).await?) }))
            .await
            .map_err(|e: AppError| e.to_string())?;
        let Some((_, last)) = page.last() else { break };
        let end = last.id;
        let wanted = page.iter().filter(|(user, account)| {
            role.is_none_or(|role| user.role == *role)
                && status.is_none_or(|status| is(status, user, account))
        });
        for (user, account) in wanted {
            if left == 0 {
                eprintln!("there are more: --after {after}");
                return finish(as_json, all);
            }
            left -= 1;
            after = account.id;
            if as_json {
                all.push(shown(user, account));
            } else {
                println!(
                    "{:<30} {:<10} {:<18} {}",
                    account.username,
                    user.role,
                    state(user, account),
                    user.email
                );
            }
        }
        after = end;
    }
    finish(as_json, all)
}

fn finish(as_json: bool, all: Vec<Value>) -> Outcome {
    if as_json {
        return print_json(&Value::Array(all));
    }
    Ok(())
}
