//! JPEG (ITU-T T.81 annex B).

use super::{Cursor, MediaError, Stripped};

/// A progressive picture has about ten scans; thousands of tiny ones make decoding take minutes.
const MAX_SCANS: u32 = 100;

const SOI: u8 = 0xD8;
const EOI: u8 = 0xD9;
const SOS: u8 = 0xDA;
const APP0: u8 = 0xE0;
const APP1: u8 = 0xE1;
const APP2: u8 = 0xE2;
const APP14: u8 = 0xEE;

pub(super) fn strip(input: &[u8]) -> Result<Stripped, MediaError> {
    let mut file = Cursor(input);
    file.take(2)?;
    let mut out = Vec::with_capacity(input.len());
    out.extend([0xFF, SOI]);
    let mut found = Stripped::new(Vec::new());
    let (mut exif, mut scans) = (None, 0);
    loop {
        match next_marker(&mut file)? {
            EOI => break,
            // Stand-alone markers without a meaning here.
            SOI | 0x01 | 0xD0..=0xD7 => {}
            marker => {
                let length = usize::from(u16::from_be_bytes(file.array()?));
                let body = file.take(
                    length
                        .checked_sub(2)
                        .ok_or_else(|| MediaError::damaged("a segment has no length"))?,
                )?;
                match marker {
                    // Without the embedded thumbnail: identifier, version, units, densities, 0 x 0.
                    APP0 if body.starts_with(b"JFIF\0") && body.len() >= 14 => {
                        segment(&mut out, marker, &[&body[..12], &[0, 0]].concat());
                    }
                    // Says whether the components are YCbCr, RGB, CMYK or YCCK.
                    APP14 if body.starts_with(b"Adobe") && body.len() >= 12 => {
                        segment(&mut out, marker, &body[..12]);
                    }
                    APP1 if body.starts_with(b"Exif\0\0") => exif = exif.or(Some(body)),
                    APP2 if body.starts_with(b"ICC_PROFILE\0\x01") => found.read_icc(body),
                    // Frame headers, tables, restart interval, number of lines.
                    0xC0..=0xCF | 0xDB..=0xDD => segment(&mut out, marker, body),
                    SOS => {
                        scans += 1;
                        if scans > MAX_SCANS {
                            return Err(MediaError::damaged("it has too many scans"));
                        }
                        segment(&mut out, marker, body);
                        out.extend(entropy_coded(&mut file)?);
                    }
                    // Other applications' segments, comments, extensions.
                    _ => {}
                }
            }
        }
    }
    out.extend([0xFF, EOI]);
    if let Some(block) = exif {
        found.read_exif(block);
    }
    found.bytes = out;
    Ok(found)
}

/// The next marker's code. Stray bytes before it are skipped, as every decoder does.
fn next_marker(file: &mut Cursor<'_>) -> Result<u8, MediaError> {
    loop {
        while file.byte()? != 0xFF {}
        let mut code = file.byte()?;
        while code == 0xFF {
            code = file.byte()?;
        }
        if code != 0 {
            return Ok(code);
        }
    }
}

fn segment(out: &mut Vec<u8>, marker: u8, body: &[u8]) {
    out.extend([0xFF, marker]);
    // The body came out of a segment, or is shorter than one: its length fits.
    out.extend((body.len() as u16 + 2).to_be_bytes());
    out.extend(body);
}

/// The scan's data: up to the next marker that is neither a stuffed zero nor a restart.
fn entropy_coded<'a>(file: &mut Cursor<'a>) -> Result<&'a [u8], MediaError> {
    let mut end = 0;
    loop {
        let rest = file.0.get(end..).unwrap_or_default();
        let Some(at) = rest.iter().position(|byte| *byte == 0xFF) else {
            return Err(MediaError::damaged("it is cut off"));
        };
        end += at;
        match file.0.get(end + 1) {
            Some(0x00 | 0xD0..=0xD7) => end += 2,
            Some(0xFF) => end += 1,
            _ => return file.take(end),
        }
    }
}
