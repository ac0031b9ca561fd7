//! Passwords: argon2id, on threads where it may take its time.

use std::sync::LazyLock;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::error::{AppError, AppResult};
use crate::random::Random;

/// Shortest and longest password, in characters and bytes.
pub const MIN_CHARS: usize = 8;
pub const MAX_BYTES: usize = 256;

/// How many hashes are computed at once: each takes 19 MiB and a core, and anyone may ask for one.
const AT_ONCE: usize = 2;
/// How many callers wait for their turn at most; more are turned away.
const WAITING: usize = 200;

static TURNS: Semaphore = Semaphore::const_new(AT_ONCE);
static QUEUE: Semaphore = Semaphore::const_new(WAITING);

/// OWASP's first recommendation for argon2id: 19 MiB, 2 passes, 1 lane.
fn argon2() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).expect("the parameters are in range");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash_now(password: &str, salt: [u8; 16]) -> AppResult<String> {
    let failed = |e: argon2::password_hash::Error| AppError::internal(anyhow::anyhow!("{e}"));
    let salt = SaltString::encode_b64(&salt).map_err(failed)?;
    let hash = argon2()
        .hash_password(password.as_bytes(), &salt)
        .map_err(failed)?;
    Ok(hash.to_string())
}

fn verify_now(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| {
        // The hash names the parameters it was made with.
        argon2().verify_password(password.as_bytes(), &hash).is_ok()
    })
}

/// What nobody's password is compared with, so that an unknown name takes as long as a known one.
static NOBODY: LazyLock<String> =
    LazyLock::new(|| hash_now("nobody", *b"0123456789abcdef").unwrap_or_default());

async fn in_turn<T: Send + 'static>(
    work: impl FnOnce() -> AppResult<T> + Send + 'static,
) -> AppResult<T> {
    let busy = || AppError {
        retry_after: Some(5),
        ..AppError::new(
            http::StatusCode::SERVICE_UNAVAILABLE,
            "The server is busy, try again in a moment",
        )
    };
    let _place = QUEUE.try_acquire().map_err(|_| busy())?;
    let _turn = TURNS.acquire().await.map_err(|_| busy())?;
    tokio::task::spawn_blocking(work)
        .await
        .map_err(AppError::internal)?
}

/// The PHC string of a password.
pub async fn hash(random: &Random, password: String) -> AppResult<String> {
    let salt = random.bytes();
    in_turn(move || hash_now(&password, salt)).await
}

/// Whether the password is the hash's; false, after the same work, where there is no hash.
pub async fn verify(password: String, hash: Option<String>) -> AppResult<bool> {
    in_turn(move || {
        Ok(match hash {
            Some(hash) => verify_now(&password, &hash),
            None => {
                verify_now(&password, &NOBODY);
                false
            }
        })
    })
    .await
}

/// Why a password will not do, in the API's words.
pub fn problem(password: &str) -> Option<&'static str> {
    if password.chars().count() < MIN_CHARS {
        Some("is too short (minimum is 8 characters)")
    } else if password.len() > MAX_BYTES {
        Some("is too long (maximum is 256 bytes)")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_its_own_hash_alone() {
        let hash = hash(&Random::system(), "correct horse".into())
            .await
            .unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(
            verify("correct horse".into(), Some(hash.clone()))
                .await
                .unwrap()
        );
        assert!(!verify("correct house".into(), Some(hash)).await.unwrap());
        assert!(!verify("nobody".into(), None).await.unwrap());
        assert!(!verify("x".into(), Some("nonsense".into())).await.unwrap());
    }

    #[test]
    fn passwords_have_a_length() {
        assert!(problem("1234567").is_some());
        assert!(problem("12345678").is_none());
        assert!(problem(&"x".repeat(257)).is_some());
    }
}
