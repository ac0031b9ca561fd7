//! Filters: what users do not want to see, or want a warning before (Mastodon documentation,
//! methods/filters).

mod change;
mod matching;

pub use change::{
    Changes, KeywordChange, LegacyChanges, add_keyword, add_status, change, change_keyword,
    change_legacy, create, create_legacy, remove, remove_keyword, remove_legacy, remove_status,
};
pub use matching::{Filters, Group, Match};

/// Where statuses are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Context {
    /// The home timeline and lists.
    Home = 1,
    Notifications = 2,
    /// Public timelines, and those of tags and links.
    Public = 4,
    /// What is above and below a status.
    Thread = 8,
    /// A profile.
    Account = 16,
}

/// All contexts, in the order in which they are listed.
const CONTEXTS: [(Context, &str); 5] = [
    (Context::Home, "home"),
    (Context::Notifications, "notifications"),
    (Context::Public, "public"),
    (Context::Thread, "thread"),
    (Context::Account, "account"),
];

/// A set of contexts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Contexts(u8);

impl Contexts {
    /// Reads names; `None` when one of them names no context.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Contexts> {
        let mut set = 0;
        for name in names {
            let name = name.trim();
            if name.is_empty() {
                continue;
            }
            let (context, _) = CONTEXTS.iter().find(|(_, known)| *known == name)?;
            set |= *context as u8;
        }
        Some(Contexts(set))
    }

    /// Whether a context is in it.
    pub fn holds(self, context: Context) -> bool {
        self.0 & context as u8 != 0
    }

    /// Whether none is.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        CONTEXTS
            .iter()
            .filter(move |(context, _)| self.holds(*context))
            .map(|(_, name)| *name)
    }

    /// As the database keeps it: names by commas.
    pub fn to_db(self) -> String {
        self.names().collect::<Vec<_>>().join(",")
    }

    /// Reads [`Contexts::to_db`].
    pub fn from_db(text: &str) -> Contexts {
        Contexts::parse(text.split(',')).unwrap_or_default()
    }
}

/// What is done with a status that matches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Action {
    /// It is shown behind a warning.
    #[default]
    Warn,
    /// It is left out.
    Hide,
    /// Its media are shown behind a warning.
    Blur,
}

impl Action {
    /// As the API and the database name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Warn => "warn",
            Action::Hide => "hide",
            Action::Blur => "blur",
        }
    }

    /// Reads a name: the documentation has two for blurring.
    pub fn parse(text: &str) -> Option<Action> {
        Some(match text {
            "warn" => Action::Warn,
            "hide" => Action::Hide,
            "blur" | "blur_media" => Action::Blur,
            _ => return None,
        })
    }
}
