//! Documents of other servers, read into plain values. Nothing here waits for anything.

pub mod actor;
pub mod collection;
pub mod media;
pub mod note;
pub mod quote;
pub mod wording;
