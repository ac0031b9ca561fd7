//! Secrets that are kept as digests only: codes, refresh tokens, client secrets, browser sessions.

use aws_lc_rs::{constant_time, digest};

/// SHA-256, hexadecimal. For secrets of 256 random bits, which need no slow hash; codes of few
/// digits live minutes and allow few tries.
pub fn hash(secret: &str) -> String {
    digest::digest(&digest::SHA256, secret.as_bytes())
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Whether two texts are the same, in time that depends on their lengths alone.
pub fn same(a: &str, b: &str) -> bool {
    constant_time::verify_slices_are_equal(a.as_bytes(), b.as_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_sha256() {
        assert_eq!(
            hash("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert!(same("abc", "abc"));
        assert!(!same("abc", "abd"));
        assert!(!same("abc", "abcd"));
    }
}
