//! Uploaded and cached media: what a file is, making an image safe to serve, and where bytes are kept.
//!
//! Nothing here knows of accounts or statuses. Image work is synchronous and costs CPU: async
//! callers run it on a blocking thread. Video and sound are worked on by child processes.

pub mod audit;
pub mod av;
pub mod image;
pub mod intake;
pub mod listing;
pub mod moving;
pub mod named;
pub mod remote;
pub mod sniff;
pub mod storage;
mod strip;
pub mod sweep;

use thiserror::Error;

/// Why a file was not accepted as media. All of these are the sender's fault (HTTP 422).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MediaError {
    /// A known format that is not served; the text is its media type.
    #[error("files of type {0} are not supported")]
    Unsupported(&'static str),
    /// Neither an image nor anything else that is recognised, whatever its name says.
    #[error("this file is not an image")]
    NotAnImage,
    /// A video or a sound that cannot be made playable; says why.
    #[error("{0}")]
    Unplayable(String),
    /// A video of more frames per second than allowed.
    #[error("the video has too many frames per second")]
    TooManyFrames,
    /// More bytes than allowed.
    #[error("the file has {bytes} bytes, at most {max} are allowed")]
    TooLarge {
        /// Bytes of the file.
        bytes: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// More pixels (over all frames, for an animation) or frames than allowed.
    #[error("the image has too many pixels or frames")]
    TooManyPixels,
    /// It begins like an image but cannot be read to its end.
    #[error("the image is damaged: {0}")]
    Damaged(String),
}

impl MediaError {
    fn damaged(why: impl Into<String>) -> Self {
        MediaError::Damaged(why.into())
    }
}
