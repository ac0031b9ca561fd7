//! Encryption of a message for one browser.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};

use super::{MAX_PLAINTEXT, PushError, base64};

/// Bytes of an uncompressed point of P-256.
const POINT: usize = 65;
/// Size of the one record a message has (RFC 8291, section 4).
const RECORD: u32 = 4096;

/// A browser that asked for messages.
#[derive(Debug, Clone)]
pub struct Recipient {
    public_key: Vec<u8>,
    secret: Vec<u8>,
    /// As RFC 8291 says; else as its fourth draft said.
    pub standard: bool,
}

impl Recipient {
    /// From what a subscription says, both in Base64.
    pub fn new(p256dh: &str, auth: &str, standard: bool) -> Result<Recipient, PushError> {
        let public_key = base64(p256dh)
            .filter(|key| key.len() == POINT)
            .ok_or(PushError::PublicKey)?;
        // A point that is not on the curve is found out here, not at sending.
        aws_lc_rs::agreement::ParsedPublicKey::try_from(UnparsedPublicKey::new(
            &ECDH_P256,
            &public_key,
        ))
        .map_err(|_| PushError::PublicKey)?;
        let secret = base64(auth)
            .filter(|secret| secret.len() == 16)
            .ok_or(PushError::Secret)?;
        Ok(Recipient {
            public_key,
            secret,
            standard,
        })
    }
}

/// What is drawn anew for each message.
#[derive(Clone)]
pub struct Keys {
    pub(super) salt: [u8; 16],
    private_key: [u8; 32],
}

impl Keys {
    /// From random bytes. Of 2^32 draws one is no key of the curve; then sending fails, and is
    /// tried again with others.
    pub fn new(salt: [u8; 16], private_key: [u8; 32]) -> Keys {
        Keys { salt, private_key }
    }
}

/// The shared secret, and the sender's public key.
fn agreed(recipient: &Recipient, keys: &Keys) -> Result<(Vec<u8>, Vec<u8>), PushError> {
    let own = PrivateKey::from_private_key(&ECDH_P256, &keys.private_key)
        .map_err(|_| PushError::Crypto)?;
    let sender = own.compute_public_key().map_err(|_| PushError::Crypto)?;
    let peer = UnparsedPublicKey::new(&ECDH_P256, &recipient.public_key);
    let secret = agree(&own, peer, PushError::PublicKey, |secret| {
        Ok(secret.to_vec())
    })?;
    Ok((secret, sender.as_ref().to_vec()))
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn extract(salt: &[u8], secret: &[u8]) -> Prk {
    Salt::new(HKDF_SHA256, salt).extract(secret)
}

fn expand<const N: usize>(key: &Prk, info: &[&[u8]]) -> Result<[u8; N], PushError> {
    let mut out = [0; N];
    key.expand(info, Length(N))
        .and_then(|okm| okm.fill(&mut out))
        .map_err(|_| PushError::Crypto)?;
    Ok(out)
}

fn seal(key: [u8; 16], nonce: [u8; 12], mut text: Vec<u8>) -> Result<Vec<u8>, PushError> {
    let key = UnboundKey::new(&AES_128_GCM, &key).map_err(|_| PushError::Crypto)?;
    LessSafeKey::new(key)
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut text)
        .map_err(|_| PushError::Crypto)?;
    Ok(text)
}

/// As RFC 8291: one record, with salt and sender's key in its head.
pub(super) fn aes128gcm(
    recipient: &Recipient,
    keys: &Keys,
    plaintext: &[u8],
) -> Result<Vec<u8>, PushError> {
    if plaintext.len() > MAX_PLAINTEXT {
        return Err(PushError::TooLong);
    }
    let (secret, sender) = agreed(recipient, keys)?;
    let info: [&[u8]; 3] = [b"WebPush: info\0", &recipient.public_key, &sender];
    let input: [u8; 32] = expand(&extract(&recipient.secret, &secret), &info)?;
    let content = extract(&keys.salt, &input);
    let key = expand(&content, &[b"Content-Encoding: aes128gcm\0"])?;
    let nonce = expand(&content, &[b"Content-Encoding: nonce\0"])?;
    let mut text = plaintext.to_vec();
    // The delimiter of the last record.
    text.push(2);
    let sealed = seal(key, nonce, text)?;
    let mut body = Vec::with_capacity(21 + POINT + sealed.len());
    body.extend_from_slice(&keys.salt);
    body.extend_from_slice(&RECORD.to_be_bytes());
    body.push(POINT as u8);
    body.extend_from_slice(&sender);
    body.extend_from_slice(&sealed);
    Ok(body)
}

/// As draft-ietf-webpush-encryption-04: salt and sender's key travel in headers.
pub(super) fn aesgcm(
    recipient: &Recipient,
    keys: &Keys,
    plaintext: &[u8],
) -> Result<(Vec<u8>, Vec<u8>), PushError> {
    if plaintext.len() > MAX_PLAINTEXT {
        return Err(PushError::TooLong);
    }
    let (secret, sender) = agreed(recipient, keys)?;
    let auth: [&[u8]; 1] = [b"Content-Encoding: auth\0"];
    let input: [u8; 32] = expand(&extract(&recipient.secret, &secret), &auth)?;
    let length = (POINT as u16).to_be_bytes();
    let content = extract(&keys.salt, &input);
    let info = |name: &'static [u8]| -> [&[u8]; 6] {
        [
            name,
            b"P-256\0",
            &length,
            &recipient.public_key,
            &length,
            &sender,
        ]
    };
    let key = expand(&content, &info(b"Content-Encoding: aesgcm\0"))?;
    let nonce = expand(&content, &info(b"Content-Encoding: nonce\0"))?;
    // Two bytes say how much padding follows: none.
    let mut text = vec![0, 0];
    text.extend_from_slice(plaintext);
    Ok((seal(key, nonce, text)?, sender))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8291, section 5 and appendix A.
    #[test]
    fn the_rfc_s_example_comes_out() {
        let recipient = Recipient::new(
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            "BTBZMqHH6r4Tts7J_aSIgg",
            true,
        )
        .unwrap();
        let bytes = |text| base64(text).unwrap();
        let keys = Keys::new(
            bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap(),
            bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")
                .try_into()
                .unwrap(),
        );
        let body = aes128gcm(
            &recipient,
            &keys,
            b"When I grow up, I want to be a watermelon",
        )
        .unwrap();
        let expected = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27ml\
                        mlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT\
                        pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
        assert_eq!(body, bytes(expected));
    }

    #[test]
    fn bad_keys_are_refused() {
        let good = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
        let off_the_curve = good.replace("BCVx", "BCVy");
        for (key, secret) in [
            ("", "BTBZMqHH6r4Tts7J_aSIgg"),
            ("BCVx", "BTBZMqHH6r4Tts7J_aSIgg"),
            (off_the_curve.as_str(), "BTBZMqHH6r4Tts7J_aSIgg"),
            (good, ""),
            (good, "BTBZ"),
        ] {
            assert!(Recipient::new(key, secret, true).is_err(), "{key} {secret}");
        }
        // Padded and not URL-safe, as some libraries write it.
        let padded = format!("{}=", good.replace('-', "+").replace('_', "/"));
        assert!(Recipient::new(&padded, "BTBZMqHH6r4Tts7J/aSIgg==", true).is_ok());
    }
}
