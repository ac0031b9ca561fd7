//! Migrations are twins, and what they make names accounts for a reason.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use kith::db::account_pruning::KEPT_BY;

use crate::support::database;

fn migrations(backend: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("migrations")
        .join(backend);
    let mut list: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    list.sort();
    list
}

/// Tables with their columns in order, and indexes, as the statements name them.
fn schema(backend: &str) -> (BTreeMap<String, Vec<String>>, Vec<String>) {
    let mut tables = BTreeMap::new();
    let mut indexes = Vec::new();
    for dir in migrations(backend) {
        let sql = std::fs::read_to_string(dir.join("up.sql")).unwrap();
        let mut table: Option<String> = None;
        for line in sql.lines().map(str::trim) {
            if line.contains(" search_text") {
                // The full-text index: each database has its own kind.
                table = None;
            } else if let Some(rest) = line.strip_prefix("CREATE TABLE ") {
                let name = rest.trim_end_matches(" (").to_owned();
                tables.insert(name.clone(), Vec::new());
                table = Some(name);
            } else if line.starts_with(')') {
                table = None;
            } else if line.starts_with("CREATE ") && line.contains("INDEX") {
                indexes.push(line.to_owned());
            } else if let Some(name) = &table {
                let mut words = line.split_whitespace();
                let column = words.next().unwrap_or_default();
                let nullable = !line.contains("NOT NULL") && !line.contains("BIGSERIAL");
                tables
                    .get_mut(name)
                    .unwrap()
                    .push(format!("{column} nullable={nullable}"));
            }
        }
    }
    (tables, indexes)
}

#[test]
fn both_backends_have_the_same_migrations_and_schema() {
    let names = |backend| -> Vec<String> {
        migrations(backend)
            .iter()
            .map(|p| p.file_name().unwrap().to_str().unwrap().to_owned())
            .collect()
    };
    assert!(!names("sqlite").is_empty());
    assert_eq!(names("sqlite"), names("postgres"));
    assert_eq!(schema("sqlite"), schema("postgres"));
}

// What names an account, and keeps none from elsewhere (`kith account prune`), with the reason.

/// It is only ever of somebody here.
const OF_SOMEBODY_HERE: [&str; 45] = [
    "account_archives account_id",
    "account_days account_id",
    "account_domain_blocks account_id",
    "account_imports account_id",
    "account_notes account_id",
    "account_reads account_id",
    "account_tags account_id",
    "active_days account_id",
    "active_weeks account_id",
    "announcement_reactions account_id",
    "announcement_reads account_id",
    "appeals account_id",
    "bookmark_folders account_id",
    "bookmarks account_id",
    "conversations account_id",
    "dismissed_suggestions account_id",
    "drafts account_id",
    "filters account_id",
    "former_usernames account_id",
    "home_entries account_id",
    "idempotency_keys account_id",
    "invites account_id",
    "last_seen account_id",
    "lists account_id",
    "markers account_id",
    "notification_groups account_id",
    "notification_merges account_id",
    "notification_permissions account_id",
    "notification_policies account_id",
    "notification_requests account_id",
    "notifications account_id",
    "oauth_codes account_id",
    "one_time_codes account_id",
    "outgoing_activities account_id",
    "push_subscriptions account_id",
    "recovery_codes account_id",
    "refresh_tokens account_id",
    "scheduled_statuses account_id",
    "severed_follows account_id",
    "tag_follows account_id",
    "thread_mutes account_id",
    "tokens account_id",
    "totp account_id",
    "users account_id",
    "web_sessions account_id",
];

/// It says no more than its own server does, or is made of what else is kept.
const AS_ITS_SERVER_SAYS: [&str; 6] = [
    "account_keys account_id",
    "account_profiles account_id",
    "account_stats account_id",
    "account_words account_id",
    "featured_tags account_id",
    "follower_digests account_id",
];

/// There is always another row besides, which keeps it: the chat.
const WITH_ANOTHER_ROW: [&str; 3] = [
    "chat_members account_id",
    "chat_members other_id",
    "chat_hidden account_id",
];

/// A column that names accounts is dropped with them: whoever adds one says whether it keeps an account from elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_names_an_account_keeps_it_or_has_a_reason() {
    let dir = tempfile::tempdir().unwrap();
    let sql = if database::is_postgres() {
        "SELECT c.conrelid::regclass::text || ' ' || a.attname AS t FROM pg_constraint c \
         JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey) \
         WHERE c.contype = 'f' AND c.confrelid = 'accounts'::regclass"
    } else {
        "SELECT m.name || ' ' || f.\"from\" AS t FROM sqlite_master m, pragma_foreign_key_list(m.name) f \
         WHERE m.type = 'table' AND f.\"table\" = 'accounts'"
    };
    let found = database::texts(&database::fresh(dir.path()).await, sql).await;
    let found: BTreeSet<String> = found.into_iter().collect();
    let keep = KEPT_BY.map(|(table, column)| format!("{table} {column}"));
    let others = [
        &OF_SOMEBODY_HERE[..],
        &AS_ITS_SERVER_SAYS,
        &WITH_ANOTHER_ROW,
    ]
    .concat();
    let mut told = BTreeSet::from(keep);
    for other in others {
        assert!(found.contains(other), "{other} is no key");
        assert!(told.insert(other.to_owned()), "{other} is listed twice");
    }
    // What keeps an account need not be a key.
    let untold: Vec<&String> = found.difference(&told).collect();
    assert!(untold.is_empty(), "{untold:?}");
}
