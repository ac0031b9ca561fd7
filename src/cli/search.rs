//! `kith search reindex`: the search index, made again from what there is.

use clap::{ArgMatches, Command};

use super::{Outcome, open};
use crate::app::App;
use crate::config::Config;
use crate::error::AppError;
use crate::jobs::search::{self, Step};
use crate::progress::Progress;

pub fn command() -> Command {
    Command::new("search")
        .about("The search index")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("reindex")
                .about("Put every post and every account into the search index anew")
                .long_about(
                    "Put every post and every account into the search index anew. Search works \
                     meanwhile, with what is in the index. A running server helps; stopped half-way, \
                     it goes on with the rest.",
                ),
        )
}

pub async fn run(config: Config, matches: &ArgMatches) -> Outcome {
    let (verb, _) = matches.subcommand().ok_or("which command?")?;
    let app = open(config).await?;
    match verb {
        "reindex" => reindex(&app).await,
        other => Err(format!("unknown command search {other}")),
    }
}

async fn reindex(app: &App) -> Outcome {
    let told = |e: AppError| e.to_string();
    search::begin_anew(app).await.map_err(told)?;
    let progress = Progress::counting("indexing");
    loop {
        match search::step(app).await.map_err(told)? {
            Step::Idle => break,
            Step::More | Step::Some => {}
            Step::Backlog => progress.add(search::CHUNK as u64),
        }
    }
    drop(progress);
    println!("the search index is made anew");
    Ok(())
}
