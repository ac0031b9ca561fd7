//! A database of its own for each server.

use std::path::Path;

use tokio::sync::OnceCell;

/// What a server of the tests makes: each is a process of PostgreSQL's, which reads the catalogue and
/// plans every statement anew, and to many that is most of what they do.
pub const CONNECTIONS: usize = 6;

/// Whether this run is on PostgreSQL.
pub fn is_postgres() -> bool {
    std::env::var("KITH_TEST_DATABASE").as_deref() == Ok("postgres")
}

/// The URL of a fresh database.
pub async fn fresh(dir: &Path) -> String {
    if !is_postgres() {
        let file = dir.join("kith.db");
        tokio::fs::write(&file, migrated_file().await)
            .await
            .expect("the database is copied");
        return format!("sqlite:{}", file.display());
    }
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    let base = std::env::var("KITH_TEST_POSTGRES")
        .expect("KITH_TEST_POSTGRES names the cluster (see tests/pg.sh)");
    let template = TEMPLATE
        .get_or_init(|| async {
            let name = unique("kith_template");
            execute(&base, &format!("CREATE DATABASE {name}")).await;
            let url = with_database(&base, &name);
            kith::db::migrate_only(&url)
                .await
                .expect("the template migrates");
            name
        })
        .await;
    let name = unique("kith_test");
    execute(
        &base,
        &format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy"),
    )
    .await;
    with_database(&base, &name)
}

/// A SQLite database that is migrated and otherwise empty.
async fn migrated_file() -> &'static [u8] {
    static TEMPLATE: OnceCell<Vec<u8>> = OnceCell::const_new();
    TEMPLATE
        .get_or_init(|| async {
            let dir = tempfile::tempdir().expect("a temporary directory");
            let file = dir.path().join("template.db");
            kith::db::migrate_only(&format!("sqlite:{}", file.display()))
                .await
                .expect("the template migrates");
            std::fs::read(file).expect("the template is read")
        })
        .await
}

/// The URL of a database where nothing is, not even a schema.
pub async fn empty(dir: &Path, name: &str) -> String {
    if !is_postgres() {
        return format!("sqlite:{}", dir.join(name).display());
    }
    let base = std::env::var("KITH_TEST_POSTGRES").expect("KITH_TEST_POSTGRES names the cluster");
    let name = unique("kith_empty");
    execute(&base, &format!("CREATE DATABASE {name}")).await;
    with_database(&base, &name)
}

fn unique(prefix: &str) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}_{}_{n}", std::process::id())
}

/// The cluster's URL with another database.
fn with_database(base: &str, name: &str) -> String {
    let (front, _) = base.rsplit_once('/').expect("the URL names a database");
    format!("{front}/{name}")
}

/// What a `SELECT count(*) AS n …` says.
pub async fn count(url: &str, sql: &str) -> i64 {
    use diesel::{Connection, RunQueryDsl};
    #[derive(diesel::QueryableByName)]
    struct Count {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        n: i64,
    }
    if let Some(path) = url.strip_prefix("sqlite:") {
        let mut conn = diesel::SqliteConnection::establish(path).expect("the file opens");
        let count: Count = diesel::sql_query(sql).get_result(&mut conn).expect(sql);
        return count.n;
    }
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .expect("the cluster answers");
    let driver = tokio::spawn(connection);
    let count = client.query_one(sql, &[]).await.expect(sql).get("n");
    drop(client);
    let _ = driver.await;
    count
}

/// What a `SELECT … AS t` says, row by row.
pub async fn texts(url: &str, sql: &str) -> Vec<String> {
    use diesel::{Connection, RunQueryDsl};
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        t: String,
    }
    if let Some(path) = url.strip_prefix("sqlite:") {
        let mut conn = diesel::SqliteConnection::establish(path).expect("the file opens");
        let rows: Vec<Row> = diesel::sql_query(sql).load(&mut conn).expect(sql);
        return rows.into_iter().map(|row| row.t).collect();
    }
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .expect("the cluster answers");
    let driver = tokio::spawn(connection);
    let rows = client.query(sql, &[]).await.expect(sql);
    drop(client);
    let _ = driver.await;
    rows.iter().map(|row| row.get("t")).collect()
}

/// Changes something that no door leads to.
pub async fn change(url: &str, sql: &str) {
    use diesel::{Connection, RunQueryDsl};
    if let Some(path) = url.strip_prefix("sqlite:") {
        let mut conn = diesel::SqliteConnection::establish(path).expect("the file opens");
        diesel::sql_query("PRAGMA busy_timeout = 5000")
            .execute(&mut conn)
            .expect("it waits");
        diesel::sql_query(sql).execute(&mut conn).expect(sql);
        return;
    }
    execute(url, sql).await;
}

async fn execute(url: &str, sql: &str) {
    // One at a time: a template that is being copied is not to be connected to.
    static ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _one = ONE.lock().await;
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .expect("the cluster answers");
    let driver = tokio::spawn(connection);
    client.batch_execute(sql).await.expect(sql);
    drop(client);
    let _ = driver.await;
}
