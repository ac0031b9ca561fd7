//! `kith doctor`: looks a server over.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::Value;

use super::{Outcome, json_flag, print_json};
use crate::clock::Clock;
use crate::config::Config;
use crate::doctor::{self, Check, State, Wanted};
use crate::random::Random;

pub fn command() -> Command {
    Command::new("doctor")
        .about("Look the server over: disk, database, queues, keys, what others see, services")
        .long_about(
            "Look the server over: disk, database, queues, keys, what others see, services. Each check is \
             ok, warn, fail or skipped, with what to do about it. Nothing is changed. It ends with an \
             error when a check fails.",
        )
        .arg(
            Arg::new("drill")
                .long("drill")
                .action(ArgAction::SetTrue)
                .help("Make a backup, restore it into a directory of its own, and compare"),
        )
        .arg(
            Arg::new("outside")
                .long("outside")
                .action(ArgAction::SetTrue)
                .help("Ask the public URL even where it is this machine alone"),
        )
        .arg(json_flag())
}

pub async fn run(config: Config, args: &ArgMatches) -> Outcome {
    let wanted = Wanted {
        drill: args.get_flag("drill"),
        outside: args.get_flag("outside"),
    };
    let checks = doctor::examine(&config, Clock::System, Random::system(), wanted).await;
    if args.get_flag("json") {
        print_json(&Value::Array(checks.iter().map(Check::json).collect()))?;
    } else {
        for check in &checks {
            println!(
                "{:<8}{:<12}{}",
                check.state.name(),
                check.name,
                check.message
            );
            if !check.hint.is_empty() {
                println!("{:20}{}", "", check.hint);
            }
        }
    }
    let failed: Vec<&str> = (checks.iter())
        .filter(|check| check.state == State::Fail)
        .map(|check| check.name)
        .collect();
    match failed.is_empty() {
        true => Ok(()),
        false => Err(format!("not well: {}", failed.join(", "))),
    }
}
