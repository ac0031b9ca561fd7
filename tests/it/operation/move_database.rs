//! `kith move-database`: from SQLite into the database of the run, and back.

use serde_json::Value;

use super::Town;
use crate::support::database;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_moves_to_another_database_and_back() {
    let dir = tempfile::tempdir().unwrap();
    let old = format!("sqlite:{}", dir.path().join("old.db").display());
    let mut town = Town::start(&[("KITH_DATABASE_URL", &old)]).await;
    let before = town.seen().await;
    let new = database::empty(dir.path(), "new.db").await;
    let error = town.process.cli_fails(&["move-database", &new]);
    assert!(error.contains("in use by"), "{error}");
    for (url, why) in [
        ("mysql://x", "scheme"),
        (old.as_str(), "already"),
        ("postgres://nobody@127.0.0.1:1/none", "cannot open"),
    ] {
        let error = town.process.cli_fails(&["move-database", url]);
        assert!(error.contains(why), "{error}");
    }
    town.process.kill();
    let told = |text: String| -> Value { serde_json::from_str(&text).expect("JSON") };
    let moved = told(town.process.cli_ok(&["move-database", &new, "--json"]));
    assert!(
        moved["tables"]["statuses"]["rows"].as_u64().unwrap() >= 2,
        "{moved}"
    );
    // Once is enough, unless it is told.
    let error = town.process.cli_fails(&["move-database", &new]);
    assert!(error.contains("--force"), "{error}");
    let again = told(
        town.process
            .cli_ok(&["move-database", &new, "--json", "--force"]),
    );
    assert_eq!(again, moved);
    // And back: every value of every table is the same.
    let back = format!("sqlite:{}", dir.path().join("back.db").display());
    town.process.set("KITH_DATABASE_URL", &new);
    let returned = told(town.process.cli_ok(&["move-database", &back, "--json"]));
    assert_eq!(returned, moved);
    town.process.run().await;
    town.is_as(&before).await;
    town.process.stop();
    // Ids go on where they were.
    town.process.set("KITH_DATABASE_URL", &back);
    town.process.run().await;
    town.is_as(&before).await;
}
