//! What a page says of itself to those who link to it: OpenGraph, Twitter's cards, oEmbed's
//! announcement, schema.org in JSON-LD, and plain HTML.
//!
//! Read from the tokens of the page alone, without a tree: what nests how matters to none of it.

use std::cell::{Cell, RefCell};

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use serde_json::Value;
use url::Url;

use super::{grapheme, language};

/// Characters of a title, a description and a name kept.
const MAX_TITLE: usize = 300;
const MAX_DESCRIPTION: usize = 1000;
const MAX_NAME: usize = 150;
/// Bytes of JSON-LD read.
const MAX_LD: usize = 256 * 1024;
/// Bytes of a page given to the tokeniser at a time.
const PIECE: usize = 1024;
/// How many attributes a tag may have, or rather bytes after which one may begin; where there are more, the page is read
/// no further. The tokeniser compares each attribute of a tag with all before it: a tag of a megabyte takes it a minute.
const MAX_ATTRIBUTES: usize = 8 * PIECE;

/// What a page says of itself. Texts are plain; what it does not say is empty or `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preview {
    pub title: String,
    pub description: String,
    pub author_name: String,
    pub author_url: String,
    /// Handle of the author in the fediverse, as `user@domain`.
    pub creator: Option<String>,
    pub provider_name: String,
    /// A picture, absolute.
    pub image: Option<String>,
    pub image_description: String,
    /// Where an oEmbed document is to be had, absolute.
    pub oembed: Option<String>,
    pub language: Option<String>,
    /// An ISO 8601 moment, as the page writes it.
    pub published: Option<String>,
}

/// Reads a page that was served from `base`.
pub fn read(html: &str, base: &Url) -> Preview {
    let tokenizer = Tokenizer::new(Sink::default(), TokenizerOpts::default());
    let input = BufferQueue::default();
    let mut rest = html;
    // Counted since the last token.
    let mut attributes = 0;
    while !rest.is_empty() && attributes < MAX_ATTRIBUTES {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE));
        input.push_back(StrTendril::from_slice(piece));
        let _ = tokenizer.feed(&input);
        if tokenizer.sink.came.take() {
            attributes = 0;
        }
        attributes += piece.bytes().filter(|b| may_begin_attribute(*b)).count();
        rest = after;
    }
    tokenizer.end();
    tokenizer.sink.found.into_inner().preview(base)
}

/// Whether an attribute may begin after a byte of a tag.
fn may_begin_attribute(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'/' | b'"' | b'\'')
}

/// What stood on the page, before it is weighed.
#[derive(Default)]
struct Found {
    title: String,
    /// Names in lower case, and contents; the first of a name counts.
    meta: Vec<(String, String)>,
    oembed: Option<String>,
    base: Option<String>,
    language: Option<String>,
    ld: Vec<String>,
    /// The element whose text is being read.
    inside: Option<Inside>,
    /// A title was read to its end.
    titled: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Title,
    Ld,
}

#[derive(Default)]
struct Sink {
    found: RefCell<Found>,
    /// A token came that is no complaint.
    came: Cell<bool>,
}

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut found = self.found.borrow_mut();
        self.came
            .set(self.came.get() || !matches!(token, Token::ParseError(_)));
        match token {
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => found.start(&tag),
            Token::TagToken(_) => {
                if found.inside.take() == Some(Inside::Title) {
                    found.titled = true;
                }
                TokenSinkResult::Continue
            }
            Token::CharacterTokens(text) => {
                match found.inside {
                    Some(Inside::Title) if found.title.len() < 4 * MAX_TITLE => {
                        found.title.push_str(&text);
                    }
                    Some(Inside::Ld) => {
                        if let Some(last) = found.ld.last_mut()
                            && last.len() + text.len() <= MAX_LD
                        {
                            last.push_str(&text);
                        }
                    }
                    _ => {}
                }
                TokenSinkResult::Continue
            }
            _ => TokenSinkResult::Continue,
        }
    }
}

impl Found {
    fn start(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let attribute = |name: &str| {
            tag.attrs
                .iter()
                .find(|a| &*a.name.local == name)
                .map(|a| a.value.trim().to_owned())
        };
        match &*tag.name {
            "html" => self.language = self.language.take().or(attribute("lang")),
            "base" => self.base = self.base.take().or(attribute("href")),
            "meta" => {
                let name = attribute("property")
                    .or_else(|| attribute("name"))
                    .or_else(|| attribute("itemprop"));
                if let (Some(name), Some(content)) = (name, attribute("content"))
                    && !content.is_empty()
                    && self.meta.len() < 500
                {
                    self.meta.push((name.to_ascii_lowercase(), content));
                }
            }
            "link" => {
                let rel = attribute("rel").unwrap_or_default().to_ascii_lowercase();
                let kind = attribute("type").unwrap_or_default().to_ascii_lowercase();
                if rel.split_ascii_whitespace().any(|r| r == "alternate")
                    && kind == "application/json+oembed"
                {
                    self.oembed = self.oembed.take().or(attribute("href"));
                }
            }
            // An `svg` may hold a title of its own, further down.
            "title" if !self.titled => {
                self.inside = Some(Inside::Title);
                return TokenSinkResult::RawData(RawKind::Rcdata);
            }
            "title" | "textarea" => return TokenSinkResult::RawData(RawKind::Rcdata),
            "script" => {
                let kind = attribute("type").unwrap_or_default().to_ascii_lowercase();
                if kind == "application/ld+json" && self.ld.len() < 10 {
                    self.ld.push(String::new());
                    self.inside = Some(Inside::Ld);
                }
                return TokenSinkResult::RawData(RawKind::ScriptData);
            }
            "style" | "xmp" | "iframe" | "noembed" | "noframes" => {
                return TokenSinkResult::RawData(RawKind::Rawtext);
            }
            _ => {}
        }
        TokenSinkResult::Continue
    }

    fn preview(self, served_from: &Url) -> Preview {
        let base = self
            .base
            .as_deref()
            .and_then(|base| served_from.join(base).ok())
            .unwrap_or_else(|| served_from.clone());
        let meta = |names: &[&str]| {
            names.iter().find_map(|name| {
                let (_, content) = self.meta.iter().find(|(n, _)| n == name)?;
                Some(content.clone())
            })
        };
        let address = |text: String| web_address(&base, &text);
        let ld = self.ld.iter().find_map(|text| article(text));
        let ld = ld.unwrap_or_default();
        let told = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let author_url = told(&ld.author_url)
            .or_else(|| meta(&["article:author"]))
            .and_then(address)
            .unwrap_or_default();
        Preview {
            title: line(
                &meta(&["og:title", "twitter:title"])
                    .or_else(|| told(&ld.headline))
                    .unwrap_or(self.title),
                MAX_TITLE,
            ),
            description: line(
                &meta(&["og:description", "twitter:description", "description"])
                    .or_else(|| told(&ld.description))
                    .unwrap_or_default(),
                MAX_DESCRIPTION,
            ),
            author_name: line(
                &told(&ld.author_name)
                    .or_else(|| meta(&["author", "article:author", "og:author"]))
                    .filter(|name| !name.contains("://"))
                    .unwrap_or_default(),
                MAX_NAME,
            ),
            author_url,
            creator: meta(&["fediverse:creator"]).map(|c| c.trim_start_matches('@').to_owned()),
            provider_name: line(
                &meta(&["og:site_name"])
                    .or_else(|| told(&ld.publisher))
                    .unwrap_or_default(),
                MAX_NAME,
            ),
            image: meta(&[
                "og:image:secure_url",
                "og:image",
                "og:image:url",
                "twitter:image",
            ])
            .and_then(address),
            image_description: line(
                &meta(&["og:image:alt", "twitter:image:alt"]).unwrap_or_default(),
                MAX_DESCRIPTION,
            ),
            oembed: self.oembed.and_then(address),
            language: meta(&["og:locale", "content-language"])
                .or(self.language)
                .and_then(|tag| language::normalize(&tag)),
            published: told(&ld.published)
                .or_else(|| meta(&["article:published_time", "datepublished"])),
        }
    }
}

/// An http(s) URL, joined with where it stands.
fn web_address(base: &Url, text: &str) -> Option<String> {
    let url = base.join(text).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.as_str().len() <= 2000).then(|| url.into())
}

/// A text as one line of at most `max` characters.
fn line(text: &str, max: usize) -> String {
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let visible: String = joined.chars().filter(|c| !c.is_control()).collect();
    grapheme::truncate(&visible, max).to_owned()
}

/// What a page's JSON-LD says of its article.
#[derive(Default)]
struct Article {
    headline: String,
    description: String,
    author_name: String,
    author_url: String,
    publisher: String,
    published: String,
}

/// The first article of a JSON-LD text.
fn article(text: &str) -> Option<Article> {
    let value: Value = serde_json::from_str(text.trim()).ok()?;
    let candidates: Vec<&Value> = match &value {
        Value::Array(list) => list.iter().take(50).collect(),
        Value::Object(object) => match object.get("@graph") {
            Some(Value::Array(list)) => list.iter().take(50).collect(),
            _ => vec![&value],
        },
        _ => Vec::new(),
    };
    let found = candidates.into_iter().find(|value| {
        let is_article = |kind: &Value| {
            kind.as_str().is_some_and(|kind| {
                kind.ends_with("Article") || matches!(kind, "BlogPosting" | "Report")
            })
        };
        match value.get("@type") {
            Some(Value::Array(kinds)) => kinds.iter().any(is_article),
            Some(kind) => is_article(kind),
            None => false,
        }
    })?;
    let first = |value: &Value| match value {
        Value::Array(list) => list.first().cloned().unwrap_or_default(),
        other => other.clone(),
    };
    let text = |value: &Value, name: &str| {
        value
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let author = found.get("author").map(first).unwrap_or_default();
    let publisher = found.get("publisher").map(first).unwrap_or_default();
    Some(Article {
        headline: text(found, "headline"),
        description: text(found, "description"),
        author_name: match &author {
            Value::String(name) => name.clone(),
            author => text(author, "name"),
        },
        author_url: text(&author, "url"),
        publisher: text(&publisher, "name"),
        published: text(found, "datePublished"),
    })
}

/// An oEmbed answer, as far as it is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Embed {
    /// `photo` or `video`.
    pub kind: &'static str,
    pub title: String,
    pub author_name: String,
    pub author_url: String,
    pub provider_name: String,
    pub provider_url: String,
    /// The photo.
    pub url: Option<String>,
    /// The video's picture.
    pub thumbnail: Option<String>,
    /// The video's player, an https address.
    pub player: Option<String>,
    pub width: i64,
    pub height: i64,
}

/// Reads an oEmbed document (oembed.com, section 2.3) of a type that shows more than a link
/// does. Of its HTML nothing is kept but where its player is: it is a stranger's.
pub fn embed(json: &[u8], base: &Url) -> Option<Embed> {
    let value: Value = serde_json::from_slice(json).ok()?;
    let text = |name: &str, max: usize| {
        let text = value.get(name).and_then(Value::as_str).unwrap_or_default();
        line(text, max)
    };
    let address = |name: &str| web_address(base, value.get(name)?.as_str()?);
    let number = |name: &str| {
        let value = value.get(name);
        value
            .and_then(Value::as_i64)
            .or_else(|| value?.as_str()?.parse().ok())
            .filter(|n| (1..=20_000).contains(n))
            .unwrap_or_default()
    };
    let mut embed = Embed {
        kind: "",
        title: text("title", MAX_TITLE),
        author_name: text("author_name", MAX_NAME),
        author_url: address("author_url").unwrap_or_default(),
        provider_name: text("provider_name", MAX_NAME),
        provider_url: address("provider_url").unwrap_or_default(),
        url: None,
        thumbnail: address("thumbnail_url"),
        player: None,
        width: number("width"),
        height: number("height"),
    };
    match value.get("type").and_then(Value::as_str) {
        Some("photo") => {
            embed.kind = "photo";
            embed.url = Some(address("url")?);
        }
        Some("video") => {
            embed.kind = "video";
            embed.player = Some(player(value.get("html")?.as_str()?, base)?);
        }
        _ => return None,
    }
    Some(embed)
}

/// Where the first `iframe` of some HTML leads; https alone.
fn player(html: &str, base: &Url) -> Option<String> {
    #[derive(Default)]
    struct Frames(RefCell<Option<String>>);
    impl TokenSink for Frames {
        type Handle = ();
        fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
            if let Token::TagToken(tag) = token
                && tag.kind == TagKind::StartTag
                && &*tag.name == "iframe"
                && self.0.borrow().is_none()
            {
                let src = tag.attrs.iter().find(|a| &*a.name.local == "src");
                *self.0.borrow_mut() = src.map(|a| a.value.trim().to_owned());
            }
            TokenSinkResult::Continue
        }
    }
    if html.len() > 20_000 {
        return None;
    }
    let tokenizer = Tokenizer::new(Frames::default(), TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(html));
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    let src = tokenizer.sink.0.into_inner()?;
    web_address(base, &src).filter(|url| url.starts_with("https://"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn base() -> Url {
        Url::parse("https://news.example/2026/story").unwrap()
    }

    #[test]
    fn reads_open_graph_before_the_rest() {
        let page = r#"<!doctype html><html lang="en-GB"><head><title>Plain &amp; simple</title>
            <meta property="og:title" content="A &quot;story&quot;">
            <meta name="description" content="plain">
            <meta property="og:description" content=" Of
               things ">
            <meta property="og:image" content="/pic.png"><meta property="og:image:alt" content="A boat">
            <meta property="og:site_name" content="The News">
            <meta name="author" content="Sara">
            <meta name="fediverse:creator" content="@sara@news.example">
            <meta property="article:published_time" content="2026-05-04T10:20:30Z">
            <link rel="alternate" type="application/json+oembed" href="/oembed?url=x&amp;format=json">
            </head><body><svg><title>no</title></svg></body></html>"#;
        let preview = read(page, &base());
        assert_eq!(preview.title, "A \"story\"");
        assert_eq!(preview.description, "Of things");
        assert_eq!(
            preview.image.as_deref(),
            Some("https://news.example/pic.png")
        );
        assert_eq!(preview.image_description, "A boat");
        assert_eq!(preview.provider_name, "The News");
        assert_eq!(preview.author_name, "Sara");
        assert_eq!(preview.creator.as_deref(), Some("sara@news.example"));
        assert_eq!(preview.language.as_deref(), Some("en-GB"));
        assert_eq!(preview.published.as_deref(), Some("2026-05-04T10:20:30Z"));
        assert_eq!(
            preview.oembed.as_deref(),
            Some("https://news.example/oembed?url=x&format=json")
        );
    }

    #[test]
    fn falls_back_to_json_ld_and_the_title() {
        let page = r#"<title>Plain &amp; simple</title><script type="application/ld+json">
            {"@graph": [{"@type": "WebSite"}, {"@type": "NewsArticle", "description": "From LD",
             "author": [{"name": "Ann", "url": "/ann"}], "publisher": {"name": "Pub"}, "datePublished": "2026-01-01T00:00:00Z"}]}
            </script><p><title>second</title>"#;
        let preview = read(page, &base());
        assert_eq!(preview.title, "Plain & simple");
        assert_eq!(preview.description, "From LD");
        assert_eq!(preview.author_name, "Ann");
        assert_eq!(preview.author_url, "https://news.example/ann");
        assert_eq!(preview.provider_name, "Pub");
    }

    #[test]
    fn s9_addresses_are_of_the_web() {
        let page = r#"<meta property="og:image" content="javascript:alert(1)"><meta property="article:author" content="data:x">"#;
        let preview = read(page, &base());
        assert_eq!((preview.image, preview.author_url.as_str()), (None, ""));
        let html = |src: &str| {
            format!(
                r#"{{"type":"video","html":"<script>x</script><iframe src='{src}' onload='x'></iframe>","width":"640","height":360}}"#
            )
        };
        let video = embed(html("https://v.example/1").as_bytes(), &base()).unwrap();
        assert_eq!(video.player.as_deref(), Some("https://v.example/1"));
        assert_eq!((video.width, video.height), (640, 360));
        for bad in ["http://v.example/1", "javascript:alert(1)"] {
            assert_eq!(embed(html(bad).as_bytes(), &base()), None, "{bad}");
        }
        assert_eq!(
            embed(br#"{"type":"rich","html":"<b>x</b>"}"#, &base()),
            None
        );
    }

    #[test]
    fn s8_reading_is_linear() {
        for piece in [
            "<meta property=a content=b>",
            "<title>",
            "<script type='application/ld+json'>",
            "<div a='",
            "<!--",
        ] {
            let page = piece.repeat(1_000_000 / piece.len());
            let started = std::time::Instant::now();
            read(&page, &base());
            assert!(started.elapsed().as_secs() < 10, "{piece}");
        }
        let mut attributes = String::from("<p");
        (0..120_000).for_each(|n| attributes.push_str(&format!(" a{n:x}=1")));
        let started = std::time::Instant::now();
        read(&attributes, &base());
        assert!(started.elapsed().as_secs() < 10);
    }

    #[test]
    fn long_pages_are_read_whatever_they_begin_with() {
        for start in [
            format!("<style>{}</style>", "p { color: red }\n".repeat(5000)),
            format!(
                "<img src=\"data:image/png;base64,{}\">",
                "iVBORw0K".repeat(20_000)
            ),
            format!("<p>{}", "some words\u{a0}é ".repeat(20_000)),
            format!("<!-- {} -->", "licence ".repeat(1000)),
            format!("<a{}>", " a=\"'\"".repeat(1000)),
        ] {
            let page = format!("{start}<meta property='og:title' content='A'>");
            assert_eq!(read(&page, &base()).title, "A", "{start:.40}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(html in "\\PC*") {
            read(&html, &base());
            player(&html, &base());
            embed(html.as_bytes(), &base());
        }
    }
}
