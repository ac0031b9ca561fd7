//! One struct a page; `render()` gives the whole document.

use super::view::{Account, Html, Post, Site};
use super::words;
use askama::Template;

/// What stands in the document's head.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head {
    /// Title of the page, without the site's.
    pub title: String,
    /// One or two sentences; may be empty.
    pub description: String,
    /// The page's own absolute address; without it the page is not described to other sites.
    pub canonical: Option<String>,
    /// OpenGraph type: `website`, `profile`, `article`.
    pub kind: &'static str,
    /// Absolute addresses and alternative texts of pictures.
    pub images: Vec<(String, String)>,
    /// A picture fills the preview rather than standing beside it.
    pub large_image: bool,
    /// The ActivityPub object that the page shows.
    pub activity: Option<String>,
    /// An RSS or Atom feed of it, with its media type.
    pub feed: Option<(String, &'static str)>,
    /// oEmbed endpoint for the page (JSON).
    pub oembed: Option<String>,
    /// Handle of the author, for `fediverse:creator`.
    pub creator: Option<String>,
    /// When it was published.
    pub published: Option<i64>,
    /// Search engines are asked to stay away.
    pub noindex: bool,
}

/// Implements `render` for a page.
macro_rules! pages {
    ($($page:ident),* $(,)?) => {$(
        impl $page {
            /// The whole document.
            pub fn render(&self) -> String {
                Template::render(self).expect("writing to a string cannot fail")
            }
        }
    )*};
}

pages!(
    Embed,
    Landing,
    Profile,
    Thread,
    Tag,
    SignIn,
    SecondFactor,
    Consent,
    Code,
    ErrorPage,
    Intent,
    Onwards
);

/// Who may join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// Everyone.
    Open,
    /// Those whom a moderator approves.
    Approval,
    /// Those who were invited.
    Invite,
    /// Nobody.
    Closed,
}

/// `/`: the server introduces itself.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "landing.html")]
pub struct Landing {
    /// The server.
    pub site: Site,
    /// What it says of itself, sanitised.
    pub description: Html,
    /// People with an account here.
    pub users: u64,
    /// Posts written here.
    pub posts: u64,
    /// Servers it knows.
    pub peers: u64,
    /// Who may join.
    pub registration: Registration,
    /// Nobody has an account yet: the page says how to make the first.
    pub empty: bool,
    /// House rules in order.
    pub rules: Vec<String>,
    /// Whom to ask.
    pub contact: Option<Account>,
    /// Latest public posts written here, newest first.
    pub recent: Vec<Post>,
}

impl Landing {
    fn head(&self) -> Head {
        Head {
            description: words::excerpt(&words::plain(&self.description.0), 200),
            canonical: Some(self.site.absolute("/")),
            kind: "website",
            ..Head::default()
        }
    }

    fn joining(&self) -> &'static str {
        match self.registration {
            Registration::Open => "Everyone may join: create an account in the app.",
            Registration::Approval => {
                "You may ask to join: create an account in the app, and a moderator will look at it."
            }
            Registration::Invite => "One joins by invitation.",
            Registration::Closed => "This server does not take new members at present.",
        }
    }
}

/// A line of a profile's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// What it is about.
    pub name: String,
    /// Its value, sanitised.
    pub value: Html,
    /// The page it links to links back.
    pub verified: bool,
}

/// `/@{name}`: a local account.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "profile.html")]
pub struct Profile {
    /// The server.
    pub site: Site,
    /// Whose profile it is.
    pub account: Account,
    /// Picture across the top.
    pub header: Option<String>,
    /// Self-description, sanitised.
    pub bio: Html,
    /// Table of links and facts.
    pub fields: Vec<Field>,
    /// Posts.
    pub posts_count: u64,
    /// Accounts it follows; `None` when its owner hides that.
    pub following: Option<u64>,
    /// Accounts that follow it; `None` when its owner hides that.
    pub followers: Option<u64>,
    /// When the account was made.
    pub joined: i64,
    /// Follow requests are looked at by its owner.
    pub locked: bool,
    /// Where the account has moved to.
    pub moved_to: Option<Account>,
    /// Pinned posts (first page only).
    pub pinned: Vec<Post>,
    /// Posts and boosts, newest first.
    pub posts: Vec<Post>,
    /// Address of the page with older posts.
    pub older: Option<String>,
    /// Address of the page with newer posts.
    pub newer: Option<String>,
    /// ActivityPub id.
    pub actor_id: String,
    /// RSS feed.
    pub feed: Option<String>,
    /// The owner does not want to be found by search engines.
    pub noindex: bool,
}

impl Profile {
    fn head(&self) -> Head {
        Head {
            title: format!("{} (@{})", self.account.name(), self.account.handle),
            description: words::excerpt(&words::plain(&self.bio.0), 200),
            canonical: Some(self.site.absolute(&self.account.url)),
            kind: "profile",
            images: vec![(self.site.absolute(&self.account.avatar), String::new())],
            activity: Some(self.actor_id.clone()),
            feed: self.feed.clone().map(|url| (url, "application/rss+xml")),
            creator: Some(self.account.handle.clone()),
            noindex: self.noindex,
            ..Head::default()
        }
    }
}

/// An answer in a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The post.
    pub post: Post,
    /// 0 for an answer to the page's post, 1 for an answer to that, and so on.
    pub depth: u8,
}

impl Reply {
    /// How far it is set in; beyond four steps there is no room left.
    fn indent(&self) -> u8 {
        self.depth.min(4)
    }
}

/// `/@{name}/{id}`: a post in its thread.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "thread.html")]
pub struct Thread {
    /// The server.
    pub site: Site,
    /// What it answers, from the start of the thread.
    pub ancestors: Vec<Post>,
    /// The post.
    pub post: Post,
    /// Answers in reading order.
    pub replies: Vec<Reply>,
    /// There are answers that are not shown.
    pub more_replies: bool,
    /// ActivityPub id of the post.
    pub object_id: String,
    /// oEmbed address for the post.
    pub oembed: Option<String>,
    /// The author does not want to be found by search engines, or the post is unlisted.
    pub noindex: bool,
}

/// `/@{name}/{id}/embed`: a post alone.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "embed.html")]
pub struct Embed {
    /// The server.
    pub site: Site,
    /// The post.
    pub post: Post,
}

impl Thread {
    fn head(&self) -> Head {
        let post = &self.post;
        // What is behind a warning here is not shown in previews elsewhere either.
        let images = if post.sensitive || !post.spoiler_text.is_empty() {
            Vec::new()
        } else {
            post.media
                .iter()
                .filter(|media| media.has_still())
                .map(|media| (self.site.absolute(media.still()), media.alt().to_owned()))
                .collect()
        };
        let large_image = !images.is_empty();
        Head {
            title: format!("{}: {}", post.account.name(), post.summary(70)),
            description: post.summary(300),
            canonical: Some(self.site.absolute(&post.url)),
            kind: "article",
            images: if large_image {
                images
            } else {
                vec![(self.site.absolute(&post.account.avatar), String::new())]
            },
            large_image,
            activity: Some(self.object_id.clone()),
            oembed: self.oembed.clone(),
            creator: Some(post.account.handle.clone()),
            published: Some(post.created_at),
            noindex: self.noindex,
            feed: None,
        }
    }
}

/// `/tags/{name}`: public posts with a hashtag.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "tag.html")]
pub struct Tag {
    /// The server.
    pub site: Site,
    /// The hashtag, without `#`.
    pub name: String,
    /// Its path, for search engines.
    pub url: String,
    /// Posts, newest first.
    pub posts: Vec<Post>,
    /// Address of the page with older posts.
    pub older: Option<String>,
    /// Address of the page with newer posts.
    pub newer: Option<String>,
    /// RSS feed.
    pub feed: Option<String>,
}

impl Tag {
    fn head(&self) -> Head {
        Head {
            title: format!("#{}", self.name),
            description: format!("Public posts with #{} on {}", self.name, self.site.title),
            canonical: Some(self.site.absolute(&self.url)),
            kind: "website",
            feed: self.feed.clone().map(|url| (url, "application/rss+xml")),
            ..Head::default()
        }
    }
}

/// The sign-in form, shown when an app asks for access. Posts `login`, `password`, `csrf` and `hidden`.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "sign_in.html")]
pub struct SignIn {
    /// The server.
    pub site: Site,
    /// Where the form goes.
    pub action: String,
    /// Proof that the form came from here.
    pub csrf: String,
    /// Name of the app that asks, if one does.
    pub app_name: Option<String>,
    /// What was typed before, name or e-mail address.
    pub login: String,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// Further fields, sent back as they are: the authorisation's parameters.
    pub hidden: Vec<(String, String)>,
}

impl SignIn {
    fn head(&self) -> Head {
        Head {
            title: "Sign in".to_owned(),
            noindex: true,
            ..Head::default()
        }
    }
}

/// The OAuth consent form. Posts `decision` (`allow` or `deny`), `csrf` and all of `parameters`.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "consent.html")]
pub struct Consent {
    /// The server.
    pub site: Site,
    /// Where the form goes.
    pub action: String,
    /// Proof that the form came from here.
    pub csrf: String,
    /// Who is signed in.
    pub account: Account,
    /// The app's name, as it gave it.
    pub app_name: String,
    /// The app's address, as it gave it.
    pub app_website: Option<String>,
    /// What it asks for.
    pub scopes: Vec<String>,
    /// Where the answer is sent: host of the redirect address, or the app's scheme.
    pub destination: Option<String>,
    /// The authorisation request's parameters, sent back as they are.
    pub parameters: Vec<(String, String)>,
}

impl Consent {
    fn head(&self) -> Head {
        Head {
            title: format!("Allow {}?", self.app_name),
            noindex: true,
            ..Head::default()
        }
    }
}

/// What a page of another site, or of ours, sent a person here to do with its account.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "intent.html")]
pub struct Intent {
    /// The server.
    pub site: Site,
    /// Proof that the form came from here.
    pub csrf: String,
    /// Who is signed in.
    pub account: Account,
    /// Whom it is about.
    pub person: Option<Account>,
    /// Which post it is about.
    pub post: Option<Post>,
    /// The buttons: where they send the form, and what they say.
    pub choices: Vec<(String, &'static str)>,
    /// Something to write.
    pub compose: Option<Compose>,
    /// Further fields, sent back as they are.
    pub hidden: Vec<(String, String)>,
    /// What was done, on the page after the form.
    pub done: Option<&'static str>,
    /// Why it could not be done.
    pub error: Option<String>,
    /// Where the person came from and may go back to.
    pub back: Option<String>,
}

/// A post that is being written on a page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Compose {
    /// The content warning.
    pub spoiler_text: String,
    /// The text.
    pub text: String,
    /// The visibility that was chosen; empty: as the person usually posts.
    pub visibility: String,
}

impl Compose {
    /// Visibilities to choose from: value, and what it is called.
    const VISIBILITIES: [(&str, &str); 5] = [
        ("", "As I usually post"),
        ("public", "Everyone"),
        ("unlisted", "Everyone, but on no public timeline"),
        ("private", "My followers"),
        ("direct", "Who is mentioned"),
    ];
}

impl Intent {
    fn head(&self) -> Head {
        Head {
            title: self.title().to_owned(),
            noindex: true,
            ..Head::default()
        }
    }

    fn title(&self) -> &'static str {
        match (&self.done, &self.compose, self.choices.as_slice()) {
            (Some(done), ..) => done,
            (None, Some(_), []) => "Write a post",
            (None, _, [(_, only)]) => only,
            _ => "What would you like to do?",
        }
    }

    /// The site of an address.
    fn place(url: &str) -> String {
        url::Url::parse(url)
            .ok()
            .and_then(|url| url.host_str().map(str::to_owned))
            .unwrap_or_default()
    }
}

/// The way from a page of ours to the server a person is at home on.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "onwards.html")]
pub struct Onwards {
    /// The server.
    pub site: Site,
    /// What the page is about: an id of ours.
    pub uri: String,
    /// Where it is shown.
    pub url: String,
    /// What was typed.
    pub handle: String,
    /// Where to go on.
    pub target: Option<String>,
    /// Why there is nowhere to go.
    pub error: Option<String>,
}

impl Onwards {
    fn head(&self) -> Head {
        Head {
            title: "On your own server".to_owned(),
            noindex: true,
            ..Head::default()
        }
    }
}

/// The code to carry over to an app by hand (`redirect_uri=urn:ietf:wg:oauth:2.0:oob`).
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "code.html")]
pub struct Code {
    /// The server.
    pub site: Site,
    /// The app's name, as it gave it.
    pub app_name: String,
    /// The authorisation code.
    pub code: String,
}

impl Code {
    fn head(&self) -> Head {
        Head {
            title: "Authorisation code".to_owned(),
            noindex: true,
            ..Head::default()
        }
    }
}

/// Something went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    /// The server.
    pub site: Site,
    /// HTTP status.
    pub status: u16,
    /// What to say in place of the usual sentence; safe for anyone to read.
    pub message: Option<String>,
    /// What to name when asking the administrator.
    pub request_id: Option<String>,
}

impl ErrorPage {
    fn head(&self) -> Head {
        Head {
            title: self.heading().to_owned(),
            noindex: true,
            ..Head::default()
        }
    }

    fn heading(&self) -> &'static str {
        match self.status {
            400 | 422 => "This request makes no sense",
            401 => "Please sign in",
            403 => "This is not allowed",
            404 => "There is nothing here",
            410 => "This is gone",
            429 => "Too many requests",
            503 => "Back in a moment",
            500.. => "Something broke",
            _ => "That did not work",
        }
    }

    fn text(&self) -> &str {
        self.message.as_deref().unwrap_or(match self.status {
            404 => {
                "The page does not exist, or it is not public. \
                 Posts for followers can be read in an app by those who follow."
            }
            410 => "It was here once and has been deleted.",
            429 => "Please wait a little before you try again.",
            503 => "The server is being maintained or is very busy. Please try again soon.",
            500.. => "The fault is ours and has been written down. Please try again later.",
            _ => "Please go back and try again.",
        })
    }
}

/// The form for a one-time password, after that of [`SignIn`]. Posts `totp`, `csrf` and `hidden`.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "second_factor.html")]
pub struct SecondFactor {
    /// The server.
    pub site: Site,
    /// Where the form goes.
    pub action: String,
    /// Proof that the form came from here.
    pub csrf: String,
    /// Name of the app that asks, if one does.
    pub app_name: Option<String>,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// Further fields, sent back as they are.
    pub hidden: Vec<(String, String)>,
}

impl SecondFactor {
    fn head(&self) -> Head {
        Head {
            title: "Sign in".to_owned(),
            noindex: true,
            ..Head::default()
        }
    }
}
