//! Digests of bodies: `Digest` (RFC 3230, as draft-cavage uses it) and `Content-Digest`
//! (RFC 9530).

use aws_lc_rs::digest::{self, SHA256, SHA512};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use sfv::{BareItem, Dictionary, ListEntry, Parser};

use super::SignatureError;
use super::keys::LENIENT_BASE64;

/// The digest headers of one body, computed once and used for every inbox it is sent to.
#[derive(Debug, Clone)]
pub struct BodyDigest {
    digest: HeaderValue,
    content_digest: HeaderValue,
    content_type: HeaderValue,
}

impl BodyDigest {
    /// SHA-256 of `body`, which is sent as `content_type`.
    pub fn new(body: &[u8], content_type: &'static str) -> Self {
        let sum = STANDARD.encode(digest::digest(&SHA256, body));
        let header = |text: String| {
            HeaderValue::try_from(text).expect("base64 is always a valid header value")
        };
        Self {
            digest: header(format!("SHA-256={sum}")),
            content_digest: header(format!("sha-256=:{sum}:")),
            content_type: HeaderValue::from_static(content_type),
        }
    }

    /// The value of `Digest`.
    pub fn digest(&self) -> &HeaderValue {
        &self.digest
    }

    /// The value of `Content-Digest`.
    pub fn content_digest(&self) -> &HeaderValue {
        &self.content_digest
    }

    /// The value of `Content-Type`.
    pub fn content_type(&self) -> &HeaderValue {
        &self.content_type
    }
}

/// Checks a `Digest` value such as `SHA-256=…, SHA-512=…` against the body. At least one
/// algorithm has to be known, and all known ones have to match.
pub fn verify_digest(value: &[u8], body: &[u8]) -> Result<(), SignatureError> {
    let text = std::str::from_utf8(value).map_err(|_| SignatureError::MalformedDigest)?;
    let mut known = false;
    for part in text.split(',') {
        let (name, sum) = part
            .trim()
            .split_once('=')
            .ok_or(SignatureError::MalformedDigest)?;
        let algorithm = match name.trim().to_ascii_lowercase().as_str() {
            "sha-256" => &SHA256,
            "sha-512" => &SHA512,
            _ => continue,
        };
        let sum = LENIENT_BASE64
            .decode(sum.trim())
            .map_err(|_| SignatureError::MalformedDigest)?;
        compare(algorithm, &sum, body)?;
        known = true;
    }
    known.then_some(()).ok_or(SignatureError::MalformedDigest)
}

/// Checks a `Content-Digest` value such as `sha-256=:…:` against the body, by the same rule.
pub fn verify_content_digest(value: &[u8], body: &[u8]) -> Result<(), SignatureError> {
    let dictionary: Dictionary = Parser::new(value)
        .parse()
        .map_err(|_| SignatureError::MalformedDigest)?;
    let mut known = false;
    for (name, entry) in &dictionary {
        let algorithm = match name.as_str() {
            "sha-256" => &SHA256,
            "sha-512" => &SHA512,
            _ => continue,
        };
        let ListEntry::Item(item) = entry else {
            return Err(SignatureError::MalformedDigest);
        };
        let BareItem::ByteSequence(sum) = &item.bare_item else {
            return Err(SignatureError::MalformedDigest);
        };
        compare(algorithm, sum, body)?;
        known = true;
    }
    known.then_some(()).ok_or(SignatureError::MalformedDigest)
}

fn compare(
    algorithm: &'static digest::Algorithm,
    sum: &[u8],
    body: &[u8],
) -> Result<(), SignatureError> {
    if sum.len() != algorithm.output_len() {
        return Err(SignatureError::MalformedDigest);
    }
    if digest::digest(algorithm, body).as_ref() == sum {
        Ok(())
    } else {
        Err(SignatureError::DigestMismatch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9530, appendix B.1, and RFC 9421, B.2.
    const BODY: &[u8] = b"{\"hello\": \"world\"}";
    const SHA256_SUM: &str = "X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=";
    const SHA512_SUM: &str =
        "WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==";

    #[test]
    fn known_digests() {
        let ours = BodyDigest::new(BODY, "application/json");
        assert_eq!(
            ours.content_digest(),
            &format!("sha-256=:{SHA256_SUM}:").as_str()
        );
        assert_eq!(ours.digest(), &format!("SHA-256={SHA256_SUM}").as_str());
        for good in [
            format!("SHA-256={SHA256_SUM}"),
            format!("sha-256={SHA256_SUM}"),
            format!("sha-256={}", SHA256_SUM.trim_end_matches('=')),
            format!("MD5=abc, SHA-512={SHA512_SUM},sha-256={SHA256_SUM}"),
        ] {
            assert_eq!(verify_digest(good.as_bytes(), BODY), Ok(()), "{good}");
        }
        for good in [
            format!("sha-256=:{SHA256_SUM}:"),
            format!("sha-512=:{SHA512_SUM}:, sha-256=:{SHA256_SUM}:, md5=:AAAA:"),
        ] {
            assert_eq!(
                verify_content_digest(good.as_bytes(), BODY),
                Ok(()),
                "{good}"
            );
        }
    }

    #[test]
    fn wrong_or_unreadable_digests_are_refused() {
        use SignatureError::{DigestMismatch, MalformedDigest};
        let wrong = SHA256_SUM.replace('X', "Y");
        for (bad, error) in [
            (format!("SHA-256={wrong}"), DigestMismatch),
            (
                format!("SHA-512={SHA512_SUM},SHA-256={wrong}"),
                DigestMismatch,
            ),
            (String::new(), MalformedDigest),
            ("SHA-256".into(), MalformedDigest),
            ("SHA-256=".into(), MalformedDigest),
            ("SHA-256=AAAA".into(), MalformedDigest),
            ("SHA-256=%%%".into(), MalformedDigest),
            ("MD5=AAAA".into(), MalformedDigest),
            (format!(",SHA-256={SHA256_SUM}"), MalformedDigest),
        ] {
            assert_eq!(verify_digest(bad.as_bytes(), BODY), Err(error), "{bad}");
        }
        for (bad, error) in [
            (format!("sha-256=:{wrong}:"), DigestMismatch),
            (format!("sha-256={SHA256_SUM}"), MalformedDigest),
            (format!("sha-256=\"{SHA256_SUM}\""), MalformedDigest),
            ("sha-256=(:AAAA:)".into(), MalformedDigest),
            ("sha-256".into(), MalformedDigest),
            ("md5=:AAAA:".into(), MalformedDigest),
            (String::new(), MalformedDigest),
        ] {
            let read = verify_content_digest(bad.as_bytes(), BODY);
            assert_eq!(read, Err(error), "{bad}");
        }
        assert!(verify_digest(b"\xff", BODY).is_err());
        assert!(verify_content_digest(b"\xff", BODY).is_err());
    }

    proptest::proptest! {
        #[test]
        fn never_panics(value: Vec<u8>, text in "sha-(256|512)=:?[ -~]{0,40}:?") {
            let _ = verify_digest(&value, b"");
            let _ = verify_content_digest(&value, b"");
            let _ = verify_digest(text.as_bytes(), b"");
            let _ = verify_content_digest(text.as_bytes(), b"");
        }
    }
}
