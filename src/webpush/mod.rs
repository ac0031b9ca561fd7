//! Web Push messages: encrypted for a browser (RFC 8291, and the draft before it) and signed by
//! this server (RFC 8292, and its draft). Pure: nothing here sends.

mod encrypt;
mod vapid;

pub use encrypt::{Keys, Recipient};
pub use vapid::Vapid;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

/// Largest text that a message may carry: push services take 4096 bytes encrypted.
pub const MAX_PLAINTEXT: usize = 3900;

/// Why no message could be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// The browser's public key is no point of P-256 in Base64.
    #[error("the public key is not valid")]
    PublicKey,
    /// The browser's secret is not 16 bytes in Base64.
    #[error("the authentication secret is not valid")]
    Secret,
    /// More than [`MAX_PLAINTEXT`].
    #[error("the message is too long")]
    TooLong,
    /// This server's own key is damaged.
    #[error("the server's key is not valid")]
    ServerKey,
    /// The library refused.
    #[error("encryption failed")]
    Crypto,
}

/// A message as it is posted to the push service.
#[derive(Debug, Clone)]
pub struct Message {
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// Makes a message. `contact` is a `mailto:` or `https:` URL for the push service's operators,
/// `now` in milliseconds, `ttl` in seconds.
pub fn message(
    vapid: &Vapid,
    recipient: &Recipient,
    keys: &Keys,
    endpoint: &Url,
    contact: &str,
    plaintext: &[u8],
    (now, ttl): (i64, u32),
) -> Result<Message, PushError> {
    let mut headers = HeaderMap::new();
    let token = vapid.token(endpoint, contact, now)?;
    let key = vapid.public_key();
    let body = if recipient.standard {
        set(
            &mut headers,
            AUTHORIZATION,
            &format!("vapid t={token}, k={key}"),
        )?;
        set(&mut headers, CONTENT_ENCODING, "aes128gcm")?;
        encrypt::aes128gcm(recipient, keys, plaintext)?
    } else {
        let (body, sender) = encrypt::aesgcm(recipient, keys, plaintext)?;
        let salt = URL_SAFE_NO_PAD.encode(keys.salt);
        let sender = URL_SAFE_NO_PAD.encode(sender);
        set(&mut headers, AUTHORIZATION, &format!("WebPush {token}"))?;
        set(&mut headers, CONTENT_ENCODING, "aesgcm")?;
        set(
            &mut headers,
            HeaderName::from_static("encryption"),
            &format!("salt={salt}"),
        )?;
        set(
            &mut headers,
            HeaderName::from_static("crypto-key"),
            &format!("dh={sender};p256ecdsa={key}"),
        )?;
        body
    };
    set(&mut headers, CONTENT_TYPE, "application/octet-stream")?;
    set(
        &mut headers,
        HeaderName::from_static("ttl"),
        &ttl.to_string(),
    )?;
    set(&mut headers, HeaderName::from_static("urgency"), "normal")?;
    Ok(Message { headers, body })
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) -> Result<(), PushError> {
    let value = HeaderValue::from_str(value).map_err(|_| PushError::Crypto)?;
    headers.insert(name, value);
    Ok(())
}

/// Reads Base64 as browsers and libraries write it: URL-safe or not, padded or not.
fn base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    URL_SAFE_NO_PAD
        .decode(text)
        .or_else(|_| URL_SAFE.decode(text))
        .or_else(|_| STANDARD.decode(text))
        .ok()
}
