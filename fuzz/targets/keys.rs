//! Public keys: DER, PEM and multikeys.

#![no_main]

use kith::federation::signature::{Algorithm, KeyType, PublicKey};
use kith_fuzz::bounded;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| bounded(|| read(data)));

fn read(data: &[u8]) {
    let mut read = vec![PublicKey::from_der(data), PublicKey::from_ed25519(data)];
    if let Ok(text) = std::str::from_utf8(data) {
        read.push(PublicKey::from_pem(text));
        read.push(PublicKey::from_multikey(text));
    }
    for key in read.into_iter().flatten() {
        reads_back(&key);
    }
}

/// A key is the same in every encoding, and believes nobody who has not got its other half.
fn reads_back(key: &PublicKey) {
    let multikey = key.to_multikey();
    assert_eq!(PublicKey::from_multikey(&multikey).as_ref(), Ok(key));
    assert_eq!(PublicKey::from_pem(&key.to_pem()).as_ref(), Ok(key));
    let raw = match key.key_type() {
        KeyType::Ed25519 => PublicKey::from_ed25519(key.raw()),
        KeyType::Rsa => PublicKey::from_der(key.raw()),
    };
    assert_eq!(raw.as_ref(), Ok(key));
    assert_eq!(raw.map(|key| key.to_multikey()), Ok(multikey));
    for algorithm in [
        Algorithm::RsaPkcs1Sha256,
        Algorithm::RsaPkcs1Sha512,
        Algorithm::RsaPssSha512,
        Algorithm::Ed25519,
    ] {
        assert!(!key.verify(algorithm, b"message", b""));
        assert!(algorithm.key_type() == key.key_type() || !key.verify(algorithm, b"", &[0; 256]));
    }
}
