//! The parts that pages are made of. Texts are plain and escaped when rendered, except where the type is [`Html`].
//! Times are milliseconds since the epoch. Addresses may be absolute or begin with `/`.

use std::fmt;

/// HTML that is shown as it is. Make it only from sanitised text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Html(pub String);

impl fmt::Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Html {}

/// The server, as every page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Name of the instance.
    pub title: String,
    /// Domain of its handles, and what people type into apps.
    pub domain: String,
    /// Its public address, without a slash at the end.
    pub public_url: String,
    /// Language of the pages (BCP 47).
    pub language: String,
    /// Version of Kith, shown in the footer.
    pub version: String,
    /// Where the source of the running version is (AGPL-3.0 section 13).
    pub source_url: Option<String>,
}

impl Site {
    /// The absolute address of `path`; an absolute address stays as it is.
    pub fn absolute(&self, path: &str) -> String {
        if path.starts_with('/') {
            format!("{}{path}", self.public_url)
        } else {
            path.to_owned()
        }
    }
}

/// A custom emoji that a text uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emoji {
    /// Its name, without colons.
    pub shortcode: String,
    /// Its picture, not moving.
    pub url: String,
}

/// Who wrote, boosted or is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The chosen name; may be empty, then the handle's first part is shown.
    pub display_name: String,
    /// `name@domain`, without a leading `@`.
    pub handle: String,
    /// The profile's page: here for local accounts, at home for remote ones.
    pub url: String,
    /// Avatar that does not move.
    pub avatar: String,
    /// Automated account.
    pub bot: bool,
    /// Custom emoji of the name (and, on a profile, of bio and fields).
    pub emojis: Vec<Emoji>,
}

impl Account {
    /// The name as text.
    pub fn name(&self) -> &str {
        let name = self.display_name.trim();
        if name.is_empty() {
            self.handle.split('@').next().unwrap_or_default()
        } else {
            name
        }
    }

    /// The name with its emoji.
    pub fn name_html(&self) -> Html {
        text_with_emoji(self.name(), &self.emojis)
    }
}

/// What kind of file is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKind {
    /// Picture.
    Image,
    /// Silent looping video.
    Gifv,
    /// Video.
    Video,
    /// Sound.
    Audio,
    /// Anything else, shown as a link.
    Unknown,
}

/// An attached file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// What it is.
    pub kind: MediaKind,
    /// The file.
    pub url: String,
    /// A smaller still picture of it.
    pub preview_url: Option<String>,
    /// Alternative text.
    pub description: Option<String>,
    /// Width and height of the preview in pixels; keeps the page from jumping.
    pub size: Option<(u32, u32)>,
}

impl Media {
    /// The still picture to show for it.
    pub fn still(&self) -> &str {
        self.preview_url.as_deref().unwrap_or(&self.url)
    }

    /// Alternative text, empty when there is none.
    pub fn alt(&self) -> &str {
        self.description.as_deref().unwrap_or_default()
    }

    /// It can be shown as a picture.
    pub fn is_image(&self) -> bool {
        self.kind == MediaKind::Image
    }

    /// It is a moving picture.
    pub fn is_video(&self) -> bool {
        matches!(self.kind, MediaKind::Video | MediaKind::Gifv)
    }

    /// It is played in a loop without sound.
    pub fn is_loop(&self) -> bool {
        self.kind == MediaKind::Gifv
    }

    /// It is sound.
    pub fn is_audio(&self) -> bool {
        self.kind == MediaKind::Audio
    }

    /// A picture of it exists, its own or a preview.
    pub fn has_still(&self) -> bool {
        self.preview_url.is_some() || self.is_image()
    }
}

/// A poll with its result so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poll {
    /// Answers in order.
    pub options: Vec<PollOption>,
    /// Several answers may be chosen.
    pub multiple: bool,
    /// What shares are reckoned from: people where several answers may be chosen, else votes.
    pub total: u64,
    /// When it ends.
    pub expires_at: Option<i64>,
    /// It has ended.
    pub expired: bool,
}

/// One answer of a poll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PollOption {
    /// The answer.
    pub title: String,
    /// Votes for it; `None` while hidden.
    pub votes: Option<u64>,
}

/// The preview of a link in a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// Where it leads.
    pub url: String,
    /// Title of the page there.
    pub title: String,
    /// Its description; may be empty.
    pub description: String,
    /// Name of the site; may be empty.
    pub provider: String,
    /// Its picture, cached here.
    pub image: Option<String>,
}

/// A post quoted by another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// Who wrote it.
    pub account: Account,
    /// Its page.
    pub url: String,
    /// Its text; empty when a content warning covers it.
    pub content: Html,
    /// Its content warning; may be empty.
    pub spoiler_text: String,
}

/// A post, public or unlisted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// Who wrote it.
    pub account: Account,
    /// Who boosted it, where it is shown for that.
    pub boosted_by: Option<Account>,
    /// Its page: here for local posts, at home for remote ones.
    pub url: String,
    /// Its text, sanitised.
    pub content: Html,
    /// Content warning; empty for none.
    pub spoiler_text: String,
    /// Its media are hidden until asked for.
    pub sensitive: bool,
    /// Language of the text (BCP 47).
    pub language: Option<String>,
    /// When it was published.
    pub created_at: i64,
    /// When it was last edited.
    pub edited_at: Option<i64>,
    /// It answers another post: the handle of that one's author, where known.
    pub in_reply_to: Option<String>,
    /// Shown first on its author's profile.
    pub pinned: bool,
    /// Attached files.
    pub media: Vec<Media>,
    /// Attached poll.
    pub poll: Option<Poll>,
    /// Preview of a link.
    pub card: Option<Card>,
    /// Quoted post, where it may be shown.
    pub quote: Option<Quote>,
    /// Custom emoji of text and warning.
    pub emojis: Vec<Emoji>,
    /// Answers.
    pub replies: u64,
    /// Boosts.
    pub boosts: u64,
    /// Favourites.
    pub favourites: u64,
}

impl Post {
    /// The text with its emoji.
    pub fn content_html(&self) -> Html {
        html_with_emoji(&self.content.0, &self.emojis)
    }

    /// The content warning with its emoji.
    pub fn spoiler_html(&self) -> Html {
        text_with_emoji(&self.spoiler_text, &self.emojis)
    }

    /// One line that stands for the post: its warning, else the start of its text.
    pub fn summary(&self, max: usize) -> String {
        if self.spoiler_text.is_empty() {
            super::words::excerpt(&super::words::plain(&self.content.0), max)
        } else {
            super::words::excerpt(&self.spoiler_text, max)
        }
    }
}

/// Escapes `text` and puts pictures for the shortcodes in it.
pub fn text_with_emoji(text: &str, emojis: &[Emoji]) -> Html {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    html_with_emoji(&escaped, emojis)
}

/// Puts pictures for the shortcodes in the text of trusted HTML, and leaves its tags alone.
pub fn html_with_emoji(html: &str, emojis: &[Emoji]) -> Html {
    if emojis.is_empty() || !html.contains(':') {
        return Html(html.to_owned());
    }
    let mut out = String::with_capacity(html.len() + 128);
    let mut rest = html;
    while let Some(at) = rest.find(['<', ':']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let taken = if rest.starts_with('<') {
            let end = rest.find('>').map_or(rest.len(), |end| end + 1);
            out.push_str(&rest[..end]);
            end
        } else {
            match emoji_at(rest, emojis) {
                Some((emoji, length)) => {
                    push_emoji(&mut out, emoji);
                    length
                }
                None => {
                    out.push(':');
                    1
                }
            }
        };
        rest = &rest[taken..];
    }
    out.push_str(rest);
    Html(out)
}

/// The emoji whose `:shortcode:` `text` begins with, and the length of that.
fn emoji_at<'a>(text: &str, emojis: &'a [Emoji]) -> Option<(&'a Emoji, usize)> {
    let name = &text[1..];
    let name = &name[..name.find(':')?];
    let emoji = emojis.iter().find(|emoji| emoji.shortcode == name)?;
    Some((emoji, name.len() + 2))
}

fn push_emoji(out: &mut String, emoji: &Emoji) {
    let url = text_with_emoji(super::words::href(&emoji.url), &[]);
    let name = text_with_emoji(&emoji.shortcode, &[]);
    out.push_str(&format!(
        "<img class=\"emoji\" src=\"{url}\" alt=\":{name}:\" title=\":{name}:\" width=\"20\" height=\"20\" \
         loading=\"lazy\" decoding=\"async\">"
    ));
}
