//! Numbers of bytes as people write them.

/// Reads `10GiB`, `500 MB`, `1.5T`, `4096`: units of 1,000 (`kB`, `MB`, `GB`, `TB`) or of 1,024
/// (`KiB`, `MiB`, `GiB`, `TiB`, and letters alone). The error is for an admin.
pub fn parse(text: &str) -> Result<u64, String> {
    let failed = || format!("{text:?} is no size, such as 10GiB or 500MB");
    let at = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let number: f64 = number.parse().map_err(|_| failed())?;
    let (base, power) = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => (1.0, 0),
        "kb" => (1000.0, 1),
        "mb" => (1000.0, 2),
        "gb" => (1000.0, 3),
        "tb" => (1000.0, 4),
        "k" | "kib" => (1024.0, 1),
        "m" | "mib" => (1024.0, 2),
        "g" | "gib" => (1024.0, 3),
        "t" | "tib" => (1024.0, 4),
        _ => return Err(failed()),
    };
    let bytes = number * f64::powi(base, power);
    // Beyond this, not every number of bytes can be told from the next.
    if bytes.is_finite() && bytes <= 9e15 {
        Ok(bytes as u64)
    } else {
        Err(failed())
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn sizes_are_read_in_both_systems() {
        for (text, bytes) in [
            ("10GiB", 10 << 30),
            ("10 gib", 10 << 30),
            ("500MB", 500_000_000),
            ("1.5K", 1536),
            ("4096", 4096),
            ("0", 0),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for text in ["", "GiB", "-1", "10XB", "1e9", "1.2.3", "99999999999TiB"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
