//! Long HTML: what reads it may take a time that grows with its length, and no faster.

#![no_main]

use std::borrow::Cow;

use kith::text::{escape, excerpt, links, preview, rel_me_links, sanitize, to_plain};
use kith_fuzz::{assert_clean, bounded, expand};
use libfuzzer_sys::{Corpus, fuzz_target};
use url::Url;

/// The longest page, status or oEmbed document that is read.
const LIMIT: usize = 1 << 20;

fuzz_target!(|data: &[u8]| -> Corpus {
    let Cow::Owned(data) = expand(data, LIMIT) else {
        return Corpus::Reject;
    };
    bounded(|| long(&data));
    Corpus::Keep
});

fn long(data: &[u8]) {
    let base = Url::parse("https://news.example/2026/story").expect("a URL");
    let html = String::from_utf8_lossy(data);
    let status = sanitize::clean_status_html(&html);
    assert_clean(&status);
    // Each `<` may become four letters, and each link gets what keeps its reader safe.
    assert!(status.len() <= 16 * html.len());
    assert!(to_plain(&html).len() <= 4 * html.len() + 64);
    assert!(escape(&html).len() <= 6 * html.len());
    sanitize::clean_inline(&html, 500);
    excerpt(&html, 80);
    links::first(&html, |_| false);
    rel_me_links(&html);
    preview::read(&html, &base);
    preview::embed(data, &base);
}
