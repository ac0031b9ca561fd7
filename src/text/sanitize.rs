//! What remote servers send, made safe to show.
//!
//! Three steps. The markup is first written anew: only known elements, quoted
//! attributes, properly nested, no deeper than [`MAX_DEPTH`]; that bounds the
//! work of what follows whatever the input looks like. Then ammonia, a real
//! HTML parser, decides on elements, attributes and URL schemes: it alone is
//! trusted for safety. Last, links it left without a target become text.
//!
//! The subset is the one Mastodon keeps (`lib/sanitize_ext/sanitize_config.rb`,
//! documented at docs.joinmastodon.org/spec/activitypub/#sanitization).

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use ammonia::{Builder, UrlRelative};

use super::grapheme;
use super::markup::{Token, Tokens, is_dropped, is_raw_text, is_separator};

/// Input beyond this many bytes is cut off. The serialiser of what was parsed takes a time that grows with the square
/// of a text full of `&`: a megabyte of them a second, this much a twentieth of that.
pub const MAX_STATUS_HTML: usize = 1 << 18;
/// The same for account bios.
pub const MAX_ACCOUNT_HTML: usize = 1 << 16;
/// Elements nested deeper than this lose their tags and keep their text.
pub const MAX_DEPTH: usize = 100;

const SCHEMES: &[&str] = &[
    "http", "https", "dat", "dweb", "ipfs", "ipns", "ssb", "gopher", "xmpp", "magnet", "gemini",
];
const LINK_REL: &str = "nofollow noopener noreferrer";

/// Cleans the HTML of a status, or of anything else that is shown like one.
/// Headings become bold paragraphs, other unknown elements their content;
/// scripts, styles, frames and embedded documents go with their content.
/// Input beyond [`MAX_STATUS_HTML`] bytes is cut off.
pub fn clean_status_html(html: &str) -> String {
    clean(html, MAX_STATUS_HTML)
}

/// Cleans the HTML of an account's bio or profile field: the subset of
/// [`clean_status_html`], input beyond [`MAX_ACCOUNT_HTML`] bytes cut off.
pub fn clean_account_html(html: &str) -> String {
    clean(html, MAX_ACCOUNT_HTML)
}

/// Reduces a display name, title or similar to one line of plain text: no
/// tags, no control or bidi-override characters, white space collapsed, at
/// most `max_chars` user-perceived characters. The result is text and still
/// has to be escaped for HTML; entities are left as they are.
pub fn clean_inline(input: &str, max_chars: usize) -> String {
    // Longer than any cluster a name needs; bounds the work on the rest.
    let input = head(input, max_chars.saturating_mul(64).min(MAX_STATUS_HTML));
    let stripped = strip_tags(input);
    let mut out = String::with_capacity(stripped.len());
    let mut space = false;
    for c in stripped.chars() {
        if c.is_whitespace() {
            space = true;
        } else if !is_invisible_control(c) {
            if space && !out.is_empty() {
                out.push(' ');
            }
            space = false;
            out.push(c);
        }
    }
    grapheme::truncate(&out, max_chars).trim_end().to_owned()
}

fn strip_tags(input: &str) -> Cow<'_, str> {
    if !input.contains('<') {
        return Cow::Borrowed(input);
    }
    let mut text = String::with_capacity(input.len());
    let mut tokens = Tokens::new(input);
    while let Some(token) = tokens.next() {
        match token {
            Token::Text(part) => text.push_str(part),
            Token::Start { name, .. } if is_raw_text(name) => tokens.skip_raw_text(name),
            Token::Start { .. } | Token::End { .. } => {}
        }
    }
    // Removing a tag may have joined `<` with what follows into a new one.
    let mut out = String::with_capacity(text.len());
    for c in text.chars().filter(|c| !is_invisible_control(*c)) {
        if c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?') {
            out.truncate(out.trim_end_matches('<').len());
        }
        out.push(c);
    }
    Cow::Owned(out)
}

/// Control characters, and the ones that reorder the text around them.
fn is_invisible_control(c: char) -> bool {
    (c.is_control() && !c.is_whitespace())
        || matches!(
            c,
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        )
}

/// The longest start of `text` that fits into `bytes`.
fn head(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

fn clean(html: &str, max_bytes: usize) -> String {
    let written = rewrite(head(html, max_bytes));
    let cleaned = CLEANER.clean(&written).to_string();
    settle_line_breaks(unwrap_dead_links(cleaned))
}

static CLEANER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::empty();
    builder
        .tags(ELEMENTS.iter().copied().collect())
        .generic_attributes(HashSet::from(["lang"]))
        .tag_attributes(HashMap::from([
            ("a", HashSet::from(["href", "class", "translate"])),
            ("span", HashSet::from(["class", "translate"])),
            ("p", HashSet::from(["class"])),
            ("ol", HashSet::from(["start", "reversed"])),
            ("li", HashSet::from(["value"])),
        ]))
        .set_tag_attribute_value("a", "target", "_blank")
        .link_rel(Some(LINK_REL))
        .url_schemes(SCHEMES.iter().copied().collect())
        .url_relative(UrlRelative::Deny)
        .attribute_filter(filter_attribute);
    builder
});

fn filter_attribute<'v>(_element: &str, attribute: &str, value: &'v str) -> Option<Cow<'v, str>> {
    match attribute {
        "class" => {
            let kept: Vec<_> = value
                .split_ascii_whitespace()
                .filter(|class| is_kept_class(class))
                .collect();
            (!kept.is_empty()).then(|| kept.join(" ").into())
        }
        "translate" => (value == "no").then_some(Cow::Borrowed(value)),
        "lang" => {
            let plausible = (1..=35).contains(&value.len())
                && value
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-');
            plausible.then_some(Cow::Borrowed(value))
        }
        "start" | "value" => value
            .trim()
            .parse::<i32>()
            .ok()
            .map(|n| n.to_string().into()),
        "reversed" => Some(Cow::Borrowed("")),
        _ => Some(Cow::Borrowed(value)),
    }
}

fn is_kept_class(class: &str) -> bool {
    const MICROFORMATS: &[&str] = &["h-", "p-", "u-", "dt-", "e-"];
    matches!(
        class,
        "mention" | "hashtag" | "ellipsis" | "invisible" | "quote-inline"
    ) || MICROFORMATS.iter().any(|prefix| class.starts_with(prefix))
}

/// Replaces `a` elements whose `href` was refused by their content. Only whole
/// tags are taken out of ammonia's output, so nothing in it changes meaning.
fn unwrap_dead_links(cleaned: String) -> String {
    if !cleaned.contains("<a ") {
        return cleaned;
    }
    let mut out = String::with_capacity(cleaned.len());
    let mut copied = 0;
    let mut in_dead_link = false;
    let mut search = 0;
    while let Some(offset) = cleaned[search..].find('<') {
        let start = search + offset;
        let tag = &cleaned[start..];
        let length = tag_length(tag);
        search = start + length;
        let dead = if tag.starts_with("<a ") {
            in_dead_link = !has_href(tag);
            in_dead_link
        } else {
            tag.starts_with("</a>") && std::mem::take(&mut in_dead_link)
        };
        if dead {
            out.push_str(&cleaned[copied..start]);
            copied = search;
        }
    }
    out.push_str(&cleaned[copied..]);
    out
}

/// Takes out what the next parser would read otherwise than it is written: carriage returns, which are line breaks to
/// it, and line breaks that open a `pre`, of which it leaves out one.
fn settle_line_breaks(cleaned: String) -> String {
    let cleaned = if cleaned.contains('\r') {
        cleaned.replace("\r\n", "\n").replace('\r', "\n")
    } else {
        cleaned
    };
    if !cleaned.contains("<pre") {
        return cleaned;
    }
    let mut out = String::with_capacity(cleaned.len());
    let mut rest = cleaned.as_str();
    while let Some(at) = rest.find("<pre") {
        let (before, tag) = rest.split_at(at);
        let (tag, after) = tag.split_at(tag_length(tag));
        out.push_str(before);
        out.push_str(tag);
        rest = after.trim_start_matches('\n');
    }
    out.push_str(rest);
    out
}

/// The length of the serialised tag that `text` starts with: attribute values
/// are always in double quotes there.
fn tag_length(text: &str) -> usize {
    let mut quoted = false;
    for (at, b) in text.bytes().enumerate() {
        match b {
            b'"' => quoted = !quoted,
            b'>' if !quoted => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn has_href(tag: &str) -> bool {
    match Tokens::new(tag).next() {
        Some(Token::Start { attributes, .. }) => attributes.iter().any(|(name, _)| *name == "href"),
        _ => false,
    }
}

/// Every element that may appear in the result.
const ELEMENTS: &[&str] = &[
    "p",
    "br",
    "span",
    "a",
    "del",
    "s",
    "pre",
    "blockquote",
    "code",
    "b",
    "strong",
    "u",
    "i",
    "em",
    "ul",
    "ol",
    "li",
    "ruby",
    "rt",
    "rp",
];
/// An open heading, written as a bold paragraph.
const HEADING: &str = "h";

/// The canonical name of a kept element, or [`HEADING`].
fn kept_element(name: &str) -> Option<&'static str> {
    if let [b'h' | b'H', b'1'..=b'6'] = name.as_bytes() {
        return Some(HEADING);
    }
    ELEMENTS
        .iter()
        .copied()
        .find(|element| element.eq_ignore_ascii_case(name))
}

/// Attributes worth passing on; ammonia decides about their values.
fn kept_attributes(element: &str) -> &'static [&'static str] {
    match element {
        "a" => &["href", "class", "translate", "lang"],
        "span" => &["class", "translate", "lang"],
        "p" => &["class", "lang"],
        "ol" => &["start", "reversed", "lang"],
        "li" => &["value", "lang"],
        _ => &["lang"],
    }
}

/// Writes markup anew, well-formed and no deeper than [`MAX_DEPTH`].
fn rewrite(html: &str) -> String {
    let mut writer = Rewriter {
        out: String::with_capacity(html.len() + html.len() / 8),
        open: Vec::new(),
        too_deep: 0,
    };
    let mut tokens = Tokens::new(html);
    while let Some(token) = tokens.next() {
        match token {
            Token::Text(text) => writer.text(text),
            Token::Start {
                name,
                attributes,
                self_closing,
            } => {
                if is_raw_text(name) {
                    tokens.skip_raw_text(name);
                } else if name.eq_ignore_ascii_case("math") {
                    if !self_closing {
                        writer.math(&attributes, &mut tokens);
                    }
                } else if is_dropped(name) {
                    if !self_closing {
                        tokens.skip_element(name);
                    }
                } else if let Some(element) = kept_element(name) {
                    writer.start(element, &attributes);
                } else if is_separator(name) {
                    writer.separate();
                }
            }
            Token::End { name } => {
                if let Some(element) = kept_element(name) {
                    writer.end(element);
                } else if is_separator(name) {
                    writer.separate();
                }
            }
        }
    }
    writer.close_down_to(0);
    writer.out
}

struct Rewriter {
    out: String,
    open: Vec<&'static str>,
    /// Elements open beyond [`MAX_DEPTH`], which are not written.
    too_deep: usize,
}

impl Rewriter {
    /// Character data: entities are left for ammonia to decode.
    fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                c => self.out.push(c),
            }
        }
    }

    fn separate(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with([' ', '\n', '>']) {
            self.out.push(' ');
        }
    }

    fn start(&mut self, element: &'static str, attributes: &[(&str, &str)]) {
        if element == "br" {
            self.out.push_str("<br>");
            return;
        }
        if self.too_deep > 0 {
            self.too_deep += 1;
            return;
        }
        self.close_implied(element);
        if self.open.len() >= MAX_DEPTH {
            self.too_deep = 1;
            return;
        }
        self.open.push(element);
        if element == HEADING {
            self.out.push_str("<p><strong>");
            return;
        }
        self.out.push('<');
        self.out.push_str(element);
        for wanted in kept_attributes(element) {
            let found = attributes
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            if let Some((_, value)) = found {
                self.out.push(' ');
                self.out.push_str(wanted);
                self.out.push_str("=\"");
                for c in value.chars() {
                    match c {
                        '"' => self.out.push_str("&quot;"),
                        '<' => self.out.push_str("&lt;"),
                        '>' => self.out.push_str("&gt;"),
                        c => self.out.push(c),
                    }
                }
                self.out.push('"');
            }
        }
        self.out.push('>');
    }

    /// Closes what HTML closes by itself when `element` starts.
    fn close_implied(&mut self, element: &str) {
        let (closed, within): (&[&str], &[&str]) = match element {
            "p" | "pre" | "blockquote" | "ul" | "ol" | HEADING => (&["p", HEADING], &[]),
            "li" => (&["p", HEADING, "li"], &["ul", "ol", "blockquote", "pre"]),
            "a" => (&["a"], &[]),
            "rt" | "rp" => (&["rt", "rp"], &["ruby"]),
            _ => return,
        };
        let scope = self
            .open
            .iter()
            .rposition(|e| within.contains(e))
            .map_or(0, |at| at + 1);
        // The outermost of them: what is inside goes with it.
        let found = self.open[scope..].iter().position(|e| closed.contains(e));
        if let Some(at) = found {
            self.close_down_to(scope + at);
        }
    }

    fn end(&mut self, element: &'static str) {
        if element == "br" {
            return;
        }
        if self.too_deep > 0 {
            self.too_deep -= 1;
        } else if let Some(at) = self.open.iter().rposition(|e| *e == element) {
            self.close_down_to(at);
        }
    }

    fn close_down_to(&mut self, depth: usize) {
        while self.open.len() > depth {
            match self.open.pop() {
                Some(HEADING) => self.out.push_str("</strong></p>"),
                Some(element) => {
                    self.out.push_str("</");
                    self.out.push_str(element);
                    self.out.push('>');
                }
                None => return,
            }
        }
    }

    /// Shows a formula by its annotation, TeX if there is one (FEP-dc88).
    fn math(&mut self, attributes: &[(&str, &str)], tokens: &mut Tokens<'_>) {
        let mut tex: Option<String> = None;
        let mut plain: Option<String> = None;
        let mut reading: Option<bool> = None;
        while let Some(token) = tokens.next() {
            match token {
                Token::Start {
                    name, attributes, ..
                } => {
                    if is_raw_text(name) {
                        tokens.skip_raw_text(name);
                    }
                    reading = if name.eq_ignore_ascii_case("annotation") {
                        match attribute(&attributes, "encoding") {
                            Some("application/x-tex") if tex.is_none() => Some(true),
                            Some("text/plain") if plain.is_none() => Some(false),
                            _ => None,
                        }
                    } else {
                        None
                    };
                }
                Token::End { name } if name.eq_ignore_ascii_case("math") => break,
                Token::End { .. } => reading = None,
                Token::Text(text) => match reading {
                    Some(true) => tex.get_or_insert_default().push_str(text),
                    Some(false) => plain.get_or_insert_default().push_str(text),
                    None => {}
                },
            }
        }
        if let Some(tex) = tex {
            let sign = if attribute(attributes, "display") == Some("block") {
                "$$"
            } else {
                "$"
            };
            self.text(&format!("{sign}{}{sign}", tex.trim()));
        } else if let Some(plain) = plain {
            self.text(&plain);
        }
    }
}

fn attribute<'a>(attributes: &[(&str, &'a str)], wanted: &str) -> Option<&'a str> {
    attributes
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
        .map(|(_, value)| *value)
}

#[cfg(test)]
#[path = "sanitize_tests.rs"]
mod tests;
