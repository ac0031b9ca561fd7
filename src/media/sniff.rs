//! What a file is, by its first bytes. Names and declared types are the sender's claims and are ignored.

/// A recognised file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// JPEG.
    Jpeg,
    /// PNG, animated or not.
    Png,
    /// WebP, animated or not.
    Webp,
    /// GIF, animated or not.
    Gif,
    /// AVIF.
    Avif,
    /// HEIC and HEIF.
    Heic,
    /// MPEG-4.
    Mp4,
    /// QuickTime.
    Mov,
    /// WebM.
    Webm,
    /// Matroska that is not WebM.
    Matroska,
    /// Ogg (Vorbis, Opus, FLAC or Theora inside).
    Ogg,
    /// MPEG audio layer III.
    Mp3,
    /// FLAC.
    Flac,
    /// WAVE.
    Wav,
    /// MPEG-4 audio.
    M4a,
    /// PDF.
    Pdf,
    /// ZIP, and what office programs put into one.
    Zip,
    /// Plain text.
    Text,
    /// Anything else.
    Binary,
}

/// What a format is for, in the words of Mastodon's `MediaAttachment.type`, and documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Still or animated picture.
    Image,
    /// Moving picture with or without sound.
    Video,
    /// Sound.
    Audio,
    /// Something to read, for chats only.
    Document,
}

const ALL: &[Format] = &[
    Format::Jpeg,
    Format::Png,
    Format::Webp,
    Format::Gif,
    Format::Avif,
    Format::Heic,
    Format::Mp4,
    Format::Mov,
    Format::Webm,
    Format::Matroska,
    Format::Ogg,
    Format::Mp3,
    Format::Flac,
    Format::Wav,
    Format::M4a,
    Format::Pdf,
    Format::Zip,
    Format::Text,
    Format::Binary,
];

impl Format {
    /// The media type (RFC 6838) to store and serve the file under.
    pub fn mime(self) -> &'static str {
        match self {
            Format::Jpeg => "image/jpeg",
            Format::Png => "image/png",
            Format::Webp => "image/webp",
            Format::Gif => "image/gif",
            Format::Avif => "image/avif",
            Format::Heic => "image/heic",
            Format::Mp4 => "video/mp4",
            Format::Mov => "video/quicktime",
            Format::Webm => "video/webm",
            Format::Matroska => "video/x-matroska",
            Format::Ogg => "audio/ogg",
            Format::Mp3 => "audio/mpeg",
            Format::Flac => "audio/flac",
            Format::Wav => "audio/wav",
            Format::M4a => "audio/mp4",
            Format::Pdf => "application/pdf",
            Format::Zip => "application/zip",
            Format::Text => "text/plain; charset=utf-8",
            Format::Binary => "application/octet-stream",
        }
    }

    /// The usual file name extension, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Jpeg => "jpg",
            Format::Png => "png",
            Format::Webp => "webp",
            Format::Gif => "gif",
            Format::Avif => "avif",
            Format::Heic => "heic",
            Format::Mp4 => "mp4",
            Format::Mov => "mov",
            Format::Webm => "webm",
            Format::Matroska => "mkv",
            Format::Ogg => "ogg",
            Format::Mp3 => "mp3",
            Format::Flac => "flac",
            Format::Wav => "wav",
            Format::M4a => "m4a",
            Format::Pdf => "pdf",
            Format::Zip => "zip",
            Format::Text => "txt",
            Format::Binary => "bin",
        }
    }

    /// The format of a file that [`Format::extension`] named.
    pub fn from_extension(extension: &str) -> Option<Format> {
        ALL.iter()
            .copied()
            .find(|format| format.extension() == extension)
    }

    /// The format of a file whose name ends in [`Format::extension`].
    pub fn of_name(name: &str) -> Option<Format> {
        Format::from_extension(name.rsplit_once('.')?.1)
    }

    /// What the format is for.
    pub fn kind(self) -> Kind {
        match self {
            Format::Jpeg
            | Format::Png
            | Format::Webp
            | Format::Gif
            | Format::Avif
            | Format::Heic => Kind::Image,
            Format::Mp4 | Format::Mov | Format::Webm | Format::Matroska => Kind::Video,
            Format::Ogg | Format::Mp3 | Format::Flac | Format::Wav | Format::M4a => Kind::Audio,
            Format::Pdf | Format::Zip | Format::Text | Format::Binary => Kind::Document,
        }
    }
}

/// Recognises a file by its first bytes (64 are enough). `None` is anything else: text, HTML, SVG, archives.
pub fn sniff(bytes: &[u8]) -> Option<Format> {
    let at = |offset: usize, magic: &[u8]| {
        bytes
            .get(offset..)
            .is_some_and(|rest| rest.starts_with(magic))
    };
    if at(0, b"\xFF\xD8\xFF") {
        Some(Format::Jpeg)
    } else if at(0, b"\x89PNG\r\n\x1A\n") {
        Some(Format::Png)
    } else if at(0, b"GIF87a") || at(0, b"GIF89a") {
        Some(Format::Gif)
    } else if at(0, b"RIFF") && at(8, b"WEBP") {
        Some(Format::Webp)
    } else if at(0, b"RIFF") && at(8, b"WAVE") {
        Some(Format::Wav)
    } else if at(4, b"ftyp") {
        iso_media(bytes)
    } else if at(4, b"moov") || at(4, b"mdat") || at(4, b"wide") {
        // QuickTime files older than the `ftyp` box.
        Some(Format::Mov)
    } else if at(0, b"\x1A\x45\xDF\xA3") {
        let head = &bytes[..bytes.len().min(64)];
        let webm = head.windows(4).any(|window| window == b"webm");
        Some(if webm { Format::Webm } else { Format::Matroska })
    } else if at(0, b"OggS") {
        Some(Format::Ogg)
    } else if at(0, b"fLaC") {
        Some(Format::Flac)
    } else if at(0, b"ID3") || mpeg_audio_frame(bytes) {
        Some(Format::Mp3)
    } else if at(0, b"%PDF-") {
        Some(Format::Pdf)
    } else {
        None
    }
}

/// What a document is, of any file that [`sniff`] knows for nothing else, by its first bytes. Text
/// that could be taken for markup is no text.
pub fn document(head: &[u8]) -> Format {
    if head.starts_with(b"PK\x03\x04") {
        return Format::Zip;
    }
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The last character may be cut off.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return Format::Binary,
    };
    let plain = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    let markup = text
        .trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
        .starts_with('<');
    if text.chars().all(plain) && !markup && !text.is_empty() {
        Format::Text
    } else {
        Format::Binary
    }
}

/// Whether a file is a document at first sight: nobody needs to say so.
pub fn is_document(head: &[u8]) -> bool {
    head.starts_with(b"%PDF-")
        || head.starts_with(b"PK\x03\x04")
        || head.starts_with(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1")
}

/// The formats that share ISO/IEC 14496-12's box structure, told apart by their brands.
fn iso_media(bytes: &[u8]) -> Option<Format> {
    let length = u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
    let ftyp = &bytes[..bytes.len().min(length.clamp(12, 64))];
    // The major brand, then (after the minor version) the compatible ones.
    let brands =
        std::iter::once(ftyp.get(8..12)?).chain(ftyp.get(16..).unwrap_or_default().chunks_exact(4));
    for brand in brands {
        match brand {
            b"avif" | b"avis" => return Some(Format::Avif),
            b"heic" | b"heix" | b"hevc" | b"heim" | b"heis" | b"mif1" | b"msf1" => {
                // AVIF also lists `mif1`; its own brand, wherever it stands, decides.
                let avif = ftyp
                    .chunks_exact(4)
                    .any(|brand| matches!(brand, b"avif" | b"avis"));
                return Some(if avif { Format::Avif } else { Format::Heic });
            }
            b"qt  " => return Some(Format::Mov),
            b"M4A " | b"M4B " => return Some(Format::M4a),
            _ => {}
        }
    }
    Some(Format::Mp4)
}

/// An MPEG audio frame header (ISO/IEC 11172-3 2.4.1.3) of layer III with legal bit rate and sampling rate.
fn mpeg_audio_frame(bytes: &[u8]) -> bool {
    let &[a, b, c, ..] = bytes else { return false };
    a == 0xFF
        && b & 0xE0 == 0xE0
        && b & 0x18 != 0x08
        && b & 0x06 == 0x02
        && c & 0xF0 != 0xF0
        && c & 0xF0 != 0x00
        && c & 0x0C != 0x0C
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_magic_bytes() {
        let cases: &[(&[u8], Format)] = &[
            (b"\xFF\xD8\xFF\xE0rest", Format::Jpeg),
            (b"\x89PNG\r\n\x1A\nrest", Format::Png),
            (b"GIF89arest", Format::Gif),
            (b"GIF87arest", Format::Gif),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Format::Webp),
            (b"RIFF\x10\0\0\0WAVEfmt ", Format::Wav),
            (b"\0\0\0\x18ftypmp42\0\0\0\0isommp42", Format::Mp4),
            (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", Format::Mov),
            (b"\0\0\0\x1Cftypavif\0\0\0\0avifmif1miaf", Format::Avif),
            (b"\0\0\0\x1Cftypmif1\0\0\0\0mif1avifmiaf", Format::Avif),
            (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", Format::Heic),
            (b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42", Format::M4a),
            (
                b"\x1A\x45\xDF\xA3\x9fB\x86\x81\x01B\x82\x84webm",
                Format::Webm,
            ),
            (
                b"\x1A\x45\xDF\xA3\x9fB\x86\x81\x01B\x82\x88matroska",
                Format::Matroska,
            ),
            (b"OggS\0\x02", Format::Ogg),
            (b"fLaC\0\0\0\x22", Format::Flac),
            (b"ID3\x04\0\0", Format::Mp3),
            (b"\xFF\xFB\x90\x64", Format::Mp3),
            (b"%PDF-1.7", Format::Pdf),
        ];
        for (bytes, format) in cases {
            assert_eq!(
                sniff(bytes),
                Some(*format),
                "{:?}",
                bytes.escape_ascii().to_string()
            );
        }
    }

    #[test]
    fn anything_else_is_nothing() {
        let cases: &[&[u8]] = &[
            b"",
            b"\xFF",
            b"<!doctype html><script>alert(1)</script>",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            b"PK\x03\x04",
            b"GIF90a",
            b"RIFF\x10\0\0\0AVI ",
            b"\xFF\xFF\xFF\xFF",
        ];
        for bytes in cases {
            assert_eq!(sniff(bytes), None, "{:?}", bytes.escape_ascii().to_string());
        }
    }

    #[test]
    fn documents_are_told_by_their_bytes() {
        assert_eq!(document(b"PK\x03\x04rest"), Format::Zip);
        assert_eq!(document("just w\u{f6}rds\n".as_bytes()), Format::Text);
        assert_eq!(document(&"\u{f6}".as_bytes()[..1]), Format::Binary);
        for other in [
            &b" \n<html>"[..],
            b"<svg/>",
            b"\xEF\xBB\xBF<x>",
            b"a\0b",
            b"\xFF\xFE",
            b"",
        ] {
            assert_eq!(document(other), Format::Binary);
        }
        assert!(is_document(b"%PDF-1.7") && !is_document(b"words"));
    }

    #[test]
    fn kinds_and_names_agree() {
        assert_eq!(Format::Webp.kind(), Kind::Image);
        assert_eq!(Format::Mov.kind(), Kind::Video);
        assert_eq!(Format::Flac.kind(), Kind::Audio);
        assert_eq!(Format::Pdf.kind(), Kind::Document);
        assert_eq!(
            (Format::Jpeg.mime(), Format::Jpeg.extension()),
            ("image/jpeg", "jpg")
        );
    }
}
