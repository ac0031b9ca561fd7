//! What objects of other servers say: title, text, warning and language.

use serde_json::Value;
use url::Url;

use super::media;
use crate::federation::value::{first_id, flag, host, is_a, link, many, text, url};
use crate::text;
use crate::text::plain::{Entity, Kind, Link, compose, scan};
use crate::text::sanitize::{clean_account_html, clean_inline, clean_status_html};
use crate::text::{markdown, to_plain};

/// Bytes of content kept.
pub const MAX_CONTENT: usize = 100_000;
/// Characters of a title or content warning kept.
const MAX_TITLE: usize = 500;
/// Characters of one part of an address kept.
const MAX_PLACE: usize = 200;

/// The words of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wording {
    /// Plain text.
    pub title: String,
    /// Clean HTML.
    pub content: String,
    /// The content warning, in plain text.
    pub warning: String,
    pub language: Option<String>,
}

/// Reads what an object of a kind says; `own` is its id.
pub fn read(object: &Value, kind: &str, own: &Url) -> Wording {
    let (written, language) = content(object);
    let mut content = html_of(object, written);
    let mut title = clean_inline(title(object, kind).unwrap_or_default(), MAX_TITLE);
    let summary = text(object, "summary").unwrap_or_default();
    // Some repeat a line of a Note for those who show titles alone.
    if kind == "Note" && (summary == title || to_plain(&content).contains(&title)) {
        title.clear();
    }
    let is_note = matches!(kind, "Note" | "Question");
    let mut warning = String::new();
    // A summary warns of what is a note, or says that it is delicate; else it sums up.
    if is_note || flag(object, "sensitive") == Some(true) {
        // Misskey writes a space of no width for a warning without words.
        let words = summary.trim_matches(|c: char| c.is_whitespace() || c == '\u{200b}');
        warning = clean_inline(words, MAX_TITLE);
    }
    // Lotide says in its title what it says in its summary.
    if warning == title {
        warning.clear();
    }
    if content.is_empty() && warning.is_empty() && clean_inline(summary, MAX_TITLE) != title {
        content = clean(summary);
    }
    if kind == "Event" {
        content.insert_str(0, &when_and_where(object));
    }
    if !is_note {
        // Where a picture stood, which is shown with the files.
        content = content.replace("<p></p>", "");
    }
    if !is_note && let Some(shared) = shared_link(object, kind, own, written) {
        content.push_str(&shared);
    }
    Wording {
        title,
        content,
        warning,
        language,
    }
}

/// A title. A Note's `name` is the choice of a vote where it answers something, and else the
/// title that forums give it.
fn title<'a>(object: &'a Value, kind: &str) -> Option<&'a str> {
    let title = text(object, "name").or_else(|| {
        let map = object.get("nameMap")?.as_object()?;
        map.values().next()?.as_str()
    });
    title.filter(|_| kind != "Note" || first_id(object, "inReplyTo").is_none())
}

/// The text as it is written, and the language where it is told.
fn content(object: &Value) -> (&str, Option<String>) {
    let map = object.get("contentMap").and_then(Value::as_object);
    let written = text(object, "content");
    let entry = map.and_then(|map| {
        // The entry that says the same as `content`, else the first.
        map.iter()
            .find(|(_, value)| written.is_some() && value.as_str() == written)
            .or_else(|| {
                map.iter()
                    .next()
                    .filter(|_| map.len() == 1 || written.is_none())
            })
    });
    let named = object
        .pointer("/language/identifier")
        .or_else(|| object.get("language"))
        .or_else(|| object.get("inLanguage"))
        .and_then(Value::as_str);
    let language = entry
        .map(|(language, _)| language.as_str())
        .or(named)
        .and_then(text::language::normalize);
    let html = written
        .or_else(|| entry.and_then(|(_, value)| value.as_str()))
        .unwrap_or_default();
    (html, language)
}

/// Text as clean HTML, by what its object says it is written in: PeerTube writes Markdown.
fn html_of(object: &Value, written: &str) -> String {
    let mime = text(object, "mediaType").unwrap_or_default();
    let html = match mime.split(';').next().unwrap_or_default().trim() {
        "text/markdown" => markdown::render(head(written), &|entity| linked(object, entity)),
        "text/plain" => {
            let written = head(written);
            compose(written, &scan(written), &|entity| linked(object, entity))
        }
        _ => return clean(written),
    };
    cut(html)
}

/// Where a mention or hashtag in plain text leads, as the object's tags tell it.
fn linked(object: &Value, entity: &Entity) -> Option<Link> {
    let (kind, name) = match &entity.kind {
        Kind::Mention { username, domain } => match domain {
            Some(domain) => ("Mention", format!("{username}@{domain}")),
            None => ("Mention", username.clone()),
        },
        Kind::Hashtag(tag) => ("Hashtag", tag.clone()),
        Kind::Url(_) => return None,
    };
    let href = many(object, "tag")
        .iter()
        .take(100)
        .filter(|tag| is_a(tag, kind))
        .find(|tag| {
            let known = text(tag, "name").map(|known| known.trim_start_matches(['@', '#']));
            known.is_some_and(|known| known.eq_ignore_ascii_case(&name))
        })
        .and_then(|tag| text(tag, "href"))
        .and_then(link)?;
    Some(Link {
        href: href.to_owned(),
        label: None,
    })
}

/// A bio: HTML, or plain text with its lines and links (PeerTube, Lotide).
pub fn bio(written: &str, max: usize) -> String {
    let written = &written[..written.floor_char_boundary(max)];
    if written.contains('<') || !written.trim().contains('\n') {
        return clean_account_html(written);
    }
    let lines: Vec<String> = written.lines().map(to_plain).collect();
    let plain = lines.join("\n");
    clean_account_html(&compose(&plain, &scan(&plain), &|_| None))
}

/// What a page of a link aggregator is about: an attachment, or (Lotide, Friendica) its `url`.
/// Nothing where the text has it already, or it is shown as a file.
fn shared_link(object: &Value, kind: &str, own: &Url, written: &str) -> Option<String> {
    let attached = many(object, "attachment")
        .iter()
        .filter(|attachment| is_a(attachment, "Link") && !media::is_file(attachment))
        .find_map(|attachment| text(attachment, "href").and_then(link));
    let elsewhere = || {
        let page = many(object, "url").first().and_then(url).and_then(link)?;
        let host = Url::parse(page).ok()?.host_str()?.to_owned();
        (kind == "Page" && Some(host.as_str()) != own.host_str()).then_some(page)
    };
    let shared = attached.or_else(elsewhere)?;
    let parsed = Url::parse(shared).ok()?;
    let is_own = parsed.host() == own.host() && parsed.path() == own.path();
    let (href, label) = (text::escape(shared), text::escape(&host(&parsed)));
    if is_own || written.contains(shared) || written.contains(&href) {
        return None;
    }
    Some(clean_status_html(&format!(
        "<p><a href=\"{href}\">{label}{}</a></p>",
        text::escape(parsed.path())
    )))
}

/// When and where an event is, as one line of HTML: its own clock, and the names of the place.
fn when_and_where(event: &Value) -> String {
    let start = text(event, "startTime").and_then(wall_clock);
    let end = text(event, "endTime").and_then(wall_clock);
    let mut parts: Vec<String> = Vec::new();
    if let Some((day, time, offset)) = start {
        let until = match end {
            Some((last, until, _)) if last == day => format!(" – {until}"),
            Some((last, until, _)) => format!(" – {last} {until}"),
            None => String::new(),
        };
        let zone = if offset == "+00:00" { "UTC" } else { offset };
        parts.push(format!("{day} {time}{until} ({zone})"));
    }
    let place = many(event, "location").first();
    let address = place.and_then(|place| place.get("address"));
    let named = place.and_then(|place| text(place, "name")).into_iter();
    let addressed = ["streetAddress", "addressLocality", "addressCountry"]
        .iter()
        .filter_map(|part| address.and_then(|address| text(address, part)));
    let mut places: Vec<String> = Vec::new();
    for part in named.chain(addressed) {
        let part = clean_inline(part, MAX_PLACE);
        if !part.is_empty() && !places.contains(&part) {
            places.push(part);
        }
    }
    parts.extend((!places.is_empty()).then(|| places.join(", ")));
    if parts.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = parts.iter().map(|part| text::escape(part)).collect();
    clean_status_html(&format!("<p>{}</p>", lines.join("<br>")))
}

/// Day, time of day and offset of an ISO 8601 time as they are written.
fn wall_clock(written: &str) -> Option<(&str, &str, &str)> {
    crate::clock::parse_iso(written)?;
    let (day, rest) = written.split_once(['T', ' '])?;
    let time = rest.get(..5)?;
    let offset = rest
        .find(['+', '-'])
        .and_then(|at| rest.get(at..))
        .unwrap_or("+00:00");
    Some((day, time, offset))
}

/// Cleans HTML, and keeps of it what fits into [`MAX_CONTENT`].
fn clean(html: &str) -> String {
    cut(clean_status_html(html))
}

fn cut(cleaned: String) -> String {
    if cleaned.len() <= MAX_CONTENT {
        return cleaned;
    }
    clean_status_html(head(&cleaned))
}

/// The longest start of a text that fits into [`MAX_CONTENT`].
fn head(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_CONTENT)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn says(object: Value) -> Wording {
        let kind = object["type"].as_str().unwrap_or("Note").to_owned();
        read(&object, &kind, &Url::parse("https://a.example/1").unwrap())
    }

    #[test]
    fn titles_and_warnings() {
        let note = says(json!({"type": "Note", "name": "Boats", "content": "<p>x</p>"}));
        assert_eq!(
            (note.title.as_str(), note.content.as_str()),
            ("Boats", "<p>x</p>")
        );
        let vote = says(json!({"type": "Note", "name": "Red", "inReplyTo": "https://b.example/1"}));
        assert_eq!(vote.title, "");
        let misskey = says(json!({"type": "Note", "summary": "\u{200b}", "content": "x"}));
        assert_eq!(misskey.warning, "");
        let lotide = says(json!({"type": "Page", "name": "Boats", "summary": "Boats",
            "url": "https://news.example/boats"}));
        assert!(
            lotide
                .content
                .starts_with("<p><a href=\"https://news.example/boats\"")
        );
        let article = json!({"type": "Article", "name": "Boats", "summary": "All of it"});
        assert_eq!(says(article.clone()).content, "All of it");
        let mut delicate = article;
        delicate["sensitive"] = json!(true);
        delicate["content"] = json!("<p>x</p>");
        assert_eq!(says(delicate).warning, "All of it");
    }

    #[test]
    fn text_is_read_as_what_it_is_written_in() {
        let tag =
            json!([{"type": "Mention", "name": "@bob@b.example", "href": "https://b.example/bob"}]);
        let markdown = says(
            json!({"type": "Note", "mediaType": "text/markdown", "tag": tag,
            "content": "*hi* @bob@b.example\n\nhttps://c.example/1"}),
        );
        assert!(
            markdown.content.starts_with("<p><em>hi</em> "),
            "{}",
            markdown.content
        );
        assert!(markdown.content.contains("href=\"https://b.example/bob\""));
        assert!(markdown.content.contains("href=\"https://c.example/1\""));
        let plain = says(json!({"type": "Note", "mediaType": "text/plain", "content": "a < b\nc"}));
        assert_eq!(plain.content, "<p>a &lt; b<br />c</p>");
        assert_eq!(bio("Tom &amp; co", 100), "Tom &amp; co");
        let lines = bio("I'm Tom &amp; co\n\nhttps://a.example", 100);
        assert!(lines.starts_with("<p>I"), "{lines}");
        assert!(
            lines.contains("Tom &amp; co</p>") && lines.contains("<a href"),
            "{lines}"
        );
    }

    #[test]
    fn a_shared_link_stands_there_once() {
        let link = json!([{"type": "Link", "href": "https://news.example/1"}]);
        let page = |content: &str| {
            says(json!({"type": "Page", "content": content, "attachment": link})).content
        };
        assert_eq!(page("x").matches("https://news.example/1").count(), 1);
        let written = page("<a href=\"https://news.example/1\">x</a>");
        assert_eq!(written.matches("https://news.example/1").count(), 1);
        let picture = json!([{"type": "Link", "href": "https://news.example/1.png"}]);
        let shown = says(json!({"type": "Page", "content": "x", "attachment": picture}));
        assert_eq!(shown.content, "x");
    }

    #[test]
    fn events_say_when_and_where() {
        let event = |start: &str, end: &str, place: Value| {
            says(json!({"type": "Event", "startTime": start, "endTime": end, "location": place}))
                .content
        };
        let hall = json!({"type": "Place", "name": "The <hall>",
            "address": {"streetAddress": "Quay 1", "addressLocality": "Hull"}});
        assert_eq!(
            event(
                "2024-05-04T19:00:00+00:00",
                "2024-05-04T21:00:00+00:00",
                hall
            ),
            "<p>2024-05-04 19:00 – 21:00 (UTC)<br>The, Quay 1, Hull</p>"
        );
        assert_eq!(
            event(
                "2024-05-04T19:00:00+02:00",
                "2024-05-05T01:30:00+02:00",
                json!(null)
            ),
            "<p>2024-05-04 19:00 – 2024-05-05 01:30 (+02:00)</p>"
        );
        assert_eq!(event("soon", "later", json!([])), "");
    }
}
