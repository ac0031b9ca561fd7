//! `kith fetch`: a document of another server, as this server gets it.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::Value;

use super::{Outcome, open, print_all, print_json, required};
use crate::config::Config;
use crate::federation::fetch;

pub fn command() -> Command {
    Command::new("fetch")
        .about("Print a document of another server as this server gets it")
        .long_about(
            "Print a document of another server as this server gets it: asked for as ActivityPub, \
             with the signature of this server, within the limits and policies that hold for every \
             such request. Nothing is stored.",
        )
        .arg(
            Arg::new("url")
                .value_name("URL")
                .required(true)
                .help("What to fetch"),
        )
        .arg(
            Arg::new("raw")
                .long("raw")
                .action(ArgAction::SetTrue)
                .help("Print what came byte by byte, also where it is no JSON"),
        )
}

pub async fn run(config: Config, args: &ArgMatches) -> Outcome {
    let app = open(config).await?;
    let answer = fetch::answer(&app, required(args, "url")?)
        .await
        .map_err(|e| e.to_string())?;
    if args.get_flag("raw") {
        return print_all(&answer.body);
    }
    let document: Value = serde_json::from_slice(&answer.body).map_err(|e| {
        let kind = answer.headers.get(http::header::CONTENT_TYPE);
        let kind = kind
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or("of no type");
        format!("{}: what came ({kind}) is no JSON: {e}", answer.url)
    })?;
    print_json(&document)
}
