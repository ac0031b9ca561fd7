//! Migrations are twins.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

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
