//! Video and sound, by ffmpeg and ffprobe where they are installed.
//!
//! A file is never left to ffmpeg to make out: its demuxer is named, so that no playlist is taken
//! for a video, and no protocol but plain files is allowed (threat S10).

mod child;
mod plan;
mod probe;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use self::child::{Bounds, ChildError};
pub use self::plan::{Container, GIFV, Plan, Stream};
pub use self::probe::Probe;
use super::MediaError;
use super::sniff::Format;

/// Largest video or audio file, in bytes.
pub const MAX_BYTES: u64 = 99 << 20;
/// Pixels of a frame.
pub const MAX_MATRIX: u64 = 3840 * 2160;
/// Frames per second.
pub const MAX_FRAME_RATE: u64 = 120;

/// Looking into a file, or taking one picture out of it.
const LOOK: Bounds = Bounds {
    time: Duration::from_secs(30),
    memory: 2 << 30,
    file: 0,
    output: 16 << 20,
};
/// Writing a new file.
const CONVERT: Bounds = Bounds {
    time: Duration::from_secs(240),
    memory: 3 << 30,
    file: MAX_BYTES + (16 << 20),
    output: 64 << 10,
};
/// Fits a picture into a square, with even sides, as H.264 wants them.
macro_rules! fit {
    ($side:literal) => {
        concat!(
            "scale=w='min(",
            $side,
            ",iw)':h='min(",
            $side,
            ",ih)':\
             force_original_aspect_ratio=decrease:force_divisible_by=2"
        )
    };
}

/// Where the programs are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tools {
    pub ffmpeg: PathBuf,
    pub ffprobe: PathBuf,
}

impl Tools {
    /// Looks for them in the directories of a `PATH`.
    pub fn find(path: &str) -> Option<Tools> {
        path.split(':')
            .filter(|directory| directory.starts_with('/'))
            .map(|directory| Tools {
                ffmpeg: Path::new(directory).join("ffmpeg"),
                ffprobe: Path::new(directory).join("ffprobe"),
            })
            .find(|tools| tools.ffmpeg.is_file() && tools.ffprobe.is_file())
    }
}

/// Why nothing came of a file.
#[derive(Debug, Error)]
pub enum AvError {
    /// The sender's fault.
    #[error(transparent)]
    Refused(#[from] MediaError),
    /// Ours: the programs cannot be run.
    #[error("{0}")]
    Machine(String),
    /// Ours: what they made found no room.
    #[error("there is no room on the disk")]
    Full,
}

/// How the system calls a disk that is full, in the language that the programs are run in.
const FULL: [&str; 2] = ["No space left on device", "Disk quota exceeded"];

impl AvError {
    /// `doing`: what the file was found unfit for.
    fn of(error: ChildError, doing: &'static str) -> AvError {
        match error {
            ChildError::Start { .. } => AvError::Machine(error.to_string()),
            ChildError::Failed { said, .. } if FULL.iter().any(|full| said.contains(full)) => {
                AvError::Full
            }
            other => {
                tracing::debug!(error = %other, doing, "a media file was refused");
                AvError::Refused(MediaError::Unplayable(format!(
                    "the file cannot be {doing}"
                )))
            }
        }
    }
}

/// The programs, found to work.
#[derive(Debug, Clone)]
pub struct Av {
    tools: Arc<Tools>,
    h264: bool,
}

impl Av {
    /// Tries the programs out; `None` when they do not run.
    pub async fn check(tools: Tools) -> Option<Av> {
        let args = |list: &[&str]| list.iter().map(OsString::from).collect();
        let encoders = args(&["-hide_banner", "-encoders"]);
        let tried = tokio::join!(
            child::run(&tools.ffmpeg, encoders, &LOOK),
            child::run(&tools.ffprobe, args(&["-version"]), &LOOK),
        );
        match tried {
            (Ok(encoders), Ok(_)) => {
                let encoders = String::from_utf8_lossy(&encoders);
                let has = |name: &str| encoders.split_whitespace().any(|word| word == name);
                Some(Av {
                    tools: Arc::new(tools),
                    h264: has("libx264") && has("aac"),
                })
            }
            (Err(error), _) | (_, Err(error)) => {
                tracing::warn!(%error, "ffmpeg is installed but does not run: no video, no audio");
                None
            }
        }
    }

    /// Whether pictures can be encoded: animated GIFs, and videos that browsers do not play.
    pub fn encodes(&self) -> bool {
        self.h264
    }

    /// Looks into a file.
    pub async fn probe(&self, path: &Path, format: Format) -> Result<Probe, AvError> {
        let mut args = input(path, format)?;
        args.extend(["-show_entries", probe::ENTRIES, "-of", "json"].map(OsString::from));
        let told = child::run(&self.tools.ffprobe, args, &LOOK)
            .await
            .map_err(|error| AvError::of(error, "read"))?;
        probe::read(&told).ok_or_else(|| {
            AvError::Refused(MediaError::Unplayable("the file cannot be read".to_owned()))
        })
    }

    /// What is to be made of a file.
    pub fn plan(&self, probe: &Probe, format: Format) -> Result<Plan, MediaError> {
        plan::plan(probe, format, self.h264)
    }

    /// Makes it, into a file that is there already and empty. No metadata gets through.
    pub async fn convert(
        &self,
        path: &Path,
        format: Format,
        plan: &Plan,
        to: &Path,
    ) -> Result<(), AvError> {
        let mut args = vec!["-y".into(), "-nostdin".into()];
        args.extend(input(path, format)?);
        let mut add = |list: &[&str]| args.extend(list.iter().map(OsString::from));
        // Only what is named: no data (where cameras keep positions), subtitles or attachments.
        add(&[
            "-map_metadata",
            "-1",
            "-map_chapters",
            "-1",
            "-sn",
            "-dn",
            "-threads",
            "2",
        ]);
        match plan.video {
            None => add(&["-vn"]),
            Some(Stream::Copy) => add(&["-map", "0:V:0", "-c:v", "copy"]),
            Some(Stream::Encode) => {
                add(&[
                    "-map", "0:V:0", "-c:v", "libx264", "-preset", "veryfast", "-crf", "23",
                ]);
                add(&["-maxrate", "6M", "-bufsize", "12M", "-pix_fmt", "yuv420p"]);
                add(&["-profile:v", "high", "-fpsmax", "60", "-vf", fit!("1920")]);
            }
        }
        match plan.audio {
            None => add(&["-an"]),
            Some(Stream::Copy) => add(&["-map", "0:a:0", "-c:a", "copy"]),
            Some(Stream::Encode) => {
                add(&["-map", "0:a:0", "-c:a", "aac", "-b:a", "160k", "-ac", "2"])
            }
        }
        if plan.container.muxer() == "mp4" {
            add(&["-movflags", "+faststart", "-brand", "mp42"]);
        }
        if plan.container == Container::Mp3 {
            add(&["-id3v2_version", "0"]);
        }
        // Not even the name of the program that wrote it.
        add(&[
            "-fflags",
            "+bitexact",
            "-flags:v",
            "+bitexact",
            "-flags:a",
            "+bitexact",
        ]);
        let most = CONVERT.file.to_string();
        add(&["-fs", &most, "-f", plan.container.muxer()]);
        args.push(file(to));
        child::run(&self.tools.ffmpeg, args, &CONVERT)
            .await
            .map(drop)
            .map_err(|error| AvError::of(error, "converted"))
    }

    /// A telling picture from the beginning of a video, as PNG.
    pub async fn poster(&self, path: &Path, format: Format) -> Result<Vec<u8>, AvError> {
        let filter = concat!(fit!("1280"), ",thumbnail=n=30");
        self.picture(path, format, "0:V:0", filter).await
    }

    /// An embedded still picture, as PNG.
    pub async fn cover(
        &self,
        path: &Path,
        format: Format,
        stream: u32,
    ) -> Result<Vec<u8>, AvError> {
        self.picture(path, format, &format!("0:{stream}"), fit!("1280"))
            .await
    }

    async fn picture(
        &self,
        path: &Path,
        format: Format,
        map: &str,
        filter: &str,
    ) -> Result<Vec<u8>, AvError> {
        let mut args = vec!["-nostdin".into()];
        args.extend(input(path, format)?);
        let rest = [
            "-map",
            map,
            "-an",
            "-sn",
            "-dn",
            "-threads",
            "2",
            "-vf",
            filter,
            "-frames:v",
            "1",
            "-c:v",
            "png",
            "-f",
            "image2pipe",
            "pipe:1",
        ];
        args.extend(rest.map(OsString::from));
        let png = child::run(&self.tools.ffmpeg, args, &LOOK)
            .await
            .map_err(|error| AvError::of(error, "shown"))?;
        if png.is_empty() {
            return Err(
                MediaError::Unplayable("there is no picture in the file".to_owned()).into(),
            );
        }
        Ok(png)
    }
}

/// The options that both programs read a file by.
fn input(path: &Path, format: Format) -> Result<Vec<OsString>, MediaError> {
    let demuxer = match format {
        Format::Mp4 | Format::Mov | Format::M4a => "mov",
        Format::Webm | Format::Matroska => "matroska",
        Format::Ogg => "ogg",
        Format::Mp3 => "mp3",
        Format::Flac => "flac",
        Format::Wav => "wav",
        Format::Gif => "gif",
        other => return Err(MediaError::Unsupported(other.mime())),
    };
    let options = [
        "-v",
        "error",
        "-hide_banner",
        "-protocol_whitelist",
        "file,pipe",
        "-f",
        demuxer,
        "-i",
    ];
    let mut args: Vec<OsString> = options.map(OsString::from).into();
    args.push(file(path));
    Ok(args)
}

/// A path that cannot be taken for an option or another protocol's address.
fn file(path: &Path) -> OsString {
    let mut text = OsString::from("file:");
    text.push(path);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_programs_must_be_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = format!("relative:/nowhere:{}", dir.path().display());
        assert_eq!(Tools::find(&path), None);
        std::fs::write(dir.path().join("ffmpeg"), "").unwrap();
        assert_eq!(Tools::find(&path), None);
        std::fs::write(dir.path().join("ffprobe"), "").unwrap();
        assert_eq!(
            Tools::find(&path).unwrap().ffmpeg,
            dir.path().join("ffmpeg")
        );
    }

    #[test]
    fn documents_are_none_of_ffmpegs_business() {
        assert!(input(Path::new("/x"), Format::Pdf).is_err());
        assert!(input(Path::new("/x"), Format::Png).is_err());
        let args = input(Path::new("/x"), Format::Webm).unwrap();
        assert_eq!(args.last().unwrap(), "file:/x");
    }
}
