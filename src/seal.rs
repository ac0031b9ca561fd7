//! Secrets that must be read again, sealed with a key that the database does not hold.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::random::Random;

const NONCE_BYTES: usize = 12;

/// Seals for one purpose (AES-256-GCM).
#[derive(Clone)]
pub struct SealingKey([u8; 32]);

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealingKey")
    }
}

impl SealingKey {
    /// The key of a purpose, from the server's secret.
    pub fn derive(secret: &[u8], purpose: &str) -> SealingKey {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let tag = hmac::sign(&key, format!("seal {purpose}").as_bytes());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(tag.as_ref());
        SealingKey(bytes)
    }

    fn cipher(&self) -> Option<LessSafeKey> {
        Some(LessSafeKey::new(
            UnboundKey::new(&AES_256_GCM, &self.0).ok()?,
        ))
    }

    /// Seals what belongs to an account: for no other can it be opened.
    pub fn seal(&self, random: &Random, account_id: i64, open: &[u8]) -> Option<String> {
        let nonce: [u8; NONCE_BYTES] = random.bytes();
        let mut sealed = open.to_vec();
        self.cipher()?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(account_id.to_be_bytes()),
                &mut sealed,
            )
            .ok()?;
        Some(STANDARD_NO_PAD.encode([&nonce[..], &sealed].concat()))
    }

    /// What was sealed for the account; `None` where it was not, or with another key.
    pub fn open(&self, account_id: i64, sealed: &str) -> Option<Vec<u8>> {
        let bytes = STANDARD_NO_PAD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = sealed.to_vec();
        let open = self
            .cipher()?
            .open_in_place(nonce, Aad::from(account_id.to_be_bytes()), &mut sealed)
            .ok()?;
        Some(open.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_its_key_and_for_its_account_alone() {
        let key = SealingKey::derive(b"secret", "totp");
        let random = Random::system();
        let sealed = key.seal(&random, 7, b"hello").unwrap();
        assert_ne!(sealed, key.seal(&random, 7, b"hello").unwrap());
        assert_eq!(key.open(7, &sealed).unwrap(), b"hello");
        assert!(key.open(8, &sealed).is_none());
        let other = SealingKey::derive(b"secret", "another");
        assert!(other.open(7, &sealed).is_none());
        assert!(key.open(7, "nonsense").is_none());
        assert!(key.open(7, "").is_none());
    }
}
