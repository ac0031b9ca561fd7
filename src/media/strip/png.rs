//! PNG and APNG (W3C PNG specification, third edition).

use super::{Cursor, MediaError, Stripped};

pub(super) fn strip(input: &[u8]) -> Result<Stripped, MediaError> {
    let mut file = Cursor(input);
    let mut out = Vec::with_capacity(input.len());
    out.extend(file.take(8)?);
    let mut found = Stripped::new(Vec::new());
    let (mut animated, mut frames) = (false, 0);
    loop {
        let before = file.0;
        let length = u32::from_be_bytes(file.array()?) as usize;
        let name: [u8; 4] = file.array()?;
        let body = file.take(length)?;
        file.take(4)?; // CRC: checked by the decoder, on what is kept
        let keep = match &name {
            b"IHDR" | b"PLTE" | b"IDAT" | b"IEND" => true,
            // Transparency and colour, each held to its size so that nothing rides along.
            b"tRNS" => length <= 256,
            b"gAMA" => length == 4,
            b"cHRM" => length == 32,
            b"sRGB" => length == 1,
            b"acTL" => {
                animated |= length == 8;
                length == 8
            }
            b"fcTL" => {
                frames += 1;
                length == 26
            }
            b"fdAT" => true,
            b"eXIf" => {
                found.read_exif(body);
                false
            }
            // The profile itself is compressed; its name is not, and names this one.
            b"iCCP" => {
                let head = &body[..length.min(79)];
                found.display_p3 = head.windows(9).any(|window| window == b"DisplayP3")
                    || head.windows(10).any(|window| window == b"Display P3");
                false
            }
            // Bit 5 of the first byte clear: the picture cannot be shown without it.
            [b'A'..=b'Z', ..] => {
                return Err(MediaError::damaged("it has an unknown critical chunk"));
            }
            _ => false,
        };
        if keep {
            out.extend(&before[..length + 12]);
        }
        if &name == b"IEND" {
            break;
        }
    }
    found.bytes = out;
    // Frame chunks mean nothing without the animation's header.
    found.frames = if animated { frames.max(1) } else { 1 };
    Ok(found)
}
