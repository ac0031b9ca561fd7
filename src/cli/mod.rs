//! The commands, one file each.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

use crate::app::{App, CONNECTIONS, Environment};
use crate::clock::Clock;
use crate::config::{Config, SETTINGS};
use crate::db::SPANS;
use crate::federation::local_keys;
use crate::random::Random;
use crate::reload::{FilterLog, Source};
use crate::traces::{Recorder, Traces};

mod account;
mod announcement;
mod audit;
mod backup;
mod completions;
mod delivery;
mod demo;
mod doctor;
mod domain;
mod email_block;
mod emoji;
mod fetch;
mod inbox;
mod instance;
mod invite;
mod ip_block;
mod man;
mod media;
mod migrate;
mod move_database;
mod relay;
mod report;
mod resolve;
mod restore;
mod rule;
mod search;
mod self_destruct;
mod serve;
mod status;
mod token;
mod user;
mod username_block;
mod worker;

/// What a command ends with: nothing, or one line for stderr.
pub type Outcome = Result<(), String>;

/// The whole command line.
pub fn command() -> Command {
    let mut command = Command::new("kith")
        .about("A federated social server")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(false)
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .global(true)
                .help_heading("Settings")
                .help("Settings file; kith.toml in the working directory where it exists"),
        )
        .subcommand(serve::command())
        .subcommand(worker::command())
        .subcommand(demo::command())
        .subcommand(migrate::command())
        .subcommand(doctor::command())
        .subcommand(backup::command())
        .subcommand(restore::command())
        .subcommand(move_database::command())
        .subcommand(user::command())
        .subcommand(report::command())
        .subcommand(audit::command())
        .subcommand(token::command())
        .subcommand(domain::command())
        .subcommand(email_block::command())
        .subcommand(ip_block::command())
        .subcommand(username_block::command())
        .subcommand(announcement::command())
        .subcommand(emoji::command())
        .subcommand(delivery::command())
        .subcommand(inbox::command())
        .subcommand(instance::command())
        .subcommand(invite::command())
        .subcommand(media::command())
        .subcommand(relay::command())
        .subcommand(rule::command())
        .subcommand(status::command())
        .subcommand(account::command())
        .subcommand(resolve::command())
        .subcommand(fetch::command())
        .subcommand(search::command())
        .subcommand(self_destruct::command())
        .subcommand(
            Command::new("config-example")
                .about("Print an example of kith.toml with every setting"),
        )
        .subcommand(completions::command())
        .subcommand(man::command());
    for setting in SETTINGS {
        let flag: &'static str = Box::leak(setting.name.replace('_', "-").into_boxed_str());
        command = command.arg(
            Arg::new(setting.name)
                .long(flag)
                .value_name("VALUE")
                .global(true)
                .hide_short_help(true)
                .help_heading("Settings")
                .help(setting.help),
        );
    }
    command
}

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    let matches = match command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return misused(&error),
    };
    match dispatch(&matches) {
        Ok(()) => ExitCode::SUCCESS,
        Err(line) => {
            eprintln!("kith: {line}");
            ExitCode::FAILURE
        }
    }
}

/// Tells in one line what is wrong with a command line; prints what was asked for where it is help.
fn misused(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind;
    let helps = matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    if helps {
        error.exit();
    }
    let text = error.render().to_string();
    // What is amiss, up to the first empty line; then advice and the usage.
    let (what, rest) = text.split_once("\n\n").unwrap_or((&text, ""));
    let what: Vec<&str> = what.lines().map(str::trim).collect();
    let what = what.join(" ");
    let tips = rest
        .lines()
        .filter_map(|line| line.trim().strip_prefix("tip: "));
    let tips: String = tips.map(|tip| format!("; {tip}")).collect();
    let what = what.strip_prefix("error: ").unwrap_or(&what);
    eprintln!("kith: {what}{tips} (--help tells more)");
    ExitCode::from(2)
}

fn dispatch(matches: &ArgMatches) -> Outcome {
    // What needs no settings.
    match matches.subcommand() {
        Some(("config-example", _)) => return print_all(crate::config::example().as_bytes()),
        Some(("completions", inner)) => return completions::run(inner),
        Some(("man", inner)) => return man::run(inner),
        _ => {}
    }
    let read = settings_of(matches);
    let config = read()?;
    let serves = matches!(matches.subcommand_name(), None | Some("serve" | "worker"));
    let (recorder, traces) = match serves {
        true => Traces::new(&config, Clock::System, &Random::system())?.unzip(),
        false => (None, None),
    };
    let filter_log = start_logging(&config, serves, recorder)?;
    let source = Source {
        read: Box::new(read),
        filter_log,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| format!("cannot start: {e}"))?;
    runtime.block_on(async {
        match matches.subcommand() {
            None | Some(("serve", _)) => serve::run(config, source, traces).await,
            Some(("worker", _)) => worker::run(config, source, traces).await,
            Some(("demo", inner)) => demo::run(inner).await,
            Some(("migrate", _)) => migrate::run(config).await,
            Some(("doctor", inner)) => doctor::run(config, inner).await,
            Some(("backup", inner)) => backup::run(config, inner).await,
            Some(("restore", inner)) => restore::run(config, inner).await,
            Some(("move-database", inner)) => move_database::run(config, inner).await,
            Some(("user", inner)) => user::run(config, inner).await,
            Some(("report", inner)) => report::run(config, inner).await,
            Some(("audit", inner)) => audit::run(config, inner).await,
            Some(("token", inner)) => token::run(config, inner).await,
            Some(("domain", inner)) => domain::run(config, inner).await,
            Some(("email-block", inner)) => email_block::run(config, inner).await,
            Some(("ip-block", inner)) => ip_block::run(config, inner).await,
            Some(("username-block", inner)) => username_block::run(config, inner).await,
            Some(("announcement", inner)) => announcement::run(config, inner).await,
            Some(("emoji", inner)) => emoji::run(config, inner).await,
            Some(("delivery", inner)) => delivery::run(config, inner).await,
            Some(("inbox", inner)) => inbox::run(config, inner).await,
            Some(("instance", inner)) => instance::run(config, inner).await,
            Some(("invite", inner)) => invite::run(config, inner).await,
            Some(("media", inner)) => media::run(config, inner).await,
            Some(("relay", inner)) => relay::run(config, inner).await,
            Some(("rule", inner)) => rule::run(config, inner).await,
            Some(("status", inner)) => status::run(config, inner).await,
            Some(("account", inner)) => account::run(config, inner).await,
            Some(("resolve", inner)) => resolve::run(config, inner).await,
            Some(("fetch", inner)) => fetch::run(config, inner).await,
            Some(("search", inner)) => search::run(config, inner).await,
            Some(("self-destruct", inner)) => self_destruct::run(config, inner).await,
            Some((name, _)) => Err(format!("unknown command {name}")),
        }
    })
}

/// Reads the settings, as often as it is called: from the flags that were given, the environment and
/// the file.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the environment"
)]
fn settings_of(matches: &ArgMatches) -> impl Fn() -> Result<Config, String> + Send + use<> {
    let mut given = matches;
    while let Some((_, inner)) = given.subcommand() {
        given = inner;
    }
    let mut flags = BTreeMap::new();
    for setting in SETTINGS {
        if let Some(value) = given.get_one::<String>(setting.name) {
            flags.insert(setting.name.to_owned(), value.clone());
        }
    }
    let given_file = given.get_one::<String>("config").map(PathBuf::from);
    move || {
        let file = given_file.clone().or_else(|| {
            let default = PathBuf::from("kith.toml");
            default.exists().then_some(default)
        });
        Config::load(flags.clone(), std::env::vars(), file.as_deref()).map_err(|e| e.to_string())
    }
}

/// A server logs what the settings say; a command only what is amiss. Gives what changes the filter
/// from then on. Where spans are recorded for traces, that goes beside the log.
fn start_logging(
    config: &Config,
    serves: bool,
    recorder: Option<Recorder>,
) -> Result<FilterLog, String> {
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;
    use tracing_subscriber::{Layer, Registry, filter, fmt, reload};
    let live = config.live.now();
    if let Some(recorder) = recorder {
        // Each has a filter of its own: what is recorded does not hang on what is logged.
        let (chosen, handle) = reload::Layer::new(log_filter(&live.log)?);
        let logs = fmt::layer::<Registry>().with_writer(std::io::stderr);
        let logs = match config.log_json {
            true => logs.json().boxed(),
            false => logs.with_target(false).boxed(),
        };
        let spans = filter::Targets::new().with_target(SPANS, filter::LevelFilter::TRACE);
        let _ = tracing_subscriber::registry()
            .with(logs.with_filter(chosen))
            .with(recorder.with_filter(spans))
            .try_init();
        return Ok(Box::new(move |text| {
            let changed = handle.reload(log_filter(text)?);
            changed.map_err(|e| format!("KITH_LOG: {e}"))
        }));
    }
    let logs = tracing_subscriber::fmt()
        .with_env_filter(log_filter(if serves { &live.log } else { "warn" })?)
        .with_writer(std::io::stderr);
    // A second start in one process (tests) keeps the first's.
    if config.log_json {
        let logs = logs.json().with_filter_reloading();
        let handle = logs.reload_handle();
        let _ = logs.try_init();
        return Ok(Box::new(move |text| {
            let changed = handle.reload(log_filter(text)?);
            changed.map_err(|e| format!("KITH_LOG: {e}"))
        }));
    }
    let logs = logs.with_target(false).with_filter_reloading();
    let handle = logs.reload_handle();
    let _ = logs.try_init();
    Ok(Box::new(move |text| {
        let changed = handle.reload(log_filter(text)?);
        changed.map_err(|e| format!("KITH_LOG: {e}"))
    }))
}

/// What is logged. Spans of traces are no part of it, whatever it says.
fn log_filter(text: &str) -> Result<EnvFilter, String> {
    let filter = EnvFilter::try_new(text).map_err(|e| format!("KITH_LOG: {e}"))?;
    let without = format!("{SPANS}=off").parse();
    Ok(filter.add_directive(without.map_err(|e| format!("KITH_LOG: {e}"))?))
}

/// Opens the application for a command that runs to its end.
pub(crate) async fn open(config: Config) -> Result<App, String> {
    // Nobody ends a command from within.
    let (_, stop) = watch::channel(false);
    App::open(
        config,
        Environment {
            clock: Clock::System,
            random: Random::system(),
            keys: local_keys::source(),
            stop,
            connections: CONNECTIONS,
            traces: None,
        },
    )
    .await
}

/// `--json`, on every command that prints data.
fn json_flag() -> Arg {
    Arg::new("json")
        .long("json")
        .action(ArgAction::SetTrue)
        .help("Print JSON")
}

/// The value of an argument that the command line cannot be without.
fn required<'a>(args: &'a ArgMatches, name: &str) -> Result<&'a String, String> {
    args.get_one::<String>(name)
        .ok_or_else(|| format!("{name} is missing"))
}

/// A text given on the command line, or in the file that `--file` names (`-`: standard input).
fn text_or_file(args: &ArgMatches, name: &str) -> Result<Option<String>, String> {
    let Some(path) = args.get_one::<String>("file") else {
        return Ok(args.get_one::<String>(name).cloned());
    };
    let text = if path == "-" {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(path)
    };
    text.map(Some).map_err(|e| format!("{path}: {e}"))
}

/// `--file`, in the place of a text.
fn file_option() -> Arg {
    Arg::new("file")
        .long("file")
        .value_name("FILE")
        .help("Take the text from a file; - for standard input")
}

/// An id on the command line.
fn id(args: &ArgMatches) -> Result<i64, String> {
    let text = required(args, "id")?;
    text.parse().map_err(|_| format!("{text:?} is no id"))
}

fn print_json(value: &serde_json::Value) -> Outcome {
    println!("{value:#}");
    Ok(())
}

/// Prints an object's fields, a line each; what is null or empty is left out.
fn print_fields(value: &serde_json::Value) {
    use serde_json::Value;
    for (name, value) in value.as_object().into_iter().flatten() {
        match value {
            Value::Null => {}
            Value::String(text) if text.is_empty() => {}
            Value::String(text) => println!("{name}: {text}"),
            other => println!("{name}: {other}"),
        }
    }
}

/// Writes bytes to standard output. Whoever reads them may have read enough.
fn print_all(bytes: &[u8]) -> Outcome {
    use std::io::{ErrorKind, Write};
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.to_string()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::{Layer, fmt};

    use super::*;
    use crate::traces::span;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_log_knows_nothing_of_spans_of_traces() {
        for text in ["trace", "info,kith=trace", "off,kith=trace"] {
            let written = Written::default();
            let writer = written.clone();
            let logs = fmt::layer()
                .with_writer(move || writer.clone())
                .with_ansi(false);
            let logs = logs.with_filter(log_filter(text).unwrap());
            tracing::subscriber::with_default(tracing_subscriber::registry().with(logs), || {
                let _request = span!("a request").entered();
                let _read = tracing::trace_span!(target: "otlp::database", "a read").entered();
                let _other = tracing::trace_span!("another span").entered();
                tracing::info!("a line");
            });
            let written = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
            assert!(written.contains("a line"), "{text}: {written}");
            assert!(written.contains("another span"), "{text}: {written}");
            assert!(!written.contains("a re"), "{text}: {written}");
        }
        assert!(log_filter("kith=loud").is_err());
    }
}
