//! Writing the archive, member by member, within bounded memory.

use std::io::{self, Read, Write};

use aws_lc_rs::digest;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use tar::{Builder, EntryType, Header as TarHeader};

use super::member::Member;

/// Members that one listing tells of.
pub const LISTED: usize = 500;

/// A line of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub name: String,
    pub size: u64,
    pub sha256: String,
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// What members come to, on both sides.
pub struct Chain {
    /// Members since the last listing.
    pub pending: Vec<Line>,
    pub members: u64,
    pub bytes: u64,
    pub listings: u64,
    listed: digest::Context,
}

impl Chain {
    pub fn new() -> Chain {
        Chain {
            pending: Vec::new(),
            members: 0,
            bytes: 0,
            listings: 0,
            listed: digest::Context::new(&digest::SHA256),
        }
    }

    /// Notes a member.
    pub fn add(&mut self, line: Line) {
        self.members += 1;
        self.bytes += line.size;
        self.pending.push(line);
    }

    /// The listing of what is pending, which is then no more.
    pub fn listing(&mut self) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        for line in self.pending.drain(..) {
            serde_json::to_writer(&mut text, &line)?;
            text.push(b'\n');
        }
        self.listings += 1;
        self.listed.update(&text);
        Ok(text)
    }

    /// SHA-256 of all listings.
    pub fn sha256(&self) -> String {
        hex(self.listed.clone().finish().as_ref())
    }
}

/// An archive that is being written.
pub struct Writer<W: Write> {
    tar: Builder<GzEncoder<W>>,
    pub chain: Chain,
}

impl<W: Write> Writer<W> {
    pub fn new(out: W) -> Writer<W> {
        Writer {
            // Most of it is media, which compresses no further.
            tar: Builder::new(GzEncoder::new(out, Compression::fast())),
            chain: Chain::new(),
        }
    }

    /// Adds a member that is in memory.
    pub fn add(&mut self, member: &Member, content: &[u8]) -> io::Result<()> {
        self.stream(member, content.len() as u64, content)
    }

    /// Adds a member of so many bytes.
    pub fn stream(&mut self, member: &Member, size: u64, content: impl Read) -> io::Result<()> {
        let name = member.name();
        let mut hashed = Hashed::new(content.take(size));
        append(&mut self.tar, &name, size, &mut hashed)?;
        if hashed.read != size {
            let what = format!("{name} became shorter while it was read");
            return Err(io::Error::other(what));
        }
        let sha256 = hashed.sha256();
        self.chain.add(Line { name, size, sha256 });
        if self.chain.pending.len() >= LISTED {
            self.list()?;
        }
        Ok(())
    }

    /// Writes down what was added since the last time.
    pub fn list(&mut self) -> io::Result<()> {
        if self.chain.pending.is_empty() {
            return Ok(());
        }
        let name = Member::Listing(self.chain.listings).name();
        let text = self.chain.listing()?;
        append(
            &mut self.tar,
            &name,
            text.len() as u64,
            &mut text.as_slice(),
        )
    }

    /// Ends the archive with its manifest.
    pub fn finish(mut self, manifest: &[u8]) -> io::Result<W> {
        let name = Member::Manifest.name();
        append(&mut self.tar, &name, manifest.len() as u64, &mut &*manifest)?;
        self.tar.into_inner()?.finish()
    }
}

fn append<W: Write>(
    tar: &mut Builder<W>,
    name: &str,
    size: u64,
    content: &mut dyn Read,
) -> io::Result<()> {
    let mut header = TarHeader::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_size(size);
    header.set_mode(0o600);
    header.set_mtime(0);
    tar.append_data(&mut header, name, content)
}

/// What is read through this is counted and hashed.
pub struct Hashed<R> {
    inner: R,
    context: digest::Context,
    pub read: u64,
}

impl<R: Read> Hashed<R> {
    pub fn new(inner: R) -> Hashed<R> {
        Hashed {
            inner,
            context: digest::Context::new(&digest::SHA256),
            read: 0,
        }
    }

    /// SHA-256 of what was read, in hexadecimal.
    pub fn sha256(self) -> String {
        hex(self.context.finish().as_ref())
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.context.update(&buffer[..n]);
        self.read += n as u64;
        Ok(n)
    }
}
