//! How this server says who it is (RFC 8292).

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use url::Url;

use super::{PushError, base64};

const ALGORITHM: &EcdsaSigningAlgorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
/// How long a token is good, in seconds: at most 24 hours may pass.
const GOOD_FOR: i64 = 12 * 3600;

/// This server's key pair for push services.
pub struct Vapid {
    pair: EcdsaKeyPair,
    public_key: String,
}

impl Vapid {
    /// A new key pair as text to be kept: PKCS#8 in Base64.
    pub fn generate() -> Result<String, PushError> {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(ALGORITHM, &SystemRandom::new())
            .map_err(|_| PushError::Crypto)?;
        Ok(URL_SAFE_NO_PAD.encode(pkcs8))
    }

    /// Reads what [`Vapid::generate`] wrote.
    pub fn read(text: &str) -> Result<Vapid, PushError> {
        let pkcs8 = base64(text).ok_or(PushError::ServerKey)?;
        let pair = EcdsaKeyPair::from_pkcs8(ALGORITHM, &pkcs8).map_err(|_| PushError::ServerKey)?;
        let public_key = URL_SAFE_NO_PAD.encode(pair.public_key());
        Ok(Vapid { pair, public_key })
    }

    /// The public key as browsers want it: the uncompressed point, in URL-safe Base64.
    pub fn public_key(&self) -> &str {
        &self.public_key
    }

    /// The token for one push service.
    pub(super) fn token(
        &self,
        endpoint: &Url,
        contact: &str,
        now: i64,
    ) -> Result<String, PushError> {
        let claims = serde_json::json!({
            "aud": endpoint.origin().ascii_serialization(),
            "exp": now / 1000 + GOOD_FOR,
            "sub": contact,
        });
        let mut token = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"ES256"}"#);
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self
            .pair
            .sign(&SystemRandom::new(), token.as_bytes())
            .map_err(|_| PushError::Crypto)?;
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode(signature));
        Ok(token)
    }
}

impl std::fmt::Debug for Vapid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vapid({})", self.public_key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    #[test]
    fn tokens_verify_and_name_the_service() {
        let vapid = Vapid::read(&Vapid::generate().unwrap()).unwrap();
        let endpoint = Url::parse("https://push.example:8443/a/b").unwrap();
        let token = vapid
            .token(&endpoint, "mailto:a@b.example", 1_000_000)
            .unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let key = base64(vapid.public_key()).unwrap();
        assert_eq!(key.len(), 65);
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key)
            .verify(signed.as_bytes(), &base64(signature).unwrap())
            .unwrap();
        let claims = base64(signed.split_once('.').unwrap().1).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["aud"], "https://push.example:8443");
        assert_eq!(claims["exp"], 1000 + GOOD_FOR);
    }
}
