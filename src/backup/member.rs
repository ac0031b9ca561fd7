//! The names in a backup: nothing else may be in one.

use crate::media::storage::Key;

/// A member of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Member {
    Header,
    Secrets,
    /// Rows of a table; the pages are counted from 0.
    Rows {
        table: String,
        page: u64,
    },
    Media(Key),
    /// Files that stayed in an object store; the pages are counted from 0.
    InStore(u64),
    /// Names, sizes and hashes of the members since the last listing.
    Listing(u64),
    Manifest,
}

impl Member {
    /// Its name.
    pub fn name(&self) -> String {
        match self {
            Member::Header => "kith-backup.json".to_owned(),
            Member::Secrets => "secrets.toml".to_owned(),
            Member::Rows { table, page } => format!("database/{table}/{page:06}.jsonl"),
            Member::Media(key) => format!("media/{key}"),
            Member::InStore(page) => format!("store/{page:06}.jsonl"),
            Member::Listing(page) => format!("listing/{page:06}.jsonl"),
            Member::Manifest => "manifest.json".to_owned(),
        }
    }

    /// Reads a name; `None` for one that no backup has, whatever it would lead to.
    pub fn parse(name: &str) -> Option<Member> {
        let member = match name {
            "kith-backup.json" => Member::Header,
            "secrets.toml" => Member::Secrets,
            "manifest.json" => Member::Manifest,
            _ => {
                let (area, rest) = name.split_once('/')?;
                match area {
                    "media" => Member::Media(rest.parse().ok()?),
                    "store" => Member::InStore(page(rest)?),
                    "listing" => Member::Listing(page(rest)?),
                    "database" => {
                        let (table, rest) = rest.split_once('/')?;
                        let known = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_');
                        if table.is_empty() || !table.bytes().all(known) {
                            return None;
                        }
                        Member::Rows {
                            table: table.to_owned(),
                            page: page(rest)?,
                        }
                    }
                    _ => return None,
                }
            }
        };
        // One spelling of each.
        (member.name() == name).then_some(member)
    }

    /// Bytes that it may have; `None` for files, which are not read into memory.
    pub fn limit(&self) -> Option<u64> {
        match self {
            Member::Header | Member::Manifest => Some(4 << 20),
            Member::Secrets => Some(64 << 10),
            Member::Rows { .. } | Member::InStore(_) => Some(64 << 20),
            Member::Listing(_) => Some(4 << 20),
            Member::Media(_) => None,
        }
    }
}

fn page(name: &str) -> Option<u64> {
    name.strip_suffix(".jsonl")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        let key: Key = "uploads/ab/cd/1-00.png".parse().unwrap();
        for member in [
            Member::Header,
            Member::Secrets,
            Member::Rows {
                table: "home_entries".to_owned(),
                page: 12,
            },
            Member::Media(key),
            Member::InStore(7),
            Member::Listing(1_234_567),
            Member::Manifest,
        ] {
            assert_eq!(Member::parse(&member.name()), Some(member));
        }
    }

    #[test]
    fn s10_no_name_leads_anywhere_else() {
        for bad in [
            "",
            "/etc/passwd",
            "../secrets.toml",
            "./secrets.toml",
            "secrets.toml/",
            "media/../secrets.toml",
            "media/.incoming/1",
            "media//a",
            "media/",
            "database/../000000.jsonl",
            "database/statuses/0.jsonl",
            "database/statuses/+00000.jsonl",
            "database/statuses\"; --/000000.jsonl",
            "database/statuses/000000.jsonl/x",
            "listing/../000000.jsonl",
            "kith.db",
            "MEDIA/a",
            "media/a\0",
        ] {
            assert_eq!(Member::parse(bad), None, "{bad:?}");
        }
    }
}
