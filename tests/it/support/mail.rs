//! The letters that a server wrote.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Server;
use super::peer::eventually;

/// A letter, as the file holds it.
pub struct Letter {
    pub to: String,
    pub subject: String,
    pub text: String,
}

impl Letter {
    /// The only run of six digits, alone on its line.
    #[track_caller]
    pub fn code(&self) -> String {
        let runs: Vec<&str> = self
            .text
            .split(|c: char| !c.is_ascii_digit())
            .filter(|run| run.len() >= 6)
            .collect();
        assert_eq!(runs.len(), 1, "{}", self.text);
        assert_eq!(runs[0].len(), 6, "{}", self.text);
        assert!(self.text.lines().any(|line| line == runs[0]));
        runs[0].to_owned()
    }
}

/// All letters, oldest first, once there are that many.
pub async fn letters(server: &Server, number: usize) -> Vec<Letter> {
    for _ in 0..200 {
        let found = read(server.data_dir());
        if found.len() >= number {
            assert_eq!(found.len(), number, "more letters than expected");
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!(
        "{} letters instead of {number}",
        read(server.data_dir()).len()
    );
}

/// The newest letter to an address whose subject holds a text, once there is one.
pub async fn letter_to(data_dir: &Path, to: &str, subject: &str) -> Letter {
    eventually(&format!("a letter to {to}: {subject}"), async || {
        let mut found = read(data_dir);
        found.retain(|letter| letter.to == to && letter.subject.contains(subject));
        found.pop()
    })
    .await
}

fn read(data_dir: &Path) -> Vec<Letter> {
    let Ok(directory) = std::fs::read_dir(data_dir.join("mail")) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = directory
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "eml"))
        .collect();
    // Named by ids, which grow.
    paths.sort();
    paths.iter().map(parse).collect()
}

fn parse(path: &PathBuf) -> Letter {
    let message = std::fs::read_to_string(path).expect("a letter");
    let (head, text) = message.split_once("\r\n\r\n").expect("a head and a body");
    let header = |name: &str| {
        head.lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    assert!(header("Content-Type:").starts_with("text/plain"));
    assert_eq!(header("Content-Transfer-Encoding:"), "8bit");
    Letter {
        to: header("To:"),
        subject: header("Subject:"),
        text: text.to_owned(),
    }
}
