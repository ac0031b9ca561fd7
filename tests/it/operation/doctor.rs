//! `kith doctor`.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use super::Town;
use crate::support::front::{Front, Manner};
use crate::support::peer::eventually;
use crate::support::process::Process;

/// What it says, by check.
fn examined(text: &str) -> BTreeMap<String, Value> {
    let checks: Vec<Value> = serde_json::from_str(text).expect("JSON");
    checks
        .into_iter()
        .map(|check| (check["check"].as_str().unwrap().to_owned(), check))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doctor_looks_a_server_over() {
    let mut town = Town::start(&[]).await;
    let checks = examined(&town.process.cli_ok(&["doctor", "--json", "--drill"]));
    for (name, check) in &checks {
        let state = check["state"].as_str().unwrap();
        assert!(matches!(state, "ok" | "warn" | "skipped"), "{check}");
        assert_eq!(
            state == "warn",
            check["hint"].is_string(),
            "{name}: {check}"
        );
    }
    for name in [
        "data_dir",
        "secrets",
        "database",
        "migrations",
        "server",
        "inbox",
        "deliveries",
        "jobs",
        "keys",
        "drill",
    ] {
        assert_eq!(checks[name]["state"], "ok", "{}", checks[name]);
    }
    // From here nobody sees what others see.
    for name in [
        "dns",
        "https",
        "webfinger",
        "nodeinfo",
        "actor",
        "clock",
        "websocket",
        "client_address",
        "redis",
        "smtp",
    ] {
        assert_eq!(checks[name]["state"], "skipped", "{}", checks[name]);
    }
    let outside = examined(&town.process.cli_ok(&["doctor", "--json", "--outside"]));
    for name in [
        "dns",
        "https",
        "webfinger",
        "nodeinfo",
        "actor",
        "clock",
        "websocket",
        "client_address",
    ] {
        assert_eq!(outside[name]["state"], "ok", "{}", outside[name]);
    }
    let words = town.process.cli_ok(&["doctor"]);
    assert!(
        words
            .lines()
            .any(|line| line.starts_with("ok      secrets")),
        "{words}"
    );

    // What is wrong is said, and ends it with an error.
    let secrets = town.process.data_dir().join("secrets.toml");
    std::fs::set_permissions(&secrets, std::fs::Permissions::from_mode(0o644)).unwrap();
    town.process.set("KITH_SMTP_URL", "smtp://127.0.0.1:1");
    town.process.set("KITH_REDIS_URL", "redis://127.0.0.1:1");
    town.process.stop();
    let output = town.process.cli(&["doctor", "--json", "--outside"]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(error.trim(), "kith: not well: secrets, https, redis, smtp");
    assert!(!output.status.success());
    let checks = examined(&String::from_utf8(output.stdout).unwrap());
    assert_eq!(checks["server"]["state"], "warn", "{}", checks["server"]);
    assert_eq!(checks["webfinger"]["state"], "skipped");
    for name in ["secrets", "https", "redis", "smtp"] {
        assert_eq!(checks[name]["state"], "fail", "{}", checks[name]);
        assert!(checks[name]["hint"].is_string());
    }
    // Where nothing is, nothing is made.
    let nowhere = tempfile::tempdir().unwrap();
    let nowhere = nowhere.path().join("none");
    town.process.set("KITH_DATA_DIR", nowhere.to_str().unwrap());
    town.process.set(
        "KITH_DATABASE_URL",
        &format!("sqlite:{}/kith.db", nowhere.display()),
    );
    let error = town.process.cli(&["doctor"]);
    assert!(!error.status.success());
    assert!(!nowhere.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_does_not_pass_on_what_it_has_to_is_found_out() {
    let mut process = Process::prepare(&[]).await;
    let front = Front::start(process.domain().replace("localhost", "127.0.0.1")).await;
    process.set("KITH_PUBLIC_URL", &front.url);
    process.run().await;
    let ask = |process: &Process| {
        let output = process.cli(&["doctor", "--json", "--outside"]);
        let checks = examined(&String::from_utf8(output.stdout).unwrap());
        let one = |name: &str| {
            let check = &checks[name];
            let message = check["message"].as_str().unwrap().to_owned();
            (check["state"].as_str().unwrap().to_owned(), message)
        };
        (one("websocket"), one("client_address"))
    };
    let is = |(state, message): &(String, String), wanted: &str, says: &str| {
        assert_eq!(state, wanted, "{message}");
        assert!(message.contains(says), "{message}");
    };

    front.set(Manner::Adds("198.51.100.5"));
    let (socket, client) = ask(&process);
    is(&socket, "ok", "");
    is(&client, "ok", "198.51.100.5");

    front.set(Manner::Strips);
    let (socket, client) = ask(&process);
    is(&socket, "fail", "does not arrive as one");
    is(&client, "fail", "everyone counts as 127.0.0.1");

    front.set(Manner::AsItCame);
    let (socket, client) = ask(&process);
    is(&socket, "ok", "");
    is(&client, "fail", "anyone can pass for anyone");

    // From this machine, which is trusted, it cannot be told.
    front.set(Manner::Adds("127.0.0.1"));
    is(&ask(&process).1, "skipped", "ask from elsewhere");

    front.set(Manner::Adds("198.51.100.5"));
    process.reload("trusted_proxies = \"10.0.0.0/8\"\n");
    eventually("the setting is taken up", async || {
        (ask(&process).1.0 == "fail").then_some(())
    })
    .await;
    is(
        &ask(&process).1,
        "fail",
        "the proxy at 127.0.0.1 is not trusted",
    );

    // To everyone else there is nothing.
    let told = process.get("", "/health/client").await;
    assert_eq!(told.status, 404, "{}", told.text);
    let forged = process
        .http
        .get(format!("{}/health/client", front.url))
        .header("kith-doctor", "1700000000000.00");
    assert_eq!(forged.send().await.unwrap().status(), 404);
}
