//! WebP (RFC 9649 section 2).

use super::{Cursor, MediaError, Stripped};

/// The flags of `VP8X` that stay true of a file without metadata: alpha and animation.
const FLAGS_KEPT: u8 = 0x10 | 0x02;

pub(super) fn strip(input: &[u8]) -> Result<Stripped, MediaError> {
    let mut file = Cursor(input);
    file.take(4)?;
    let size = u32::from_le_bytes(file.array()?) as usize;
    file.take(4)?;
    // The size counts from "WEBP" on; what lies behind it is not part of the image.
    let payload = size
        .checked_sub(4)
        .ok_or_else(|| MediaError::damaged("it is empty"))?;
    let mut chunks = Cursor(file.take(payload)?);

    let mut found = Stripped::new(Vec::new());
    let mut frames = 0;
    let mut body = b"WEBP".to_vec();
    while !chunks.is_empty() {
        let (name, data) = chunk(&mut chunks)?;
        match &name {
            b"VP8X" => {
                let mut header: [u8; 10] = data
                    .try_into()
                    .map_err(|_| MediaError::damaged("its header has the wrong size"))?;
                header[0] &= FLAGS_KEPT;
                header[1..4].fill(0);
                write_chunk(&mut body, name, &header);
            }
            b"VP8 " | b"VP8L" | b"ALPH" => write_chunk(&mut body, name, data),
            b"ANIM" if data.len() >= 6 => write_chunk(&mut body, name, &data[..6]),
            b"ANMF" => {
                frames += 1;
                write_chunk(&mut body, name, &frame(data)?);
            }
            b"EXIF" => found.read_exif(data),
            b"ICCP" => found.read_icc(data),
            _ => {}
        }
    }
    let mut out = b"RIFF".to_vec();
    // No longer than the input, whose length fitted.
    out.extend((body.len() as u32).to_le_bytes());
    out.append(&mut body);
    found.bytes = out;
    found.frames = frames.max(1);
    Ok(found)
}

/// An animation frame: its 16-byte header and the chunks of its picture.
fn frame(data: &[u8]) -> Result<Vec<u8>, MediaError> {
    let mut file = Cursor(data);
    let mut out = file.take(16)?.to_vec();
    while !file.is_empty() {
        let (name, data) = chunk(&mut file)?;
        if matches!(&name, b"VP8 " | b"VP8L" | b"ALPH") {
            write_chunk(&mut out, name, data);
        }
    }
    Ok(out)
}

fn chunk<'a>(file: &mut Cursor<'a>) -> Result<([u8; 4], &'a [u8]), MediaError> {
    let name = file.array()?;
    let length = u32::from_le_bytes(file.array()?) as usize;
    let data = file.take(length)?;
    // The last chunk's padding is often forgotten.
    if length % 2 == 1 && !file.is_empty() {
        file.take(1)?;
    }
    Ok((name, data))
}

fn write_chunk(out: &mut Vec<u8>, name: [u8; 4], data: &[u8]) {
    out.extend(name);
    out.extend((data.len() as u32).to_le_bytes());
    out.extend(data);
    if data.len() % 2 == 1 {
        out.push(0);
    }
}
