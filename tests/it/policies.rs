//! `kith domain`, `email-block`, `ip-block` and `username-block`, beside a running server.

use serde_json::{Value, json};

use crate::support::peer::{Page, Peer, eventually};
use crate::support::process::Process;

/// Fails, with one line that holds a text.
fn fails(kith: &Process, args: &[&str], text: &str) {
    let output = kith.cli(args);
    assert!(!output.status.success(), "{args:?}");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains(text), "{args:?}: {error}");
}

fn listed(kith: &Process, args: &[&str]) -> Value {
    let text = kith.cli_ok(&[args, &["--json"]].concat());
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{args:?}: {e}: {text}"))
}

/// Policies in force, as `severity domain`.
fn policies(kith: &Process) -> Vec<String> {
    let list = listed(kith, &["domain", "list"]);
    let text = |policy: &Value| {
        let word = |name: &str| policy[name].as_str().unwrap().to_owned();
        format!("{} {}", word("severity"), word("domain"))
    };
    list.as_array().unwrap().iter().map(text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_policies_are_taken_in_written_out_and_followed() {
    let (kith, peer) = (Process::start().await, Peer::start().await);
    let help = kith.cli_ok(&["domain", "--help"]);
    for verb in [
        "list",
        "show",
        "block",
        "limit",
        "allow",
        "remove",
        "mode",
        "check",
        "import",
        "export",
        "subscribe",
        "subscriptions",
    ] {
        assert!(help.contains(&format!("\n  {verb} ")), "{verb}: {help}");
    }
    kith.cli_ok(&[
        "domain",
        "block",
        "own.example",
        "--comment",
        "mine, \"really\"",
        "--obfuscate",
    ]);
    kith.cli_ok(&["domain", "allow", "good.example"]);

    // A dry run says what would be, and does nothing.
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    std::fs::write(
        path,
        "#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate\n\
         own.example,silence,true,false,weaker,false\n\
         Bad.Example,suspend,false,false,\"spam, and worse\",true\n\
         files.example,noop,true,false,,false\n\
         good.example,suspend,false,false,,false\n\
         h*dd*n.example,suspend,false,false,,false\n",
    )
    .unwrap();
    let before = policies(&kith);
    let plan = listed(&kith, &["domain", "import", path, "--dry-run"]);
    assert_eq!(plan["added"].as_array().unwrap().len(), 2);
    assert_eq!(plan["kept"], json!(["good.example"]));
    assert_eq!(plan["invalid"].as_array().unwrap().len(), 1);
    assert_eq!(policies(&kith), before);
    let said = kith.cli_ok(&["domain", "import", path]);
    assert!(
        said.ends_with("2 added, 1 changed, 1 kept, 1 passed over"),
        "{said}"
    );
    // Who did it is written down, a domain at a time.
    let log = listed(&kith, &["audit", "list"]);
    let told = log.as_array().unwrap().iter().map(|entry| {
        let word = |name: &str| entry[name].as_str().unwrap();
        format!("{}: {} {}", word("actor"), word("action"), word("target"))
    });
    let mut told: Vec<String> = told.collect();
    told.sort();
    assert_eq!(
        told,
        [
            "kith domain allow: create good.example",
            "kith domain block: create own.example",
            "kith domain import: create bad.example",
            "kith domain import: create files.example",
            "kith domain import: update own.example",
        ]
    );
    assert_eq!(
        policies(&kith),
        [
            "block bad.example",
            "noop files.example",
            "allow good.example",
            "block own.example"
        ]
    );
    // What is written out is what another server, or this one, takes in.
    let list = kith.cli_ok(&["domain", "export"]);
    assert_eq!(
        list,
        "#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate\n\
         bad.example,suspend,false,false,\"spam, and worse\",true\n\
         files.example,noop,true,false,,false\n\
         own.example,suspend,true,false,\"mine, \"\"really\"\"\",true"
    );
    std::fs::write(path, &list).unwrap();
    let again = listed(&kith, &["domain", "import", path]);
    assert_eq!(
        (&again["added"], &again["changed"]),
        (&json!([]), &json!([]))
    );
    std::fs::write(path, "own.example\n").unwrap();
    kith.cli_ok(&["domain", "import", path, "--replace"]);
    assert_eq!(
        listed(&kith, &["domain", "show", "own.example"])["reject_media"],
        false
    );
    fails(&kith, &["domain", "import", "/nowhere.csv"], "/nowhere.csv");
    std::fs::write(path, "<html>\n").unwrap();
    fails(
        &kith,
        &["domain", "import", path],
        "there is no domain in it",
    );

    // A list that others keep: its entries come and go with it, and nothing else does.
    let serve = |text: &str| {
        peer.serve(
            "/list.csv",
            Page::Raw(200, "text/csv; charset=utf-8", text.to_owned()),
        );
    };
    serve(
        "#domain,#severity\nown.example,silence\nlisted.example,suspend\nother.example,silence\n",
    );
    let url = format!("{}/list.csv", peer.origin);
    kith.cli_ok(&["domain", "subscribe", &url, "--severity-limit", "silence"]);
    fails(&kith, &["domain", "subscribe", &url], "followed already");
    fails(
        &kith,
        &["domain", "subscribe", "file:///etc/passwd"],
        "no address",
    );
    let subscription = eventually("it is read", async || {
        let list = listed(&kith, &["domain", "subscriptions", "list"]);
        (list[0]["entries"] == 2).then(|| list[0].clone())
    })
    .await;
    assert_eq!(subscription["severity_limit"], "limit");
    assert_eq!(
        policies(&kith),
        [
            "block bad.example",
            "noop files.example",
            "allow good.example",
            "limit listed.example",
            "limit other.example",
            "block own.example"
        ]
    );
    assert_eq!(
        listed(&kith, &["domain", "show", "listed.example"])["subscription"],
        subscription["id"]
    );
    // One is made the admin's own, and stays when the list goes.
    kith.cli_ok(&["domain", "block", "other.example"]);
    kith.cli_ok(&["domain", "subscriptions", "remove", &url]);
    assert_eq!(
        policies(&kith),
        [
            "block bad.example",
            "noop files.example",
            "allow good.example",
            "block other.example",
            "block own.example"
        ]
    );
    fails(
        &kith,
        &["domain", "subscriptions", "remove", &url],
        "is not followed",
    );

    let checked = listed(&kith, &["domain", "check", "nowhere.example"]);
    assert_eq!(checked["accounts"], 0);
    let said = kith.cli_ok(&["domain", "block", "nowhere.example", "--dry-run"]);
    assert!(
        said.starts_with("Blocking nowhere.example would cut off"),
        "{said}"
    );
    assert_eq!(policies(&kith).len(), 5);
    fails(&kith, &["domain", "check", "a b"], "is no domain");
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_about_registering_are_kept_on_the_command_line() {
    let kith = Process::start().await;
    for (command, verbs) in [
        ("email-block", ["add", "list", "remove"]),
        ("ip-block", ["add", "list", "remove"]),
        ("username-block", ["add", "list", "remove"]),
    ] {
        let help = kith.cli_ok(&[command, "--help"]);
        for verb in verbs {
            assert!(
                help.contains(&format!("\n  {verb} ")),
                "{command} {verb}: {help}"
            );
        }
        assert_eq!(listed(&kith, &[command, "list"]), json!([]));
    }
    kith.cli_ok(&["email-block", "add", "Spam.example"]);
    kith.cli_ok(&["email-block", "add", "F.oo+x@mail.example"]);
    fails(
        &kith,
        &["email-block", "add", "spam.example"],
        "blocked already",
    );
    let blocks = listed(&kith, &["email-block", "list"]);
    assert_eq!(blocks[0]["domain"], "spam.example");
    assert_eq!(
        blocks[1]["canonical_email_hash"].as_str().unwrap().len(),
        64
    );
    kith.cli_ok(&["email-block", "remove", "foo@mail.example"]);
    fails(
        &kith,
        &["email-block", "remove", "foo@mail.example"],
        "is not blocked",
    );
    kith.cli_ok(&["email-block", "remove", "spam.example"]);
    assert_eq!(listed(&kith, &["email-block", "list"]), json!([]));

    kith.cli_ok(&["username-block", "add", "4dmin"]);
    fails(
        &kith,
        &["username-block", "add", "ADMIN"],
        "blocked already",
    );
    assert_eq!(
        listed(&kith, &["username-block", "list"])[0]["name"],
        "admin"
    );
    kith.cli_ok(&["username-block", "remove", "admin"]);
    fails(
        &kith,
        &["username-block", "remove", "admin"],
        "is not blocked",
    );

    let added = listed(
        &kith,
        &[
            "ip-block",
            "add",
            "127.0.0.1/8",
            "--severity",
            "no_access",
            "--expires-in",
            "600",
            "--comment",
            "us",
        ],
    );
    assert_eq!(
        (&added["ip"], &added["comment"]),
        (&json!("127.0.0.0/8"), &json!("us"))
    );
    fails(
        &kith,
        &["ip-block", "add", "localhost"],
        "no address and no range",
    );
    fails(
        &kith,
        &["ip-block", "add", "::1", "--severity", "odd"],
        "invalid value",
    );
    // The running server hears of it soon, and of its end.
    for status in [403, 200] {
        let began = std::time::Instant::now();
        eventually("the server hears of it", async || {
            let answer = kith.get("", "/nodeinfo/2.1").await;
            (answer.status == status).then_some(())
        })
        .await;
        assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
        if status == 403 {
            kith.cli_ok(&["ip-block", "remove", "127.0.0.0/8"]);
        }
    }
    fails(
        &kith,
        &["ip-block", "remove", "127.0.0.0/8"],
        "there is no rule",
    );
    assert_eq!(listed(&kith, &["ip-block", "list"]), json!([]));
}
