//! What is in a video or audio file, as ffprobe tells.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Value, json};

/// A file that was looked into.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// Seconds.
    pub duration: Option<f64>,
    /// Bits per second, of everything together.
    pub bitrate: Option<u64>,
    /// The first moving picture.
    pub video: Option<Video>,
    /// The first sound.
    pub audio: Option<Audio>,
    /// Stream number of an embedded still picture, such as a record's cover.
    pub cover: Option<u32>,
}

/// A moving picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Video {
    /// As ffmpeg names it: `h264`, `vp9`…
    pub codec: String,
    pub pixel_format: String,
    /// Pixels, as shown (turned where the file says so).
    pub width: u32,
    /// Pixels, as shown.
    pub height: u32,
    /// Frames per second as a fraction, `30000/1001`.
    pub frame_rate: String,
    pub fps: f64,
}

/// Sound.
#[derive(Debug, Clone, PartialEq)]
pub struct Audio {
    /// As ffmpeg names it: `aac`, `mp3`, `opus`…
    pub codec: String,
    /// Samples per second.
    pub sample_rate: u32,
    /// `stereo`, `mono`, `5.1`…
    pub channels: String,
}

#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    streams: Vec<Stream>,
    #[serde(default)]
    format: Format,
}

#[derive(Default, Deserialize)]
struct Format {
    duration: Option<String>,
    bit_rate: Option<String>,
}

#[derive(Deserialize)]
struct Stream {
    index: u32,
    codec_type: Option<String>,
    codec_name: Option<String>,
    pix_fmt: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    avg_frame_rate: Option<String>,
    r_frame_rate: Option<String>,
    sample_rate: Option<String>,
    channels: Option<u32>,
    channel_layout: Option<String>,
    duration: Option<String>,
    #[serde(default)]
    disposition: HashMap<String, i64>,
    #[serde(default)]
    side_data_list: Vec<HashMap<String, Value>>,
}

/// The entries that [`read`] wants of ffprobe: named, so that tags of any size stay out.
pub(super) const ENTRIES: &str = "format=duration,bit_rate:stream=index,codec_type,codec_name,pix_fmt,width,height,\
     avg_frame_rate,r_frame_rate,sample_rate,channels,channel_layout,duration:\
     stream_disposition=attached_pic:stream_side_data=rotation";

/// Reads ffprobe's JSON; `None` when that is none.
pub(super) fn read(json: &[u8]) -> Option<Probe> {
    let told: Told = serde_json::from_slice(json).ok()?;
    let is = |stream: &&Stream, kind: &str| stream.codec_type.as_deref() == Some(kind);
    let still = |stream: &&Stream| {
        stream
            .disposition
            .get("attached_pic")
            .is_some_and(|v| *v == 1)
    };
    let moving = told.streams.iter().find(|s| is(s, "video") && !still(s));
    let sound = told.streams.iter().find(|s| is(s, "audio"));
    let seconds = |text: &Option<String>| {
        let seconds: f64 = text.as_ref()?.parse().ok()?;
        (seconds.is_finite() && seconds > 0.0).then_some(seconds)
    };
    Some(Probe {
        duration: seconds(&told.format.duration)
            .or_else(|| moving.and_then(|s| seconds(&s.duration)))
            .or_else(|| sound.and_then(|s| seconds(&s.duration))),
        bitrate: told.format.bit_rate.and_then(|text| text.parse().ok()),
        video: moving.and_then(video),
        audio: sound.and_then(audio),
        cover: told
            .streams
            .iter()
            .find(|s| is(s, "video") && still(s))
            .map(|s| s.index),
    })
}

fn video(stream: &Stream) -> Option<Video> {
    let (mut width, mut height) = (stream.width?, stream.height?);
    if width == 0 || height == 0 {
        return None;
    }
    let turned = stream
        .side_data_list
        .iter()
        .find_map(|data| data.get("rotation")?.as_f64())
        .is_some_and(|degrees| (degrees / 90.0).round() as i64 % 2 != 0);
    if turned {
        std::mem::swap(&mut width, &mut height);
    }
    let rate = [&stream.avg_frame_rate, &stream.r_frame_rate]
        .into_iter()
        .flatten()
        .find_map(|text| Some((text.clone(), fraction(text)?)));
    let (frame_rate, fps) = rate.unwrap_or_else(|| ("0/1".to_owned(), 0.0));
    Some(Video {
        codec: stream.codec_name.clone()?,
        pixel_format: stream.pix_fmt.clone().unwrap_or_default(),
        width,
        height,
        frame_rate,
        fps,
    })
}

fn audio(stream: &Stream) -> Option<Audio> {
    let channels = match (stream.channel_layout.as_deref(), stream.channels) {
        (Some(layout), _) if !layout.is_empty() => layout.to_owned(),
        (_, Some(1)) => "mono".to_owned(),
        (_, Some(2)) => "stereo".to_owned(),
        (_, number) => format!("{} channels", number.unwrap_or_default()),
    };
    Some(Audio {
        codec: stream.codec_name.clone()?,
        sample_rate: stream.sample_rate.as_ref()?.parse().ok()?,
        channels,
    })
}

/// `30000/1001`; `None` for nothing per second.
fn fraction(text: &str) -> Option<f64> {
    let (above, below) = text.split_once('/')?;
    let (above, below): (f64, f64) = (above.parse().ok()?, below.parse().ok()?);
    let value = above / below;
    (value.is_finite() && value > 0.0).then_some(value)
}

impl Probe {
    /// `MediaAttachment.meta` without `small` (Mastodon documentation, entities/MediaAttachment).
    pub fn meta(&self) -> Value {
        let mut meta = json!({});
        let mut original = json!({});
        if let Some(video) = &self.video {
            let aspect = f64::from(video.width) / f64::from(video.height);
            let size = format!("{}x{}", video.width, video.height);
            meta["fps"] = json!(video.fps.round() as i64);
            meta["size"] = json!(size);
            meta["width"] = json!(video.width);
            meta["height"] = json!(video.height);
            meta["aspect"] = json!(aspect);
            original["width"] = json!(video.width);
            original["height"] = json!(video.height);
            original["size"] = json!(size);
            original["aspect"] = json!(aspect);
            original["frame_rate"] = json!(video.frame_rate);
        }
        if let Some(duration) = self.duration {
            meta["length"] = json!(length(duration));
            meta["duration"] = json!((duration * 100.0).round() / 100.0);
            original["duration"] = json!(duration);
        }
        if let Some(bitrate) = self.bitrate {
            original["bitrate"] = json!(bitrate);
        }
        if let Some(audio) = &self.audio {
            meta["audio_encode"] = json!(audio.codec);
            meta["audio_bitrate"] = json!(format!("{} Hz", audio.sample_rate));
            meta["audio_channels"] = json!(audio.channels);
        }
        meta["original"] = original;
        meta
    }
}

/// `0:01:28.65`
fn length(seconds: f64) -> String {
    let hundredths = (seconds * 100.0).round() as u64;
    let (whole, part) = (hundredths / 100, hundredths % 100);
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    format!("{hours}:{minutes:02}:{seconds:02}.{part:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phones_video_is_read_as_it_is_shown() {
        let told = json!({
            "streams": [
                {"index": 0, "codec_type": "video", "codec_name": "h264", "width": 1920, "height": 1080,
                 "pix_fmt": "yuv420p", "r_frame_rate": "30/1", "avg_frame_rate": "30000/1001",
                 "disposition": {"attached_pic": 0}, "side_data_list": [{"rotation": -90}]},
                {"index": 1, "codec_type": "audio", "codec_name": "aac", "sample_rate": "44100", "channels": 2,
                 "channel_layout": "stereo", "disposition": {"attached_pic": 0}},
                {"index": 2, "codec_type": "data"},
            ],
            "format": {"duration": "88.654000", "bit_rate": "862056"},
        });
        let probe = read(told.to_string().as_bytes()).unwrap();
        let video = probe.video.as_ref().unwrap();
        assert_eq!(
            (video.width, video.height, video.fps.round()),
            (1080, 1920, 30.0)
        );
        assert_eq!(probe.cover, None);
        let meta = probe.meta();
        assert_eq!(meta["length"], "0:01:28.65");
        assert_eq!(meta["duration"], 88.65);
        assert_eq!(meta["original"]["frame_rate"], "30000/1001");
        assert_eq!(meta["original"]["bitrate"], 862_056);
        assert_eq!(meta["audio_channels"], "stereo");
    }

    #[test]
    fn a_cover_is_no_video() {
        let told = json!({
            "streams": [
                {"index": 0, "codec_type": "audio", "codec_name": "mp3", "sample_rate": "44100", "channels": 1},
                {"index": 1, "codec_type": "video", "codec_name": "png", "width": 300, "height": 300,
                 "avg_frame_rate": "0/0", "disposition": {"attached_pic": 1}},
            ],
            "format": {"duration": "N/A"},
        });
        let probe = read(told.to_string().as_bytes()).unwrap();
        assert_eq!(
            (probe.video, probe.cover, probe.duration),
            (None, Some(1), None)
        );
        assert_eq!(probe.audio.unwrap().channels, "mono");
    }

    #[test]
    fn nonsense_is_nothing() {
        assert_eq!(read(b"no JSON"), None);
        assert_eq!(
            read(b"{}"),
            Some(Probe {
                duration: None,
                bitrate: None,
                video: None,
                audio: None,
                cover: None
            })
        );
    }
}
