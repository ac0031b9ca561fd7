//! Key pairs for actors that live here.

use super::signature::PrivateKey;
use crate::domain::accounts::KeyPair;
use crate::error::{AppError, AppResult};

/// A new RSA key pair, made on a thread where it may take its time.
pub async fn generate() -> AppResult<KeyPair> {
    tokio::task::spawn_blocking(|| {
        let key = PrivateKey::generate_rsa2048()?;
        Ok(KeyPair {
            private: key.to_pem()?,
            public: key.public_key().to_pem(),
        })
    })
    .await
    .map_err(AppError::internal)?
    .map_err(|error: super::signature::KeyError| AppError::internal(error))
}
