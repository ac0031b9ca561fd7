//! draft-cavage-http-signatures-12, which nearly every server of the fediverse speaks.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

use super::keys::LENIENT_BASE64;
use super::{
    Algorithm, BodyDigest, Extra, KeyType, MAX_COMPONENTS, MAX_HEADER_BYTES, Parts, PrivateKey,
    PublicKey, SignatureError, check_key_id, check_skew, digest, http_date, url_parts,
};

const SIGNATURE: HeaderName = HeaderName::from_static("signature");
const DIGEST: HeaderName = HeaderName::from_static("digest");

/// A `Signature` header that covers enough.
#[derive(Debug, Clone)]
pub struct Parsed {
    key_id: String,
    algorithm: Named,
    /// Lower-case names of covered headers, in signing order.
    covered: Vec<String>,
    created: Option<String>,
    expires: Option<String>,
    signature: Vec<u8>,
}

/// What the `algorithm` parameter leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    /// `hs2019`, or none: the key decides.
    ByKey,
    Exactly(Algorithm),
}

/// Reads the signature of a request from `Signature`, or else from `Authorization: Signature`.
pub(super) fn parse(parts: &Parts<'_>) -> Result<Parsed, SignatureError> {
    let parsed = Parsed::read(header(parts.headers)?)?;
    parsed.check_coverage(parts)?;
    Ok(parsed)
}

fn header(headers: &HeaderMap) -> Result<&str, SignatureError> {
    let mut lines = headers.get_all(SIGNATURE).iter();
    let value = match (lines.next(), lines.next()) {
        (Some(_), Some(_)) => return Err(SignatureError::Malformed("two Signature headers")),
        (Some(value), None) => value,
        (None, _) => headers.get(AUTHORIZATION).ok_or(SignatureError::Missing)?,
    };
    if value.len() > MAX_HEADER_BYTES {
        return Err(SignatureError::Malformed("the header is too long"));
    }
    let text = value
        .to_str()
        .map_err(|_| SignatureError::Malformed("the header is not ASCII"))?
        .trim();
    let scheme = text
        .split_at_checked("signature ".len())
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("signature "));
    match scheme {
        Some((_, rest)) => Ok(rest),
        // Another scheme of authorization, such as a bearer token.
        None if !headers.contains_key(SIGNATURE) => Err(SignatureError::Missing),
        None => Ok(text),
    }
}

impl Parsed {
    fn read(text: &str) -> Result<Self, SignatureError> {
        let mut key_id = None;
        let mut algorithm = None;
        let mut covered = None;
        let mut created = None;
        let mut expires = None;
        let mut signature = None;
        for (name, value) in parameters(text)? {
            let slot = match name.to_ascii_lowercase().as_str() {
                "keyid" => &mut key_id,
                "algorithm" => &mut algorithm,
                "headers" => &mut covered,
                "created" => &mut created,
                "expires" => &mut expires,
                "signature" => &mut signature,
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return Err(SignatureError::Malformed("a parameter is given twice"));
            }
        }
        let covered: Vec<String> = covered
            // The draft's default; too little in any case.
            .unwrap_or_else(|| "(created)".into())
            .split_ascii_whitespace()
            .map(str::to_ascii_lowercase)
            .collect();
        if covered.len() > MAX_COMPONENTS {
            return Err(SignatureError::Malformed("too many covered headers"));
        }
        let signature = signature.ok_or(SignatureError::Malformed("no signature parameter"))?;
        Ok(Self {
            key_id: key_id
                .filter(|id| !id.is_empty())
                .ok_or(SignatureError::MissingKeyId)?,
            algorithm: named(algorithm.as_deref())?,
            covered,
            created,
            expires,
            signature: LENIENT_BASE64
                .decode(signature.as_bytes())
                .map_err(|_| SignatureError::Malformed("the signature is not base64"))?,
        })
    }

    pub(super) fn key_id(&self) -> &str {
        &self.key_id
    }

    pub(super) fn covers(&self, name: &str) -> bool {
        self.covered.iter().any(|c| c == name)
    }

    fn check_coverage(&self, parts: &Parts<'_>) -> Result<(), SignatureError> {
        if !self.covers("(request-target)") {
            return Err(SignatureError::NotCovered("(request-target)"));
        }
        if !self.covers("host") {
            return Err(SignatureError::NotCovered("host"));
        }
        if !self.covers("date") && !self.covers("(created)") {
            return Err(SignatureError::NotCovered("date or (created)"));
        }
        if parts.needs_digest() && !self.covers("digest") {
            return Err(SignatureError::NotCovered("digest"));
        }
        Ok(())
    }

    /// Time, host and digest.
    pub(super) fn check(&self, parts: &Parts<'_>, now_ms: i64) -> Result<(), SignatureError> {
        self.check_coverage(parts)?;
        if self.covers("date") {
            parts.check_date(now_ms)?;
        }
        if self.covers("(created)") {
            let created = seconds(self.created.as_deref())
                .ok_or(SignatureError::Malformed("created is not a time"))?;
            check_skew("created", created, now_ms)?;
        }
        // Honoured even when it is not covered: it can only shorten the signature's life.
        if let Some(expires) = &self.expires {
            let expires =
                seconds(Some(expires)).ok_or(SignatureError::Malformed("expires is not a time"))?;
            if expires.saturating_mul(1000) < now_ms {
                return Err(SignatureError::Expired);
            }
        }
        parts.check_host()?;
        if parts.needs_digest() {
            let value = parts
                .field("digest")
                .ok_or_else(|| SignatureError::MissingHeader("digest".into()))?;
            digest::verify_digest(&value, parts.body())?;
        }
        Ok(())
    }

    pub(super) fn verify(
        &self,
        key: &PublicKey,
        parts: &Parts<'_>,
        now_ms: i64,
    ) -> Result<(), SignatureError> {
        self.check(parts, now_ms)?;
        let algorithms: &[Algorithm] = match (self.algorithm, key.key_type()) {
            (Named::Exactly(one), key_type) if one.key_type() != key_type => {
                return Err(SignatureError::AlgorithmMismatch);
            }
            (Named::Exactly(one), _) => &[one],
            (Named::ByKey, KeyType::Rsa) => &[Algorithm::RsaPkcs1Sha256, Algorithm::RsaPkcs1Sha512],
            (Named::ByKey, KeyType::Ed25519) => &[Algorithm::Ed25519],
        };
        let valid = |target: &str| -> Result<bool, SignatureError> {
            let message = self.message(parts, target)?;
            Ok(algorithms
                .iter()
                .any(|a| key.verify(*a, &message, &self.signature)))
        };
        // Some servers leave the query out of the request target of a GET.
        let ok = valid(parts.target)?
            || (parts.method == Method::GET && parts.query().is_some() && valid(parts.path())?);
        ok.then_some(()).ok_or(SignatureError::Invalid)
    }

    /// The signing string (section 2.3).
    pub(super) fn message(
        &self,
        parts: &Parts<'_>,
        target: &str,
    ) -> Result<Vec<u8>, SignatureError> {
        let mut message = Vec::new();
        for name in &self.covered {
            let value = match name.as_str() {
                "(request-target)" => {
                    let method = parts.method.as_str().to_ascii_lowercase();
                    format!("{method} {target}").into_bytes()
                }
                "(created)" | "(expires)" => {
                    let value = if name == "(created)" {
                        &self.created
                    } else {
                        &self.expires
                    };
                    value
                        .as_ref()
                        .ok_or_else(|| SignatureError::MissingHeader(name.clone()))?
                        .clone()
                        .into_bytes()
                }
                _ => parts
                    .field(name)
                    .ok_or_else(|| SignatureError::MissingHeader(clip(name)))?,
            };
            if !message.is_empty() {
                message.push(b'\n');
            }
            message.extend_from_slice(name.as_bytes());
            message.extend_from_slice(b": ");
            message.extend_from_slice(&value);
        }
        Ok(message)
    }
}

/// Names from the outside are shortened before they are repeated in an error.
fn clip(text: &str) -> String {
    text.chars().take(40).collect()
}

fn named(algorithm: Option<&str>) -> Result<Named, SignatureError> {
    let Some(name) = algorithm else {
        return Ok(Named::ByKey);
    };
    match name.to_ascii_lowercase().as_str() {
        "hs2019" | "" => Ok(Named::ByKey),
        "rsa-sha256" => Ok(Named::Exactly(Algorithm::RsaPkcs1Sha256)),
        "rsa-sha512" => Ok(Named::Exactly(Algorithm::RsaPkcs1Sha512)),
        "ed25519" | "ed25519-sha512" => Ok(Named::Exactly(Algorithm::Ed25519)),
        _ => Err(SignatureError::UnsupportedAlgorithm(clip(name))),
    }
}

/// Whole seconds of `created` or `expires`, which may have decimals.
fn seconds(value: Option<&str>) -> Option<i64> {
    let text = value?;
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    if !decimals.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    whole.parse().ok()
}

/// `name="value"` or `name=value`, separated by commas and any space.
pub fn parameters(text: &str) -> Result<Vec<(&str, String)>, SignatureError> {
    let mut found = Vec::new();
    let mut rest = text.trim_start_matches([' ', '\t', ',']);
    while !rest.is_empty() {
        let (name, after) = rest
            .split_once('=')
            .ok_or(SignatureError::Malformed("a parameter has no value"))?;
        let after = after.trim_start();
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let end = after.find(',').unwrap_or(after.len());
                let (value, after) = after.split_at(end);
                (value.trim().to_owned(), after)
            }
        };
        found.push((name.trim(), value));
        let after = after.trim_start();
        if !after.is_empty() && !after.starts_with(',') {
            return Err(SignatureError::Malformed("no comma after a parameter"));
        }
        rest = after.trim_start_matches([' ', '\t', ',']);
    }
    Ok(found)
}

/// The text up to the closing quote, and what follows it.
fn unquote(text: &str) -> Result<(String, &str), SignatureError> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => value.extend(letters.next().map(|(_, escaped)| escaped)),
            _ => value.push(letter),
        }
    }
    Err(SignatureError::Malformed("a quote is not closed"))
}

/// Headers of a signed request: `host`, `date`, `signature`, and with a body also `digest` and
/// `content-type`, all covered. `now_ms` is milliseconds since the epoch.
pub fn sign_cavage(
    key: &PrivateKey,
    key_id: &str,
    method: &Method,
    url: &Url,
    body: Option<&BodyDigest>,
    now_ms: i64,
) -> Result<HeaderMap, SignatureError> {
    sign_cavage_with(key, key_id, method, url, body, now_ms, None)
}

/// The same with one more header, covered too.
pub fn sign_cavage_with(
    key: &PrivateKey,
    key_id: &str,
    method: &Method,
    url: &Url,
    body: Option<&BodyDigest>,
    now_ms: i64,
    extra: Extra<'_>,
) -> Result<HeaderMap, SignatureError> {
    check_key_id(key_id)?;
    let (authority, target) = url_parts(url)?;
    let date = http_date(now_ms);
    let mut message = format!(
        "(request-target): {} {target}\nhost: {authority}\ndate: {date}",
        method.as_str().to_ascii_lowercase()
    )
    .into_bytes();
    let mut covered = String::from("(request-target) host date");
    let mut headers = HeaderMap::with_capacity(5);
    if let Some(body) = body {
        for (name, value) in [(DIGEST, body.digest()), (CONTENT_TYPE, body.content_type())] {
            message.extend_from_slice(format!("\n{name}: ").as_bytes());
            message.extend_from_slice(value.as_bytes());
            covered.push(' ');
            covered.push_str(name.as_str());
            headers.insert(name, value.clone());
        }
    }
    if let Some((name, value)) = extra {
        message.extend_from_slice(format!("\n{name}: ").as_bytes());
        message.extend_from_slice(value.as_bytes());
        covered.push(' ');
        covered.push_str(name.as_str());
        headers.insert(name, value.clone());
    }
    let signature = key
        .sign(&message)
        .map_err(|_| SignatureError::Signing("the key failed"))?;
    let algorithm = match key.key_type() {
        KeyType::Rsa => "rsa-sha256",
        KeyType::Ed25519 => "hs2019",
    };
    let signature = format!(
        "keyId=\"{key_id}\",algorithm=\"{algorithm}\",headers=\"{covered}\",signature=\"{}\"",
        STANDARD.encode(signature)
    );
    for (name, value) in [(HOST, authority), (DATE, date), (SIGNATURE, signature)] {
        let value = HeaderValue::try_from(value)
            .map_err(|_| SignatureError::Signing("a header has forbidden letters"))?;
        headers.insert(name, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// draft-cavage-12, appendix C.
    const KEY: &str = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDCFENGw33yGihy92pDjZQhl0C3\
        6rPJj+CvfSC8+q28hxA161QFNUd13wuCTUcq0Qd2qsBe/2hFyc2DCJJg0h1L78+6\
        Z4UMR7EOcpfdUE9Hf3m/hs+FUR45uBJeDK1HSFHD8bHKD6kv8FPGfJTotc+2xjJw\
        oYi+1hqp1fIekaxsyQIDAQAB";

    fn appendix_c() -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("host", "example.com"),
            ("date", "Sun, 05 Jan 2014 21:31:40 GMT"),
            ("content-type", "application/json"),
            (
                "digest",
                "SHA-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=",
            ),
            ("content-length", "18"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers
    }

    /// The example's key has 1024 bits, which [`PublicKey`] refuses, so the library is asked
    /// directly whether our signing string is the one that was signed.
    #[test]
    fn appendix_c_signing_strings() {
        use aws_lc_rs::signature::{
            RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY as LEGACY, UnparsedPublicKey,
        };
        let headers = appendix_c();
        let parts = Parts {
            method: &Method::POST,
            target: "/foo?param=value&pet=dog",
            authority: "example.com",
            scheme: "https",
            headers: &headers,
            body: Some(b"{\"hello\": \"world\"}"),
        };
        let key = STANDARD.decode(KEY).unwrap();
        let key = UnparsedPublicKey::new(&LEGACY, &key);
        let now = 1_388_957_500_000;
        for (text, enough) in [
            (
                "keyId=\"Test\",algorithm=\"rsa-sha256\",headers=\"(request-target) host date\",\
                 signature=\"qdx+H7PHHDZgy4y/Ahn9Tny9V3GP6YgBPyUXMmoxWtLbHpUnXS2mg2+SbrQDMCJypxBLSPQR2aAjn7ndmw2iicw3HMbe8VfEdKFYRqzic+efkb3nndiv/x1xSHDJWeSWkx3ButlYSuBskLu6kd9Fswtemr3lgdDEmn04swr2Os0=\"",
                Err(SignatureError::NotCovered("digest")),
            ),
            (
                "keyId=\"Test\",algorithm=\"rsa-sha256\",headers=\"(request-target) host date \
                 content-type digest content-length\",signature=\"vSdrb+dS3EceC9bcwHSo4MlyKS59iFIrhgYkz8+oVLEEzmYZZvRs8rgOp+63LEM3v+MFHB32NfpB2bEKBIvB1q52LaEUHFv120V01IL+TAD48XaERZFukWgHoBTLMhYS2Gb51gWxpeIq8knRmPnYePbF5MOkR0Zkly4zKH7s1dE=\"",
                Ok(()),
            ),
        ] {
            let parsed = Parsed::read(text).unwrap();
            let message = parsed.message(&parts, parts.target).unwrap();
            key.verify(&message, &parsed.signature).unwrap();
            assert_eq!(parsed.check(&parts, now), enough);
        }
    }

    #[test]
    fn parameters_are_read_leniently() {
        let text = "  headers=\"(Request-Target)  host date\" , signature = \"AAAA\",\t\
                    keyId=\"https://a.example/#k\\\"\", created=12, expires=\"13.5\",,x=y";
        let parsed = Parsed::read(text).unwrap();
        assert_eq!(parsed.key_id, "https://a.example/#k\"");
        assert_eq!(parsed.covered, ["(request-target)", "host", "date"]);
        assert_eq!(seconds(parsed.created.as_deref()), Some(12));
        assert_eq!(seconds(parsed.expires.as_deref()), Some(13));
        assert_eq!(parsed.algorithm, Named::ByKey);
        for bad in [
            "",
            "keyId",
            "keyId=\"a",
            "keyId=\"a\"signature=\"AAAA\"",
            "keyId=\"a\",keyId=\"b\",signature=\"AAAA\"",
            "signature=\"AAAA\"",
            "keyId=\"\",signature=\"AAAA\"",
            "keyId=\"a\"",
            "keyId=\"a\",signature=\"%%\"",
            "keyId=\"a\",signature=\"AAAA\",algorithm=\"hmac-sha256\"",
        ] {
            assert!(Parsed::read(bad).is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in ".{0,200}", value in "[ -~]{0,60}") {
            let _ = Parsed::read(&text);
            let _ = Parsed::read(&format!("keyId=\"{value}\",signature={value}"));
            let _ = seconds(Some(&text));
        }
    }
}
