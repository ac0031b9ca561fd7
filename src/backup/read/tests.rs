//! Archives that are not what they say.

use std::io::Write;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use futures::executor::block_on;
use tar::{Builder, EntryType, Header as TarHeader};
use tempfile::TempDir;

use super::*;
use crate::backup::manifest::TableColumns;
use crate::backup::write::Writer;

const ROWS: &str = "[1,\"one\"]\n[2,null]\n";

fn header() -> Header {
    Header {
        format: FORMAT,
        kith: "0".to_owned(),
        created_at: String::new(),
        database: "sqlite".to_owned(),
        public_url: "https://kith.example/".to_owned(),
        account_domain: "kith.example".to_owned(),
        migrations: Vec::new(),
        last_event: 0,
        remote_media: false,
        tables: vec![TableColumns {
            name: "notes".to_owned(),
            columns: vec!["id".to_owned(), "text".to_owned()],
        }],
    }
}

fn rows(page: u64) -> Member {
    Member::Rows {
        table: "notes".to_owned(),
        page,
    }
}

fn media(name: &str) -> Member {
    Member::Media(name.parse().unwrap())
}

/// The members of a good backup, but for the listing and the manifest.
fn members() -> Vec<(Member, Vec<u8>)> {
    vec![
        (Member::Header, serde_json::to_vec(&header()).unwrap()),
        (Member::Secrets, b"token_key = \"c2VjcmV0\"\n".to_vec()),
        (rows(0), ROWS.as_bytes().to_vec()),
        (media("uploads/ab/cd/1-00.png"), b"picture".to_vec()),
    ]
}

/// A manifest that is true of members, as far as the digests of rows can be told.
fn manifest(chain: &Chain, members: &[(Member, Vec<u8>)]) -> Vec<u8> {
    let mut tally = Tally::default();
    let mut files = Files::default();
    for (member, content) in members {
        match member {
            Member::Rows { .. } => {
                let text = String::from_utf8_lossy(content);
                tally.add(&text.lines().map(str::to_owned).collect::<Vec<_>>());
            }
            Member::Media(_) => {
                files.count += 1;
                files.bytes += content.len() as u64;
            }
            _ => {}
        }
    }
    let manifest = Manifest {
        format: FORMAT,
        tables: BTreeMap::from([("notes".to_owned(), tally.told())]),
        files,
        members: chain.members,
        bytes: chain.bytes,
        sha256: chain.sha256(),
    };
    serde_json::to_vec(&manifest).unwrap()
}

/// A backup of members, with sums that are true of them.
fn archive(members: &[(Member, Vec<u8>)]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for (member, content) in members {
        writer.add(member, content).unwrap();
    }
    writer.list().unwrap();
    let manifest = manifest(&writer.chain, members);
    writer.finish(&manifest).unwrap()
}

struct Trial {
    dir: TempDir,
}

impl Trial {
    fn new() -> Trial {
        Trial {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("backup")
    }

    fn read(&self, bytes: &[u8]) -> Outcome<(Header, Manifest)> {
        std::fs::write(self.file(), bytes).unwrap();
        block_on(verify(&self.file()))
    }

    #[track_caller]
    fn refuses(&self, bytes: &[u8], why: &str) {
        let error = self.read(bytes).unwrap_err();
        assert!(error.contains(why), "{error:?} says nothing of {why:?}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn a_good_backup_is_read_and_any_cut_or_flip_refused() {
    let trial = Trial::new();
    let good = archive(&members());
    let (read, told) = trial.read(&good).unwrap();
    assert_eq!(read, header());
    assert_eq!((told.rows(), told.files.count, told.members), (2, 1, 4));
    for length in 0..good.len() {
        trial.read(&good[..length]).unwrap_err();
    }
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        match trial.read(&bad) {
            Err(error) => assert_eq!(error.lines().count(), 1, "{error}"),
            // Some bits mean nothing: when it was compressed, codes that are not used.
            Ok(same) => {
                assert_eq!(same, (header(), told.clone()), "byte {at}");
                assert_eq!(inflated(&bad), inflated(&good), "byte {at}");
            }
        }
    }
    trial.refuses(&[&good[..], b"more"].concat(), "behind the end");
    trial.refuses(&[&good[..], &good[..]].concat(), "behind the end");
    trial.refuses(b"", "no backup");
    trial.refuses(b"a text", "no backup");
}

fn inflated(bytes: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut content).unwrap();
    content
}

#[test]
fn what_is_missing_twice_or_out_of_place_is_refused() {
    let trial = Trial::new();
    let without = |at: usize| {
        let mut some = members();
        some.remove(at);
        some
    };
    trial.refuses(&archive(&without(0)), "begin");
    trial.refuses(&archive(&without(1)), "secrets.toml is missing");
    // True sums of no rows: the table is empty then.
    assert!(trial.read(&archive(&without(2))).is_ok());
    let with = |member: Member, content: &[u8]| {
        let mut more = members();
        more.push((member, content.to_vec()));
        archive(&more)
    };
    trial.refuses(&with(Member::Secrets, b"token_key = \"\""), "twice");
    trial.refuses(&with(Member::Header, b"{}"), "begin");
    trial.refuses(&with(rows(2), b"[3,\"\"]\n"), "page 1 of notes");
    trial.refuses(&with(rows(0), b"[3,\"\"]\n"), "page 1 of notes");
    for bad in [
        &b"[3]\n"[..],
        b"[3,{}]\n",
        b"[3,[]]\n",
        b"[3,1.5]\n",
        b"3\n",
        b"[3,\"\n",
    ] {
        trial.refuses(&with(rows(1), bad), "a row of notes");
    }
    let unknown = Member::Rows {
        table: "users".to_owned(),
        page: 0,
    };
    trial.refuses(&with(unknown, b"[1]\n"), "users");
    let mut other = members();
    other[1].1 = b"token_key = 3".to_vec();
    trial.refuses(&archive(&other), "secrets.toml");
    let mut newer = header();
    newer.format = 2;
    let mut other = members();
    other[0].1 = serde_json::to_vec(&newer).unwrap();
    trial.refuses(&archive(&other), "format 2");
    other[0].1 = br#"{"format":1}"#.to_vec();
    trial.refuses(&archive(&other), "its beginning");
}

/// An archive whose sums are of other members than it has.
#[test]
fn sums_of_something_else_are_refused() {
    let trial = Trial::new();
    let write = |members: &[(Member, Vec<u8>)], told: &[(Member, Vec<u8>)]| {
        let mut chain = Chain::new();
        let mut tar = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (member, content) in members {
            append(&mut tar, &member.name(), EntryType::Regular, content);
        }
        for (member, content) in told {
            let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, content);
            chain.add(Line {
                name: member.name(),
                size: content.len() as u64,
                sha256: crate::backup::write::hex(hash.as_ref()),
            });
        }
        let listing = chain.listing().unwrap();
        append(
            &mut tar,
            "listing/000000.jsonl",
            EntryType::Regular,
            &listing,
        );
        let manifest = manifest(&chain, told);
        append(&mut tar, "manifest.json", EntryType::Regular, &manifest);
        tar.into_inner().unwrap().finish().unwrap()
    };
    let good = members();
    assert!(trial.read(&write(&good, &good)).is_ok());
    for at in 1..good.len() {
        let mut other = good.clone();
        other[at].1 = match at {
            1 => b"token_key = \"b3RoZXI=\"\n".to_vec(),
            2 => ROWS.replace("one", "two").into_bytes(),
            _ => b"another".to_vec(),
        };
        trial.refuses(&write(&other, &good), &good[at].0.name());
    }
    trial.refuses(&write(&good[..3], &good), "is missing");
    let mut more = good.clone();
    more.push((media("uploads/ab/cd/2-00.png"), b"more".to_vec()));
    trial.refuses(&write(&more, &good), "2-00.png");
}

fn append<W: Write>(tar: &mut Builder<W>, name: &str, kind: EntryType, content: &[u8]) {
    let mut header = TarHeader::new_gnu();
    header.set_entry_type(kind);
    header.set_size(content.len() as u64);
    // Also what no honest program writes.
    let field = &mut header.as_gnu_mut().unwrap().name;
    field[..name.len()].copy_from_slice(name.as_bytes());
    header.set_cksum();
    tar.append(&header, content).unwrap();
}

#[test]
fn s10_nothing_but_plain_members_is_taken() {
    let trial = Trial::new();
    let with = |name: &str, kind: EntryType, content: &[u8]| {
        let mut tar = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (member, content) in members() {
            append(&mut tar, &member.name(), EntryType::Regular, &content);
        }
        append(&mut tar, name, kind, content);
        tar.into_inner().unwrap().finish().unwrap()
    };
    for name in [
        "../kith.db",
        "media/../../secrets.toml",
        "/etc/passwd",
        "media/.incoming/1",
        "media/a/../b",
        "kith.db",
        "database/notes/../000001.jsonl",
    ] {
        trial.refuses(
            &with(name, EntryType::Regular, b"x"),
            "nothing that a backup holds",
        );
    }
    for kind in [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Directory,
        EntryType::Fifo,
        EntryType::Char,
        EntryType::Block,
        EntryType::GNUSparse,
        EntryType::GNULongLink,
        EntryType::XHeader,
        EntryType::XGlobalHeader,
    ] {
        trial.refuses(&with("media/a", kind, b""), "nothing that a backup holds");
    }
    let long = vec![b'a'; 1 << 20];
    trial.refuses(&with("name", EntryType::GNULongName, &long), "too long");
    let large = vec![b' '; (4 << 20) + 1];
    trial.refuses(
        &with("manifest.json", EntryType::Regular, &large),
        "too large",
    );
    // A name that does not fit into its field is written and read all the same.
    let name = format!("emojis/ab/cd/{}-{}.webp", "n".repeat(64), "0".repeat(32));
    let mut long = members();
    long.push((media(&name), b"emoji".to_vec()));
    assert_eq!(trial.read(&archive(&long)).unwrap().1.files.count, 2);
}
