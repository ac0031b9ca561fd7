//! Rewrites an image file at container level: what the picture needs is copied, everything else
//! (EXIF, GPS, XMP, ICC, comments, thumbnails, unknown chunks, bytes after the end) is left behind.
//! Pixels are untouched, so nothing is lost and it costs little.
//!
//! Being well-formed here proves nothing about the pixels: callers decode the *result*.

mod gif;
mod jpeg;
mod png;
mod webp;

use super::{MediaError, sniff::Format};
use image::metadata::Orientation;

/// A file that holds its picture and nothing else.
#[derive(Debug)]
pub(super) struct Stripped {
    /// The rewritten file.
    pub bytes: Vec<u8>,
    /// How the picture must be turned to stand upright: what the removed EXIF said.
    pub orientation: Orientation,
    /// The removed colour profile was Display P3, not sRGB.
    pub display_p3: bool,
    /// Frames; 1 for a still picture.
    pub frames: u32,
    /// Pixels of all frames together, as the frame headers declare them (GIF only, else 0):
    /// a GIF frame may be larger than its canvas.
    pub frame_pixels: u64,
}

impl Stripped {
    fn new(bytes: Vec<u8>) -> Self {
        Stripped {
            bytes,
            orientation: Orientation::NoTransforms,
            display_p3: false,
            frames: 1,
            frame_pixels: 0,
        }
    }

    /// Takes the orientation from an EXIF block, with or without JPEG's `Exif\0\0` before it.
    fn read_exif(&mut self, block: &[u8]) {
        let tiff = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
        if let Some(orientation) = Orientation::from_exif_chunk(tiff) {
            self.orientation = orientation;
        }
    }

    /// Recognises Display P3, what phone cameras write, by the profile's own description.
    fn read_icc(&mut self, profile: &[u8]) {
        let name = b"Display P3";
        let wide: Vec<u8> = name.iter().flat_map(|byte| [0, *byte]).collect();
        // Descriptions stand in the first kilobytes, before any lookup table.
        let head = &profile[..profile.len().min(4096)];
        self.display_p3 = head.windows(name.len()).any(|window| window == name)
            || head.windows(wide.len()).any(|window| window == wide);
    }
}

/// Rewrites `input`, whose first bytes say that it is of `format`.
pub(super) fn strip(format: Format, input: &[u8]) -> Result<Stripped, MediaError> {
    match format {
        Format::Jpeg => jpeg::strip(input),
        Format::Png => png::strip(input),
        Format::Gif => gif::strip(input),
        Format::Webp => webp::strip(input),
        other => Err(MediaError::Unsupported(other.mime())),
    }
}

/// Reads a file front to back; running out of bytes means that the file was cut off.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], MediaError> {
        let (taken, rest) = self
            .0
            .split_at_checked(count)
            .ok_or_else(|| MediaError::damaged("it is cut off"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], MediaError> {
        let (taken, rest) = self
            .0
            .split_first_chunk::<N>()
            .ok_or_else(|| MediaError::damaged("it is cut off"))?;
        self.0 = rest;
        Ok(*taken)
    }

    fn byte(&mut self) -> Result<u8, MediaError> {
        Ok(self.array::<1>()?[0])
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
