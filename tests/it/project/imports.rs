//! The import rule: `api | federation | web | cli | jobs` → `domain` → `db`, `events`.

use std::path::{Path, PathBuf};

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// What each folder must not name.
const FORBIDDEN: [(&str, &[&str]); 7] = [
    (
        "domain",
        &[
            "crate::api",
            "crate::federation",
            "crate::web",
            "crate::cli",
            "crate::jobs",
            "axum::",
            "crate::http::",
            "crate::app",
        ],
    ),
    (
        "events",
        &[
            "crate::api",
            "crate::federation",
            "crate::web",
            "crate::cli",
            "crate::jobs",
            "axum::",
        ],
    ),
    (
        "federation",
        &["crate::api", "crate::web", "crate::cli", "crate::jobs"],
    ),
    ("jobs", &["crate::api", "crate::web", "crate::cli"]),
    (
        "text",
        &[
            "crate::db",
            "crate::domain",
            "crate::api",
            "crate::federation",
            "crate::app",
        ],
    ),
    (
        "media",
        &["crate::domain", "crate::api", "crate::federation"],
    ),
    (
        "client",
        &[
            "crate::db",
            "crate::domain",
            "crate::api",
            "crate::federation",
            "crate::app",
        ],
    ),
];

#[test]
fn layers_import_downwards_only() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    assert!(files.len() > 50, "the sources were found");
    let mut breaches = Vec::new();
    for file in &files {
        let name = file.strip_prefix(&src).unwrap();
        let folder = name
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_str()
            .unwrap();
        let folder = folder.trim_end_matches(".rs");
        let text = std::fs::read_to_string(file).unwrap();
        // Documentation may name what code may not.
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        for (number, line) in code.enumerate() {
            // `db` is a package of its own, which cannot name any of these.
            let mut forbidden: Vec<&str> = vec!["diesel::", "diesel_async::"];
            for (dir, list) in FORBIDDEN {
                if dir == folder {
                    forbidden.extend(list);
                }
            }
            for word in forbidden {
                // `tower_axum::` would be another crate.
                let hit = line.match_indices(word).any(|(at, _)| {
                    let part = |c: char| c.is_alphanumeric() || c == '_';
                    !line[..at].ends_with(part)
                        && (word.ends_with(':') || !line[at + word.len()..].starts_with(part))
                });
                if hit {
                    breaches.push(format!("{}: {number}: {}", name.display(), line.trim()));
                }
            }
        }
    }
    assert!(
        breaches.is_empty(),
        "imports against the rule:\n{}",
        breaches.join("\n")
    );
}
