//! Multibase texts of keys (FEP-521a, W3C Controlled Identifiers, section 2.4).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::keys::KeyError;

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// The longest base58 text read: the work grows with the square of the length, and an RSA key of
/// 8192 bits takes 1,430 letters.
const MAX_BASE58: usize = 2048;

/// Decodes multibase base58btc (`z`) or base64url (`u`).
pub fn decode(text: &str) -> Result<Vec<u8>, KeyError> {
    let text = text.trim();
    if let Some(rest) = text.strip_prefix('z') {
        decode_base58(rest).ok_or(KeyError::Malformed)
    } else if let Some(rest) = text.strip_prefix('u') {
        URL_SAFE_NO_PAD
            .decode(rest)
            .map_err(|_| KeyError::Malformed)
    } else {
        Err(KeyError::Malformed)
    }
}

/// Encodes as multibase base58btc.
pub fn encode(bytes: &[u8]) -> String {
    let zeros = bytes.iter().take_while(|b| **b == 0).count();
    // Little-endian digits of base 58.
    let mut digits: Vec<u8> = Vec::new();
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += u32::from(*digit) << 8;
            *digit = (carry % 58) as u8;
            carry /= 58;
        }
        while carry > 0 {
            digits.push((carry % 58) as u8);
            carry /= 58;
        }
    }
    let mut text = String::from("z");
    text.extend(std::iter::repeat_n('1', zeros));
    text.extend(
        digits
            .iter()
            .rev()
            .map(|d| char::from(ALPHABET[usize::from(*d)])),
    );
    text
}

fn decode_base58(text: &str) -> Option<Vec<u8>> {
    if text.len() > MAX_BASE58 {
        return None;
    }
    let zeros = text.bytes().take_while(|b| *b == b'1').count();
    let mut bytes: Vec<u8> = Vec::new();
    for letter in text.bytes() {
        let value = ALPHABET.iter().position(|a| *a == letter)?;
        let mut carry = u32::try_from(value).ok()?;
        for byte in &mut bytes {
            carry += u32::from(*byte) * 58;
            *byte = (carry & 0xff) as u8;
            carry >>= 8;
        }
        while carry > 0 {
            bytes.push((carry & 0xff) as u8);
            carry >>= 8;
        }
    }
    bytes.extend(std::iter::repeat_n(0, zeros));
    bytes.reverse();
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        // draft-msporny-base58-03, section 5.
        assert_eq!(encode(b"Hello World!"), "z2NEpo7TZRRrLZSi2U");
        assert_eq!(decode("z2NEpo7TZRRrLZSi2U").unwrap(), b"Hello World!");
        let bytes = [0, 0, 0x28, 0x7f, 0xb4, 0xcd];
        assert_eq!(encode(&bytes), "z11233QC4");
        assert_eq!(decode("z11233QC4").unwrap(), bytes);
        assert_eq!(decode("uAAE").unwrap(), [0, 1]);
        for bad in ["", "z0", "zIl", "x12", "u&", "z é"] {
            assert!(decode(bad).is_err(), "{bad}");
        }
        assert!(decode(&format!("z{}", "2".repeat(3000))).is_err());
    }

    proptest::proptest! {
        #[test]
        fn round_trip(bytes: Vec<u8>) {
            proptest::prop_assert_eq!(decode(&encode(&bytes)).unwrap(), bytes);
        }

        #[test]
        fn never_panics(text in ".{0,80}") {
            let _ = decode(&text);
        }
    }
}
