//! The examples of RFC 9421, appendix B, and inputs that must be refused.

use super::*;

const BODY: &[u8] = b"{\"hello\": \"world\"}";
/// `created` of all examples in RFC 9421, appendix B.2, in milliseconds.
const NOW: i64 = 1_618_884_473_000;
/// RFC 9421, B.1.2.
const RSA_PSS: &str = "-----BEGIN PUBLIC KEY-----\n\
    MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr4tmm3r20Wd/PbqvP1s2\n\
    +QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GXHbPfvMs8ct+Lh1GH45x28Rw3Ry53mm+\n\
    oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHq\n\
    gDsznjPFmTOtCEcN2Z1FpWgchwuYLPL+Wokqltd11nqqzi+bJ9cvSKADYdUAAN5W\n\
    Utzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4\n\
    aOT9v6d+nb4bnNkQVklLQ3fVAvJm+xdDOp9LCNCN48V2pnDOkFV6+U9nV5oyc6XI\n\
    2wIDAQAB\n-----END PUBLIC KEY-----";
/// RFC 9421, B.1.4.
const ED25519: &str = "-----BEGIN PUBLIC KEY-----\n\
    MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n-----END PUBLIC KEY-----";
const ED25519_PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n-----END PRIVATE KEY-----";

const B22: (&str, &str) = (
    "sig-b22=(\"@authority\" \"content-digest\" \"@query-param\";name=\"Pet\");created=1618884473;keyid=\"test-key-rsa-pss\";tag=\"header-example\"",
    "sig-b22=:LjbtqUbfmvjj5C5kr1Ugj4PmLYvx9wVjZvD9GsTT4F7GrcQEdJzgI9qHxICagShLRiLMlAJjtq6N4CDfKtjvuJyE5qH7KT8UCMkSowOB4+ECxCmT8rtAmj/0PIXxi0A0nxKyB09RNrCQibbUjsLS/2YyFYXEu4TRJQzRw1rLEuEfY17SARYhpTlaqwZVtR8NV7+4UKkjqpcAoFqWFQh62s7Cl+H2fjBSpqfZUJcsIk4N6wiKYd4je2U/lankenQ99PZfB4jY3I5rSV2DSBVkSFsURIjYErOs0tFTQosMTAoxk//0RoKUqiYY8Bh0aaUEb0rQl3/XaVe4bXTugEjHSw==:",
);
const B23: (&str, &str) = (
    "sig-b23=(\"date\" \"@method\" \"@path\" \"@query\" \"@authority\" \"content-type\" \"content-digest\" \"content-length\");created=1618884473;keyid=\"test-key-rsa-pss\"",
    "sig-b23=:bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeGt683+qRpRRU5p2voTp768ZrCUb38K0fUxN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLNmvKiLJH1pFkh/aYA2HXXZzNBXmIkoQoLd7YfW91kE9o/CCoC1xMy7JA1ipwvKvfrs65ldmlu9bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+QIF61ka39VBrohr9iyMUJpvRX2Zbhl5ZJzSRxpJyoEZAFL2FUo5fTIztsDZKEgM4cUA==:",
);
const B26: (&str, &str) = (
    "sig-b26=(\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \"content-length\");created=1618884473;keyid=\"test-key-ed25519\"",
    "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:",
);

/// `test-request` of appendix B.2 with one of its signatures.
fn test_request((input, signature): (&'static str, &'static str)) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("host", "example.com"),
        ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
        ("content-type", "application/json"),
        (
            "content-digest",
            "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:",
        ),
        ("content-length", "18"),
        ("signature-input", input),
        ("signature", signature),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
}

fn parts(headers: &HeaderMap) -> Parts<'_> {
    Parts {
        method: &Method::POST,
        target: "/foo?param=Value&Pet=dog",
        authority: "example.com",
        scheme: "https",
        headers,
        body: Some(BODY),
    }
}

/// The only signature of a request, whatever it covers.
fn read_any(parts: &Parts<'_>) -> Parsed {
    let inputs = dictionary(parts, &SIGNATURE_INPUT).unwrap();
    let signatures = dictionary(parts, &SIGNATURE).unwrap();
    match (&inputs[0], &signatures[0]) {
        (ListEntry::InnerList(input), ListEntry::Item(signature)) => {
            Parsed::read(input, signature).unwrap()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn appendix_b23_rsa_pss() {
    let headers = test_request(B23);
    let parts = parts(&headers);
    let key = PublicKey::from_pem(RSA_PSS).unwrap();
    let candidate = super::super::parse(&parts).unwrap();
    assert_eq!(candidate.key_id(), "test-key-rsa-pss");
    assert_eq!(candidate.verify(&key, &parts, NOW), Ok(()));
    let other = PrivateKey::generate_rsa2048().unwrap();
    assert_eq!(
        candidate.verify(other.public_key(), &parts, NOW),
        Err(SignatureError::Invalid)
    );
}

#[test]
fn appendix_b22_verifies_but_covers_too_little() {
    let headers = test_request(B22);
    let parts = parts(&headers);
    let key = PublicKey::from_pem(RSA_PSS).unwrap();
    assert_eq!(read_any(&parts).verify_base(&key, &parts), Ok(()));
    assert_eq!(
        parse(&parts).unwrap_err(),
        SignatureError::NotCovered("@method")
    );
}

#[test]
fn appendix_b26_ed25519() {
    let headers = test_request(B26);
    let mut parts = parts(&headers);
    let key = PublicKey::from_pem(ED25519).unwrap();
    let parsed = read_any(&parts);
    assert_eq!(parsed.verify_base(&key, &parts), Ok(()));
    // Ed25519 is deterministic: the private key gives the same bytes.
    let private = PrivateKey::from_pem(ED25519_PRIVATE).unwrap();
    let base = parsed.base(&parts, "").unwrap();
    assert_eq!(private.sign(&base).unwrap(), parsed.signature);
    assert!(parse(&parts).is_err());
    // Enough for a request without query and body; then it is the target that was changed.
    (parts.target, parts.method, parts.body) = ("/foo", &Method::DELETE, None);
    let parsed = parse(&parts).unwrap().remove(0);
    let verified = parsed.verify(&key, &parts, NOW);
    assert_eq!(verified, Err(SignatureError::Invalid));
}

#[test]
fn derived_components() {
    let headers = HeaderMap::new();
    let mut parts = parts(&headers);
    parts.authority = "Example.COM:443";
    for (what, value) in [
        (What::Method, "POST"),
        (
            What::TargetUri,
            "https://example.com/foo?param=Value&Pet=dog",
        ),
        (What::Authority, "example.com"),
        (What::Scheme, "https"),
        (What::RequestTarget, "/foo?param=Value&Pet=dog"),
        (What::Path, "/foo"),
        (What::Query, "?param=Value&Pet=dog"),
        (What::QueryParam("param".into()), "Value"),
        (What::Field(HOST), "example.com"),
    ] {
        assert_eq!(what.value(&parts).unwrap(), value.as_bytes(), "{what:?}");
    }
    // RFC 9421, 2.2.7 and 2.2.8.
    parts.target = "/p?var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace&fa%C3%A7ade%22%3A%20=something&a=1&a=2";
    for (name, value) in [
        (
            "var",
            Some("this%20is%20a%20big%0Amultiline%20value".to_owned()),
        ),
        ("bar", Some("with%20plus%20whitespace".to_owned())),
        ("fa%C3%A7ade%22%3A%20", Some("something".to_owned())),
        ("a", None),
        ("none", None),
    ] {
        assert_eq!(query_param(&parts, name).ok(), value, "{name}");
    }
    parts.target = "/p";
    assert_eq!(What::Query.value(&parts).unwrap(), b"?");
}

#[test]
fn bad_inputs_are_refused() {
    let signature = "s=:AAAA:";
    let all = "\"@method\" \"@target-uri\" \"content-digest\"";
    for input in [
        "",
        "s",
        "s=1",
        "s=(",
        "s=()",
        "t=(\"@method\" \"@target-uri\" \"content-digest\");created=1;keyid=\"k\"",
        &format!("s=({all});created=1"),
        &format!("s=({all});keyid=\"k\""),
        &format!("s=({all});created=1;keyid=\"\""),
        &format!("s=({all});created=1;keyid=k"),
        &format!("s=({all});created=\"1\";keyid=\"k\""),
        &format!("s=({all});created=1.5;keyid=\"k\""),
        &format!("s=({all});created=1;keyid=\"k\";alg=\"hmac-sha256\""),
        &format!("s=({all} \"@method\");created=1;keyid=\"k\""),
        &format!("s=({all} \"@method\";req);created=1;keyid=\"k\""),
        &format!("s=({all} \"@status\");created=1;keyid=\"k\""),
        &format!("s=({all} \"date\";sf);created=1;keyid=\"k\""),
        &format!("s=({all} \"@query-param\");created=1;keyid=\"k\""),
        &format!("s=({all} date);created=1;keyid=\"k\""),
        &format!("s=({all}{});created=1;keyid=\"k\"", " \"a\"".repeat(70)),
        "s=(\"@target-uri\" \"content-digest\");created=1;keyid=\"k\"",
        "s=(\"@method\" \"@target-uri\");created=1;keyid=\"k\"",
        "s=(\"@method\" \"@authority\" \"content-digest\");created=1;keyid=\"k\"",
        "s=(\"@method\" \"@path\" \"content-digest\");created=1;keyid=\"k\"",
        "s=(\"@method\" \"@authority\" \"@path\" \"content-digest\");created=1;keyid=\"k\"",
    ] {
        let mut headers = HeaderMap::new();
        headers.insert("signature-input", HeaderValue::from_str(input).unwrap());
        headers.insert("signature", HeaderValue::from_static(signature));
        assert!(parse(&parts(&headers)).is_err(), "{input}");
    }
    let input = format!("s=({all});created=1;keyid=\"k\";tag=\"t\";nonce=\"n\";other=?0");
    let mut headers = HeaderMap::new();
    headers.insert("signature-input", HeaderValue::from_str(&input).unwrap());
    headers.insert("signature", HeaderValue::from_static(signature));
    assert_eq!(parse(&parts(&headers)).unwrap().len(), 1);
}

proptest::proptest! {
    #[test]
    fn never_panics(
        input in "(s=\\()?[ -~]{0,80}(\\);created=1;keyid=\"k\")?",
        signature in "(s=:)?[ -~]{0,40}",
        target in "/?[ -~]{0,20}",
    ) {
        let mut headers = HeaderMap::new();
        headers.insert("signature-input", HeaderValue::from_str(&input).unwrap());
        headers.insert("signature", HeaderValue::from_str(&signature).unwrap());
        let mut parts = parts(&headers);
        parts.target = &target;
        if let Ok(all) = parse(&parts) {
            for one in all {
                let _ = one.check(&parts, NOW);
                let _ = one.base(&parts, "");
            }
        }
        let _ = query_param(&parts, &input);
    }
}
