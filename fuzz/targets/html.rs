//! HTML of statuses, bios and pages.

#![no_main]

use std::sync::LazyLock;

use kith::text::{escape, excerpt, language, links, preview, rel_me_links, sanitize, to_plain};
use kith_fuzz::{assert_cleaned, assert_inline, bounded};
use libfuzzer_sys::fuzz_target;
use url::Url;

static BASE: LazyLock<Url> =
    LazyLock::new(|| Url::parse("https://news.example/2026/story").expect("a URL"));

fuzz_target!(|data: &[u8]| bounded(|| read(data)));

fn read(data: &[u8]) {
    if let Some(embed) = preview::embed(data, &BASE) {
        assert!(matches!(embed.kind, "photo" | "video"));
        assert!(
            embed
                .player
                .is_none_or(|player| player.starts_with("https://"))
        );
        for url in embed.url.iter().chain(&embed.thumbnail) {
            assert_web(url);
        }
    }
    let html = String::from_utf8_lossy(data);
    sanitized(&html);
    plain(&html);
    page(&html);
}

fn sanitized(html: &str) {
    let status = sanitize::clean_status_html(html);
    assert_cleaned(&status);
    // Each `<` may become four letters, and each link gets what keeps its reader safe.
    assert!(status.len() <= 16 * html.len() + 64);
    assert_cleaned(&sanitize::clean_account_html(html));
    for max in [1, 30, 500] {
        let line = sanitize::clean_inline(html, max);
        assert_inline(&line);
        assert_eq!(sanitize::clean_inline(&line, max), line);
    }
    if let Some(link) = links::first(&status, |_| false) {
        assert_web(&link);
        assert_eq!(links::canonical(&link).as_deref(), Some(&*link));
    }
    links::first(html, |_| false);
}

fn plain(html: &str) {
    let text = to_plain(html);
    assert_eq!(text.trim(), text);
    assert!(text.len() <= 4 * html.len() + 64);
    let line = excerpt(html, 80);
    assert!(!line.contains('\n') && line.len() <= text.len() + '…'.len_utf8());
    let escaped = escape(html);
    assert!(!escaped.contains(['<', '>', '"', '\'']));
    sanitize::clean_status_html(&escaped);
}

fn page(html: &str) {
    let preview = preview::read(html, &BASE);
    for line in [
        &preview.title,
        &preview.description,
        &preview.author_name,
        &preview.provider_name,
        &preview.image_description,
    ] {
        assert!(!line.contains(char::is_control));
    }
    for url in preview.image.iter().chain(&preview.oembed) {
        assert_web(url);
    }
    if !preview.author_url.is_empty() {
        assert_web(&preview.author_url);
    }
    if let Some(tag) = &preview.language {
        assert_eq!(language::normalize(tag).as_ref(), Some(tag));
    }
    assert!(rel_me_links(html).len() <= 500);
}

fn assert_web(url: &str) {
    assert!(
        url.starts_with("https://") || url.starts_with("http://"),
        "{url:?}"
    );
}
