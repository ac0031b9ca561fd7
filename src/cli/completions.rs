//! `kith completions`: what shells complete.

use clap::{Arg, ArgMatches, Command, value_parser};
use clap_complete::Shell;

use super::Outcome;

pub fn command() -> Command {
    Command::new("completions")
        .about("Print the completions of these commands for a shell")
        .arg(
            Arg::new("shell")
                .value_name("SHELL")
                .required(true)
                .value_parser(value_parser!(Shell))
                .help("The shell they are for"),
        )
}

pub fn run(args: &ArgMatches) -> Outcome {
    let shell = args.get_one::<Shell>("shell").ok_or("for which shell?")?;
    let mut text = Vec::new();
    clap_complete::generate(*shell, &mut super::command(), "kith", &mut text);
    super::print_all(&text)
}
