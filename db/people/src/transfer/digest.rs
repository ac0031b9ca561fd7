//! What a table's rows come to, in whatever order they are read.

/// Hashes of rows, added up: the same for the same rows in any order, since PostgreSQL sorts text
/// otherwise than SQLite. It tells mistakes, and is no proof against somebody who looks for rows
/// that add up to the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowsDigest {
    rows: u64,
    sums: [u64; 4],
}

impl RowsDigest {
    /// Adds a row by its hash.
    pub fn add(&mut self, hash: &[u8; 32]) {
        self.rows += 1;
        for (sum, part) in self.sums.iter_mut().zip(hash.as_chunks::<8>().0) {
            *sum = sum.wrapping_add(u64::from_le_bytes(*part));
        }
    }

    /// Rows added.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The sum, in hexadecimal.
    pub fn hex(&self) -> String {
        self.sums.iter().map(|sum| format!("{sum:016x}")).collect()
    }
}
