//! Keys: parsed once, cheap to clone, in every encoding that peers publish.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize, PublicKey as RsaPublicKey};
use aws_lc_rs::signature::{self, Ed25519KeyPair, KeyPair, ParsedPublicKey, UnparsedPublicKey};
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose};

use super::multikey;

/// Standard base64 that also reads missing padding, as some peers send it.
pub(crate) const LENIENT_BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The longest key text read, in bytes; an RSA key of 8192 bits takes 6.5 KiB.
const MAX_KEY_TEXT: usize = 16 * 1024;

/// RSA moduli outside these sizes, in bits, are refused: shorter ones are weak, longer ones slow.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// `SubjectPublicKeyInfo` of an Ed25519 key up to the key itself (RFC 8410, section 4).
const ED25519_SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// Why a key was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not PEM, base64, DER or multibase of a key.
    #[error("the key cannot be read")]
    Malformed,
    /// Neither RSA nor Ed25519.
    #[error("the type of the key is not supported")]
    Unsupported,
    /// RSA outside 2048 to 8192 bits.
    #[error("the RSA key has {0} bits; 2048 to 8192 are accepted")]
    Size(usize),
    /// The cryptographic library could not generate or encode a key.
    #[error("the key could not be generated or encoded")]
    Internal,
}

/// The type of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    /// RSA.
    Rsa,
    /// Ed25519.
    Ed25519,
}

/// A signature algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RsaPkcs1Sha256,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RsaPkcs1Sha512,
    /// RSASSA-PSS with SHA-512, salt of 64 bytes.
    RsaPssSha512,
    /// Ed25519 (RFC 8032).
    Ed25519,
}

impl Algorithm {
    /// The type of key it needs.
    pub fn key_type(self) -> KeyType {
        match self {
            Self::Ed25519 => KeyType::Ed25519,
            Self::RsaPkcs1Sha256 | Self::RsaPkcs1Sha512 | Self::RsaPssSha512 => KeyType::Rsa,
        }
    }
}

/// A public key. Equal when the keys are, whatever encoding they came in.
#[derive(Clone)]
pub struct PublicKey(Arc<PublicInner>);

struct PublicInner {
    /// PKCS#1 `RSAPublicKey` for RSA, the 32 bytes for Ed25519.
    raw: Vec<u8>,
    spki: Vec<u8>,
    /// Ready for the usual algorithm of its type.
    parsed: ParsedPublicKey,
    key_type: KeyType,
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.spki == other.0.spki
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({:?})", self.0.key_type)
    }
}

impl PublicKey {
    /// Reads SPKI (`BEGIN PUBLIC KEY`) or PKCS#1 (`BEGIN RSA PUBLIC KEY`) PEM, with or without
    /// line breaks, CRLF, indentation, escaped `\n` and text around it.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let (label, der) = decode_pem(pem)?;
        match label {
            "PUBLIC KEY" | "RSA PUBLIC KEY" => Self::from_der(&der),
            _ => Err(KeyError::Unsupported),
        }
    }

    /// Reads SPKI or PKCS#1 DER.
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        if let Some(raw) = der.strip_prefix(&ED25519_SPKI_PREFIX) {
            return Self::from_ed25519(raw);
        }
        Self::from_rsa(&RsaPublicKey::from_der(der).map_err(|_| not_rsa(der))?)
    }

    /// Reads a Multikey's `publicKeyMultibase` (FEP-521a): `z6Mk…` is Ed25519, `z4MX…` RSA.
    pub fn from_multikey(text: &str) -> Result<Self, KeyError> {
        if text.len() > MAX_KEY_TEXT {
            return Err(KeyError::Malformed);
        }
        let bytes = multikey::decode(text)?;
        match bytes.as_slice() {
            [0xed, 0x01, raw @ ..] => Self::from_ed25519(raw),
            [0x85, 0x24, der @ ..] => Self::from_der(der),
            _ => Err(KeyError::Unsupported),
        }
    }

    /// Takes the 32 bytes of an Ed25519 key.
    pub fn from_ed25519(raw: &[u8]) -> Result<Self, KeyError> {
        if raw.len() != 32 {
            return Err(KeyError::Malformed);
        }
        let parsed = ParsedPublicKey::new(&signature::ED25519, raw);
        Ok(Self(Arc::new(PublicInner {
            raw: raw.to_vec(),
            spki: [ED25519_SPKI_PREFIX.as_slice(), raw].concat(),
            parsed: parsed.map_err(|_| KeyError::Malformed)?,
            key_type: KeyType::Ed25519,
        })))
    }

    fn from_rsa(key: &RsaPublicKey) -> Result<Self, KeyError> {
        let raw = key.as_ref().to_vec();
        let bits = modulus_bits(&raw).ok_or(KeyError::Malformed)?;
        if !RSA_BITS.contains(&bits) {
            return Err(KeyError::Size(bits));
        }
        let spki: PublicKeyX509Der<'_> = key.as_der().map_err(|_| KeyError::Internal)?;
        let parsed = ParsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA256, &raw);
        Ok(Self(Arc::new(PublicInner {
            spki: spki.as_ref().to_vec(),
            parsed: parsed.map_err(|_| KeyError::Malformed)?,
            raw,
            key_type: KeyType::Rsa,
        })))
    }

    /// The type of the key.
    pub fn key_type(&self) -> KeyType {
        self.0.key_type
    }

    /// The 32 bytes of an Ed25519 key, or PKCS#1 DER of an RSA key.
    pub fn raw(&self) -> &[u8] {
        &self.0.raw
    }

    /// SPKI PEM, as actors publish it in `publicKeyPem`.
    pub fn to_pem(&self) -> String {
        encode_pem("PUBLIC KEY", &self.0.spki)
    }

    /// A Multikey's `publicKeyMultibase` (FEP-521a).
    pub fn to_multikey(&self) -> String {
        let prefix: [u8; 2] = match self.0.key_type {
            KeyType::Ed25519 => [0xed, 0x01],
            KeyType::Rsa => [0x85, 0x24],
        };
        multikey::encode(&[prefix.as_slice(), &self.0.raw].concat())
    }

    /// Whether `signature` is this key's for `message`. False for an algorithm of another type.
    pub fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if algorithm.key_type() != self.0.key_type {
            return false;
        }
        let unparsed = |alg| UnparsedPublicKey::new(alg, &self.0.raw).verify(message, signature);
        match algorithm {
            Algorithm::Ed25519 | Algorithm::RsaPkcs1Sha256 => {
                self.0.parsed.verify_sig(message, signature).is_ok()
            }
            Algorithm::RsaPkcs1Sha512 => unparsed(&signature::RSA_PKCS1_2048_8192_SHA512).is_ok(),
            Algorithm::RsaPssSha512 => unparsed(&signature::RSA_PSS_2048_8192_SHA512).is_ok(),
        }
    }
}

/// A private key. Its debug form shows only the type.
#[derive(Clone)]
pub struct PrivateKey(Arc<PrivateInner>);

struct PrivateInner {
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({:?})", self.0.public.key_type())
    }
}

impl PrivateKey {
    /// A new RSA key of 2048 bits (about 50 ms of one core).
    pub fn generate_rsa2048() -> Result<Self, KeyError> {
        Self::from_rsa(RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError::Internal)?)
    }

    /// The Ed25519 key of 32 random bytes.
    pub fn from_ed25519_seed(seed: &[u8; 32]) -> Result<Self, KeyError> {
        Self::from_ed25519(
            Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Internal)?,
        )
    }

    /// Reads PKCS#8 (`BEGIN PRIVATE KEY`) or PKCS#1 (`BEGIN RSA PRIVATE KEY`) PEM.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let (label, der) = decode_pem(pem)?;
        match label {
            "PRIVATE KEY" | "RSA PRIVATE KEY" => Self::from_der(&der),
            _ => Err(KeyError::Unsupported),
        }
    }

    /// Reads PKCS#8 DER of an RSA or Ed25519 key, or PKCS#1 DER.
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        if let Ok(pair) = RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der)) {
            return Self::from_rsa(pair);
        }
        match Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
            Ok(pair) => Self::from_ed25519(pair),
            Err(_) => Err(KeyError::Malformed),
        }
    }

    fn from_rsa(pair: RsaKeyPair) -> Result<Self, KeyError> {
        let public = PublicKey::from_rsa(pair.public_key())?;
        let pair = Pair::Rsa(pair);
        Ok(Self(Arc::new(PrivateInner { pair, public })))
    }

    fn from_ed25519(pair: Ed25519KeyPair) -> Result<Self, KeyError> {
        let public = PublicKey::from_ed25519(pair.public_key().as_ref())?;
        let pair = Pair::Ed25519(pair);
        Ok(Self(Arc::new(PrivateInner { pair, public })))
    }

    /// The public half.
    pub fn public_key(&self) -> &PublicKey {
        &self.0.public
    }

    /// The type of the key.
    pub fn key_type(&self) -> KeyType {
        self.0.public.key_type()
    }

    /// PKCS#8 PEM, to be stored.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        let der: Pkcs8V1Der<'_> = match &self.0.pair {
            Pair::Rsa(pair) => pair.as_der(),
            Pair::Ed25519(pair) => pair.as_der(),
        }
        .map_err(|_| KeyError::Internal)?;
        Ok(encode_pem("PRIVATE KEY", der.as_ref()))
    }

    /// Signs in the usual algorithm of its type: RSASSA-PKCS1-v1_5 with SHA-256, or Ed25519.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        match &self.0.pair {
            Pair::Rsa(pair) => {
                let mut out = vec![0; pair.public_modulus_len()];
                // PKCS#1 v1.5 is deterministic; aws-lc ignores the generator.
                let rng = SystemRandom::new();
                pair.sign(&signature::RSA_PKCS1_SHA256, &rng, message, &mut out)
                    .map_err(|_| KeyError::Internal)?;
                Ok(out)
            }
            Pair::Ed25519(pair) => {
                let signed = pair.try_sign(message).map_err(|_| KeyError::Internal)?;
                Ok(signed.as_ref().to_vec())
            }
        }
    }
}

/// The refusal of DER that is no usable RSA key: too short or long, or something else.
fn not_rsa(der: &[u8]) -> KeyError {
    /// `1.2.840.113549.1.1.1`, rsaEncryption.
    const RSA_OID: [u8; 11] = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
    let head = der.get(..40).unwrap_or(der);
    if der.first() == Some(&0x30) && !head.windows(RSA_OID.len()).any(|w| w == RSA_OID) {
        KeyError::Unsupported
    } else {
        KeyError::Malformed
    }
}

/// Bits of the modulus in PKCS#1 `RSAPublicKey` DER.
fn modulus_bits(der: &[u8]) -> Option<usize> {
    let (sequence, _) = read_der(der, 0x30)?;
    let (modulus, _) = read_der(sequence, 0x02)?;
    let zeros = modulus.iter().take_while(|b| **b == 0).count();
    let first = modulus.get(zeros)?;
    Some((modulus.len() - zeros) * 8 - first.leading_zeros() as usize)
}

/// The content of one DER value with `tag`, and what follows it.
fn read_der(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, length], rest) = input.split_first_chunk::<2>()?;
    if found != tag {
        return None;
    }
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81 => (usize::from(*rest.first()?), rest.get(1..)?),
        0x82 => {
            let (bytes, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*bytes)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// The label and the bytes of the first PEM block.
fn decode_pem(pem: &str) -> Result<(&str, Vec<u8>), KeyError> {
    if pem.len() > MAX_KEY_TEXT {
        return Err(KeyError::Malformed);
    }
    let (_, rest) = pem.split_once("-----BEGIN ").ok_or(KeyError::Malformed)?;
    let (label, rest) = rest.split_once("-----").ok_or(KeyError::Malformed)?;
    let (body, _) = rest.split_once("-----END").ok_or(KeyError::Malformed)?;
    let body = body.replace("\\r", "").replace("\\n", "");
    let body: Vec<u8> = body.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let der = LENIENT_BASE64
        .decode(body)
        .map_err(|_| KeyError::Malformed)?;
    Ok((label.trim(), der))
}

fn encode_pem(label: &str, der: &[u8]) -> String {
    let body = general_purpose::STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem.push_str(&format!("-----END {label}-----\n"));
    pem
}

#[cfg(test)]
mod tests {
    use super::*;

    /// draft-cavage-12, appendix C: 1024 bits.
    const SHORT_RSA: &str = "-----BEGIN PUBLIC KEY-----\n\
        MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDCFENGw33yGihy92pDjZQhl0C3\n\
        6rPJj+CvfSC8+q28hxA161QFNUd13wuCTUcq0Qd2qsBe/2hFyc2DCJJg0h1L78+6\n\
        Z4UMR7EOcpfdUE9Hf3m/hs+FUR45uBJeDK1HSFHD8bHKD6kv8FPGfJTotc+2xjJw\n\
        oYi+1hqp1fIekaxsyQIDAQAB\n-----END PUBLIC KEY-----";
    /// RFC 9421, B.1.3: ECDSA P-256.
    const ECDSA: &str = "-----BEGIN PUBLIC KEY-----\n\
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lf\n\
        w0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==\n\
        -----END PUBLIC KEY-----";

    #[test]
    fn keys_survive_every_encoding() {
        for key in [
            PrivateKey::generate_rsa2048().unwrap(),
            PrivateKey::from_ed25519_seed(&[7; 32]).unwrap(),
        ] {
            let public = key.public_key();
            let again = PrivateKey::from_pem(&key.to_pem().unwrap()).unwrap();
            assert_eq!(again.public_key(), public);
            assert_eq!(&PublicKey::from_pem(&public.to_pem()).unwrap(), public);
            assert_eq!(
                &PublicKey::from_multikey(&public.to_multikey()).unwrap(),
                public
            );
            let prefix = match key.key_type() {
                KeyType::Rsa => "z4MX",
                KeyType::Ed25519 => "z6Mk",
            };
            assert!(public.to_multikey().starts_with(prefix));
            assert!(!format!("{key:?}").contains("BEGIN"));
        }
    }

    #[test]
    fn untidy_pem_is_read() {
        let key = PrivateKey::generate_rsa2048().unwrap();
        let pem = key.public_key().to_pem();
        for text in [
            pem.replace('\n', "\r\n"),
            pem.replace('\n', ""),
            pem.replace('\n', " "),
            pem.replace('\n', "\\n"),
            pem.replace('\n', "\n    "),
            format!("\n\n  hello\n{pem}\n\n"),
        ] {
            let read = PublicKey::from_pem(&text);
            assert_eq!(read.as_ref(), Ok(key.public_key()), "{text}");
        }
        let pkcs1 = encode_pem("RSA PUBLIC KEY", key.public_key().raw());
        assert_eq!(PublicKey::from_pem(&pkcs1).as_ref(), Ok(key.public_key()));
    }

    #[test]
    fn unfit_keys_are_refused() {
        assert_eq!(PublicKey::from_pem(SHORT_RSA), Err(KeyError::Size(1024)));
        assert_eq!(PublicKey::from_pem(ECDSA), Err(KeyError::Unsupported));
        assert_eq!(PublicKey::from_pem(""), Err(KeyError::Malformed));
        assert_eq!(PublicKey::from_der(&[]), Err(KeyError::Malformed));
        let private = PrivateKey::from_ed25519_seed(&[7; 32])
            .unwrap()
            .to_pem()
            .unwrap();
        assert_eq!(PublicKey::from_pem(&private), Err(KeyError::Unsupported));
        assert_eq!(PublicKey::from_ed25519(&[0; 31]), Err(KeyError::Malformed));
    }

    #[test]
    fn a_modulus_longer_than_8192_bits_is_refused() {
        let mut modulus = vec![0xff; 1025];
        modulus.insert(0, 0);
        let mut inner = vec![0x02, 0x82];
        inner.extend(u16::try_from(modulus.len()).unwrap().to_be_bytes());
        inner.extend(modulus);
        inner.extend([0x02, 0x03, 1, 0, 1]);
        let mut der = vec![0x30, 0x82];
        der.extend(u16::try_from(inner.len()).unwrap().to_be_bytes());
        der.extend(inner);
        assert_eq!(modulus_bits(&der), Some(8200));
        assert!(PublicKey::from_der(&der).is_err());
    }

    proptest::proptest! {
        #[test]
        fn parsers_never_panic(text in ".{0,200}", bytes: Vec<u8>) {
            let _ = PublicKey::from_pem(&text);
            let _ = PublicKey::from_pem(&format!("-----BEGIN PUBLIC KEY-----{text}-----END"));
            let _ = PublicKey::from_multikey(&text);
            let _ = PublicKey::from_multikey(&multikey::encode(&bytes));
            let _ = PublicKey::from_der(&bytes);
            let _ = PrivateKey::from_der(&bytes);
            let _ = modulus_bits(&bytes);
        }
    }
}
