//! Turns an uploaded or fetched picture into files that are safe to serve, with thumbnail, blurhash and sizes.
//!
//! The file is recognised by its bytes, rewritten without metadata, measured before it is decoded,
//! then decoded whole: only what proved to be a picture comes out. It is re-encoded only where the
//! pixels must change (orientation, wide colour, size). Everything here is synchronous and may take a second.

use super::{
    MediaError,
    sniff::{Format, Kind, sniff},
    strip::{Stripped, strip},
};
use bytes::Bytes;
use image::{
    AnimationDecoder, DynamicImage, Frames, ImageDecoder, ImageError, ImageFormat, ImageReader,
    codecs::{
        gif::GifDecoder,
        jpeg::JpegEncoder,
        png::{CompressionType, FilterType, PngDecoder, PngEncoder},
        webp::WebPDecoder,
    },
    imageops,
    metadata::{Cicp, Orientation},
};
use serde::{Deserialize, Serialize};
use std::io::Cursor;

/// Quality of re-encoded JPEG, of 100: no visible loss at ordinary viewing sizes.
const JPEG_QUALITY: u8 = 88;
/// Pixels of the largest picture kept as it is: 3840 x 2160, like Mastodon's `original`.
const ORIGINAL_AREA: u64 = 3840 * 2160;
/// Pixels of a thumbnail: 640 x 360, like Mastodon's `small`.
const SMALL_AREA: u64 = 640 * 360;
/// Longest side of the picture a blurhash is computed from; it has 4 x 3 components at most.
const BLURHASH_SIDE: u32 = 32;
/// Pixels of an avatar, which is square.
const AVATAR: (u32, u32) = (400, 400);
/// Pixels of a profile header.
const HEADER: (u32, u32) = (1500, 500);

/// What is refused before any pixel is decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file.
    pub max_bytes: usize,
    /// Pixels of one frame.
    pub max_pixels: u64,
    /// Pixels of the longer side.
    pub max_side: u32,
    /// Frames of an animation.
    pub max_frames: u32,
    /// Pixels of all frames of an animation together.
    pub max_animation_pixels: u64,
    /// Bytes a decoder may allocate.
    pub max_alloc: u64,
}

impl Default for Limits {
    /// 16 MiB, 33 megapixels, 1,000 frames with 300 megapixels together.
    fn default() -> Self {
        Limits {
            max_bytes: 16 << 20,
            max_pixels: 33_177_600,
            max_side: 16_384,
            max_frames: 1_000,
            max_animation_pixels: 300_000_000,
            max_alloc: 320 << 20,
        }
    }
}

/// One file ready to be stored and served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendition {
    /// The file.
    pub bytes: Bytes,
    /// Its format, and so its media type and extension.
    pub format: Format,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

/// An image attachment.
#[derive(Debug, Clone, PartialEq)]
pub struct Processed {
    /// The picture, upright, without metadata, at most 8.3 megapixels unless animated.
    pub original: Rendition,
    /// Its still thumbnail: JPEG, or PNG where something is transparent.
    pub small: Rendition,
    /// See <https://blurha.sh>.
    pub blurhash: String,
    /// It has more than one frame.
    pub animated: bool,
    /// Sizes, in the shape the client API wants.
    pub meta: Meta,
}

/// An avatar or a profile header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileImage {
    /// The picture; an animation keeps its size and frames.
    pub shown: Rendition,
    /// The first frame of an animation; `None` for a picture that stands still anyway.
    pub still: Option<Rendition>,
}

/// `MediaAttachment.meta` of an image (Mastodon documentation, entities/MediaAttachment).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// The author's focal point, when one was set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focus: Option<Focus>,
    /// The file at `url`.
    pub original: Size,
    /// The file at `preview_url`.
    pub small: Size,
}

/// The point a cropped preview must show: from -1 (left, bottom) to 1 (right, top).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Focus {
    /// Horizontally.
    pub x: f64,
    /// Vertically.
    pub y: f64,
}

/// The size of one file, in `MediaAttachment.meta`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Size {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// `{width}x{height}`.
    pub size: String,
    /// Width divided by height.
    pub aspect: f64,
}

impl Size {
    fn of(file: &Rendition) -> Self {
        Size {
            width: file.width,
            height: file.height,
            size: format!("{}x{}", file.width, file.height),
            aspect: f64::from(file.width) / f64::from(file.height),
        }
    }
}

/// Prepares an image attachment.
///
/// # Errors
/// [`MediaError::Unsupported`] for other known formats, [`MediaError::NotAnImage`] for everything
/// else that is none, [`MediaError::TooLarge`] and [`MediaError::TooManyPixels`] beyond `limits`,
/// [`MediaError::Damaged`] when it cannot be read to its end.
pub fn process(input: &[u8], limits: &Limits) -> Result<Processed, MediaError> {
    let source = Source::read(input, limits)?;
    let small = encode(
        &resize(&source.picture, fit_area(&source.picture, SMALL_AREA)),
        None,
    )?;
    let blurhash = blurhash(&source.picture)?;
    let animated = source.animated;
    let original = source.into_original()?;
    let meta = Meta {
        focus: None,
        original: Size::of(&original),
        small: Size::of(&small),
    };
    Ok(Processed {
        original,
        small,
        blurhash,
        animated,
        meta,
    })
}

/// Frames of a picture, counted in its container; it may still prove to be damaged.
///
/// # Errors
/// [`MediaError::NotAnImage`], [`MediaError::Unsupported`] and [`MediaError::Damaged`].
pub fn frames(input: &[u8]) -> Result<u32, MediaError> {
    let format = sniff(input).ok_or(MediaError::NotAnImage)?;
    Ok(strip(format, input)?.frames)
}

/// Prepares an avatar: cropped to a square in the middle, at most 400 x 400.
///
/// # Errors
/// Those of [`process`].
pub fn avatar(input: &[u8], limits: &Limits) -> Result<ProfileImage, MediaError> {
    profile_image(input, limits, AVATAR)
}

/// Prepares a profile header: cropped to 3:1 in the middle, at most 1500 x 500.
///
/// # Errors
/// Those of [`process`].
pub fn header(input: &[u8], limits: &Limits) -> Result<ProfileImage, MediaError> {
    profile_image(input, limits, HEADER)
}

fn profile_image(
    input: &[u8],
    limits: &Limits,
    target: (u32, u32),
) -> Result<ProfileImage, MediaError> {
    let source = Source::read(input, limits)?;
    let cropped = resize(&crop_to_shape(&source.picture, target), target);
    if !source.animated {
        return Ok(ProfileImage {
            shown: encode(&cropped, Some(source.format))?,
            still: None,
        });
    }
    let still = encode(&cropped, Some(Format::Png))?;
    Ok(ProfileImage {
        shown: source.into_original()?,
        still: Some(still),
    })
}

/// A picture that was read completely.
struct Source {
    format: Format,
    stripped: Stripped,
    /// The picture, or the first frame, upright and in sRGB, with 8 bits a channel.
    picture: DynamicImage,
    /// `picture` shows other pixels than `stripped` holds.
    changed: bool,
    animated: bool,
}

impl Source {
    fn read(input: &[u8], limits: &Limits) -> Result<Self, MediaError> {
        if input.len() > limits.max_bytes {
            return Err(MediaError::TooLarge {
                bytes: input.len(),
                max: limits.max_bytes,
            });
        }
        let format = sniff(input).ok_or(MediaError::NotAnImage)?;
        if format.kind() != Kind::Image {
            return Err(MediaError::Unsupported(format.mime()));
        }
        let stripped = strip(format, input)?;
        let animated = stripped.frames > 1;
        let decoded = if animated {
            decode_animation(format, &stripped, limits)?
        } else {
            decode_still(format, &stripped, limits)?
        };
        let mut picture = eight_bits(decoded);
        let mut changed = false;
        // An animation's frames would all have to be turned: none in the wild asks for it.
        if !animated {
            if stripped.orientation != Orientation::NoTransforms {
                picture.apply_orientation(stripped.orientation);
                changed = true;
            }
            if stripped.display_p3 {
                picture
                    .set_color_space(Cicp::DISPLAY_P3)
                    .and_then(|()| picture.apply_color_space(Cicp::SRGB, Default::default()))
                    .map_err(refusal)?;
                changed = true;
            }
        }
        Ok(Source {
            format,
            stripped,
            picture,
            changed,
            animated,
        })
    }

    /// The file to keep: as it came where that is possible.
    fn into_original(self) -> Result<Rendition, MediaError> {
        let (width, height) = (self.picture.width(), self.picture.height());
        let size = fit_area(&self.picture, ORIGINAL_AREA);
        if self.animated || (!self.changed && size == (width, height)) {
            return Ok(Rendition {
                bytes: self.stripped.bytes.into(),
                format: self.format,
                width,
                height,
            });
        }
        encode(&resize(&self.picture, size), Some(self.format))
    }
}

fn image_format(format: Format) -> Result<ImageFormat, MediaError> {
    match format {
        Format::Jpeg => Ok(ImageFormat::Jpeg),
        Format::Png => Ok(ImageFormat::Png),
        Format::Gif => Ok(ImageFormat::Gif),
        Format::Webp => Ok(ImageFormat::WebP),
        other => Err(MediaError::Unsupported(other.mime())),
    }
}

fn decoder_limits(limits: &Limits) -> image::Limits {
    let mut decoder = image::Limits::default();
    decoder.max_image_width = Some(limits.max_side);
    decoder.max_image_height = Some(limits.max_side);
    decoder.max_alloc = Some(limits.max_alloc);
    decoder
}

/// Refuses a header that announces more than is allowed; returns its pixels.
fn check_size((width, height): (u32, u32), limits: &Limits) -> Result<u64, MediaError> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 {
        return Err(MediaError::damaged("it has no pixels"));
    }
    if pixels > limits.max_pixels || width.max(height) > limits.max_side {
        return Err(MediaError::TooManyPixels);
    }
    Ok(pixels)
}

fn decode_still(
    format: Format,
    stripped: &Stripped,
    limits: &Limits,
) -> Result<DynamicImage, MediaError> {
    let mut reader = ImageReader::with_format(Cursor::new(&stripped.bytes), image_format(format)?);
    reader.limits(decoder_limits(limits));
    // Reads the header only.
    let decoder = reader.into_decoder().map_err(refusal)?;
    let pixels = check_size(decoder.dimensions(), limits)?;
    if stripped.frame_pixels > pixels.max(limits.max_pixels) {
        return Err(MediaError::TooManyPixels);
    }
    DynamicImage::from_decoder(decoder).map_err(refusal)
}

/// Decodes every frame, so that the file is known to be sound, and keeps the first.
fn decode_animation(
    format: Format,
    stripped: &Stripped,
    limits: &Limits,
) -> Result<DynamicImage, MediaError> {
    let file = Cursor::new(&stripped.bytes);
    let allowed = decoder_limits(limits);
    let check = |size| {
        let pixels = check_size(size, limits)?;
        let all = (pixels * u64::from(stripped.frames)).max(stripped.frame_pixels);
        if stripped.frames > limits.max_frames || all > limits.max_animation_pixels {
            return Err(MediaError::TooManyPixels);
        }
        Ok(())
    };
    match format {
        Format::Gif => {
            let mut decoder = GifDecoder::new(file).map_err(refusal)?;
            check(decoder.dimensions())?;
            decoder.set_limits(allowed).map_err(refusal)?;
            first_of_all(decoder.into_frames())
        }
        Format::Webp => {
            let mut decoder = WebPDecoder::new(file).map_err(refusal)?;
            check(decoder.dimensions())?;
            decoder.set_limits(allowed).map_err(refusal)?;
            first_of_all(decoder.into_frames())
        }
        Format::Png => {
            let decoder = PngDecoder::with_limits(file, allowed).map_err(refusal)?;
            check(decoder.dimensions())?;
            first_of_all(decoder.apng().map_err(refusal)?.into_frames())
        }
        other => Err(MediaError::Unsupported(other.mime())),
    }
}

fn first_of_all(frames: Frames<'_>) -> Result<DynamicImage, MediaError> {
    let mut first = None;
    for frame in frames {
        let frame = frame.map_err(refusal)?;
        if first.is_none() {
            first = Some(frame.into_buffer());
        }
    }
    first
        .map(DynamicImage::ImageRgba8)
        .ok_or_else(|| MediaError::damaged("it has no frames"))
}

fn refusal(error: ImageError) -> MediaError {
    match error {
        ImageError::Limits(_) => MediaError::TooManyPixels,
        other => MediaError::Damaged(other.to_string()),
    }
}

/// Converts what encoders and browsers would convert anyway, and drops an alpha channel that says nothing.
fn eight_bits(picture: DynamicImage) -> DynamicImage {
    use DynamicImage as D;
    match picture {
        D::ImageLuma8(_) | D::ImageRgb8(_) => picture,
        D::ImageLuma16(_) => D::ImageLuma8(picture.into_luma8()),
        D::ImageLumaA8(pixels) if pixels.pixels().all(|pixel| pixel.0[1] == u8::MAX) => {
            D::ImageLuma8(D::ImageLumaA8(pixels).into_luma8())
        }
        D::ImageRgba8(pixels) if pixels.pixels().all(|pixel| pixel.0[3] == u8::MAX) => {
            D::ImageRgb8(D::ImageRgba8(pixels).into_rgb8())
        }
        _ if picture.color().has_alpha() => D::ImageRgba8(picture.into_rgba8()),
        _ => D::ImageRgb8(picture.into_rgb8()),
    }
}

/// The largest size of the same shape with at most `area` pixels; the picture's own when that is small enough.
fn fit_area(picture: &DynamicImage, area: u64) -> (u32, u32) {
    let (width, height) = (picture.width(), picture.height());
    let pixels = u64::from(width) * u64::from(height);
    if pixels <= area {
        return (width, height);
    }
    let scale = (area as f64 / pixels as f64).sqrt();
    let shrink = |side: u32| ((f64::from(side) * scale).floor() as u32).max(1);
    (shrink(width), shrink(height))
}

/// Shrinks to `size`; a picture that is smaller already stays as it is.
fn resize(picture: &DynamicImage, (width, height): (u32, u32)) -> DynamicImage {
    if picture.width() <= width && picture.height() <= height {
        return picture.clone();
    }
    // A box filter brings large pictures near at little cost; the last step decides how it looks.
    if picture.width() / width >= 3 && picture.height() / height >= 3 {
        let near = picture.thumbnail_exact(width * 2, height * 2);
        near.resize_exact(width, height, imageops::FilterType::CatmullRom)
    } else {
        picture.resize_exact(width, height, imageops::FilterType::CatmullRom)
    }
}

/// The largest middle part with the proportions of `target`.
fn crop_to_shape(picture: &DynamicImage, target: (u32, u32)) -> DynamicImage {
    let (width, height) = (u64::from(picture.width()), u64::from(picture.height()));
    let (across, down) = (u64::from(target.0), u64::from(target.1));
    let (w, h) = if width * down > height * across {
        ((height * across / down).max(1), height)
    } else {
        (width, (width * down / across).max(1))
    };
    let (x, y) = ((width - w) / 2, (height - h) / 2);
    // No value exceeds the picture's own sides.
    picture.crop_imm(x as u32, y as u32, w as u32, h as u32)
}

/// Encodes a picture: PNG where something is transparent, else JPEG, or PNG still when the source
/// was drawn rather than photographed (it is PNG or GIF, and does not grow much by staying so).
fn encode(picture: &DynamicImage, source: Option<Format>) -> Result<Rendition, MediaError> {
    let file = |bytes: Vec<u8>, format| Rendition {
        bytes: bytes.into(),
        format,
        width: picture.width(),
        height: picture.height(),
    };
    if picture.color().has_alpha() {
        return Ok(file(encode_png(picture)?, Format::Png));
    }
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, JPEG_QUALITY)
        .encode_image(picture)
        .map_err(refusal)?;
    if matches!(source, Some(Format::Png | Format::Gif)) {
        let png = encode_png(picture)?;
        if png.len() <= jpeg.len() * 2 {
            return Ok(file(png, Format::Png));
        }
    }
    Ok(file(jpeg, Format::Jpeg))
}

fn encode_png(picture: &DynamicImage) -> Result<Vec<u8>, MediaError> {
    let mut png = Vec::new();
    let encoder =
        PngEncoder::new_with_quality(&mut png, CompressionType::Default, FilterType::Adaptive);
    picture.write_with_encoder(encoder).map_err(refusal)?;
    Ok(png)
}

fn blurhash(picture: &DynamicImage) -> Result<String, MediaError> {
    let longest = picture.width().max(picture.height());
    let side = |side: u32| {
        let scaled = u64::from(side) * u64::from(BLURHASH_SIDE) / u64::from(longest);
        (scaled as u32).clamp(1, BLURHASH_SIDE.min(side))
    };
    let mut tiny = picture
        .thumbnail_exact(side(picture.width()), side(picture.height()))
        .into_rgba8();
    // A placeholder has no transparency: what shows through is taken for white paper.
    for pixel in tiny.pixels_mut() {
        let [r, g, b, a] = pixel.0.map(u32::from);
        let over = |channel: u32| ((channel * a + 255 * (255 - a)) / 255) as u8;
        pixel.0 = [over(r), over(g), over(b), u8::MAX];
    }
    blurhash::encode(4, 3, tiny.width(), tiny.height(), tiny.as_raw())
        .map_err(|error| MediaError::Damaged(error.to_string()))
}

#[cfg(test)]
mod tests;
