//! Signature and digest headers of both schemes.
//!
//! An input is a request as HTTP/1.1 has it, without the protocol's name: `POST /inbox`, headers, an empty line, the
//! body. What the seeds hold that verifies was made with the keys below, whose private halves are in RFC 9421: what
//! else verifies is forged.

#![no_main]

use std::sync::LazyLock;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use kith::federation::signature::digest::{verify_content_digest, verify_digest};
use kith::federation::signature::{self, Candidate, Parts, PublicKey, SignatureError};
use kith_fuzz::{NOW, bounded, expand};
use libfuzzer_sys::fuzz_target;

/// Head and body together; the server reads no longer head.
const LIMIT: usize = 64 * 1024;
/// Headers the server takes at most.
const MAX_HEADERS: usize = 100;

/// RFC 9421, B.1.4 and B.1.2.
static KEYS: LazyLock<[PublicKey; 2]> = LazyLock::new(|| {
    [
        "MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=",
        "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr4tmm3r20Wd/PbqvP1s2\
         +QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GXHbPfvMs8ct+Lh1GH45x28Rw3Ry53mm+\
         oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHq\
         gDsznjPFmTOtCEcN2Z1FpWgchwuYLPL+Wokqltd11nqqzi+bJ9cvSKADYdUAAN5W\
         Utzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4\
         aOT9v6d+nb4bnNkQVklLQ3fVAvJm+xdDOp9LCNCN48V2pnDOkFV6+U9nV5oyc6XI\
         2wIDAQAB",
    ]
    .map(|body| {
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----");
        PublicKey::from_pem(&pem).expect("a key")
    })
});

/// What was signed with them: method, target and body.
const SIGNED: [(Method, &str, &[u8]); 2] = [
    (Method::POST, "/inbox", b"{\"type\":\"Follow\"}"),
    (Method::GET, "/users/alice?page=2", b""),
];

fuzz_target!(|data: &[u8]| bounded(|| read(&expand(data, LIMIT))));

fn read(data: &[u8]) {
    let (head, body) = split_head(data);
    let mut lines = head.split(|b| *b == b'\n').map(<[u8]>::trim_ascii);
    let line = lines.next().unwrap_or_default();
    let (method, target) = match line.strip_prefix(b"GET ") {
        Some(target) => (Method::GET, target),
        None => (
            Method::POST,
            line.strip_prefix(b"POST ").unwrap_or_default(),
        ),
    };
    let Ok(target) = PathAndQuery::try_from(target) else {
        return;
    };
    let headers = headers(lines);
    for value in headers.values() {
        let _ = verify_digest(value.as_bytes(), body);
        let _ = verify_content_digest(value.as_bytes(), body);
    }
    let parts = Parts {
        method: &method,
        target: target.as_str(),
        authority: "kith.example",
        scheme: "https",
        headers: &headers,
        body: Some(body),
    };
    let Ok(candidates) = signature::parse_all(&parts) else {
        return;
    };
    assert!((1..=4).contains(&candidates.len()));
    for (at, candidate) in candidates.iter().enumerate() {
        assert!(!candidate.key_id().is_empty() && candidate.key_id().len() <= 8192);
        assert!(
            candidates[..at]
                .iter()
                .all(|other| other.key_id() != candidate.key_id())
        );
        checked(candidate, &parts);
    }
}

fn checked(candidate: &Candidate, parts: &Parts<'_>) {
    // The texts of errors are sent back.
    if let Err(error) = candidate.check(parts, NOW) {
        assert!(error.to_string().len() <= 1000);
        assert!(candidate.verify(&KEYS[0], parts, NOW).is_err());
        return;
    }
    // What passes now does not pass for ever.
    let late = candidate.check(parts, NOW + 10 * signature::MAX_SKEW_MS);
    assert!(matches!(
        late,
        Err(SignatureError::ClockSkew { .. } | SignatureError::Expired)
    ));
    for key in &*KEYS {
        if candidate.verify(key, parts, NOW).is_ok() {
            let request = (
                parts.method.clone(),
                parts.target,
                parts.body.unwrap_or_default(),
            );
            assert!(SIGNED.contains(&request), "forged: {request:?}");
        }
    }
}

/// The head, and the body after its empty line.
fn split_head(data: &[u8]) -> (&[u8], &[u8]) {
    match data.windows(2).position(|pair| pair == b"\n\n") {
        Some(at) => (&data[..at], &data[at + 2..]),
        None => (data, b""),
    }
}

fn headers<'a>(lines: impl Iterator<Item = &'a [u8]>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines.take(MAX_HEADERS) {
        let colon = line.iter().position(|b| *b == b':').unwrap_or(line.len());
        let (name, value) = line.split_at(colon);
        let value = value.strip_prefix(b":").unwrap_or(value).trim_ascii();
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(value))
        {
            headers.append(name, value);
        }
    }
    headers
}
