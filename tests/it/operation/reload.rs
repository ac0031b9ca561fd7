//! A running server reads its settings again.

use serde_json::{Value, json};

use crate::support::peer::eventually;
use crate::support::process::Process;

async fn registrations(process: &Process) -> Value {
    let instance = process.get("", "/api/v2/instance").await.ok();
    instance["registrations"].clone()
}

async fn logged(process: &Process, text: &str, times: usize) {
    eventually(text, async || (process.logged(text) == times).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_takes_up_settings_while_it_runs() {
    let process = Process::start_with(&[("KITH_LOG", "info")]).await;
    let alice = process.person("alice");
    assert_eq!(registrations(&process).await["enabled"], true);

    process.reload("registration = \"closed\"\n");
    logged(&process, "settings taken up: KITH_REGISTRATION", 1).await;
    assert_eq!(registrations(&process).await["enabled"], false);
    let body = json!({"username": "mallory", "email": "m@mail.example",
        "password": "correct horse battery", "agreement": true});
    let register = "/api/kith/v1/auth/register";
    process.post("", register, &body).await.refused(403);

    // A fault in one changes none, whatever else is in the file.
    process.reload("registration = \"open\"\nmedia_remote_limit = \"a lot\"\n");
    logged(
        &process,
        "the settings stay as they were: KITH_MEDIA_REMOTE_LIMIT",
        1,
    )
    .await;
    assert_eq!(registrations(&process).await["enabled"], false);
    process.reload("registration = \n");
    logged(&process, "the settings stay as they were: kith.toml", 1).await;

    // What needs a new start is named, and the rest is taken up.
    process.reload("registration = \"approval\"\ncors_origins = \"https://app.example\"\n");
    logged(&process, "settings taken up: KITH_REGISTRATION", 2).await;
    logged(
        &process,
        "hold from the next start on: KITH_CORS_ORIGINS",
        1,
    )
    .await;
    assert_eq!(registrations(&process).await["approval_required"], true);

    // The environment that it was started with wins.
    process.reload("registration = \"approval\"\nlog = \"debug\"\n");
    logged(&process, "none of those in use changed", 1).await;
    process
        .get(&alice, "/api/v1/accounts/verify_credentials")
        .await
        .ok();
}
