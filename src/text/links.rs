//! The link in a post that is worth a preview.

use url::Url;

use super::html::to_plain;
use super::markup::{Token, Tokens};

/// The longest link that gets a preview, in bytes.
const MAX: usize = 2000;

/// The URL under which a link's preview is kept: without its fragment, in its normal form;
/// `None` for what is no http(s) URL or too long.
pub fn canonical(link: &str) -> Option<String> {
    if link.len() > MAX {
        return None;
    }
    let mut url = Url::parse(link).ok()?;
    if !matches!(url.scheme(), "http" | "https")
        || url
            .host_str()
            .is_none_or(|host| !host.contains(['.', ':']) && host != "localhost")
        || !url.username().is_empty()
        || url.password().is_some()
    {
        return None;
    }
    url.set_fragment(None);
    (url.as_str().len() <= MAX).then(|| url.into())
}

/// The first link of clean HTML that is neither a mention nor a hashtag nor the line that
/// stands for a quote, and that `skip` does not refuse; in its [`canonical`] form.
pub fn first(html: &str, skip: impl Fn(&str) -> bool) -> Option<String> {
    // The element that stands for a quote, and how many of its name are open in it.
    let mut quote: Option<(&str, usize)> = None;
    for token in Tokens::new(html) {
        match token {
            Token::Start {
                name, attributes, ..
            } => {
                let attribute = |wanted: &str| {
                    attributes
                        .iter()
                        .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
                        .map(|(_, value)| *value)
                };
                let classes = attribute("class").unwrap_or_default();
                let is = |class: &str| classes.split_ascii_whitespace().any(|c| c == class);
                if let Some((element, depth)) = &mut quote {
                    if name.eq_ignore_ascii_case(element) {
                        *depth += 1;
                    }
                    continue;
                }
                if is("quote-inline") || is("inline-quote") {
                    quote = Some((name, 1));
                    continue;
                }
                if !name.eq_ignore_ascii_case("a") || is("mention") || is("hashtag") {
                    continue;
                }
                let Some(href) = attribute("href").map(to_plain) else {
                    continue;
                };
                if !skip(&href)
                    && let Some(url) = canonical(&href)
                {
                    return Some(url);
                }
            }
            Token::End { name } => {
                if let Some((element, depth)) = &mut quote
                    && name.eq_ignore_ascii_case(element)
                {
                    *depth -= 1;
                    if *depth == 0 {
                        quote = None;
                    }
                }
            }
            Token::Text(_) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_first_link_that_counts() {
        let html = "<p class=\"quote-inline\">RE: <a href=\"https://q.example/1\">q</a></p>\
            <p><a href=\"https://a.example/@a\" class=\"u-url mention\">@a</a> \
            <a href=\"https://a.example/tags/x\" class=\"mention hashtag\">#x</a> \
            <a href=\"https://own.example/2\">own</a> \
            <a href=\"https://News.example/a?b=1&amp;c=2#part\">news</a> \
            <a href=\"https://later.example/\">later</a></p>";
        let skip = |url: &str| url.starts_with("https://own.example/");
        assert_eq!(
            first(html, skip).as_deref(),
            Some("https://news.example/a?b=1&c=2")
        );
        assert_eq!(first("<p>no link</p>", |_| false), None);
        assert_eq!(
            first("<a href='javascript:x'>x</a><a>y</a>", |_| false),
            None
        );
    }

    #[test]
    fn canonical_links_are_web_addresses() {
        assert_eq!(
            canonical("https://a.example").as_deref(),
            Some("https://a.example/")
        );
        for bad in [
            "ftp://a.example/",
            "https://user:pw@a.example/",
            "https://intranet/",
            "mailto:a@b.example",
            "/relative",
            "",
        ] {
            assert_eq!(canonical(bad), None, "{bad}");
        }
        assert_eq!(
            canonical(&format!("https://a.example/{}", "a".repeat(3000))),
            None
        );
    }
}
