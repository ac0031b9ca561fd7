use super::*;
use image::{ExtendedColorType, Frame, ImageEncoder, Rgb, RgbImage, Rgba, RgbaImage};

/// Red on the left half, blue on the right; the top row is white.
fn scene(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| match (x, y) {
        (_, y) if y < height / 4 => Rgb([255, 255, 255]),
        (x, _) if x < width / 2 => Rgb([250, 10, 10]),
        _ => Rgb([10, 10, 250]),
    })
}

fn jpeg(width: u32, height: u32) -> Vec<u8> {
    let mut out = Vec::new();
    JpegEncoder::new_with_quality(&mut out, 95)
        .encode_image(&scene(width, height))
        .unwrap();
    out
}

fn png_of(picture: &DynamicImage) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    picture.write_to(&mut out, ImageFormat::Png).unwrap();
    out.into_inner()
}

fn png(width: u32, height: u32) -> Vec<u8> {
    png_of(&scene(width, height).into())
}

fn webp(width: u32, height: u32) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    scene(width, height)
        .write_to(&mut out, ImageFormat::WebP)
        .unwrap();
    out.into_inner()
}

fn gif(frames: usize) -> Vec<u8> {
    let mut out = Vec::new();
    {
        let mut encoder = image::codecs::gif::GifEncoder::new(&mut out);
        encoder
            .set_repeat(image::codecs::gif::Repeat::Infinite)
            .unwrap();
        for index in 0..frames {
            let shade = (index * 40) as u8;
            let frame = RgbaImage::from_pixel(30, 20, Rgba([200, shade, shade, 255]));
            encoder.encode_frame(Frame::new(frame)).unwrap();
        }
    }
    out
}

fn insert(into: &[u8], at: usize, what: &[u8]) -> Vec<u8> {
    [&into[..at], what, &into[at..]].concat()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

fn jpeg_segment(marker: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u16 + 2).to_be_bytes();
    [&[0xFF, marker], &length[..], body].concat()
}

/// A TIFF block with an orientation and a GPS directory that holds a marker text as map datum.
fn exif(orientation: u8) -> Vec<u8> {
    let mut tiff = b"Exif\0\0MM\0\x2A\0\0\0\x08\0\x02".to_vec();
    tiff.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0]);
    tiff.extend([0x88, 0x25, 0, 4, 0, 0, 0, 1, 0, 0, 0, 38, 0, 0, 0, 0]);
    tiff.extend([0, 1, 0, 0x12, 0, 2, 0, 0, 0, 12, 0, 0, 0, 56, 0, 0, 0, 0]);
    tiff.extend(b"GPS-52.5200N");
    tiff
}

/// A chunk with a right checksum, as PNG wants it.
fn png_chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let crc = [&name[..], body].concat().iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    });
    let length = (body.len() as u32).to_be_bytes();
    [&length[..], name, body, &(!crc).to_be_bytes()].concat()
}

fn riff_chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut chunk = [&name[..], &(body.len() as u32).to_le_bytes(), body].concat();
    if body.len() % 2 == 1 {
        chunk.push(0);
    }
    chunk
}

fn riff(chunks: &[Vec<u8>]) -> Vec<u8> {
    let body = [b"WEBP".to_vec(), chunks.concat()].concat();
    [b"RIFF", &(body.len() as u32).to_le_bytes()[..], &body].concat()
}

fn vp8x(flags: u8, width: u32, height: u32) -> Vec<u8> {
    let mut body = vec![flags, 0, 0, 0];
    body.extend(&(width - 1).to_le_bytes()[..3]);
    body.extend(&(height - 1).to_le_bytes()[..3]);
    riff_chunk(b"VP8X", &body)
}

fn run(input: &[u8]) -> Result<Processed, MediaError> {
    process(input, &Limits::default())
}

fn decode(file: &Rendition) -> RgbImage {
    let format = image_format(file.format).unwrap();
    let picture = image::load_from_memory_with_format(&file.bytes, format).unwrap();
    assert_eq!(
        (picture.width(), picture.height()),
        (file.width, file.height)
    );
    picture.into_rgb8()
}

#[test]
fn jpeg_loses_metadata_but_no_pixel() {
    let clean = jpeg(64, 48);
    let mut dirty = insert(&clean, 2, &jpeg_segment(0xE1, &exif(1)));
    dirty = insert(
        &dirty,
        2,
        &jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>"),
    );
    dirty = insert(
        &dirty,
        2,
        &jpeg_segment(0xE2, b"ICC_PROFILE\0\x01\x01some profile"),
    );
    dirty = insert(&dirty, 2, &jpeg_segment(0xED, b"Photoshop 3.0\0IPTC"));
    dirty = insert(&dirty, 2, &jpeg_segment(0xFE, b"a comment"));
    let done = run(&dirty).unwrap();
    for secret in [
        "GPS-52",
        "Exif",
        "xmpmeta",
        "ICC_PROFILE",
        "IPTC",
        "a comment",
    ] {
        assert!(contains(&dirty, secret.as_bytes()), "{secret}");
        assert!(
            !contains(&done.original.bytes, secret.as_bytes()),
            "{secret}"
        );
        assert!(!contains(&done.small.bytes, secret.as_bytes()), "{secret}");
    }
    assert_eq!(done.original.format, Format::Jpeg);
    let before = image::load_from_memory(&clean).unwrap().into_rgb8();
    assert_eq!(decode(&done.original), before);
}

#[test]
fn orientation_is_applied() {
    // 6: the camera was turned; the picture must be turned clockwise.
    let dirty = insert(&jpeg(64, 32), 2, &jpeg_segment(0xE1, &exif(6)));
    let done = run(&dirty).unwrap();
    assert_eq!((done.original.width, done.original.height), (32, 64));
    assert!(!contains(&done.original.bytes, b"Exif"));
    let upright = decode(&done.original);
    // Left (red) is now at the top, the white top row at the right.
    let (top, bottom, right) = (
        upright.get_pixel(8, 8),
        upright.get_pixel(8, 56),
        upright.get_pixel(29, 32),
    );
    assert!(top[0] > 200 && top[2] < 60, "{top:?}");
    assert!(bottom[2] > 200 && bottom[0] < 60, "{bottom:?}");
    assert!(right.0.iter().all(|channel| *channel > 200), "{right:?}");
}

#[test]
fn display_p3_becomes_srgb() {
    let picture = RgbImage::from_pixel(16, 16, Rgb([120, 200, 80]));
    let mut plain = Vec::new();
    JpegEncoder::new_with_quality(&mut plain, 100)
        .encode_image(&picture)
        .unwrap();
    let profile = b"ICC_PROFILE\0\x01\x01....mluc\0D\0i\0s\0p\0l\0a\0y\0 \0P\x003";
    let wide = insert(&plain, 2, &jpeg_segment(0xE2, profile));
    let pixel = *decode(&run(&wide).unwrap().original).get_pixel(8, 8);
    // P3's green is beyond sRGB's: less red and blue stand for the same colour.
    assert!(pixel[0] < 110 && pixel[1] >= 198, "{pixel:?}");
    let untouched = *decode(&run(&plain).unwrap().original).get_pixel(8, 8);
    assert!(untouched[0].abs_diff(120) < 4, "{untouched:?}");
}

#[test]
fn png_keeps_only_its_picture() {
    let mut dirty = insert(&png(40, 30), 33, &png_chunk(b"tEXt", b"Author\0someone"));
    dirty = insert(&dirty, 33, &png_chunk(b"gAMA", &45455u32.to_be_bytes()));
    dirty = insert(&dirty, 33, &png_chunk(b"eXIf", &exif(1)[6..]));
    dirty = insert(&dirty, 33, &png_chunk(b"zzZz", b"private"));
    let done = run(&dirty).unwrap();
    for secret in ["tEXt", "someone", "eXIf", "GPS-52", "zzZz"] {
        assert!(
            !contains(&done.original.bytes, secret.as_bytes()),
            "{secret}"
        );
    }
    assert!(contains(&done.original.bytes, b"gAMA"));
    assert_eq!(done.original.format, Format::Png);
    assert_eq!(decode(&done.original), scene(40, 30));
    assert_eq!(done.small.format, Format::Jpeg);
}

#[test]
fn png_orientation_is_applied() {
    let dirty = insert(&png(40, 20), 33, &png_chunk(b"eXIf", &exif(3)[6..]));
    let done = run(&dirty).unwrap();
    let mut turned = scene(40, 20);
    imageops::rotate180_in_place(&mut turned);
    assert_eq!(decode(&done.original), turned);
}

#[test]
fn webp_keeps_only_its_picture() {
    let plain = webp(40, 20);
    let picture = plain[12..].to_vec();
    let dirty = riff(&[
        vp8x(0x2C, 40, 20),
        riff_chunk(b"ICCP", b"profile"),
        picture.clone(),
        riff_chunk(b"EXIF", &exif(1)),
        riff_chunk(b"XMP ", b"<x:xmpmeta/>"),
    ]);
    let done = run(&dirty).unwrap();
    assert_eq!(
        done.original.bytes,
        riff(&[vp8x(0, 40, 20), picture.clone()])
    );
    assert_eq!(decode(&done.original), scene(40, 20));

    let turned = riff(&[vp8x(0x08, 40, 20), picture, riff_chunk(b"EXIF", &exif(6))]);
    let done = run(&turned).unwrap();
    assert_eq!((done.original.width, done.original.height), (20, 40));
    assert_eq!(done.original.format, Format::Jpeg);
}

#[test]
fn animated_webp_is_kept_animated() {
    let picture = webp(8, 8)[12..].to_vec();
    let mut frame = vec![0; 6];
    frame.extend([7, 0, 0, 7, 0, 0, 100, 0, 0, 0]);
    frame.extend(&picture);
    frame.extend(riff_chunk(b"JUNK", b"hidden"));
    let file = riff(&[
        vp8x(0x02, 8, 8),
        riff_chunk(b"ANIM", &[0, 0, 0, 0, 0, 0]),
        riff_chunk(b"ANMF", &frame),
        riff_chunk(b"ANMF", &frame),
    ]);
    let done = run(&file).unwrap();
    assert!(done.animated);
    assert_eq!(done.original.format, Format::Webp);
    assert!(!contains(&done.original.bytes, b"hidden"));
    let again = run(&done.original.bytes).unwrap();
    assert_eq!(again.original.bytes, done.original.bytes);
}

#[test]
fn animated_png_is_kept_animated() {
    let still = png(8, 8);
    let idat = still.windows(4).position(|name| name == b"IDAT").unwrap() - 4;
    let length = u32::from_be_bytes(still[idat..idat + 4].try_into().unwrap()) as usize;
    let data = &still[idat + 8..idat + 8 + length];
    let control = |sequence: u8| {
        let mut body = vec![0, 0, 0, sequence, 0, 0, 0, 8, 0, 0, 0, 8];
        body.extend([0; 8]);
        body.extend([0, 1, 0, 10, 0, 0]);
        png_chunk(b"fcTL", &body)
    };
    let file = [
        &still[..33],
        &png_chunk(b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]),
        &control(0),
        &png_chunk(b"IDAT", data),
        &control(1),
        &png_chunk(b"fdAT", &[&[0, 0, 0, 2], data].concat()),
        &png_chunk(b"tEXt", b"Author\0someone"),
        &png_chunk(b"IEND", b""),
    ]
    .concat();
    let done = run(&file).unwrap();
    assert!(done.animated);
    assert!(contains(&done.original.bytes, b"fdAT") && !contains(&done.original.bytes, b"tEXt"));
    // A frame that cannot be decoded condemns the file.
    let broken = [&file[..file.len() - 100], &file[file.len() - 12..]].concat();
    assert!(run(&broken).is_err());
}

#[test]
fn animated_gif_is_kept_animated_without_comments() {
    let clean = gif(3);
    let comment = b"\x21\xFE\x0Ea hidden tale.\0";
    let loops = clean
        .windows(2)
        .position(|window| window == [0x21, 0xFF])
        .unwrap();
    let mut dirty = insert(&clean, loops, comment);
    dirty = insert(&dirty, loops, b"\x21\xFF\x0BXMP DataXMP\x03abc\0");
    let done = run(&dirty).unwrap();
    assert!(done.animated);
    assert_eq!(done.original.format, Format::Gif);
    assert!(!contains(&done.original.bytes, b"hidden") && !contains(&done.original.bytes, b"XMP"));
    assert!(contains(&done.original.bytes, b"NETSCAPE2.0"));
    let frames = |file: &[u8]| {
        GifDecoder::new(Cursor::new(file.to_vec()))
            .unwrap()
            .into_frames()
            .collect_frames()
            .unwrap()
            .into_iter()
            .map(|frame| (frame.delay(), frame.into_buffer()))
            .collect::<Vec<_>>()
    };
    assert_eq!(frames(&done.original.bytes), frames(&clean));
    assert_eq!((done.small.width, done.small.height), (30, 20));
}

#[test]
fn frames_are_limited() {
    let limits = Limits {
        max_frames: 2,
        ..Limits::default()
    };
    assert_eq!(process(&gif(3), &limits), Err(MediaError::TooManyPixels));
    let limits = Limits {
        max_animation_pixels: 30 * 20 * 3 - 1,
        ..Limits::default()
    };
    assert_eq!(process(&gif(3), &limits), Err(MediaError::TooManyPixels));
    assert!(process(&gif(2), &limits).is_ok());
}

#[test]
fn pixel_bombs_are_refused_by_their_header() {
    let mut header = Vec::new();
    header.extend(60_000u32.to_be_bytes());
    header.extend(60_000u32.to_be_bytes());
    header.extend([8, 6, 0, 0, 0]);
    let bomb = [
        b"\x89PNG\r\n\x1A\n".to_vec(),
        png_chunk(b"IHDR", &header),
        png_chunk(b"IDAT", b"nothing to inflate"),
        png_chunk(b"IEND", b""),
    ]
    .concat();
    assert_eq!(run(&bomb), Err(MediaError::TooManyPixels));

    let mut bomb = jpeg(16, 16);
    let frame = bomb.windows(2).position(|it| it == [0xFF, 0xC0]).unwrap();
    bomb[frame + 5..frame + 9].copy_from_slice(&[0xFF, 0xFF, 0xFF, 0xFF]);
    assert_eq!(run(&bomb), Err(MediaError::TooManyPixels));

    let mut bomb = gif(1);
    bomb[6..10].copy_from_slice(&[0xFF, 0xFF, 0xFF, 0xFF]);
    assert_eq!(run(&bomb), Err(MediaError::TooManyPixels));

    let limits = Limits {
        max_pixels: 64 * 48 - 1,
        ..Limits::default()
    };
    assert_eq!(
        process(&jpeg(64, 48), &limits),
        Err(MediaError::TooManyPixels)
    );
    assert!(process(&jpeg(64, 47), &limits).is_ok());
}

#[test]
fn large_files_are_refused_unread() {
    let limits = Limits {
        max_bytes: 10,
        ..Limits::default()
    };
    assert_eq!(
        process(b"<html></html>", &limits),
        Err(MediaError::TooLarge { bytes: 13, max: 10 })
    );
}

#[test]
fn files_cut_off_anywhere_are_damaged_and_never_panic() {
    for whole in [jpeg(24, 16), png(24, 16), webp(24, 16), gif(2)] {
        assert!(run(&whole).is_ok());
        for end in 0..whole.len() - 1 {
            match run(&whole[..end]) {
                Err(MediaError::Damaged(_) | MediaError::NotAnImage) => {}
                // Cut between two frames, what is left is a whole GIF without its last byte.
                Ok(done) if done.original.format == Format::Gif => {
                    assert!(!done.animated && done.original.bytes.ends_with(b"\0;"));
                }
                other => panic!("{} of {} bytes: {other:?}", end, whole.len()),
            }
        }
    }
}

#[test]
fn flipped_bytes_never_panic() {
    for whole in [jpeg(24, 16), png(24, 16), webp(24, 16), gif(2)] {
        for at in 0..whole.len() {
            for mask in [0x01, 0x80, 0xFF] {
                let mut broken = whole.clone();
                broken[at] ^= mask;
                if let Ok(done) = run(&broken) {
                    // Whatever is accepted can be read again.
                    run(&done.original.bytes).unwrap();
                }
            }
        }
    }
}

#[test]
fn what_is_no_image_is_refused_whatever_it_is_called() {
    assert_eq!(
        run(b"<!doctype html><script>alert(1)</script>"),
        Err(MediaError::NotAnImage)
    );
    assert_eq!(
        run(b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        Err(MediaError::NotAnImage)
    );
    assert_eq!(run(b"PK\x03\x04zip"), Err(MediaError::NotAnImage));
    assert_eq!(run(b""), Err(MediaError::NotAnImage));
    assert_eq!(
        run(b"%PDF-1.7"),
        Err(MediaError::Unsupported("application/pdf"))
    );
    assert_eq!(
        run(b"\0\0\0\x1Cftypavif\0\0\0\0avifmif1miaf"),
        Err(MediaError::Unsupported("image/avif"))
    );
    let lies = [
        b"\x89PNG\r\n\x1A\n".as_slice(),
        b"<script>alert(1)</script>",
    ]
    .concat();
    assert!(matches!(run(&lies), Err(MediaError::Damaged(_))));
    let lies = b"GIF89a<script>alert(1)</script>;";
    assert!(run(lies).is_err());
}

#[test]
fn polyglots_lose_their_tail() {
    let tails: [&[u8]; 2] = [b"PK\x03\x04evil.zip", b"<script>evil()</script>"];
    for whole in [jpeg(24, 16), png(24, 16), webp(24, 16), gif(1)] {
        let clean = run(&whole).unwrap();
        for tail in tails {
            let done = run(&[&whole, tail].concat()).unwrap();
            assert!(!contains(&done.original.bytes, b"evil"));
            assert_eq!(done, clean);
        }
    }
}

#[test]
fn sizes_follow_mastodon() {
    let done = run(&jpeg(1600, 900)).unwrap();
    assert_eq!((done.original.width, done.original.height), (1600, 900));
    assert_eq!((done.small.width, done.small.height), (640, 360));
    let meta = serde_json::to_value(&done.meta).unwrap();
    let aspect = 1600.0 / 900.0;
    assert_eq!(
        meta,
        serde_json::json!({
            "original": {"width": 1600, "height": 900, "size": "1600x900", "aspect": aspect},
            "small": {"width": 640, "height": 360, "size": "640x360", "aspect": aspect},
        })
    );
    // 4 x 3 components: 1 size flag + 1 maximum + 4 average + 2 for each of the 11 others.
    assert_eq!(done.blurhash.len(), 28);

    let large = run(&jpeg(4800, 2700)).unwrap();
    assert_eq!((large.original.width, large.original.height), (3840, 2160));
}

#[test]
fn one_pixel_is_an_image() {
    for file in [jpeg(1, 1), png(1, 1), webp(1, 1)] {
        let done = run(&file).unwrap();
        assert_eq!((done.small.width, done.small.height), (1, 1));
        assert_eq!(done.blurhash.len(), 28);
        avatar(&file, &Limits::default()).unwrap();
        header(&file, &Limits::default()).unwrap();
    }
    let thin = run(&png(9000, 1)).unwrap();
    assert_eq!((thin.small.width, thin.small.height), (9000, 1));
}

#[test]
fn transparency_survives() {
    let mut picture = RgbaImage::from_pixel(1000, 1000, Rgba([0, 128, 0, 255]));
    let opaque = png_of(&picture.clone().into());
    assert_eq!(run(&opaque).unwrap().small.format, Format::Jpeg);
    for pixel in picture.pixels_mut().take(500_000) {
        pixel[3] = 0;
    }
    let done = run(&png_of(&picture.into())).unwrap();
    assert_eq!(done.small.format, Format::Png);
    let small = image::load_from_memory(&done.small.bytes)
        .unwrap()
        .into_rgba8();
    assert_eq!(
        (small.get_pixel(5, 5)[3], small.get_pixel(5, 400)[3]),
        (0, 255)
    );
}

#[test]
fn sixteen_bits_and_grey_are_read() {
    let mut out = Vec::new();
    PngEncoder::new(&mut out)
        .write_image(&[0x80; 6 * 4 * 8], 6, 4, ExtendedColorType::Rgba16)
        .unwrap();
    let done = run(&out).unwrap();
    assert_eq!(
        (done.original.format, done.small.format),
        (Format::Png, Format::Png)
    );
    let grey = png_of(&DynamicImage::ImageLuma8(image::GrayImage::new(10, 10)));
    assert_eq!(run(&grey).unwrap().small.format, Format::Jpeg);
}

#[test]
fn avatars_and_headers_are_cropped_and_never_grow() {
    let limits = Limits::default();
    let shape = |image: &ProfileImage| (image.shown.width, image.shown.height);
    let done = avatar(&jpeg(1200, 600), &limits).unwrap();
    assert_eq!((shape(&done), done.still.is_none()), ((400, 400), true));
    // The middle: red left, blue right.
    let picture = decode(&done.shown);
    assert!(picture.get_pixel(100, 300)[0] > 200 && picture.get_pixel(300, 300)[2] > 200);
    assert_eq!(shape(&avatar(&png(50, 80), &limits).unwrap()), (50, 50));
    assert_eq!(
        shape(&header(&jpeg(3000, 2000), &limits).unwrap()),
        (1500, 500)
    );
    assert_eq!(shape(&header(&png(300, 300), &limits).unwrap()), (300, 100));
}

#[test]
fn animated_avatars_have_a_still() {
    let done = avatar(&gif(3), &Limits::default()).unwrap();
    assert_eq!((done.shown.format, done.shown.width), (Format::Gif, 30));
    let still = done.still.unwrap();
    assert_eq!(
        (still.format, still.width, still.height),
        (Format::Png, 20, 20)
    );
}
