//! `kith man`: the manual, a page for each command.

use std::path::Path;

use clap::{Arg, ArgMatches, Command};
use clap_mangen::Man;

use super::Outcome;

pub fn command() -> Command {
    Command::new("man")
        .about("Print the manual page of kith, or write those of all commands into a directory")
        .arg(
            Arg::new("directory")
                .value_name("DIRECTORY")
                .help("Where they go, as kith.1, kith-user.1, kith-user-create.1…"),
        )
}

pub fn run(args: &ArgMatches) -> Outcome {
    let mut kith = super::command().disable_help_subcommand(true);
    kith.build();
    let Some(directory) = args.get_one::<String>("directory") else {
        return super::print_all(&page(&kith)?);
    };
    let directory = Path::new(directory);
    std::fs::create_dir_all(directory).map_err(|e| format!("{}: {e}", directory.display()))?;
    write(directory, "kith", &kith)?;
    let mut waiting = vec![(String::from("kith"), kith)];
    while let Some((name, command)) = waiting.pop() {
        for inner in command.get_subcommands() {
            let name = format!("{name}-{}", inner.get_name());
            // By its whole name, as in `man kith-user-create`.
            let whole: &'static str = Box::leak(name.clone().into_boxed_str());
            let shown = inner.clone().name(whole).mut_args(without_settings);
            write(directory, &name, &shown)?;
            waiting.push((name, inner.clone()));
        }
    }
    println!("the manual is in {}", directory.display());
    Ok(())
}

/// The settings are on the page of `kith`, and not on each.
fn without_settings(arg: Arg) -> Arg {
    let is_setting = arg.get_help_heading() == Some("Settings");
    arg.hide(is_setting)
}

fn write(directory: &Path, name: &str, command: &Command) -> Outcome {
    let path = directory.join(format!("{name}.1"));
    std::fs::write(&path, page(command)?).map_err(|e| format!("{}: {e}", path.display()))
}

fn page(command: &Command) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    Man::new(command.clone())
        .render(&mut text)
        .map_err(|e| e.to_string())?;
    Ok(text)
}
