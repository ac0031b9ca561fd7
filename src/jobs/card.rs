//! Fetches what a link leads to and makes a preview of it: within a budget, through the guarded
//! client, with no connection held.

use std::time::Duration;

use encoding_rs::{Encoding, UTF_8};
use http::header;
use url::Url;

use super::JobError;
use crate::app::App;
use crate::client::{Budget, FetchError, GetOptions, Limits};
use crate::clock::parse_iso;
use crate::db::cards::Card;
use crate::db::{self};
use crate::domain::cards;
use crate::error::AppResult;
use crate::federation::{Found, find};
use crate::media::storage::Key;
use crate::text::names::parse_handle;
use crate::text::preview::{self, Embed, Preview};

/// What one preview may cost: the page, its oEmbed document, its picture, and redirects.
const LIMITS: Limits = Limits {
    requests: 12,
    bytes: 24 * 1024 * 1024,
    depth: 1,
    time: Duration::from_secs(40),
};
/// As much of a page is read: what it says of itself stands at its beginning.
const MAX_PAGE: usize = 1024 * 1024;
/// The largest oEmbed document.
const MAX_OEMBED: u64 = 256 * 1024;
/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(12);
/// Attempts before a page that does not answer has no preview.
const ATTEMPTS: i64 = 3;

/// Fetches the preview of a card's URL and writes it down.
pub async fn fetch(app: &App, card_id: i64, attempts: i64) -> Result<(), JobError> {
    let card = app
        .read(move |c| Box::pin(async move { Ok(db::cards::by_ids(c, &[card_id]).await?.pop()) }))
        .await
        .map_err(JobError::retry)?;
    let Some(card) = card else { return Ok(()) };
    let found = match look(app, &card).await {
        Ok(found) => found,
        Err(Trouble::Later(reason)) if attempts < ATTEMPTS => {
            return Err(JobError::retry(anyhow::anyhow!(reason)));
        }
        Err(Trouble::Later(reason) | Trouble::Never(reason)) => {
            tracing::debug!(url = card.url, reason, "a link has no preview");
            None
        }
        Err(Trouble::Ours(error)) => return Err(JobError::retry(error)),
    };
    let ctx = app.ctx.clone();
    let old = app
        .write(move |tx| Box::pin(async move { cards::fetched(tx, &ctx, card_id, found).await }))
        .await
        .map_err(JobError::retry)?;
    if let Some(old) = old
        && let Ok(key) = old.parse()
    {
        app.storage.delete(&key).await.map_err(JobError::retry)?;
    }
    Ok(())
}

enum Trouble {
    /// The other side may do better.
    Later(String),
    /// It will not.
    Never(String),
    /// It is ours.
    Ours(anyhow::Error),
}

impl From<FetchError> for Trouble {
    fn from(error: FetchError) -> Trouble {
        match error {
            FetchError::Timeout | FetchError::Connect(_) | FetchError::Protocol(_) => {
                Trouble::Later(error.to_string())
            }
            _ => Trouble::Never(error.to_string()),
        }
    }
}

impl From<crate::error::AppError> for Trouble {
    fn from(error: crate::error::AppError) -> Trouble {
        Trouble::Ours(error.into())
    }
}

/// What is to be shown; `None` for a page that says nothing.
async fn look(app: &App, card: &Card) -> Result<Option<Card>, Trouble> {
    let url = Url::parse(&card.url).map_err(|e| Trouble::Never(e.to_string()))?;
    if is_blocked(app, &url).await? {
        return Err(Trouble::Never("the domain is blocked".to_owned()));
    }
    let budget = Budget::new(LIMITS);
    let (base, page) = page(app, &url, &budget).await?;
    if is_blocked(app, &base).await? {
        return Err(Trouble::Never("redirects to a blocked domain".to_owned()));
    }
    // Reading a large page takes a moment.
    let from = base.clone();
    let preview = tokio::task::spawn_blocking(move || preview::read(&page, &from))
        .await
        .map_err(|e| Trouble::Ours(e.into()))?;
    let embed = match &preview.oembed {
        Some(at) => oembed(app, at, &budget).await,
        None => None,
    };
    let title = match &embed {
        Some(embed) if preview.title.is_empty() => embed.title.clone(),
        _ => preview.title.clone(),
    };
    if title.is_empty() {
        return Ok(None);
    }
    let mut made = Card {
        state: db::cards::READY,
        title,
        description: preview.description.clone(),
        author_name: preview.author_name.clone(),
        author_url: preview.author_url.clone(),
        author_account_id: author(app, &preview, &base).await?,
        provider_name: preview.provider_name.clone(),
        language: preview.language.clone(),
        image_description: preview.image_description.clone(),
        published_at: preview.published.as_deref().and_then(parse_iso),
        kind: "link".to_owned(),
        html: String::new(),
        embed_url: String::new(),
        provider_url: String::new(),
        image: String::new(),
        blurhash: String::new(),
        width: 0,
        height: 0,
        ..card.clone()
    };
    let mut picture = preview.image;
    if let Some(embed) = embed {
        picture = apply(embed, &mut made).or(picture);
    }
    if let Some(at) = picture
        && let Some(found) = image(app, card.id, &at, &budget).await?
    {
        made.image = found.key;
        made.blurhash = found.blurhash;
        // A player has its own size.
        if made.html.is_empty() {
            (made.width, made.height) = found.size;
        }
    }
    Ok(Some(made))
}

/// Takes over what an oEmbed document says; gives back its picture.
fn apply(embed: Embed, card: &mut Card) -> Option<String> {
    embed.kind.clone_into(&mut card.kind);
    for (known, told) in [
        (&mut card.author_name, embed.author_name),
        (&mut card.author_url, embed.author_url),
        (&mut card.provider_name, embed.provider_name),
        (&mut card.provider_url, embed.provider_url),
    ] {
        if !told.is_empty() {
            *known = told;
        }
    }
    (card.width, card.height) = (embed.width, embed.height);
    if let Some(player) = embed.player {
        let (width, height) = (embed.width.max(1), embed.height.max(1));
        let src = crate::text::escape(&player);
        card.html = format!(
            "<iframe src=\"{src}\" width=\"{width}\" height=\"{height}\" frameborder=\"0\" \
             allowfullscreen sandbox=\"allow-scripts allow-same-origin allow-popups\"></iframe>"
        );
    }
    if let Some(photo) = &embed.url {
        card.embed_url.clone_from(photo);
    }
    embed.url.or(embed.thumbnail)
}

async fn is_blocked(app: &App, url: &Url) -> AppResult<bool> {
    let host = url.host_str().unwrap_or_default();
    Ok(app.policies().await?.shuns(host))
}

/// The beginning of a page, as text, and where it came from.
async fn page(app: &App, url: &Url, budget: &Budget) -> Result<(Url, String), Trouble> {
    let policies = app.policies().await?;
    let options = GetOptions {
        accept: "text/html, application/xhtml+xml;q=0.9",
        // More may come; it is not read.
        max_bytes: 32 * 1024 * 1024,
        timeout: TIMEOUT,
        max_redirects: 5,
        sign: None,
        admits: Some(&|url| !policies.shuns(url.host_str().unwrap_or_default())),
    };
    let mut answer = app.client.get_stream(url, &options, budget).await?;
    match answer.status.as_u16() {
        200..=299 => {}
        408 | 425 | 429 | 500..=599 => {
            return Err(Trouble::Later(format!("answered {}", answer.status)));
        }
        _ => return Err(Trouble::Never(format!("answered {}", answer.status))),
    }
    let content_type = answer
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let media = content_type.split(';').next().unwrap_or_default().trim();
    if !matches!(
        media.to_ascii_lowercase().as_str(),
        "text/html" | "application/xhtml+xml"
    ) {
        return Err(Trouble::Never(format!("is no page but {media:.100}")));
    }
    let mut body = Vec::new();
    while body.len() < MAX_PAGE {
        match answer.chunk().await? {
            Some(chunk) => body.extend_from_slice(&chunk),
            None => break,
        }
    }
    body.truncate(MAX_PAGE);
    let base = answer.url.clone();
    Ok((base, decode(&body, &content_type)))
}

/// A page's text: by the byte order mark, the header, the page's own word, else UTF-8.
fn decode(body: &[u8], content_type: &str) -> String {
    let label = |text: &str| {
        let (_, rest) = text.split_once("charset=")?;
        let label = rest
            .trim_start_matches(['"', '\''])
            .split(|c: char| matches!(c, '"' | '\'' | ';' | '>' | '/') || c.is_whitespace())
            .next()?;
        Encoding::for_label(label.as_bytes())
    };
    let head = String::from_utf8_lossy(&body[..body.len().min(2048)]).to_ascii_lowercase();
    let encoding = label(&content_type.to_ascii_lowercase())
        .or_else(|| label(&head))
        .unwrap_or(UTF_8);
    encoding.decode(body).0.into_owned()
}

async fn oembed(app: &App, at: &str, budget: &Budget) -> Option<Embed> {
    let url = Url::parse(at).ok()?;
    let policies = app.policies().await.ok()?;
    let options = GetOptions {
        accept: "application/json",
        max_bytes: MAX_OEMBED,
        timeout: TIMEOUT,
        max_redirects: 3,
        sign: None,
        admits: Some(&|url| !policies.shuns(url.host_str().unwrap_or_default())),
    };
    let answer = app.client.get(&url, &options, budget).await.ok()?;
    if !answer.status.is_success() {
        return None;
    }
    preview::embed(&answer.body, &answer.url)
}

struct Picture {
    key: String,
    blurhash: String,
    size: (i64, i64),
}

/// Fetches a picture and keeps it small, without what it says besides; `None` where it will not
/// do.
async fn image(
    app: &App,
    card_id: i64,
    at: &str,
    budget: &Budget,
) -> Result<Option<Picture>, Trouble> {
    let Ok(url) = Url::parse(at) else {
        return Ok(None);
    };
    if app.room.is_low(app.storage.room_for_copies()) {
        return Ok(None);
    }
    let policies = app.policies().await?;
    let options = GetOptions {
        accept: "image/webp, image/png, image/jpeg, image/gif;q=0.8",
        max_bytes: app.intake.limits().max_bytes as u64,
        timeout: TIMEOUT,
        max_redirects: 3,
        sign: None,
        admits: Some(&|url| !policies.rejects_file(url)),
    };
    let answer = match app.client.get(&url, &options, budget).await {
        Ok(answer) if answer.status.is_success() => answer,
        _ => return Ok(None),
    };
    let Ok(done) = app.intake.process(answer.body).await else {
        return Ok(None);
    };
    let extension = done.small.format.extension();
    let key = Key::for_content("cards", &card_id.to_string(), &done.small.bytes, extension)
        .map_err(|e| Trouble::Ours(e.into()))?;
    app.storage
        .put(&key, done.small.bytes.clone())
        .await
        .map_err(|e| Trouble::Ours(e.into()))?;
    Ok(Some(Picture {
        key: key.to_string(),
        blurhash: done.blurhash,
        size: (done.small.width.into(), done.small.height.into()),
    }))
}

/// The account of a page's author, where the page is on that account's own domain: then its
/// word is good.
async fn author(app: &App, preview: &Preview, base: &Url) -> AppResult<Option<i64>> {
    let Some(creator) = &preview.creator else {
        return Ok(None);
    };
    let host = base.host_str().unwrap_or_default();
    let vouched = parse_handle(creator)
        .and_then(|handle| handle.domain)
        .is_some_and(|domain| {
            let domain = domain.split(':').next().unwrap_or_default();
            host == domain || host.strip_suffix(domain).is_some_and(|h| h.ends_with('.'))
        });
    if !vouched {
        return Ok(None);
    }
    Ok(match find(app, creator, true).await? {
        Some(Found::Account(id)) => Some(id),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_read_in_their_own_encoding() {
        let latin = b"<meta charset=\"iso-8859-1\"><title>caf\xe9</title>";
        assert!(decode(latin, "text/html").contains("café"));
        let header = b"<title>caf\xe9</title>";
        assert!(decode(header, "text/html; charset=windows-1252").contains("café"));
        assert!(decode("<title>café</title>".as_bytes(), "text/html").contains("café"));
        decode(b"<meta charset=nonsense>\xff", "text/html; charset=");
    }

    #[test]
    fn players_are_put_in_frames_of_ours() {
        let embed = Embed {
            kind: "video",
            player: Some("https://v.example/\"><script>".to_owned()),
            width: 640,
            height: 360,
            provider_name: "V".to_owned(),
            ..Embed::default()
        };
        let mut card = Card {
            id: 1,
            url: String::new(),
            state: 1,
            kind: String::new(),
            title: String::new(),
            description: String::new(),
            author_name: "Ann".to_owned(),
            author_url: String::new(),
            author_account_id: None,
            provider_name: String::new(),
            provider_url: String::new(),
            html: String::new(),
            width: 0,
            height: 0,
            image: String::new(),
            image_description: String::new(),
            embed_url: String::new(),
            blurhash: String::new(),
            language: None,
            published_at: None,
            fetched_at: 0,
            created_at: 0,
        };
        assert_eq!(apply(embed, &mut card), None);
        assert_eq!(
            (card.kind.as_str(), card.provider_name.as_str()),
            ("video", "V")
        );
        assert_eq!(card.author_name, "Ann");
        assert!(card.html.starts_with(
            "<iframe src=\"https://v.example/&quot;&gt;&lt;script&gt;\" width=\"640\""
        ));
    }
}
