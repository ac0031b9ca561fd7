//! Text: what remote servers and local authors write, made safe to show.
//!
//! Everything here is a pure function of its arguments. Every parser is
//! iterative and linear in its input, so that no nesting or length that fits
//! into a request can exhaust the stack or hold a core.

pub mod csv;
pub mod emoji;
mod grapheme;
mod html;
pub mod language;
pub mod languages;
pub mod links;
pub mod markdown;
mod markup;
pub mod matching;
pub mod names;
pub mod plain;
pub mod preview;
mod rel_me;
pub mod sanitize;
pub mod words;

pub use html::{escape, excerpt, to_plain};
pub use rel_me::rel_me_links;
