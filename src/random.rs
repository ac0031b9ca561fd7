//! Randomness, passed in so that tests can repeat a run.

use std::sync::Arc;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Fills a buffer.
type Fill = dyn Fn(&mut [u8]) + Send + Sync;

/// Draws random bytes.
#[derive(Clone)]
pub struct Random {
    fill: Arc<Fill>,
}

impl Random {
    /// The operating system's generator.
    pub fn system() -> Random {
        let system = SystemRandom::new();
        Random {
            fill: Arc::new(move |bytes| {
                system
                    .fill(bytes)
                    .expect("the operating system's random generator works");
            }),
        }
    }

    /// A source of the caller's, for tests.
    pub fn from_fn(fill: impl Fn(&mut [u8]) + Send + Sync + 'static) -> Random {
        Random {
            fill: Arc::new(fill),
        }
    }

    /// That many random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.fill)(&mut bytes);
        bytes
    }

    /// A secret of 256 bits, in URL-safe Base64: client secrets, codes, session ids.
    pub fn token(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes::<32>())
    }

    /// Six digits.
    pub fn code(&self) -> String {
        // 2^64 is so much larger than 10^6 that the remainder is even for all purposes.
        format!("{:06}", u64::from_le_bytes(self.bytes()) % 1_000_000)
    }

    /// A number from 0 to 1, for jitter.
    pub fn unit(&self) -> f64 {
        f64::from(u32::from_le_bytes(self.bytes())) / f64::from(u32::MAX)
    }
}

impl std::fmt::Debug for Random {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Random")
    }
}
