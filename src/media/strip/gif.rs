//! GIF (CompuServe GIF89a specification).

use super::{Cursor, MediaError, Stripped};

const EXTENSION: u8 = 0x21;
const IMAGE: u8 = 0x2C;
const TRAILER: u8 = 0x3B;

pub(super) fn strip(input: &[u8]) -> Result<Stripped, MediaError> {
    let mut file = Cursor(input);
    let mut out = Vec::with_capacity(input.len());
    // Loops and transparency need the later version, whatever the file calls itself.
    file.take(6)?;
    out.extend(b"GIF89a");
    let screen: [u8; 7] = file.array()?;
    out.extend(screen);
    out.extend(file.take(color_table_size(screen[4]))?);

    let mut found = Stripped::new(Vec::new());
    found.frames = 0;
    // Belongs to the picture (or text) that follows it, and goes with it.
    let mut graphic_control: Option<[u8; 4]> = None;
    while !file.is_empty() {
        match file.byte()? {
            EXTENSION => match file.byte()? {
                0xF9 => {
                    let block = sub_blocks(&mut file)?;
                    graphic_control = match block.get(..6) {
                        Some(&[4, a, b, c, d, 0]) => Some([a, b, c, d]),
                        _ => None,
                    };
                }
                0xFF => {
                    let block = sub_blocks(&mut file)?;
                    if let Some(count) = loop_count(block) {
                        out.extend([EXTENSION, 0xFF, 11]);
                        out.extend(b"NETSCAPE2.0");
                        out.extend([3, 1, count[0], count[1], 0]);
                    }
                }
                0x01 => {
                    sub_blocks(&mut file)?;
                    graphic_control = None;
                }
                // Comments and whatever else.
                _ => {
                    sub_blocks(&mut file)?;
                }
            },
            IMAGE => {
                if let Some(control) = graphic_control.take() {
                    out.extend([EXTENSION, 0xF9, 4]);
                    out.extend(control);
                    out.push(0);
                }
                let descriptor: [u8; 9] = file.array()?;
                out.push(IMAGE);
                out.extend(descriptor);
                out.extend(file.take(color_table_size(descriptor[8]))?);
                out.push(file.byte()?); // LZW minimum code size
                out.extend(sub_blocks(&mut file)?);
                let width = u16::from_le_bytes([descriptor[4], descriptor[5]]);
                let height = u16::from_le_bytes([descriptor[6], descriptor[7]]);
                found.frame_pixels += u64::from(width) * u64::from(height);
                found.frames += 1;
            }
            TRAILER => break,
            // Padding after the last picture is common, and viewers stop there.
            _ if found.frames > 0 => break,
            _ => return Err(MediaError::damaged("it has an unknown block")),
        }
    }
    if found.frames == 0 {
        return Err(MediaError::damaged("it has no picture"));
    }
    out.push(TRAILER);
    found.bytes = out;
    Ok(found)
}

/// Bytes of the colour table that a packed field announces.
fn color_table_size(packed: u8) -> usize {
    if packed & 0x80 == 0 {
        0
    } else {
        3 << ((packed & 7) + 1)
    }
}

/// A run of data sub-blocks, with their lengths and the empty one that ends it.
fn sub_blocks<'a>(file: &mut Cursor<'a>) -> Result<&'a [u8], MediaError> {
    let start = file.0;
    loop {
        let length = usize::from(file.byte()?);
        file.take(length)?;
        if length == 0 {
            return Ok(&start[..start.len() - file.0.len()]);
        }
    }
}

/// The loop count of the application extension that animations use; `None` for any other.
fn loop_count(block: &[u8]) -> Option<[u8; 2]> {
    let data = block
        .strip_prefix(b"\x0BNETSCAPE2.0")
        .or_else(|| block.strip_prefix(b"\x0BANIMEXTS1.0"))?;
    match data {
        [3, 1, low, high, ..] => Some([*low, *high]),
        _ => None,
    }
}
