//! Keys that are drawn from a file: making one takes longer than most tests.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use kith::domain::accounts::{KeyPair, KeySource};
use kith::federation::signature::PrivateKey;

static DRAWN: LazyLock<Vec<KeyPair>> = LazyLock::new(|| {
    let all = [
        include_str!("keys/drawn/0.pem"),
        include_str!("keys/drawn/1.pem"),
        include_str!("keys/drawn/2.pem"),
        include_str!("keys/drawn/3.pem"),
        include_str!("keys/drawn/4.pem"),
        include_str!("keys/drawn/5.pem"),
        include_str!("keys/drawn/6.pem"),
        include_str!("keys/drawn/7.pem"),
    ];
    let pair = |pem: &str| KeyPair {
        private: pem.to_owned(),
        public: PrivateKey::from_pem(pem)
            .expect("a key")
            .public_key()
            .to_pem(),
    };
    all.into_iter().map(pair).collect()
});

/// One fixed key pair after the other, then the first again.
pub fn fixed_keys() -> KeySource {
    let next = AtomicUsize::new(0);
    KeySource::new(move || Ok(DRAWN[next.fetch_add(1, Ordering::Relaxed) % DRAWN.len()].clone()))
}
