//! `kith user suspend` and the like, `kith report`, `kith audit`: beside a running server.

use serde_json::{Value, json};

use crate::support::peer::{Peer, eventually};
use crate::support::process::Process;

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_moderates_beside_a_running_server() {
    let (process, peer) = (Process::start().await, Peer::start().await);
    let (alice, bob) = (process.person("alice"), process.person("bob"));
    let cli = |args: &[&str]| process.cli_ok(args);
    let fails = |args: &[&str], expected: &str| {
        let output = process.cli(args);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && error.contains(expected),
            "{args:?}: {error}"
        );
        assert_eq!(error.trim().lines().count(), 1, "{error}");
    };
    for (args, expected) in [
        (vec!["user", "suspend", "--help"], "--dry-run"),
        (vec!["user", "silence", "--help"], "--reason <TEXT>"),
        (
            vec!["user", "role", "--help"],
            "[possible values: user, moderator, admin]",
        ),
        (vec!["user", "list", "--help"], "--status <STATUS>"),
        (
            vec!["user", "sessions", "--help"],
            "where a user is signed in",
        ),
        (vec!["report", "--help"], "assign"),
        (vec!["report", "list", "--help"], "--resolved"),
        (vec!["audit", "list", "--help"], "--by <NAME>"),
    ] {
        let help = cli(&args);
        assert!(help.contains(expected), "{args:?}: {help}");
    }

    let post = process
        .post(&alice, "/api/v1/statuses", &json!({"status": "rude"}))
        .await;
    let post = post.entity("Status");
    let report = json!({
        "account_id": post["account"]["id"], "status_ids": [post["id"]], "comment": "look",
    });
    let report = process
        .post(&bob, "/api/v1/reports", &report)
        .await
        .entity("Report");
    let report = report["id"].as_str().unwrap();
    assert_eq!(
        cli(&["user", "role", "bob", "moderator"]),
        "bob is moderator now"
    );
    fails(
        &["user", "role", "nobody", "admin"],
        "there is no user nobody",
    );
    let staff = parsed(&cli(&["user", "list", "--role", "moderator", "--json"]));
    assert_eq!(
        (staff.as_array().unwrap().len(), &staff[0]["username"]),
        (1, &json!("bob"))
    );
    let paged = process.cli(&["user", "list", "--limit", "1"]);
    assert!(String::from_utf8_lossy(&paged.stdout).starts_with("alice"));
    assert!(String::from_utf8_lossy(&paged.stderr).contains("--after"));
    let sessions = parsed(&cli(&["user", "sessions", "alice", "--json"]));
    assert_eq!(sessions[0]["app"], "Kith");

    assert!(cli(&["report", "list"]).contains("alice@"));
    let shown = parsed(&cli(&["report", "show", report, "--json"]));
    assert_eq!(
        (&shown["comment"], &shown["statuses"][0]["id"]),
        (&json!("look"), &post["id"])
    );
    assert!(cli(&["report", "assign", report, "bob"]).contains("looks into it"));
    fails(
        &["report", "assign", report, "alice"],
        "alice is no moderator",
    );
    assert_eq!(cli(&["report", "resolve", report]).lines().count(), 1);
    assert_eq!(cli(&["report", "list"]), "");
    assert!(cli(&["report", "list", "--resolved"]).contains("look"));
    cli(&["report", "reopen", report]);
    fails(&["report", "resolve", "17"], "there is no report 17");

    let dry = parsed(&cli(&["user", "suspend", "alice", "--dry-run", "--json"]));
    assert_eq!(
        [&dry["posts"], &dry["sessions"], &dry["reports"]],
        [&json!(1), &json!(1), &json!(1)]
    );
    assert!(cli(&["user", "suspend", "alice", "--dry-run"]).starts_with("would suspend alice@"));
    process
        .get(&alice, "/api/v1/accounts/verify_credentials")
        .await
        .ok();
    assert_eq!(
        cli(&["user", "suspend", "alice", "--reason", "ads"]),
        "alice is suspended"
    );
    eventually("the token is dead", async || {
        let answer = process
            .get(&alice, "/api/v1/accounts/verify_credentials")
            .await;
        (answer.status == 401).then_some(())
    })
    .await;
    assert!(cli(&["user", "list", "--status", "suspended"]).starts_with("alice"));
    assert_eq!(cli(&["report", "list"]), "", "it is resolved by that");
    cli(&["user", "unsuspend", "alice"]);
    assert_eq!(cli(&["user", "list", "--status", "suspended"]), "");

    peer.add_actor("rob");
    let rob = format!("rob@{}", peer.domain());
    fails(&["user", "silence", &rob], "there is no account");
    let found = process
        .get(&bob, &format!("/api/v2/search?q={rob}&resolve=true"))
        .await;
    assert_eq!(found.entity("Search")["accounts"][0]["acct"], rob);
    let silenced = parsed(&cli(&["user", "silence", &rob, "--json"]));
    assert!(silenced["silenced_at"].is_string());
    assert_eq!(
        cli(&["user", "unsilence", &rob]),
        format!("{rob} is unsilenced")
    );

    let log = parsed(&cli(&["audit", "list", "--json"]));
    let deeds: Vec<String> = log
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            format!(
                "{} {}",
                entry["actor"].as_str().unwrap(),
                entry["action"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        deeds,
        [
            "kith user unsilence unsilence",
            "kith user silence silence",
            "kith user unsuspend unsuspend",
            "kith user suspend suspend",
            "kith report reopen reopen",
            "kith report resolve resolve",
            "kith report assign assign",
            "kith user role change_role",
            "kith token create create",
            "kith user create create",
            "kith token create create",
            "kith user create create",
        ]
    );
    assert_eq!(log[3]["details"]["text"], "ads");
    assert_eq!(
        parsed(&cli(&["audit", "list", "--action", "suspend", "--json"]))
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert!(cli(&["audit", "list", "--limit", "1"]).contains("unsilence"));
}
