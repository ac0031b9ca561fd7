//! Mail: what a letter is, and how it leaves.
//!
//! Without an SMTP server a letter becomes a file `DATA_DIR/mail/*.eml`, written beside and then
//! renamed, so that whoever watches the directory never reads half of one.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;

/// A letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// One address.
    pub to: String,
    pub subject: String,
    /// Plain text.
    pub text: String,
}

/// Longest line of a header (RFC 5322 section 2.1.1 wants 78).
const ENCODED_WORD_BYTES: usize = 39;

impl Mail {
    /// The letter as a message (RFC 5322): text/plain in UTF-8, 8bit.
    ///
    /// `time` in milliseconds since the epoch; `id` makes the Message-ID.
    pub fn message(&self, from: &str, host: &str, id: i64, time: i64) -> String {
        let date = jiff::Timestamp::from_millisecond(time)
            .unwrap_or_default()
            .strftime("%a, %d %b %Y %H:%M:%S +0000");
        let body = self.text.replace("\r\n", "\n").replace('\n', "\r\n");
        format!(
            "From: {}\r\nTo: {}\r\nSubject: {}\r\nDate: {date}\r\nMessage-ID: <{id}@{host}>\r\n\
             MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: 8bit\r\nAuto-Submitted: auto-generated\r\n\r\n{body}",
            one_line(from),
            one_line(&self.to),
            header(&self.subject),
        )
    }
}

/// A header's text cannot begin another header.
fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// A header's text: as it is, or in encoded words (RFC 2047).
fn header(text: &str) -> String {
    let text = one_line(text);
    if text.is_ascii() {
        return text;
    }
    let mut words = Vec::new();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let end = rest.floor_char_boundary(ENCODED_WORD_BYTES);
        let (word, more) = rest.split_at(end);
        words.push(format!("=?utf-8?B?{}?=", STANDARD.encode(word)));
        rest = more;
    }
    words.join("\r\n ")
}

/// Writes a message into the mail directory; the path it has then.
pub async fn write_file(
    data_dir: &Path,
    id: i64,
    attempt: i64,
    message: &str,
) -> std::io::Result<PathBuf> {
    let directory = data_dir.join("mail");
    tokio::fs::create_dir_all(&directory).await?;
    let path = directory.join(format!("{id}.eml"));
    let beside = directory.join(format!(".{id}-{attempt}.tmp"));
    // Letters hold codes: for the server's own eyes.
    let mut file = tokio::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)
        .await?;
    file.write_all(message.as_bytes()).await?;
    file.sync_all().await?;
    drop(file);
    tokio::fs::rename(&beside, &path).await?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(subject: &str, text: &str) -> String {
        Mail {
            to: "a@b.example\r\nBcc: c@d.example".into(),
            subject: subject.into(),
            text: text.into(),
        }
        .message("kith@x.example", "x.example", 7, 1_600_000_000_000)
    }

    #[test]
    fn a_letter_has_its_headers_and_no_others() {
        let message = letter("Hello", "One\nTwo\n");
        let (head, body) = message.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, "One\r\nTwo\r\n");
        assert!(head.contains("Date: Sun, 13 Sep 2020 12:26:40 +0000\r\n"));
        assert!(head.contains("Message-ID: <7@x.example>\r\n"));
        assert!(!head.contains("\r\nBcc:"));
    }

    #[test]
    fn a_subject_beyond_ascii_is_encoded_in_short_words() {
        let message = letter(&"Grüße ".repeat(20), "");
        let subject = message.split("Subject: ").nth(1).unwrap();
        let subject = subject.split("\r\nDate").next().unwrap();
        assert!(subject.is_ascii());
        assert!(subject.split("\r\n ").all(|word| word.len() <= 75));
        let decoded: Vec<u8> = subject
            .split("\r\n ")
            .flat_map(|word| {
                let word = word.trim_start_matches("=?utf-8?B?").trim_end_matches("?=");
                STANDARD.decode(word).unwrap()
            })
            .collect();
        assert_eq!(String::from_utf8(decoded).unwrap(), "Grüße ".repeat(20));
    }

    #[tokio::test]
    async fn a_file_appears_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = write_file(directory.path(), 5, 1, "text").await.unwrap();
        assert_eq!(path, directory.path().join("mail/5.eml"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "text");
        assert_eq!(
            std::fs::read_dir(directory.path().join("mail"))
                .unwrap()
                .count(),
            1
        );
    }
}
