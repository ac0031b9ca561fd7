//! Both schemes, end to end: what we sign is accepted, and nothing tampered with is.

use std::sync::LazyLock;

use http::{HeaderMap, HeaderValue, Method};
use url::Url;

use super::SignatureError as E;
use super::*;

const NOW: i64 = 1_700_000_000_500;
const HOUR: i64 = 3_600_000;
const BODY: &[u8] = b"{\"type\":\"Follow\"}";
const KEY_ID: &str = "https://peer.example/users/a#main-key";

static RSA: LazyLock<PrivateKey> = LazyLock::new(|| PrivateKey::generate_rsa2048().unwrap());
static ED25519: LazyLock<PrivateKey> =
    LazyLock::new(|| PrivateKey::from_ed25519_seed(&[7; 32]).unwrap());

type Sign = fn(
    &PrivateKey,
    &str,
    &Method,
    &Url,
    Option<&BodyDigest>,
    i64,
) -> Result<HeaderMap, SignatureError>;
const BOTH: [(Sign, Scheme); 2] = [
    (sign_cavage, Scheme::Cavage),
    (sign_rfc9421, Scheme::Rfc9421),
];

/// A signed request that a test can tamper with.
#[derive(Clone)]
struct Signed {
    method: Method,
    target: String,
    authority: String,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
}

impl Signed {
    fn new(sign: Sign, key: &PrivateKey, method: Method, url: &str, body: Option<&[u8]>) -> Self {
        let url = Url::parse(url).unwrap();
        let digest = body.map(|b| BodyDigest::new(b, "application/activity+json"));
        let headers = sign(key, KEY_ID, &method, &url, digest.as_ref(), NOW).unwrap();
        let (authority, target) = url_parts(&url).unwrap();
        Self {
            method,
            target,
            authority,
            headers,
            body: body.map(<[u8]>::to_vec),
        }
    }

    fn post(sign: Sign, key: &PrivateKey) -> Self {
        let url = "https://kith.example/inbox?a=b";
        Self::new(sign, key, Method::POST, url, Some(BODY))
    }

    fn parts(&self) -> Parts<'_> {
        Parts {
            method: &self.method,
            target: &self.target,
            authority: &self.authority,
            scheme: "https",
            headers: &self.headers,
            body: self.body.as_deref(),
        }
    }

    fn verify(&self, key: &PrivateKey, now: i64) -> Result<(), E> {
        let candidate = parse(&self.parts())?;
        assert_eq!(candidate.key_id(), KEY_ID);
        candidate.verify(key.public_key(), &self.parts(), now)
    }

    fn set(&mut self, name: &'static str, value: &str) {
        self.headers
            .insert(name, HeaderValue::from_str(value).unwrap());
    }

    fn get(&self, name: &str) -> String {
        self.headers[name].to_str().unwrap().to_owned()
    }

    fn replace(&mut self, name: &'static str, from: &str, to: &str) {
        let value = self.get(name);
        assert!(value.contains(from), "{value}");
        self.set(name, &value.replace(from, to));
    }
}

#[test]
fn what_we_sign_is_accepted() {
    for (sign, scheme) in BOTH {
        for key in [&*RSA, &*ED25519] {
            let post = Signed::post(sign, key);
            assert_eq!(post.verify(key, NOW), Ok(()));
            assert_eq!(parse(&post.parts()).unwrap().scheme(), scheme);
            for url in [
                "https://kith.example/users/a?page=2",
                "https://kith.example/",
            ] {
                let get = Signed::new(sign, key, Method::GET, url, None);
                assert_eq!(get.verify(key, NOW), Ok(()), "{url}");
            }
            let empty = Signed::new(
                sign,
                key,
                Method::POST,
                "https://kith.example:8443/",
                Some(b""),
            );
            assert_eq!(empty.verify(key, NOW), Ok(()));
        }
    }
}

#[test]
fn http2_has_no_host_header() {
    for (sign, _) in BOTH {
        let mut signed = Signed::post(sign, &RSA);
        signed.headers.remove("host");
        assert_eq!(signed.verify(&RSA, NOW), Ok(()));
        signed.authority = "KITH.example:443".into();
        assert_eq!(signed.verify(&RSA, NOW), Ok(()));
    }
}

#[test]
fn unsigned_requests() {
    let mut signed = Signed::post(sign_cavage, &RSA);
    signed.headers.remove("signature");
    assert_eq!(parse(&signed.parts()).unwrap_err(), E::Missing);
    signed.set("authorization", "Bearer abc");
    assert_eq!(parse(&signed.parts()).unwrap_err(), E::Missing);
    let mut signed = Signed::post(sign_rfc9421, &RSA);
    signed.headers.remove("signature");
    assert_eq!(parse(&signed.parts()).unwrap_err(), E::Missing);
}

#[test]
fn authorization_header_carries_it_too() {
    let mut signed = Signed::post(sign_cavage, &RSA);
    let value = signed.headers.remove("signature").unwrap();
    signed.set(
        "authorization",
        &format!("Signature {}", value.to_str().unwrap()),
    );
    assert_eq!(signed.verify(&RSA, NOW), Ok(()));
}

#[test]
fn tampered_requests_are_refused() {
    for (sign, scheme) in BOTH {
        let digest_header = match scheme {
            Scheme::Cavage => "digest",
            Scheme::Rfc9421 => "content-digest",
        };
        for key in [&*RSA, &*ED25519] {
            let signed = Signed::post(sign, key);
            let tampered = |change: &dyn Fn(&mut Signed)| {
                let mut copy = signed.clone();
                change(&mut copy);
                copy.verify(key, NOW).unwrap_err()
            };
            assert_eq!(
                tampered(&|s| s.body = Some(b"{}".to_vec())),
                E::DigestMismatch
            );
            assert_eq!(tampered(&|s| s.body = None), E::DigestMismatch);
            assert_eq!(
                tampered(&|s| drop(s.headers.remove(digest_header))),
                E::MissingHeader(digest_header.into())
            );
            // A new body with its own digest, which is not the signed one.
            let forged = BodyDigest::new(b"{}", "application/activity+json");
            assert_eq!(
                tampered(&|s| {
                    s.body = Some(b"{}".to_vec());
                    s.headers.insert("digest", forged.digest().clone());
                    s.headers
                        .insert("content-digest", forged.content_digest().clone());
                }),
                E::Invalid
            );
            assert_eq!(
                tampered(&|s| s.set("host", "evil.example")),
                E::HostMismatch
            );
            assert_eq!(
                tampered(&|s| s.authority = "evil.example".into()),
                E::HostMismatch
            );
            assert_eq!(
                tampered(&|s| {
                    s.set("host", "evil.example");
                    s.authority = "evil.example".into();
                }),
                E::Invalid
            );
            assert_eq!(
                tampered(&|s| {
                    s.headers.append("host", HeaderValue::from_static("x"));
                }),
                E::HostMismatch
            );
            for target in ["/inbox?a=c", "/inbox", "/users/a/inbox?a=b", "/inbox?a=b&c"] {
                assert_eq!(tampered(&|s| s.target = target.into()), E::Invalid);
            }
            assert_eq!(tampered(&|s| s.method = Method::PUT), E::Invalid);
            assert_eq!(tampered(&|s| s.set(digest_header, "x")), E::MalformedDigest);
        }
    }
}

#[test]
fn a_query_may_be_unsigned_on_get_alone() {
    let url = "https://kith.example/users/a";
    let mut get = Signed::new(sign_cavage, &RSA, Method::GET, url, None);
    get.target = "/users/a?page=1".into();
    assert_eq!(get.verify(&RSA, NOW), Ok(()));
    let mut get = Signed::new(sign_rfc9421, &RSA, Method::GET, url, None);
    get.target = "/users/a?page=1".into();
    assert_eq!(get.verify(&RSA, NOW), Err(E::Invalid));
    let mut post = Signed::new(sign_cavage, &RSA, Method::POST, url, Some(BODY));
    post.target = "/users/a?page=1".into();
    assert_eq!(post.verify(&RSA, NOW), Err(E::Invalid));
}

#[test]
fn time_is_limited_in_both_directions() {
    for (sign, scheme) in BOTH {
        let what = match scheme {
            Scheme::Cavage => "date",
            Scheme::Rfc9421 => "created",
        };
        let signed = Signed::post(sign, &RSA);
        for (now, accepted) in [
            (NOW + HOUR - 1000, true),
            (NOW - HOUR + 1000, true),
            (NOW + HOUR + 1000, false),
            (NOW - HOUR - 1000, false),
            (i64::MAX, false),
            (i64::MIN, false),
        ] {
            match signed.verify(&RSA, now) {
                Ok(()) => assert!(accepted, "{now}"),
                Err(E::ClockSkew { what: found, .. }) => {
                    assert!(!accepted, "{now}");
                    assert_eq!(found, what);
                }
                other => panic!("{other:?}"),
            }
        }
    }
    let mut signed = Signed::post(sign_cavage, &RSA);
    signed.set("date", "yesterday");
    assert_eq!(signed.verify(&RSA, NOW), Err(E::MalformedDate));
    signed.headers.remove("date");
    assert_eq!(
        signed.verify(&RSA, NOW),
        Err(E::MissingHeader("date".into()))
    );
    // A fresh date in place of the signed one.
    let mut signed = Signed::post(sign_cavage, &RSA);
    signed.set("date", &http_date(NOW + 2 * HOUR));
    assert_eq!(signed.verify(&RSA, NOW + 2 * HOUR), Err(E::Invalid));
    let mut signed = Signed::post(sign_rfc9421, &RSA);
    signed.replace(
        "signature-input",
        "created=1700000000",
        "created=1700007200",
    );
    assert_eq!(signed.verify(&RSA, NOW + 2 * HOUR), Err(E::Invalid));
}

/// Signs as other software does: any headers, parameters and algorithm name.
fn cavage_by_hand(key: &PrivateKey, covered: &str, params: &str, created: &str) -> Signed {
    let mut signed = Signed::post(sign_cavage, key);
    let mut lines = Vec::new();
    for name in covered.split(' ') {
        let value = match name {
            "(request-target)" => "post /inbox?a=b".to_owned(),
            "(created)" => created.to_owned(),
            "(expires)" => "1700000100".to_owned(),
            name => signed.get(name),
        };
        lines.push(format!("{name}: {value}"));
    }
    let signature = key.sign(lines.join("\n").as_bytes()).unwrap();
    let signature = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, signature);
    signed.set(
        "signature",
        &format!("headers=\"{covered}\", {params}signature=\"{signature}\", keyId=\"{KEY_ID}\""),
    );
    signed
}

#[test]
fn cavage_created_and_expires() {
    let covered = "(request-target) (created) host digest";
    for params in [
        "algorithm=\"hs2019\", created=1700000000, ",
        "created=\"1700000000\", ",
        "algorithm=hs2019,created=1700000000,expires=1700000100, ",
    ] {
        for key in [&*RSA, &*ED25519] {
            let signed = cavage_by_hand(key, covered, params, "1700000000");
            assert_eq!(signed.verify(key, NOW), Ok(()), "{params}");
        }
    }
    let future = cavage_by_hand(&RSA, covered, "created=1700010000, ", "1700010000");
    assert!(matches!(
        future.verify(&RSA, NOW),
        Err(E::ClockSkew {
            what: "created",
            ..
        })
    ));
    let expired = "created=1700000000, expires=1700000100, ";
    for covered in [covered, "(request-target) (created) (expires) host digest"] {
        let signed = cavage_by_hand(&RSA, covered, expired, "1700000000");
        assert_eq!(signed.verify(&RSA, NOW), Ok(()));
        assert_eq!(signed.verify(&RSA, NOW + 200_000), Err(E::Expired));
    }
    let lost = cavage_by_hand(&RSA, covered, "", "1700000000");
    assert!(matches!(lost.verify(&RSA, NOW), Err(E::Malformed(_))));
}

#[test]
fn cavage_must_cover_enough() {
    for (covered, missing) in [
        ("host date digest", "(request-target)"),
        ("(request-target) date digest", "host"),
        ("(request-target) host digest", "date or (created)"),
        ("(request-target) host date", "digest"),
        ("digest", "(request-target)"),
    ] {
        let signed = cavage_by_hand(&RSA, covered, "", "");
        assert_eq!(signed.verify(&RSA, NOW), Err(E::NotCovered(missing)));
    }
    let mut signed = Signed::post(sign_cavage, &RSA);
    signed.replace("signature", "headers=", "hidden=");
    assert!(matches!(
        signed.verify(&RSA, NOW),
        Err(E::NotCovered("(request-target)"))
    ));
}

#[test]
fn algorithms_cannot_be_confused() {
    let covered = "(request-target) host date digest";
    for (key, name, error) in [
        (&*RSA, "ed25519", E::AlgorithmMismatch),
        (&*ED25519, "rsa-sha256", E::AlgorithmMismatch),
        (&*RSA, "rsa-sha512", E::Invalid),
        (
            &*RSA,
            "hmac-sha256",
            E::UnsupportedAlgorithm("hmac-sha256".into()),
        ),
        (&*RSA, "none", E::UnsupportedAlgorithm("none".into())),
    ] {
        let params = format!("algorithm=\"{name}\", ");
        let signed = cavage_by_hand(key, covered, &params, "");
        assert_eq!(signed.verify(key, NOW), Err(error));
    }
    for (key, from, to, error) in [
        (&*RSA, "rsa-v1_5-sha256", "ed25519", E::AlgorithmMismatch),
        (
            &*ED25519,
            "ed25519",
            "rsa-v1_5-sha256",
            E::AlgorithmMismatch,
        ),
        (&*RSA, "rsa-v1_5-sha256", "rsa-pss-sha512", E::Invalid),
        (
            &*RSA,
            "rsa-v1_5-sha256",
            "hmac-sha256",
            E::UnsupportedAlgorithm("hmac-sha256".into()),
        ),
    ] {
        let mut signed = Signed::post(sign_rfc9421, key);
        signed.replace("signature-input", from, to);
        assert_eq!(signed.verify(key, NOW), Err(error));
    }
}

#[test]
fn another_key_does_not_verify() {
    let other = PrivateKey::generate_rsa2048().unwrap();
    for (sign, _) in BOTH {
        let signed = Signed::post(sign, &RSA);
        assert_eq!(signed.verify(&other, NOW), Err(E::Invalid));
        assert_eq!(signed.verify(&ED25519, NOW), Err(E::AlgorithmMismatch));
    }
}

#[test]
fn doubled_signatures_are_refused() {
    let signed = Signed::post(sign_cavage, &RSA);
    let mut twice = signed.clone();
    twice
        .headers
        .append("signature", signed.headers["signature"].clone());
    assert!(matches!(twice.verify(&RSA, NOW), Err(E::Malformed(_))));

    let signed = Signed::post(sign_rfc9421, &RSA);
    for name in ["signature", "signature-input"] {
        let mut twice = signed.clone();
        twice.headers.append(name, signed.headers[name].clone());
        assert_eq!(
            twice.verify(&RSA, NOW),
            Err(E::Malformed("a label is given twice"))
        );
    }
}

#[test]
fn any_sufficient_label_will_do() {
    let signed = Signed::post(sign_rfc9421, &RSA);
    let mut many = signed.clone();
    // One that covers nothing, one with a broken signature and the good one; two header lines.
    let bad = signed.get("signature-input").replace("sig1=", "bad=");
    many.set(
        "signature-input",
        &format!("none=();created=1;keyid=\"{KEY_ID}\", {bad}"),
    );
    many.headers
        .append("signature-input", signed.headers["signature-input"].clone());
    many.set("signature", "none=:AAAA:, bad=:AAAA:");
    many.headers
        .append("signature", signed.headers["signature"].clone());
    assert_eq!(many.verify(&RSA, NOW), Ok(()));
    assert_eq!(parse_all(&many.parts()).unwrap().len(), 1);

    let other = bad.replace(KEY_ID, "https://other.example/key");
    many.set(
        "signature-input",
        &format!("{other}, {}", signed.get("signature-input")),
    );
    let all = parse_all(&many.parts()).unwrap();
    let ids: Vec<_> = all.iter().map(Candidate::key_id).collect();
    assert_eq!(ids, ["https://other.example/key", KEY_ID]);
    let verify = |c: &Candidate| c.verify(RSA.public_key(), &many.parts(), NOW);
    assert_eq!(verify(&all[0]), Err(E::Invalid));
    assert_eq!(verify(&all[1]), Ok(()));
}

#[test]
fn rfc9421_expires_and_foreign_parameters() {
    let mut signed = Signed::post(sign_rfc9421, &RSA);
    let content_digest = signed.get("content-digest");
    for (extra, error) in [
        (";tag=\"fedi\";nonce=\"x\";expires=1700000100", None),
        (";expires=1699999999", Some(E::Expired)),
    ] {
        // The order and components that Fedify uses.
        let params = format!(
            "(\"@method\" \"@target-uri\" \"@authority\" \"host\" \"date\" \"content-digest\")\
             ;alg=\"rsa-v1_5-sha256\";keyid=\"{KEY_ID}\";created=1700000000{extra}"
        );
        let base = format!(
            "\"@method\": POST\n\"@target-uri\": https://kith.example/inbox?a=b\n\
             \"@authority\": kith.example\n\"host\": kith.example\n\"date\": {}\n\
             \"content-digest\": {content_digest}\n\"@signature-params\": {params}",
            signed.get("date")
        );
        let signature = RSA.sign(base.as_bytes()).unwrap();
        let signature =
            base64::Engine::encode(&base64::engine::general_purpose::STANDARD, signature);
        signed.set("signature-input", &format!("sig1={params}"));
        signed.set("signature", &format!("sig1=:{signature}:"));
        assert_eq!(signed.verify(&RSA, NOW).err(), error);
    }
}

#[test]
fn fedify_signs_the_fragment_of_a_key_on_get_alone() {
    for (method, accepted) in [(Method::GET, Ok(())), (Method::DELETE, Err(E::Invalid))] {
        let url = "https://kith.example/users/a";
        let mut signed = Signed::new(sign_rfc9421, &RSA, method, url, None);
        let params = signed.get("signature-input").replace("sig1=", "");
        for (fragment, expected) in [
            ("#main-key", accepted.clone()),
            ("#other", Err(E::Invalid)),
            ("?a=b", Err(E::Invalid)),
        ] {
            let base = format!(
                "\"@method\": {}\n\"@target-uri\": {url}{fragment}\n\
                 \"@signature-params\": {params}",
                signed.method
            );
            let signature = RSA.sign(base.as_bytes()).unwrap();
            let signature =
                base64::Engine::encode(&base64::engine::general_purpose::STANDARD, signature);
            signed.set("signature", &format!("sig1=:{signature}:"));
            assert_eq!(signed.verify(&RSA, NOW), expected, "{fragment}");
        }
    }
}

#[test]
fn a_signature_of_one_scheme_is_not_read_as_the_other() {
    let mut signed = Signed::post(sign_cavage, &RSA);
    signed.set("signature-input", "sig1=(\"@method\");keyid=\"k\"");
    assert!(parse(&signed.parts()).is_err());
}

#[test]
fn key_ids_cannot_inject_parameters() {
    let url = Url::parse("https://kith.example/inbox").unwrap();
    for (sign, _) in BOTH {
        for id in ["a\",headers=\"", "a\nb", "a b", "a\\"] {
            let signed = sign(&RSA, id, &Method::GET, &url, None, NOW);
            assert!(matches!(signed, Err(E::Signing(_))), "{id}");
        }
        let data = Url::parse("data:,x").unwrap();
        let signed = sign(&RSA, KEY_ID, &Method::GET, &data, None, NOW);
        assert!(matches!(signed, Err(E::Signing(_))));
        for now in [i64::MIN, -1, i64::MAX] {
            assert!(sign(&RSA, KEY_ID, &Method::GET, &url, None, now).is_ok());
        }
    }
}

proptest::proptest! {
    #[test]
    fn parse_never_panics(
        signature in "(keyId=\"k\",headers=\"\\(request-target\\) host date\",signature=\")?[ -~]{0,80}\"?",
        authorization in "(Signature )?[ -~]{0,40}",
        date in "[ -~]{0,40}",
        target in "[ -~]{0,20}",
        now: i64,
    ) {
        let mut headers = HeaderMap::new();
        for (name, value) in [("signature", &signature), ("authorization", &authorization), ("date", &date)] {
            if !value.is_empty() {
                headers.insert(name, HeaderValue::from_str(value).unwrap());
            }
        }
        let parts = Parts {
            method: &Method::GET,
            target: &target,
            authority: &date,
            scheme: "https",
            headers: &headers,
            body: None,
        };
        if let Ok(candidate) = parse(&parts) {
            proptest::prop_assert!(candidate.verify(ED25519.public_key(), &parts, now).is_err());
        }
    }
}
