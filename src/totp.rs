//! Time-based one-time passwords (RFC 6238) as authenticator apps make them: SHA-1, six digits,
//! steps of thirty seconds.

use aws_lc_rs::hmac;

use crate::clock::SECOND;
use crate::secret;

/// Bytes of a secret (RFC 4226 section 4 recommends 160 bits).
pub const SECRET_BYTES: usize = 20;
const STEP: i64 = 30 * SECOND;
/// How many steps a clock may be off, either way.
const WINDOW: i64 = 1;

/// The code of a time step (RFC 4226 section 5.3).
pub fn code(key: &[u8], step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag.last().copied().unwrap_or_default() & 15);
    let mut four = [0; 4];
    if let Some(bytes) = tag.get(offset..offset + 4) {
        four.copy_from_slice(bytes);
    }
    format!(
        "{:06}",
        (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000
    )
}

/// The time step of a time in milliseconds since the epoch.
pub fn step_of(now: i64) -> i64 {
    now.div_euclid(STEP)
}

/// The step near a time, and after another, that a code is of.
pub fn find(key: &[u8], given: &str, now: i64, after: i64) -> Option<i64> {
    let step = step_of(now);
    // All are looked at, whichever it is.
    (step - WINDOW..=step + WINDOW).fold(None, |found, step| {
        let right = secret::same(&code(key, step), given) && step > after;
        if right { Some(step) } else { found }
    })
}

/// The address that apps read from a picture
/// (<https://github.com/google/google-authenticator/wiki/Key-Uri-Format>).
pub fn uri(key: &[u8], issuer: &str, username: &str) -> String {
    let escape = |text: &str| -> String {
        // As a form has it, but for the space.
        form_urlencoded::byte_serialize(text.as_bytes())
            .collect::<String>()
            .replace('+', "%20")
    };
    format!(
        "otpauth://totp/{issuer}:{}?secret={}&issuer={issuer}&algorithm=SHA1&digits=6&period=30",
        escape(username),
        base32(key),
        issuer = escape(issuer),
    )
}

/// Base 32 without padding (RFC 4648 section 6).
pub fn base32(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let (mut text, mut held, mut bits) = (String::new(), 0_u32, 0);
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(LETTERS[(held >> bits & 31) as usize]));
        }
    }
    if bits > 0 {
        text.push(char::from(LETTERS[(held << (5 - bits) & 31) as usize]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"12345678901234567890";

    #[test]
    fn codes_are_those_of_the_rfc() {
        // RFC 6238, appendix B, to six digits.
        for (seconds, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code(KEY, step_of(seconds * SECOND)), expected);
        }
    }

    #[test]
    fn a_code_is_good_a_step_early_or_late_and_not_twice() {
        let now = 1_234_567_890 * SECOND;
        let step = step_of(now);
        for by in -3..=3 {
            let found = find(KEY, &code(KEY, step + by), now, 0);
            assert_eq!(found, (by.abs() <= 1).then_some(step + by));
        }
        assert_eq!(find(KEY, &code(KEY, step), now, step), None);
        assert_eq!(find(KEY, &code(KEY, step), now, step - 1), Some(step));
        assert_eq!(find(KEY, "", now, 0), None);
    }

    #[test]
    fn base32_is_that_of_the_rfc() {
        for (text, expected) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(text.as_bytes()), expected);
        }
    }

    #[test]
    fn an_address_has_its_parts_escaped() {
        assert_eq!(
            uri(b"foobar", "a b:8080", "x"),
            "otpauth://totp/a%20b%3A8080:x?secret=MZXW6YTBOI&issuer=a%20b%3A8080\
             &algorithm=SHA1&digits=6&period=30"
        );
    }
}
