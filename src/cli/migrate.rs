//! `kith migrate`: brings the database's schema up to date.

use clap::Command;

use super::{Outcome, open};
use crate::config::Config;

pub fn command() -> Command {
    Command::new("migrate").about("Bring the database's schema up to date (serve does it too)")
}

pub async fn run(config: Config) -> Outcome {
    // Opening migrates.
    open(config).await?;
    println!("the database is up to date");
    Ok(())
}
