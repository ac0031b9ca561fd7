//! Every command: its help, one success and one failure, as people see them. After a change that is
//! meant: `INSTA_UPDATE=always`.

mod cases;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::process::{self, ExitStatus, Output, Stdio};
use std::sync::Mutex;

use clap::Command;
use regex::Regex;
use serde_json::{Value, json};

use self::cases::{CASES, Case};
use super::png;
use crate::support::database;
use crate::support::peer::{Delivery, Inbox, Peer, eventually};
use crate::support::process::Process;
use crate::support::s3::S3;

/// First words whose commands are run while nothing else is, and in this order.
const ALONE: [&str; 8] = [
    "delivery",
    "media",
    "audit",
    "backup",
    "restore",
    "move-database",
    "migrate",
    "self-destruct",
];
/// Commands that run on until they are told to end.
const GO_ON: [&str; 3] = ["serve", "worker", "demo"];
/// Lines of an output that are shown.
const LINES: usize = 16;

/// Commands that are run by themselves, by their words, with how they present themselves.
fn leaves() -> BTreeMap<String, Command> {
    let mut kith = kith::cli::command().disable_help_subcommand(true);
    kith.build();
    let mut found = BTreeMap::new();
    let mut waiting: Vec<(String, Command)> = Vec::new();
    waiting.extend(
        kith.get_subcommands()
            .map(|c| (c.get_name().into(), c.clone())),
    );
    while let Some((words, command)) = waiting.pop() {
        for inner in command.get_subcommands() {
            waiting.push((format!("{words} {}", inner.get_name()), inner.clone()));
        }
        if !command.is_subcommand_required_set() {
            found.insert(words, command);
        }
    }
    found
}

/// The long help, without the settings: they are those of all commands.
fn help(command: &Command) -> String {
    let text = command.clone().render_long_help().to_string();
    let own = text.split("\nSettings:\n").next().unwrap_or_default();
    format!("{}\n", own.trim_end())
}

#[test]
fn every_command_is_tried() {
    let known: BTreeSet<String> = leaves().into_keys().collect();
    let tried: BTreeSet<String> = CASES.iter().map(|case| case.command.to_owned()).collect();
    assert_eq!(known, tried);
    assert_eq!(CASES.len(), tried.len(), "a command is tried twice");
}

/// The overview in the documentation: every command, as it is used, and what it is for.
fn overview() -> String {
    let mut kith = kith::cli::command().disable_help_subcommand(true);
    kith.build();
    let mut text = String::new();
    for group in kith.get_subcommands() {
        let (word, about) = (group.get_name(), group.get_about());
        let about = about.map(ToString::to_string).unwrap_or_default();
        let _ = write!(text, "\n### kith {word}\n\n{about}.\n\n| | |\n|---|---|\n");
        for (words, command) in leaves() {
            if words.split(' ').next() != Some(word) {
                continue;
            }
            let usage = command.clone().render_usage().to_string();
            let usage = usage.lines().next().unwrap_or_default();
            let usage = usage.trim_start_matches("Usage: ").replace('|', "\\|");
            let about = command.get_about().map(ToString::to_string);
            let about = about.unwrap_or_default().replace('|', "\\|");
            let _ = writeln!(text, "| `{usage}` | {about} |");
        }
    }
    text
}

#[test]
fn the_overview_is_that_of_the_commands() {
    const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/admin/commands.md");
    const BEGINS: &str = "<!-- from here on by the test tests/it/operation/commands.rs -->\n";
    let written = std::fs::read_to_string(PATH).expect("the documentation");
    let (before, after) = written.split_once(BEGINS).expect("where it begins");
    let wanted = overview();
    if after != wanted && std::env::var("INSTA_UPDATE").as_deref() == Ok("always") {
        std::fs::write(PATH, format!("{before}{BEGINS}{wanted}")).expect("the documentation");
        return;
    }
    assert_eq!(after, wanted, "INSTA_UPDATE=always writes it anew");
}

#[test]
fn every_argument_is_explained() {
    let mut mute = Vec::new();
    for (words, command) in leaves() {
        let of_these = command
            .get_arguments()
            .filter(|arg| arg.get_help().is_none());
        mute.extend(of_these.map(|arg| format!("{words} {}", arg.get_id())));
    }
    assert_eq!(mute, Vec::<String>::new());
}

#[test]
fn what_prints_data_prints_json() {
    let silent: BTreeSet<String> = leaves()
        .into_iter()
        .filter(|(_, command)| command.get_arguments().all(|arg| arg.get_id() != "json"))
        .map(|(words, _)| words)
        .collect();
    // These say in a line that it is done, or print what has a form of its own.
    let meant = [
        "announcement delete",
        "announcement update",
        "completions",
        "config-example",
        "delivery purge",
        "delivery retry",
        "demo",
        "domain allow",
        "domain limit",
        "domain remove",
        "domain subscriptions remove",
        "email-block add",
        "email-block remove",
        "emoji add",
        "emoji remove",
        "fetch",
        "inbox drop",
        "inbox retry",
        "inbox show",
        "instance set",
        "invite revoke",
        "ip-block remove",
        "man",
        "migrate",
        "relay remove",
        "rule add",
        "rule edit",
        "rule remove",
        "search reindex",
        "serve",
        "token revoke",
        "user approve",
        "user disable",
        "user enable",
        "user reject",
        "user reset-password",
        "user rotate-keys",
        "username-block add",
        "username-block remove",
        "worker",
    ];
    let meant: BTreeSet<String> = meant.map(str::to_owned).into();
    assert_eq!(silent, meant);
}

/// A server that stands still, with something for each command to be about.
struct Stage {
    process: Process,
    /// It goes on: what is fetched comes from it.
    peer: Peer,
    /// Where files are moved to.
    store: S3,
    dir: tempfile::TempDir,
    /// What cases name.
    known: BTreeMap<&'static str, String>,
    doctor: Output,
}

impl Stage {
    async fn set() -> Stage {
        let dir = tempfile::tempdir().expect("a directory");
        let store = S3::start().await;
        let mut settings = vec![("KITH_REGISTRATION", "approval".to_owned())];
        // The keys alone: files are kept here, and moved there.
        settings.extend(store.settings().into_iter().skip(1));
        let settings: Vec<_> = settings
            .iter()
            .map(|(name, value)| (*name, &value[..]))
            .collect();
        let mut process = Process::start_with(&settings).await;
        let peer = Peer::start().await;
        let good = peer.add_actor("good");
        let (alice, bob) = (process.person("alice"), process.person("bob"));
        process.cli_ok(&["user", "role", "alice", "admin"]);
        for name in ["erin", "frank"] {
            let body = json!({"username": name, "email": format!("{name}@mail.example"),
                "password": "correct horse battery", "agreement": true, "reason": "for the cats"});
            let registered = process.post("", "/api/kith/v1/auth/register", &body).await;
            assert!(registered.status.is_success(), "{}", registered.text);
        }
        let report = report(&process, &bob).await;

        // Something that comes and cannot be used, and a follower whose server is busy.
        let now = || kith::clock::Clock::System.now_ms();
        let inbox = format!("{}/inbox", process.url);
        let actor = format!("{}/users/alice", process.url);
        let create = |n: u32| {
            json!({"@context": "https://www.w3.org/ns/activitystreams", "id": format!("{good}#create/{n}"),
                "type": "Create", "actor": good, "to": [actor], "object": format!("{}/notes/{n}", peer.origin)})
        };
        let follow = json!({"@context": "https://www.w3.org/ns/activitystreams", "id": format!("{good}#follow"),
            "type": "Follow", "actor": good, "object": actor});
        for activity in [&create(1), &create(2), &follow] {
            let delivery = Delivery::by(&good);
            let answer = delivery.post(&process.http, &inbox, now(), activity).await;
            assert_eq!(answer.status, 202, "{}", answer.text);
        }
        let aside = eventually("two are set aside", async || {
            let aside: Value =
                serde_json::from_str(&process.cli_ok(&["inbox", "list", "--json"])).ok()?;
            (aside.as_array()?.len() == 2).then_some(aside)
        })
        .await;
        eventually("the follow is accepted", async || {
            peer.received()
                .iter()
                .any(|got| got["type"] == "Accept")
                .then_some(())
        })
        .await;
        peer.set_inbox("/users/good/inbox", Inbox::Answers(503, Some("3600")));
        let body = json!({"status": "hello"});
        let post = process.post(&alice, "/api/v1/statuses", &body).await.ok();
        let post = post["uri"].as_str().expect("a URI").to_owned();
        eventually("it was tried", async || {
            let why: Value =
                serde_json::from_str(&process.cli_ok(&["delivery", "why", &post, "--json"]))
                    .ok()?;
            (why[0]["deliveries"][0]["answer"] == 503).then_some(())
        })
        .await;
        let doctor = process.cli(&["doctor"]);
        process.stop();

        std::fs::write(dir.path().join("letter"), "dear").expect("a file");
        std::fs::write(
            dir.path().join("list.csv"),
            "#domain,#severity\nworse.example,suspend\n",
        )
        .expect("a file");
        std::fs::write(dir.path().join("party.png"), png()).expect("a file");
        std::fs::create_dir(dir.path().join("pack")).expect("a directory");
        for name in ["cat.png", "dog.png"] {
            std::fs::write(dir.path().join("pack").join(name), png()).expect("a file");
        }
        let id = |n: usize| aside[n]["id"].as_str().expect("an id").to_owned();
        let known = BTreeMap::from([
            ("dir", dir.path().display().to_string()),
            ("peer", peer.domain().to_owned()),
            ("origin", peer.origin.clone()),
            ("url", process.url.clone()),
            (
                "domain",
                process.url.trim_start_matches("http://").to_owned(),
            ),
            ("store", store.url()),
            ("report", report),
            ("post", post),
            ("aside", id(1)),
            ("never", id(0)),
        ]);
        Stage {
            process,
            peer,
            store,
            dir,
            known,
            doctor,
        }
    }

    /// Runs the cases of one first word; what came of them, by command.
    fn run(&self, cases: &[&Case]) -> Vec<(String, String)> {
        let mut printed: BTreeMap<String, String> = BTreeMap::new();
        cases
            .iter()
            .map(|case| {
                let filled = |args: &[&str]| -> Vec<String> {
                    let words = case.command.split(' ').chain(args.iter().copied());
                    words.map(|word| self.fill(word, &printed)).collect()
                };
                let (succeeds, fails) = (filled(case.succeeds), filled(case.fails));
                let output = match case.command {
                    "doctor" => self.doctor.clone(),
                    command if GO_ON.contains(&command) => self.tell_to_end(command),
                    _ => self.cli(&succeeds),
                };
                let error = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "{succeeds:?}: {error}");
                let stdout = String::from_utf8_lossy(&output.stdout).trim().to_owned();
                let mut text = self.told(&succeeds, &output);
                printed.insert(case.command.to_owned(), stdout);
                // It looks like nothing else.
                if let Some(code) = printed.get("invite create") {
                    text = text.replace(code, "[code]");
                }
                let output = self.cli(&fails);
                assert!(!output.status.success(), "{fails:?} succeeds");
                let lines = String::from_utf8_lossy(&output.stderr).lines().count();
                assert_eq!(lines, 1, "{fails:?}");
                text.push('\n');
                text.push_str(&self.told(&fails, &output));
                (case.command.to_owned(), text)
            })
            .collect()
    }

    fn cli(&self, args: &[String]) -> Output {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        self.process.cli(&args)
    }

    fn fill(&self, word: &str, printed: &BTreeMap<String, String>) -> String {
        let mut filled = word.to_owned();
        for (name, value) in &self.known {
            filled = filled.replace(&format!("{{{name}}}"), value);
        }
        for (command, value) in printed {
            filled = filled.replace(&format!("{{{command}}}"), value);
        }
        filled
    }

    /// Starts a command that goes on, and tells it to end once it is under way.
    fn tell_to_end(&self, command: &'static str) -> Output {
        if command == "worker" && !database::is_postgres() {
            // There is none: it says so, and what is shown is how it ends on PostgreSQL.
            let error = self.process.cli_fails(&["worker"]);
            assert!(error.contains("needs PostgreSQL"), "{error}");
            return ended_well();
        }
        let mut child = self
            .process
            .command(&[command])
            .env("KITH_LOG", "info")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let begun: Box<dyn std::io::Read + Send> = match command {
            "demo" => Box::new(child.stdout.take().expect("its output")),
            _ => Box::new(child.stderr.take().expect("its log")),
        };
        let mut lines = BufReader::new(begun).lines();
        let under_way = |line: &str| {
            ["serving", "working", "talking"]
                .iter()
                .any(|word| line.contains(word))
        };
        let begun = lines.any(|line| line.is_ok_and(|line| under_way(&line)));
        assert!(begun, "{command} is not under way");
        let told = process::Command::new("kill")
            .arg(child.id().to_string())
            .status();
        assert!(told.expect("kill runs").success());
        let rest = std::thread::spawn(move || lines.for_each(drop));
        let output = child.wait_with_output().expect("it ends");
        rest.join().expect("its log ends");
        assert!(
            output.status.success(),
            "{command} ends with {}",
            output.status
        );
        ended_well()
    }

    /// An invocation and what came of it, without what differs from one run to the next.
    fn told(&self, args: &[String], output: &Output) -> String {
        let mut text = String::from("$ kith");
        for arg in args {
            let quoted = arg.is_empty() || arg.contains(' ');
            let _ = if quoted {
                write!(text, " {arg:?}")
            } else {
                write!(text, " {arg}")
            };
        }
        text.push('\n');
        let stdout = String::from_utf8_lossy(&output.stdout);
        for line in stdout.lines().take(LINES) {
            text.push_str(line);
            text.push('\n');
        }
        if stdout.lines().count() > LINES {
            text.push_str("…\n");
        }
        for line in String::from_utf8_lossy(&output.stderr).lines() {
            text.push_str("stderr: ");
            text.push_str(line);
            text.push('\n');
        }
        if let Some(code) = output.status.code().filter(|code| *code != 0) {
            let _ = writeln!(text, "exit: {code}");
        }
        self.scrub(&text)
    }

    fn scrub(&self, text: &str) -> String {
        let data = self.process.data_dir().display().to_string();
        let mut text = text
            .replace(self.process.database_url(), "[database]")
            .replace(&data, "[data]")
            .replace(&self.store.address(), "s3.example")
            .replace(&self.known["dir"], "[dir]")
            .replace(self.known["peer"].as_str(), "peer.example")
            .replace(self.known["domain"].as_str(), "kith.example");
        for (pattern, instead) in [
            (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "[time]"),
            (r"eyJ[\w.-]+", "[token]"),
            (r"\b\d{17,19}\b", "[id]"),
            (r"\b(\d+\.)?\d+ ([KMGT]i)?B\b", "[size]"),
            (r"\b\d+ rows of \d+ tables", "[rows]"),
            (r"all \d+ have run", "all have run"),
            ("SQLite|PostgreSQL", "[kind]"),
            // How this machine stands.
            (r"(?m)^\S+ +disk_\w+ .*\n( {20}.*\n)?", ""),
            (
                r"(?m)^ok      database .*$",
                "ok      database    [healthy]",
            ),
            (r"(?m)^  \d+ (waiting|delivered|given up)", "  [id] $1"),
            // SQLite alone is a file whose size shows.
            (r"the database takes \[size\]\n", ""),
            (r"[ \t]+\n", "\n"),
        ] {
            let pattern = Regex::new(pattern).expect("a pattern");
            text = pattern.replace_all(&text, instead).into_owned();
        }
        text
    }
}

/// What is shown of a command that was told to end: its log is nothing to compare.
fn ended_well() -> Output {
    Output {
        status: ExitStatus::default(),
        stdout: Vec::new(),
        stderr: Vec::new(),
    }
}

async fn report(process: &Process, bob: &str) -> String {
    let found = "/api/v1/accounts/lookup?acct=alice";
    let alice = process.get(bob, found).await.ok();
    let body = json!({"account_id": alice["id"], "comment": "She owes me a cat"});
    let report = process.post(bob, "/api/v1/reports", &body).await.ok();
    report["id"].as_str().expect("an id").to_owned()
}

/// What is shown of the commands of a first word.
fn snapshot(word: &str, told: &BTreeMap<String, String>) -> String {
    let mut kith = kith::cli::command().disable_help_subcommand(true);
    kith.build();
    let mut text = String::new();
    if let Some(group) = kith
        .find_subcommand(word)
        .filter(|command| command.is_subcommand_required_set())
    {
        text.push_str(&help(group));
    }
    for (words, command) in leaves() {
        if words.split(' ').next() != Some(word) {
            continue;
        }
        let _ = write!(
            text,
            "\n=== kith {words}\n\n{}\n{}",
            help(&command),
            told[&words]
        );
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_say_what_they_do() {
    let stage = Stage::set().await;
    let mut groups: BTreeMap<&str, Vec<&Case>> = BTreeMap::new();
    for case in CASES {
        let word = case.command.split(' ').next().unwrap_or_default();
        groups.entry(word).or_default().push(case);
    }
    let alone: Vec<_> = ALONE
        .iter()
        .map(|word| groups.remove(word).expect("there are such commands"))
        .collect();
    let waiting = Mutex::new(groups.values().cloned().collect::<Vec<_>>());
    let told = Mutex::new(BTreeMap::new());
    let work = |cases: &[&Case]| {
        let of_these = stage.run(cases);
        told.lock().expect("no panic").extend(of_these);
    };
    tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while let Some(cases) = { waiting.lock().expect("no panic").pop() } {
                        work(&cases);
                    }
                });
            }
        });
        for cases in &alone {
            work(cases);
        }
    });
    let told = told.into_inner().expect("no panic");
    for word in CASES
        .iter()
        .filter_map(|case| case.command.split(' ').next())
        .collect::<BTreeSet<_>>()
    {
        insta::assert_snapshot!(word, snapshot(word, &told));
    }
    drop((stage.peer, stage.dir));
}

#[test]
fn the_whole_says_what_there_is() {
    let text = kith::cli::command().render_long_help().to_string();
    insta::assert_snapshot!("kith", text);
}
