//! How a file is made playable everywhere: copied where browsers play what is in it, encoded anew
//! where they do not.

use super::probe::Probe;
use super::{MAX_FRAME_RATE, MAX_MATRIX};
use crate::media::MediaError;
use crate::media::sniff::Format;

/// What becomes of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Taken over as it is.
    Copy,
    /// Decoded and encoded again.
    Encode,
}

/// What is to be made of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// As Mastodon's `MediaAttachment.type` says it: `video`, `audio` or `gifv`.
    pub kind: &'static str,
    pub container: Container,
    pub video: Option<Stream>,
    pub audio: Option<Stream>,
}

/// The file that comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    Mp4,
    Webm,
    M4a,
    Mp3,
    Ogg,
    Flac,
    Wav,
}

impl Container {
    /// ffmpeg's name of it.
    pub(super) fn muxer(self) -> &'static str {
        match self {
            Container::Mp4 | Container::M4a => "mp4",
            Container::Webm => "webm",
            Container::Mp3 => "mp3",
            Container::Ogg => "ogg",
            Container::Flac => "flac",
            Container::Wav => "wav",
        }
    }

    /// What it is served as.
    pub fn format(self) -> Format {
        match self {
            Container::Mp4 => Format::Mp4,
            Container::Webm => Format::Webm,
            Container::M4a => Format::M4a,
            Container::Mp3 => Format::Mp3,
            Container::Ogg => Format::Ogg,
            Container::Flac => Format::Flac,
            Container::Wav => Format::Wav,
        }
    }
}

/// Decides. `h264`: whether pictures can be encoded here.
///
/// # Errors
/// [`MediaError::Unplayable`] for what holds neither picture nor sound, or a picture that cannot
/// be encoded here; [`MediaError::TooManyPixels`] and [`MediaError::TooManyFrames`] beyond limits.
pub fn plan(probe: &Probe, format: Format, h264: bool) -> Result<Plan, MediaError> {
    let Some(video) = &probe.video else {
        return sound(probe);
    };
    if u64::from(video.width) * u64::from(video.height) > MAX_MATRIX {
        return Err(MediaError::TooManyPixels);
    }
    if video.fps > MAX_FRAME_RATE as f64 {
        return Err(MediaError::TooManyFrames);
    }
    let plain = matches!(video.pixel_format.as_str(), "yuv420p" | "yuvj420p");
    let sound = probe.audio.as_ref().map(|audio| audio.codec.as_str());
    let from_webm = matches!(format, Format::Webm | Format::Matroska);
    let as_is = match video.codec.as_str() {
        "h264" if plain => Some(Container::Mp4),
        "vp8" | "vp9" | "av1" if from_webm && matches!(sound, None | Some("opus" | "vorbis")) => {
            Some(Container::Webm)
        }
        "vp9" | "av1" if plain => Some(Container::Mp4),
        _ => None,
    };
    let (container, picture) = match as_is {
        Some(container) => (container, Stream::Copy),
        None if h264 => (Container::Mp4, Stream::Encode),
        None => {
            return Err(MediaError::Unplayable(format!(
                "videos in {} are not supported",
                video.codec
            )));
        }
    };
    let audio = sound.map(|codec| match (container, codec) {
        (Container::Webm, _) | (_, "aac" | "mp3") => Stream::Copy,
        _ => Stream::Encode,
    });
    Ok(Plan {
        kind: "video",
        container,
        video: Some(picture),
        audio,
    })
}

fn sound(probe: &Probe) -> Result<Plan, MediaError> {
    let Some(audio) = &probe.audio else {
        return Err(MediaError::Unplayable(
            "there is neither a picture nor a sound in the file".to_owned(),
        ));
    };
    let (container, stream) = match audio.codec.as_str() {
        "mp3" => (Container::Mp3, Stream::Copy),
        "vorbis" | "opus" => (Container::Ogg, Stream::Copy),
        "flac" => (Container::Flac, Stream::Copy),
        "aac" => (Container::M4a, Stream::Copy),
        "pcm_s16le" | "pcm_u8" | "pcm_s24le" | "pcm_f32le" => (Container::Wav, Stream::Copy),
        _ => (Container::M4a, Stream::Encode),
    };
    Ok(Plan {
        kind: "audio",
        container,
        video: None,
        audio: Some(stream),
    })
}

/// What an animated GIF becomes.
pub const GIFV: Plan = Plan {
    kind: "gifv",
    container: Container::Mp4,
    video: Some(Stream::Encode),
    audio: None,
};

#[cfg(test)]
mod tests {
    use super::super::probe::{Audio, Video};
    use super::*;

    fn probe(video: Option<&str>, audio: Option<&str>) -> Probe {
        Probe {
            duration: Some(1.0),
            bitrate: None,
            video: video.map(|codec| Video {
                codec: codec.to_owned(),
                pixel_format: "yuv420p".to_owned(),
                width: 640,
                height: 360,
                frame_rate: "25/1".to_owned(),
                fps: 25.0,
            }),
            audio: audio.map(|codec| Audio {
                codec: codec.to_owned(),
                sample_rate: 48_000,
                channels: "stereo".to_owned(),
            }),
            cover: None,
        }
    }

    #[test]
    fn what_browsers_play_is_copied() {
        use Container::*;
        let cases = [
            (Some("h264"), Some("aac"), Format::Mov, Mp4, Stream::Copy),
            (
                Some("h264"),
                Some("opus"),
                Format::Matroska,
                Mp4,
                Stream::Encode,
            ),
            (Some("vp9"), Some("opus"), Format::Webm, Webm, Stream::Copy),
            (Some("av1"), Some("aac"), Format::Mp4, Mp4, Stream::Copy),
            (None, Some("mp3"), Format::Mp3, Mp3, Stream::Copy),
            (None, Some("opus"), Format::Webm, Ogg, Stream::Copy),
            (None, Some("alac"), Format::M4a, M4a, Stream::Encode),
            (None, Some("pcm_s16le"), Format::Wav, Wav, Stream::Copy),
        ];
        for (video, audio, format, container, sound) in cases {
            let plan = plan(&probe(video, audio), format, false).unwrap();
            assert_eq!((plan.container, plan.audio), (container, Some(sound)));
            assert_eq!(plan.video, video.map(|_| Stream::Copy));
        }
    }

    #[test]
    fn the_rest_is_encoded_where_that_can_be_done() {
        for codec in ["hevc", "mpeg4", "theora", "prores"] {
            let probe = probe(Some(codec), None);
            let made = plan(&probe, Format::Mov, true).unwrap();
            assert_eq!(
                (made.container, made.video),
                (Container::Mp4, Some(Stream::Encode))
            );
            assert!(plan(&probe, Format::Mov, false).is_err());
        }
        let mut deep = probe(Some("h264"), None);
        deep.video.as_mut().unwrap().pixel_format = "yuv444p".to_owned();
        assert_eq!(
            plan(&deep, Format::Mp4, true).unwrap().video,
            Some(Stream::Encode)
        );
    }

    #[test]
    fn limits_are_kept() {
        let changed = |change: fn(&mut Video)| {
            let mut probe = probe(Some("h264"), None);
            change(probe.video.as_mut().unwrap());
            plan(&probe, Format::Mp4, true)
        };
        assert_eq!(
            changed(|v| v.width = 100_000),
            Err(MediaError::TooManyPixels)
        );
        assert_eq!(changed(|v| v.fps = 240.0), Err(MediaError::TooManyFrames));
        let empty = plan(&probe(None, None), Format::Mp4, true);
        assert!(matches!(empty, Err(MediaError::Unplayable(_))));
    }
}
