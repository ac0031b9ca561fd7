//! Object integrity proofs: `eddsa-jcs-2022` (FEP-8b32; W3C Data Integrity EdDSA Cryptosuites,
//! section 3.3). A proof makes an activity its author's, whoever brings it.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Map, Value, json};

use super::render::document as with_context;
use super::signature::{Algorithm, KeyError, PrivateKey, PublicKey, multikey};
use super::value::{is_a, many, text, time};
use crate::clock::{DAY, HOUR, iso_seconds};

/// What defines the terms of a proof.
pub const CONTEXT: &str = "https://w3id.org/security/data-integrity/v1";

const SUITE: &str = "eddsa-jcs-2022";
const PURPOSE: &str = "assertionMethod";

/// How old a proof may be to be believed by itself. What was received is known for a week, so
/// that nothing can be said again that its author has taken back meanwhile (threat S19).
const MAX_AGE: i64 = 6 * DAY;
/// How far ahead of ours a signer's clock may be.
const MAX_AHEAD: i64 = HOUR;
/// Proofs of one document looked at.
const MAX_PROOFS: usize = 8;

/// Adds a proof by a key to a document, and what defines its terms to the document's context.
/// `now` is in milliseconds since the epoch.
pub fn add(document: &mut Value, key_id: &str, key: &PrivateKey, now: i64) -> Result<(), KeyError> {
    let Value::Object(members) = document else {
        return Ok(());
    };
    let context = extended(members.get("@context").unwrap_or(&Value::Null));
    members.insert("@context".to_owned(), context.clone());
    let options = json!({
        "@context": context,
        "type": "DataIntegrityProof",
        "cryptosuite": SUITE,
        "verificationMethod": key_id,
        "proofPurpose": PURPOSE,
        // Without a fraction: some verifiers write the time anew before they hash it.
        "created": iso_seconds(now),
    });
    let signature = key.sign(&message(&options, document).ok_or(KeyError::Internal)?)?;
    let mut proof = options;
    proof["proofValue"] = json!(multikey::encode(&signature));
    document["proof"] = proof;
    Ok(())
}

/// A context that defines the terms of proofs too: behind the names, before the definitions.
fn extended(context: &Value) -> Value {
    let mut list = match context {
        Value::Array(list) => list.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    };
    if list.iter().all(|one| one != CONTEXT) {
        let names = list.iter().take_while(|one| one.is_string()).count();
        list.insert(names, json!(CONTEXT));
    }
    Value::Array(list)
}

/// What is signed: the hash of the proof's options, then that of the document (RFC 8785).
fn message(options: &Value, document: &Value) -> Option<Vec<u8>> {
    let hash = |value: &Value| {
        let text = serde_json_canonicalizer::to_vec(value).ok()?;
        Some(digest(&SHA256, &text))
    };
    Some([hash(options)?.as_ref(), hash(document)?.as_ref()].concat())
}

/// A proof in a document, not verified yet.
#[derive(Debug, Clone, Copy)]
pub struct Proof<'a> {
    /// The id of the key it is made with.
    pub key_id: &'a str,
    /// When it was made; milliseconds since the epoch.
    pub created: i64,
    members: &'a Map<String, Value>,
}

/// The proofs of a document that could be verified here.
pub fn proofs(document: &Value) -> impl Iterator<Item = Proof<'_>> {
    let usable = |proof: &&Value| {
        is_a(proof, "DataIntegrityProof")
            && text(proof, "cryptosuite") == Some(SUITE)
            && text(proof, "proofPurpose") == Some(PURPOSE)
    };
    many(document, "proof")
        .iter()
        .take(MAX_PROOFS)
        .filter(usable)
        .filter_map(|proof| {
            Some(Proof {
                key_id: super::value::first_id(proof, "verificationMethod")?,
                created: time(proof, "created")?,
                members: proof.as_object()?,
            })
        })
}

impl Proof<'_> {
    /// Whether it is new enough to be believed by itself.
    pub fn is_fresh(&self, now: i64) -> bool {
        let expired = match self.members.get("expires") {
            None => false,
            Some(at) => at
                .as_str()
                .and_then(crate::clock::parse_iso)
                .is_none_or(|at| at <= now),
        };
        !expired && (now - MAX_AGE..=now + MAX_AHEAD).contains(&self.created)
    }

    /// Whether it is a key's, and for this very document. An RSA key has no proofs.
    pub fn holds(&self, document: &Value, key: &PublicKey) -> bool {
        let Some(signature) = self
            .members
            .get("proofValue")
            .and_then(Value::as_str)
            .and_then(|value| multikey::decode(value).ok())
        else {
            return false;
        };
        let Value::Object(members) = document else {
            return false;
        };
        let mut bare = members.clone();
        bare.remove("proof");
        // A linked-data signature is put on after the proof.
        bare.remove("signature");
        let mut options = self.members.clone();
        options.remove("proofValue");
        let context = bare.get("@context").cloned();
        let verifies = |options: Map<String, Value>, bare: Map<String, Value>| {
            message(&Value::Object(options), &Value::Object(bare))
                .is_some_and(|message| key.verify(Algorithm::Ed25519, &message, &signature))
        };
        match options.get("@context").cloned() {
            Some(own) if begins_with(context.as_ref(), &own) => {
                bare.insert("@context".to_owned(), own);
                verifies(options, bare)
            }
            Some(_) => false,
            // Some sign the document's context with the options without saying so.
            None => {
                verifies(options.clone(), bare.clone())
                    || context.is_some_and(|context| {
                        let options = with_context(context, Value::Object(options));
                        match options {
                            Value::Object(options) => verifies(options, bare),
                            _ => false,
                        }
                    })
            }
        }
    }
}

/// Whether a document's context begins with all of a proof's.
fn begins_with(context: Option<&Value>, own: &Value) -> bool {
    let list = |value: &Value| match value {
        Value::Array(list) => list.clone(),
        one => vec![one.clone()],
    };
    context.is_some_and(|context| context == own || list(context).starts_with(&list(own)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_677_281_798_000;

    /// The example of FEP-8b32, with its key.
    fn example() -> (Value, PublicKey) {
        let context = json!(["https://www.w3.org/ns/activitystreams", CONTEXT]);
        let document = json!({
            "@context": context,
            "id": "https://server.example/activities/1",
            "type": "Create",
            "actor": "https://server.example/users/alice",
            "object": {
                "id": "https://server.example/objects/1",
                "type": "Note",
                "attributedTo": "https://server.example/users/alice",
                "content": "Hello world",
                "location": {"type": "Place", "longitude": -71.184902, "latitude": 25.273962},
            },
            "proof": {
                "@context": context,
                "type": "DataIntegrityProof",
                "cryptosuite": "eddsa-jcs-2022",
                "verificationMethod": "https://server.example/users/alice#ed25519-key",
                "proofPurpose": "assertionMethod",
                "proofValue": "zLaewdp4H9kqtwyrLatK4cjY5oRHwVcw4gibPSUDYDMhi4M49v8pcYk3ZB6D69dNpAPbUmY8ocuJ3m9KhKJEEg7z",
                "created": "2023-02-24T23:36:38Z",
            },
        });
        let key =
            PublicKey::from_multikey("z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2").unwrap();
        (document, key)
    }

    fn holds(document: &Value, key: &PublicKey) -> bool {
        proofs(document)
            .next()
            .is_some_and(|proof| proof.holds(document, key))
    }

    #[test]
    fn the_specification_s_example_holds() {
        let (document, key) = example();
        assert!(holds(&document, &key));
        let mut signed = document.clone();
        signed["signature"] = json!({"type": "RsaSignature2017"});
        assert!(holds(&signed, &key));
        // Without its own context it is hashed with the document's.
        let mut bare = document.clone();
        bare["proof"].as_object_mut().unwrap().remove("@context");
        assert!(holds(&bare, &key));
        let mut list = document;
        list["proof"] = json!([{"type": "Other"}, list["proof"]]);
        assert!(holds(&list, &key));
    }

    #[test]
    fn whatever_is_changed_shows() {
        let (document, key) = example();
        let changes: [(&str, Value); 9] = [
            ("/object/content", json!("Hello")),
            ("/object/location/latitude", json!(25.0)),
            ("/actor", json!("https://server.example/users/bob")),
            ("/@context/0", json!("https://other.example")),
            ("/proof/created", json!("2023-02-24T23:36:39Z")),
            ("/proof/proofValue", json!("z1")),
            (
                "/proof/verificationMethod",
                json!("https://other.example/k"),
            ),
            ("/proof/@context", json!(["https://other.example"])),
            ("/proof/cryptosuite", json!("eddsa-rdfc-2022")),
        ];
        for (place, value) in changes {
            let mut changed = document.clone();
            *changed.pointer_mut(place).unwrap() = value;
            assert!(!holds(&changed, &key), "{place}");
        }
        let mut more = document.clone();
        more["to"] = json!("https://www.w3.org/ns/activitystreams#Public");
        assert!(!holds(&more, &key));
        let other = PrivateKey::from_ed25519_seed(&[7; 32]).unwrap();
        assert!(!holds(&document, other.public_key()));
    }

    #[test]
    fn ours_hold_and_age() {
        let key = PrivateKey::from_ed25519_seed(&[7; 32]).unwrap();
        let mut document = json!({
            "@context": ["https://www.w3.org/ns/activitystreams", {"kith": "https://kith.example/ns#"}],
            "id": "https://a.example/1", "type": "Like", "n": 1.0, "big": 1e21, "text": "\u{10000}\u{ffff}é\n",
        });
        add(&mut document, "https://a.example/u#ed25519-key", &key, NOW).unwrap();
        assert_eq!(document["@context"][1], CONTEXT);
        assert_eq!(document["proof"]["created"], "2023-02-24T23:36:38Z");
        assert!(holds(&document, key.public_key()));
        // As it comes out of the wire.
        let again: Value = serde_json::from_str(&document.to_string()).unwrap();
        assert!(holds(&again, key.public_key()));
        let proof = proofs(&again).next().unwrap();
        assert!(proof.is_fresh(NOW) && proof.is_fresh(NOW + 5 * DAY));
        assert!(!proof.is_fresh(NOW + 7 * DAY) && !proof.is_fresh(NOW - 2 * HOUR));
        let mut mortal = again.clone();
        for (expires, fresh) in [
            (json!(iso_seconds(NOW + HOUR)), true),
            (json!(iso_seconds(NOW - HOUR)), false),
            (json!(7), false),
        ] {
            mortal["proof"]["expires"] = expires;
            assert_eq!(proofs(&mortal).next().unwrap().is_fresh(NOW), fresh);
        }
        // A context in one word is one all the same.
        let mut short = json!({"@context": "https://www.w3.org/ns/activitystreams", "id": "x"});
        add(&mut short, "https://a.example/u#ed25519-key", &key, NOW).unwrap();
        assert!(holds(&short, key.public_key()));
    }

    #[test]
    fn what_is_no_proof_is_none() {
        for proof in [
            json!(null),
            json!("x"),
            json!({"type": "DataIntegrityProof"}),
            json!({"type": "DataIntegrityProof", "cryptosuite": SUITE, "proofPurpose": PURPOSE,
                "verificationMethod": "https://a.example/k"}),
            json!({"type": "DataIntegrityProof", "cryptosuite": SUITE, "proofPurpose": "authentication",
                "verificationMethod": "https://a.example/k", "created": "2023-02-24T23:36:38Z"}),
        ] {
            let document = json!({"id": "x", "proof": proof});
            assert_eq!(proofs(&document).count(), 0, "{document}");
        }
    }
}
