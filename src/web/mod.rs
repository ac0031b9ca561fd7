//! The public pages: what a browser sees without an account, and the forms that apps send people to.
//!
//! Pages are plain data (in [`pages`], made of the parts in [`view`]) and `render() -> String`; they know
//! nothing of HTTP or the database. No page holds a script or an inline style, so they are served under
//! [`CONTENT_SECURITY_POLICY`].

mod collection;
mod embed;
mod gather;
pub mod intents;
pub mod pages;
mod post;
mod remote;
pub mod routes;
mod site;
pub mod texts;
pub mod view;
pub mod words;

pub use site::site;

use std::sync::LazyLock;

/// The style sheet of every page, to be served as `text/css` under the path of [`style_path`].
pub const STYLE: &str = include_str!("static/kith.css");

/// What the pages are allowed to load. `form-action` is left out: browsers apply it to the redirect
/// that follows the consent form as well, which leads to the app.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' https: data:; \
     media-src 'self' https:; base-uri 'none'; frame-ancestors 'none'";

/// Path and query of the style sheet. The query changes with its content, so it may be cached for ever.
pub fn style_path() -> &'static str {
    static PATH: LazyLock<String> = LazyLock::new(|| {
        // FNV-1a: tells versions apart, protects nothing.
        let hash = STYLE.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        format!("/static/kith.css?v={hash:016x}")
    });
    &PATH
}

#[cfg(test)]
mod tests;
