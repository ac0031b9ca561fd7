//! HTTP request signatures, both ways: draft-cavage-12 and RFC 9421.
//!
//! Checking is split in two so that a key is looked up only for a request that could pass:
//! [`parse`] reads the headers and refuses what covers too little, [`Candidate::check`] compares
//! time, host and digest, and [`Candidate::verify`] does all of that and then the cryptography.
//! Whether the key belongs to the activity's actor is for the caller to decide.

pub mod cavage;
pub mod digest;
pub mod keys;
pub mod multikey;
pub mod rfc9421;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

pub use cavage::{parameters, sign_cavage, sign_cavage_with};
pub use digest::BodyDigest;
pub use keys::{Algorithm, KeyError, KeyType, PrivateKey, PublicKey};
pub use rfc9421::{sign_rfc9421, sign_rfc9421_with};

/// How far, in milliseconds, the signer's clock may be from ours in either direction.
pub const MAX_SKEW_MS: i64 = 3_600_000;

/// The longest signature header read, in bytes; real ones stay under 2 KiB.
pub(crate) const MAX_HEADER_BYTES: usize = 8192;
/// The most components one signature may cover.
pub(crate) const MAX_COMPONENTS: usize = 64;

/// Why a request's signature was refused. The texts are safe to send in a 401.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No `Signature` header, nor `Authorization: Signature`.
    #[error("the request is not signed")]
    Missing,
    /// A header that cannot be read; says what is wrong.
    #[error("malformed signature: {0}")]
    Malformed(&'static str),
    /// The signature does not name its key.
    #[error("the signature has no keyId")]
    MissingKeyId,
    /// An algorithm nobody here speaks.
    #[error("unsupported signature algorithm {0:?}")]
    UnsupportedAlgorithm(String),
    /// The named algorithm does not go with the type of the key.
    #[error("the signature algorithm does not fit the type of the key")]
    AlgorithmMismatch,
    /// Something that has to be signed is not.
    #[error("the signature does not cover {0}")]
    NotCovered(&'static str),
    /// A covered header that the request does not have.
    #[error("the signature covers {0:?}, which the request does not have")]
    MissingHeader(String),
    /// A covered component, or a parameter of one, that is not supported.
    #[error("unsupported signature component {0}")]
    UnsupportedComponent(String),
    /// `Date` is not an HTTP date.
    #[error("the Date header is malformed")]
    MalformedDate,
    /// Signed too long ago, or too far in the future.
    #[error("{what} is {seconds} s away from this server's time (at most 3600)")]
    ClockSkew {
        /// `date` or `created`.
        what: &'static str,
        /// Distance in seconds, positive when the signer is behind.
        seconds: i64,
    },
    /// Past the signature's own expiry.
    #[error("the signature has expired")]
    Expired,
    /// Signed for another host.
    #[error("the signature is for another host")]
    HostMismatch,
    /// A covered digest header that cannot be read, or in no algorithm known here.
    #[error("the digest header is malformed or in an unknown algorithm")]
    MalformedDigest,
    /// The body is not the one that was signed.
    #[error("the digest does not match the body")]
    DigestMismatch,
    /// The cryptographic check failed.
    #[error("the signature does not match the key and the request")]
    Invalid,
    /// A request that cannot be signed, such as a URL without a host.
    #[error("cannot sign: {0}")]
    Signing(&'static str),
}

/// A received request, as far as signatures look at it.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// The method.
    pub method: &'a Method,
    /// Path and query as they came in the request line, for example `/inbox?a=b`.
    pub target: &'a str,
    /// Host, with its port when that is not the scheme's default, under which the world knows the
    /// receiver. A signature for another host is refused.
    pub authority: &'a str,
    /// `https` or `http`, as the sender saw it (not as a proxy forwarded it).
    pub scheme: &'a str,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// The body, when there is one.
    pub body: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    /// Whether the signature has to cover a digest of the body.
    pub(crate) fn needs_digest(&self) -> bool {
        self.body.is_some_and(|b| !b.is_empty())
            || [Method::POST, Method::PUT, Method::PATCH].contains(self.method)
    }

    pub(crate) fn body(&self) -> &'a [u8] {
        self.body.unwrap_or_default()
    }

    pub(crate) fn path(&self) -> &'a str {
        self.target.split('?').next().unwrap_or_default()
    }

    pub(crate) fn query(&self) -> Option<&'a str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    /// The authority in lower case and without the scheme's default port (RFC 9421, 2.2.3).
    pub(crate) fn normal_authority(&self) -> String {
        normalise_authority(self.authority, self.scheme)
    }

    /// All lines of a field, trimmed and joined by `, `. HTTP/2 may send no `Host`; the authority
    /// stands in for it.
    pub(crate) fn field(&self, name: &str) -> Option<Vec<u8>> {
        let mut lines = self.headers.get_all(name).iter();
        let Some(first) = lines.next() else {
            return name
                .eq_ignore_ascii_case("host")
                .then(|| self.normal_authority().into_bytes());
        };
        let mut value = first.as_bytes().trim_ascii().to_vec();
        for line in lines {
            value.extend_from_slice(b", ");
            value.extend_from_slice(line.as_bytes().trim_ascii());
        }
        Some(value)
    }

    /// Refuses a `Host` other than the receiver's: a signature for one server must not be
    /// replayed at another.
    pub(crate) fn check_host(&self) -> Result<(), SignatureError> {
        let host = self.field("host").unwrap_or_default();
        let host = std::str::from_utf8(&host).map_err(|_| SignatureError::HostMismatch)?;
        if normalise_authority(host, self.scheme) == self.normal_authority() {
            Ok(())
        } else {
            Err(SignatureError::HostMismatch)
        }
    }

    /// The `Date` header within [`MAX_SKEW_MS`] of `now_ms`.
    pub(crate) fn check_date(&self, now_ms: i64) -> Result<(), SignatureError> {
        let value = self
            .field("date")
            .ok_or_else(|| SignatureError::MissingHeader("date".into()))?;
        let date = std::str::from_utf8(&value)
            .ok()
            .and_then(|text| httpdate::parse_http_date(text).ok())
            .and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok())
            .and_then(|since| i64::try_from(since.as_secs()).ok())
            .ok_or(SignatureError::MalformedDate)?;
        check_skew("date", date, now_ms)
    }
}

fn normalise_authority(authority: &str, scheme: &str) -> String {
    let lower = authority.trim().to_ascii_lowercase();
    let default = if scheme.eq_ignore_ascii_case("https") {
        ":443"
    } else {
        ":80"
    };
    match lower.strip_suffix(default) {
        Some(host) => host.to_owned(),
        None => lower,
    }
}

/// Compares a time in seconds with `now_ms`.
pub(crate) fn check_skew(
    what: &'static str,
    seconds: i64,
    now_ms: i64,
) -> Result<(), SignatureError> {
    let distance = now_ms.saturating_sub(seconds.saturating_mul(1000));
    if (-MAX_SKEW_MS..=MAX_SKEW_MS).contains(&distance) {
        Ok(())
    } else {
        let seconds = distance / 1000;
        Err(SignatureError::ClockSkew { what, seconds })
    }
}

/// A header to be signed besides the usual ones.
pub type Extra<'a> = Option<(HeaderName, &'a HeaderValue)>;

/// Which specification a signature follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// draft-cavage-http-signatures-12.
    Cavage,
    /// RFC 9421.
    Rfc9421,
}

/// A signature that covers enough to be worth looking up its key.
#[derive(Debug, Clone)]
pub struct Candidate {
    key_id: String,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Cavage(cavage::Parsed),
    /// All usable signatures made with this key.
    Rfc9421(Vec<rfc9421::Parsed>),
}

impl Candidate {
    /// The `keyId` (draft-cavage) or `keyid` (RFC 9421) parameter: usually a URL, but unchecked.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The specification it follows, so that answers can be sent in the same.
    pub fn scheme(&self) -> Scheme {
        match self.kind {
            Kind::Cavage(_) => Scheme::Cavage,
            Kind::Rfc9421(_) => Scheme::Rfc9421,
        }
    }

    /// Whether whichever of its signatures is good covers a header.
    pub fn covers(&self, name: &HeaderName) -> bool {
        match &self.kind {
            Kind::Cavage(parsed) => parsed.covers(name.as_str()),
            Kind::Rfc9421(all) => all.iter().all(|parsed| parsed.covers_field(name)),
        }
    }

    /// All checks that need no key: time, host and digest. `now_ms` is milliseconds since the
    /// epoch. Call it before fetching an unknown key.
    pub fn check(&self, parts: &Parts<'_>, now_ms: i64) -> Result<(), SignatureError> {
        match &self.kind {
            Kind::Cavage(parsed) => parsed.check(parts, now_ms),
            Kind::Rfc9421(all) => first_ok(all, |parsed| parsed.check(parts, now_ms)),
        }
    }

    /// [`Candidate::check`], then the signature itself. `parts` have to be those given to
    /// [`parse`].
    pub fn verify(
        &self,
        key: &PublicKey,
        parts: &Parts<'_>,
        now_ms: i64,
    ) -> Result<(), SignatureError> {
        match &self.kind {
            Kind::Cavage(parsed) => parsed.verify(key, parts, now_ms),
            Kind::Rfc9421(all) => first_ok(all, |parsed| parsed.verify(key, parts, now_ms)),
        }
    }
}

/// Succeeds when one does; otherwise the first one's error.
fn first_ok<T>(
    all: &[T],
    mut attempt: impl FnMut(&T) -> Result<(), SignatureError>,
) -> Result<(), SignatureError> {
    let mut error = None;
    for one in all {
        match attempt(one) {
            Ok(()) => return Ok(()),
            Err(e) => error = error.or(Some(e)),
        }
    }
    Err(error.unwrap_or(SignatureError::Missing))
}

/// The first usable signature of a request; see [`parse_all`].
pub fn parse(parts: &Parts<'_>) -> Result<Candidate, SignatureError> {
    parse_all(parts)?
        .into_iter()
        .next()
        .ok_or(SignatureError::Missing)
}

/// The usable signatures of a request, one candidate for each key, at most four. RFC 9421 when
/// there is `Signature-Input`, else draft-cavage from `Signature` or `Authorization: Signature`.
/// What covers too little is left out; when nothing remains, the error says why.
pub fn parse_all(parts: &Parts<'_>) -> Result<Vec<Candidate>, SignatureError> {
    if !parts.headers.contains_key(rfc9421::SIGNATURE_INPUT) {
        let parsed = cavage::parse(parts)?;
        return Ok(vec![Candidate {
            key_id: parsed.key_id().to_owned(),
            kind: Kind::Cavage(parsed),
        }]);
    }
    let mut candidates: Vec<Candidate> = Vec::new();
    for parsed in rfc9421::parse(parts)? {
        let same_key = candidates.iter_mut().find_map(|c| match &mut c.kind {
            Kind::Rfc9421(all) if c.key_id == parsed.key_id() => Some(all),
            _ => None,
        });
        match same_key {
            Some(all) => all.push(parsed),
            None => candidates.push(Candidate {
                key_id: parsed.key_id().to_owned(),
                kind: Kind::Rfc9421(vec![parsed]),
            }),
        }
    }
    Ok(candidates)
}

/// `host[:port]` and path with query of a URL to be signed.
pub(crate) fn url_parts(url: &Url) -> Result<(String, String), SignatureError> {
    let host = url
        .host_str()
        .ok_or(SignatureError::Signing("the URL has no host"))?;
    let authority = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    Ok((authority, target))
}

/// A key id goes between quotes, unescaped.
pub(crate) fn check_key_id(key_id: &str) -> Result<(), SignatureError> {
    if key_id
        .bytes()
        .all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
    {
        Ok(())
    } else {
        Err(SignatureError::Signing("the key id has forbidden letters"))
    }
}

/// An HTTP date; times outside 1970 to 9999 are clamped.
pub(crate) fn http_date(now_ms: i64) -> String {
    let seconds = (now_ms / 1000).clamp(0, 253_402_300_799);
    let since = Duration::from_secs(seconds.unsigned_abs());
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + since)
}
